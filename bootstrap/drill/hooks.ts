/**
 * Where in the sources each step of a task's life is: the one table that `hold.ts` installs in the nodes, and that a test compares
 * with the classes, so that a method that gets another name breaks the test and not, silently, the drill.
 *
 * A hook is a method of a driver together with what its arguments must be. Held calls keep their order where the order is the meaning: a
 * stream, a pipe and a journal may be slow, but nothing overtakes in them.
 */
import type { ClientCommand } from '../../src/authority/index.ts'
import type { TaskMessage, WorkerEvent } from '../../src/task/index.ts'

export interface Hook {
  /** In the repository. */
  readonly file: string
  readonly class: string
  readonly method: string
  /** `before`: the call waits. `after`: it was made, and its answer waits. */
  readonly when: 'before' | 'after'
  /** Which of the calls that match, counted from when the step was asked for. */
  readonly nth: number
  /** Later calls of the method wait behind the one that is held. */
  readonly inOrder: boolean
  readonly matches: (args: readonly unknown[]) => boolean
}

/** An event that the worker has not taken in: those behind it wait anyway. */
const attempt = (type: WorkerEvent['type']): Hook => ({
  file: 'src/node/worker-attempt.ts',
  class: 'WorkerAttempt',
  method: 'process',
  when: 'before',
  nth: 1,
  inOrder: false,
  matches: ([event]) => (event as WorkerEvent).type === type,
})

/** A request to the authority that was not sent, or whose answer was not heard. */
const asked = (type: ClientCommand['type'], when: Hook['when'], nth = 1): Hook => ({
  file: 'src/node/authority-client.ts',
  class: 'AuthorityClient',
  method: 'execute',
  when,
  nth,
  inOrder: false,
  matches: ([command]) => (command as ClientCommand).type === type,
})

/** A message between submitter and worker that has not left, or that has arrived and was not looked at. */
const message = (method: 'send' | 'dispatch', type: TaskMessage['type'], nth = 1): Hook => ({
  file: 'src/node/task-link.ts',
  class: 'TaskLink',
  method,
  when: 'before',
  nth,
  inOrder: true,
  matches: ([, one]) => (one as TaskMessage).type === type,
})

/** A command to the guardian that has not left. */
const guardian = (kind: 'run' | 'end'): Hook => ({
  file: 'src/exec/guardian-process.ts',
  class: 'GuardianProcess',
  method: 'send',
  when: 'before',
  nth: 1,
  inOrder: true,
  matches: ([command]) => (command as { kind: string }).kind === kind,
})

/** By the names in `steps.ts`. */
export const HOOKS = {
  // The journal is written meanwhile; nothing waits for the placement there.
  'journalled, not placed': {
    file: 'src/node/submission.ts',
    class: 'Submission',
    method: 'place',
    when: 'before',
    nth: 1,
    inOrder: false,
    matches: () => true,
  },
  'lease requested': asked('lease.grant', 'before'),
  'lease granted, unheard': asked('lease.grant', 'after'),
  'lease granted, not offered': message('send', 'remote_task_envelope'),
  'envelope arrived': message('dispatch', 'remote_task_envelope'),
  // Its first renewal is how a worker confirms a lease.
  'offer journalled, not confirmed': asked('lease.renew', 'after'),
  'confirmed, not started': guardian('run'),
  'started, untold': message('send', 'remote_task_started'),
  'output flowing': message('send', 'remote_task_output', 3),
  'renewal in flight': asked('lease.renew', 'after', 2),
  // The first one is how a worker asks before it starts.
  "renewal of the submitter's lease in flight": message('dispatch', 'remote_task_renew', 2),
  'cancel arrived': message('dispatch', 'remote_task_cancel'),
  'cancel taken, still running': guardian('end'),
  'ended, not journalled': attempt('ended'),
  'result journalled, not sent': message('send', 'remote_task_result'),
  'result arrived': message('dispatch', 'remote_task_result'),
  'final, not acknowledged': message('send', 'remote_task_result_ack'),
  'acknowledged, lease not released': asked('lease.release', 'before'),
} as const satisfies Record<string, Hook>

export type HookName = keyof typeof HOOKS
