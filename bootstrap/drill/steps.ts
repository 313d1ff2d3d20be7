/** The rows of the table: where in its life a task is when the fault comes. */
import type { HookName } from './hooks.ts'

export type Phase =
  | 'placing'
  | 'leasing'
  | 'offered'
  | 'running'
  | 'cancelling'
  | 'ended'
  | 'reporting'
  | 'final'

export interface Step {
  readonly name: string
  readonly phase: Phase
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

const ENDING: ReadonlySet<Phase> = new Set(['ended', 'reporting', 'final'])

const attached = (hook: HookName, at: Step['at'], phase: Phase): Step => ({
  name: hook,
  phase,
  hook,
  at,
  isDetached: false,
  fallback: 'local',
  cancels: phase === 'cancelling',
  ends: ENDING.has(phase),
})

const detached = (...[hook, at, phase]: Parameters<typeof attached>): Step => ({
  ...attached(hook, at, phase),
  name: `${hook} (detached)`,
  isDetached: true,
})

const nowhereElse = (...[hook, at, phase]: Parameters<typeof attached>): Step => ({
  ...attached(hook, at, phase),
  name: `${hook} (fallback none)`,
  fallback: 'none',
})

/** In the order of a task's life; then those in which it matters that nobody waits for the task, or that it may run nowhere else. */
export const STEPS: readonly Step[] = [
  attached('journalled, not placed', 'submitter', 'placing'),
  attached('lease requested', 'submitter', 'leasing'),
  attached('lease granted, unheard', 'submitter', 'leasing'),
  attached('lease granted, not offered', 'submitter', 'leasing'),
  attached('envelope arrived', 'worker', 'offered'),
  attached('offer journalled, not confirmed', 'worker', 'offered'),
  attached('confirmed, not started', 'worker', 'offered'),
  attached('started, untold', 'worker', 'running'),
  attached('output flowing', 'worker', 'running'),
  attached('renewal in flight', 'worker', 'running'),
  attached("renewal of the submitter's lease in flight", 'submitter', 'running'),
  attached('cancel arrived', 'worker', 'cancelling'),
  attached('cancel taken, still running', 'worker', 'cancelling'),
  attached('ended, not journalled', 'worker', 'ended'),
  attached('result journalled, not sent', 'worker', 'reporting'),
  attached('result arrived', 'submitter', 'reporting'),
  attached('final, not acknowledged', 'submitter', 'final'),
  attached('acknowledged, lease not released', 'worker', 'final'),
  detached('lease requested', 'submitter', 'leasing'),
  detached('offer journalled, not confirmed', 'worker', 'offered'),
  detached('output flowing', 'worker', 'running'),
  detached('renewal in flight', 'worker', 'running'),
  detached('cancel arrived', 'worker', 'cancelling'),
  detached('result journalled, not sent', 'worker', 'reporting'),
  detached('result arrived', 'submitter', 'reporting'),
  nowhereElse('output flowing', 'worker', 'running'),
]
