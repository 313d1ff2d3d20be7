/** The rows of the table: where in its life a task is when the fault comes. */
import type { HookName } from './hooks.ts'

export interface Step {
  readonly name: HookName
  /** Who stands still there until the fault has come. */
  readonly at: 'submitter' | 'worker'
  /** The user takes the task back once it runs. */
  readonly cancels: boolean
  /** The command ends as soon as it runs. Otherwise only when the fault is over. */
  readonly ends: boolean
}

const step = (name: HookName, at: Step['at'], how: 'runs' | 'ends' | 'cancelled' = 'runs'): Step => ({
  name,
  at,
  cancels: how === 'cancelled',
  ends: how === 'ends',
})

/** In the order of a task's life. */
export const STEPS: readonly Step[] = [
  step('journalled', 'submitter'),
  step('lease requested', 'submitter'),
  step('lease granted, unheard', 'submitter'),
  step('lease granted, not offered', 'submitter'),
  step('envelope arrived', 'worker'),
  step('offer journalled, not confirmed', 'worker'),
  step('confirmed, not started', 'worker'),
  step('started, untold', 'worker'),
  step('output flowing', 'worker'),
  step('renewal in flight', 'worker'),
  step('cancel arrived', 'worker', 'cancelled'),
  step('cancel taken, still running', 'worker', 'cancelled'),
  step('ended, not journalled', 'worker', 'ends'),
  step('result journalled, not sent', 'worker', 'ends'),
  step('result arrived', 'submitter', 'ends'),
  step('final, not acknowledged', 'submitter', 'ends'),
  step('acknowledged, lease not released', 'worker', 'ends'),
]
