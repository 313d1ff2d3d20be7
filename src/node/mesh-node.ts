/**
 * The composition of one node: which driver gets what. Everything that touches the world comes in through
 * `MeshNodeInit`, so the same composition runs on libp2p and LevelDB and in a simulation. Constructors start
 * nothing; `start` goes from the ground up, `stop` the other way round.
 */
import {
  type AuthorityEvent,
  AuthorityStateMachine,
  decodeSnapshot,
  expirySpanMs,
} from '../authority/index.ts'
import { type PeerId, toCodedError, unreachable } from '../base/index.ts'
import type { Leftover } from '../exec/index.ts'
import { MEMBERSHIP_PRESETS, obstacleOf } from '../membership/index.ts'
import { RAFT_DEFAULTS, RaftCore } from '../raft/index.ts'
import { AddressBook } from './address-book.ts'
import { AuthorityClient } from './authority-client.ts'
import { AuthorityDriver } from './authority-driver.ts'
import { serveAuthority } from './authority-service.ts'
import { AutopilotDriver } from './autopilot-driver.ts'
import { EventSources } from './event-sources.ts'
import { LinkWatch } from './link-watch.ts'
import { groupOf, LinkWishes } from './link-wishes.ts'
import { MembershipDriver } from './membership-driver.ts'
import type { MeshNodeInit } from './mesh-node-init.ts'
import { ownOrderFields } from './order-views.ts'
import { createOrders, type OrdersDriver } from './orders-driver.ts'
import { placeTask } from './placing.ts'
import type { Cancel } from './ports.ts'
import { RaftDriver } from './raft-driver.ts'
import { rejoinGroup } from './rejoin-group.ts'
import { RootKeySharing } from './root-key-sharing.ts'
import { RosterExchange } from './roster-exchange.ts'
import { Rpc } from './rpc.ts'
import { Submitter } from './submitter.ts'
import { TaskLink } from './task-link.ts'
import { type VoterWish, voterWish, wishOfRecord } from './voter-wish.ts'
import { Worker } from './worker.ts'
import { NO_FUNCTIONS } from './worker-context.ts'
import { writeLog } from './write-log.ts'

/** How often the leader looks after its voters: a small part of the time that a machine must be stable before it may vote. */
const AUTOPILOT_TICK_MS = 500
/** Between KILL and the proof of quiet: reading the process table a few times on a busy machine. */
export const PROOF_MS = 250

export class MeshNode {
  readonly core: RaftCore
  readonly rpc: Rpc
  readonly authority: AuthorityDriver
  readonly autopilot: AutopilotDriver
  readonly client: AuthorityClient
  readonly addresses: AddressBook
  readonly membership: MembershipDriver
  readonly links: LinkWatch
  readonly worker: Worker
  readonly submitter: Submitter
  readonly rootKeys: RootKeySharing
  readonly orders: OrdersDriver
  private readonly init: MeshNodeInit
  private readonly raft: RaftDriver
  private readonly wishes: LinkWishes
  private readonly events: EventSources
  private readonly link: TaskLink
  private cancelAutopilot: Cancel | undefined
  private stopping = false

  constructor(init: MeshNodeInit) {
    this.init = init
    const { transport, scheduler, logger, book } = init
    this.events = new EventSources(init.events, (peer) => book.nodeIdOf(peer))
    this.link = new TaskLink(transport, scheduler, logger.child({ room: 'task' }))
    this.rpc = new Rpc(transport, scheduler, logger.child({ room: 'rpc' }))
    this.core = this.createCore()
    this.authority = this.createAuthority()
    this.raft = this.createRaftDriver()
    this.client = this.createClient()
    this.autopilot = this.createAutopilot()
    serveAuthority({
      rpc: this.rpc,
      driver: this.authority,
      autopilot: this.autopilot,
      core: this.core,
      logger: logger.child({ room: 'authority' }),
      readBarrier: () => this.raft.readBarrier(),
      isAdmin: (peer) => book.isAdmin(peer),
      refuseBarred: (from, command) => this.orders.refuseBarred(from, command),
    })
    new RosterExchange({ rpc: this.rpc, transport, book, logger: logger.child({ room: 'roster' }) })
    this.orders = createOrders(init, this.rpc)
    this.addresses = new AddressBook({ meta: init.stores.meta, roster: book, logger })
    this.worker = this.createWorker()
    this.submitter = this.createSubmitter()
    this.links = new LinkWatch({
      transport,
      nameOf: (peer) => book.nodeIdOf(peer),
      events: init.events,
      logger: logger.child({ room: 'membership' }),
    })
    this.membership = this.createMembership()
    this.wishes = new LinkWishes({
      transport,
      scheduler,
      needs: [
        () => groupOf(this.core.status),
        () => this.worker.submitters(),
        () => this.submitter.workers(),
      ],
    })
    this.rootKeys = this.createRootKeySharing()
  }

