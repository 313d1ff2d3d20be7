/**
 * Every kind and type of event there is. A type is recorded nowhere before it stands here with its sentence, and
 * `docs/reference/events.md` is written from this table. A type never changes its meaning; new ones may come.
 */

/** Kinds, and what `node`, `reason` and `detail` say in their events. */
export const EVENT_KINDS = {
  node: 'This node itself. `node` is this node; `reason` of a failure is the code of the error.',
  member:
    'What this node believes of the members of the mesh. `node` is the member; `reason` is what the change of belief rests on; `detail` has the belief before it and the incarnation that it is about.',
  link: 'The connections between this node and those that it stays connected to. `node` is the other end; `reason` is who closed it, the path that it takes now, or the direction that fails (`to_peer`, `from_peer`, `both`).',
  authority:
    'The lease authority as this node follows it. `node` is the leader that the event is about; `detail` has the term.',
  lease:
    'What the replicated log says of leases, at the moment when this node applied it: each node of the mesh sees the same, those that were away later, and what came to them in a snapshot not at all. `node` is the holder.',
  task: 'Tasks that were submitted here (`node` is where they run) and attempts that this node executes (`node` is the submitter, `detail` says `at: worker`). `reason` is a code of the reason vocabulary, or how an execution ended; `runState` in `detail` is the run state that it came to.',
  gpu: 'The GPUs of this node. `node` is this node; `reason` is a code of the reason vocabulary; `detail` names the device by its `uuid`.',
  admin:
    'Signed orders of people: quarantine, maintenance, retire. `node` is whom an order is about; `reason` is what it orders, or why it was refused; `detail` says by whom.',
} as const

/** The sentence stands after the name of `node`. */
export const EVENT_TYPES = {
  'node:started': 'has started',
  'node:stopping': 'was told to stop',
  'node:stopped': 'has stopped',
  'node:failed': 'cannot go on and stops by itself',

  'member:joined': 'is in the roster now',
  'member:removed': 'is not in the roster any more',
  'member:alive': 'is there',
  'member:renewed': 'is there with a higher incarnation: it was started again, or denied that it is gone',
  'member:suspect': 'does not answer: it keeps its work and gets no new one',
  'member:dead': 'is taken for dead',
  'member:left': 'has left on purpose',
  'member:conflict': 'has its name already: a second key for it was refused',
  'member:forgotten': 'was gone for so long that it counts as never seen',

  'link:up': 'is connected',
  'link:down': 'is not connected any more',
  'link:downgraded': 'is reached on a worse path than before',
  'link:fault': 'is not reached by probes in one direction or both, while others reach it',
  'link:cleared': 'is reached by probes straight again',

  'authority:leader_known': 'leads the authority',
  'authority:leader_changed': 'leads the authority now, in the place of another',
  'authority:leader_lost': 'is not known to lead any more, and nobody else is',
  'authority:voters_changed': 'leads an authority of other voters or learners than before',

  'lease:granted': 'holds a lease',
  'lease:revoked': 'must stop what it does under its lease: it was taken back',
  'lease:released': 'is quiet, and its lease has ended',
  'lease:expired': 'did not renew its lease, which has ended',
  'lease:withdrawn': 'lost a lease under which it had not begun',
  'lease:forced': 'lost its lease while it may still execute: the single-owner promise was waived',
  'lease:ended_unseen': 'had a lease that ended in entries which came here as a snapshot',

  'task:queued': 'has a new task',
  'task:placing': 'is not chosen yet: placement looks for a node',
  'task:leasing': 'was chosen; its lease is asked for',
  'task:offered': 'was offered the task',
  'task:running': 'runs the task',
  'task:fallback': 'does not run the task to its end: it comes back to the node that it was given to',
  'task:completed': 'ran the task, which has its result',
  'task:failed': 'could not bring the task to a good end',
  'task:cancelled': 'had the task when it was cancelled',
  'task:accepted': 'offered a task, which was accepted',
  'task:refused': 'offered a task, which was refused',
  'task:started': 'has its task executed here',
  'task:cancel_requested': 'has a task that is to be ended',
  'task:ended':
    'had its task executed here, which has come to its end; `quiet` says whether it is proven that nothing of it is left',
  'task:result_given_up': 'did not come for the result of its task, and there is no room for more of them',

  'gpu:withheld': 'gives no work to one of its GPUs',
  'gpu:released': 'may give work to a GPU again that it had withheld',

  'admin:order_accepted': 'is under an order that holds from now on',
  'admin:order_refused': 'is the subject of an order that was refused',
  'admin:order_from_future':
    'is under an order from a clock that is ahead, or the clock of this node is behind',
} as const satisfies Readonly<Record<`${keyof typeof EVENT_KINDS}:${string}`, string>>

export type EventKind = keyof typeof EVENT_KINDS
export type EventType = keyof typeof EVENT_TYPES
/** The part of a type before the colon. */
export type KindOf<Type extends EventType> = Type extends `${infer Kind}:${string}` ? Kind : never
