import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { CodedError, decode, encode } from '../../src/base/index.ts'

const schema = z.object({ term: z.int().min(0), body: z.instanceof(Uint8Array), note: z.string().optional() })

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))

function refusal(input: Uint8Array, into: z.ZodType = z.unknown()): CodedError {
  try {
    decode(into, input, 'test message')
  } catch (error) {
    if (error instanceof CodedError) return error
    throw error
  }
  return expect.fail('the bytes were accepted')
}

describe('round trip', () => {
  test('every value of the schema survives, bytes as bytes', () => {
    const values = fc.record(
      {
        term: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
        body: fc.uint8Array({ maxLength: 300 }),
        note: fc.string(),
      },
      { requiredKeys: ['term', 'body'] },
    )
    fc.assert(
      fc.property(values, (value) => {
        expect(decode(schema, encode(value), 'test message')).toEqual({ ...value })
      }),
    )
  })

  test('a field with the value undefined is left out', () => {
    expect(encode({ a: 1, b: undefined })).toEqual(encode({ a: 1 }))
  })

  test('one value has one form: the order in which fields were set does not matter', () => {
    expect(encode({ a: 1, bb: 2 })).toEqual(encode({ bb: 2, a: 1 }))
  })
})

describe('strictness (RFC 8949)', () => {
  test.each([
    ['no bytes at all', ''],
    ['bytes after the value', '01 01'],
    ['a text that ends too early', '63 61'],
    ['an indefinite-length list', '9f 01 ff'],
    ['an indefinite-length text', '7f 61 61 ff'],
    ['undefined', 'f7'],
    ['not-a-number', 'f9 7e00'],
    ['infinity', 'f9 7c00'],
    ['a number in a longer form than it needs', '18 01'],
    ['the same key twice', 'a2 61 61 01 61 61 02'],
    ['a key that is no text', 'a1 01 01'],
    ['a list that claims 2^32 − 1 items', '9a ffffffff 01'],
    ['bytes that claim 2^53 − 1 bytes', '5b 001fffffffffffff 01'],
    ['an unknown tag', 'd9 d9f7 01'],
    ['a lone break', 'ff'],
  ])('%s is malformed', (_, hex) => {
    expect(refusal(bytes(hex)).code).toBe('wire.malformed')
  })

  test('a list nested 100,000 deep is malformed and does not end the process', () => {
    expect(refusal(new Uint8Array(100_000).fill(0x81)).code).toBe('wire.malformed')
  })

  test('a value that does not fit the schema says where', () => {
    expect(refusal(encode({ term: -1, body: new Uint8Array() }), schema).message).toMatch(
      /^malformed test message: term: /,
    )
    expect(refusal(encode('x'), schema).message).toMatch(/^malformed test message: the message: /)
  })

  test('a key named __proto__ changes no prototype', () => {
    const poisoned = bytes('a1 69 5f5f70726f746f5f5f a1 65 61646d696e f5')
    try {
      decode(z.unknown(), poisoned, 'test message')
    } catch (error) {
      expect(error).toBeInstanceOf(CodedError)
    }
    expect(Object.hasOwn(Object.prototype, 'admin')).toBe(false)
  })
})

describe('garbage', () => {
  test('gives plain bytes, however many: no Buffer, whose slice would share them', () => {
    for (let length = 0; length < 300; length++) {
      const values = ['x'.repeat(length), new Uint8Array(length), Array.from({ length }, () => 'ab')]
      for (const value of values) expect(encode(value).constructor).toBe(Uint8Array)
    }
  })

  test('random bytes either decode or are malformed; nothing else comes out', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
        expect(['decoded', 'wire.malformed']).toContain(outcome(garbage))
      }),
      { numRuns: 2000 },
    )
  })

  test('a message with one flipped bit or a cut end never comes out as anything but a value of the schema', () => {
    const good = encode({ term: 7, body: new Uint8Array([1, 2, 3]), note: 'n' })
    for (let bit = 0; bit < good.length * 8; bit++) {
      const flipped = good.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(['decoded', 'wire.malformed']).toContain(outcome(flipped, schema))
    }
    for (let length = 0; length < good.length; length++)
      expect(outcome(good.slice(0, length), schema)).toBe('wire.malformed')
  })

  function outcome(input: Uint8Array, into: z.ZodType = z.unknown()): string {
    try {
      into.parse(decode(into, input, 'test message'))
      return 'decoded'
    } catch (error) {
      if (error instanceof CodedError) return error.code
      throw error
    }
  }
})
