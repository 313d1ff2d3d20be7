/**
 * What should become of a task, cell by cell. The promises (`judge.ts`) hold in every cell; this is what a person may count on besides.
 * One row per fault, one word per phase of a task's life; each letter is an end that is right there:
 *
 *     W  completed at the worker
 *     S  completed at the submitter, after the worker's attempt came to nothing; with `--fallback none` failed instead
 *     C  cancelled
 *     F  failed, with its reason
 *
 * Several letters where it depends on what is faster: a lease that runs out, or a process that is started again. What can be told from
 * the table without them: what killed the command is never the end of the task; a task that was taken back is not run elsewhere; a final
 * result stays what it is.
 */
import { assert, present } from '../../src/base/index.ts'
import type { Fault } from './faults.ts'
import type { Phase, Step } from './steps.ts'

export type Ending = 'W' | 'S' | 'C' | 'F'

const PHASES: readonly Phase[] = [
  'placing',
  'leasing',
  'offered',
  'running',
  'cancelling',
  'ended',
  'reporting',
  'final',
]

/**
 * `--on` names the worker: a task that finds it away at its placement fails, and says so. An attached task ends with the node that it was
 * given to, when that is stopped in good order, or away for longer than the lease. Whoever cancels may come too late: the command had ended.
 */
// biome-ignore format: a table
const EXPECTED: Readonly<Record<string, string>> = {
  //                                                placing leasing offered running cancelling ended reporting final
  'kill -9 of the submitter':                       'WSF    WSF     WSF     WSF     CW         WS    WS        W',
  'kill -9 of the submitter, back after the lease': 'WSF    WSF     WSF     WSF     CW         WS    WS        W',
  'kill -9 of the worker':                          'WSF    WS      WS      S       C          S     WS        W',
  "kill -9 of the worker's guardian":               'W      W       WS      S       C          W     W         W',
  'kill -9 of the leader':                          'W      W       W       W       C          W     W         W',
  'kill -STOP of the submitter':                    'WS     WS      WS      WS      CW         WS    WS        W',
  'kill -STOP of the worker':                       'S      S       S       S       C          SW    WS        W',
  'restart of the submitter':                       'C      C       CW      CW      CW         WC    WC        W',
  'restart of the worker':                          'WSF    WS      WS      S       C          W     WS        W',
  'quorum lost':                                    'SF     S       S       S       C          S     WS        W',
  'submitter and worker cut off from each other':   'WSF    WS      WS      WS      CW         WS    WS        W',
  'submitter no longer heard by the worker':        'WSF    WS      WS      WS      CW         WS    WS        W',
  'worker no longer heard by the submitter':        'WSF    WS      WS      WS      CW         WS    WS        W',
  'worker cut off from everybody':                  'WSF    WS      WS      S       CW         WS    WS        W',
  'disk full at the submitter':                     'WSCF   WSCF    WSCF    WSCF    CW         WSC   WSC       W',
  'disk full at the worker':                        'WSF    WS      WS      WS      CW         WS    WS        W',
}

/** A detached task goes on whatever becomes of its submitter's node. */
// biome-ignore format: a table
const EXPECTED_DETACHED: Readonly<Record<string, string>> = {
  ...EXPECTED,
  'kill -9 of the submitter':                       'WSF    WS      WS      WS      CW         WS    WS        W',
  'kill -9 of the submitter, back after the lease': 'WSF    WS      WS      WS      CW         WS    WS        W',
  'restart of the submitter':                       'WSF    WS      WS      WS      CW         WS    WS        W',
  'disk full at the submitter':                     'WSF    WS      WS      WS      CW         WS    WS        W',
}

/** The ends that are right in this cell. */
export function expectedOf(step: Step, fault: Fault): readonly Ending[] {
  const table = step.isDetached ? EXPECTED_DETACHED : EXPECTED
  const row = present(table[fault.name], `what is expected of ${fault.name}`).split(/\s+/)
  assert(row.length === PHASES.length, `${fault.name}: one word per phase`)
  const letters = [...present(row[PHASES.indexOf(step.phase)], 'a word')] as Ending[]
  return step.fallback === 'none' ? letters.map((letter) => (letter === 'S' ? 'F' : letter)) : letters
}

export const endingText = (ending: Ending): string => ENDINGS[ending]

const ENDINGS: Readonly<Record<Ending, string>> = {
  W: 'completed at the worker',
  S: 'completed at the submitter',
  C: 'cancelled',
  F: 'failed',
}
