/**
 * Raft messages as bytes. What a server has for one peer at one moment travels in one frame, a CBOR array
 * `[from, to, [message, …]]` with each message as `[type, term, field, …]`. An append ends with the `term, kind, data` of
 * each entry, without their indexes, which `prevIndex` gives: on the wire, entries cannot have gaps. The protocol's version
 * belongs to the stream that carries the frames.
 *
 * What is read is checked by hand, field by field: for a batch of entries that takes a third of the time that schemas took.
 */
import {
  assert,
  CodedError,
  decodeUnchecked,
  encode,
  LIMITS,
  logIndex,
  type PeerId,
  present,
  unreachable,
} from '../base/index.ts'
import { FieldReader } from './codec-fields.ts'
import type { Entry, EntryKind } from './entry.ts'
import { entryBytes } from './log.ts'
import type { RaftMessage } from './messages.ts'

const WHAT = 'raft message'
/** The position is the code on the wire: add at the end, never reorder. */
const TYPES = [
  'pre-vote-request',
  'pre-vote-response',
  'vote-request',
  'vote-response',
  'append-request',
  'append-accepted',
  'append-rejected',
  'heartbeat-request',
  'heartbeat-response',
  'install-snapshot',
  'timeout-now',
] as const satisfies readonly RaftMessage['type'][]
const KINDS = ['empty', 'command', 'configuration'] as const satisfies readonly EntryKind[]

/** More than the frame and any message take beyond the data in them. */
const FRAME_BYTES = 256
const MESSAGE_BYTES = 64

/**
 * Messages of one server to another, at least one, as frames in their order: one, unless that would exceed what the transport
 * takes (`LIMITS.peerMessageBytesMax`). A message that is larger by itself, which only a snapshot is, becomes a frame that is
 * larger, too.
 */
export function encodeMessages(messages: readonly RaftMessage[]): readonly Uint8Array[] {
  const { from, to } = present(messages[0], 'a message to encode')
  assert(
    messages.every((message) => message.from === from && message.to === to),
    'a frame is from one server to one other',
  )
  const frames: Uint8Array[] = []
  let first = 0
  let bytes = FRAME_BYTES
  const close = (end: number): void => {
    if (end > first) frames.push(encode([from, to, messages.slice(first, end).map(wireOf)]))
    first = end
    bytes = FRAME_BYTES
  }
  messages.forEach((message, at) => {
    const size = sizeOf(message)
    if (bytes + size > LIMITS.peerMessageBytesMax) close(at)
    bytes += size
  })
  close(messages.length)
  return frames
}

/** Never less than what the message takes in a frame. */
function sizeOf(message: RaftMessage): number {
  if (message.type === 'install-snapshot') {
    const { configuration, data } = message.snapshot
    return MESSAGE_BYTES + configuration.byteLength + data.byteLength
  }
  if (message.type !== 'append-request') return MESSAGE_BYTES
  return message.entries.reduce((sum, entry) => sum + entryBytes(entry.data), MESSAGE_BYTES)
}

function wireOf(message: RaftMessage): readonly unknown[] {
  const head = [TYPES.indexOf(message.type), message.term]
  switch (message.type) {
    case 'pre-vote-request':
      return [...head, message.lastIndex, message.lastTerm]
    case 'vote-request':
      return [...head, message.lastIndex, message.lastTerm, message.isTransfer]
    case 'pre-vote-response':
    case 'vote-response':
      return [...head, message.granted]
    case 'append-request': {
      const fields: unknown[] = [...head, message.prevIndex, message.prevTerm, message.commitIndex]
      for (const { term, kind, data } of message.entries) fields.push(term, KINDS.indexOf(kind), data)
      return fields
    }
    case 'append-accepted':
      return [...head, message.matchIndex]
    case 'append-rejected':
      return [...head, message.rejectedIndex, message.hintIndex, message.hintTerm]
    case 'heartbeat-request':
      return [...head, message.commitIndex, message.round, message.pace]
    case 'heartbeat-response':
      return [...head, message.round]
    case 'install-snapshot': {
      const { index, term, configuration, data } = message.snapshot
      return [...head, index, term, configuration, data]
    }
    case 'timeout-now':
      return head
    default:
      return unreachable(message)
  }
}

/**
 * @throws CodedError `wire.malformed`, or `wire.unknown_type` for a type that only a newer version may know. What
 *   comes back has the right shape; whether it makes sense is for `RaftCore.step` to judge.
 */
export function decodeMessages(bytes: Uint8Array): readonly RaftMessage[] {
  const frame = new FieldReader(WHAT, decodeUnchecked(bytes, WHAT))
  const from = frame.peer()
  const to = frame.peer()
  const messages = frame.list((fields) => readMessage(from, to, fields))
  frame.end()
  return messages
}

function readMessage(from: PeerId, to: PeerId, fields: FieldReader): RaftMessage {
  const code = fields.integer()
  const type = TYPES[code]
  if (type === undefined) throw new CodedError('wire.unknown_type', { what: WHAT, got: code })
  const message = readFields(type, { from, to, term: fields.term() }, fields)
  fields.end()
  return message
}

type Envelope = Pick<RaftMessage, 'from' | 'to' | 'term'>

function readFields(type: RaftMessage['type'], envelope: Envelope, fields: FieldReader): RaftMessage {
  const { from, to, term } = envelope
  switch (type) {
    case 'pre-vote-request':
      return { type, from, to, term, lastIndex: fields.index(), lastTerm: fields.term() }
    case 'vote-request': {
      const end = { lastIndex: fields.index(), lastTerm: fields.term() }
      return { type, from, to, term, ...end, isTransfer: fields.boolean() }
    }
    case 'pre-vote-response':
    case 'vote-response':
      return { type, from, to, term, granted: fields.boolean() }
    case 'append-request':
      return readAppend(envelope, fields)
    case 'append-accepted':
      return { type, from, to, term, matchIndex: fields.index() }
    case 'append-rejected': {
      const rejectedIndex = fields.index()
      return { type, from, to, term, rejectedIndex, hintIndex: fields.index(), hintTerm: fields.term() }
    }
    case 'heartbeat-request':
      return { type, from, to, term, commitIndex: fields.index(), round: fields.index(), pace: fields.pace() }
    case 'heartbeat-response':
      return { type, from, to, term, round: fields.index() }
    case 'install-snapshot': {
      const end = { index: fields.index(), term: fields.term() }
      return {
        type,
        from,
        to,
        term,
        snapshot: { ...end, configuration: fields.bytes(), data: fields.bytes() },
      }
    }
    case 'timeout-now':
      return { type, from, to, term }
    default:
      return unreachable(type)
  }
}

function readAppend({ from, to, term }: Envelope, fields: FieldReader): RaftMessage {
  const prevIndex = fields.index()
  const prevTerm = fields.term()
  const commitIndex = fields.index()
  const entries: Entry[] = []
  while (!fields.isAtEnd) {
    const entryTerm = fields.term()
    const kind = KINDS[fields.integer()]
    if (kind === undefined) throw fields.malformed('an entry kind')
    const index = logIndex(prevIndex + 1 + entries.length)
    entries.push({ index, term: entryTerm, kind, data: fields.bytes() })
  }
  return { type: 'append-request', from, to, term, prevIndex, prevTerm, commitIndex, entries }
}
