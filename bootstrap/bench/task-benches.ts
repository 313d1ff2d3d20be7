/** The benches of tasks: against an HTTP request that starts the same command, and of their end. */
import type { Bench, Report } from './bench.ts'
import { benchCancel, cancelLine, GRACE_MS } from './cancel.ts'
import { EmbeddedCluster } from './embedded-cluster.ts'
import { rounded } from './stats.ts'
import { benchStream, type StreamFigures, streamLine } from './stream.ts'
import { HttpPeer } from './task-process.ts'
import { benchTasks, taskLine } from './tasks.ts'

/** Usual settings but for the grace, which is named so that it can be compared with. */
const ENV = { POPULI_LEASE_TTL_MS: '120000', POPULI_LEASE_STOP_GRACE_MS: String(GRACE_MS) }

export async function reportTasks(bench: Bench): Promise<Report> {
  const { options, folder, say, started } = bench
  const cluster = await started(new EmbeddedCluster(folder, options.nodes, ENV))
  const peer = await started(new HttpPeer())
  const roles = await cluster.roles()
  if (options.streamGiB !== undefined) {
    const ours = await benchStream(roles.submitter, roles, options.streamGiB)
    const theirs = await benchStream(peer, { workerPid: peer.serverPid }, options.streamGiB)
    say(`populi   ${streamLine(ours)}\nhttp     ${streamLine(theirs)}`)
    return streamReport(ours, theirs)
  }
  say(`${options.nodes} voters; alone, and ${options.clients} at the same time`)
  const { commands, functions, http } = await benchTasks(roles.submitter, peer, { ...options, say })
  const p50OverheadMs = rounded(commands.alone.p50Ms - http.alone.p50Ms, 3)
  say(`\npopuli commands   ${taskLine(commands)}\nhttp commands     ${taskLine(http)}`)
  say(`populi functions  ${taskLine(functions)}\np50 overhead of a command ${p50OverheadMs} ms`)
  const noopTasksPerSecond = functions.together.tasksPerSecond
  const shape = { voters: options.nodes, clients: options.clients }
  return {
    ours: { ...shape, p50OverheadMs, noopTasksPerSecond, commands, functions },
    peer: { name: peer.name, commands: http },
    ratio: {
      p50Ms: rounded(commands.alone.p50Ms / http.alone.p50Ms),
      tasksPerSecond: rounded(commands.together.tasksPerSecond / http.together.tasksPerSecond, 3),
    },
  }
}

const streamReport = (ours: StreamFigures, theirs: StreamFigures): Report => ({
  ours,
  peer: { name: 'http', ...theirs },
  ratio: { mibPerSecond: rounded(ours.mibPerSecond / theirs.mibPerSecond, 3) },
})

export async function reportCancel({ options, folder, say, started }: Bench): Promise<Report> {
  const cluster = await started(new EmbeddedCluster(folder, options.nodes, ENV))
  const { submitter } = await cluster.roles()
  say(`${options.nodes} voters, ${options.rounds} rounds`)
  const figures = await benchCancel(submitter, { ...options, say })
  say(`\n${cancelLine(figures)}`)
  return { ours: { voters: options.nodes, ...figures }, peer: null, ratio: null }
}
