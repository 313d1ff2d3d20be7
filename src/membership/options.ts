import { LIMITS } from '../base/index.ts'

/** Tunables of membership. Times in milliseconds; "beats" are heartbeat intervals of the member in question. */
export interface MembershipOptions {
  /**
   * Shortest time between two regular heartbeats, and the interval of a small mesh.
   * Shorter: failures are seen sooner. Longer: fewer wake-ups of sleeping radios and slow links.
   */
  readonly heartbeatIntervalMsMin: number
  /**
   * interval = members × this, once above the minimum. Each node gets one heartbeat of each member per interval, so
   * its cost is (cost of one delivery ÷ this) of a core, whatever the number of members.
   */
  readonly heartbeatPerMemberMs: number
  /** `suspectAfterMs` = interval × this. More: fewer false suspicions. Less: new work avoids a dead node sooner. */
  readonly suspectAfterBeats: number
  /** `deadAfterMs` = interval × this; more than `suspectAfterBeats`. The difference is the time to refute. */
  readonly deadAfterBeats: number
  /** Every this many heartbeats the record rides along unasked: bounds how long a lost record stays lost. */
  readonly recordEveryBeats: number
  /**
   * How often the driver calls `tick`, at least. A gap of four times this between two calls means that this
   * process itself was away, and nobody is accused for what was not heard in it.
   */
  readonly tickMs: number
}

/** 1.6 ms of CPU per delivery of signed gossip (measured, js-libp2p) ÷ 160 ms = 1 % of a core, at any size. */
const PER_MEMBER_MS = 160

export const MEMBERSHIP_PRESETS = {
  /** Suspected after 4 s, dead after 10 s, up to 6 members. Gossip runs over TCP: what is late was not lost. */
  lan: {
    heartbeatIntervalMsMin: 1000,
    heartbeatPerMemberMs: PER_MEMBER_MS,
    suspectAfterBeats: 4,
    deadAfterBeats: 10,
    recordEveryBeats: 10,
    tickMs: 250,
  },
  /** Suspected after 15 s, dead after a minute: longer than an overlay takes to change its path. */
  wan: {
    heartbeatIntervalMsMin: 3000,
    heartbeatPerMemberMs: PER_MEMBER_MS,
    suspectAfterBeats: 5,
    deadAfterBeats: 20,
    recordEveryBeats: 10,
    tickMs: 250,
  },
} as const satisfies Record<string, MembershipOptions>

/** Time between two heartbeats of a node that knows `members` members, itself included. */
export function heartbeatIntervalMs(options: MembershipOptions, members: number): number {
  const grown = Math.max(options.heartbeatIntervalMsMin, members * options.heartbeatPerMemberMs)
  return Math.min(grown, LIMITS.heartbeatIntervalMsMax)
}

/** Gap between two calls from which on this process counts as having been away. */
export function awayAfterMs(options: MembershipOptions): number {
  return 4 * options.tickMs
}
