/** What tasks are drawn: how long they run, what they print, what their users want and how patient they are. */
import { type Random, type UnixMs, unixMs } from '../../src/base/index.ts'
import type { RunRequest } from '../../src/node/control/index.ts'

export interface TaskWorkload {
  /** Between two tasks of one machine, on average. */
  readonly pauseMs: number
  readonly workMsMax: number
  /** `work`: commands that work and print a byte. `lives`: everything that a user may ask for. */
  readonly kinds: 'work' | 'lives'
}

/** What a user does with output and changes of its task. */
export type Reader =
  /** It is asked for later, if at all. */
  | { readonly kind: 'none' }
  | { readonly kind: 'prompt' }
  /** Takes so long for each. */
  | { readonly kind: 'slow'; readonly pauseMs: number }
  /** Is gone after that, and the task is to end with it, or to go on. */
  | { readonly kind: 'leaves'; readonly afterMs: number; readonly endsTask: boolean }

export interface DrawnTask {
  readonly request: RunRequest
  readonly reader: Reader
  readonly cancelAfterMs: number | undefined
}

const CANCELLED_PART = 0.1
/** Part of the tasks that ask for a certain machine, perhaps the submitter's own. */
const ON_SOME_MACHINE_PART = 0.3
const OBEYS_PART = 0.7

/** @param machines names of all of them. @param now of the submitter's wall clock. */
export function drawTask(
  random: Random,
  workload: TaskWorkload,
  machines: readonly string[],
  now: UnixMs,
): DrawnTask {
  const on =
    random.float() < ON_SOME_MACHINE_PART ? machines[random.integer(0, machines.length - 1)] : undefined
  const { kinds, workMsMax } = workload
  if (kinds === 'lives') return drawLife(random, workMsMax, on, now)
  const work = String(random.integer(20, workMsMax))
  const argv = ['work', work, random.float() < OBEYS_PART ? 'obeys' : 'ignores']
  return {
    request: { argv, on, cwd: undefined, env: {}, timeoutMs: undefined },
    reader: { kind: 'prompt' },
    cancelAfterMs: undefined,
  }
}

/** In the plain workload it is drawn after the task was given. */
export function drawCancel(random: Random, { workMsMax }: TaskWorkload): number | undefined {
  return random.float() < CANCELLED_PART ? random.integer(10, workMsMax) : undefined
}

/** Most run for a moment, and so meet faults in the short states before and after; some for several spans of their lease. */
const SHORT_PART = 0.5
const SHORT_MS_MAX = 400
const FAILS_PART = 0.15
const PRINTS_PART = 0.7
const LINES_MAX = 300
/** Several windows of output (`LIMITS.outputWindowBytesMax`). */
const MUCH_PART = 0.04
const MUCH_LINES = 40_000
const TIMEOUT_PART = 0.1
const DEADLINE_PART = 0.1
const DETACHED_PART = 0.45
/** Part of the tasks that may not run at home instead. */
const NO_FALLBACK_PART = 0.3

function drawLife(random: Random, workMsMax: number, on: string | undefined, now: UnixMs): DrawnTask {
  const workMs = random.integer(5, random.float() < SHORT_PART ? SHORT_MS_MAX : workMsMax)
  const temper = random.float() < OBEYS_PART ? 'obeys' : 'ignores'
  const exitCode = random.float() < FAILS_PART ? random.integer(1, 255) : 0
  const much = random.float() < MUCH_PART ? MUCH_LINES : random.integer(1, LINES_MAX)
  const lines = random.float() < PRINTS_PART ? much : 0
  const timeoutMs = random.float() < TIMEOUT_PART ? random.integer(10, workMsMax) : undefined
  const deadlineInMs = random.float() < DEADLINE_PART ? random.integer(10, 2 * workMsMax) : undefined
  const attached = random.float() >= DETACHED_PART
  return {
    request: {
      argv: ['work', String(workMs), temper, String(exitCode), String(lines)],
      on,
      cwd: undefined,
      env: {},
      timeoutMs,
      attached,
      fallback: random.float() < NO_FALLBACK_PART ? 'none' : 'local',
      deadlineUnixMs: deadlineInMs === undefined ? undefined : unixMs(now + deadlineInMs),
    },
    reader: attached ? drawReader(random, workMsMax) : { kind: 'none' },
    cancelAfterMs: random.float() < 2 * CANCELLED_PART ? random.integer(0, workMsMax) : undefined,
  }
}

function drawReader(random: Random, workMsMax: number): Reader {
  const draw = random.float()
  if (draw < 0.7) return { kind: 'prompt' }
  if (draw < 0.9) return { kind: 'slow', pauseMs: random.integer(1, 300) }
  return { kind: 'leaves', afterMs: random.integer(0, workMsMax), endsTask: random.float() < 0.5 }
}