  /** @param leftovers what an earlier life of the node had left running, as the guardian found it. */
  async start(leftovers: readonly Leftover[] = []): Promise<void> {
    await this.worker.start(leftovers)
    await this.submitter.start()
    this.link.open()
    if (this.init.stores.rejoin.isPending)
      void rejoinGroup({
        ...this.init,
        core: this.core,
        client: this.client,
        isStopping: () => this.stopping,
      })
        .then((isBack) => (isBack ? this.raft.start() : undefined))
        .catch((thrown: unknown) => this.init.fatal(toCodedError(thrown)))
    else this.raft.start()
    this.membership.start()
    this.wishes.start()
    this.orders.start()
    this.rootKeys.start()
  }

  /** Ends the work first, while leases can still be given back and results sent. */
  async stop(patience: Promise<void>): Promise<void> {
    this.stopping = true
    await this.submitter.stop(patience)
    await Promise.race([this.worker.stop(), patience])
    await Promise.race([this.autopilot.handOver(), patience])
    this.membership.stop()
    this.wishes.stop()
    this.orders.stop()
    this.rootKeys.stop()
    this.cancelAutopilot?.()
    this.client.stop()
    this.rpc.stop()
    this.authority.stop()
    await this.raft.stop()
    await Promise.all([this.addresses.saved(), this.init.book.saved(), this.orders.saved()])
  }

  /** Connected, or connected to when something is sent. */
  canReach(peer: PeerId): boolean {
    return this.init.transport.canReach(peer)
  }

  /** Role, leader or progress may have changed. */
  private observeAuthority(): void {
    this.authority.observe()
    this.autopilot.observe()
    this.events.authorityObserved(this.core.status)
    const steers = this.authority.governs && !this.stopping
    if (steers === (this.cancelAutopilot !== undefined)) return
    this.cancelAutopilot?.()
    this.cancelAutopilot = steers
      ? this.init.scheduler.every(AUTOPILOT_TICK_MS, () => this.autopilot.tick())
      : undefined
  }

  private createCore(): RaftCore {
    const { identity, savedLog, savedState, config, random } = this.init
    const { raftElectionTicks, raftHeartbeatTicks, raftLearnerHeartbeatTicks, raftIdlePace } = config.timings
    return new RaftCore({
      self: identity.peerId,
      saved: savedLog,
      appliedIndex: savedState.appliedIndex,
      options: {
        ...RAFT_DEFAULTS,
        commitNews: 'each-tick',
        ...this.init.raftOptions,
        electionTicks: raftElectionTicks,
        heartbeatTicks: raftHeartbeatTicks,
        learnerHeartbeatTicks: raftLearnerHeartbeatTicks,
        idlePace: raftIdlePace,
      },
      random: random.fork(),
    })
  }

  private createAuthority(): AuthorityDriver {
    const { clock, scheduler, logger, config, stores, savedState } = this.init
    return new AuthorityDriver({
      core: this.core,
      machine: new AuthorityStateMachine(savedState),
      store: stores.state,
      clock,
      scheduler,
      logger: logger.child({ room: 'authority' }),
      driftRatio: config.driftRatio,
      onEvent: (event) => this.onAuthorityEvent(event),
      kick: () => this.raft.kick(),
    })
  }

  private onAuthorityEvent(event: AuthorityEvent): void {
    this.events.authorityEvent(event)
    switch (event.type) {
      case 'peer-admitted':
        this.init.book.add([event.entry])
        return
      case 'lease-ended': {
        const { scopeKey, leaseId } = event.lease
        // Nothing but a release says that its holder has come to its end.
        this.submitter.leaseEnded(scopeKey, leaseId, event.how === 'released' ? 'released' : 'expired')
        if (event.how === 'forced') this.worker.leaseRevoked(leaseId)
        return
      }
      case 'lease-revoked':
        this.worker.leaseRevoked(event.lease.leaseId)
        return
      case 'state-installed':
        // What began and ended in the entries that this node did not see left no event.
        this.submitter.leasesMissing(
          (id) => id <= event.appliedIndex && this.authority.machine.lease(id) === undefined,
        )
        return
      case 'lease-granted':
      case 'lease-renewed':
        return
      default:
        unreachable(event)
    }
  }

  private createAutopilot(): AutopilotDriver {
    const { clock, logger, config } = this.init
    const { stableLearnerMs, deadVoterMs, shrinkVotersMs } = config.timings
    return new AutopilotDriver({
      core: this.core,
      machine: this.authority.machine,
      clock,
      logger: logger.child({ room: 'authority' }),
      options: {
        stabilizationMs: stableLearnerMs,
        deadVoterDelayMs: deadVoterMs,
        shrinkDelayMs: shrinkVotersMs,
      },
      // Whoever has never said who it is (a tool, a client of the authority) is no machine to keep a log.
      isConnected: (peer) => this.membership.isKnown(peer) && this.isThere(peer),
      wishOf: (peer) => this.wishOf(peer),
      isBarred: (peer) => obstacleOf(this.orders.standing(peer)) !== undefined,
      kick: () => this.raft.kick(),
      readBarrier: () => this.raft.readBarrier(),
    })
  }

