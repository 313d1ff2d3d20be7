/**
 * One machine of the world: its clock, its disk, its guardian, and one process after another that runs a whole production
 * `MeshNode`. Everything that the simulator knows of how a node is composed is in `boot`.
 */
import {
  CodedError,
  type LeaseId,
  type PeerId,
  type Random,
  type ScopeKey,
  silentLogger,
  type TaskId,
} from '../../src/base/index.ts'
import type { NodeConfig } from '../../src/node/config/index.ts'
import { MeshNode, type PeerEvent, RosterBook } from '../../src/node/index.ts'
import type { RaftOptions } from '../../src/raft/index.ts'
import type { ObservedFact } from '../observation.ts'
import type { EventQueue } from './event-queue.ts'
import { identityOf, peerOf, rosterEntryOf } from './foundation.ts'
import type { HardwareClock } from './hardware-clock.ts'
import { type Life, newLife, taskIds } from './life.ts'
import type { Endpoint, Network } from './network.ts'
import type { Damage, VirtualDisk } from './virtual-disk.ts'
import type { VirtualGuardian } from './virtual-guardian.ts'
import type { VirtualProcess } from './virtual-process.ts'

/** Nobody forges records here. */
const RECORD_SIGNER = { sign: () => new Uint8Array(64), verify: () => true }

/** Messages about tasks from one peer that may come in once more (fault `echo`). */
export const ECHOES_MAX = 32

/** After a node gave itself up, the service manager starts it again. */
const RESTART_AFTER_MS = { min: 300, max: 2000 } as const
/** A new process waits for the guardian of the one before. */
const GUARDIAN_WAIT_MS = 20
/** Time that a node gets for an orderly stop, beyond the grace of its commands. */
const STOP_PATIENCE_MS = 3000

export interface MachineInit {
  readonly name: string
  readonly queue: EventQueue
  readonly network: Network
  readonly random: Random
  readonly clock: HardwareClock
  readonly disk: VirtualDisk
  readonly config: NodeConfig
  readonly raftOptions: Partial<RaftOptions>
  /** Names of the machines that it knows when it comes up first. */
  readonly knows: readonly string[]
  readonly observe: (fact: ObservedFact) => void
  readonly keyOfLease: Map<LeaseId, ScopeKey>
  readonly taskOfKey: Map<string, TaskId>
  /** The node did something that no fault excuses. */
  readonly defect: (message: string) => void
}

export class Machine implements Endpoint {
  readonly name: string
  readonly peer: PeerId
  readonly clock: HardwareClock
  readonly disk: VirtualDisk
  private readonly init: MachineInit
  private readonly random: Random
  private lives = 0
  private ops = 0
  private current: Life | undefined
  private lastGuardian: VirtualGuardian | undefined
  /** Names in its roster, which survives its processes. */
  known: readonly string[]
  /** To be started again when the process that is on its way down is gone. */
  private isWanted = false
  /** The disk was harmed by the world: the node may refuse it. */
  private isDamaged = false
  /** Its owner makes a new store: until then it stays off. */
  private isInRepair = false
  /** Its store had been rebuilt and not yet been taken back, when its last process ended. */
  private wasRejoining = false
  /** What it last heard about tasks, in all its lives, by whom it was said. */
  private readonly echoes = new Map<PeerId, Uint8Array[]>()
  /** Called with each node that is up and running. */
  onRunning: (node: MeshNode) => void = () => undefined
  /** Called when everything that was on its disk is gone. */
  onEmptied: () => void = () => undefined

  constructor(init: MachineInit) {
    this.init = init
    this.name = init.name
    this.peer = peerOf(init.name)
    this.clock = init.clock
    this.disk = init.disk
    this.disk.tellProcess = (work) => this.take(work)
    this.random = init.random
    this.known = init.knows
  }

  get life(): number {
    return this.lives
  }

  get isUp(): boolean {
    return this.current !== undefined
  }

  get isAwake(): boolean {
    return !this.clock.isAsleep
  }

  /** Its log was damaged, and it has not been taken back into the group since. */
  get isWithoutLog(): boolean {
    return this.isDamaged || this.isInRepair || (this.current?.stores?.rejoin.isPending ?? this.wasRejoining)
  }

  /** The node, when it is awake, has come up and is not on its way down. */
  get running(): MeshNode | undefined {
    const { current } = this
    return current?.isServing && this.isAwake ? current.node : undefined
  }

