/**
 * checkers: judges of a run. `CheckerSuite` is told every observation once, in order, and hands it to all of them; verdicts
 * go to a sink. The models that several checkers share are brought up to date after the checkers have looked.
 */
import type { Observation, Observer } from '../observation.ts'
import { AcknowledgedDurable } from './acknowledged-durable.ts'
import { AppliedLeases } from './applied-leases.ts'
import { AttachedSpan } from './attached-span.ts'
import type { Checker, Sink } from './checker.ts'
import { Clocks } from './clocks.ts'
import { Commitments } from './commitments.ts'
import { ConfigurationSafety } from './configuration-safety.ts'
import { ElectionSafety } from './election-safety.ts'
import { Fencing } from './fencing.ts'
import { JournalFirst } from './journal-first.ts'
import { LeaderAppendOnly } from './leader-append-only.ts'
import { LeaderCompleteness } from './leader-completeness.ts'
import { Linearizability } from './linearizability.ts'
import { Liveness } from './liveness.ts'
import { LogMatching } from './log-matching.ts'
import { NoEarlyExpiry } from './no-early-expiry.ts'
import { NodeLogs } from './node-logs.ts'
import { OneFinalResult } from './one-final-result.ts'
import { OutputKept } from './output-kept.ts'
import { QuietAtEnd } from './quiet-at-end.ts'
import { SingleOwner } from './single-owner.ts'
import { StateMachineSafety } from './state-machine-safety.ts'
import { TermConsent } from './term-consent.ts'
import { ToldTasks } from './told-tasks.ts'
import { TrueResult } from './true-result.ts'

export type { Checker, Sink, Violation } from './checker.ts'

export interface SuiteOptions {
  /** ρ of the nodes under test. */
  readonly driftRatio: number
  /** Whether clock rates keep to it. If not, timing promises nothing, and only fencing protects. */
  readonly driftBounded: boolean
  /** Whether every lease operation of every client is told. If not, histories are not judged. */
  readonly historiesComplete: boolean
  /** From the heal to the first grant: several election timeouts and the longest TTL of the workload. */
  readonly grantWithinMs: number
}

export class CheckerSuite implements Observer {
  private readonly models: readonly Observer[]
  private readonly checkers: readonly Checker[]

  constructor(sink: Sink, options: SuiteOptions) {
    const logs = new NodeLogs()
    const commitments = new Commitments(logs)
    const leases = new AppliedLeases()
    const clocks = new Clocks()
    // Commitments look at the logs as they are before this observation.
    this.models = [commitments, logs, leases, clocks]
    this.checkers = [
      new ElectionSafety(sink, logs),
      new TermConsent(sink, logs),
      new LeaderAppendOnly(sink, logs, commitments),
      new LogMatching(sink, logs),
      new LeaderCompleteness(sink, logs, commitments),
      new ConfigurationSafety(sink, logs, commitments),
      new AcknowledgedDurable(sink, logs, commitments),
      new StateMachineSafety(sink, commitments),
      new Fencing(sink, leases),
      new OneFinalResult(sink),
      new TrueResult(sink),
      new JournalFirst(sink),
      new ToldTasks(sink),
      new OutputKept(sink),
      new Liveness(sink, leases, commitments, options.grantWithinMs),
      ...(options.driftBounded
        ? [
            new SingleOwner(sink, leases),
            new QuietAtEnd(sink),
            new AttachedSpan(sink, clocks, options.driftRatio),
            new NoEarlyExpiry(sink, leases, clocks, options.driftRatio),
          ]
        : []),
      ...(options.historiesComplete ? [new Linearizability(sink, leases)] : []),
    ]
  }

  /** The names, as violations carry them. */
  get names(): readonly string[] {
    return this.checkers.map(({ name }) => name)
  }

  observe(observation: Observation): void {
    for (const checker of this.checkers) checker.observe(observation)
    for (const model of this.models) model.observe(observation)
  }

  finish(): void {
    for (const checker of this.checkers) checker.finish()
  }
}
