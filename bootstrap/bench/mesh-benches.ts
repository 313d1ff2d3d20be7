/** The benches of the mesh itself: what idle nodes cost. */
import type { Bench, Report } from './bench.ts'
import { benchIdle, idleLine } from './idle.ts'
import { PopuliCluster } from './populi-cluster.ts'

export async function reportIdle({ options, folder, say, started }: Bench): Promise<Report> {
  const ours = await started(new PopuliCluster(folder, options.nodes))
  say(`${options.nodes} nodes, ${options.minutes} minutes`)
  const figures = await benchIdle(ours.pids(), { ...options, say })
  say(`\nnode      ${idleLine(figures.node)}\nguardian  ${idleLine(figures.guardian)}`)
  return { ours: figures, peer: null, ratio: null }
}
