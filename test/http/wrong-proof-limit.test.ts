import { describe, expect, it } from 'vitest'
import { LIMITS } from '../../src/base/index.ts'
import { WrongProofLimit } from '../../src/http/wrong-proof-limit.ts'
import { TestClock } from './fixtures.ts'

describe('the count of wrong proofs', () => {
  it('is bounded: beyond the limit the oldest count is forgotten, the newer ones stand', () => {
    const limit = new WrongProofLimit(new TestClock())
    for (let count = 0; count < LIMITS.enrolWrongProofsMax; count += 1) {
      for (const invite of ['oldest', 'second']) limit.note(invite, 'a')
    }
    expect(limit.exceeded('oldest', 'a')).toBe(true)
    for (let count = 0; count < LIMITS.enrolWrongProofKeysMax - 1; count += 1)
      limit.note(`other-${count}`, 'a')
    expect(limit.exceeded('oldest', 'a')).toBe(false)
    expect(limit.exceeded('second', 'a')).toBe(true)
  })
})
