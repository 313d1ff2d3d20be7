/**
 * Three Raft drivers over a virtual network and clock, with a log in memory whose writes the test can hold up, and a state machine
 * that is the list of what it applied, padded to the size that a test wants.
 */

import { z } from 'zod'
import {
  type CodedError,
  decode,
  encode,
  type LogIndex,
  logIndex,
  type PeerId,
  present,
  Random,
  silentLogger,
  term,
} from '../../../src/base/index.ts'
import type { PeerEvent, SendResult, Transport } from '../../../src/node/ports.ts'
import { RaftDriver } from '../../../src/node/raft-driver.ts'
import { NO_CONFIGURATION } from '../../../src/raft/configuration.ts'
import { encodeConfiguration } from '../../../src/raft/configuration-codec.ts'
import {
  type Entry,
  NEVER_COMPACTED,
  RAFT_DEFAULTS,
  RaftCore,
  type RaftOptions,
  type ReadyWrite,
  type SavedLog,
} from '../../../src/raft/index.ts'
import { VirtualTime } from './virtual-time.ts'

const TICK_MS = 10
const LATENCY_MS = 1
const stateSchema = z.strictObject({
  index: z.int(),
  texts: z.array(z.string()),
  padding: z.instanceof(Uint8Array),
})

export const ids: readonly PeerId[] = ['1', '2', '3'].map(
  (name) => `12D3KooW${'1'.repeat(43)}${name}` as PeerId,
)

export interface Frame {
  readonly from: PeerId
  readonly to: PeerId
  readonly protocol: string
  readonly bytes: Uint8Array
}

export class Member implements Transport {
  readonly self: PeerId
  readonly driver: RaftDriver
  readonly texts: string[] = []
  readonly fatal: CodedError[] = []
  readonly writes: ReadyWrite[] = []
  readonly handlers = new Map<string, (from: PeerId, bytes: Uint8Array) => void | Promise<void>>()
  readonly peerHandlers: ((event: PeerEvent) => void)[] = []
  /** While set, writes wait for it. */
  disk: Promise<void> = Promise.resolve()
  /** While set, applies wait for it. */
  machine: Promise<void> = Promise.resolve()
  appliesUnderWay = 0
  private readonly group: RaftGroup
  private index: LogIndex = logIndex(0)

  constructor(group: RaftGroup, self: PeerId, options: RaftOptions, saved: SavedLog) {
    this.self = self
    this.group = group
    const core = new RaftCore({ self, saved, options, random: new Random(ids.indexOf(self) + 1) })
    this.driver = new RaftDriver({
      core,
      transport: this,
      scheduler: group.time,
      logger: silentLogger,
      tickMs: TICK_MS,
      writeLog: (write) => this.write(write),
      apply: (entries) => this.apply(entries),
      makeSnapshot: () => ({
        index: this.index,
        data: encode({ index: this.index, texts: this.texts, padding: new Uint8Array(group.paddingBytes) }),
      }),
      checkSnapshot: ({ data }) => void decode(stateSchema, data, 'test state'),
      installSnapshot: ({ index, data }) => {
        this.texts.splice(0, this.texts.length, ...decode(stateSchema, data, 'test state').texts)
        this.index = index
      },
      compact: () => Promise.resolve(),
      observe: () => undefined,
      fatal: (error) => this.fatal.push(error),
    })
  }

  propose(text: string): void {
    this.driver.core.propose(new TextEncoder().encode(text))
    this.driver.kick()
  }

  private async write(write: ReadyWrite): Promise<void> {
    this.writes.push(write)
    await this.disk
  }

  private async apply(entries: readonly Entry[]): Promise<void> {
    this.appliesUnderWay++
    if (this.appliesUnderWay > 1) throw new Error('two applies at once')
    await this.machine
    for (const { index, kind, data } of entries) {
      if (index !== this.index + 1) throw new Error(`${index} after ${this.index}`)
      this.index = index
      if (kind === 'command') this.texts.push(new TextDecoder().decode(data))
    }
    this.appliesUnderWay--
  }

  isConnected(peer: PeerId): boolean {
    return this.group.isLinked(this.self, peer)
  }

