/** What `npm run sim` is asked for. */
import { parseArgs } from 'node:util'
import { CodedError, LIMITS } from '../../src/base/index.ts'
import { CASES, type MembershipPlan, PROFILES } from '../membership/index.ts'
import { MUTATIONS } from '../mutations/catalogue.ts'
import type { Mutation } from '../mutations/mutation.ts'
import { SCENARIOS, scenarioNamed } from '../scenarios/index.ts'

const SEEDS_DEFAULT = 100
/** A seed is 32 bits wide; so many are still told apart. */
const SEED_MAX = 2 ** 32 - 1
/** Members of one simulated mesh: what `LIMITS.rosterMax` lets in. */
const NODES_MAX = LIMITS.rosterMax
/** A year. */
const HOURS_MAX = 8766

export type Options =
  | { readonly mode: 'help' }
  | {
      readonly mode: 'seeds'
      readonly scenario: string
      readonly from: number
      readonly count: number
      readonly isTwice: boolean
      readonly isJson: boolean
    }
  | { readonly mode: 'one'; readonly scenario: string; readonly seed: number; readonly isJson: boolean }
  | { readonly mode: 'membership'; readonly plan: MembershipPlan; readonly isJson: boolean }
  | { readonly mode: 'mutations'; readonly mutations: readonly Mutation[]; readonly isJson: boolean }
  | { readonly mode: 'replay'; readonly file: string; readonly isJson: boolean }

export const USAGE = `npm run sim -- --scenario NAME [--seeds N] [--from S] [--twice] [--json]
npm run sim -- --scenario NAME --seed S      one seed; when it fails, its timeline is written
npm run sim -- --replay FILE                 a run that was written down
npm run sim -- --mutations [--only NAME,…] [--json]
                                             deliberate bugs: which checker catches each

scenarios:
${SCENARIOS.map(({ name, summary }) => `  ${name.padEnd(20)}${summary}`).join('\n')}

npm run sim -- --scenario membership [--nodes N,…] [--profile NAME|all] [--case NAME,…|all] [--hours H]
               [--seed S] [--seeds N] [--twice] [--report FILE] [--json]
    figures of the failure detector: how soon, how often wrong, at what cost
    profiles: ${PROFILES.map(({ name }) => name).join(', ')}
    cases:
${CASES.map(({ name, summary }) => `    ${name.padEnd(18)}${summary}`).join('\n')}

docs/simulations.md says what is simulated, what is checked, and how to add a scenario.
`

/** @throws CodedError `input.invalid` */
export function parseOptions(argv: readonly string[]): Options {
  const values = read(argv)
  const isJson = values.json ?? false
  if (values.help) return { mode: 'help' }
  if (values.mutations) return { mode: 'mutations', mutations: mutationsNamed(values.only), isJson }
  if (values.replay !== undefined) return { mode: 'replay', file: values.replay, isJson }
  const scenario = values.scenario ?? 'authority'
  if (scenario === 'membership') return { mode: 'membership', plan: membershipPlan(values), isJson }
  if (scenarioNamed(scenario) === undefined)
    throw invalid('--scenario', scenario, [...SCENARIOS.map(({ name }) => name), 'membership'].join(', '))
  if (values.seed !== undefined)
    return { mode: 'one', scenario, seed: whole('--seed', values.seed, 0), isJson }
  return {
    mode: 'seeds',
    scenario,
    from: whole('--from', values.from ?? '1', 0),
    count: whole('--seeds', values.seeds ?? String(SEEDS_DEFAULT), 1),
    isTwice: values.twice ?? false,
    isJson,
  }
}

function read(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        scenario: { type: 'string' },
        seeds: { type: 'string' },
        from: { type: 'string' },
        seed: { type: 'string' },
        replay: { type: 'string' },
        mutations: { type: 'boolean' },
        only: { type: 'string' },
        nodes: { type: 'string' },
        hours: { type: 'string' },
        profile: { type: 'string' },
        case: { type: 'string' },
        report: { type: 'string' },
        twice: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch {
    throw invalid('arguments', argv.join(' '), 'what --help shows')
  }
}

function membershipPlan(values: ReturnType<typeof read>): MembershipPlan {
  const hours = values.hours === undefined ? undefined : Number(values.hours)
  if (hours !== undefined && !(hours > 0 && hours <= HOURS_MAX))
    throw invalid('--hours', values.hours ?? '', `more than 0, at most ${HOURS_MAX}`)
  return {
    nodes: (values.nodes ?? '10').split(',').map((text) => whole('--nodes', text, 2, NODES_MAX)),
    profiles: among('--profile', values.profile ?? 'ours', PROFILES),
    cases: among('--case', values.case ?? 'all', CASES),
    hours,
    seeds: Array.from(
      { length: whole('--seeds', values.seeds ?? '1', 1) },
      (_, at) => whole('--seed', values.seed ?? '1', 0) + at,
    ),
    isTwice: values.twice ?? false,
    reportFile: values.report,
  }
}

function mutationsNamed(text: string | undefined): readonly Mutation[] {
  if (text === undefined) return MUTATIONS
  const asked = among('--only', text, MUTATIONS)
  return MUTATIONS.filter(({ name }) => asked.includes(name))
}

/** Names of what is known, or `all`. */
function among(field: string, text: string, known: readonly { readonly name: string }[]): readonly string[] {
  const names = known.map(({ name }) => name)
  if (text === 'all') return names
  const asked = text.split(',')
  if (asked.every((name) => names.includes(name))) return asked
  throw invalid(field, text, `all, or some of ${names.join(', ')}`)
}

function whole(field: string, text: string, min: number, max = SEED_MAX): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  throw invalid(field, text, `a whole number from ${min} to ${max}`)
}

const invalid = (field: string, got: string, accepts: string): CodedError =>
  new CodedError('input.invalid', { field, got, accepts })
