/** What the autopilot looks at, and what it says. */
import type { PeerId } from '../base/index.ts'
import type { Health } from './peer-health.ts'

/**
 * - `auto`: votes when there is a place for it.
 * - `always`: votes before those that are `auto`.
 * - `never`: follows as a learner, and never votes. For machines that are carried about.
 */
export type VoterPolicy = 'auto' | 'always' | 'never'

export interface CandidateView extends Health {
  readonly peer: PeerId
  /** Its node id, for sentences. */
  readonly name: string
  readonly policy: VoterPolicy
  /** Votes and never executes: what its owner set it up for, so its policy counts as `always`. */
  readonly isWitness: boolean
}

export interface VoterView {
  /** The leader, which asks. Counted as connected and caught up. */
  readonly self: PeerId
  readonly voters: readonly PeerId[]
  readonly learners: readonly PeerId[]
  /** A change is not final yet, or leadership is being transferred. */
  readonly isPending: boolean
  /** Every admitted peer, the leader included. Who is missing here is not admitted any more, and loses its place. */
  readonly peers: readonly CandidateView[]
}

export interface AutopilotOptions {
  /** For how long a machine must have been connected and caught up before it votes. */
  readonly stabilizationMs: number
  /** After how long without a connection a voter is replaced, if there is somebody to replace it. */
  readonly deadVoterDelayMs: number
  /** After how long without a connection a voter is removed without replacement. */
  readonly shrinkDelayMs: number
}

export type VoterPlan = {
  /** What holds now, for `populi status`: a sentence that does not flatter. */
  readonly truth: string
} & (
  | {
      readonly type: 'change'
      readonly voters: readonly PeerId[]
      readonly learners: readonly PeerId[]
      readonly why: string
    }
  | { readonly type: 'transfer'; readonly to: PeerId; readonly why: string }
  | { readonly type: 'none'; readonly waitingFor?: string }
)
