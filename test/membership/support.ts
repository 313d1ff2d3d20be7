import {
  type BootMs,
  bootMs,
  incarnation,
  type NodeId,
  nodeId,
  type PeerId,
  peerId,
} from '../../src/base/index.ts'
import {
  type GossipMessage,
  MEMBERSHIP_PRESETS,
  type MemberChanged,
  Membership,
  type MembershipEffect,
  type MembershipInput,
  type MemberView,
  type NodeRecord,
} from '../../src/membership/index.ts'

export const LAN = MEMBERSHIP_PRESETS.lan
/** The interval that every heartbeat of these tests announces. */
export const INTERVAL_MS = LAN.heartbeatIntervalMsMin

export const SELF = peer('s')
export const ATTIC = peer('a')
export const DESK = peer('d')
export const STRANGER = peer('x')

export const ROSTER: ReadonlyMap<PeerId, NodeId> = new Map([
  [SELF, nodeId('self')],
  [ATTIC, nodeId('attic')],
  [DESK, nodeId('desk')],
])

/** A peer id that begins with `letters`. */
export function peer(letters: string): PeerId {
  return peerId(`12D3KooW${letters.padEnd(44, 'z')}`)
}

export function record(id: string, fields: Partial<NodeRecord> = {}): NodeRecord {
  return { id, capabilities: {}, version: '0.1.0', last_seen_unix_ms: 0, ...fields }
}

export interface BeatFields {
  readonly incarnation?: number
  readonly sequence?: number
  readonly intervalMs?: number
  /** Present: the heartbeat carries it, and announces its `record_version`. */
  readonly record?: NodeRecord
}

export function heartbeat(fields: BeatFields = {}): GossipMessage {
  return {
    type: 'heartbeat',
    incarnation: incarnation(fields.incarnation ?? 1),
    sequence: fields.sequence ?? 1,
    intervalMs: fields.intervalMs ?? INTERVAL_MS,
    recordVersion: fields.record?.record_version ?? 0,
    ...(fields.record === undefined ? {} : { record: fields.record }),
  }
}

export function leave(life = 1): GossipMessage {
  return { type: 'leave', incarnation: incarnation(life) }
}

/** A membership with its driver: ticks as often as it was promised, and remembers what came out. */
export class Driven {
  readonly core: Membership
  now: BootMs = bootMs(1_000_000)
  private readonly effects: MembershipEffect[] = []

  constructor(roster: ReadonlyMap<PeerId, NodeId> = ROSTER) {
    this.core = new Membership({ self: SELF, incarnation: incarnation(1), options: LAN, roster })
    this.take(this.core.tick(this.now))
  }

  step(input: MembershipInput): void {
    this.take(this.core.step(input, this.now))
  }

  hear(from: PeerId, message: GossipMessage): void {
    this.step({ type: 'gossip', from, message })
  }

  /** Lets time pass, ticking on the way. */
  run(ms: number): void {
    const end = this.now + ms
    while (this.now < end) {
      this.now = bootMs(Math.min(this.now + LAN.tickMs, end))
      this.take(this.core.tick(this.now))
    }
  }

  /** Lets time pass without a call: the process is away. The next call comes when the test makes it. */
  beAway(ms: number): void {
    this.now = bootMs(this.now + ms)
  }

  member(of: PeerId): MemberView {
    const found = this.core.members().find((member) => member.peer === of)
    if (found === undefined) throw new TypeError(`no member ${of}`)
    return found
  }

  /** What was published since this was asked last. */
  published(): GossipMessage[] {
    return this.taken().flatMap((effect) => (effect.type === 'publish' ? [effect.message] : []))
  }

  /** Changes since this was asked last. */
  changes(): MemberChanged[] {
    return this.taken().flatMap((effect) => (effect.type === 'changed' ? [effect] : []))
  }

  /** Everything since this was asked last. */
  taken(): MembershipEffect[] {
    return this.effects.splice(0)
  }

  private take(effects: readonly MembershipEffect[]): void {
    this.effects.push(...effects)
  }
}
