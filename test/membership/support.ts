import {
  type BootMs,
  bootMs,
  type Incarnation,
  incarnation,
  type NodeId,
  nodeId,
  type PeerId,
  peerId,
  Random,
} from '../../src/base/index.ts'
import { firstIncarnation } from '../../src/membership/incarnation.ts'
import {
  type GossipMessage,
  MEMBERSHIP_PRESETS,
  type MemberChanged,
  Membership,
  type MembershipEffect,
  type MembershipInput,
  type MembershipOptions,
  type MemberView,
  type NodeRecord,
  type StreamMessage,
} from '../../src/membership/index.ts'
import type { SignedRecord } from '../../src/membership/signed-record.ts'

export const LAN = MEMBERSHIP_PRESETS.lan

export const SELF = peer('s')
export const ATTIC = peer('a')
export const DESK = peer('d')
export const STRANGER = peer('x')

export const ROSTER: ReadonlyMap<PeerId, NodeId> = new Map([
  [SELF, nodeId('self')],
  [ATTIC, nodeId('attic')],
  [DESK, nodeId('desk')],
  [peer('L'), nodeId('loft')],
  [peer('n'), nodeId('nas')],
])

/** A peer id that begins with `letters`. */
export function peer(letters: string): PeerId {
  return peerId(`12D3KooW${letters.padEnd(44, 'z')}`)
}

/** Distinct peer ids in letters that base58 has. */
export function numbered(index: number): PeerId {
  return peer(`n${[...String(index)].map((digit) => 'abcdefghjk'[Number(digit)]).join('')}`)
}

/** This node and others: `members` in all. */
export function rosterOf(members: number): ReadonlyMap<PeerId, NodeId> {
  const roster = new Map([[SELF, nodeId('self')]])
  for (let index = 1; index < members; index += 1) roster.set(numbered(index), nodeId(`node-${index}`))
  return roster
}

/** The incarnation after so many refutations in a life. */
export function at(life: number, refutations = 0): Incarnation {
  return incarnation(firstIncarnation(life) + refutations)
}

export function record(id: string, fields: Partial<NodeRecord> = {}): NodeRecord {
  return { id, capabilities: {}, version: '0.1.0', last_seen_unix_ms: 0, ...fields }
}

const SIGNATURE = new Uint8Array(64).fill(7)
/** What `verifyRecord` of these tests refuses. */
export const WRONG_SIGNATURE = new Uint8Array(64)

export function signed(author: PeerId, id: string, fields: Partial<SignedRecord> = {}): SignedRecord {
  const version = fields.version ?? 1
  return {
    peer: author,
    life: 1,
    version,
    record: record(id, { record_version: version }),
    signature: SIGNATURE,
    ...fields,
  }
}

export interface BeatFields {
  readonly incarnation?: Incarnation
  readonly sequence?: number
  readonly recordVersion?: number
  readonly record?: SignedRecord
}

export function heartbeat(fields: BeatFields = {}): GossipMessage & { type: 'heartbeat' } {
  return {
    type: 'heartbeat',
    incarnation: fields.incarnation ?? at(1),
    sequence: fields.sequence ?? 1,
    recordVersion: fields.recordVersion ?? fields.record?.version ?? 0,
    ...(fields.record === undefined ? {} : { record: fields.record }),
  }
}

export function leave(of: Incarnation = at(1)): GossipMessage {
  return { type: 'leave', incarnation: of }
}

export function suspect(
  accused: PeerId,
  incarnation: Incarnation = at(1),
  evidence: 'silence' | 'closed' = 'silence',
): GossipMessage {
  return { type: 'suspect', members: [{ peer: accused, incarnation, evidence }] }
}

export function dead(accused: PeerId, incarnation: Incarnation = at(1)): GossipMessage {
  return { type: 'dead', members: [{ peer: accused, incarnation }] }
}

interface DrivenInit {
  readonly roster?: ReadonlyMap<PeerId, NodeId>
  readonly options?: MembershipOptions
  readonly life?: number
  readonly seed?: number
}

/** One core with its driver: calls it when it is due, and remembers what came out and when. */
export class Driven {
  readonly core: Membership
  now: BootMs = bootMs(1_000_000)
  readonly startedAt = this.now
  private readonly effects: { readonly atMs: number; readonly effect: MembershipEffect }[] = []
  /** Members that answer every ping after 1 ms, and every ping_req. */
  private readonly well = new Set<PeerId>()
  private readonly incarnations = new Map<PeerId, Incarnation>()
  /** Members that do not answer this node, but those who are well: whether they had heard this node's own ping. */
  private readonly reached = new Map<PeerId, boolean>()
  private answers: { readonly at: BootMs; readonly input: MembershipInput }[] = []

  constructor({ roster = ROSTER, options = LAN, life = 1, seed = 1 }: DrivenInit = {}) {
    this.core = new Membership({
      self: SELF,
      life,
      options,
      roster,
      random: new Random(seed),
      now: this.now,
      signRecord: () => SIGNATURE,
      verifyRecord: (_peer, _statement, signature) => signature[0] === SIGNATURE[0],
    })
    this.take(this.core.tick(this.now))
  }

