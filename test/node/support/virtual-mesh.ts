/**
 * Several composed nodes over a virtual clock and network and over stores in memory: the same `MeshNode` as in production,
 * only without processes and sockets. Time passes only in `run`.
 */

import type { AuthorityCommand } from '../../../src/authority/commands.ts'
import { encodeProposal, type RosterEntry } from '../../../src/authority/index.ts'
import {
  type BootMs,
  bootMs,
  type Clock,
  CodedError,
  incarnation,
  type NodeId,
  type PeerId,
  Random,
  silentLogger,
  type UnixMs,
  unixMs,
} from '../../../src/base/index.ts'
import type { Execution, ExecutionEnd, ExecutionSpec, OutputReader } from '../../../src/exec/index.ts'
import type { NodeConfig } from '../../../src/node/config/index.ts'
import { type Identity, SigningKey } from '../../../src/node/identity/index.ts'
import { MeshNode } from '../../../src/node/mesh-node.ts'
import type { Cancel, PeerEvent, Scheduler, SendResult, Transport } from '../../../src/node/ports.ts'
import { RosterBook } from '../../../src/node/roster-book.ts'
import { unpredictableTaskIds } from '../../../src/node/task-ids.ts'
import { bootstrapLog } from '../../../src/raft/index.ts'
import { MemoryDisk, openMemoryStores } from '../../../src/store/index.ts'

const LATENCY_MS = 2

/** A clock and the timers that run by it. */
export class VirtualTime implements Clock, Scheduler {
  private at = 1000
  private order = 0
  private readonly timers = new Map<number, { at: number; callback: () => void }>()

  now(): BootMs {
    return bootMs(this.at)
  }

  wall(): UnixMs {
    return unixMs(1_700_000_000_000 + this.at)
  }

  after(delayMs: number, callback: () => void): Cancel {
    const id = ++this.order
    this.timers.set(id, { at: this.at + delayMs, callback })
    return () => this.timers.delete(id)
  }

  every(periodMs: number, callback: () => void): Cancel {
    let cancel: Cancel = () => undefined
    const again = (): void => {
      cancel = this.after(periodMs, again)
      callback()
    }
    cancel = this.after(periodMs, again)
    return () => cancel()
  }

  /** Lets `ms` pass, timer by timer; between two, whatever was woken up comes to rest. */
  async run(ms: number): Promise<void> {
    const end = this.at + ms
    for (;;) {
      await settle()
      let next: { id: number; at: number; callback: () => void } | undefined
      for (const [id, timer] of this.timers) {
        if (timer.at <= end && (next === undefined || timer.at < next.at)) next = { id, ...timer }
      }
      if (next === undefined) break
      this.timers.delete(next.id)
      this.at = Math.max(this.at, next.at)
      next.callback()
    }
    this.at = end
    await settle()
  }

  /** @throws when `condition` does not hold within `ms`. */
  async until(what: string, condition: () => boolean, ms = 20_000): Promise<void> {
    const end = this.at + ms
    while (!condition()) {
      if (this.at >= end) throw new RangeError(`not within ${ms} ms: ${what}`)
      await this.run(10)
    }
  }
}

/** Promises that depend on promises, some turns deep. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** One life of one machine: after its end, nothing of it happens any more. */
class Life implements Clock, Scheduler {
  over = false
  private readonly time: VirtualTime

  constructor(time: VirtualTime) {
    this.time = time
  }

  now(): BootMs {
    return this.time.now()
  }

  wall(): UnixMs {
    return this.time.wall()
  }

  after(delayMs: number, callback: () => void): Cancel {
    return this.time.after(delayMs, () => (this.over ? undefined : callback()))
  }

  every(periodMs: number, callback: () => void): Cancel {
    return this.time.every(periodMs, () => (this.over ? undefined : callback()))
  }
}

class VirtualTransport implements Transport {
  readonly self: PeerId
  private readonly net: VirtualMesh
  readonly handlers = new Map<string, (from: PeerId, message: Uint8Array) => void | Promise<void>>()
  readonly peerHandlers: ((event: PeerEvent) => void)[] = []
  readonly gossipHandlers: ((from: PeerId, message: Uint8Array) => void)[] = []

  constructor(self: PeerId, net: VirtualMesh) {
    this.self = self
    this.net = net
  }

  isConnected(peer: PeerId): boolean {
    return this.net.linked(this.self, peer)
  }

  connectedPeers(): readonly PeerId[] {
    return this.net.peers().filter((peer) => this.isConnected(peer))
  }

