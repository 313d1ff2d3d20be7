/**
 * `bench cancel`: from the call at the submitter until the worker's word is there that nothing of the task is left. Of a process that obeys
 * TERM, one after another; and of processes that ignore it, which are killed when their grace is over.
 *
 * A tail is a tail: percentiles are over the samples of all rounds, and no round is outvoted.
 */
import type { Cancelled } from './populi-task-service.ts'
import { median, percentile, rounded } from './stats.ts'
import type { NodeGiver } from './task-process.ts'

/** From TERM to KILL, in all nodes of the bench. */
export const GRACE_MS = 2000

const CANCELS_PER_ROUND = 40
const STUBBORN_PER_ROUND = 4

/** Both print their process id when they are ready for their end. */
const OBEDIENT = ['sh', '-c', 'echo $$; exec sleep 3600']
const STUBBORN = ['sh', '-c', 'trap "" TERM; echo $$; exec sleep 3600']

export interface CancelFigures {
  readonly rounds: number
  readonly samples: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** Median of the rounds' own. */
  readonly p95OfRoundsMs: number
  readonly stubborn: {
    readonly samples: number
    readonly graceMs: number
    /** The latest, beyond the grace: until the process was gone, and until that was acknowledged. */
    readonly goneAfterGraceMsMax: number
    readonly acknowledgedAfterGraceMsMax: number
  }
}

interface CancelOptions {
  readonly rounds: number
  readonly say: (line: string) => void
}

export async function benchCancel(
  submitter: NodeGiver,
  { rounds, say }: CancelOptions,
): Promise<CancelFigures> {
  await submitter.cancel(OBEDIENT)
  const obedient: Cancelled[][] = []
  const stubborn: Cancelled[] = []
  for (let round = 1; round <= rounds; round += 1) {
    const one: Cancelled[] = []
    for (let count = 0; count < CANCELS_PER_ROUND; count += 1) one.push(await submitter.cancel(OBEDIENT))
    obedient.push(one)
    const killed = Array.from({ length: STUBBORN_PER_ROUND }, () => submitter.cancel(STUBBORN))
    stubborn.push(...(await Promise.all(killed)))
    const ms = one.map(({ acknowledgedMs }) => acknowledgedMs)
    say(
      `round ${round}  p50 ${percentile(ms, 0.5).toFixed(1)} ms   p95 ${percentile(ms, 0.95).toFixed(1)} ms`,
    )
  }
  return figuresOf(obedient, stubborn)
}

export function figuresOf(
  obedient: readonly (readonly Cancelled[])[],
  stubborn: readonly Cancelled[],
): CancelFigures {
  const rounds = obedient.map((round) => round.map(({ acknowledgedMs }) => acknowledgedMs))
  const all = rounds.flat()
  const latest = (ms: readonly number[]): number => rounded(Math.max(...ms) - GRACE_MS)
  return {
    rounds: rounds.length,
    samples: all.length,
    p50Ms: rounded(percentile(all, 0.5)),
    p95Ms: rounded(percentile(all, 0.95)),
    p99Ms: rounded(percentile(all, 0.99)),
    maxMs: rounded(percentile(all, 1)),
    p95OfRoundsMs: rounded(median(rounds.map((ms) => percentile(ms, 0.95)))),
    stubborn: {
      samples: stubborn.length,
      graceMs: GRACE_MS,
      goneAfterGraceMsMax: latest(stubborn.map(({ goneMs }) => goneMs)),
      acknowledgedAfterGraceMsMax: latest(stubborn.map(({ acknowledgedMs }) => acknowledgedMs)),
    },
  }
}

export const cancelLine = ({ samples, p50Ms, p95Ms, maxMs, stubborn }: CancelFigures): string =>
  [
    `${samples} cancels: p50 ${p50Ms} ms, p95 ${p95Ms} ms, at most ${maxMs} ms`,
    `${stubborn.samples} that ignore TERM: gone ${stubborn.goneAfterGraceMsMax} ms after the grace of ${stubborn.graceMs} ms at the latest, acknowledged ${stubborn.acknowledgedAfterGraceMsMax} ms after it`,
  ].join('\n')
