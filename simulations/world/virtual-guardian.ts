/**
 * The guardian of one machine and the commands under it. A process of its own: a node that stands still does not hold it up,
 * and a node that dies is noticed by the closed pipe. It reads its machine's clock when it looks, as the real one does.
 *
 * A command is `work MS obeys|ignores [EXIT LINES]`: it runs for MS of real time, takes TERM or waits for KILL, prints so many lines
 * (`printed.ts`) spread over its time, and ends when they are taken: what the node does not take, it waits for. Without a number it
 * prints one line as it begins, and waits for nobody.
 *
 * A suspended machine executes nothing, so an execution is told as ended when its machine falls asleep. After the wake it counts again from the
 * guardian's first look on, if its deadline has not passed: no program can stop another in the instant of waking, and what
 * slips through in that one interval is fencing's to catch (docs/simulations.md, "What it cannot see").
 */
import { type ExecutionId, LIMITS, type PeerId, type Random, type ScopeKey } from '../../src/base/index.ts'
import type {
  Execution,
  ExecutionDeadline,
  ExecutionEnd,
  ExecutionSpec,
  OutputReader,
} from '../../src/exec/index.ts'
import type { Cancel, Executor } from '../../src/node/index.ts'
import type { ObservedFact } from '../observation.ts'
import type { LeaseOrNone } from '../work-facts.ts'
import { LINE_BYTES, markOf, printed } from './printed.ts'
import type { VirtualProcess } from './virtual-process.ts'

/** How often deadlines are looked at, as in `src/exec/guarded-execution.ts`. */
const LOOK_MS = 50
/** Until the node's end is seen on the pipe, and until a process that was sent a signal is gone. */
const NOTICED_AFTER_MS_MAX = 20
const DYING_MS_MAX = 30
/** A command prints its lines in so many pieces at most. */
const PIECES_MAX = 6
/** What a killed command has printed is taken by then, or dropped (`LIMITS.execDrainMsMax`). */
const DRAIN_MS = LIMITS.execDrainMsMax

interface GuardianInit {
  readonly node: PeerId
  readonly process: VirtualProcess
  readonly random: Random
  readonly observe: (fact: ObservedFact) => void
}

interface Guarded {
  readonly id: string
  readonly key: ScopeKey
  readonly leaseId: LeaseOrNone
  readonly mark: string
  readonly obeys: boolean
  readonly exitCode: number
  /** Taken by the node, so far. */
  printedLines: number
  /** Settles when what is on its way to the node was taken. */
  taken: Promise<void>
  readonly over: (cause: ExecutionEnd['cause'], exitCode: number | undefined) => void
  deadline: ExecutionDeadline
  cause: ExecutionEnd['cause'] | undefined
  isKilled: boolean
  /** Told as running; else its machine sleeps or has just woken up. */
  counted: number | undefined
}

export class VirtualGuardian {
  private readonly init: GuardianInit
  private readonly running = new Set<Guarded>()
  private cancelLooks: Cancel | undefined
  private segments = 0

  constructor(init: GuardianInit) {
    this.init = init
  }

  get isQuiet(): boolean {
    return this.running.size === 0
  }

  /** The executor that one life of the node gets: what ends is told to that life only. */
  executorFor(node: VirtualProcess): Executor {
    return {
      run: (spec, onOutput) => {
        const ended = Promise.withResolvers<ExecutionEnd>()
        const guarded = this.start(spec, (cause, exitCode) => {
          const end: ExecutionEnd = { exitCode, signal: undefined, cause, quiet: true }
          node.take(() => ended.resolve(end))
        })
        if (this.running.has(guarded)) this.perform(guarded, spec, node, onOutput)
        return handle(spec.executionId, ended.promise, {
          extend: (deadline) => {
            if (guarded.cause === undefined) guarded.deadline = deadline
          },
          end: () => this.order(guarded),
        })
      },
    }
  }

  /** The pipe from the node is closed: KILL to everything. */
  nodeGone(): void {
    const { process, random } = this.init
    process.after(random.float() * NOTICED_AFTER_MS_MAX, () => {
      for (const guarded of this.running) this.kill(guarded, 'guardian-lost')
    })
  }

  /** The power is gone: nothing runs any more. */
  powerLost(): void {
    for (const guarded of this.running) this.discount(guarded)
    this.running.clear()
    this.stopLooking()
  }

  fellAsleep(): void {
    for (const guarded of this.running) this.discount(guarded)
  }

  private start(spec: ExecutionSpec, over: Guarded['over']): Guarded {
    const [, , temper = 'obeys', exitCode = '0'] = spec.argv
    const { env } = spec
    const guarded: Guarded = {
      id: spec.executionId,
      key: (env['POPULI_SCOPE_KEY'] ?? `task:${env['POPULI_TASK_ID']}`) as ScopeKey,
      leaseId: Number(env['POPULI_FENCING_TOKEN'] ?? 0) as LeaseOrNone,
      mark: markOf(`${this.init.node}/${spec.executionId}`),
      obeys: temper === 'obeys',
      exitCode: Number(exitCode),
      printedLines: 0,
      taken: Promise.resolve(),
      over,
      deadline: spec.deadline,
      cause: undefined,
      isKilled: false,
      counted: undefined,
    }
    const { process, node, observe } = this.init
    if (process.now() >= spec.deadline.termAt) {
      process.after(1, () => over('deadline', undefined))
      return guarded
    }
    this.running.add(guarded)
    const { key, leaseId, mark } = guarded
    observe({ type: 'command-spawned', node, key, leaseId, mark })
    this.count(guarded)
    this.cancelLooks ??= process.every(LOOK_MS, () => this.look())
    return guarded
  }

