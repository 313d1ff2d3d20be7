import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  CodedError,
  encode,
  LIMITS,
  logIndex,
  type PeerId,
  present,
  Random,
  term,
} from '../../src/base/index.ts'
import { type Configuration, NO_CONFIGURATION } from '../../src/raft/configuration.ts'
import { decodeConfiguration, encodeConfiguration } from '../../src/raft/configuration-codec.ts'
import { decodeMessages, encodeMessages, type RaftMessage } from '../../src/raft/index.ts'
import { peer } from './support/names.ts'

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

const bytes = fc.uint8Array({ maxLength: 300 })
const end = { index: indexes, term: terms }

const anyMessage: fc.Arbitrary<RaftMessage> = fc.oneof(
  fc.record({ type: fc.constant('pre-vote-request' as const), ...envelope, ...logEnd }),
  fc.record({
    type: fc.constant('vote-request' as const),
    ...envelope,
    ...logEnd,
    isTransfer: fc.boolean(),
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
  fc.record({
    type: fc.constant('heartbeat-request' as const),
    ...envelope,
    commitIndex: indexes,
    round: indexes,
    pace: fc.integer({ min: 1, max: 16 }),
  }),
  fc.record({ type: fc.constant('heartbeat-response' as const), ...envelope, round: indexes }),
  fc.record({
    type: fc.constant('install-snapshot' as const),
    ...envelope,
    snapshot: fc.record({ ...end, configuration: bytes, data: bytes }),
  }),
  fc.record({ type: fc.constant('timeout-now' as const), ...envelope }),
)

const [n1, n2] = [peer('n1'), peer('n2')]
const frames = fc
  .array(anyMessage, { minLength: 1, maxLength: 8 })
  .map((list) => list.map((message) => ({ ...message, from: n1, to: n2 })))

/** The code of the error that decoding throws; `undefined` when it does not. */
function refusal(frame: Uint8Array): string | undefined {
  try {
    decodeMessages(frame)
    return undefined
  } catch (thrown) {
    if (thrown instanceof CodedError) return thrown.code
    throw thrown
  }
}

const heartbeat = (extra: Partial<RaftMessage> = {}): RaftMessage =>
  ({ type: 'timeout-now', from: n1, to: n2, term: term(1), ...extra }) as RaftMessage

describe('messages', () => {
  test('every list of messages survives the wire, in one frame', () => {
    fc.assert(
      fc.property(frames, (messages) => {
        const [frame, ...others] = encodeMessages(messages)
        expect(others).toEqual([])
        expect(decodeMessages(present(frame, 'a frame'))).toEqual(messages)
      }),
      { numRuns: 500 },
    )
  })

  test('garbage is a coded error, never another one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
        expect(refusal(garbage)).toMatch(/^wire\./)
      }),
      { numRuns: 2000 },
    )
  })

  test('any value that is CBOR is a list of messages or a coded error', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (value, other) => {
        for (const frame of [value, [n1, n2, value], [n1, n2, [[value]]], [n1, n2, [[4, 1, value, other]]]])
          refusal(encode(frame))
      }),
      { numRuns: 2000 },
    )
  })

  test('a damaged frame is either still a list of messages or a coded error', () => {
    const random = new Random(1)
    fc.assert(
      fc.property(frames, (messages) => {
        const frame = present(encodeMessages(messages)[0], 'a frame').slice()
        frame[random.integer(0, frame.length - 1)] = random.integer(0, 255)
        refusal(frame.subarray(0, random.integer(frame.length - 3, frame.length)))
      }),
      { numRuns: 2000 },
    )
  })

  test('what exceeds a frame goes into the next one, in order; a snapshot is as large as it is', () => {
    const append = (size: number, index: number): RaftMessage => ({
      type: 'append-request',
      from: n1,
      to: n2,
      term: term(1),
      prevIndex: logIndex(index - 1),
      prevTerm: term(1),
      commitIndex: logIndex(0),
      entries: [{ index: logIndex(index), term: term(1), kind: 'command', data: new Uint8Array(size) }],
    })
    const many = [1, 2, 3, 4, 5, 6].map((index) => append(LIMITS.peerMessageBytesMax / 4, index))
    const encoded = encodeMessages(many)
    expect(encoded.length).toBe(2)
    for (const frame of encoded) expect(frame.byteLength).toBeLessThanOrEqual(LIMITS.peerMessageBytesMax)
    expect(encoded.flatMap(decodeMessages)).toEqual(many)
    const data = new Uint8Array(2 * LIMITS.peerMessageBytesMax)
    const snapshot = { index: logIndex(9), term: term(1), configuration: new Uint8Array(0), data }
    const large: RaftMessage = { type: 'install-snapshot', from: n1, to: n2, term: term(1), snapshot }
    expect(encodeMessages([heartbeat(), large, heartbeat()]).map(decodeMessages)).toEqual([
      [heartbeat()],
      [large],
      [heartbeat()],
    ])
  })

  test('a frame for two peers is a defect', () => {
    expect(() => encodeMessages([heartbeat(), heartbeat({ to: peer('n3') })])).toThrow(
      'one server to one other',
    )
  })

  test.each([
    ['a type of a newer version', [11, 1], 'wire.unknown_type'],
    ['a negative type', [-1, 1], 'wire.unknown_type'],
    ['a type that is no number', ['x', 1], 'wire.malformed'],
    ['a message that is no list', 8, 'wire.malformed'],
    ['a negative term', [10, -1], 'wire.malformed'],
    ['a term that cannot rise any more', [10, Number.MAX_SAFE_INTEGER], 'wire.malformed'],
    ['a fraction', [7, 1, 1.5, 0], 'wire.malformed'],
    ['a field too many', [10, 1, 0], 'wire.malformed'],
    ['a field too few', [5, 1], 'wire.malformed'],
    ['an answer that is no truth value', [3, 1, 1], 'wire.malformed'],
    ['an entry kind of a newer version', [4, 1, 0, 0, 0, 1, 3, new Uint8Array(0)], 'wire.malformed'],
    ['entry data that is text', [4, 1, 0, 0, 0, 1, 1, 'x'], 'wire.malformed'],
    ['half an entry', [4, 1, 0, 0, 0, 1, 1, new Uint8Array(0), 1], 'wire.malformed'],
  ])('%s is refused', (_, message, code) => {
    expect(refusal(encode([n1, n2, [message]]))).toBe(code)
  })

  test.each([
    ['no peer id', ['n1', n2, [[10, 1]]]],
    ['a frame with a field too many', [n1, n2, [[10, 1]], 0]],
    ['no list of messages', [n1, n2, { type: 10 }]],
    ['no list', { from: n1 }],
  ])('%s is refused', (_, frame) => {
    expect(refusal(encode(frame))).toBe('wire.malformed')
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
    const size = (count: number): number =>
      encodeMessages([message(count)]).reduce((sum, frame) => sum + frame.byteLength, 0)
    expect((size(101) - size(1)) / 100).toBeLessThan(110)
  })
})

