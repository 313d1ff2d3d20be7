/** `bench tasks --stream-gib N`: how fast the output of one command comes through, and whether memory stays flat on its way. */
import { setTimeout as sleep } from 'node:timers/promises'
import { BenchFailure } from './bench-failure.ts'
import { rssMiBOf } from './process-usage.ts'
import { median, rounded } from './stats.ts'
import type { Giver } from './task-process.ts'

const SAMPLE_MS = 100
const MIB = 1024 ** 2
const GIB = 1024 ** 3

/** Of one process: before, the medians of the second and of the last tenth of the run, and the highest sample. */
interface Memory {
  readonly beforeMiB: number
  readonly earlyMiB: number
  readonly lateMiB: number
  readonly maxMiB: number
}

export interface StreamFigures {
  readonly gib: number
  readonly mibPerSecond: number
  readonly submitter: Memory
  readonly worker: Memory
  readonly guardian: Memory | undefined
}

export async function benchStream(
  giver: Giver,
  { workerPid, guardianPid }: { readonly workerPid: number; readonly guardianPid?: number },
  gib: number,
): Promise<StreamFigures> {
  const pids = [giver.pid, workerPid, ...(guardianPid === undefined ? [] : [guardianPid])]
  const before = pids.map(rssMiBOf)
  const samples = pids.map((): number[] => [])
  const bytes = gib * GIB
  const from = performance.now()
  let read: number | undefined
  const streamed = giver.stream(['head', '-c', String(bytes), '/dev/zero']).then((count) => {
    read = count
  })
  while (read === undefined) {
    for (const [at, pid] of pids.entries()) samples[at]?.push(rssMiBOf(pid))
    await Promise.race([streamed, sleep(SAMPLE_MS)])
  }
  const seconds = (performance.now() - from) / 1000
  if (read !== bytes) throw new BenchFailure(`of ${bytes} bytes ${read} came through`)
  const [submitter, worker, guardian] = samples.map((one, at) => memoryOf(before[at] ?? 0, one))
  if (submitter === undefined || worker === undefined) throw new BenchFailure('nothing was measured')
  return { gib, mibPerSecond: rounded(bytes / MIB / seconds, 1), submitter, worker, guardian }
}

export function memoryOf(before: number, samples: readonly number[]): Memory {
  const tenth = Math.max(1, Math.floor(samples.length / 10))
  return {
    beforeMiB: rounded(before, 1),
    earlyMiB: rounded(median(samples.length > tenth ? samples.slice(tenth, 2 * tenth) : samples), 1),
    lateMiB: rounded(median(samples.slice(-tenth)), 1),
    maxMiB: rounded(Math.max(...samples), 1),
  }
}

export const streamLine = ({ gib, mibPerSecond, submitter, worker, guardian }: StreamFigures): string =>
  [
    `${gib} GiB at ${mibPerSecond} MiB/s`,
    `submitter ${memoryText(submitter)}`,
    `worker ${memoryText(worker)}`,
    ...(guardian === undefined ? [] : [`guardian ${memoryText(guardian)}`]),
  ].join('   ')

const memoryText = ({ beforeMiB, earlyMiB, lateMiB, maxMiB }: Memory): string =>
  `${beforeMiB} MiB, then ${earlyMiB} to ${lateMiB}, at most ${maxMiB}`
