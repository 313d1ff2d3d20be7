import { type PeerId, silentLogger } from '../../../src/base/index.ts'
import type { PeerEvent, Scheduler, SendResult, Transport } from '../../../src/node/ports.ts'
import { Rpc } from '../../../src/node/rpc.ts'

export const A = 'peer-a' as PeerId
export const B = 'peer-b' as PeerId

/** One end of a line whose other end is `peer`; nothing is delivered before the call that sent it has returned. */
class Line implements Transport {
  readonly self: PeerId
  peer: Line | undefined
  answer: SendResult = 'queued'
  readonly sent: Uint8Array[] = []
  private handler: (from: PeerId, message: Uint8Array) => void | Promise<void> = () => undefined
  private readonly onPeerEvents: ((event: PeerEvent) => void)[] = []

  constructor(self: PeerId) {
    this.self = self
  }

  isConnected(): boolean {
    return this.peer !== undefined
  }

  connectedPeers(): readonly PeerId[] {
    return this.peer === undefined ? [] : [this.peer.self]
  }

  send(_peer: PeerId, _protocol: string, message: Uint8Array): SendResult {
    if (this.answer !== 'queued') return this.answer
    this.sent.push(message)
    const { peer } = this
    queueMicrotask(() => void peer?.receive(this.self, message))
    return 'queued'
  }

  receive(from: PeerId, message: Uint8Array): void {
    void this.handler(from, message)
  }

  connect(peer: PeerId): void {
    this.answer = 'queued'
    for (const told of this.onPeerEvents) told({ type: 'connected', peer })
  }

  disconnect(peer: PeerId): void {
    for (const told of this.onPeerEvents) told({ type: 'disconnected', peer, byPeer: true })
  }

  canReach(): boolean {
    return this.isConnected()
  }

  setNeighbours(): void {
    // The other end, always.
  }

  want(): boolean {
    return this.isConnected()
  }

  linkOf(): undefined {
    return undefined
  }

  onMessage(_protocol: string, handler: (from: PeerId, message: Uint8Array) => void | Promise<void>): void {
    this.handler = handler
  }

  onPeer(handler: (event: PeerEvent) => void): void {
    this.onPeerEvents.push(handler)
  }

  hangUp(): void {
    this.peer = undefined
  }

  publish(): Promise<void> {
    return Promise.resolve()
  }

  onGossip(): void {
    this.answer = 'queued'
  }
}

/** Timers that run when the test says so. */
class ManualScheduler implements Scheduler {
  readonly due: (() => void)[] = []

  now(): number {
    return 0
  }

  after(_delayMs: number, callback: () => void) {
    this.due.push(callback)
    return () => {
      this.due.splice(this.due.indexOf(callback), 1)
    }
  }

  every(periodMs: number, callback: () => void) {
    return this.after(periodMs, callback)
  }
}

/** Two nodes that can ask each other. */
export function pair(a = A, b = B) {
  const [left, right] = [new Line(a), new Line(b)]
  left.peer = right
  right.peer = left
  const scheduler = new ManualScheduler()
  return {
    left,
    right,
    scheduler,
    asking: new Rpc(left, scheduler, silentLogger),
    serving: new Rpc(right, scheduler, silentLogger),
  }
}