describe('configurations', () => {
  const sorted = (names: readonly string[]): readonly PeerId[] => names.map(peer)

  test.each<Configuration>([
    { ...NO_CONFIGURATION, voters: sorted(['n1']) },
    {
      voters: sorted(['n1', 'n3', 'n4']),
      votersOutgoing: sorted(['n1', 'n2']),
      learners: sorted(['n2', 'n5']),
      leave: 'explicit',
    },
  ])('survive the log', (configuration) => {
    expect(decodeConfiguration(encodeConfiguration(configuration))).toEqual(configuration)
  })

  test('an entry of the first version has no learners and ends by itself', () => {
    const first = { voters: sorted(['n1', 'n3']), votersOutgoing: sorted(['n1']) }
    expect(decodeConfiguration(encode(first))).toEqual({ ...first, learners: [], leave: 'auto' })
  })

  const lists = { voters: [peer('n1')], votersOutgoing: [], learners: [], leave: 'auto' }
  test.each([
    ['no voter', { ...lists, voters: [] }],
    ['a voter twice', { ...lists, voters: [peer('n1'), peer('n1')] }],
    ['another order', { ...lists, voters: [peer('n2'), peer('n1')] }],
    ['too many', { ...lists, voters: Array.from({ length: 8 }, (_, at) => peer(`n${at + 1}`)) }],
    ['no peer id', { ...lists, voters: ['n1'] }],
    ['a voter that is a learner', { ...lists, learners: [peer('n1')] }],
    ['another way to leave', { ...lists, leave: 'never' }],
    ['a list of a later version', { ...lists, witnesses: [] }],
  ])('%s is refused', (_, value) => {
    expect(() => decodeConfiguration(encode(value))).toThrow('malformed raft configuration')
  })
})
