import type { LogIndex, PeerId, Term } from '../base/index.ts'
import type { Configuration } from './configuration.ts'
import type { Role } from './ready.ts'

/** How far one follower is, as its leader knows it. */
export interface ProgressView {
  /** Known to be on the follower's disk. */
  readonly matchIndex: LogIndex
  /** The next entry to send. */
  readonly nextIndex: LogIndex
  /**
   * `probe`: one message at a time until the logs are known to meet; `replicate`: a pipeline; `snapshot`: it gets one, and
   * nothing else meanwhile.
   */
  readonly mode: 'probe' | 'replicate' | 'snapshot'
  /** Heard of since the last check of the quorum. */
  readonly active: boolean
  /** Append messages on their way. */
  readonly inflight: number
}

/** A view of the present moment: cheap to take, stale after the next call into the core. */
export interface RaftStatus {
  readonly self: PeerId
  readonly role: Role
  readonly term: Term
  readonly leader: PeerId | undefined
  readonly commitIndex: LogIndex
  /** What the driver said that it has applied. */
  readonly appliedIndex: LogIndex
  /** Before the first entry of the log. */
  readonly baseIndex: LogIndex
  readonly lastIndex: LogIndex
  readonly persistedIndex: LogIndex
  /**
   * In effect here. It is final when it is not joint and `configurationIndex` is committed; before, it may still be
   * replaced.
   */
  readonly configuration: Configuration
  readonly configurationIndex: LogIndex
  /** The newest one that is known to be committed: what the group has agreed on, while another may be on its way. */
  readonly committedConfiguration: Configuration
  /**
   * Whether an entry of the current term is applied here. A leader for which this does not hold yet may not know
   * what else was committed before it (§8): it must not answer from its state machine.
   */
  readonly appliedInTerm: boolean
  /** To whom this leader hands over, while it does. */
  readonly transferTo: PeerId | undefined
  /** Of the other members, at the leader; else empty. */
  readonly progress: ReadonlyMap<PeerId, ProgressView>
}
