/**
 * What the drivers need of the world, so that a simulation can drive the same drivers over a virtual network and
 * clock. `net/`'s `MeshNetwork` is a `Transport` as it stands.
 */
import type { PeerId } from '../base/index.ts'
import type { LinkFacts, PeerEvent, Protocol, SendResult } from '../net/index.ts'

export type { PeerEvent, SendResult }

export interface Transport {
  readonly self: PeerId
  isConnected(peer: PeerId): boolean
  /** Connected, or connected to as soon as something is sent: false for a neighbour that cannot be reached now. */
  canReach(peer: PeerId): boolean
  connectedPeers(): readonly PeerId[]
  /** In order per peer and protocol; a message may be lost only together with the connection. */
  send(peer: PeerId, protocol: Protocol, message: Uint8Array): SendResult
  /** The sender may send on when the returned promise has settled: back-pressure. */
  onMessage(protocol: Protocol, handler: (from: PeerId, message: Uint8Array) => void | Promise<void>): void
  /** The peers to stay connected to. Replaces the former ones; before the first call all are. */
  setNeighbours(peers: readonly PeerId[]): void
  /** Keeps or makes a connection for the next `forMs`. @returns false when too many are wanted, or the peer is not known. */
  want(peer: PeerId, forMs: number): boolean
  /** Ends the connection to a peer that is silent; a neighbour is dialled again. */
  hangUp(peer: PeerId): void
  onPeer(handler: (event: PeerEvent) => void): void
  /** `undefined` without a connection, or where the network knows no addresses. */
  linkOf(peer: PeerId): LinkFacts | undefined
  publish(message: Uint8Array): Promise<void>
  onGossip(handler: (from: PeerId, message: Uint8Array) => void): void
}

export type Cancel = () => void

/**
 * Timers. A callback never runs before the call that made it has returned; with a delay of 0 it runs once everything that has
 * arrived by now was handled.
 */
export interface Scheduler {
  /** What its timers count: milliseconds that this process could have run. Not the clock of leases, which counts sleep, too. */
  now(): number
  every(periodMs: number, callback: () => void): Cancel
  after(delayMs: number, callback: () => void): Cancel
}

export class SystemScheduler implements Scheduler {
  now(): number {
    return performance.now()
  }

  every(periodMs: number, callback: () => void): Cancel {
    const timer = setInterval(callback, periodMs)
    return () => clearInterval(timer)
  }

  after(delayMs: number, callback: () => void): Cancel {
    if (delayMs === 0) {
      const immediate = setImmediate(callback)
      return () => clearImmediate(immediate)
    }
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  }
}
