import { describe, expect, test } from 'vitest'
import { isWhole, lifeOf, overlaps } from '../../../bootstrap/drill/task-life.ts'

const life = (name: string, ...lines: string[]) => lifeOf(name, lines.map((line) => `${line}\n`).join(''))

describe('what an execution wrote of itself', () => {
  test('from its start to its last sign of life', () => {
    expect(life('7.100', 'start 1.00', 'beat 1.02', 'end 1.04')).toEqual([
      { token: 7, pid: 100, startMs: 1000, lastMs: 1040, isOver: true },
    ])
  })

  test('a line that KILL cut short does not count', () => {
    expect(lifeOf('0.100', 'start 1.00\nbeat 1.02\nbe')).toEqual([
      { token: 0, pid: 100, startMs: 1000, lastMs: 1020, isOver: false },
    ])
  })
})

describe('two executions of one task', () => {
  const first = life('7.100', 'start 1.00', 'beat 1.50')

  test('one after the other do not overlap', () => {
    expect(overlaps([...first, ...life('9.200', 'start 1.50', 'end 1.60')])).toEqual([])
  })

  test('that live at the same time do, whichever began first', () => {
    expect(overlaps([...first, ...life('9.200', 'start 1.49', 'end 1.60')])).toHaveLength(1)
    expect(overlaps([...first, ...life('9.200', 'start 1.10', 'end 1.20')])).toHaveLength(1)
  })
})

test.each([
  ['begin\nline 0\nline 1\nover\n', true],
  ['begin\nover\n', true],
  ['begin\nline 0\nbegin\nline 0\nover\n', true],
  ['begin\nover\nbegin\nover\n', true],
  ['begin\nline 0\nline 2\nover\n', false],
  ['begin\nline 0\nline 1\n', false],
  ['begin\nline 0\nover\nbegin\n', false],
  ['line 0\nover\n', false],
  ['', false],
])('the output %j of the last execution is whole: %s', (output, whole) => {
  expect(isWhole(output)).toBe(whole)
})
