/**
 * What happens, in the words of the log of events: one method per source, called where it happens. Names of peers are looked up
 * here and nowhere else; a peer outside the roster is called by its id.
 */
import type { AuthorityEvent } from '../authority/index.ts'
import type { LeaseId, NodeId, PeerId, Reason } from '../base/index.ts'
import type { MemberChanged } from '../membership/index.ts'
import type { RaftStatus } from '../raft/index.ts'
import {
  cancelLatencyMs,
  type OfferRecord,
  type RunChange,
  type TaskChange,
  type TaskRecord,
} from '../task/index.ts'
import type { EventType, KindOf } from './event-types.ts'
import type { EventSink } from './node-events.ts'

type TypeOf<Kind> = { [Type in EventType]: KindOf<Type> extends Kind ? Type : never }[EventType]

type LeaseEnd = Extract<AuthorityEvent, { type: 'lease-ended' }>['how']

const LEASE_ENDS: Readonly<Record<LeaseEnd, TypeOf<'lease'>>> = {
  released: 'lease:released',
  expired: 'lease:expired',
  revoked: 'lease:withdrawn',
  forced: 'lease:forced',
  unseen: 'lease:ended_unseen',
}

const TASK_STATES: Readonly<Record<TaskChange['state'], TypeOf<'task'>>> = {
  queued: 'task:queued',
  placing: 'task:placing',
  leasing: 'task:leasing',
  offered: 'task:offered',
  running: 'task:running',
  fallback: 'task:fallback',
  completed: 'task:completed',
  failed: 'task:failed',
  cancelled: 'task:cancelled',
}

/** The states of a task in which its run came to another of the contract's states. */
const RUN_STATES: Readonly<Partial<Record<TaskChange['state'], string>>> = {
  running: 'start',
  completed: 'complete',
  failed: 'error',
  cancelled: 'cancelled',
}

/** An attempt at this node as its worker. */
interface AttemptAt {
  readonly submitter: PeerId
  readonly taskId: number
  readonly leaseId?: LeaseId | undefined
}

export class EventSources {
  private readonly sink: EventSink
  private readonly nodeIdOf: (peer: PeerId) => NodeId | undefined
  private leader: PeerId | undefined
  private configuration: RaftStatus['committedConfiguration'] | undefined
  private votersText = ''

  constructor(sink: EventSink, nodeIdOf: (peer: PeerId) => NodeId | undefined) {
    this.sink = sink
    this.nodeIdOf = nodeIdOf
  }

  memberChanged(change: MemberChanged): void {
    const { nodeId, from, cause, by, incarnation } = change
    this.sink.record({
      kind: 'member',
      type: memberType(change),
      node: nodeId,
      reason: cause,
      detail: { was: from, incarnation, by: by && this.name(by) },
    })
  }

  /** Call it whenever something may have changed; it records what has. */
  authorityObserved({ leader, term, committedConfiguration }: RaftStatus): void {
    if (leader !== this.leader) {
      const former = this.leader
      this.leader = leader
      const was = former === undefined ? undefined : this.name(former)
      if (leader === undefined)
        this.sink.record({ kind: 'authority', type: 'authority:leader_lost', node: was, detail: { term } })
      else
        this.sink.record({
          kind: 'authority',
          type: former === undefined ? 'authority:leader_known' : 'authority:leader_changed',
          node: this.name(leader),
          detail: { term, was },
        })
    }
    // Called with each entry: the same object is the same configuration.
    if (committedConfiguration === this.configuration) return
    this.configuration = committedConfiguration
    const { voters, votersOutgoing, learners } = committedConfiguration
    const votersText = [voters, votersOutgoing, learners].join('/')
    if (votersText === this.votersText) return
    this.votersText = votersText
    this.sink.record({
      kind: 'authority',
      type: 'authority:voters_changed',
      node: leader === undefined ? undefined : this.name(leader),
      detail: {
        term,
        voters: this.names(voters),
        votersOutgoing: votersOutgoing.length === 0 ? undefined : this.names(votersOutgoing),
        learners: this.names(learners),
      },
    })
  }