  send(peer: PeerId, protocol: string, message: Uint8Array): SendResult {
    if (!this.isConnected(peer)) return 'disconnected'
    this.net.deliver(this.self, peer, (to) => to.handlers.get(protocol)?.(this.self, message))
    return 'queued'
  }

  hangUp(peer: PeerId): void {
    this.net.hangUp(this.self, peer)
  }

  onMessage(protocol: string, handler: (from: PeerId, message: Uint8Array) => void | Promise<void>): void {
    this.handlers.set(protocol, handler)
  }

  onPeer(handler: (event: PeerEvent) => void): void {
    this.peerHandlers.push(handler)
  }

  publish(message: Uint8Array): Promise<void> {
    for (const peer of this.connectedPeers()) {
      this.net.deliver(this.self, peer, (to) => {
        for (const handler of to.gossipHandlers) handler(this.self, message)
      })
    }
    return Promise.resolve()
  }

  onGossip(handler: (from: PeerId, message: Uint8Array) => void): void {
    this.gossipHandlers.push(handler)
  }
}

/** Commands are functions of virtual time: `sleep MS`, `forever`, `print N CHUNK_BYTES`. */
export class VirtualExecutor {
  /** Spans in which something executed, by this machine: for the single-owner check. */
  readonly spans: { key: string; from: number; to: number | undefined }[] = []
  private readonly time: VirtualTime
  private readonly stops = new Set<(cause: ExecutionEnd['cause']) => void>()

  constructor(time: VirtualTime) {
    this.time = time
  }

  run(spec: ExecutionSpec, onOutput: OutputReader): Execution {
    if (spec.argv[0] === 'too-many')
      throw new CodedError('limit.exceeded', { what: 'executions', got: 2, max: 1 })
    const span = {
      key: String(spec.env['POPULI_TASK_ID']),
      from: this.time.now() as number,
      to: undefined as number | undefined,
    }
    this.spans.push(span)
    let end: (value: ExecutionEnd) => void = () => undefined
    const ended = new Promise<ExecutionEnd>((resolve) => {
      end = resolve
    })
    let killAt = spec.deadline.killAt as number
    const finish = (cause: ExecutionEnd['cause'], exitCode?: number): void => {
      if (span.to !== undefined) return
      span.to = this.time.now()
      this.stops.delete(stop)
      end({ exitCode, signal: undefined, cause, quiet: true })
    }
    const stop = (cause: ExecutionEnd['cause']): void => finish(cause)
    this.stops.add(stop)
    const [name, amount = '0', size = '0'] = spec.argv
    if (name === 'sleep') this.time.after(Number(amount), () => finish('exited', 0))
    if (name === 'print')
      void this.print(Number(amount), Number(size), onOutput).then(() => finish('exited', 0))
    const watch = (): void => {
      if (span.to !== undefined) return
      if (this.time.now() >= killAt) finish('deadline')
      else this.time.after(5, watch)
    }
    watch()
    return {
      executionId: spec.executionId,
      started: Promise.resolve({ pid: 1 }),
      ended,
      extend: (deadline) => {
        killAt = deadline.killAt
      },
      end: () => void this.time.after(1, () => finish('killed-on-order')),
    }
  }

  /** The machine is gone, or its guardian saw the node go: everything ends now. */
  killAll(): void {
    for (const stop of [...this.stops]) stop('guardian-lost')
  }

  private async print(count: number, size: number, onOutput: OutputReader): Promise<void> {
    for (let at = 0; at < count; at++) await onOutput('stdout', new Uint8Array(size).fill(at % 256))
  }
}

export interface VirtualNode {
  readonly name: string
  readonly peer: PeerId
  readonly disk: MemoryDisk
  readonly executor: VirtualExecutor
  node: MeshNode
  transport: VirtualTransport
  up: boolean
  life: number
  time: Life
  /** On this machine's disk. */
  rootKey: SigningKey | undefined
}

export const TEST_CONFIG = {
  leaseTtlMs: 3000,
  driftRatio: 0.01,
  stopGraceMs: 500,
  remoteExecute: true,
  leaseGating: true,
  preset: 'lan',
  voterPolicy: 'auto',
  witness: false,
  timings: {
    raftTickMs: 25,
    raftHeartbeatTicks: 2,
    raftLearnerHeartbeatTicks: 40,
    raftElectionTicks: 12,
    deadVoterMs: 60_000,
    stableLearnerMs: 500,
    shrinkVotersMs: 24 * 3_600_000,
  },
} as unknown as NodeConfig

