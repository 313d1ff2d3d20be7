import { type LogIndex, logIndex, type PeerId } from '../base/index.ts'
import { Progress, type SendingRules } from './progress.ts'
import type { ReadId } from './proposal.ts'

/** A read that waits until a quorum has answered heartbeat `round`. */
interface WaitingRead {
  readonly id: ReadId
  readonly index: LogIndex
  readonly round: number
}

interface Transfer {
  readonly to: PeerId
  /** Ticks that it may still take. */
  ticksLeft: number
  /** It was told to campaign. */
  isAsked: boolean
}

/** What a server keeps only while it leads (figure 2, "volatile state on leaders"); gone when it steps down. */
export class Leadership {
  /** Of every other member. */
  readonly progress = new Map<PeerId, Progress>()
  /**
   * No configuration is proposed before this index is committed: that of the last one proposed, at first that of
   * the term's own first entry. So one change is under way at a time, and none before the leader has committed an
   * entry of its own term.
   */
  configurationBarrier: LogIndex
  heartbeatElapsed = 0
  /** Ticks since there was something to do for anybody. */
  idleElapsed = 0
  /** The last entry when that began. */
  idleIndex = logIndex(0)
  learnerHeartbeatElapsed = 0
  /** Heartbeats leave with the next `Ready`; if that is late, they do not pile up. */
  isHeartbeatDue = false
  /** The newest heartbeat round that was begun. */
  heartbeatRound = 0
  /** In the order of their rounds. */
  reads: WaitingRead[] = []
  transfer: Transfer | undefined

  constructor(configurationBarrier: LogIndex) {
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
    rules: SendingRules,
  ): void {
    for (const peer of this.progress.keys()) if (!others.has(peer)) this.progress.delete(peer)
    for (const peer of others)
      if (!this.progress.has(peer)) this.progress.set(peer, new Progress(nextIndex, isActive, rules))
  }
}
