import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { BenchFailure } from './bench-failure.ts'

export const USAGE = `npm run bench -- leases|failover|history|idle|detect|tasks|cancel [options]

  leases    grants per second, and how long a grant takes
  failover  kill -9 of the leader under load: time to the first grant elsewhere
  history   memory of a node over many grants, and its restart with that history
  idle      CPU and memory of nodes that have nothing to do
  detect    kill -9 and kill -STOP of a node: time until the others say that it is dead
  tasks     tasks per second, and how long one takes, against an HTTP request that starts the same command
  cancel    from the call until the worker has proved that nothing is left

  --voters N    1, 3 or 5 (3); not for idle and detect
  --nodes N     idle 20, detect 5
  --clients N   at the same time (leases, history 64, tasks 48, failover 16)
  --rounds N    of each contestant (leases, tasks, cancel 5, failover 25, detect 10)
  --seconds N   of each round of leases and tasks (3)
  --grants N    of history (1000000)
  --minutes N   of idle (10)
  --stream-gib N  tasks: instead, one command that prints so much
  --peer etcd   the same against etcd, in turns (leases, failover)
  --peer serf   the same against serf, in turns (detect)
  --peer http   tasks is always measured against it
  --tuned       failover: etcd also with an election timeout like ours, as information
  --dir PATH    where the data directories are made; must be on a disk (${tmpdir()})
  --json        ends with one line of JSON on standard output; what people read goes to standard error
`

const BENCHES = ['leases', 'failover', 'history', 'idle', 'detect', 'tasks', 'cancel'] as const
export type BenchName = (typeof BENCHES)[number]

export interface BenchOptions {
  readonly bench: BenchName
  /** Nodes of ours, and of the peer. Of the benches of the authority all of them vote. */
  readonly nodes: number
  readonly clients: number
  readonly rounds: number
  readonly seconds: number
  readonly grants: number
  readonly minutes: number
  readonly streamGiB: number | undefined
  readonly peer: string | undefined
  readonly tuned: boolean
  readonly dir: string
  readonly json: boolean
}

/** What a bench is about, and what it usually takes. */
interface Shape {
  /** Which option says how many nodes there are. */
  readonly size: 'voters' | 'nodes'
  readonly nodes: number
  readonly nodesMin: number
  readonly peer: string | undefined
  readonly clients: number
  readonly rounds: number
}

const SHAPES: Record<BenchName, Shape> = {
  leases: { size: 'voters', nodes: 3, nodesMin: 1, peer: 'etcd', clients: 64, rounds: 5 },
  failover: { size: 'voters', nodes: 3, nodesMin: 3, peer: 'etcd', clients: 16, rounds: 25 },
  history: { size: 'voters', nodes: 3, nodesMin: 1, peer: undefined, clients: 64, rounds: 1 },
  idle: { size: 'nodes', nodes: 20, nodesMin: 1, peer: undefined, clients: 0, rounds: 1 },
  detect: { size: 'nodes', nodes: 5, nodesMin: 3, peer: 'serf', clients: 0, rounds: 10 },
  tasks: { size: 'voters', nodes: 3, nodesMin: 3, peer: 'http', clients: 48, rounds: 5 },
  cancel: { size: 'voters', nodes: 3, nodesMin: 3, peer: undefined, clients: 1, rounds: 5 },
}

/** @throws BenchFailure when they make no sense. */
export function readOptions(argv: readonly string[]): BenchOptions {
  const { values, positionals } = parse(argv)
  const bench = BENCHES.find((name) => name === positionals[0])
  if (bench === undefined || positionals.length > 1) throw new BenchFailure(USAGE)
  const shape = SHAPES[bench]
  return {
    bench,
    nodes: readSize(bench, shape, values),
    clients: wholeNumber('clients', values.clients, shape.clients),
    rounds: wholeNumber('rounds', values.rounds, shape.rounds),
    seconds: wholeNumber('seconds', values.seconds, 3),
    grants: wholeNumber('grants', values.grants, 1_000_000),
    minutes: wholeNumber('minutes', values.minutes, 10),
    streamGiB: readStream(bench, values['stream-gib']),
    peer: readPeer(bench, shape, values.peer),
    tuned: values.tuned,
    dir: values.dir,
    json: values.json,
  }
}

function readSize(bench: BenchName, shape: Shape, values: { voters?: string; nodes?: string }): number {
  const other = shape.size === 'voters' ? 'nodes' : 'voters'
  if (values[other] !== undefined) throw new BenchFailure(`--${other}: ${bench} takes --${shape.size}`)
  const size = wholeNumber(shape.size, values[shape.size], shape.nodes)
  if (shape.size === 'voters' && ![1, 3, 5].includes(size))
    throw new BenchFailure(`--voters ${size}: 1, 3 or 5`)
  if (size < shape.nodesMin) throw new BenchFailure(`--${shape.size} ${size}: at least ${shape.nodesMin}`)
  return size
}

function readStream(bench: BenchName, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (bench !== 'tasks') throw new BenchFailure(`--stream-gib: only of tasks`)
  return wholeNumber('stream-gib', text, 0)
}

function readPeer(bench: BenchName, shape: Shape, peer: string | undefined): string | undefined {
  if (peer === undefined || peer === shape.peer) return peer
  if (shape.peer === undefined) throw new BenchFailure(`--peer: ${bench} is about our own node`)
  throw new BenchFailure(`--peer ${peer}: of ${bench} only ${shape.peer} is known`)
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        voters: { type: 'string' },
        nodes: { type: 'string' },
        clients: { type: 'string' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        grants: { type: 'string' },
        minutes: { type: 'string' },
        'stream-gib': { type: 'string' },
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
