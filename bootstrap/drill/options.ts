import { parseArgs } from 'node:util'
import { DrillFailure } from './drill-failure.ts'
import { FAULTS, type Fault } from './faults.ts'
import { STEPS, type Step } from './steps.ts'

const USAGE = `npm run drill -- tasks [options]

  Real nodes, real faults: each step of a task's life with each fault (docs/drills.md).

  --step S      only steps whose name contains S; can be repeated
  --fault F     only faults whose name contains F; can be repeated
  --repeat N    each cell so many times (1)
  --lanes N     meshes at the same time (3)
  --ttl-ms N    of the leases (3000); longer on a machine that has other work
  --keep        leaves the logs of the nodes also when nothing failed
  --docs        writes what became of each task into docs/drills.md
  --json        ends with one line of JSON on standard output; what people read goes to standard error
`

export interface DrillOptions {
  readonly steps: readonly Step[]
  readonly faults: readonly Fault[]
  readonly repeat: number
  readonly lanes: number
  readonly ttlMs: number
  readonly keep: boolean
  readonly docs: boolean
  readonly json: boolean
}

/** @throws DrillFailure when they make no sense. */
export function readOptions(argv: readonly string[]): DrillOptions {
  const { values, positionals } = parse(argv)
  if (positionals.length !== 1 || positionals[0] !== 'tasks') throw new DrillFailure(USAGE)
  return {
    steps: named('step', values.step, STEPS),
    faults: named('fault', values.fault, FAULTS),
    repeat: wholeNumber('repeat', values.repeat),
    lanes: wholeNumber('lanes', values.lanes),
    ttlMs: wholeNumber('ttl-ms', values['ttl-ms']),
    keep: values.keep,
    docs: values.docs,
    json: values.json,
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        step: { type: 'string', multiple: true, default: [''] },
        fault: { type: 'string', multiple: true, default: [''] },
        repeat: { type: 'string', default: '1' },
        lanes: { type: 'string', default: '3' },
        'ttl-ms': { type: 'string', default: '3000' },
        keep: { type: 'boolean', default: false },
        docs: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    })
  } catch (cause) {
    throw new DrillFailure(`${cause instanceof Error ? cause.message : String(cause)}\n\n${USAGE}`)
  }
}

/** In the order of `rows`. A whole name is that row, and not those that contain it. */
function named<Row extends { readonly name: string }>(
  option: string,
  parts: readonly string[],
  rows: readonly Row[],
): readonly Row[] {
  const found = parts.flatMap((part) => {
    const exact = rows.filter(({ name }) => name === part)
    const those = exact.length > 0 ? exact : rows.filter(({ name }) => name.includes(part))
    if (those.length > 0) return those
    throw new DrillFailure(`--${option} ${part}: one of\n${rows.map(({ name }) => `  ${name}`).join('\n')}`)
  })
  return rows.filter((row) => found.includes(row))
}

function wholeNumber(option: string, text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new DrillFailure(`--${option} ${text}: a whole number from 1`)
  return Number(text)
}
