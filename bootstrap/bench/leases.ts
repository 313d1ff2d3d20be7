/**
 * `bench leases`: grants per second and the latency of a grant. Rounds of the contestants take turns, so that a neighbour who
 * makes the machine slow for a while makes it slow for all; each figure is the median of its rounds.
 */
import type { Contestant } from './contestant.ts'
import type { EtcdCluster } from './etcd-cluster.ts'
import type { Measured } from './load.ts'
import type { LoadProcess } from './load-process.ts'
import { cpuMsOf } from './process-usage.ts'
import { median, rounded } from './stats.ts'

const WARM_UP_MS = 1000

/** CPU time per grant and its giving back: on a machine with few cores, what decides. */
interface CpuPerGrant {
  readonly serverCpuMsPerGrant: number
  readonly loadCpuMsPerGrant: number
}

export interface LeaseFigures extends Measured, CpuPerGrant {
  /** Grants per second of each. */
  readonly rounds: readonly number[]
}

interface Entrant {
  readonly label: string
  readonly contestant: Contestant
  readonly load: LoadProcess
  readonly measured: (Measured & CpuPerGrant)[]
}

interface LeaseOptions {
  readonly rounds: number
  readonly seconds: number
  readonly clients: number
  readonly say: (line: string) => void
}

interface LeaseResults {
  readonly ours: LeaseFigures
  /** Doing the same as ours (`lease`), and in the form that is kindest to etcd (`txn`). */
  readonly peer?: { readonly txn: LeaseFigures; readonly lease: LeaseFigures }
}

export async function benchLeases(
  ours: Contestant,
  peer: EtcdCluster | undefined,
  options: LeaseOptions,
): Promise<LeaseResults> {
  const own = entrant('populi', ours, await ours.openLoad())
  const others =
    peer === undefined
      ? undefined
      : {
          txn: entrant('etcd, shared lease', peer, await peer.openLoad('txn')),
          lease: entrant('etcd', peer, await peer.openLoad('lease')),
        }
  const all = others === undefined ? [own] : [own, others.lease, others.txn]
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const each of all) await runRound(each, round, options)
  }
  await Promise.all(all.map(({ load }) => load.end()))
  return {
    ours: figures(own),
    ...(others && { peer: { txn: figures(others.txn), lease: figures(others.lease) } }),
  }
}

const entrant = (label: string, contestant: Contestant, load: LoadProcess): Entrant => ({
  label,
  contestant,
  load,
  measured: [],
})

async function runRound(entrant: Entrant, round: number, options: LeaseOptions): Promise<void> {
  const { load, contestant, measured, label } = entrant
  const servers = (): number => contestant.pids().reduce((sum, pid) => sum + cpuMsOf(pid), 0)
  const before = { servers: servers(), load: cpuMsOf(load.pid) }
  const result = await load.measure(options.clients, WARM_UP_MS, options.seconds * 1000)
  // The warm-up counts on both sides of the division, and the last round trip on neither.
  const grants = result.grantsPerSecond * (options.seconds + WARM_UP_MS / 1000)
  const cpu = {
    serverCpuMsPerGrant: rounded((servers() - before.servers) / grants, 3),
    loadCpuMsPerGrant: rounded((cpuMsOf(load.pid) - before.load) / grants, 3),
  }
  measured.push({ ...result, ...cpu })
  options.say(`round ${String(round).padStart(2)}  ${label.padEnd(22)} ${leaseLine({ ...result, ...cpu })}`)
}

export function leaseLine(one: Measured & CpuPerGrant): string {
  const rate = one.grantsPerSecond.toFixed(0).padStart(6)
  const cpu = `${one.serverCpuMsPerGrant.toFixed(2)} + ${one.loadCpuMsPerGrant.toFixed(2)}`
  return `${rate} grants/s   p50 ${one.p50Ms.toFixed(2)} ms   p99 ${one.p99Ms.toFixed(2)} ms   CPU per grant ${cpu} ms`
}

function figures({ measured }: Entrant): LeaseFigures {
  const of = (key: keyof Measured | keyof CpuPerGrant): number =>
    rounded(median(measured.map((one) => one[key])), 3)
  return {
    grantsPerSecond: of('grantsPerSecond'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    maxMs: of('maxMs'),
    serverCpuMsPerGrant: of('serverCpuMsPerGrant'),
    loadCpuMsPerGrant: of('loadCpuMsPerGrant'),
    rounds: measured.map(({ grantsPerSecond }) => grantsPerSecond),
  }
}