export class VirtualMesh {
  readonly time = new VirtualTime()
  readonly nodes: VirtualNode[] = []
  readonly failures: unknown[] = []
  private readonly cut = new Set<string>()
  /** Links that lost everything without a word: both ends still take them for open. */
  private readonly dead = new Set<string>()
  private readonly names: readonly string[]
  private readonly rootKey = SigningKey.generate()

  private constructor(names: readonly string[]) {
    this.names = names
  }

  static async start(names: readonly string[], config: Partial<NodeConfig> = {}): Promise<VirtualMesh> {
    const mesh = new VirtualMesh(names)
    const roster = names.map((name) => entryOf(name))
    for (const [at, name] of names.entries()) {
      const disk = new MemoryDisk()
      const peer = peerOf(name)
      const stores = await openMemoryStores(disk, { create: true })
      if (at === 0) await stores.log.append(foundation(roster))
      await stores.close()
      const executor = new VirtualExecutor(mesh.time)
      const rootKey = at === 0 ? mesh.rootKey : undefined
      mesh.nodes.push({ name, peer, disk, executor, rootKey, up: false, life: 0 } as unknown as VirtualNode)
      await mesh.boot(name, config)
    }
    return mesh
  }

  get(name: string): VirtualNode {
    const found = this.nodes.find((node) => node.name === name)
    if (found === undefined) throw new RangeError(`no node ${name}`)
    return found
  }

  peers(): PeerId[] {
    return this.nodes.map(({ peer }) => peer)
  }

  leader(): VirtualNode | undefined {
    return this.nodes.find(({ up, node }) => up && node.authority.governs)
  }

  linked(a: PeerId, b: PeerId): boolean {
    const up = (peer: PeerId): boolean => this.nodes.some((node) => node.peer === peer && node.up)
    return a !== b && up(a) && up(b) && !this.cut.has(linkName(a, b))
  }

  deliver(from: PeerId, to: PeerId, work: (to: VirtualTransport) => unknown): void {
    const target = this.nodes.find(({ peer }) => peer === to)?.transport
    this.time.after(LATENCY_MS, () => {
      const now = this.nodes.find(({ peer }) => peer === to)
      if (target === undefined || now?.transport !== target || !this.linked(from, to)) return
      if (this.dead.has(linkName(from, to))) return
      try {
        const outcome = work(target)
        if (outcome instanceof Promise) outcome.catch((error: unknown) => this.failures.push(error))
      } catch (error) {
        this.failures.push(error)
      }
    })
  }

  async boot(name: string, config: Partial<NodeConfig> = {}): Promise<void> {
    const entry = this.get(name)
    const stores = await openMemoryStores(entry.disk, { create: false })
    const transport = new VirtualTransport(entry.peer, this)
    const book = new RosterBook({
      verify: () => ({ isAdmin: true }),
      save: () => Promise.resolve(),
      logger: silentLogger,
    })
    book.add(this.names.map(entryOf))
    const life = new Life(this.time)
    entry.time = life
    entry.life += 1
    entry.transport = transport
    entry.node = new MeshNode({
      identity: this.identityOf(entry),
      config: { ...TEST_CONFIG, ...config },
      stores,
      savedLog: await stores.log.load(),
      savedState: await stores.state.load(),
      transport,
      executor: entry.executor,
      clock: life,
      scheduler: life,
      random: new Random(this.nodes.indexOf(entry) * 100 + entry.life),
      taskIds: unpredictableTaskIds,
      logger: silentLogger,
      incarnation: incarnation(entry.life),
      book,
      ownRecord: (runningTasks) => ({
        id: name,
        capabilities: {},
        version: '0',
        last_seen_unix_ms: 0,
        remote_execute: true,
        running_tasks: runningTasks,
      }),
      keepRootKey: (rootKey) => {
        entry.rootKey = rootKey
        return Promise.resolve()
      },
      fatal: (error) => {
        if (!life.over) this.failures.push(error)
      },
    })
    entry.up = true
    for (const other of this.nodes) {
      if (other !== entry && other.up) this.meet(entry, other)
    }
    await entry.node.start()
  }

  /** SIGKILL: nothing is said, the guardian ends what ran, un-synced writes are lost. */
  kill(name: string): void {
    const entry = this.get(name)
    entry.up = false
    entry.time.over = true
    entry.executor.killAll()
    entry.disk.crash()
    for (const other of this.nodes) if (other.up) this.tell(other, { type: 'disconnected', peer: entry.peer })
  }

