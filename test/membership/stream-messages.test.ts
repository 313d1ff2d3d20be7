import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encode, LIMITS } from '../../src/base/index.ts'
import { decodeStreamMessage, encodeStreamMessage, type StreamMessage } from '../../src/membership/index.ts'
import { codeOf } from './error-code.ts'
import { ATTIC, at, DESK, signed } from './support.ts'

const ROW = { peer: ATTIC, incarnation: at(1), status: 'alive', recordVersion: 3 } as const

const MESSAGES: readonly StreamMessage[] = [
  { type: 'ping', number: 1, incarnation: at(1) },
  {
    type: 'ping',
    number: 2,
    incarnation: at(1),
    accused: at(2, 3),
    onBehalfOf: { peer: DESK, number: 7 },
  },
  { type: 'ack', number: 1, incarnation: at(1) },
  { type: 'ack', number: 2, incarnation: at(1), heardDirectly: false },
  { type: 'ping_req', number: 3, target: ATTIC, patienceMs: 400.5, accused: at(1) },
  { type: 'relayed', number: 3, incarnation: at(1), heardDirectly: true },
  { type: 'nack', number: 3 },
  { type: 'sync', hash: '00112233' },
  { type: 'sync', hash: '00112233', buckets: Array<number>(64).fill(2 ** 32 - 1) },
  { type: 'rows', rows: [ROW], buckets: [0, 63], isAsking: true },
  { type: 'want', peers: [ATTIC] },
  { type: 'records', records: [signed(ATTIC, 'attic')] },
]

describe('the codec of stream messages', () => {
  test.each(MESSAGES.map((message) => [message.type, message] as const))(
    '%s survives the round trip',
    (_, message) => {
      expect(decodeStreamMessage(encodeStreamMessage(message))).toEqual(message)
    },
  )

  test('a ping and its answer have less than 100 bytes together', () => {
    const [ping, , ack] = MESSAGES
    expect(encode(ping).length + encode(ack).length).toBeLessThan(100)
  })

  test('an unknown kind is wire.unknown_type', () => {
    expect(codeOf(() => decodeStreamMessage(encode({ type: 'pong' })))).toBe('wire.unknown_type')
  })

  test.each([
    [
      'more rows than fit',
      { type: 'rows', rows: Array(LIMITS.syncRowsMax + 1).fill(ROW), buckets: [], isAsking: true },
    ],
    ['a bucket that does not exist', { type: 'rows', rows: [], buckets: [64], isAsking: true }],
    ['hashes of too few buckets', { type: 'sync', hash: 'x', buckets: [1, 2] }],
    [
      'patience without end',
      { type: 'ping_req', number: 1, target: ATTIC, patienceMs: LIMITS.probeMsMax + 1 },
    ],
    ['no patience', { type: 'ping_req', number: 1, target: ATTIC, patienceMs: 0 }],
    ['an incarnation of zero', { type: 'ping', number: 1, incarnation: 0 }],
    ['a peer that is none', { type: 'want', peers: ['attic'] }],
  ])('%s is wire.malformed', (_, message) => {
    expect(codeOf(() => decodeStreamMessage(encode(message)))).toBe('wire.malformed')
  })

  test('any bytes are either a message or a coded error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(['no error', 'wire.malformed', 'wire.unknown_type']).toContain(
          codeOf(() => decodeStreamMessage(bytes)),
        )
      }),
    )
  })
})
