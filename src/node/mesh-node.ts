/**
 * The composition of one node: which driver gets what. Everything that touches the world comes in through
 * `MeshNodeInit`, so the same composition runs on libp2p and LevelDB and in a simulation. Constructors start
 * nothing; `start` goes from the ground up, `stop` the other way round.
 */
import {
  type AuthorityEvent,
  AuthorityStateMachine,
  decodeSnapshot,
  type SavedState,
  type VoterPolicy,
} from '../authority/index.ts'
import {
  type Clock,
  type CodedError,
  type Incarnation,
  type Logger,
  logIndex,
  type PeerId,
  present,
  type Random,
  toCodedError,
  unreachable,
} from '../base/index.ts'
import { MEMBERSHIP_PRESETS, type NodeRecord } from '../membership/index.ts'
import { RAFT_DEFAULTS, RaftCore, type RaftOptions, type ReadyWrite, type SavedLog } from '../raft/index.ts'
import type { NodeStores } from '../store/index.ts'
import { AddressBook } from './address-book.ts'
import { AuthorityClient } from './authority-client.ts'
import { AuthorityDriver } from './authority-driver.ts'
import { serveAuthority } from './authority-service.ts'
import { AutopilotDriver, type VoterWish } from './autopilot-driver.ts'
import type { NodeConfig } from './config/index.ts'
import type { Identity, SigningKey } from './identity/index.ts'
import { MembershipDriver } from './membership-driver.ts'
import { placeTask } from './placing.ts'
import type { Cancel, Scheduler, Transport } from './ports.ts'
import { RaftDriver } from './raft-driver.ts'
import { RootKeySharing } from './root-key-sharing.ts'
import type { RosterBook } from './roster-book.ts'
import { RosterExchange } from './roster-exchange.ts'
import { Rpc } from './rpc.ts'
import { Submitter } from './submitter.ts'
import type { TaskIds } from './task-ids.ts'
import { TaskLink } from './task-link.ts'
import { Worker } from './worker.ts'
import type { Executor } from './worker-context.ts'

/** How often the leader looks after its voters: a small part of the time that a machine must be stable before it may vote. */
const AUTOPILOT_TICK_MS = 250
/** One round of asking to begin anew; it is repeated until somebody who leads was found. */
const REJOIN_DEADLINE_MS = 10_000
/** Between KILL and the proof of quiet: reading the process table a few times on a busy machine. */
const PROOF_MS = 250

export interface MeshNodeInit {
  readonly identity: Identity
  readonly config: NodeConfig
  readonly stores: NodeStores
  readonly savedLog: SavedLog
  readonly savedState: SavedState
  readonly transport: Transport
  readonly executor: Executor
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly random: Random
  readonly taskIds: TaskIds
  /** Instead of the defaults. A simulation lets the log be cut after a few entries. */
  readonly raftOptions?: Partial<RaftOptions>
  readonly logger: Logger
  readonly incarnation: Incarnation
  readonly book: RosterBook
  readonly ownRecord: (runningTasks: number) => NodeRecord
  readonly keepRootKey: (rootKey: SigningKey) => Promise<void>
  /** The node cannot go on: a store failed, or an invariant is broken. */
  readonly fatal: (error: CodedError) => void
}

export class MeshNode {
  readonly core: RaftCore
  readonly rpc: Rpc
  readonly authority: AuthorityDriver
  readonly autopilot: AutopilotDriver
  readonly client: AuthorityClient
  readonly addresses: AddressBook
  readonly membership: MembershipDriver
  readonly worker: Worker
  readonly submitter: Submitter
  readonly rootKeys: RootKeySharing
  private readonly init: MeshNodeInit
  private readonly raft: RaftDriver
  private cancelAutopilot: Cancel | undefined
  private stopping = false

