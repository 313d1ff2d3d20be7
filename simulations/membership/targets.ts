/** What issue 4 asks of the figures of profile `ours`, preset `lan`. */
import type { Figures } from './figures.ts'

export interface CaseFigures extends Figures {
  readonly name: string
  readonly profile: string
  readonly nodes: number
}

export interface Verdict {
  readonly what: string
  readonly got: number
  readonly limit: number
  readonly isMet: boolean
}

const EVERYWHERE_MS_MAX = [
  [10, 6000],
  [100, 10_000],
  [1000, 14_000],
] as const
const PAYLOAD_BYTES_PER_SECOND_MAX = 1500
const CONVERGED_MS_MAX = 30_000
const FEWER_DEATHS = 50
/** Cases with at most 5 % of loss, and nothing else. */
const CALM = /^(steady-[015]|tcp-5)$/

export function verdicts(all: readonly CaseFigures[]): readonly Verdict[] {
  return all
    .filter(({ profile }) => profile === 'ours')
    .flatMap((one) => [...verdictsOf(one), ...comparison(one, all)])
}

function verdictsOf(one: CaseFigures): Verdict[] {
  const found: Verdict[] = []
  const atMost = (what: string, got: number, limit: number): void => {
    found.push({ what: `${one.name}, ${one.nodes} members: ${what}`, got, limit, isMet: got <= limit })
  }
  if (one.name === 'crash-silent') {
    const limit = EVERYWHERE_MS_MAX.find(([nodes]) => one.nodes <= nodes)?.[1] ?? EVERYWHERE_MS_MAX[2][1]
    atMost('declared dead everywhere, p50 in ms', one.everywhereMs?.p50 ?? Number.NaN, limit)
    atMost('never found out', one.missed ?? 0, 0)
  }
  if (CALM.test(one.name)) {
    atMost('false deaths', one.falseDeaths, 0)
    atMost('payload in bytes per second', one.payloadBytesPerNodeSecond, PAYLOAD_BYTES_PER_SECOND_MAX)
  }
  if (one.name === 'partition') {
    atMost('all views equal after the heal, in ms', one.convergedMs?.p99 ?? Number.NaN, CONVERGED_MS_MAX)
    atMost('never equal', one.unconverged ?? 0, 0)
  }
  return found
}

/**
 * Plain SWIM has at least 50 times as many false deaths; none of ours counts as one, for chance could have made it. A run in which
 * plain SWIM has too few to tell is no verdict.
 */
function comparison(one: CaseFigures, all: readonly CaseFigures[]): Verdict[] {
  const plain = all.find(
    ({ name, profile, nodes }) => name === one.name && profile === 'plain-swim' && nodes === one.nodes,
  )
  if (one.name !== 'slow-observers' || plain === undefined) return []
  if (one.falseDeaths === 0 && plain.falseDeaths < FEWER_DEATHS) return []
  const limit = plain.falseDeathsPerMemberHour / FEWER_DEATHS
  const got = Math.max(1, one.falseDeaths) / one.memberHours
  const what = `${one.name}, ${one.nodes} members: false deaths per member-hour, against plain SWIM's ÷ ${FEWER_DEATHS}`
  return [{ what, got, limit, isMet: got <= limit }]
}
