/**
 * The lease authority at this node: applies committed entries to the state machine, and, while this node leads, proposes what
 * is asked for, expires leases and adds voters. Proposals of a leader that loses its office fail at once, so that
 * the requester can ask the next leader instead of waiting for a timeout.
 */
import {
  type Answer,
  type AuthorityEvent,
  type AuthorityStateMachine,
  type ClientCommand,
  encodeProposal,
  LeaseExpiry,
  type Proposal,
  type RequestId,
  type StateStore,
  votersToAdd,
} from '../authority/index.ts'
import {
  type Clock,
  CodedError,
  LIMITS,
  type Logger,
  type LogIndex,
  type PeerId,
  type Term,
} from '../base/index.ts'
import type { Entry, RaftCore } from '../raft/index.ts'

interface PendingProposal {
  readonly term: Term
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: CodedError) => void
}

interface AuthorityDriverInit {
  readonly core: RaftCore
  readonly machine: AuthorityStateMachine
  readonly store: StateStore
  readonly clock: Clock
  readonly logger: Logger
  readonly driftRatio: number
  /** Admitted peers connected to this node, itself included: whom a leader may make voters. */
  readonly reachablePeers: () => readonly PeerId[]
  readonly onEvent: (event: AuthorityEvent) => void
  /** A proposal was appended: the Raft driver has something to do. */
  readonly kick: () => void
}

export class AuthorityDriver {
  private readonly init: AuthorityDriverInit
  private readonly expiry: LeaseExpiry
  private readonly pending = new Map<LogIndex, PendingProposal>()
  /** The term in which this node leads and has applied an entry of its own. */
  private governing: Term | undefined

  constructor(init: AuthorityDriverInit) {
    this.init = init
    this.expiry = new LeaseExpiry(init.driftRatio)
  }

  get machine(): AuthorityStateMachine {
    return this.init.machine
  }

  /** The leader, as far as this node knows. */
  get leader(): PeerId | undefined {
    return this.init.core.status.leader
  }

  /** Leads and has applied an entry of its term: its applied state is what the scope agreed on. */
  get governs(): boolean {
    return this.governing !== undefined
  }

  /**
   * Proposes a command in `requester`'s name; resolves when it was applied.
   * @throws CodedError `authority.not_leader`, `authority.overloaded`, `authority.dropped`.
   */
  propose(requester: PeerId, request: RequestId | undefined, command: ClientCommand): Promise<Answer> {
    return this.append({
      requester,
      ...(request === undefined ? {} : { request }),
      atUnixMs: this.init.clock.wall(),
      command,
    })
  }

  /** Applies committed entries and stores their effects together with the applied index. */
  async apply(entries: readonly Entry[]): Promise<void> {
    const { machine, store } = this.init
    const settled: (() => void)[] = []
    for (const entry of entries) {
      if (entry.index <= machine.appliedIndex) continue
      if (entry.kind === 'command') settled.push(this.applyCommand(entry))
      else machine.skip(entry.index)
    }
    await store.commit(machine.appliedIndex, machine.takeChanges())
    for (const settle of settled) settle()
  }

  private applyCommand(entry: Entry): () => void {
    const { answer, events } = this.init.machine.apply(entry.index, entry.term, entry.data)
    for (const event of events) this.note(event)
    const pending = this.pending.get(entry.index)
    this.pending.delete(entry.index)
    return () => {
      for (const event of events) this.init.onEvent(event)
      if (pending === undefined) return
      if (pending.term === entry.term) pending.resolve(answer)
      else pending.reject(new CodedError('authority.dropped'))
    }
  }

  private note(event: AuthorityEvent): void {
    if (event.type === 'lease-ended') this.expiry.forget(event.lease.leaseId)
    if (event.type === 'lease-granted' || event.type === 'lease-renewed') {
      this.expiry.start(event.lease, this.init.clock.now())
    }
  }

  /** Role or commit index may have changed. */
  observe(): void {
    const { role, term, appliedInTerm } = this.init.core.status
    const governs = role === 'leader' && appliedInTerm
    if (governs && this.governing !== term) {
      this.governing = term
      this.expiry.begin(this.init.machine.leases(), this.init.clock.now())
      this.init.logger.info({ term }, 'this node is the lease authority now')
    } else if (!governs && this.governing !== undefined) {
      this.governing = undefined
      this.expiry.end()
      this.init.logger.info({ term }, 'this node is not the lease authority any more')
    }
    if (role !== 'leader') this.dropPending()
  }

  /** Called several times a second: expires what is due, and makes joined machines voters. */
  tick(): void {
    if (this.governing === undefined) return
    const due = this.expiry.due(this.init.clock.now())
    if (due.length > 0) {
      const command = { type: 'lease.expire' as const, term: this.governing, leases: [...due] }
      this.append({ requester: this.init.core.status.self, atUnixMs: this.init.clock.wall(), command }).catch(
        (error: unknown) =>
          this.init.logger.debug({ err: error }, 'expiry was not proposed; tried again later'),
      )
    }
    this.addVoters()
  }

  /** Fails whatever waits: the node stops. */
  stop(): void {
    this.dropPending()
  }

  private addVoters(): void {
    const { configuration } = this.init.core.status
    if (configuration.votersOutgoing.length > 0) return
    const adds = votersToAdd(configuration.voters, this.init.reachablePeers())
    if (adds.length === 0) return
    const wanted = { voters: [...configuration.voters, ...adds], learners: configuration.learners }
    const result = this.init.core.proposeConfiguration(wanted)
    if (!result.accepted) return
    this.init.logger.info({ peers: adds }, 'adding voters')
    this.init.kick()
  }

  private async append(proposal: Proposal): Promise<Answer> {
    const { core } = this.init
    if (this.pending.size >= LIMITS.proposalsPendingMax) throw new CodedError('authority.overloaded')
    const result = core.propose(encodeProposal(proposal))
    if (!result.accepted) {
      const overloaded = core.status.role === 'leader'
      throw overloaded
        ? new CodedError('authority.overloaded')
        : new CodedError('authority.not_leader', { peer: core.status.self })
    }
    return new Promise((resolve, reject) => {
      this.pending.set(result.index, { term: result.term, resolve, reject })
      this.init.kick()
    })
  }

  private dropPending(): void {
    const dropped = [...this.pending.values()]
    this.pending.clear()
    for (const { reject } of dropped) reject(new CodedError('authority.dropped'))
  }
}
