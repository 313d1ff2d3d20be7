/** The rows of the table: where in its life a task is when the fault comes. */
import type { HookName } from './hooks.ts'

export interface Step {
  readonly name: string
  readonly hook: HookName
  /** Who stands still there until the fault has come. */
  readonly at: 'submitter' | 'worker'
  /** Given with `populi submit`: it goes on whoever is away. Otherwise with `populi run`. */
  readonly isDetached: boolean
  readonly fallback: 'local' | 'none'
  /** The user takes the task back once it runs. */
  readonly cancels: boolean
  /** The command ends as soon as it runs. Otherwise only when the fault is over. */
  readonly ends: boolean
}

type Course = 'runs' | 'ends' | 'cancelled'

const attached = (hook: HookName, at: Step['at'], course: Course = 'runs'): Step => ({
  name: hook,
  hook,
  at,
  isDetached: false,
  fallback: 'local',
  cancels: course === 'cancelled',
  ends: course === 'ends',
})

const detached = (hook: HookName, at: Step['at'], course: Course = 'runs'): Step => ({
  ...attached(hook, at, course),
  name: `${hook} (detached)`,
  isDetached: true,
})

const nowhereElse = (hook: HookName, at: Step['at'], course: Course = 'runs'): Step => ({
  ...attached(hook, at, course),
  name: `${hook} (fallback none)`,
  fallback: 'none',
})

/** In the order of a task's life; then those in which it matters that nobody waits for the task, or that it may run nowhere else. */
export const STEPS: readonly Step[] = [
  attached('journalled, not placed', 'submitter'),
  attached('lease requested', 'submitter'),
  attached('lease granted, unheard', 'submitter'),
  attached('lease granted, not offered', 'submitter'),
  attached('envelope arrived', 'worker'),
  attached('offer journalled, not confirmed', 'worker'),
  attached('confirmed, not started', 'worker'),
  attached('started, untold', 'worker'),
  attached('output flowing', 'worker'),
  attached('renewal in flight', 'worker'),
  attached("renewal of the submitter's lease in flight", 'submitter'),
  attached('cancel arrived', 'worker', 'cancelled'),
  attached('cancel taken, still running', 'worker', 'cancelled'),
  attached('ended, not journalled', 'worker', 'ends'),
  attached('result journalled, not sent', 'worker', 'ends'),
  attached('result arrived', 'submitter', 'ends'),
  attached('final, not acknowledged', 'submitter', 'ends'),
  attached('acknowledged, lease not released', 'worker', 'ends'),
  detached('lease requested', 'submitter'),
  detached('offer journalled, not confirmed', 'worker'),
  detached('output flowing', 'worker'),
  detached('renewal in flight', 'worker'),
  detached('cancel arrived', 'worker', 'cancelled'),
  detached('result journalled, not sent', 'worker', 'ends'),
  detached('result arrived', 'submitter', 'ends'),
  nowhereElse('output flowing', 'worker'),
]
