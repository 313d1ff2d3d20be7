/** `npm run bench`: see `options.ts` for what can be asked, docs/benchmarks.md for what is measured and why so. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BenchFailure } from './bench-failure.ts'
import type { Contestant } from './contestant.ts'
import { EtcdCluster } from './etcd-cluster.ts'
import { benchFailover, type FailoverFigures } from './failover.ts'
import { benchHistory, type HistoryFigures } from './history.ts'
import { benchLeases, type LeaseFigures, leaseLine } from './leases.ts'
import { benchFolder, describeMachine } from './machine.ts'
import { type BenchOptions, readOptions } from './options.ts'
import { PopuliCluster } from './populi-cluster.ts'
import { rounded } from './stats.ts'

/** What a bench ends with. */
interface Report {
  readonly ours: LeaseFigures | FailoverFigures | HistoryFigures
  readonly peer: object | null
  /** Ours divided by the peer's. */
  readonly ratio: object | null
}

/** What the bench has started, to be ended in reverse order. */
const undo: (() => Promise<void>)[] = []

async function cleanUp(): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step()
}

/** With `--json` people's lines go to standard error, so that standard output is for the program that reads it. */
const sayer = (json: boolean) => (line: string) => {
  const stream = json ? process.stderr : process.stdout
  stream.write(`${line}\n`)
}

async function run(options: BenchOptions): Promise<void> {
  const say = sayer(options.json)
  const folder = await benchFolder(options.dir)
  undo.push(() => rm(folder, { recursive: true, force: true }))
  const machine = await describeMachine(folder)
  say(
    `${machine.cores} cores of ${machine.cpu}; a block is on disk after ${machine.fsyncP50Ms} ms (p99 ${machine.fsyncP99Ms} ms)`,
  )
  const ours = new PopuliCluster(folder, options.voters)
  await started(ours)
  const peer = options.peer ? await started(await newEtcd(folder, 'peer', options)) : undefined
  say(`${options.voters} voters, ${options.clients} clients`)
  const report = await measure(options, folder, ours, peer, say)
  if (!options.json) return
  const { bench, voters, clients } = options
  const shape = { voters, clients }
  const { ours: own, peer: other, ratio } = report
  const line = { bench, ours: { ...shape, ...own }, peer: other && { ...other, ...shape }, ratio, machine }
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

function measure(
  options: BenchOptions,
  folder: string,
  ours: PopuliCluster,
  peer: EtcdCluster | undefined,
  say: (line: string) => void,
): Promise<Report> {
  switch (options.bench) {
    case 'leases':
      return leases(options, ours, peer, say)
    case 'failover':
      return failover(options, folder, ours, peer, say)
    case 'history':
      return history(options, ours, say)
  }
}

async function leases(
  options: BenchOptions,
  ours: PopuliCluster,
  peer: EtcdCluster | undefined,
  say: (line: string) => void,
): Promise<Report> {
  const result = await benchLeases(ours, peer, { ...options, say })
  say(`\npopuli                 ${leaseLine(result.ours)}`)
  if (peer === undefined || result.peer === undefined) return { ours: result.ours, peer: null, ratio: null }
  const { txn, lease } = result.peer
  say(`etcd                   ${leaseLine(lease)}`)
  say(`etcd, shared lease     ${leaseLine(txn)}`)
  const ratio = { ...leaseRatio(result.ours, lease), toSharedLease: leaseRatio(result.ours, txn) }
  say(
    `ours / etcd            ${ratio.grantsPerSecond} x the grants, ${ratio.p50Ms} x the p50 (shared lease: ${ratio.toSharedLease.grantsPerSecond} x, ${ratio.toSharedLease.p50Ms} x)`,
  )
  return { ours: result.ours, peer: { ...nameOf(peer), ...lease, sharedLease: txn }, ratio }
}

const leaseRatio = (ours: LeaseFigures, theirs: LeaseFigures) => ({
  grantsPerSecond: rounded(ours.grantsPerSecond / theirs.grantsPerSecond),
  p50Ms: rounded(ours.p50Ms / theirs.p50Ms),
  p99Ms: rounded(ours.p99Ms / theirs.p99Ms),
})

async function failover(
  options: BenchOptions,
  folder: string,
  ours: PopuliCluster,
  peer: EtcdCluster | undefined,
  say: (line: string) => void,
): Promise<Report> {
  const entrants: { label: string; contestant: Contestant }[] = [{ label: 'populi', contestant: ours }]
  if (peer !== undefined) entrants.push({ label: 'etcd', contestant: peer })
  if (peer !== undefined && options.tuned) {
    // The timings of our `lan` preset.
    const tuned = await started(
      await newEtcd(folder, 'tuned', options, ['--heartbeat-interval', '50', '--election-timeout', '300']),
    )
    entrants.push({ label: 'etcd 50/300', contestant: tuned })
  }
  const [own, other, tuned] = await benchFailover(entrants, { ...options, say })
  if (own === undefined) throw new BenchFailure('nothing was measured')
  say('')
  for (const [index, figures] of [own, other, tuned].entries())
    if (figures)
      say(`${entrants[index]?.label.padEnd(22)} median ${figures.medianMs} ms, max ${figures.maxMs} ms`)
  if (peer === undefined || other === undefined) return { ours: own, peer: null, ratio: null }
  const ratio = {
    medianMs: rounded(own.medianMs / other.medianMs),
    maxMs: rounded(own.maxMs / other.maxMs),
  }
  return { ours: own, peer: { ...nameOf(peer), ...other, ...(tuned && { tuned }) }, ratio }
}

async function history(
  options: BenchOptions,
  ours: PopuliCluster,
  say: (line: string) => void,
): Promise<Report> {
  const figures = await benchHistory(ours, { ...options, say })
  say(
    `\nmemory ${figures.rssEarlyMiB} MiB early, ${figures.rssLateMiB} MiB late, ${figures.rssMaxMiB} MiB at most; ready ${figures.restartMs} ms after a restart, ${figures.restartAfterKillMs} ms after a kill`,
  )
  return { ours: figures, peer: null, ratio: null }
}

async function newEtcd(
  folder: string,
  name: string,
  { voters }: BenchOptions,
  flags: readonly string[] = [],
): Promise<EtcdCluster> {
  await mkdir(join(folder, name))
  return new EtcdCluster(join(folder, name), voters, flags)
}

async function started<Kind extends Contestant>(contestant: Kind): Promise<Kind> {
  undo.push(() => contestant.end())
  await contestant.start()
  return contestant
}

const nameOf = ({ name, version }: Contestant) => ({ name, version })

process.once('SIGINT', () => void cleanUp().then(() => process.exit(130)))

try {
  await run(readOptions(process.argv.slice(2)))
} catch (failure) {
  process.stderr.write(`bench: ${failure instanceof Error ? failure.message : String(failure)}\n`)
  process.exitCode = 1
} finally {
  await cleanUp()
}
