/** One run as it is handed to a worker thread, and what comes back. */
import { present } from '../../src/base/index.ts'
import { caseNamed } from './cases.ts'
import type { Outcome } from './figures.ts'
import { profileNamed } from './profiles.ts'
import { runCase } from './run-case.ts'

export interface MembershipJob {
  readonly name: string
  readonly profile: string
  readonly nodes: number
  readonly seed: number
  readonly hours: number | undefined
  /** Run it a second time: the trace must be the same. */
  readonly isTwice: boolean
}

export interface MembershipResult {
  readonly outcome: Outcome
  readonly isRepeatable: boolean
}

export function runMembershipJob({
  name,
  profile,
  nodes,
  seed,
  hours,
  isTwice,
}: MembershipJob): MembershipResult {
  const one = present(caseNamed(name), `case ${name}`)
  const rules = present(profileNamed(profile), `profile ${profile}`)
  const run = (): Outcome => runCase({ one, profile: rules, nodes, seed, hours })
  const outcome = run()
  return { outcome, isRepeatable: !isTwice || run().traces[0] === outcome.traces[0] }
}
