import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CreditAccount, encodeCredit, encodeFrames, FrameParser, frameCost } from '../../src/net/frame.ts'

const MESSAGE_MAX = 1000
const PLENTY = 1_000_000

/** Cuts `bytes` at the given places, wherever they fall. */
function chunks(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.byteLength + 1)))].sort((a, b) => a - b)
  return [0, ...places].map((from, index) => bytes.subarray(from, places[index] ?? bytes.byteLength))
}

function parser(credit = PLENTY): FrameParser {
  const made = new FrameParser(MESSAGE_MAX)
  made.grant(credit)
  return made
}

const message = fc.uint8Array({ minLength: 1, maxLength: MESSAGE_MAX })
const messages = fc.array(message, { maxLength: 20 })
const cuts = fc.array(fc.nat(30_000), { maxLength: 40 })

describe('frames', () => {
  test('messages survive any cutting into chunks, and cost what they should', () => {
    fc.assert(
      fc.property(messages, cuts, (sent, places) => {
        const reader = parser()
        const got = chunks(encodeFrames(sent), places).flatMap((chunk) => {
          const parsed = reader.push(chunk)
          expect(parsed.violation).toBeUndefined()
          return parsed.messages
        })
        expect(got).toEqual(sent)
        const cost = sent.reduce((sum, { byteLength }) => sum + frameCost(byteLength), 0)
        expect(reader.credit).toBe(PLENTY - cost)
        expect(reader.isMidFrame).toBe(false)
      }),
    )
  })

  test('arbitrary bytes never make it hold more than its credit, nor throw', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 30 }),
        fc.nat(5000),
        (pieces, credit) => {
          const reader = parser(credit)
          let cost = 0
          for (const piece of pieces) {
            const { messages: got, violation } = reader.push(piece)
            for (const { byteLength } of got) cost += frameCost(byteLength)
            expect(cost + reader.underWay + reader.credit).toBe(credit)
            if (violation !== undefined) return
          }
        },
      ),
    )
  })

  test('a cut-off message is noticed at every place', () => {
    const bytes = encodeFrames([new Uint8Array(10)])
    for (let length = 1; length < bytes.byteLength; length++) {
      const reader = parser()
      reader.push(bytes.subarray(0, length))
      expect(reader.isMidFrame).toBe(true)
    }
  })

  const header = (length: number) => {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setUint32(0, length)
    return bytes
  }

  test('a length of zero, above the limit, or beyond the credit is refused before any memory is taken', () => {
    expect(parser().push(header(0)).violation).toBe('zero_length')
    expect(parser().push(header(MESSAGE_MAX + 1)).violation).toBe('too_long')
    expect(parser().push(header(0xffff_ffff)).violation).toBe('too_long')
    expect(parser(frameCost(10) - 1).push(header(10)).violation).toBe('no_credit')
    const exact = parser(frameCost(10))
    expect(exact.push(header(10)).violation).toBeUndefined()
    expect(exact.credit).toBe(0)
  })

  test('messages before a violation in the same chunk are kept', () => {
    const good = encodeFrames([Uint8Array.of(1, 2, 3)])
    const { messages: got, violation } = parser().push(Buffer.concat([good, header(0), good]))
    expect(got).toEqual([Uint8Array.of(1, 2, 3)])
    expect(violation).toBe('zero_length')
  })

  test('a message does not share memory with the chunk that it came in', () => {
    const chunk = encodeFrames([Uint8Array.of(7)])
    const [got] = parser().push(chunk).messages
    chunk.fill(0)
    expect(got).toEqual(Uint8Array.of(7))
  })
})

describe('credit', () => {
  test('words add up, however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 20 }),
        cuts,
        (words, places) => {
          const account = new CreditAccount(PLENTY)
          for (const chunk of chunks(Buffer.concat(words.map(encodeCredit)), places))
            expect(account.push(chunk)).toBeUndefined()
          expect(account.credit).toBe(words.reduce((sum, word) => sum + word, 0))
        },
      ),
    )
  })

  test('the first word may be zero and opens the account, a later zero is refused', () => {
    const account = new CreditAccount(PLENTY)
    expect(account.isOpen).toBe(false)
    expect(account.push(encodeCredit(0))).toBeUndefined()
    expect(account.isOpen).toBe(true)
    expect(account.canPay(1)).toBe(false)
    expect(account.push(encodeCredit(0))).toBe('zero_credit')
  })

  test('more credit than any receiver could mean is refused', () => {
    const account = new CreditAccount(1000)
    expect(account.push(encodeCredit(1000))).toBeUndefined()
    expect(account.push(encodeCredit(1))).toBe('too_much_credit')
  })
})
