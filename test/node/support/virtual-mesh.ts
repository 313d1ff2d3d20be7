/**
 * Several composed nodes over a virtual clock and network and over stores in memory: the same `MeshNode` as in production,
 * only without processes and sockets. Time passes only in `run`.
 */

import type { AuthorityCommand } from '../../../src/authority/commands.ts'
import { encodeProposal, type RosterEntry } from '../../../src/authority/index.ts'
import {
  CodedError,
  type NodeId,
  type PeerId,
  Random,
  silentLogger,
  unixMs,
} from '../../../src/base/index.ts'
import type {
  Execution,
  ExecutionEnd,
  ExecutionSpec,
  Leftover,
  OutputReader,
} from '../../../src/exec/index.ts'
import type { NodeConfig } from '../../../src/node/config/index.ts'
import { type Identity, SigningKey } from '../../../src/node/identity/index.ts'
import { MeshNode } from '../../../src/node/mesh-node.ts'
import type { NewEvent } from '../../../src/node/node-events.ts'
import { RosterBook } from '../../../src/node/roster-book.ts'
import { unpredictableTaskIds } from '../../../src/node/task-ids.ts'
import { bootstrapLog } from '../../../src/raft/index.ts'
import { MemoryDisk, openMemoryStores } from '../../../src/store/index.ts'
import { standInKeys } from './order-keys.ts'
import { VirtualNetwork, VirtualTransport } from './virtual-network.ts'
import { Life, VirtualTime } from './virtual-time.ts'

/** Commands are functions of virtual time: `sleep MS`, `forever`, `print N CHUNK_BYTES`, `lines N EVERY_MS`. */
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
    if (name === 'lines') {
      const isOver = () => span.to !== undefined
      void this.lines(Number(amount), Number(size), onOutput, isOver).then(() => finish('exited', 0))
    }
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

  /** `1`, `2`, … on lines of their own. */
  private async lines(
    count: number,
    everyMs: number,
    onOutput: OutputReader,
    isOver: () => boolean,
  ): Promise<void> {
    for (let at = 1; at <= count; at++) {
      await new Promise<void>((resolve) => this.time.after(everyMs, resolve))
      if (isOver()) return
      await onOutput('stdout', new TextEncoder().encode(`${at}\n`))
    }
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
  /** Of all its lives. */
  readonly events: NewEvent[]
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
    raftIdlePace: 4,
    raftElectionTicks: 12,
    deadVoterMs: 60_000,
    stableLearnerMs: 500,
    shrinkVotersMs: 24 * 3_600_000,
  },
} as unknown as NodeConfig

export class VirtualMesh {
  readonly time = new VirtualTime()
  readonly nodes: VirtualNode[] = []
  readonly net = new VirtualNetwork(this.time)
  readonly failures = this.net.failures
  private readonly names: readonly string[]
  private readonly rootKey = SigningKey.generate()
  /** Names whose credentials have no role `admin`. */
  readonly notAdmins = new Set<string>()

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
      mesh.nodes.push({
        name,
        peer,
        disk,
        executor,
        rootKey,
        events: [],
        up: false,
        life: 0,
      } as unknown as VirtualNode)
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

  /** @param leftovers what its guardian found of an earlier life; anything else is proven quiet. */
  async boot(
    name: string,
    config: Partial<NodeConfig> = {},
    leftovers: readonly Leftover[] = [],
  ): Promise<void> {
    const entry = this.get(name)
    const stores = await openMemoryStores(entry.disk, { create: false })
    const life = new Life(this.time)
    const transport = new VirtualTransport(entry.peer, life, this.net)
    const book = new RosterBook({
      verify: ({ nodeId }) => ({ isAdmin: !this.notAdmins.has(nodeId) }),
      save: () => Promise.resolve(),
      logger: silentLogger,
    })
    book.add(this.names.map(entryOf))
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
      events: { record: (event) => entry.events.push(event) },
      life: entry.life,
      keepLife: (later) => {
        entry.life = later
        return Promise.resolve()
      },
      recordSigner: { sign: () => new Uint8Array(64), verify: () => true },
      book,
      ownRecord: (runningTasks) => ({
        id: name,
        capabilities: {},
        version: '0',
        last_seen_unix_ms: 0,
        remote_execute: true,
        running_tasks: runningTasks,
      }),
      orderKeys: standInKeys(entry.peer),
      keepRootKey: (rootKey) => {
        entry.rootKey = rootKey
        return Promise.resolve()
      },
      fatal: (error) => {
        if (!life.isOver) this.failures.push(error)
      },
    })
    entry.up = true
    this.net.attach(transport)
    await entry.node.start(leftovers)
  }

  /** SIGKILL: nothing is said, the guardian ends what ran, un-synced writes are lost. */
  kill(name: string): void {
    const entry = this.get(name)
    entry.up = false
    entry.time.end()
    entry.executor.killAll()
    entry.disk.crash()
    this.net.detach(entry.peer)
  }

  /** SIGSTOP: its kernel keeps its connections, and it does nothing. */
  stop(name: string): void {
    this.get(name).time.stop()
  }

  /** SIGCONT. */
  goOn(name: string): void {
    const { time, peer } = this.get(name)
    time.goOn()
    this.net.wentOn(peer)
  }

  /** Closes or opens the link between two nodes. */
  link(a: string, b: string, open: boolean): void {
    this.net.link(this.get(a).peer, this.get(b).peer, open)
  }

  /** The link goes silent: what is sent is lost, and nobody is told. */
  silence(a: string, b: string): void {
    this.silenceOneWay(a, b)
    this.silenceOneWay(b, a)
  }

  silenceOneWay(from: string, to: string): void {
    this.net.silence(this.get(from).peer, this.get(to).peer)
  }

  /** The link is as new, whatever was done to it. */
  restore(a: string, b: string): void {
    this.net.restore(this.get(a).peer, this.get(b).peer)
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

  private identityOf({ peer, name, rootKey }: VirtualNode): Identity {
    const { publicKey: rootPublicKey } = this.rootKey
    return { peerId: peer, nodeId: name, scopeId: 'scope', rootPublicKey, rootKey } as unknown as Identity
  }
}

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
