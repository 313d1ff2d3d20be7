/**
 * Whom this node wants a connection to whatever membership's neighbours are: the authority's group, where a vote or a heartbeat
 * must not wait for a dial, and whoever has work of ours or gave us some, because a closed connection means something there.
 */
import type { PeerId } from '../base/index.ts'
import type { RaftStatus } from '../raft/index.ts'
import type { Cancel, Scheduler, Transport } from './ports.ts'

/** Soon after the group or a task has changed; whoever sends something before dials by that. */
const LOOK_MS = 1000
/** Some looks long: a missed one closes nothing. */
const WANTED_MS = 5 * LOOK_MS

interface LinkWishesInit {
  readonly transport: Transport
  readonly scheduler: Scheduler
  /** Each says whom it needs now. */
  readonly needs: readonly (() => Iterable<PeerId>)[]
}

export class LinkWishes {
  private readonly init: LinkWishesInit
  private cancel: Cancel | undefined

  constructor(init: LinkWishesInit) {
    this.init = init
  }

  start(): void {
    this.look()
    this.cancel = this.init.scheduler.every(LOOK_MS, () => this.look())
  }

  stop(): void {
    this.cancel?.()
  }

  private look(): void {
    const { transport, needs } = this.init
    for (const need of needs)
      for (const peer of need()) if (peer !== transport.self) transport.want(peer, WANTED_MS)
  }
}

/**
 * The leader needs everybody of the group; voters need each other, because any of them may be the next one; a learner needs the
 * leader. A new leader dials the learners with what it sends them first.
 */
export function groupOf(
  status: Pick<RaftStatus, 'role' | 'leader' | 'self' | 'configuration'>,
): Iterable<PeerId> {
  const { role, leader, self, configuration } = status
  const mayVote = [...configuration.voters, ...configuration.votersOutgoing]
  if (role === 'leader') return [...mayVote, ...configuration.learners]
  if (mayVote.includes(self)) return mayVote
  return leader === undefined ? [] : [leader]
}
