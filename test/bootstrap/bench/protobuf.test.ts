import { describe, expect, test } from 'vitest'
import { Fields, message } from '../../../bootstrap/bench/protobuf.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('a message is what the guide of protocol buffers shows', () => {
  test.each([
    ['a number', message([1, 150]), '089601'],
    ['a text', message([2, 'testing']), '120774657374696e67'],
    ['a message in a message', message([3, message([1, 150])]), '1a03089601'],
    ['a zero of a oneof', message([5, 0]), '2800'],
    ['a negative number', message([1, -2n]), '08feffffffffffffffff01'],
    ['the largest number', message([1, 2n ** 64n - 1n]), '08ffffffffffffffffff01'],
  ])('%s', (_, bytes, expected) => {
    expect(hex(bytes)).toBe(expected)
  })
})

test('fields are read by number, the last of a repeated one, and what is absent is empty', () => {
  const fields = new Fields(
    message([1, 7n], [2, 'leader'], [1, 2n ** 63n], [3, message([2, 5])], [4, message()]),
  )
  expect(fields.number(1)).toBe(2n ** 63n)
  expect(fields.text(2)).toBe('leader')
  expect(fields.message(3).number(2)).toBe(5n)
  expect(fields.message(4).number(1)).toBe(0n)
  expect([fields.number(9), fields.text(9)]).toEqual([0n, ''])
})

test('fixed-width fields of newer servers are passed over', () => {
  const fixed64 = '09' + '0102030405060708'
  const fixed32 = '15' + '01020304'
  expect(new Fields(Buffer.from(`${fixed64}${fixed32}1807`, 'hex')).number(3)).toBe(7n)
})

test('a varint that does not end is refused', () => {
  expect(() => new Fields(Buffer.from('08ff', 'hex'))).toThrow(/varint/)
})
