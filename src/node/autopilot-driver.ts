/**
 * The voters, steered by the leader (the decisions are in `authority/autopilot.ts`): what the leader sees of each peer goes
 * in, one change of the configuration or one transfer of leadership comes out. Also the leader's part in two farewells:
 * of a machine that has lost its log, and of a leader that stops.
 */
import {
  type AuthorityStateMachine,
  type AutopilotOptions,
  type CandidateView,
  PeerHealth,
  planVoters,
  type VoterPlan,
} from '../authority/index.ts'
import { type Clock, CodedError, type Logger, type LogIndex, type PeerId, type Term } from '../base/index.ts'
import type { Configuration, RaftCore } from '../raft/index.ts'
import type { VoterWish } from './voter-wish.ts'

interface AutopilotDriverInit {
  readonly core: RaftCore
  readonly machine: AuthorityStateMachine
  readonly clock: Clock
  readonly logger: Logger
  readonly options: AutopilotOptions
  /** Peers that this node has a connection to, or will have one when it needs it. */
  readonly isConnected: (peer: PeerId) => boolean
  readonly wishOf: (peer: PeerId) => VoterWish
  /** An admin order keeps new work from this node: it should not lead, if another can. */
  readonly isBarred: (peer: PeerId) => boolean
  /** Something was asked of the core: the Raft driver has something to do. */
  readonly kick: () => void
  /** As `RaftDriver.readBarrier`. */
  readonly readBarrier: () => Promise<void>
}

/** Between two tries to hand over for an admin order. */
const STAND_ASIDE_EVERY_MS = 5000

export class AutopilotDriver {
  private readonly init: AutopilotDriverInit
  private readonly health = new PeerHealth()
  private readonly waiting: (() => void)[] = []
  /** Peers whose removal is under way: nothing else is changed meanwhile. */
  private readonly leaving = new Set<PeerId>()
  private plan: VoterPlan | undefined
  private standAsideFrom = 0

  constructor(init: AutopilotDriverInit) {
    this.init = init
  }

  /** What the owner should know of the voters; only the leader has an opinion. */
  get advice(): string | undefined {
    const { plan } = this
    if (plan === undefined || this.init.core.status.role !== 'leader') return undefined
    const waits = plan.type === 'none' && plan.waitingFor !== undefined
    return waits ? `${plan.truth}; waiting for ${plan.waitingFor}` : plan.truth
  }

  /** Called several times a second while this node is the authority. */
  tick(): void {
    this.observePeers()
    if (this.leaving.size > 0) return
    this.standAside()
    this.plan = planVoters(this.view(), this.init.clock.now(), this.init.options)
    this.carryOut(this.plan)
  }

  /** Role, leader or progress may have changed. */
  observe(): void {
    for (const wake of this.waiting.splice(0)) wake()
  }

  /**
   * For a peer that has lost its log, and with it its votes: removes it from the configuration, so that nothing counts
   * on what it has forgotten. What it was asked before cannot be missed when it votes again, because by then it has
   * the entry at the returned index, and whoever lacks that one is not elected any more (ADR 0009).
   * @returns a committed entry of this leader's term or later knowledge, and the term.
   * @throws CodedError `authority.not_leader`
   */
  async forget(peer: PeerId): Promise<{ readonly index: LogIndex; readonly term: Term }> {
    this.leaving.add(peer)
    try {
      while (!this.isForgotten(peer)) {
        this.remove(peer)
        await this.change()
      }
      // A leader that was replaced without knowing it must not vouch for its configuration.
      await this.init.readBarrier()
      const { commitIndex, term } = this.init.core.status
      return { index: commitIndex, term }
    } finally {
      this.leaving.delete(peer)
    }
  }

  /** A leader that stops hands over to the voter that is furthest, so that nobody has to miss it first. */
  async handOver(): Promise<void> {
    if (!this.transfer(this.heirs())) return
    // Ends also when nothing comes of it: the core gives a transfer up after an election timeout.
    while (this.init.core.status.transferTo !== undefined) await this.change()
  }

