/**
 * `bench tasks`: work given to another node, against an HTTP request that starts the same command. Alone, where each wait in series shows,
 * and many at the same time, where the cost of each decides. Rounds take turns, and each figure is the median of its rounds.
 */
import { BenchFailure } from './bench-failure.ts'
import { median, rounded } from './stats.ts'
import type { MeasuredTasks } from './task-load.ts'
import type { Giver } from './task-process.ts'
import type { Work } from './task-service.ts'

const WARM_UP_MS = 500

/** Ends at once, well, and prints nothing. */
const COMMAND: Work = { kind: 'command', argv: ['true'] }
/** Of every node of the bench: returns at once. */
const FUNCTION: Work = { kind: 'function', name: 'noop' }

interface Figures extends MeasuredTasks {
  readonly rounds: number
}

export interface TaskFigures {
  /** One after another. */
  readonly alone: Figures
  /** So many at the same time as there are clients. */
  readonly together: Figures
}

interface Contest {
  readonly commands: TaskFigures
  readonly functions: TaskFigures
  readonly http: TaskFigures
}

interface TaskOptions {
  readonly rounds: number
  readonly seconds: number
  readonly clients: number
  readonly say: (line: string) => void
}

export async function benchTasks(ours: Giver, peer: Giver, options: TaskOptions): Promise<Contest> {
  const entrants = [
    { label: 'populi commands', giver: ours, work: COMMAND },
    { label: 'http commands', giver: peer, work: COMMAND },
    { label: 'populi functions', giver: ours, work: FUNCTION },
  ].map((entrant) => ({ ...entrant, alone: [] as MeasuredTasks[], together: [] as MeasuredTasks[] }))
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const { label, giver, work, alone, together } of entrants) {
      const measure = { work, warmUpMs: WARM_UP_MS, measureMs: options.seconds * 1000 }
      alone.push(await giver.measure({ ...measure, clients: 1 }))
      together.push(await giver.measure({ ...measure, clients: options.clients }))
      options.say(`round ${round}  ${label.padEnd(16)} ${lineOf(alone.at(-1), together.at(-1))}`)
    }
  }
  const [commands, http, functions] = entrants.map(({ alone, together }) => ({
    alone: figuresOf(alone),
    together: figuresOf(together),
  }))
  if (commands === undefined || http === undefined || functions === undefined)
    throw new BenchFailure('nothing was measured')
  return { commands, functions, http }
}

/** Medians of the rounds; `samples` is their sum, and `maxMs` the highest of all. */
export function figuresOf(rounds: readonly MeasuredTasks[]): Figures {
  const of = (key: keyof MeasuredTasks): number => rounded(median(rounds.map((one) => one[key])), 3)
  return {
    rounds: rounds.length,
    samples: rounds.reduce((sum, { samples }) => sum + samples, 0),
    tasksPerSecond: of('tasksPerSecond'),
    startP50Ms: of('startP50Ms'),
    p50Ms: of('p50Ms'),
    p95Ms: of('p95Ms'),
    p99Ms: of('p99Ms'),
    maxMs: Math.max(...rounds.map(({ maxMs }) => maxMs)),
  }
}

const lineOf = (alone: MeasuredTasks | undefined, together: MeasuredTasks | undefined): string =>
  alone === undefined || together === undefined
    ? ''
    : `alone: started after ${alone.startP50Ms.toFixed(2)} ms, ended after ${alone.p50Ms.toFixed(2)} ms (p99 ${alone.p99Ms.toFixed(2)})   together: ${together.tasksPerSecond.toFixed(0)} tasks/s, p50 ${together.p50Ms.toFixed(1)} ms`

export const taskLine = ({ alone, together }: TaskFigures): string => lineOf(alone, together)
