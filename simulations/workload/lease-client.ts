/**
 * A client of the authority on one machine, through the node's own `AuthorityClient`: asks for leases of a few keys that others
 * want as well, runs something under those that it gets, renews by the production `HeldLease`, and gives them back or lets
 * them run out. Now and then it asks for what it has no right to.
 */
import { type ClientCommand, HeldLease } from '../../src/authority/index.ts'
import {
  type ExecutionId,
  type LeaseId,
  type Random,
  type ScopeKey,
  toCodedError,
} from '../../src/base/index.ts'
import type { Execution } from '../../src/exec/index.ts'
import type { MeshNode } from '../../src/node/index.ts'
import type { Machine } from '../world/machine.ts'
import type { VirtualProcess } from '../world/virtual-process.ts'
import type { World } from '../world/world.ts'

export interface LeaseWorkload {
  /** Few, so that they are wanted by several at once. */
  readonly keys: number
  readonly ttlMs: number
  /** Between two operations of one client, on average. */
  readonly pauseMs: number
}

/** What a holder's work gets to stop, and the proof that it did: as in the worker. */
const BUDGET = { graceMs: 300, proofMs: 250 } as const
const TICK_MS = 50
/** A view or grant is given up after this; a renewal after a third of its TTL. */
const DEADLINE_MS = 3000
/** Of the revocations. */
const FORCED_PART = 0.25

interface Holding {
  readonly key: ScopeKey
  readonly held: HeldLease
  readonly execution: Execution
}

export class LeaseClient {
  private readonly world: World
  private readonly machine: Machine
  private readonly workload: LeaseWorkload
  private readonly random: Random
  private readonly driftRatio: number
  private readonly holdings = new Map<ScopeKey, Holding>()
  private readonly seen: { key: ScopeKey; leaseId: LeaseId }[] = []
  private life = 0
  private asking = 0
  private isStopped = false

  constructor(init: {
    world: World
    machine: Machine
    workload: LeaseWorkload
    random: Random
    driftRatio: number
  }) {
    this.world = init.world
    this.machine = init.machine
    this.workload = init.workload
    this.random = init.random
    this.driftRatio = init.driftRatio
  }

  start(): void {
    const { pauseMs } = this.workload
    this.world.queue.after(this.random.float() * 2 * pauseMs, () => {
      if (this.isStopped) return
      this.step()
      this.start()
    })
  }

  /** Asks for nothing new; what it holds, it gives back or lets run out. */
  stop(): void {
    this.isStopped = true
    for (const { execution } of this.holdings.values()) execution.end('the workload is over')
  }

  /** Nothing that it asked for or holds is open. */
  get isAtRest(): boolean {
    this.turn()
    return this.asking === 0 && this.holdings.size === 0
  }

  /** One more grant, of a key that nobody else wants, to see whether there is an authority; resolves to whether it came. */
  async probe(): Promise<boolean> {
    const node = this.turn()
    if (node === undefined) return false
    const { ttlMs } = this.workload
    const { peer: holder } = this.machine
    const key = `probe-${this.machine.name}` as ScopeKey
    const command = { type: 'lease.grant', scopeKey: key, holder, ttlMs } as const
    const granted = await this.execute(node, command, DEADLINE_MS)
    if (granted === undefined) return false
    await this.release(node, granted.answer.id as LeaseId)
    return true
  }

  private step(): void {
    const node = this.turn()
    const { process } = this.machine
    if (node === undefined || process === undefined) return
    const draw = this.random.float()
    const key = this.drawKey()
    const old = this.seen[this.random.integer(0, Math.max(0, this.seen.length - 1))]
    if (draw < 0.15) void this.view(key)
    else if (draw < 0.18) void this.revoke(node, key)
    else if (draw < 0.25 && old !== undefined) void this.perhapsStale(node, old)
    else if (!this.holdings.has(key)) void this.grant(node, process, key)
  }

  /** The node to ask, after what ended with an earlier life of it was noted. */
  private turn(): MeshNode | undefined {
    if (this.life !== this.machine.life) {
      this.life = this.machine.life
      this.holdings.clear()
      this.asking = 0
    }
    return this.machine.running
  }

