/**
 * `bench failover`: SIGKILL of the leader under load, and the time from the signal to the first grant that another server
 * brought about. Grants that the dead leader had still answered do not count: the load waits until it has seen the connection
 * to it close, behind everything that was on its way.
 */
import { assert } from '../../src/base/index.ts'
import type { Contestant } from './contestant.ts'
import { machineMs } from './load.ts'
import type { LoadProcess } from './load-process.ts'
import { median, rounded } from './stats.ts'

/** Between the start of the load, or the return of a server, and the next kill: connections, flow control and caches settle. */
const SETTLE_MS = 1000

export interface FailoverFigures {
  readonly medianMs: number
  readonly maxMs: number
  readonly minMs: number
  readonly rounds: readonly number[]
}

interface FailoverOptions {
  readonly rounds: number
  readonly clients: number
  readonly say: (line: string) => void
}

export async function benchFailover(
  entrants: readonly { readonly label: string; readonly contestant: Contestant }[],
  { rounds, clients, say }: FailoverOptions,
): Promise<readonly FailoverFigures[]> {
  const runners = await Promise.all(
    entrants.map(async ({ label, contestant }) => ({
      label,
      contestant,
      load: await contestant.openLoad(),
      took: [] as number[],
    })),
  )
  for (let round = 1; round <= rounds; round += 1) {
    for (const { label, contestant, load, took } of runners) {
      const tookMs = await failOver(contestant, load, clients)
      took.push(tookMs)
      say(`round ${round}  ${label.padEnd(24)} ${tookMs.toFixed(0).padStart(6)} ms`)
    }
  }
  await Promise.all(runners.map(({ load }) => load.end()))
  return runners.map(({ took }) => ({
    medianMs: rounded(median(took), 1),
    maxMs: rounded(Math.max(...took), 1),
    minMs: rounded(Math.min(...took), 1),
    rounds: took.map((ms) => rounded(ms, 1)),
  }))
}

async function failOver(contestant: Contestant, load: LoadProcess, clients: number): Promise<number> {
  await load.startLoad(clients)
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  const leader = await contestant.leader()
  assert(leader >= 0, 'a leader, or nobody could be killed')
  await load.watch(leader)
  const killedAtMs = machineMs()
  await contestant.kill(leader)
  const { grantedAtMs } = await load.recovered()
  await load.stopLoad()
  await contestant.revive(leader)
  return grantedAtMs - killedAtMs
}
