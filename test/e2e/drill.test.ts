import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FAULTS } from '../../bootstrap/drill/faults.ts'
import { runCells } from '../../bootstrap/drill/run-cells.ts'
import { STEPS } from '../../bootstrap/drill/steps.ts'
import { present } from '../../src/base/index.ts'

const cell = (step: string, fault: string) => ({
  step: present(
    STEPS.find(({ name }) => name === step),
    step,
  ),
  fault: present(
    FAULTS.find(({ name }) => name === fault),
    fault,
  ),
})

test('3 voters: three cells of the table of steps and faults (npm run drill -- tasks)', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'populi-drill-'))
  try {
    const verdicts = await runCells({
      cells: [
        cell('output flowing', 'kill -9 of the worker'),
        cell('offer journalled, not confirmed', 'kill -9 of the leader'),
        cell('result journalled, not sent', 'restart of the submitter'),
      ],
      folder,
      lanes: 1,
      // Longer than the default: a machine that runs all tests at once answers late.
      ttlMs: 6000,
      isIsolated: false,
      onVerdict: () => undefined,
    })
    expect(
      verdicts.flatMap(({ step, fault, violations }) => violations.map((text) => [step, fault, text])),
    ).toEqual([])
    for (const { finalResults } of verdicts) expect(finalResults).toBe(1)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}, 180_000)