  /** A leader that is being drained or was quarantined hands over, if there is somebody of whom that is not true. */
  private standAside(): void {
    const { core, clock, isBarred } = this.init
    const now = clock.now()
    if (now < this.standAsideFrom || !isBarred(core.status.self)) return
    // While a transfer is under way nothing can be proposed: one that fails must not be tried again at once.
    this.standAsideFrom = now + STAND_ASIDE_EVERY_MS
    this.transfer(this.heirs().filter((peer) => !isBarred(peer)))
  }

  /** Connected voters, the furthest first; none unless this node leads. */
  private heirs(): readonly PeerId[] {
    const { role, progress, configuration } = this.init.core.status
    if (role !== 'leader') return []
    return [...progress]
      .filter(([peer]) => configuration.voters.includes(peer) && this.init.isConnected(peer))
      .sort(([, left], [, right]) => right.matchIndex - left.matchIndex)
      .map(([peer]) => peer)
  }

  private transfer([heir]: readonly PeerId[]): boolean {
    const { core, logger, kick } = this.init
    if (heir === undefined || !core.transferLeadership(heir).accepted) return false
    logger.info({ to: heir }, 'leadership is handed over')
    kick()
    return true
  }

  private change(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve))
  }

  private isForgotten(peer: PeerId): boolean {
    const { role, configuration, self } = this.init.core.status
    if (role !== 'leader') throw new CodedError('authority.not_leader', { peer: self })
    return !isMember(configuration, peer) && this.isFinal
  }

  private remove(peer: PeerId): void {
    const { core, logger, kick } = this.init
    const { configuration } = core.status
    if (!isMember(configuration, peer) || !this.isFinal) return
    const others = (peers: readonly PeerId[]): readonly PeerId[] => peers.filter((other) => other !== peer)
    const wanted = { voters: others(configuration.voters), learners: others(configuration.learners) }
    if (!core.proposeConfiguration(wanted).accepted) return
    logger.warn({ peer }, 'this peer has lost its log: it loses its place and begins anew')
    kick()
  }

  /** No change is on its way. */
  private get isFinal(): boolean {
    const { configuration, configurationIndex, commitIndex } = this.init.core.status
    return configuration.votersOutgoing.length === 0 && configurationIndex <= commitIndex
  }

  private observePeers(): void {
    const { core, machine, clock, isConnected } = this.init
    const { self, progress, lastIndex } = core.status
    const sightings = machine.roster().map(({ peer }) => ({
      peer,
      isConnected: peer === self || isConnected(peer),
      matchIndex: peer === self ? lastIndex : progress.get(peer)?.matchIndex,
      lastIndex,
    }))
    this.health.observe(sightings, clock.now())
  }

  private view(): Parameters<typeof planVoters>[0] {
    const { core, machine, wishOf } = this.init
    const { self, configuration, transferTo } = core.status
    const peers = machine.roster().flatMap(({ peer, nodeId }): CandidateView[] => {
      const health = this.health.of(peer)
      return health === undefined ? [] : [{ ...health, ...wishOf(peer), peer, name: nodeId }]
    })
    const isPending = !this.isFinal || transferTo !== undefined
    const { voters, learners } = configuration
    return { self, voters, learners, isPending, peers }
  }

  private carryOut(plan: VoterPlan): void {
    const { core, logger, kick } = this.init
    switch (plan.type) {
      case 'none':
        return
      case 'transfer':
        if (!core.transferLeadership(plan.to).accepted) return
        logger.info({ to: plan.to, why: plan.why }, 'leadership is handed over')
        break
      case 'change': {
        const { voters, learners, why } = plan
        if (!core.proposeConfiguration({ voters, learners }).accepted) return
        logger.info({ voters, learners, why }, 'the configuration changes')
      }
    }
    kick()
  }
}

function isMember({ voters, votersOutgoing, learners }: Configuration, peer: PeerId): boolean {
  return [voters, votersOutgoing, learners].some((list) => list.includes(peer))
}
