/**
 * Since when the leader has seen each peer connected or not, and caught up or not: what the autopilot's delays count
 * from. A new leader begins with nothing, so every delay begins with it: it may be slow to act, never hasty.
 */
import type { BootMs, PeerId } from '../base/index.ts'

/** A peer so close behind the end of the log is caught up: what is appended while one heartbeat is answered, with room. */
const BEHIND_MAX = 256

interface PeerSighting {
  readonly peer: PeerId
  readonly isConnected: boolean
  /** Entries between its log's known end and the leader's; `undefined` for a peer that does not get the log. */
  readonly behind: number | undefined
}

export interface Health {
  readonly isConnected: boolean
  /** When `isConnected` took its present value. */
  readonly connectionSince: BootMs
  /** When it was caught up and has been since; `undefined` while it is not. */
  readonly caughtUpSince: BootMs | undefined
}

export class PeerHealth {
  private known = new Map<PeerId, Health>()

  /** What is seen now, of every admitted peer: who is not named any more is forgotten. */
  observe(sightings: readonly PeerSighting[], now: BootMs): void {
    this.known = new Map(sightings.map((seen) => [seen.peer, healthOf(seen, this.known.get(seen.peer), now)]))
  }

  of(peer: PeerId): Health | undefined {
    return this.known.get(peer)
  }
}

function healthOf({ isConnected, behind }: PeerSighting, before: Health | undefined, now: BootMs): Health {
  const isCaughtUp = isConnected && behind !== undefined && behind <= BEHIND_MAX
  return {
    isConnected,
    connectionSince: before?.isConnected === isConnected ? before.connectionSince : now,
    caughtUpSince: isCaughtUp ? (before?.caughtUpSince ?? now) : undefined,
  }
}
