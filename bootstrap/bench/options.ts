import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { BenchFailure } from './bench-failure.ts'

export const USAGE = `npm run bench -- leases|failover|history [options]

  leases    grants per second, and how long a grant takes
  failover  kill -9 of the leader under load: time to the first grant elsewhere
  history   memory of a node over many grants, and its restart with that history

  --voters N    1, 3 or 5 (3)
  --clients N   at the same time (leases, history 64, failover 16)
  --rounds N    of each contestant (leases 5, failover 25)
  --seconds N   of each round of leases (3)
  --grants N    of history (1000000)
  --peer etcd   the same against etcd, in turns (not history)
  --tuned       failover: etcd also with an election timeout like ours, as information
  --dir PATH    where the data directories are made; must be on a disk (${tmpdir()})
  --json        ends with one line of JSON on standard output; what people read goes to standard error
`

const BENCHES = ['leases', 'failover', 'history'] as const
type BenchName = (typeof BENCHES)[number]

export interface BenchOptions {
  readonly bench: BenchName
  readonly voters: number
  readonly clients: number
  readonly rounds: number
  readonly seconds: number
  readonly grants: number
  readonly peer: boolean
  readonly tuned: boolean
  readonly dir: string
  readonly json: boolean
}

const DEFAULT_CLIENTS = { leases: 64, failover: 16, history: 64 } as const
const DEFAULT_ROUNDS = { leases: 5, failover: 25, history: 1 } as const

/** @throws BenchFailure when they make no sense. */
export function readOptions(argv: readonly string[]): BenchOptions {
  const { values, positionals } = parse(argv)
  const bench = BENCHES.find((name) => name === positionals[0])
  if (bench === undefined || positionals.length > 1) throw new BenchFailure(USAGE)
  if (values.peer !== undefined && values.peer !== 'etcd')
    throw new BenchFailure(`--peer ${values.peer}: only etcd is known`)
  const voters = wholeNumber('voters', values.voters, 3)
  if (![1, 3, 5].includes(voters)) throw new BenchFailure(`--voters ${voters}: 1, 3 or 5`)
  if (bench === 'failover' && voters === 1) throw new BenchFailure('--voters 1: nobody is left to take over')
  if (bench === 'history' && values.peer !== undefined)
    throw new BenchFailure('--peer: history is about our own node')
  return {
    bench,
    voters,
    clients: wholeNumber('clients', values.clients, DEFAULT_CLIENTS[bench]),
    rounds: wholeNumber('rounds', values.rounds, DEFAULT_ROUNDS[bench]),
    seconds: wholeNumber('seconds', values.seconds, 3),
    grants: wholeNumber('grants', values.grants, 1_000_000),
    peer: values.peer !== undefined,
    tuned: values.tuned,
    dir: values.dir,
    json: values.json,
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        voters: { type: 'string' },
        clients: { type: 'string' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        grants: { type: 'string' },
        peer: { type: 'string' },
        tuned: { type: 'boolean', default: false },
        dir: { type: 'string', default: tmpdir() },
        json: { type: 'boolean', default: false },
      },
    })
  } catch (cause) {
    throw new BenchFailure(`${cause instanceof Error ? cause.message : String(cause)}\n\n${USAGE}`)
  }
}

function wholeNumber(name: string, text: string | undefined, usual: number): number {
  if (text === undefined) return usual
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new BenchFailure(`--${name} ${text}: a whole number from 1`)
  return Number(text)
}