  constructor(init: MeshNodeInit) {
    this.init = init
    const { transport, scheduler, logger, book } = init
    const link = new TaskLink(transport, scheduler, logger.child({ room: 'task' }))
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
    })
    new RosterExchange({ rpc: this.rpc, transport, book, logger: logger.child({ room: 'roster' }) })
    this.addresses = new AddressBook({ meta: init.stores.meta, roster: book, logger })
    this.worker = this.createWorker(link)
    this.submitter = this.createSubmitter(link)
    this.membership = this.createMembership()
    this.rootKeys = this.createRootKeySharing()
  }

  async start(): Promise<void> {
    await this.worker.start()
    await this.submitter.start()
    if (this.init.stores.rejoin.isPending) void this.rejoin()
    else this.raft.start()
    this.membership.start()
    this.rootKeys.start()
  }

  /** Ends the work first, while leases can still be given back and results sent. */
  async stop(patience: Promise<void>): Promise<void> {
    this.stopping = true
    await this.submitter.stop(patience)
    await Promise.race([this.worker.stop(), patience])
    await Promise.race([this.autopilot.handOver(), patience])
    this.membership.stop()
    this.rootKeys.stop()
    this.cancelAutopilot?.()
    this.client.stop()
    this.rpc.stop()
    this.authority.stop()
    await this.raft.stop()
    await Promise.all([this.addresses.saved(), this.init.book.saved()])
  }

  /** Role, leader or progress may have changed. */
  private observeAuthority(): void {
    this.authority.observe()
    this.autopilot.observe()
    const steers = this.authority.governs && !this.stopping
    if (steers === (this.cancelAutopilot !== undefined)) return
    this.cancelAutopilot?.()
    this.cancelAutopilot = steers
      ? this.init.scheduler.every(AUTOPILOT_TICK_MS, () => this.autopilot.tick())
      : undefined
  }

  /** This node's store was rebuilt: it takes part in nothing before the others have removed it (ADR 0009). */
  private async rejoin(): Promise<void> {
    const { stores, logger, fatal } = this.init
    logger.warn({}, 'the log of this node was lost: asking the others to begin anew as a learner')
    while (!this.stopping) {
      try {
        const { index, term } = await this.client.rejoin(REJOIN_DEADLINE_MS)
        const hardState = { term, vote: undefined, commitIndex: logIndex(0), votesFrom: index }
        await stores.rejoin.done(hardState)
        this.core.rejoined(hardState)
        this.raft.start()
        logger.info({ index, term }, 'the others have begun anew with this node')
        return
      } catch (thrown) {
        const error = toCodedError(thrown)
        if (error.code === 'store.write_failed') return fatal(error)
        if (!this.stopping) logger.warn({ err: error }, 'nobody could be asked to rejoin; trying again')
      }
    }
  }

  private createCore(): RaftCore {
    const { identity, savedLog, savedState, config, random } = this.init
    const { raftElectionTicks, raftHeartbeatTicks, raftLearnerHeartbeatTicks } = config.timings
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
    const { transport, clock, logger, config } = this.init
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
      isConnected: (peer) => transport.isConnected(peer) && this.membership.isKnown(peer),
      wishOf: (peer) => this.wishOf(peer),
      kick: () => this.raft.kick(),
      readBarrier: () => this.raft.readBarrier(),
    })
  }

  private wishOf(peer: PeerId): VoterWish {
    const { config, identity } = this.init
    if (peer === identity.peerId) return { policy: config.voterPolicy, isWitness: config.witness }
    const record = this.membership.members().find((member) => member.peer === peer)?.record
    return { policy: voterPolicyOf(record?.voter_policy), isWitness: record?.witness === true }
  }

  private createRaftDriver(): RaftDriver {
    const { stores, transport, clock, scheduler, logger, config, fatal } = this.init
    return new RaftDriver({
      core: this.core,
      transport,
      clock,
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

  private createWorker(link: TaskLink): Worker {
    const { transport, clock, scheduler, logger, config, stores, identity, executor, fatal } = this.init
    return new Worker({
      transport,
      clock,
      scheduler,
      executor,
      authority: this.client,
      journal: stores.workerJournal,
      link,
      logger: logger.child({ room: 'worker' }),
      driftRatio: config.driftRatio,
      stopBudget: { graceMs: config.stopGraceMs, proofMs: PROOF_MS },
      leaseTtlMs: config.leaseTtlMs,
      scope: identity.scopeId,
      remoteExecute: config.remoteExecute && config.leaseGating,
      fatal,
    })
  }

  private createSubmitter(link: TaskLink): Submitter {
    const { transport, clock, scheduler, logger, config, stores, identity, fatal } = this.init
    return new Submitter({
      self: { peer: identity.peerId, nodeId: identity.nodeId },
      scope: identity.scopeId,
      transport,
      clock,
      scheduler,
      authority: this.client,
      journal: stores.submitterJournal,
      link,
      logger: logger.child({ room: 'submitter' }),
      leaseTtlMs: config.leaseTtlMs,
      taskIds: this.init.taskIds,
      place: (record, exclude) =>
        placeTask(record, exclude, {
          members: this.membership.members(),
          isConnected: (peer: PeerId) => transport.isConnected(peer),
          policy: { remoteExecuteEnabled: config.remoteExecute, leaseGatingEnabled: config.leaseGating },
          runningHere: this.worker.running,
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
    const { transport, book, clock, scheduler, logger, incarnation, config } = this.init
    return new MembershipDriver({
      transport,
      book,
      clock,
      scheduler,
      logger: logger.child({ room: 'membership' }),
      incarnation,
      options: MEMBERSHIP_PRESETS[config.preset],
      ownRecord: () => this.init.ownRecord(this.worker.running),
      onRecord: (peer, record) => this.addresses.learn(peer, record),
    })
  }
}

/** One durable step of consensus. A snapshot takes the place of the log and of the state's records at once. */
function writeLog(stores: NodeStores, { snapshot, hardState, entries }: ReadyWrite): Promise<void> {
  if (snapshot === undefined) return stores.log.append({ hardState, entries })
  const { index, term, configuration, data } = snapshot
  return stores.installSnapshot({
    hardState: present(hardState, 'hard state of an installed snapshot'),
    base: { index, term, configuration },
    records: decodeSnapshot(data),
  })
}

/** A policy that only a newer version knows counts as the default. */
function voterPolicyOf(text: string | null | undefined): VoterPolicy {
  return text === 'always' || text === 'never' ? text : 'auto'
}
