import type { EndCause } from './messages.ts'

/** Why a worker stops what it was given, what its result says then, and the sentence for people. */
export const STOPS = {
  cancelled: { cause: 'cancelled', error: 'cancelled' },
  'lease-lost': {
    cause: 'lease-lost',
    error: 'the lease could not be kept, so the command was ended in time',
  },
  'submitter-lost': { cause: 'submitter-lost', error: 'the submitter did not answer for too long' },
  /** It said so itself: the attempt is not its newest any more, or it does not know the task. */
  'given-up': { cause: 'submitter-lost', error: 'the submitter has given this attempt up' },
  'output-failed': { cause: 'output-failed', error: 'the disk of the worker did not take the output' },
  'node-stopping': { cause: 'node-stopping', error: 'the worker was shut down' },
  timeout: { cause: 'timeout', error: 'the command ran longer than its time limit' },
  deadline: { cause: 'timeout', error: 'the deadline of the task has passed' },
  quarantined: { cause: 'quarantined', error: 'an admin order stopped all work on the node' },
  'drain-deadline': {
    cause: 'drain-deadline',
    error: 'the node was drained, and the deadline had passed',
  },
} as const satisfies Readonly<Record<string, { readonly cause: EndCause; readonly error: string }>>

export type StopCause = keyof typeof STOPS
