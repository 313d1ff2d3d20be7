/**
 * Who watches whom. Up to `fullMeshMax` members everybody is everybody's neighbour. Beyond that the roster is laid out on
 * some pseudo-random rings, the same at every node, and a member's neighbours are the two next to it on each ring. The union of
 * r ≥ 2 random rings is an expander with overwhelming probability: few hops between any two, and no small set of
 * machines whose loss cuts off another.
 *
 * Each ring is read twice. Among *all who have not left*: so both sides of a partition keep dialling each other, and a heal
 * is noticed by whoever gets through first. And among *those who are there*: so what is left of a mesh is connected when
 * most machines are off, which in a household is the usual night. While all are there both give the same neighbours.
 *
 * Being next to each other is symmetric, so both ends of a connection want it, and a node can tell whose neighbours are
 * whose. Rejected: random partners drawn by each node (needs a protocol to agree and to repair: HyParView); everybody connected to
 * everybody (libp2p's 300 connections, and as many streams, for 999 peers).
 */
import { type PeerId, present } from '../base/index.ts'
import { mix } from './peer-hash.ts'

/** Golden ratio in 32 bits: makes the number of a ring into a salt far from its neighbours'. */
const SALT = 0x9e3779b9

interface Place {
  readonly peer: PeerId
  /** `peerHash` of it. */
  readonly hash: number
}

export class Rings {
  /** For each ring: who stands at a place, as an index into the peers. */
  private readonly order: readonly Uint16Array[]
  /** For each ring: the place of each peer. */
  private readonly places: readonly Uint16Array[]

  /** @param peers the roster in any order; their indices are how this class calls them. */
  constructor(peers: readonly Place[], rings: number) {
    this.order = Array.from({ length: rings }, (_, ring) => laidOut(peers, ring))
    this.places = this.order.map((order) => {
      const places = new Uint16Array(order.length)
      order.forEach((peer, place) => {
        places[peer] = place
      })
      return places
    })
  }

  /** Calls `found` with who stands next to `peer`, on both sides of each ring, among those for whom `isOn`. May repeat one. */
  around(peer: number, isOn: (other: number) => boolean, found: (other: number) => void): void {
    for (const [ring, order] of this.order.entries()) {
      const place = present(this.places[ring]?.[peer], 'a place on each ring')
      for (const direction of [1, order.length - 1]) {
        const next = nextOn(order, place, direction, isOn)
        if (next === undefined) return
        found(next)
      }
    }
  }
}

function laidOut(peers: readonly Place[], ring: number): Uint16Array {
  const positions = peers.map(({ peer, hash }, index) => ({
    peer,
    index,
    at: mix(hash ^ Math.imul(ring + 1, SALT)),
  }))
  positions.sort((one, other) => one.at - other.at || (one.peer < other.peer ? -1 : 1))
  return Uint16Array.from(positions, ({ index }) => index)
}

function nextOn(
  order: Uint16Array,
  from: number,
  direction: number,
  isOn: (other: number) => boolean,
): number | undefined {
  for (let at = (from + direction) % order.length; at !== from; at = (at + direction) % order.length) {
    const peer = present(order[at], 'a peer at each place')
    if (isOn(peer)) return peer
  }
  return undefined
}
