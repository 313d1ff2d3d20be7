/**
 * The lease authority at this node: applies committed entries to the state machine, and, while this node leads, proposes what
 * is asked for, expires leases and adds voters. Proposals of a leader that loses its office fail at once, so that
 * the requester can ask the next leader instead of waiting for a timeout.
 */
import {
  type Answer,
  AUTOPILOT_DEFAULTS,
  type AuthorityEvent,
  type AuthorityStateMachine,
  type ClientCommand,
  encodeProposal,
  LeaseExpiry,
  PeerHealth,
  type Proposal,
  planVoters,
  type RequestId,
  type StateStore,
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

/** No delay before a promotion: this core gives the log to voters only, so nobody can be seen to catch up before. */
const OPTIONS = { ...AUTOPILOT_DEFAULTS, stabilizationMs: 0 }

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
  private readonly health = new PeerHealth()
  private readonly pending = new Map<LogIndex, PendingProposal>()
  /** The term in which this node leads and has committed an entry of its own. */
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

  /** Leads and has committed in its term: its applied state is what the scope agreed on. */
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
    const { role, term, committedInTerm } = this.init.core.status
    const governs = role === 'leader' && committedInTerm
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

  /** Called several times a second: expires what is due, and sees to it that the right machines vote. */
  tick(): void {
    if (this.governing === undefined) return
    this.expireDue()
    this.steerVoters()
  }

  /** Fails whatever waits: the node stops. */
  stop(): void {
    this.dropPending()
  }

  /** One entry at a time; the next one follows as soon as it was applied, so that many due leases do not wait for ticks. */
  private expireDue(): void {
    const { clock, core, logger } = this.init
    const batch = this.expiry.due(clock.now())
    if (batch.length === 0 || this.governing === undefined) return
    const command = { type: 'lease.expire' as const, term: this.governing, leases: [...batch] }
    const settled = (outcome: 'applied' | 'failed'): void => {
      this.expiry.settled(batch, outcome, clock.now())
      this.expireDue()
    }
    this.append({ requester: core.status.self, atUnixMs: clock.wall(), command }).then(
      () => settled('applied'),
      (error: unknown) => {
        logger.debug({ err: error }, 'expiry was not proposed; tried again later')
        settled('failed')
      },
    )
  }

  private steerVoters(): void {
    const { core, machine, clock, logger, reachablePeers } = this.init
    const { configuration, self, progress, lastIndex } = core.status
    const reachable = new Set(reachablePeers())
    const now = clock.now()
    const roster = machine.roster()
    this.health.observe(
      roster.map(({ peer }) => ({
        peer,
        isConnected: reachable.has(peer),
        behind: lastIndex - (progress.get(peer)?.matchIndex ?? lastIndex),
      })),
      now,
    )
    const peers = roster.flatMap(({ peer, nodeId }) => {
      const health = this.health.of(peer)
      return health === undefined
        ? []
        : [{ ...health, peer, name: nodeId, policy: 'auto' as const, isWitness: false }]
    })
    const others = roster.map(({ peer }) => peer).filter((peer) => !configuration.voters.includes(peer))
    const isPending = configuration.votersOutgoing.length > 0
    const plan = planVoters(
      { self, voters: configuration.voters, learners: others, isPending, peers },
      now,
      OPTIONS,
    )
    if (plan.type !== 'change') return
    const result = core.proposeConfiguration({
      addVoters: plan.voters.filter((peer) => !configuration.voters.includes(peer)),
      removeVoters: configuration.voters.filter((peer) => !plan.voters.includes(peer)),
    })
    if (!result.accepted) return
    logger.info({ voters: plan.voters, why: plan.why }, 'the voters change')
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
