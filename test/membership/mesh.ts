/**
 * Some cores on a small virtual network: delays of 1 to 3 ms, gossip that reaches whoever can be reached through anybody, connections that
 * are dialled again each second where they are wanted. Faults: cut links (either direction), killed and stopped nodes.
 */
import { type BootMs, bootMs, type NodeId, nodeId, type PeerId, Random } from '../../src/base/index.ts'
import {
  MEMBERSHIP_PRESETS,
  type MemberStatus,
  Membership,
  type MembershipEffect,
  type MembershipInput,
  type MembershipOptions,
} from '../../src/membership/index.ts'
import { numbered } from './support.ts'

const REDIAL_MS = 1000

interface Node {
  readonly peer: PeerId
  core: Membership
  life: number
  state: 'up' | 'stopped' | 'down'
  /** Inputs that arrived while it was stopped. */
  backlog: MembershipInput[]
  wanted: ReadonlySet<PeerId>
  readonly connected: Set<PeerId>
}

export interface Seen {
  readonly at: BootMs
  readonly by: number
  readonly of: number
  readonly to: MemberStatus | undefined
}

interface MeshInit {
  readonly size: number
  readonly seed?: number
  readonly options?: MembershipOptions
}

export class Mesh {
  now = bootMs(1000)
  readonly changes: Seen[] = []
  readonly nodes: Node[]
  private readonly options: MembershipOptions
  private readonly random: Random
  private readonly roster: ReadonlyMap<PeerId, NodeId>
  private readonly indices = new Map<PeerId, number>()
  /** `from>to` of what does not get through. */
  private readonly cuts = new Set<string>()
  private readonly queue: { readonly at: number; readonly order: number; readonly act: () => void }[] = []
  private order = 0

  constructor({ size, seed = 1, options = MEMBERSHIP_PRESETS.lan }: MeshInit) {
    this.options = options
    this.random = new Random(seed)
    const peers = Array.from({ length: size }, (_, index) => numbered(index))
    this.roster = new Map(peers.map((peer, index) => [peer, nodeId(`node-${index}`)]))
    for (const [index, peer] of peers.entries()) this.indices.set(peer, index)
    this.nodes = peers.map((peer) => ({
      peer,
      core: this.newCore(peer, 1),
      life: 1,
      state: 'up',
      backlog: [],
      wanted: new Set(),
      connected: new Set(),
    }))
    this.every(REDIAL_MS, () => this.dialAll())
  }

  run(ms: number): void {
    const end = this.now + ms
    for (;;) {
      const due = Math.min(...this.nodes.map((node) => (node.state === 'up' ? node.core.dueAt : end + 1)))
      const next = Math.min(due, this.queue[0]?.at ?? end + 1)
      if (next > end) break
      this.now = bootMs(Math.max(this.now, next))
      const first = this.queue[0]
      if (first !== undefined && first.at <= this.now) {
        this.queue.shift()
        first.act()
      }
      for (const node of this.nodes)
        if (node.state === 'up' && node.core.dueAt <= this.now) this.take(node, node.core.tick(this.now))
    }
    this.now = bootMs(end)
  }

  /** Nothing gets from one to the other; connections stay, silent. */
  cut(from: number, to: number): void {
    this.cuts.add(`${from}>${to}`)
  }

  /** Between each of the first `count` and each of the others, in both directions. */
  partition(count: number): void {
    for (let one = 0; one < count; one += 1)
      for (let other = count; other < this.nodes.length; other += 1) {
        this.cut(one, other)
        this.cut(other, one)
      }
  }

  heal(): void {
    this.cuts.clear()
  }

  /** SIGKILL: the kernel closes its connections. */
  kill(index: number): void {
    const node = this.at(index)
    node.state = 'down'
    for (const other of [...node.connected]) this.disconnect(node, this.nodeOf(other), true)
  }

  /** SIGSTOP. */
  stop(index: number): void {
    this.at(index).state = 'stopped'
  }

  /** SIGCONT: what was due comes first, then what had arrived, as an event loop has it. */
  resume(index: number): void {
    const node = this.at(index)
    node.state = 'up'
    this.take(node, node.core.tick(this.now))
    for (const input of node.backlog.splice(0)) this.step(node, input)
  }

  restart(index: number): void {
    const node = this.at(index)
    node.life += 1
    node.core = this.newCore(node.peer, node.life)
    node.state = 'up'
    this.take(node, node.core.tick(this.now))
    this.dialAll()
  }

  leave(index: number): void {
    this.step(this.at(index), { type: 'leave' })
    this.at(index).state = 'down'
  }

