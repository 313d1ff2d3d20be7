/** What of a cell's facts may be, whatever the step and the fault: the promises. What should be, `expectations.ts` says. */
import type { CellFacts } from './cell.ts'
import { type Ending, endingText, expectedOf } from './expectations.ts'
import { isWhole, overlaps } from './task-life.ts'

export interface Verdict {
  readonly step: string
  readonly fault: string
  /** In a few words: how it ended, where, and why there. */
  readonly outcome: string
  /** Processes that really ran, by their own logs. */
  readonly starts: number
  readonly finalResults: number
  readonly ok: boolean
  /** Only the end is not the expected one, if anything. */
  readonly keepsPromises: boolean
  /** How often it was played (`run-cells.ts`). */
  readonly turns: number
  /** What is wrong; empty when `ok`. */
  readonly violations: readonly string[]
  readonly tookMs: number
}

export function judge(facts: CellFacts): Verdict {
  const broken = [...promisesBroken(facts), ...exitCodeWrong(facts)]
  const violations = broken.length > 0 ? broken : unexpected(facts)
  return {
    step: facts.step.name,
    fault: facts.fault.name,
    outcome: outcomeOf(facts),
    starts: facts.executions.length,
    finalResults: facts.task?.finalResults ?? 0,
    ok: violations.length === 0,
    keepsPromises: broken.length === 0,
    turns: 1,
    violations,
    tookMs: facts.tookMs,
  }
}

/** `completed at the worker`, `completed at the submitter (worker_lost)`, `failed (submitter_restarted)`. */
export function outcomeOf({ task, roles }: CellFacts): string {
  if (task === undefined) return 'unknown'
  const { state, node, reason } = task
  const role = node === roles.worker ? 'the worker' : 'the submitter'
  const why = reason === undefined || ROUTINE.has(reason) ? '' : ` (${reason})`
  return state === 'completed' ? `completed at ${role}${why}` : `${state}${why}`
}

function unexpected(facts: CellFacts): readonly string[] {
  const { step, fault, task, roles } = facts
  const letters: Partial<Record<string, Ending>> = {
    completed: task?.node === roles.worker ? 'W' : 'S',
    cancelled: 'C',
    failed: 'F',
  }
  const expected = expectedOf(step, fault)
  const letter = letters[task?.state ?? '']
  if (letter !== undefined && expected.includes(letter)) return []
  return [`expected: ${expected.map(endingText).join(' or ')}`]
}

/** Nothing went wrong: a task is placed where it was asked for. */
const ROUTINE: ReadonlySet<string> = new Set(['populi_remote_lease_hold', 'requested_node'])

function promisesBroken(facts: CellFacts): readonly string[] {
  const { task, executions, output, leftovers, leasesLeft, nodesEnded, fault } = facts
  const found: string[] = overlaps(executions).map((text) => `executions overlap: ${text}`)
  const say = (isWrong: boolean, text: string): void => {
    if (isWrong) found.push(text)
  }
  say(task === undefined, 'the submitter does not know the task')
  say(task?.finalResults !== 1, `${task?.finalResults ?? 0} final results, in state ${task?.state}`)
  const perToken = Map.groupBy(executions, ({ token }) => token)
  for (const [token, all] of perToken)
    say(all.length > 1, `${all.length} executions under lease ${token === 0 ? 'none' : token}`)
  say(
    task?.state === 'completed' && !executions.some(({ isOver }) => isOver),
    'completed, and nothing ran to its end',
  )
  say(
    task?.state === 'completed' && !isWhole(output),
    'completed, and output of its last execution is missing',
  )
  say(leftovers.length > 0, `processes left: ${leftovers.join(' ')}`)
  for (const { leaseId, holder } of leasesLeft) found.push(`lease ${leaseId} of ${holder} is left`)
  say(
    nodesEnded.length > 0 && !fault.name.startsWith('disk'),
    `nodes ended by themselves: ${nodesEnded.join(' ')}`,
  )
  return found
}

function exitCodeWrong({ task, cli }: CellFacts): readonly string[] {
  if (cli.exitCode === undefined) return ['`populi run` has not ended']
  // The node went away, and with it the connection: not a word about the task.
  if (cli.results === 0) return cli.exitCode === 0 ? ['`populi run` ended with 0 without a result'] : []
  if (cli.results > 1) return [`\`populi run\` was told ${cli.results} results`]
  const right = task?.state === 'completed' ? cli.exitCode === 0 : cli.exitCode !== 0
  return right ? [] : [`\`populi run\` ended with ${cli.exitCode}, the task is ${task?.state}`]
}
