/**
 * Since when the leader has seen each peer connected or not, and caught up or not: what the autopilot's delays count
 * from. A new leader begins with nothing, so every delay begins with it: it may be slow to act, never hasty.
 */
import type { BootMs, PeerId } from '../base/index.ts'

/**
 * A peer so close behind the end of the log keeps up: what is appended while one heartbeat is answered, with room. Being
 * close is not enough to begin with: a log that stands still close behind the end would be taken for one that follows. It
 * has caught up when it has reached what was the end when it came close (thesis §4.2.1, the last of its rounds).
 */
const BEHIND_MAX = 256

interface PeerSighting {
  readonly peer: PeerId
  readonly isConnected: boolean
  /** How far its log is known to reach; `undefined` for a peer that does not get the log. */
  readonly matchIndex: number | undefined
  /** How far the leader's reaches. */
  readonly lastIndex: number
}

export interface Health {
  readonly isConnected: boolean
  /** When `isConnected` took its present value. */
  readonly connectionSince: BootMs
  /** When it was caught up and has been since; `undefined` while it is not. */
  readonly caughtUpSince: BootMs | undefined
}

interface Known extends Health {
  /** What it has to reach; `undefined` while it is not close. */
  readonly goal: number | undefined
}

export class PeerHealth {
  private known = new Map<PeerId, Known>()

  /** What is seen now, of every admitted peer: who is not named any more is forgotten. */
  observe(sightings: readonly PeerSighting[], now: BootMs): void {
    this.known = new Map(sightings.map((seen) => [seen.peer, healthOf(seen, this.known.get(seen.peer), now)]))
  }

  of(peer: PeerId): Health | undefined {
    return this.known.get(peer)
  }
}

function healthOf(seen: PeerSighting, before: Known | undefined, now: BootMs): Known {
  const { isConnected, matchIndex, lastIndex } = seen
  const connectionSince = before?.isConnected === isConnected ? before.connectionSince : now
  const isClose = isConnected && matchIndex !== undefined && lastIndex - matchIndex <= BEHIND_MAX
  if (!isClose) return { isConnected, connectionSince, caughtUpSince: undefined, goal: undefined }
  const goal = before?.goal ?? lastIndex
  const caughtUpSince = before?.caughtUpSince ?? (matchIndex >= goal ? now : undefined)
  return { isConnected, connectionSince, caughtUpSince, goal }
}
