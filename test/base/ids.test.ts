import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CodedError, leaseIdFromText, nodeId, peerId, scopeId, taskId } from '../../src/base/index.ts'

const PEER = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'

describe.each<[string, (text: string) => unknown, readonly string[], readonly string[]]>([
  [
    'node id',
    nodeId,
    ['a', '7', 'gpu-box', 'a'.repeat(63)],
    ['', '-a', 'a-', 'A', 'a_b', 'a.b', 'a b', 'ä', 'a\n', 'a'.repeat(64)],
  ],
  [
    'peer id',
    peerId,
    [PEER],
    ['', PEER.slice(1), `${PEER}x`, PEER.replace('E', '0'), 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N'],
  ],
  [
    'scope id',
    scopeId,
    ['a'.repeat(16), 'abcdefghijklmnopqrstuvwxyz234567', 'z'.repeat(52)],
    ['', 'a'.repeat(15), 'a'.repeat(53), 'A'.repeat(16), '1'.repeat(16), '../../../../etc/passwd'],
  ],
  [
    'task id',
    taskId,
    ['1', '42', '9'.repeat(15)],
    ['', '0', '01', '-1', 't1', '1.0', '1\u0000', '9'.repeat(17)],
  ],
  [
    'lease id',
    leaseIdFromText,
    ['1', '42', '9'.repeat(15)],
    ['', '0', '01', '-1', '1.0', '1e3', ' 1', '0x1', '9'.repeat(17)],
  ],
])('%s', (field, parse, good, bad) => {
  test.each(good.map((text) => [text]))('"%s" is one', (text) => {
    expect(String(parse(text))).toBe(text)
  })

  test.each(bad.map((text) => [text]))(
    '"%s" is none, and the error says which field and what is accepted',
    (text) => {
      try {
        parse(text)
      } catch (error) {
        expect(error).toBeInstanceOf(CodedError)
        expect((error as CodedError).code).toBe('input.invalid')
        expect((error as CodedError).details['field']).toBe(field)
        expect((error as CodedError).hint).toMatch(/^give \S/)
        return
      }
      expect.fail('it was accepted')
    },
  )
})

test('every lease id that is accepted survives the way to a number and back', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 999_999_999_999_999 }), (index) => {
      expect(String(leaseIdFromText(String(index)))).toBe(String(index))
    }),
  )
})

test('a lease id above the exact range of numbers is refused, because it would name another lease', () => {
  expect(() => leaseIdFromText('9007199254740993')).toThrow(CodedError)
})