  private async grant(node: MeshNode, process: VirtualProcess, key: ScopeKey): Promise<void> {
    const { ttlMs } = this.workload
    const { peer: holder } = this.machine
    const granted = await this.execute(
      node,
      { type: 'lease.grant', scopeKey: key, holder, ttlMs },
      DEADLINE_MS,
    )
    if (granted === undefined) return
    const leaseId = granted.answer.id as LeaseId
    this.seen.push({ key, leaseId })
    const { driftRatio } = this
    const held = new HeldLease({ leaseId, ttlMs, sentAt: granted.sentAt, driftRatio, budget: BUDGET })
    if (held.tick(process.now()) !== 'lost') this.hold(node, process, key, held)
  }

  private hold(node: MeshNode, process: VirtualProcess, key: ScopeKey, held: HeldLease): void {
    const { leaseId } = held
    const execution = this.machine.executor?.run(
      {
        executionId: `${this.name}-${leaseId}` as ExecutionId,
        argv: [
          'work',
          String(this.random.integer(20, 4000)),
          this.random.float() < 0.7 ? 'obeys' : 'ignores',
        ],
        cwd: undefined,
        env: { POPULI_SCOPE_KEY: key, POPULI_FENCING_TOKEN: String(leaseId) },
        deadline: held.plan,
      },
      () => Promise.resolve(),
    )
    if (execution === undefined) return
    const holding: Holding = { key, held, execution }
    this.holdings.set(key, holding)
    const cancel = process.every(TICK_MS, () => this.tick(node, process, holding))
    void execution.ended.then(() => {
      cancel()
      if (this.holdings.get(key) === holding) this.holdings.delete(key)
      // Now and then it forgets to say so: the lease runs out.
      if (this.random.float() < 0.7) void this.release(node, leaseId)
    })
  }

  private tick(node: MeshNode, process: VirtualProcess, { held, execution }: Holding): void {
    const action = held.tick(process.now())
    if (action === 'lost') execution.end('the lease is lost')
    if (action === 'renew') void this.renew(node, held, execution)
  }

  private async renew(node: MeshNode, held: HeldLease, execution: Execution): Promise<void> {
    const { leaseId } = held
    const command = { type: 'lease.renew', leaseId } as const
    const renewed = await this.execute(node, command, this.workload.ttlMs / 3, () => held.refused())
    if (renewed === undefined) return
    held.renewed(renewed.sentAt)
    execution.extend(held.plan)
  }

  private async release(node: MeshNode, leaseId: LeaseId): Promise<void> {
    await this.execute(node, { type: 'lease.release', leaseId }, DEADLINE_MS)
  }

  /** As an owner who wants a machine back; now and then by force, which waives the promise of a single owner. */
  private async revoke(node: MeshNode, key: ScopeKey): Promise<void> {
    const lease = node.authority.machine.leases().find(({ scopeKey }) => scopeKey === key)
    if (lease === undefined) return
    const { leaseId } = lease
    const force = this.random.float() < FORCED_PART
    await this.execute(node, { type: 'lease.revoke', leaseId, force }, DEADLINE_MS)
  }

  /** A renewal in the name of a lease of the past. (Not a release: nothing proved that what runs under it is quiet.) */
  private async perhapsStale(
    node: MeshNode,
    { key, leaseId }: { key: ScopeKey; leaseId: LeaseId },
  ): Promise<void> {
    if (this.holdings.get(key)?.held.leaseId === leaseId) return
    await this.execute(node, { type: 'lease.renew', leaseId }, DEADLINE_MS)
  }

  private async view(key: ScopeKey): Promise<void> {
    const { life } = this
    this.asking += 1
    await this.machine.view(key, DEADLINE_MS)
    if (life === this.life) this.asking -= 1
  }

  /** `undefined` when it was refused, or nobody knows. */
  private async execute(
    node: MeshNode,
    command: ClientCommand,
    deadlineMs: number,
    onRefusal: () => void = () => undefined,
  ) {
    const { life } = this
    this.asking += 1
    try {
      return await node.client.execute(command, deadlineMs)
    } catch (thrown) {
      const { code } = toCodedError(thrown)
      if (code === 'lease.unknown' || code === 'lease.not_holder') onRefusal()
      return undefined
    } finally {
      if (life === this.life) this.asking -= 1
    }
  }

  private drawKey(): ScopeKey {
    return `key-${this.random.integer(1, this.workload.keys)}` as ScopeKey
  }

  private get name(): string {
    return `client of ${this.machine.name}`
  }
}
