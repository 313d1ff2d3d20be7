import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { conform, LIMITS, type Logger, toCodedError } from '../base/index.ts'
import { type DriverLook, driverLookSchema } from './driver-look.ts'
import type { NvmlSource } from './nvml-driver.ts'

/** `.ts` in the repository, `.js` in the package. */
const PROGRAM = fileURLToPath(new URL(`./probe-main${import.meta.url.slice(-3)}`, import.meta.url))
/** It keeps nothing between two looks. */
const SMALL_HEAP = ['--max-semi-space-size=1', '--max-old-space-size=64']

/** One life of the probe, and one question at a time. */
export class ProbeProcess {
  /** Never rejects. */
  readonly ended: Promise<void>
  private readonly child: ChildProcess
  private answer: ((look: DriverLook) => void) | undefined
  private lastWords = ''
  private wasKilled = false

  constructor(source: NvmlSource, logger: Logger) {
    this.child = spawn(process.execPath, [...SMALL_HEAP, PROGRAM, JSON.stringify(source)], {
      // A session of its own: Ctrl-C in the node's terminal is the node's to answer.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'json',
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.lastWords = `${this.lastWords}${text}`.slice(-LIMITS.gpuTextCharsMax)
    })
    this.child.on('message', (message) => this.answer?.(received(message)))
    this.ended = new Promise((resolve) => {
      const end = (how: string): void => {
        this.answer?.({ state: 'silent', reason: `the probe ${how}` })
        if (!this.wasKilled) logger.warn({ how, text: this.lastWords }, 'the GPU probe failed')
        resolve()
      }
      this.child.on('error', (error) => end(`cannot be started: ${error.message.slice(0, 200)}`))
      this.child.on('close', (code, signal) => end(`ended with ${signal ?? `code ${code}`}`))
    })
  }

  /** Never rejects: no answer in time is `silent`, and so is a probe that ends. */
  async ask(answerMsMax: number): Promise<DriverLook> {
    const { promise, resolve } = Promise.withResolvers<DriverLook>()
    this.answer = resolve
    const overdue = setTimeout(
      () => resolve({ state: 'silent', reason: `no answer within ${answerMsMax} ms` }),
      answerMsMax,
    )
    // An error here is the end of the process, which is told by `close`.
    this.child.send('look', () => undefined)
    const look = await promise
    clearTimeout(overdue)
    this.answer = undefined
    return look
  }

  /** From now on nothing of it keeps this process from ending, also when the kernel does not let it go. */
  kill(): void {
    this.wasKilled = true
    this.child.kill('SIGKILL')
    this.child.stderr?.destroy()
    this.child.unref()
    this.child.channel?.unref()
  }
}

function received(message: unknown): DriverLook {
  try {
    return conform(driverLookSchema, message, 'answer of the GPU probe')
  } catch (thrown) {
    return { state: 'silent', reason: toCodedError(thrown).message.slice(0, LIMITS.gpuTextCharsMax) }
  }
}