  status(by: number, of: number): MemberStatus | undefined {
    return this.at(by).core.member(this.at(of).peer)?.status
  }

  /** Hashes of the tables of those who are up; one when they agree. */
  get hashes(): ReadonlySet<string> {
    return new Set(this.nodes.filter(({ state }) => state === 'up').map(({ core }) => core.tableHash))
  }

  /** Since `from`: who saw whom dead. */
  deaths(from: BootMs = bootMs(0)): readonly Seen[] {
    return this.changes.filter(({ at, to }) => to === 'dead' && at >= from)
  }

  at(index: number): Node {
    const node = this.nodes[index]
    if (node === undefined) throw new TypeError(`no node ${index}`)
    return node
  }

  private newCore(self: PeerId, life: number): Membership {
    return new Membership({
      self,
      life,
      options: this.options,
      roster: this.roster,
      random: this.random.fork(),
      now: this.now,
      signRecord: () => new Uint8Array(64),
      verifyRecord: () => true,
    })
  }

  private step(node: Node, input: MembershipInput): void {
    if (node.state === 'down') return
    if (node.state === 'stopped') node.backlog.push(input)
    else this.take(node, node.core.step(input, this.now))
  }

  private take(node: Node, effects: readonly MembershipEffect[]): void {
    for (const effect of effects)
      switch (effect.type) {
        case 'publish':
          for (const other of this.nodes)
            if (other !== node && this.isReachable(node, other))
              this.later(1 + this.random.float() * 20, () =>
                this.step(other, { type: 'gossip', from: node.peer, message: effect.message }),
              )
          break
        case 'send': {
          const to = this.nodeOf(effect.peer)
          if (!node.connected.has(to.peer) && (effect.patienceMs === 0 || !this.dial(node, to))) break
          this.later(1 + this.random.float() * 2, () => {
            if (this.passes(node, to))
              this.step(to, { type: 'message', from: node.peer, message: effect.message })
          })
          break
        }
        case 'neighbours':
          node.wanted = new Set(effect.peers)
          break
        case 'hang_up':
          this.disconnect(node, this.nodeOf(effect.peer), false)
          break
        case 'changed':
          this.changes.push({
            at: this.now,
            by: this.indexOf(node),
            of: this.indexOf(this.nodeOf(effect.peer)),
            to: effect.to,
          })
          break
        case 'life':
          node.life = effect.life
          break
        default:
          break
      }
  }

  private dialAll(): void {
    for (const node of this.nodes)
      for (const peer of node.wanted) if (node.state === 'up') this.dial(node, this.nodeOf(peer))
  }

  private dial(from: Node, to: Node): boolean {
    if (from.connected.has(to.peer)) return true
    if (to.state !== 'up' || !this.passes(from, to) || !this.passes(to, from)) return false
    from.connected.add(to.peer)
    to.connected.add(from.peer)
    this.later(1, () => {
      this.step(from, { type: 'connection_opened', peer: to.peer })
      this.step(to, { type: 'connection_opened', peer: from.peer })
    })
    return true
  }

  private disconnect(by: Node, other: Node, isSilentHere: boolean): void {
    if (!by.connected.delete(other.peer)) return
    other.connected.delete(by.peer)
    if (!isSilentHere)
      this.later(0, () => this.step(by, { type: 'connection_closed', peer: other.peer, byPeer: false }))
    this.later(1, () => {
      if (this.passes(by, other)) this.step(other, { type: 'connection_closed', peer: by.peer, byPeer: true })
    })
  }

  /** Through anybody, as gossip goes. */
  private isReachable(from: Node, to: Node): boolean {
    if (this.passes(from, to)) return true
    return this.nodes.some((by) => by.state === 'up' && this.passes(from, by) && this.passes(by, to))
  }

  private passes(from: Node, to: Node): boolean {
    return !this.cuts.has(`${this.indexOf(from)}>${this.indexOf(to)}`)
  }

  private nodeOf(peer: PeerId): Node {
    return this.at(this.indices.get(peer) ?? -1)
  }

  private indexOf(node: Node): number {
    return this.indices.get(node.peer) ?? -1
  }

  private every(ms: number, act: () => void): void {
    this.later(ms, () => {
      act()
      this.every(ms, act)
    })
  }

  private later(ms: number, act: () => void): void {
    this.order += 1
    const entry = { at: this.now + ms, order: this.order, act }
    let place = this.queue.length
    while (place > 0 && (this.queue[place - 1]?.at ?? 0) > entry.at) place -= 1
    this.queue.splice(place, 0, entry)
  }
}
