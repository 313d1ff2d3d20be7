/**
 * Where in the sources each step of a task's life is: the one table that `hold.ts` installs in the nodes, and that a test compares
 * with the classes, so that a method that gets another name breaks the test and not, silently, the drill.
 *
 * A hook is a method of a driver together with what its arguments must be. The pure cores hand their effects to the drivers one by
 * one, in order, `journal` durably before the next; so "before effect X" is exactly "everything before X is done, X is not".
 */
import type { ClientCommand } from '../../src/authority/index.ts'
import type { OfferedTask, SubmitterEffect, TaskMessage, WorkerEffect } from '../../src/task/index.ts'

export interface Hook {
  /** In the repository. */
  readonly file: string
  readonly class: string
  readonly method: string
  /** `before`: the call waits. `after`: it was made, and its answer waits. */
  readonly when: 'before' | 'after'
  /** Which of the calls that match, counted from when the step was asked for. */
  readonly nth: number
  readonly matches: (self: unknown, args: readonly unknown[]) => boolean
}

type OfferRecord = OfferedTask['record']

const submission = (matches: (effect: SubmitterEffect) => boolean): Hook => ({
  file: 'src/node/submission.ts',
  class: 'Submission',
  method: 'carryOut',
  when: 'before',
  nth: 1,
  matches: (_, [effect]) => matches(effect as SubmitterEffect),
})

const attempt = (matches: (effect: WorkerEffect, record: OfferRecord) => boolean): Hook => ({
  file: 'src/node/worker-attempt.ts',
  class: 'WorkerAttempt',
  method: 'carryOut',
  when: 'before',
  nth: 1,
  matches: (self, [effect]) =>
    matches(effect as WorkerEffect, (self as { task: { record: OfferRecord } }).task.record),
})

const asked = (type: ClientCommand['type'], when: Hook['when'], nth = 1): Hook => ({
  file: 'src/node/authority-client.ts',
  class: 'AuthorityClient',
  method: 'execute',
  when,
  nth,
  matches: (_, [command]) => (command as ClientCommand).type === type,
})

/** A message has arrived, and nothing was done about it yet. Those behind it wait too: a stream keeps their order. */
const arrived = (room: 'Worker' | 'Submitter', type: TaskMessage['type']): Hook => ({
  file: `src/node/${room.toLowerCase()}.ts`,
  class: room,
  method: 'receive',
  when: 'before',
  nth: 1,
  matches: (_, [, message]) => (message as TaskMessage).type === type,
})

const sends = (effect: SubmitterEffect | WorkerEffect, type: TaskMessage['type']): boolean =>
  effect.type === 'send' && effect.message.type === type

/** By the names in `steps.ts`. */
export const HOOKS = {
  journalled: submission((effect) => effect.type === 'place'),
  'lease requested': asked('lease.grant', 'before'),
  'lease granted, unheard': asked('lease.grant', 'after'),
  'lease granted, not offered': submission((effect) => sends(effect, 'remote_task_envelope')),
  'envelope arrived': arrived('Worker', 'remote_task_envelope'),
  // Its first renewal is how a worker confirms a lease.
  'offer journalled, not confirmed': asked('lease.renew', 'after'),
  'confirmed, not started': attempt((effect) => effect.type === 'execute'),
  'started, untold': attempt((effect) => sends(effect, 'remote_task_started')),
  'output flowing': {
    file: 'src/node/worker-attempt.ts',
    class: 'WorkerAttempt',
    method: 'passOn',
    when: 'before',
    nth: 3,
    matches: () => true,
  },
  'renewal in flight': asked('lease.renew', 'after', 2),
  'cancel arrived': arrived('Worker', 'remote_task_cancel'),
  'cancel journalled, still running': attempt((effect) => effect.type === 'end-execution'),
  'ended, not journalled': attempt((effect, { state }) => effect.type === 'journal' && state === 'ended'),
  'result journalled, not sent': attempt((effect) => effect.type === 'release-lease'),
  'result arrived': arrived('Submitter', 'remote_task_result'),
  'final, not acknowledged': submission((effect) => sends(effect, 'remote_task_result_ack')),
  'acknowledged, lease not released': asked('lease.release', 'before'),
} as const satisfies Record<string, Hook>

export type HookName = keyof typeof HOOKS