  /** Lease operations of its node that wait for an answer. */
  get openOperations(): number {
    return this.current?.tap.openOperations ?? 0
  }

  /** The process itself: to call back on its clock, and never after its end. */
  get process(): VirtualProcess | undefined {
    return this.current?.process
  }

  /** Reads one key at the authority, as a told operation. */
  async view(key: ScopeKey, deadlineMs: number): Promise<void> {
    await this.current?.tap.view(key, deadlineMs)
  }

  get executor() {
    const { current } = this
    return current?.guardian.executorFor(current.process)
  }

  /** What `from` said to this machine about tasks, `back` messages ago. */
  heard(from: PeerId, back: number): Uint8Array | undefined {
    return this.echoes.get(from)?.at(-1 - back)
  }

  isAdmitted(peer: PeerId): boolean {
    return this.known.some((name) => peerOf(name) === peer)
  }

  take(work: () => void): void {
    this.current?.process.take(work)
  }

  tellPeer(event: PeerEvent): void {
    this.current?.transport.tellPeer(event)
  }

  deliver(from: PeerId, protocol: string, bytes: Uint8Array): void | Promise<void> {
    if (protocol === 'task') this.keepEcho(from, bytes)
    return this.current?.transport.deliver(from, protocol, bytes)
  }

  deliverGossip(from: PeerId, bytes: Uint8Array): void {
    this.current?.transport.deliverGossip(from, bytes)
  }

  start(): void {
    if (this.current?.isStopping) this.isWanted = true
    if (this.current !== undefined || this.isInRepair) return
    this.isWanted = false
    if (this.lastGuardian?.isQuiet === false) {
      this.init.queue.after(GUARDIAN_WAIT_MS, () => this.start())
      return
    }
    const life = this.begin()
    this.current = life
    this.boot(life).catch((thrown: unknown) => this.gaveUp(life, thrown))
  }

  /** SIGKILL, or the power goes: nothing is said, and the batch under way reaches the disk or does not. */
  kill(how: 'process' | 'power'): void {
    const life = this.current
    if (life === undefined) return
    this.wake()
    const batch = this.disk.crash()
    this.init.observe({ type: 'fault', node: this.peer, what: `crash (${how}), batch under way: ${batch}` })
    this.ended(life, 'crash', how === 'power')
  }

  /** The power goes, and takes something of the disk along. */
  damage(damage: Damage): void {
    this.wake()
    this.isDamaged = true
    const what = this.disk.damage(damage)
    this.init.observe({ type: 'fault', node: this.peer, what: `disk ${damage}: ${what}` })
    if (this.current !== undefined) this.ended(this.current, 'crash', true)
    if (damage !== 'emptied') return
    this.init.observe({ type: 'journal-lost', node: this.peer })
    this.onEmptied()
  }

  /** SIGTERM. */
  stop(): void {
    const life = this.current
    const node = life?.node
    if (life === undefined || node === undefined || life.isStopping) return
    life.isServing = false
    life.isStopping = true
    const { stopGraceMs } = this.init.config
    const patience = new Promise<void>((resolve) =>
      life.process.after(stopGraceMs + STOP_PATIENCE_MS, resolve),
    )
    void node
      .stop(patience)
      .then(() => life.stores?.close())
      .then(
        () => this.ended(life, 'stop', false),
        (thrown: unknown) => this.gaveUp(life, thrown),
      )
  }

  suspend(): void {
    if (this.current === undefined || this.clock.isAsleep) return
    this.clock.suspend()
    this.current.guardian.fellAsleep()
    this.init.network.fellAsleep(this.peer)
  }

  wake(): void {
    if (!this.clock.isAsleep) return
    this.clock.wake()
    this.current?.process.goOn()
    this.current?.guardianProcess.goOn()
    this.init.network.wokeUp(this.peer)
  }

  private begin(): Life {
    this.lives += 1
    const life = newLife({
      ...this.init,
      peer: this.peer,
      number: this.lives,
      guardianRandom: this.random.fork(),
      nextOp: () => ++this.ops,
      uncaught: (thrown) => this.gaveUp(life, thrown),
    })
    this.lastGuardian = life.guardian
    return life
  }

  private keepEcho(from: PeerId, message: Uint8Array): void {
    const kept = this.echoes.get(from) ?? []
    this.echoes.set(from, kept)
    kept.push(message)
    if (kept.length > ECHOES_MAX) kept.shift()
  }

