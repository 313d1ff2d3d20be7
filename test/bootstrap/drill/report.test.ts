import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Verdict } from '../../../bootstrap/drill/judge.ts'
import { tables } from '../../../bootstrap/drill/report.ts'

const verdict = (outcome: string, starts: number): Verdict => ({
  step: 'output flowing',
  fault: 'quorum lost',
  outcome,
  starts,
  finalResults: 1,
  ok: true,
  keepsPromises: true,
  turns: 1,
  violations: [],
  tookMs: 1,
})
const lineIn = (page: string): string | undefined =>
  page
    .split('### Quorum lost')[1]
    ?.split('\n')
    .find((line) => line.startsWith('| output flowing |'))

test('what became of a task is one line of the table of its fault, with each outcome once', () => {
  const page = tables('', [verdict('failed', 2), verdict('completed', 1), verdict('failed', 1)])
  expect(lineIn(page)).toBe('| output flowing | failed; or completed | 2 or 1 | completed at the submitter |')
})

test('a run of other cells leaves the line as it is', () => {
  const page = tables('', [verdict('failed', 2)])
  expect(tables(page, [])).toBe(page)
})

test('the page of the repository has the tables of these steps and faults', () => {
  const page = readFileSync(new URL('../../../docs/drills.md', import.meta.url), 'utf8')
  const [, written = ''] = page.split('<!-- written by npm run drill -- tasks --docs -->\n')
  expect(tables(written, [])).toBe(written)
})
