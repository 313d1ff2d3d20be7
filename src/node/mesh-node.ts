/**
 * The composition of one node: which driver gets what. Everything that touches the world comes in through
 * `MeshNodeInit`, so the same composition runs on libp2p and LevelDB and in a simulation. Constructors start
 * nothing; `start` goes from the ground up, `stop` the other way round.
 */
import { AuthorityStateMachine, type SavedState } from '../authority/index.ts'
import type { Clock, CodedError, Incarnation, Logger, PeerId, Random } from '../base/index.ts'
import { MEMBERSHIP_PRESETS, type NodeRecord } from '../membership/index.ts'
import { RAFT_DEFAULTS, RaftCore, type SavedLog } from '../raft/index.ts'
import type { NodeStores } from '../store/index.ts'
import { AddressBook } from './address-book.ts'
import { AuthorityClient } from './authority-client.ts'
import { AuthorityDriver } from './authority-driver.ts'
import { serveAuthority } from './authority-service.ts'
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
import { newIdempotencyKey, newTaskId } from './task-ids.ts'
import { TaskLink } from './task-link.ts'
import { Worker } from './worker.ts'
import type { Executor } from './worker-context.ts'

/** How often the leader looks for leases to expire and voters to add: a small part of the shortest TTL. */
const AUTHORITY_TICK_MS = 50
/** Between KILL and the proof of quiet: reading the process table a few times on a busy machine. */
const PROOF_MS = 250

interface MeshNodeInit {
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
  readonly client: AuthorityClient
  readonly addresses: AddressBook
  readonly membership: MembershipDriver
  readonly worker: Worker
  readonly submitter: Submitter
  readonly rootKeys: RootKeySharing
  private readonly init: MeshNodeInit
  private readonly raft: RaftDriver
  private cancelAuthorityTick: Cancel | undefined

  constructor(init: MeshNodeInit) {
    this.init = init
    const { transport, scheduler, logger, book } = init
    const link = new TaskLink(transport, scheduler, logger.child({ room: 'task' }))
    this.rpc = new Rpc(transport, scheduler, logger.child({ room: 'rpc' }))
    this.core = this.createCore()
    this.authority = this.createAuthority()
    this.raft = this.createRaftDriver()
    this.client = this.createClient()
    serveAuthority(this.rpc, this.authority, this.core)
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
    this.raft.start()
    this.cancelAuthorityTick = this.init.scheduler.every(AUTHORITY_TICK_MS, () => this.authority.tick())
    this.membership.start()
    this.rootKeys.start()
  }

  /** Ends the work first, while leases can still be given back and results sent. */
  async stop(patience: Promise<void>): Promise<void> {
    await this.submitter.stop(patience)
    await Promise.race([this.worker.stop(), patience])
    this.membership.stop()
    this.rootKeys.stop()
    this.cancelAuthorityTick?.()
    this.client.stop()
    this.rpc.stop()
    this.authority.stop()
    await this.raft.stop()
    await Promise.all([this.addresses.saved(), this.init.book.saved()])
  }

  private createCore(): RaftCore {
    const { identity, savedLog, savedState, config, random } = this.init
    const { raftElectionTicks: electionTicks, raftHeartbeatTicks: heartbeatTicks } = config.timings
    return new RaftCore({
      self: identity.peerId,
      saved: savedLog,
      appliedIndex: savedState.appliedIndex,
      options: { ...RAFT_DEFAULTS, electionTicks, heartbeatTicks },
      random: random.fork(),
    })
  }

  private createAuthority(): AuthorityDriver {
    const { transport, book, clock, logger, config, stores, savedState } = this.init
    return new AuthorityDriver({
      core: this.core,
      machine: new AuthorityStateMachine(savedState),
      store: stores.state,
      clock,
      logger: logger.child({ room: 'authority' }),
      driftRatio: config.driftRatio,
      reachablePeers: () => [transport.self, ...transport.connectedPeers()],
      onEvent: (event) => {
        if (event.type === 'peer-admitted') book.add([event.entry])
        if (event.type === 'lease-ended') {
          const { scopeKey, leaseId } = event.lease
          // Nothing but a release says that its holder has come to its end.
          this.submitter.leaseEnded(scopeKey, leaseId, event.how === 'released' ? 'released' : 'expired')
        }
      },
      kick: () => this.raft.kick(),
    })
  }

  private createRaftDriver(): RaftDriver {
    const { stores, transport, scheduler, logger, config, fatal } = this.init
    return new RaftDriver({
      core: this.core,
      log: stores.log,
      transport,
      scheduler,
      logger: logger.child({ room: 'raft' }),
      tickMs: config.timings.raftTickMs,
      apply: (entries) => this.authority.apply(entries),
      observe: () => this.authority.observe(),
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
      newTaskId,
      newKey: newIdempotencyKey,
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