  /** Renewals are no news. */
  authorityEvent(event: AuthorityEvent): void {
    if (event.type === 'lease-renewed' || event.type === 'peer-admitted' || event.type === 'state-installed')
      return
    const { leaseId, scopeKey, holder, ttlMs, revocation } = event.lease
    this.sink.record({
      kind: 'lease',
      type:
        event.type === 'lease-ended'
          ? LEASE_ENDS[event.how]
          : event.type === 'lease-granted'
            ? 'lease:granted'
            : 'lease:revoked',
      node: this.name(holder),
      reason: revocation?.reason,
      detail: {
        leaseId,
        scopeKey,
        ttlMs,
        by: revocation === undefined ? undefined : this.name(revocation.by),
      },
    })
  }

  taskChanged({ taskId, runs }: TaskRecord, change: TaskChange): void {
    const { state, node, leaseId, reason, detail } = change
    const runState = RUN_STATES[state]
    const cancelMs = runState === undefined || runState === 'start' ? undefined : cancelLatencyMs(runs)
    this.sink.record({
      kind: 'task',
      type: TASK_STATES[state],
      node,
      reason,
      detail: { taskId, leaseId, detail, runState, cancelLatencyMs: cancelMs },
    })
  }

  taskCancelling({ taskId, attempt }: TaskRecord): void {
    const detail = { taskId, leaseId: attempt?.leaseId, runState: 'cancel_requested' }
    this.sink.record({ kind: 'task', type: 'task:cancel_requested', node: attempt?.nodeId, detail })
  }

  offerAccepted(attempt: AttemptAt): void {
    this.atWorker('task:accepted', attempt)
  }

  offerRefused(attempt: AttemptAt, reason: Reason): void {
    this.atWorker('task:refused', attempt, reason)
  }

  executionStarted(attempt: OfferRecord): void {
    this.atWorker('task:started', attempt, undefined, { pid: attempt.pid, runState: 'start' })
  }

  cancelRequested(attempt: AttemptAt): void {
    this.atWorker('task:cancel_requested', attempt, undefined, { runState: 'cancel_requested' })
  }

  executionEnded(attempt: OfferRecord, runState: RunChange['state'], cancelMs: number | undefined): void {
    const { cause, exitCode, signal, quiet } = attempt.outcome ?? {}
    this.atWorker('task:ended', attempt, cause, {
      exitCode,
      signal,
      quiet,
      runState,
      cancelLatencyMs: cancelMs,
    })
  }

  /** Nobody came for it, and there is no room for more. */
  resultGivenUp(attempt: AttemptAt): void {
    this.atWorker('task:result_given_up', attempt)
  }

  private atWorker(
    type: TypeOf<'task'>,
    { submitter, taskId, leaseId }: AttemptAt,
    reason?: string,
    more: Readonly<Record<string, string | number | boolean | undefined>> = {},
  ): void {
    const detail = { taskId: String(taskId), leaseId, at: 'worker', ...more }
    this.sink.record({ kind: 'task', type, node: this.name(submitter), reason, detail })
  }

  private name(peer: PeerId): NodeId {
    return this.nodeIdOf(peer) ?? (peer as string as NodeId)
  }

  private names(peers: readonly PeerId[]): string {
    return peers.map((peer) => this.name(peer)).join(' ')
  }
}

function memberType({ from, to }: MemberChanged): TypeOf<'member'> {
  if (to === undefined) return 'member:removed'
  if (from === undefined) return 'member:joined'
  switch (to) {
    case 'alive':
      return from === 'alive' ? 'member:renewed' : 'member:alive'
    case 'suspect':
      return 'member:suspect'
    case 'dead':
      return 'member:dead'
    case 'left':
      return 'member:left'
    case 'unseen':
      return 'member:forgotten'
  }
}