  /** Prints, and comes to its end, unless it is ended before. */
  private perform(
    guarded: Guarded,
    { argv }: ExecutionSpec,
    node: VirtualProcess,
    onOutput: OutputReader,
  ): void {
    const [, ms = '0', , , lines] = argv
    const { process } = this.init
    const exit = (): void => {
      guarded.cause ??= 'exited'
      this.gone(guarded)
    }
    if (lines === undefined) {
      onOutput('stdout', printed(guarded.mark, 0, 1)).catch(() => this.order(guarded))
      process.after(Number(ms), exit)
      return
    }
    const linesPerPiece = Math.max(1, Math.ceil(Number(lines) / PIECES_MAX))
    const pieces = Math.ceil(Number(lines) / linesPerPiece)
    const pauseMs = Number(ms) / (pieces + 1)
    const next = (): void => {
      const left = Number(lines) - guarded.printedLines
      if (guarded.cause !== undefined) return
      if (left <= 0) return exit()
      const piece = printed(guarded.mark, guarded.printedLines, Math.min(linesPerPiece, left))
      const taken = Promise.withResolvers<void>()
      guarded.taken = taken.promise
      const goOn = (): void => {
        guarded.printedLines += piece.length / LINE_BYTES
        taken.resolve()
        process.after(pauseMs, next)
      }
      node.take(() => {
        onOutput('stdout', piece).then(
          () => process.take(goOn),
          () => process.take(() => this.order(guarded)),
        )
      })
    }
    process.after(pauseMs, next)
  }

  private look(): void {
    const now = this.init.process.now()
    for (const guarded of [...this.running]) {
      if (now >= guarded.deadline.killAt) this.kill(guarded, 'deadline')
      else if (now >= guarded.deadline.termAt) this.term(guarded, 'deadline')
      else if (guarded.counted === undefined) this.count(guarded)
    }
  }

  private order(guarded: Guarded): void {
    this.term(guarded, 'killed-on-order')
    // The grace time of an order is a fixed part of what a lease leaves; it is short here, which is the harder case.
    this.init.process.after(LOOK_MS, () => this.kill(guarded, 'killed-on-order'))
  }

  private term(guarded: Guarded, cause: ExecutionEnd['cause']): void {
    if (guarded.cause !== undefined) return
    guarded.cause = cause
    if (guarded.obeys) this.dies(guarded)
  }

  private kill(guarded: Guarded, cause: ExecutionEnd['cause']): void {
    guarded.cause ??= cause
    if (guarded.isKilled) return
    guarded.isKilled = true
    this.dies(guarded)
  }

  private dies(guarded: Guarded): void {
    this.init.process.after(this.init.random.float() * DYING_MS_MAX, () => this.gone(guarded))
  }

  private gone(guarded: Guarded): void {
    if (!this.running.delete(guarded)) return
    this.discount(guarded)
    if (this.running.size === 0) this.stopLooking()
    const { process, node, observe } = this.init
    const { key, leaseId, exitCode, printedLines } = guarded
    if (guarded.cause === 'exited') {
      const printedBytes = printedLines * LINE_BYTES
      observe({ type: 'command-exited', node, key, leaseId, exitCode, printedBytes })
      guarded.over('exited', exitCode)
      return
    }
    // It is quiet, and the node hears so when it has what was printed, or when that takes too long.
    const tell = once(() => guarded.over(guarded.cause ?? 'exited', undefined))
    process.after(DRAIN_MS, tell)
    void guarded.taken.then(tell)
  }

  private stopLooking(): void {
    this.cancelLooks?.()
    this.cancelLooks = undefined
  }

  private count(guarded: Guarded): void {
    guarded.counted = ++this.segments
    const { node, observe } = this.init
    const execution = `${node}/${guarded.id}#${guarded.counted}`
    observe({ type: 'execution-started', node, execution, key: guarded.key, leaseId: guarded.leaseId })
  }

  private discount(guarded: Guarded): void {
    if (guarded.counted === undefined) return
    const { node, observe } = this.init
    observe({ type: 'execution-ended', node, execution: `${node}/${guarded.id}#${guarded.counted}` })
    guarded.counted = undefined
  }
}

function handle(
  executionId: ExecutionId,
  ended: Promise<ExecutionEnd>,
  orders: Pick<Execution, 'extend' | 'end'>,
): Execution {
  return { executionId, started: Promise.resolve({ pid: 1 }), ended, ...orders }
}

function once(work: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) work()
    isDone = true
  }
}
