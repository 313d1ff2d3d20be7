/** What `npm run sim` is asked for. */
import { parseArgs } from 'node:util'
import { CodedError } from '../../src/base/index.ts'
import { SCENARIOS, scenarioNamed } from '../scenarios/index.ts'

const SEEDS_DEFAULT = 100
/** A seed is 32 bits wide; so many are still told apart. */
const SEED_MAX = 2 ** 32 - 1

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
  | { readonly mode: 'mutations'; readonly isJson: boolean }
  | { readonly mode: 'replay'; readonly file: string; readonly isJson: boolean }

export const USAGE = `npm run sim -- --scenario NAME [--seeds N] [--from S] [--twice] [--json]
npm run sim -- --scenario NAME --seed S      one seed; when it fails, its timeline is written
npm run sim -- --replay FILE                 a run that was written down
npm run sim -- --mutations [--json]          deliberate bugs: which checker catches each

scenarios:
${SCENARIOS.map(({ name, summary }) => `  ${name.padEnd(20)}${summary}`).join('\n')}

docs/simulations.md says what is simulated, what is checked, and how to add a scenario.
`

/** @throws CodedError `input.invalid` */
export function parseOptions(argv: readonly string[]): Options {
  const values = read(argv)
  const isJson = values.json ?? false
  if (values.help) return { mode: 'help' }
  if (values.mutations) return { mode: 'mutations', isJson }
  if (values.replay !== undefined) return { mode: 'replay', file: values.replay, isJson }
  const scenario = values.scenario ?? 'authority'
  if (scenarioNamed(scenario) === undefined)
    throw invalid('--scenario', scenario, SCENARIOS.map(({ name }) => name).join(', '))
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
        twice: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch {
    throw invalid('arguments', argv.join(' '), 'what --help shows')
  }
}

function whole(field: string, text: string, min: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= SEED_MAX) return value
  throw invalid(field, text, `a whole number from ${min} to ${SEED_MAX}`)
}

const invalid = (field: string, got: string, accepts: string): CodedError =>
  new CodedError('input.invalid', { field, got, accepts })
