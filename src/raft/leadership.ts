import { type LogIndex, logIndex, type PeerId } from '../base/index.ts'
import { Progress } from './progress.ts'

/** What a server keeps only while it leads (figure 2, "volatile state on leaders"); gone when it steps down. */
export class Leadership {
  /** Of every other member. */
  readonly progress = new Map<PeerId, Progress>()
  /** Bytes of entries that are not committed yet. */
  uncommittedBytes: number
  /**
   * No configuration is proposed before this index is committed: that of the last one proposed, at first that of
   * the term's own first entry. So one change is under way at a time, and none before the leader has committed an
   * entry of its own term.
   */
  configurationBarrier: LogIndex
  heartbeatElapsed = 0
  /** Heartbeats leave with the next `Ready`; if a slow write delays that, they do not pile up. */
  isHeartbeatDue = false

  constructor(uncommittedBytes: number, configurationBarrier: LogIndex) {
    this.uncommittedBytes = uncommittedBytes
    this.configurationBarrier = configurationBarrier
  }

  matchOf(peer: PeerId): LogIndex {
    return this.progress.get(peer)?.matchIndex ?? logIndex(0)
  }

  /** Starts to follow new members and forgets former ones. `isActive`: whether the new count as heard of. */
  trackMembers(
    others: ReadonlySet<PeerId>,
    nextIndex: LogIndex,
    isActive: boolean,
    inflightMax: number,
  ): void {
    for (const peer of this.progress.keys()) if (!others.has(peer)) this.progress.delete(peer)
    for (const peer of others)
      if (!this.progress.has(peer)) this.progress.set(peer, new Progress(nextIndex, isActive, inflightMax))
  }
}