  connectedPeers(): readonly PeerId[] {
    return ids.filter((peer) => this.isConnected(peer))
  }

  canReach(peer: PeerId): boolean {
    return this.isConnected(peer)
  }

  setNeighbours(): void {
    // All are, always.
  }

  want(peer: PeerId): boolean {
    return this.isConnected(peer)
  }

  linkOf(): undefined {
    return undefined
  }

  send(to: PeerId, protocol: string, bytes: Uint8Array): SendResult {
    return this.group.send({ from: this.self, to, protocol, bytes })
  }

  onMessage(protocol: string, handler: (from: PeerId, bytes: Uint8Array) => void | Promise<void>): void {
    this.handlers.set(protocol, handler)
  }

  onPeer(handler: (event: PeerEvent) => void): void {
    this.peerHandlers.push(handler)
  }

  hangUp(): void {
    // Nobody is silent here.
  }

  publish(): Promise<void> {
    return Promise.resolve()
  }

  onGossip(): void {
    // Nor talks to all.
  }
}

export class RaftGroup {
  readonly time = new VirtualTime()
  readonly members: readonly Member[]
  readonly frames: Frame[] = []
  /** Bytes that every snapshot carries besides what was applied. */
  paddingBytes = 0
  /** Snapshot frames that may be on their way at once; beyond it the queue is full. */
  snapshotFramesMax = Number.POSITIVE_INFINITY
  private readonly cut = new Set<PeerId>()
  private snapshotFrames = 0

  constructor(options: Partial<RaftOptions> = {}) {
    const data = encodeConfiguration({ ...NO_CONFIGURATION, voters: ids })
    const saved: SavedLog = {
      hardState: { term: term(1), vote: undefined, commitIndex: logIndex(1) },
      base: NEVER_COMPACTED,
      entries: [{ index: logIndex(1), term: term(1), kind: 'configuration', data }],
    }
    this.members = ids.map((id) => new Member(this, id, { ...RAFT_DEFAULTS, ...options }, saved))
  }

  /** Starts all, and waits for a leader that has applied an entry of its term. */
  async start(): Promise<Member> {
    for (const { driver } of this.members) driver.start()
    await this.time.run(2000)
    return this.leader()
  }

  leader(): Member {
    const leaders = this.members.filter(({ driver }) => driver.core.status.role === 'leader')
    leaders.sort((a, b) => b.driver.core.status.term - a.driver.core.status.term)
    return present(leaders[0], 'a leader')
  }

  followers(): readonly Member[] {
    const leader = this.leader()
    return this.members.filter((member) => member !== leader)
  }

  isLinked(one: PeerId, other: PeerId): boolean {
    return one !== other && !this.cut.has(one) && !this.cut.has(other)
  }

  /** Every connection of the member closes; what is on its way is lost. */
  disconnect(member: Member): void {
    this.cut.add(member.self)
    for (const other of this.members) {
      if (other === member) continue
      for (const handler of other.peerHandlers)
        handler({ type: 'disconnected', peer: member.self, byPeer: true })
      for (const handler of member.peerHandlers)
        handler({ type: 'disconnected', peer: other.self, byPeer: true })
    }
  }

  connect(member: Member): void {
    this.cut.delete(member.self)
  }

  send(frame: Frame): SendResult {
    if (!this.isLinked(frame.from, frame.to)) return 'disconnected'
    const isSnapshot = frame.protocol === 'snapshot'
    if (isSnapshot && this.snapshotFrames >= this.snapshotFramesMax) return 'full'
    this.frames.push(frame)
    if (isSnapshot) this.snapshotFrames++
    this.time.after(LATENCY_MS, () => {
      if (isSnapshot) this.snapshotFrames--
      const to = present(
        this.members.find(({ self }) => self === frame.to),
        'addressee',
      )
      if (this.isLinked(frame.from, frame.to)) to.handlers.get(frame.protocol)?.(frame.from, frame.bytes)
    })
    return 'queued'
  }
}

/** A write or an apply that goes on when the test says so. */
export function gate(): {
  readonly opens: Promise<void>
  readonly open: () => void
  readonly fail: (error: CodedError) => void
} {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  return { opens: promise, open: resolve, fail: reject }
}