  /** A peer that this node is not always connected to is there as long as membership says so. */
  private isThere(peer: PeerId): boolean {
    const { transport } = this.init
    if (transport.isConnected(peer)) return true
    return transport.canReach(peer) && this.membership.member(peer)?.status === 'alive'
  }

  private wishOf(peer: PeerId): VoterWish {
    const { config, identity } = this.init
    const standing = this.orders.standing(peer)
    if (peer === identity.peerId)
      return voterWish({ policy: config.voterPolicy, isWitness: config.witness }, standing)
    return voterWish(wishOfRecord(this.membership.member(peer)?.record), standing)
  }

  private createRaftDriver(): RaftDriver {
    const { stores, transport, scheduler, logger, config, fatal } = this.init
    return new RaftDriver({
      core: this.core,
      transport,
      scheduler,
      logger: logger.child({ room: 'raft' }),
      tickMs: config.timings.raftTickMs,
      writeLog: (write) => writeLog(stores, write),
      apply: (entries) => this.authority.apply(entries),
      makeSnapshot: () => this.authority.snapshot(),
      checkSnapshot: ({ data }) => void decodeSnapshot(data),
      installSnapshot: ({ index, data }) => this.authority.install(index, data),
      compact: (base) => stores.log.compact(base),
      observe: () => this.observeAuthority(),
      fatal,
    })
  }

  private createClient(): AuthorityClient {
    const { transport, clock, scheduler, random } = this.init
    return new AuthorityClient({
      rpc: this.rpc,
      transport,
      clock,
      scheduler,
      random: random.fork(),
      knownLeader: () => this.authority.leader,
      leaderNews: (notLeader, patienceMs) => this.authority.leaderNews(notLeader, patienceMs),
    })
  }

  private createWorker(): Worker {
    const { transport, clock, scheduler, random, logger, config, stores, identity, executor, fatal } =
      this.init
    return new Worker({
      transport,
      clock,
      scheduler,
      random,
      executor,
      functions: this.init.functions ?? NO_FUNCTIONS,
      authority: this.client,
      journal: stores.workerJournal,
      outputs: stores.outputs.worker,
      link: this.link,
      logger: logger.child({ room: 'worker' }),
      events: this.events,
      driftRatio: config.driftRatio,
      stopBudget: { graceMs: config.stopGraceMs, proofMs: PROOF_MS },
      leaseTtlMs: config.leaseTtlMs,
      standing: () => this.orders.standing(identity.peerId),
      scope: identity.scopeId,
      remoteExecute: config.remoteExecute && config.leaseGating,
      fatal,
    })
  }

  private createSubmitter(): Submitter {
    const { transport, clock, scheduler, random, logger, config, stores, identity, fatal } = this.init
    return new Submitter({
      self: { peer: identity.peerId, nodeId: identity.nodeId },
      scope: identity.scopeId,
      transport,
      clock,
      scheduler,
      authority: this.client,
      journal: stores.submitterJournal,
      outputs: stores.outputs.submitter,
      link: this.link,
      logger: logger.child({ room: 'submitter' }),
      events: this.events,
      leaseTtlMs: config.leaseTtlMs,
      taskIds: this.init.taskIds,
      random: random.fork(),
      spanMs: (ttlMs) => expirySpanMs(ttlMs, config.driftRatio),
      place: (record, exclude) =>
        placeTask(record, exclude, {
          members: this.membership.members(),
          canReach: (peer: PeerId) => this.canReach(peer),
          policy: { remoteExecuteEnabled: config.remoteExecute, leaseGatingEnabled: config.leaseGating },
          runningHere: this.worker.running,
          functionsHere: (this.init.functions ?? NO_FUNCTIONS).names,
          standing: this.orders.standing,
        }),
      fatal,
    })
  }

  private createRootKeySharing(): RootKeySharing {
    const { identity, transport, scheduler, logger, keepRootKey } = this.init
    return new RootKeySharing({
      identity,
      core: this.core,
      rpc: this.rpc,
      transport,
      scheduler,
      logger: logger.child({ room: 'identity' }),
      keep: keepRootKey,
    })
  }

  private createMembership(): MembershipDriver {
    const { transport, book, clock, scheduler, random, logger, life, keepLife, config } = this.init
    return new MembershipDriver({
      transport,
      book,
      clock,
      scheduler,
      random: random.fork(),
      logger: logger.child({ room: 'membership' }),
      life,
      keepLife,
      signer: this.init.recordSigner,
      links: this.links,
      onChanged: (change) => this.events.memberChanged(change),
      fatal: this.init.fatal,
      options: MEMBERSHIP_PRESETS[config.preset],
      ownRecord: () => ({
        ...this.init.ownRecord(this.worker.running),
        ...ownOrderFields(this.orders.standing(transport.self)),
      }),
      onOrders: (from, message) => this.orders.hear(from, message),
      onRecord: (peer, record) => this.addresses.learn(peer, record),
    })
  }
}