  step(input: MembershipInput): void {
    this.take(this.core.step(input, this.now))
  }

  hear(from: PeerId, message: GossipMessage): void {
    this.step({ type: 'gossip', from, message })
  }

  tell(from: PeerId, message: StreamMessage): void {
    this.step({ type: 'message', from, message })
  }

  /** Connects `peers`, which answer every ping from now on, and refute what they are told of. */
  connectWell(...peers: PeerId[]): void {
    for (const peer of peers) {
      this.reached.delete(peer)
      this.well.add(peer)
      this.step({ type: 'connection_opened', peer })
    }
    this.run(5)
  }

  /** From now on `peer` answers nothing; its connection stays. */
  silence(peer: PeerId): void {
    this.well.delete(peer)
    this.answers = this.answers.filter(({ input }) => !('from' in input) || input.from !== peer)
  }

  /** Those who are well get an answer from `peer`, which had heard this node's ping or had not; or they get none any more. */
  reach(peer: PeerId, heardDirectly: boolean | undefined): void {
    if (heardDirectly === undefined) this.reached.delete(peer)
    else this.reached.set(peer, heardDirectly)
  }

  /** Lets time pass; the core is called exactly when it is due. */
  run(ms: number): void {
    const end = bootMs(this.now + ms)
    for (;;) {
      const answer = this.answers[0]
      const next = Math.min(this.core.dueAt, answer?.at ?? end)
      if (next > end) break
      if (next > this.now) this.now = bootMs(next)
      if (answer !== undefined && answer.at <= this.now) {
        this.answers.shift()
        this.step(answer.input)
      } else if (this.core.dueAt <= this.now) this.take(this.core.tick(this.now))
      else break
    }
    this.now = end
  }

  /** Lets time pass without a call: the process is away. The next call comes when the test makes it. */
  beAway(ms: number): void {
    this.now = bootMs(this.now + ms)
  }

  member(of: PeerId): MemberView {
    const found = this.core.member(of)
    if (found === undefined) throw new TypeError(`no member ${of}`)
    return found
  }

  status(of: PeerId): string {
    return this.member(of).status
  }

  /** What was published since this was asked last. */
  published(): GossipMessage[] {
    return this.taken().flatMap((effect) => (effect.type === 'publish' ? [effect.message] : []))
  }

  /** What was sent to `peer` since this was asked last. */
  sentTo(peer: PeerId): StreamMessage[] {
    return this.taken().flatMap((effect) =>
      effect.type === 'send' && effect.peer === peer ? [effect.message] : [],
    )
  }

  /** Changes since this was asked last. */
  changes(): MemberChanged[] {
    return this.taken().flatMap((effect) => (effect.type === 'changed' ? [effect] : []))
  }

  /** Everything since this was asked last. */
  taken(): MembershipEffect[] {
    return this.takenWithTimes().map(({ effect }) => effect)
  }

  takenWithTimes(): { readonly atMs: number; readonly effect: MembershipEffect }[] {
    return this.effects.splice(0)
  }

  private take(effects: readonly MembershipEffect[]): void {
    for (const effect of effects) {
      this.effects.push({ atMs: this.now - this.startedAt, effect })
      if (effect.type !== 'send' || !this.well.has(effect.peer)) continue
      if (effect.message.type === 'ping') this.answer(effect.peer, effect.message)
      if (effect.message.type === 'ping_req') this.ask(effect.peer, effect.message)
    }
  }

  private answer(from: PeerId, ping: StreamMessage & { type: 'ping' }): void {
    const heard = ping.onBehalfOf === undefined ? {} : { heardDirectly: true }
    this.send(from, 1, {
      type: 'ack',
      number: ping.number,
      incarnation: this.refuted(from, ping.accused),
      ...heard,
    })
  }

  private ask(
    from: PeerId,
    { target, number, accused, patienceMs }: StreamMessage & { type: 'ping_req' },
  ): void {
    const heardDirectly = this.reached.get(target)
    if (heardDirectly === undefined) this.send(from, patienceMs, { type: 'nack', number })
    else
      this.send(from, 1, {
        type: 'relayed',
        number,
        incarnation: this.refuted(target, accused),
        heardDirectly,
      })
  }

  private refuted(peer: PeerId, accused: Incarnation | undefined): Incarnation {
    const known = this.incarnations.get(peer) ?? at(1)
    const now = accused !== undefined && accused >= known ? incarnation(accused + 1) : known
    this.incarnations.set(peer, now)
    return now
  }

  private send(from: PeerId, afterMs: number, message: StreamMessage): void {
    this.answers.push({ at: bootMs(this.now + afterMs), input: { type: 'message', from, message } })
    this.answers.sort((one, other) => one.at - other.at)
  }
}
