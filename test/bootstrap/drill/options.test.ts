import { describe, expect, test } from 'vitest'
import { expectedOf } from '../../../bootstrap/drill/expectations.ts'
import { FAULTS } from '../../../bootstrap/drill/faults.ts'
import { readOptions } from '../../../bootstrap/drill/options.ts'
import { STEPS } from '../../../bootstrap/drill/steps.ts'

test('without options it is the whole table: at least 12 steps and 8 faults', () => {
  const { steps, faults, repeat } = readOptions(['tasks'])
  expect(steps.length).toBeGreaterThanOrEqual(12)
  expect(faults.length).toBeGreaterThanOrEqual(8)
  expect(repeat).toBe(1)
})

test('a whole name is that row or column, a part of it all that contain it', () => {
  expect(readOptions(['tasks', '--step', 'result arrived']).steps).toHaveLength(1)
  expect(readOptions(['tasks', '--step', 'output']).steps.length).toBeGreaterThan(1)
  expect(
    readOptions(['tasks', '--step', 'result arrived', '--step', 'journalled, not placed']).steps,
  ).toHaveLength(2)
  expect(readOptions(['tasks', '--fault', 'kill -9']).faults.length).toBeGreaterThan(3)
})

describe('refused with a reason', () => {
  test.each([
    ['nothing to drill', [], /npm run drill/],
    ['an unknown option', ['tasks', '--fast'], /--fast/],
    ['a step that there is not', ['tasks', '--step', 'teleported'], /output flowing/],
    ['no repetitions', ['tasks', '--repeat', '0'], /--repeat 0/],
  ])('%s', (_, argv, reason) => {
    expect(() => readOptions(argv)).toThrow(reason)
  })
})

test.each(FAULTS.map(({ name }) => name))('%s: it is said for every step how a task may end', (name) => {
  const [fault] = FAULTS.filter((one) => one.name === name)
  for (const step of STEPS) {
    expect(fault && expectedOf(step, fault)).not.toEqual([])
    // Nothing is said of a task that was final before the fault but that it stays so.
    if (step.phase === 'final') expect(fault && expectedOf(step, fault)).toEqual(['W'])
  }
})
