import { describe, expect, it } from 'vitest'
import { Random } from '../../src/base/index.ts'
import { childTraceparent, traceIdOf } from '../../src/task/index.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = `00-${TRACE}-00f067aa0ba902b7-01`

describe('W3C Trace Context', () => {
  it('a hop keeps the trace and its flags, and has a span id of its own', () => {
    const random = new Random(1)
    const [one, other] = [childTraceparent(PARENT, random), childTraceparent(PARENT, random)]
    expect(one).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`))
    expect(new Set([PARENT, one, other]).size).toBe(3)
    expect(traceIdOf(one)).toBe(TRACE)
  })

  it('a later version is read as far as this one goes', () => {
    expect(traceIdOf(`01-${TRACE}-00f067aa0ba902b7-01-more`)).toBe(TRACE)
  })

  it.each([
    undefined,
    '',
    'x',
    `ff-${TRACE}-00f067aa0ba902b7-01`,
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-00f067aa0ba902b7-01`,
  ])('%s is no trace', (text) => {
    expect(traceIdOf(text)).toBeUndefined()
    expect(childTraceparent(text, new Random(1))).toBeUndefined()
  })
})
