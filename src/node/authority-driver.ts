/**
 * The lease authority at this node: applies committed entries to the state machine, and, while this node leads, proposes what
 * is asked for and expires leases. Proposals of a leader that loses its office fail at once, so that
 * the requester can ask the next leader instead of waiting for a timeout.
 */
import {
  type Answer,
  type AuthorityEvent,
  type AuthorityStateMachine,
  type ClientCommand,
  decodeSnapshot,
  encodeProposal,
  LeaseExpiry,
  type Proposal,
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
  unreachable,
} from '../base/index.ts'
import { type Entry, type ProposeResult, RAFT_DEFAULTS, type RaftCore } from '../raft/index.ts'
import type { Cancel, Scheduler } from './ports.ts'

interface PendingProposal {
  readonly term: Term
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: CodedError) => void
}

/** How often leases that are due are looked for: a small part of the shortest TTL. */
const EXPIRY_TICK_MS = 50
/** Who asks for another leader than the one that failed, and one is known, asks that one after this while and not in a tight loop. */
const KNOWN_LEADER_MS = 25

interface LeaderWait {
  readonly notLeader: PeerId | undefined
  readonly end: () => void
}

interface AuthorityDriverInit {
  readonly core: RaftCore
  readonly machine: AuthorityStateMachine
  readonly store: StateStore
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly logger: Logger
  readonly driftRatio: number
  readonly onEvent: (event: AuthorityEvent) => void
  /** A proposal was appended: the Raft driver has something to do. */
  readonly kick: () => void
}

export class AuthorityDriver {
  private readonly init: AuthorityDriverInit
  private readonly expiry: LeaseExpiry
  private readonly pending = new Map<LogIndex, PendingProposal>()
  private readonly leaderWaits = new Set<LeaderWait>()
  /** The term in which this node leads and has applied an entry of its own. */
  private governing: Term | undefined
  private cancelTick: Cancel | undefined

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

  /**
   * Resolves when a leader is known that is not `notLeader`, or when `patienceMs` have passed: whoever asks in the middle of
   * an election should hear of its end and not have to ask again and again.
   */
  leaderNews(notLeader: PeerId | undefined, patienceMs: number): Promise<void> {
    if (this.leaderWaits.size >= LIMITS.leaderWaitsMax) return Promise.resolve()
    const waitMs = this.isNews(notLeader) ? Math.min(patienceMs, KNOWN_LEADER_MS) : patienceMs
    return new Promise((resolve) => {
      const end = (): void => {
        cancel()
        this.leaderWaits.delete(wait)
        resolve()
      }
      const wait: LeaderWait = { notLeader, end }
      const cancel = this.init.scheduler.after(waitMs, end)
      this.leaderWaits.add(wait)
    })
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
    if (this.governing !== undefined) for (const event of events) this.note(event)
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
      this.keepTime()
    }
  }

  /** Role or commit index may have changed. */
  observe(): void {
    const { role, term, appliedInTerm } = this.init.core.status
    const governs = role === 'leader' && appliedInTerm
    if (governs && this.governing !== term) {
      this.governing = term
      this.expiry.begin(this.init.machine.leases(), this.init.clock.now())
      this.keepTime()
      this.init.logger.info({ term }, 'this node is the lease authority now')
    } else if (!governs && this.governing !== undefined) {
      this.governing = undefined
      this.expiry.end()
      this.init.logger.info({ term }, 'this node is not the lease authority any more')
    }
    if (role !== 'leader') this.dropPending()
    for (const { notLeader, end } of this.leaderWaits) if (this.isNews(notLeader)) end()
  }

  private isNews(notLeader: PeerId | undefined): boolean {
    const { leader } = this
    return leader !== undefined && leader !== notLeader
  }

  /** Looks for leases that are due, as long as there is any. */
  private keepTime(): void {
    this.cancelTick ??= this.init.scheduler.every(EXPIRY_TICK_MS, () => {
      if (this.expiry.isIdle) this.stopTicks()
      else this.expireDue()
    })
  }

  private stopTicks(): void {
    this.cancelTick?.()
    this.cancelTick = undefined
  }

  /** The state as it is, for a follower whose log cannot be completed any more. */
  snapshot(): { readonly index: LogIndex; readonly data: Uint8Array } {
    return { index: this.init.machine.appliedIndex, data: this.init.machine.snapshot() }
  }

  /** The state becomes that of a snapshot, which is on the disk already. */
  install(index: LogIndex, data: Uint8Array): void {
    for (const event of this.init.machine.install(decodeSnapshot(data), index)) this.init.onEvent(event)
    // Whatever was proposed here before is older than what a later leader has sent.
    this.dropPending()
  }

  /** Fails whatever waits: the node stops. */
  stop(): void {
    this.governing = undefined
    this.stopTicks()
    this.dropPending()
    for (const { end } of this.leaderWaits) end()
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

  private async append(proposal: Proposal): Promise<Answer> {
    const { core } = this.init
    if (this.pending.size >= LIMITS.proposalsPendingMax) throw new CodedError('authority.overloaded')
    const result = core.propose(encodeProposal(proposal))
    if (!result.accepted) throw refusal(result.reason, core.status.self)
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

/** Why the core does not take a proposal, as the requester is told. */
function refusal(reason: Exclude<ProposeResult, { accepted: true }>['reason'], self: PeerId): CodedError {
  switch (reason) {
    case 'too-large':
      return new CodedError('limit.exceeded', {
        what: 'a command for the authority',
        got: 'larger',
        max: RAFT_DEFAULTS.maxAppendBytes,
      })
    case 'too-many-uncommitted':
    case 'configuration-pending':
      return new CodedError('authority.overloaded')
    case 'not-leader':
    case 'transferring':
    case 'nothing-to-change':
    case 'invalid-change':
      return new CodedError('authority.not_leader', { peer: self })
    default:
      return unreachable(reason)
  }
}
