/** The benches of the mesh itself: what idle nodes cost, and how soon a lost one is missed. */
import type { Bench, Report } from './bench.ts'
import { BenchFailure } from './bench-failure.ts'
import { benchDetect, detectLine, detectRatio, type WatchGroup } from './detect.ts'
import { benchIdle, idleLine } from './idle.ts'
import { PopuliCluster } from './populi-cluster.ts'
import { PopuliWatch } from './populi-watch.ts'
import { SerfCluster } from './serf-cluster.ts'

export async function reportIdle({ options, folder, say, started }: Bench): Promise<Report> {
  const ours = await started(new PopuliCluster(folder, options.nodes))
  say(`${options.nodes} nodes, ${options.minutes} minutes`)
  const figures = await benchIdle(ours.pids(), { ...options, say })
  say(`\nnode      ${idleLine(figures.node)}\nguardian  ${idleLine(figures.guardian)}`)
  return { ours: figures, peer: null, ratio: null }
}

export async function reportDetect({ options, folder, say, started }: Bench): Promise<Report> {
  const { nodes, rounds } = options
  const groups: WatchGroup[] = [new PopuliWatch(folder, nodes)]
  if (options.peer !== undefined) groups.push(new SerfCluster(nodes))
  for (const group of groups) await started(group)
  say(`${nodes} nodes, ${rounds} rounds`)
  const [own, other] = await benchDetect(groups, { rounds, say })
  if (own === undefined) throw new BenchFailure('nothing was measured')
  say(`\npopuli   ${detectLine(own)}`)
  const ours = { nodes, rounds, ...own }
  const peer = groups[1]
  if (other === undefined || peer === undefined) return { ours, peer: null, ratio: null }
  say(`serf     ${detectLine(other)}`)
  const { name, version } = peer
  return { ours, peer: { name, version, ...other }, ratio: detectRatio(own, other) }
}
