/**
 * A process of a bench that does what the bench tells it, one call after another or side by side: a load generator, a node, a server. It
 * ends with the bench at the latest, because the channel between them does.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { BenchFailure } from './bench-failure.ts'

interface Waiting {
  readonly resolve: (result: unknown) => void
  readonly reject: (failure: BenchFailure) => void
}

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly failure?: string
}

interface ProcessInit {
  readonly env?: NodeJS.ProcessEnv
  /** Of node itself. */
  readonly flags?: readonly string[]
  /** Where its standard error goes; the bench's own by default. */
  readonly errors?: 'inherit' | 'pipe'
}

/** The bench's end. */
export class CalledProcess<Call extends object> {
  private readonly child: ChildProcess
  private readonly waiting = new Map<number, Waiting>()
  private nextId = 1

  constructor(program: URL, { env, flags = [], errors = 'inherit' }: ProcessInit = {}) {
    this.child = fork(program, {
      serialization: 'advanced',
      execArgv: [...flags],
      stdio: ['ignore', 'inherit', errors, 'ipc'],
      ...(env === undefined ? {} : { env }),
    })
    this.child.on('message', ({ id, result, failure }: Answer) => {
      const waiting = this.waiting.get(id)
      this.waiting.delete(id)
      if (failure === undefined) waiting?.resolve(result)
      else waiting?.reject(new BenchFailure(failure))
    })
    this.child.once('exit', (code, signal) => {
      for (const { reject } of this.waiting.values())
        reject(new BenchFailure(`a process of the bench ended with ${code ?? signal}`))
    })
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  get errors(): NodeJS.ReadableStream | null {
    return this.child.stderr
  }

  /** @throws BenchFailure what made the call fail there. */
  call(call: Call): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = this.nextId++
      this.waiting.set(id, { resolve, reject })
      this.child.send({ id, call })
    })
  }

  /** In good order: it is told that nobody calls any more. */
  async end(): Promise<void> {
    if (this.hasEnded) return
    const exited = once(this.child, 'exit')
    this.child.disconnect()
    await exited
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    if (this.hasEnded) return
    const exited = once(this.child, 'exit')
    this.child.kill(signal)
    await exited
  }

  private get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }
}

/** The end of the process itself. @param leave called when nobody calls any more. */
export function answerCalls<Call extends object>(
  answer: (call: Call) => Promise<unknown>,
  leave: () => void,
): void {
  process.on('message', ({ id, call }: { id: number; call: Call }) => {
    answer(call).then(
      (result) => process.send?.({ id, result }),
      (failure: unknown) =>
        process.send?.({ id, failure: failure instanceof Error ? failure.message : String(failure) }),
    )
  })
  process.once('disconnect', leave)
}