  private async boot(life: Life): Promise<void> {
    const { config, raftOptions, network } = this.init
    const { process, transport, tap, taskTap, guardian } = life
    const opened = await this.disk.open()
    const [savedLog, savedState] = [await opened.log.load(), await opened.state.load()]
    if (process.isOver) return
    this.isDamaged = false
    this.disk.isSound()
    tap.began(life.number, savedLog, savedState)
    const stores = { ...tap.stores(opened), ...taskTap.stores(opened) }
    const node = new MeshNode({
      identity: identityOf(this.name),
      config,
      stores,
      savedLog,
      savedState,
      transport,
      executor: guardian.executorFor(process),
      clock: process,
      scheduler: process,
      random: this.random.fork(),
      taskIds: taskIds(this.random.fork()),
      raftOptions,
      logger: silentLogger,
      events: { record: () => undefined },
      life: life.number,
      // The next process of this machine has a higher one in any case.
      keepLife: () => Promise.resolve(),
      recordSigner: RECORD_SIGNER,
      orderKeys: RECORD_SIGNER,
      book: this.book(),
      ownRecord: (runningTasks) => ({
        id: this.name,
        capabilities: {},
        version: '0',
        last_seen_unix_ms: process.wall(),
        remote_execute: config.remoteExecute,
        running_tasks: runningTasks,
        voter_policy: config.voterPolicy,
        witness: config.witness,
      }),
      keepRootKey: () => Promise.resolve(),
      fatal: (error) => this.gaveUp(life, error),
    })
    life.stores = stores
    life.node = node
    tap.attach(node)
    network.cameUp(this.peer)
    await node.start()
    if (process.isOver || life.isStopping) return
    life.isServing = true
    this.onRunning(node)
  }

  private book(): RosterBook {
    const book = new RosterBook({
      verify: () => ({ isAdmin: true }),
      save: (entries) => {
        this.known = entries.map(({ nodeId }) => nodeId)
        this.init.network.cameUp(this.peer)
        return Promise.resolve()
      },
      logger: silentLogger,
    })
    book.add(this.known.map(rosterEntryOf))
    return book
  }

  /** The node cannot go on. A store that failed because its disk did is what it should do; all else is a defect. */
  private gaveUp(life: Life, thrown: unknown): void {
    if (this.current !== life) return
    const code = thrown instanceof CodedError ? thrown.code : 'internal'
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    const { observe, queue, defect } = this.init
    observe({ type: 'fault', node: this.peer, what: `the node gave up: ${code}: ${reason}` })
    const isRefusal = life.node === undefined && code !== 'store.write_failed'
    const isExcused = code === 'store.write_failed' || (isRefusal && this.isDamaged)
    // What a stop that lost its patience leaves behind finds a closed store; the process ends in that instant.
    if (!isExcused && !life.isStopping)
      defect(`${this.name}: ${thrown instanceof Error ? thrown.stack : reason}`)
    this.disk.crash()
    this.ended(life, 'failed', false)
    const { min, max } = RESTART_AFTER_MS
    const delayMs = this.random.integer(min, max)
    if (isRefusal) this.repairAfter(delayMs)
    else queue.after(delayMs, () => this.start())
  }

  /** `populi store rejoin`, by its owner, who was told what is wrong. */
  private repairAfter(delayMs: number): void {
    this.isInRepair = true
    this.init.queue.after(delayMs, () => {
      void this.disk.rebuild().then(() => {
        this.init.observe({ type: 'wiped', node: this.peer })
        this.isInRepair = false
        this.wasRejoining = true
        this.start()
      })
    })
  }

  private ended(life: Life, how: 'crash' | 'stop' | 'failed', powerIsGone: boolean): void {
    if (this.current !== life) return
    if (life.node !== undefined) this.init.observe({ type: 'life-ended', node: this.peer, how })
    life.tap.end()
    life.taskTap.end()
    life.process.end()
    if (powerIsGone) {
      life.guardian.powerLost()
      life.guardianProcess.end()
    } else life.guardian.nodeGone()
    this.wasRejoining = life.stores?.rejoin.isPending ?? this.wasRejoining
    this.current = undefined
    this.init.network.wentDown(this.peer, powerIsGone)
    if (this.isWanted) this.init.queue.after(GUARDIAN_WAIT_MS, () => this.start())
  }
}
