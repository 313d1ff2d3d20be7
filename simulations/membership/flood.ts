/**
 * Gossip as the host sets gossipsub (`src/net/host.ts`): the author sends to every peer that it is connected to (`floodPublish`);
 * who gets a message for the first time passes it on to its mesh, three of its connections, which is symmetric. Every copy costs
 * bytes, the ones that come too late as well.
 *
 * Left out: lazy gossip (IHAVE/IWANT), which would find a lost message again within a second or two. So what is lost on all
 * ways stays lost here until anti-entropy: harsher than the real thing.
 */
import type { PeerId, Random } from '../../src/base/index.ts'
import type { GossipMessage } from '../../src/membership/index.ts'
import type { EventHeap } from './event-heap.ts'
import { GOSSIP, MESH } from './event-kinds.ts'
import type { Links } from './links.ts'

export interface Broadcast {
  readonly author: number
  readonly authorPeer: PeerId
  readonly message: GossipMessage
  readonly bytes: number
  /** By member: when the first copy that is under way to it arrives. */
  readonly firstMs: Float64Array
  readonly isSeen: Uint8Array
}

/** D, Dlo, Dhi. */
const MESH_DEGREE = 3
const MESH_DEGREE_MIN = 2
const MESH_DEGREE_MAX = 6
/** Between two looks of gossipsub at its mesh. */
const HEARTBEAT_MS = 1000

interface FloodInit {
  readonly nodes: number
  readonly heap: EventHeap
  readonly links: Links
  readonly random: Random
  readonly onCopy: (from: number, bytes: number) => void
}

export class Flood {
  private readonly init: FloodInit
  /** By member: its connections, and those of them that it passes messages on to. */
  private readonly connected: number[][]
  private readonly mesh: number[][]
  private readonly looksSoon: Uint8Array

  constructor(init: FloodInit) {
    this.init = init
    this.connected = Array.from({ length: init.nodes }, () => [])
    this.mesh = Array.from({ length: init.nodes }, () => [])
    this.looksSoon = new Uint8Array(init.nodes)
  }

  publish(author: number, authorPeer: PeerId, message: GossipMessage, bytes: number): void {
    const { nodes } = this.init
    const broadcast: Broadcast = {
      author,
      authorPeer,
      message,
      bytes,
      firstMs: new Float64Array(nodes).fill(Number.POSITIVE_INFINITY),
      isSeen: new Uint8Array(nodes),
    }
    broadcast.isSeen[author] = 1
    for (const peer of this.connected[author] as number[]) this.copy(author, peer, broadcast)
  }

  /** @returns whether it is new to `node`; then it is passed on. */
  arrived(relay: number, node: number, broadcast: Broadcast): boolean {
    if (broadcast.isSeen[node] === 1) return false
    broadcast.isSeen[node] = 1
    for (const peer of this.mesh[node] as number[])
      if (peer !== relay && peer !== broadcast.author) this.copy(node, peer, broadcast)
    return true
  }

  endChanged(node: number, peer: number, isOpen: boolean): void {
    const connected = this.connected[node] as number[]
    if (isOpen) connected.push(peer)
    else {
      remove(connected, peer)
      remove(this.mesh[node] as number[], peer)
      remove(this.mesh[peer] as number[], node)
      this.lookSoon(peer)
    }
    this.lookSoon(node)
  }

  /** Gossipsub's heartbeat: a mesh that is too small is filled up. */
  look(node: number): void {
    this.looksSoon[node] = 0
    const mesh = this.mesh[node] as number[]
    if (mesh.length >= MESH_DEGREE_MIN) return
    const { random, links } = this.init
    const candidates = (this.connected[node] as number[]).filter(
      (peer) =>
        !mesh.includes(peer) &&
        (this.mesh[peer] as number[]).length < MESH_DEGREE_MAX &&
        links.connectionOf(peer, node) !== 0,
    )
    while (mesh.length < MESH_DEGREE && candidates.length > 0) {
      const [peer] = candidates.splice(random.integer(0, candidates.length - 1), 1) as [number]
      mesh.push(peer)
      ;(this.mesh[peer] as number[]).push(node)
    }
  }

  private lookSoon(node: number): void {
    if (this.looksSoon[node] === 1 || (this.mesh[node] as number[]).length >= MESH_DEGREE_MIN) return
    this.looksSoon[node] = 1
    const { heap, random } = this.init
    heap.at(heap.now + random.float() * HEARTBEAT_MS, MESH, node, 0, 0)
  }

  /** One that arrives after another copy is paid for and not looked at. */
  private copy(from: number, to: number, broadcast: Broadcast): void {
    const { heap, links, onCopy } = this.init
    const connection = links.connectionOf(from, to)
    if (connection === 0) return
    onCopy(from, broadcast.bytes)
    const atMs = links.arrivalMs(from, to)
    if (atMs < 0 || atMs >= (broadcast.firstMs[to] as number)) return
    broadcast.firstMs[to] = atMs
    heap.at(atMs, GOSSIP, from, to, connection, broadcast)
  }
}

function remove(list: number[], value: number): void {
  const at = list.indexOf(value)
  if (at >= 0) list.splice(at, 1)
}