  /** Closes or opens the link between two nodes. */
  link(a: string, b: string, open: boolean): void {
    const [left, right] = [this.get(a), this.get(b)]
    const name = linkName(left.peer, right.peer)
    if (open) {
      this.cut.delete(name)
      if (left.up && right.up) this.meet(left, right)
    } else {
      this.cut.add(name)
      this.tell(left, { type: 'disconnected', peer: right.peer })
      this.tell(right, { type: 'disconnected', peer: left.peer })
    }
  }

  /** The link goes silent: what is sent is lost, and nobody is told. */
  silence(a: string, b: string): void {
    this.dead.add(linkName(this.get(a).peer, this.get(b).peer))
  }

  /** The link is as new, whatever was done to it. */
  restore(a: string, b: string): void {
    const name = linkName(this.get(a).peer, this.get(b).peer)
    const wasDead = this.dead.delete(name)
    // What was lost in the silence is lost: a stream does not go on after a gap.
    if (wasDead && !this.cut.has(name)) this.link(a, b, false)
    if (this.cut.has(name)) this.link(a, b, true)
  }

  /** Pairs of executions of one task that ran at one instant: there must be none. */
  overlaps(): readonly string[] {
    const spans = this.nodes.flatMap(({ executor }) => executor.spans)
    const found: string[] = []
    for (const [at, one] of spans.entries()) {
      for (const other of spans.slice(at + 1)) {
        const [first, second] = one.from <= other.from ? [one, other] : [other, one]
        const isOver = (first.to ?? Number.POSITIVE_INFINITY) <= second.from
        if (one.key === other.key && !isOver)
          found.push(`${one.key}: ${first.from}–${first.to}, ${second.from}–`)
      }
    }
    return found
  }

  /** One end gives a silent link up; the other would notice by itself, later. */
  hangUp(self: PeerId, peer: PeerId): void {
    const [left, right] = [self, peer].map((id) => this.nodes.find((node) => node.peer === id))
    if (left === undefined || right === undefined || !this.dead.has(linkName(self, peer))) return
    if (!this.cut.has(linkName(self, peer))) this.link(left.name, right.name, false)
  }

  private identityOf({ peer, name, rootKey }: VirtualNode): Identity {
    const { publicKey: rootPublicKey } = this.rootKey
    return { peerId: peer, nodeId: name, scopeId: 'scope', rootPublicKey, rootKey } as unknown as Identity
  }

  private meet(left: VirtualNode, right: VirtualNode): void {
    this.tell(left, { type: 'connected', peer: right.peer })
    this.tell(right, { type: 'connected', peer: left.peer })
  }

  private tell(node: VirtualNode, event: PeerEvent): void {
    for (const handler of node.transport.peerHandlers) handler(event)
  }
}

const linkName = (a: PeerId, b: PeerId): string => [a, b].sort().join('~')
export const peerOf = (name: string): PeerId => `12D3KooW${name.padEnd(44, 'x')}` as PeerId

function entryOf(name: string): RosterEntry {
  return {
    peer: peerOf(name),
    nodeId: name as NodeId,
    statement: new Uint8Array(1),
    signature: new Uint8Array(1),
    addresses: [],
  }
}

/** The founder's log: itself as the sole voter, and everybody in the roster. */
function foundation(roster: readonly RosterEntry[]) {
  const [founder] = roster
  if (founder === undefined) throw new RangeError('a mesh has a founder')
  const first = bootstrapLog(founder.peer)
  const commands = roster.flatMap((entry, at): AuthorityCommand[] =>
    at === 0
      ? [{ type: 'roster.found', entry } as const]
      : [
          {
            type: 'invite.create',
            inviteId: `i${at}`,
            derivedKey: new Uint8Array(1),
            expiresUnixMs: unixMs(9e15),
          } as const,
          { type: 'roster.admit', inviteId: `i${at}`, entry } as const,
        ],
  )
  const entries = commands.map((command, at) => ({
    index: (at + 2) as never,
    term: 1 as never,
    kind: 'command' as const,
    data: encodeProposal({ requester: founder.peer, atUnixMs: unixMs(1), command }),
  }))
  return {
    hardState: { term: 1 as never, vote: undefined, commitIndex: (entries.length + 1) as never },
    entries: [...first.entries, ...entries],
  }
}
