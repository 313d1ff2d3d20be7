/** The benches of the lease authority: alone, or against etcd in turns. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bench, Report } from './bench.ts'
import { BenchFailure } from './bench-failure.ts'
import type { Contestant } from './contestant.ts'
import { EtcdCluster } from './etcd-cluster.ts'
import { benchFailover } from './failover.ts'
import { benchHistory } from './history.ts'
import { benchLeases, type LeaseFigures, leaseLine } from './leases.ts'
import { PopuliCluster } from './populi-cluster.ts'
import { rounded } from './stats.ts'

interface Groups {
  readonly ours: PopuliCluster
  readonly peer: EtcdCluster | undefined
}

async function startGroups({ options, folder, say, started }: Bench): Promise<Groups> {
  const ours = await started(new PopuliCluster(folder, options.nodes))
  const peer =
    options.peer === undefined ? undefined : await started(await newEtcd(folder, 'peer', options.nodes))
  say(`${options.nodes} voters, ${options.clients} clients`)
  return { ours, peer }
}

const shapeOf = ({ options: { nodes, clients } }: Bench) => ({ voters: nodes, clients })

export async function reportLeases(bench: Bench): Promise<Report> {
  const { ours, peer } = await startGroups(bench)
  const { options, say } = bench
  const result = await benchLeases(ours, peer, { ...options, say })
  const own = { ...shapeOf(bench), ...result.ours }
  say(`\npopuli                 ${leaseLine(result.ours)}`)
  if (peer === undefined || result.peer === undefined) return { ours: own, peer: null, ratio: null }
  const { txn, lease } = result.peer
  say(`etcd                   ${leaseLine(lease)}`)
  say(`etcd, shared lease     ${leaseLine(txn)}`)
  const ratio = { ...leaseRatio(result.ours, lease), toSharedLease: leaseRatio(result.ours, txn) }
  say(
    `ours / etcd            ${ratio.grantsPerSecond} x the grants, ${ratio.p50Ms} x the p50 (shared lease: ${ratio.toSharedLease.grantsPerSecond} x, ${ratio.toSharedLease.p50Ms} x)`,
  )
  return { ours: own, peer: { ...nameOf(peer), ...lease, sharedLease: txn, ...shapeOf(bench) }, ratio }
}

const leaseRatio = (ours: LeaseFigures, theirs: LeaseFigures) => ({
  grantsPerSecond: rounded(ours.grantsPerSecond / theirs.grantsPerSecond),
  p50Ms: rounded(ours.p50Ms / theirs.p50Ms),
  p99Ms: rounded(ours.p99Ms / theirs.p99Ms),
})

export async function reportFailover(bench: Bench): Promise<Report> {
  const { ours, peer } = await startGroups(bench)
  const { options, say, folder, started } = bench
  const entrants: { label: string; contestant: Contestant }[] = [{ label: 'populi', contestant: ours }]
  if (peer !== undefined) entrants.push({ label: 'etcd', contestant: peer })
  if (peer !== undefined && options.tuned) {
    // The timings of our `lan` preset.
    const flags = ['--heartbeat-interval', '50', '--election-timeout', '300']
    const tuned = await started(await newEtcd(folder, 'tuned', options.nodes, flags))
    entrants.push({ label: 'etcd 50/300', contestant: tuned })
  }
  const [own, other, tuned] = await benchFailover(entrants, { ...options, say })
  if (own === undefined) throw new BenchFailure('nothing was measured')
  say('')
  for (const [index, figures] of [own, other, tuned].entries())
    if (figures)
      say(`${entrants[index]?.label.padEnd(22)} median ${figures.medianMs} ms, max ${figures.maxMs} ms`)
  const ourFigures = { ...shapeOf(bench), ...own }
  if (peer === undefined || other === undefined) return { ours: ourFigures, peer: null, ratio: null }
  const ratio = {
    medianMs: rounded(own.medianMs / other.medianMs),
    maxMs: rounded(own.maxMs / other.maxMs),
  }
  const theirs = { ...nameOf(peer), ...other, ...(tuned && { tuned }), ...shapeOf(bench) }
  return { ours: ourFigures, peer: theirs, ratio }
}

export async function reportHistory(bench: Bench): Promise<Report> {
  const { ours } = await startGroups(bench)
  const { options, say } = bench
  const figures = await benchHistory(ours, { ...options, say })
  say(
    `\nmemory ${figures.rssEarlyMiB} MiB early, ${figures.rssLateMiB} MiB late, ${figures.rssMaxMiB} MiB at most; ready ${figures.restartMs} ms after a restart, ${figures.restartAfterKillMs} ms after a kill`,
  )
  return { ours: { ...shapeOf(bench), ...figures }, peer: null, ratio: null }
}

async function newEtcd(
  folder: string,
  name: string,
  voters: number,
  flags: readonly string[] = [],
): Promise<EtcdCluster> {
  await mkdir(join(folder, name))
  return new EtcdCluster(join(folder, name), voters, flags)
}

const nameOf = ({ name, version }: Contestant) => ({ name, version })
