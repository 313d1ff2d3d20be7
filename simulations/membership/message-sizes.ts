/**
 * How many bytes a message has on the wire, without encoding it: encoding each of 10⁹ messages would take most of the time of a
 * run. The arithmetic is that of CBOR (RFC 8949 §3) for the maps that `encode` writes; a test compares it with the real
 * encoder for every kind. Records and changes are encoded once each, for they travel many times.
 */
import { encode } from '../../src/base/index.ts'
import type { GossipMessage, StreamMessage } from '../../src/membership/index.ts'

type Heartbeat = Extract<GossipMessage, { type: 'heartbeat' }>
/** Records and changes of records. */
type Repeated = NonNullable<Heartbeat['record'] | Heartbeat['change']>

/** What libp2p adds to a published message: author, sequence, topic, signature and the protobuf around them. */
export const GOSSIP_ENVELOPE_BYTES = 38 + 8 + 44 + 64 + 16
/** Frame, Yamux, Noise, TCP and IP of one small message that travels alone. */
export const CARRIAGE_BYTES = 4 + 12 + 18 + 52

export function gossipBytes(message: GossipMessage): number {
  switch (message.type) {
    case 'heartbeat':
      return (
        1 +
        typeOf('heartbeat') +
        field('incarnation', uint(message.incarnation)) +
        field('sequence', uint(message.sequence)) +
        field('recordVersion', uint(message.recordVersion)) +
        (message.record === undefined ? 0 : field('record', encodedBytes(message.record))) +
        (message.change === undefined ? 0 : field('change', encodedBytes(message.change)))
      )
    case 'suspect': {
      let bytes = 1 + typeOf('suspect') + field('members', uint(message.members.length))
      for (const { peer, incarnation, evidence } of message.members)
        bytes +=
          1 +
          field('peer', text(peer)) +
          field('incarnation', uint(incarnation)) +
          field('evidence', text(evidence))
      return bytes
    }
    case 'dead': {
      let bytes = 1 + typeOf('dead') + field('members', uint(message.members.length))
      for (const { peer, incarnation } of message.members)
        bytes += 1 + field('peer', text(peer)) + field('incarnation', uint(incarnation))
      return bytes
    }
    case 'leave':
      return 1 + typeOf('leave') + field('incarnation', uint(message.incarnation))
  }
}

export function streamBytes(message: StreamMessage): number {
  switch (message.type) {
    case 'ping':
      return (
        1 +
        typeOf('ping') +
        field('number', uint(message.number)) +
        field('incarnation', uint(message.incarnation)) +
        (message.accused === undefined ? 0 : field('accused', uint(message.accused))) +
        (message.onBehalfOf === undefined
          ? 0
          : field('onBehalfOf', 1) +
            field('peer', text(message.onBehalfOf.peer)) +
            field('number', uint(message.onBehalfOf.number)))
      )
    case 'ack':
      return (
        1 +
        typeOf('ack') +
        field('number', uint(message.number)) +
        field('incarnation', uint(message.incarnation)) +
        (message.heardDirectly === undefined ? 0 : field('heardDirectly', 1))
      )
    case 'ping_req':
      return (
        1 +
        typeOf('ping_req') +
        field('number', uint(message.number)) +
        field('target', text(message.target)) +
        field('patienceMs', number(message.patienceMs)) +
        (message.accused === undefined ? 0 : field('accused', uint(message.accused)))
      )
    case 'relayed':
      return (
        1 +
        typeOf('relayed') +
        field('number', uint(message.number)) +
        field('incarnation', uint(message.incarnation)) +
        field('heardDirectly', 1)
      )
    case 'nack':
      return 1 + typeOf('nack') + field('number', uint(message.number))
    default:
      return antiEntropyBytes(message)
  }
}

function antiEntropyBytes(
  message: Extract<StreamMessage, { type: 'sync' | 'rows' | 'want' | 'records' }>,
): number {
  switch (message.type) {
    case 'sync':
      return (
        1 +
        typeOf('sync') +
        field('hash', text(message.hash)) +
        (message.buckets === undefined ? 0 : field('buckets', uints(message.buckets)))
      )
    case 'rows': {
      let bytes =
        1 +
        typeOf('rows') +
        field('isAsking', 1) +
        field('rows', uint(message.rows.length)) +
        field('buckets', uints(message.buckets))
      for (const { peer, incarnation, status, recordVersion } of message.rows)
        bytes +=
          1 +
          field('peer', text(peer)) +
          field('incarnation', uint(incarnation)) +
          field('status', text(status)) +
          field('recordVersion', uint(recordVersion))
      return bytes
    }
    case 'want': {
      let bytes = 1 + typeOf('want') + field('peers', uint(message.peers.length))
      for (const peer of message.peers) bytes += text(peer)
      return bytes
    }
    case 'records': {
      let bytes = 1 + typeOf('records') + field('records', uint(message.records.length))
      for (const record of message.records) bytes += encodedBytes(record)
      return bytes
    }
  }
}

const encoded = new WeakMap<Repeated, number>()

function encodedBytes(value: Repeated): number {
  const known = encoded.get(value)
  if (known !== undefined) return known
  const bytes = encode(value).length
  encoded.set(value, bytes)
  return bytes
}

const typeOf = (kind: string): number => field('type', text(kind))

const field = (name: string, valueBytes: number): number => text(name) + valueBytes

/** All texts here are ASCII. */
const text = (value: string): number => uint(value.length) + value.length

function uint(value: number): number {
  if (value < 24) return 1
  if (value < 0x100) return 2
  if (value < 0x1_0000) return 3
  return value < 0x1_0000_0000 ? 5 : 9
}

function uints(values: readonly number[]): number {
  let bytes = uint(values.length)
  for (const value of values) bytes += uint(value)
  return bytes
}

/** A fraction is written as a double unless 32 bits hold it. (Or 16, which is as rare as it is cheap.) */
function number(value: number): number {
  if (Number.isInteger(value)) return uint(value)
  return Math.fround(value) === value ? 5 : 9
}
