import { describe, expect, it } from 'vitest'
import { recordOf } from '../../../simulations/membership/member-process.ts'
import { gossipBytes, streamBytes } from '../../../simulations/membership/message-sizes.ts'
import { type Incarnation, incarnation, type PeerId } from '../../../src/base/index.ts'
import {
  encodeGossip,
  encodeStreamMessage,
  type GossipMessage,
  type StreamMessage,
} from '../../../src/membership/index.ts'

const peer = `12D3KooW${'x'.repeat(44)}` as PeerId
const signature = new Uint8Array(64).fill(200)
/** Around every length that CBOR has for a number. */
const NUMBERS = [
  0,
  1,
  23,
  24,
  255,
  256,
  65_535,
  65_536,
  2 ** 20,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 20 * 1_760_000_000,
]
const INCARNATIONS: readonly Incarnation[] = NUMBERS.map((value) => incarnation(Math.max(1, value)))

const signed = { peer, life: 3, version: 300, record: recordOf(peer, 'node-1', 3), signature }

const gossip: GossipMessage[] = INCARNATIONS.flatMap((value, at): GossipMessage[] => [
  { type: 'heartbeat', incarnation: value, sequence: NUMBERS[at] ?? 1, recordVersion: NUMBERS[at] ?? 0 },
  { type: 'heartbeat', incarnation: value, sequence: 1, recordVersion: 1, record: signed },
  {
    type: 'heartbeat',
    incarnation: value,
    sequence: 1,
    recordVersion: 2,
    change: { from: 1, set: { running_tasks: at }, unset: ['witness'], signature },
  },
  { type: 'suspect', members: [{ peer, incarnation: value, evidence: at % 2 === 0 ? 'silence' : 'closed' }] },
  {
    type: 'suspect',
    members: Array.from({ length: 30 }, () => ({ peer, incarnation: value, evidence: 'closed' })),
  },
  { type: 'dead', members: Array.from({ length: at }, () => ({ peer, incarnation: value })) },
  { type: 'leave', incarnation: value },
])

const stream: StreamMessage[] = INCARNATIONS.flatMap((value, at): StreamMessage[] => {
  const number = NUMBERS[at] ?? 0
  const row = { peer, incarnation: value, status: 'suspect', recordVersion: number } as const
  return [
    { type: 'ping', number, incarnation: value },
    { type: 'ping', number, incarnation: value, accused: value, onBehalfOf: { peer, number } },
    { type: 'ack', number, incarnation: value },
    { type: 'ack', number, incarnation: value, heardDirectly: true },
    { type: 'ping_req', number, target: peer, patienceMs: 400 },
    { type: 'ping_req', number, target: peer, patienceMs: 312.001_953_125, accused: value },
    { type: 'ping_req', number, target: peer, patienceMs: 123.456_789 },
    { type: 'relayed', number, incarnation: value, heardDirectly: false },
    { type: 'nack', number },
    { type: 'sync', hash: 'a'.repeat(at) },
    { type: 'sync', hash: 'a', buckets: Array.from({ length: 64 }, (_, bucket) => number % (bucket + 1)) },
    { type: 'rows', rows: Array.from({ length: 20 * at }, () => row), buckets: [at, 30], isAsking: true },
    { type: 'want', peers: Array.from({ length: 20 * at }, () => peer) },
    { type: 'records', records: [signed, signed] },
  ]
})

describe('the size of a message, without encoding it, is that of the real encoder', () => {
  it.each(gossip.map((message) => [message.type, message] as const))('gossip %s', (_, message) => {
    expect(gossipBytes(message)).toBe(encodeGossip(message).length)
  })

  it.each(stream.map((message) => [message.type, message] as const))('stream %s', (_, message) => {
    expect(streamBytes(message)).toBe(encodeStreamMessage(message).length)
  })
})
