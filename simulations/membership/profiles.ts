/**
 * Sets of options to compare, all on the same core, gossip and network. So the figures of the two others are those of their rules, not
 * of their programs: both speak UDP and let accusations ride on probes, where ours speaks TCP and publishes. Two things are done so that they
 * do not suffer from what they do not have: their members never hang up, and are not told of closed connections.
 */
import { LIMITS } from '../../src/base/index.ts'
import { MEMBERSHIP_PRESETS, type MembershipOptions } from '../../src/membership/index.ts'

export interface Profile {
  readonly name: string
  readonly summary: string
  readonly options: MembershipOptions
  /** Over UDP there is no connection to hang up, and so none to lose by a false verdict. */
  readonly hangsUp: boolean
}

const { lan } = MEMBERSHIP_PRESETS

/** What neither of them has: neighbours, evidence of closed connections, witnesses, a look at one's own lateness. */
const CLASSIC = {
  ...lan,
  fullMeshMax: LIMITS.rosterMax,
  declare: 'anyone',
  alert: false,
  freshMs: 0,
  lateMs: Number.POSITIVE_INFINITY,
  absentAfterMs: Number.POSITIVE_INFINITY,
  // One fixed timeout: the round trips are not measured.
  probeTimeoutMsMin: 500,
  probeTimeoutMsMax: 500,
  probePeriodMs: 1000,
  indirectProbes: 3,
} as const satisfies MembershipOptions

export const PROFILES: readonly Profile[] = [
  { name: 'ours', summary: 'preset lan', options: lan, hangsUp: true },
  {
    name: 'plain-swim',
    hangsUp: false,
    summary:
      'SWIM with suspicion, and a fixed time to refute as long as the shortest of ours, so that it is about as fast',
    options: {
      ...CLASSIC,
      suspicionMaxTimes: 1,
      confirmationsMax: 0,
      buddy: false,
      localHealthMax: 0,
    },
  },
  {
    name: 'memberlist',
    hangsUp: false,
    summary: 'Lifeguard with the LAN constants of memberlist (multiplier 4, at most 6 times, k = 2)',
    options: {
      ...CLASSIC,
      suspicionMs: 4000,
      suspicionMaxTimes: 6,
      confirmationsMax: 2,
      buddy: true,
      localHealthMax: 8,
    },
  },
]

export const profileNamed = (name: string): Profile | undefined =>
  PROFILES.find((profile) => profile.name === name)
