import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { CodedError, LIMITS, type Logger } from '../base/index.ts'
import { FrameWriter, readFrames } from './frames.ts'
import { guardianEnvironment } from './markers.ts'
import { eventSchema, type GuardianCommand, type GuardianEvent } from './protocol.ts'

/** `.ts` in the repository, `.js` in the package. */
const PROGRAM = fileURLToPath(new URL(`./guardian-main${import.meta.url.slice(-3)}`, import.meta.url))

/**
 * Output passes through as short-lived buffers. With V8's default young generation (16 MiB and more) they pile up before they are
 * collected: 175 MiB instead of 110 for a command that prints 1 GiB, and slower.
 */
const YOUNG_SPACE = '--max-semi-space-size=1'

/** A guardian that was asked this often and said nothing (10 s) is taken for lost: it could not keep a deadline. */
const SILENT_PINGS_MAX = 20
const PING_MS = 500
/** A guardian with nothing to end leaves within a few milliseconds of the end of its pipe. */
const LEAVE_MS = 10_000

interface GuardianProcessInit {
  readonly directory: string
  readonly owner: string
  readonly logger: Logger
  readonly onEvent: (event: GuardianEvent) => void
  /** Whether it matters now that the guardian answers. An idle one is left asleep. */
  readonly isBusy: () => boolean
}

type GuardianChild = ChildProcessByStdio<Writable, Readable, Readable>

/** The guardian as the node sees it: a child process with two pipes, watched. */
export class GuardianProcess {
  /** The process has ended and every event that it sent was handled. */
  readonly closed: Promise<void>
  private readonly child: GuardianChild
  private readonly commands: FrameWriter
  private readonly logger: Logger
  private readonly isBusy: () => boolean
  private watch: NodeJS.Timeout | undefined
  private hasEnded = false
  private silentPings = 0

  /** @throws CodedError `exec.guardian_lost` when it cannot be started, or ends before it is ready. */
  static async start(init: GuardianProcessInit): Promise<GuardianProcess> {
    const ready = Promise.withResolvers<void>()
    let isReady = false
    const onEvent = (event: GuardianEvent): void => {
      if (event.kind !== 'ready') return init.onEvent(event)
      isReady = true
      ready.resolve()
    }
    const isBusy = (): boolean => !isReady || init.isBusy()
    const guardian = new GuardianProcess(await spawnGuardian(init), { ...init, onEvent, isBusy })
    const lost = guardian.closed.then(() => Promise.reject(new CodedError('exec.guardian_lost')))
    await Promise.race([ready.promise, lost])
    lost.catch(() => undefined)
    return guardian
  }

  private constructor(child: GuardianChild, { logger, onEvent, isBusy }: GuardianProcessInit) {
    this.logger = logger
    this.isBusy = isBusy
    this.child = child
    this.commands = new FrameWriter(this.child.stdin)
    this.child.stdin.on('error', () => undefined)
    this.child.on('error', (error) =>
      logger.error({ error: error.message }, 'the guardian cannot be started'),
    )
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => this.report(text))
    readFrames(
      this.child.stdout,
      eventSchema,
      (event) => {
        this.silentPings = 0
        onEvent(event)
      },
      (error) => this.kill(error.message),
    )
    this.closed = new Promise((resolve) => this.child.on('close', () => resolve()))
    this.keepWatch()
    void this.closed.then(() => {
      this.hasEnded = true
      this.endWatch()
    })
  }

  get pid(): number | undefined {
    return this.child.pid
  }

  /** Without effect when the guardian has ended. @throws CodedError `limit.exceeded`: the command is too large. */
  send(command: GuardianCommand): void {
    this.commands.write(command)
    this.keepWatch()
    if (this.commands.queuedBytes > LIMITS.execCommandQueueBytesMax)
      this.kill('it does not read its commands')
  }

  /** Resolves when everything sent so far has left this process, or never will. */
  flushed(): Promise<void> {
    return this.commands.flushed()
  }

  /** Whether everything sent so far has left this process: the guardian reads it, whatever happens here. */
  get isFlushed(): boolean {
    return this.commands.queuedBytes === 0
  }

  /** KILL. What it had started is for the caller to end. */
  kill(reason: string): void {
    this.logger.error({ guardian: this.child.pid, reason }, 'the guardian is killed')
    this.child.kill('SIGKILL')
  }

  /** Closes the pipe, at which the guardian ends what is left and leaves. */
  async stop(): Promise<void> {
    this.child.stdin.end()
    const overdue = setTimeout(() => this.kill('it does not leave'), LEAVE_MS)
    await this.closed
    clearTimeout(overdue)
  }

  /** From the first command until there is nothing to watch over any more. */
  private keepWatch(): void {
    if (this.hasEnded) return
    this.watch ??= setInterval(() => {
      if (this.isBusy()) this.ping()
      else this.endWatch()
    }, PING_MS)
  }

  private endWatch(): void {
    clearInterval(this.watch)
    this.watch = undefined
  }

  /** Pings are counted and not timed: a node that slept or stood still has not listened either. */
  private ping(): void {
    if (this.silentPings++ >= SILENT_PINGS_MAX) this.kill('it does not answer')
    else this.send({ kind: 'ping' })
  }

  /** The guardian writes nothing to stderr but what it dies of. */
  private report(text: string): void {
    this.logger.error({ guardian: this.child.pid, text }, 'the guardian failed')
  }
}

/** @throws CodedError `exec.guardian_lost` when this machine has no room for a process. */
async function spawnGuardian({ directory, owner }: GuardianProcessInit): Promise<GuardianChild> {
  const child: GuardianChild = spawn(
    process.execPath,
    [YOUNG_SPACE, PROGRAM, directory, String(process.pid)],
    {
      env: guardianEnvironment(process.env, owner),
      // A session of its own: Ctrl-C in the node's terminal is the node's to answer.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  )
  if (child.pid !== undefined) return child
  const [cause] = await once(child, 'error')
  throw new CodedError('exec.guardian_lost', {}, { cause })
}
