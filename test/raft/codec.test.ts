import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CodedError, encode, logIndex, type PeerId, Random, term } from '../../src/base/index.ts'
import { decodeConfiguration, encodeConfiguration } from '../../src/raft/configuration-codec.ts'
import { decodeMessage, encodeMessage, type RaftMessage } from '../../src/raft/index.ts'
import { peer } from './support/machine.ts'

const peers = fc.integer({ min: 1, max: 9 }).map((number) => peer(`n${number}`))
const terms = fc.integer({ min: 0, max: 2 ** 52 }).map(term)
const indexes = fc.integer({ min: 0, max: 2 ** 52 - 100 }).map(logIndex)
const envelope = { from: peers, to: peers, term: terms }
const logEnd = { lastIndex: indexes, lastTerm: terms }

const appends = fc
  .record({
    ...envelope,
    prevIndex: indexes,
    prevTerm: terms,
    commitIndex: indexes,
    entries: fc.array(
      fc.record({
        term: terms,
        kind: fc.constantFrom('empty' as const, 'command' as const, 'configuration' as const),
        data: fc.uint8Array({ maxLength: 300 }),
      }),
      { maxLength: 20 },
    ),
  })
  .map(({ entries, ...rest }) => ({
    type: 'append-request' as const,
    ...rest,
    entries: entries.map((entry, at) => ({ index: logIndex(rest.prevIndex + 1 + at), ...entry })),
  }))

const messages: fc.Arbitrary<RaftMessage> = fc.oneof(
  fc.record({
    type: fc.constantFrom('pre-vote-request' as const, 'vote-request' as const),
    ...envelope,
    ...logEnd,
  }),
  fc.record({
    type: fc.constantFrom('pre-vote-response' as const, 'vote-response' as const),
    ...envelope,
    granted: fc.boolean(),
  }),
  appends,
  fc.record({ type: fc.constant('append-accepted' as const), ...envelope, matchIndex: indexes }),
  fc.record({
    type: fc.constant('append-rejected' as const),
    ...envelope,
    rejectedIndex: indexes,
    hintIndex: indexes,
    hintTerm: terms,
  }),
  fc.record({ type: fc.constant('heartbeat-request' as const), ...envelope, commitIndex: indexes }),
  fc.record({ type: fc.constant('heartbeat-response' as const), ...envelope }),
)

/** The code of the error that decoding throws; `undefined` when it does not. */
function refusal(bytes: Uint8Array): string | undefined {
  try {
    decodeMessage(bytes)
    return undefined
  } catch (thrown) {
    if (thrown instanceof CodedError) return thrown.code
    throw thrown
  }
}

describe('messages', () => {
  test('every message survives the wire', () => {
    fc.assert(
      fc.property(messages, (message) => {
        expect(decodeMessage(encodeMessage(message))).toEqual(message)
      }),
      { numRuns: 500 },
    )
  })

  test('garbage is a coded error, never another one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(refusal(bytes)).toMatch(/^wire\./)
      }),
      { numRuns: 2000 },
    )
  })

  test('a damaged message is either still a message or a coded error', () => {
    const random = new Random(1)
    fc.assert(
      fc.property(messages, (message) => {
        const bytes = encodeMessage(message)
        bytes[random.integer(0, bytes.length - 1)] = random.integer(0, 255)
        refusal(bytes.subarray(0, random.integer(bytes.length - 3, bytes.length)))
      }),
      { numRuns: 2000 },
    )
  })

  const [n1, n2] = [peer('n1'), peer('n2')]
  test.each([
    ['a type of a newer version', [9, n1, n2, 1, []], 'wire.unknown_type'],
    ['a negative type', [-1, n1, n2, 1, []], 'wire.unknown_type'],
    ['a type that is no number', ['x', n1, n2, 1, []], 'wire.malformed'],
    ['no peer id', [8, 'n1', n2, 1, []], 'wire.malformed'],
    ['a negative term', [8, n1, n2, -1, []], 'wire.malformed'],
    ['a term that cannot rise any more', [8, n1, n2, Number.MAX_SAFE_INTEGER, []], 'wire.malformed'],
    ['a fraction', [7, n1, n2, 1, [1.5]], 'wire.malformed'],
    ['a field too many', [8, n1, n2, 1, [], 0], 'wire.malformed'],
    ['a field too few', [5, n1, n2, 1, []], 'wire.malformed'],
    [
      'an entry kind of a newer version',
      [4, n1, n2, 1, [0, 0, 0, [[1, 3, new Uint8Array(0)]]]],
      'wire.malformed',
    ],
    ['entry data that is text', [4, n1, n2, 1, [0, 0, 0, [[1, 1, 'x']]]], 'wire.malformed'],
    ['no array', { type: 8 }, 'wire.malformed'],
  ])('%s is refused', (_, value, code) => {
    expect(refusal(encode(value))).toBe(code)
  })

  test('an entry of 100 bytes costs less than 10 bytes more', () => {
    const message = (count: number): RaftMessage => ({
      type: 'append-request',
      from: n1,
      to: n2,
      term: term(1000),
      prevIndex: logIndex(1_000_000),
      prevTerm: term(1000),
      commitIndex: logIndex(1_000_000),
      entries: Array.from({ length: count }, (_, at) => ({
        index: logIndex(1_000_001 + at),
        term: term(1000),
        kind: 'command',
        data: new Uint8Array(100),
      })),
    })
    const size = (count: number): number => encodeMessage(message(count)).byteLength
    expect((size(101) - size(1)) / 100).toBeLessThan(110)
  })
})

describe('configurations', () => {
  const sorted = (names: readonly string[]): readonly PeerId[] => names.map(peer)

  test.each([
    { voters: sorted(['n1']), votersOutgoing: [] },
    { voters: sorted(['n1', 'n3', 'n4']), votersOutgoing: sorted(['n1', 'n2']) },
  ])('survive the log', (configuration) => {
    expect(decodeConfiguration(encodeConfiguration(configuration))).toEqual(configuration)
  })

  test.each([
    ['no voter', { voters: [], votersOutgoing: [] }],
    ['a voter twice', { voters: [peer('n1'), peer('n1')], votersOutgoing: [] }],
    ['another order', { voters: [peer('n2'), peer('n1')], votersOutgoing: [] }],
    ['too many', { voters: Array.from({ length: 8 }, (_, at) => peer(`n${at + 1}`)), votersOutgoing: [] }],
    ['no peer id', { voters: ['n1'], votersOutgoing: [] }],
    ['a list of a later version', { voters: [peer('n1')], votersOutgoing: [], learners: [] }],
  ])('%s is refused', (_, value) => {
    expect(() => decodeConfiguration(encode(value))).toThrow('malformed raft configuration')
  })
})
