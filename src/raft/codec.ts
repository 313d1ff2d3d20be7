/**
 * Raft messages as bytes: one CBOR array, `[type, from, to, term, fields]`. An append names the index of its first
 * entry by `prevIndex` alone and each entry as `[term, kind, data]`: on the wire, entries cannot have gaps. Frames,
 * batches and the protocol's version belong to the stream that carries the bytes.
 */
import { z } from 'zod'
import { bytesSchema, CodedError, decode, encode, logIndex, unreachable } from '../base/index.ts'
import { indexSchema, peerIdSchema, termSchema } from './codec-fields.ts'
import type { EntryKind } from './entry.ts'
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
] as const satisfies readonly RaftMessage['type'][]
const KINDS = ['empty', 'command', 'configuration'] as const satisfies readonly EntryKind[]

export function encodeMessage(message: RaftMessage): Uint8Array {
  const code = TYPES.indexOf(message.type)
  return encode([code, message.from, message.to, message.term, fieldsOf(message)])
}

function fieldsOf(message: RaftMessage): readonly unknown[] {
  switch (message.type) {
    case 'pre-vote-request':
    case 'vote-request':
      return [message.lastIndex, message.lastTerm]
    case 'pre-vote-response':
    case 'vote-response':
      return [message.granted]
    case 'append-request': {
      const entries = message.entries.map((entry) => [entry.term, KINDS.indexOf(entry.kind), entry.data])
      return [message.prevIndex, message.prevTerm, message.commitIndex, entries]
    }
    case 'append-accepted':
      return [message.matchIndex]
    case 'append-rejected':
      return [message.rejectedIndex, message.hintIndex, message.hintTerm]
    case 'heartbeat-request':
      return [message.commitIndex]
    case 'heartbeat-response':
      return []
    default:
      return unreachable(message)
  }
}

const envelopeSchema = z.tuple([z.int(), peerIdSchema, peerIdSchema, termSchema, z.unknown()])
const kindSchema = z.int().transform((code, context) => {
  const kind = KINDS[code]
  if (kind !== undefined) return kind
  context.addIssue(`no entry kind ${code}`)
  return z.NEVER
})

const logEnd = z.tuple([indexSchema, termSchema])
const granted = z.tuple([z.boolean()])
const oneIndex = z.tuple([indexSchema])
const nothing = z.tuple([])
const rejection = z.tuple([indexSchema, indexSchema, termSchema])
const append = z.tuple([
  indexSchema,
  termSchema,
  indexSchema,
  z.array(z.tuple([termSchema, kindSchema, bytesSchema])),
])

/**
 * @throws CodedError `wire.malformed`, or `wire.unknown_type` for a type that only a newer version may know. What
 *   comes back has the right shape; whether it makes sense is for `RaftCore.step` to judge.
 */
export function decodeMessage(bytes: Uint8Array): RaftMessage {
  const [code, from, to, term, fields] = decode(envelopeSchema, bytes, WHAT)
  const type = TYPES[code]
  if (type === undefined) throw new CodedError('wire.unknown_type', { what: WHAT, got: code })
  const envelope = { from, to, term }
  switch (type) {
    case 'pre-vote-request':
    case 'vote-request': {
      const [lastIndex, lastTerm] = checked(logEnd, fields, type)
      return { type, ...envelope, lastIndex, lastTerm }
    }
    case 'pre-vote-response':
    case 'vote-response':
      return { type, ...envelope, granted: checked(granted, fields, type)[0] }
    case 'append-request': {
      const [prevIndex, prevTerm, commitIndex, list] = checked(append, fields, type)
      const entries = list.map(([entryTerm, kind, data], at) => ({
        index: logIndex(prevIndex + 1 + at),
        term: entryTerm,
        kind,
        data,
      }))
      return { type, ...envelope, prevIndex, prevTerm, commitIndex, entries }
    }
    case 'append-accepted':
      return { type, ...envelope, matchIndex: checked(oneIndex, fields, type)[0] }
    case 'append-rejected': {
      const [rejectedIndex, hintIndex, hintTerm] = checked(rejection, fields, type)
      return { type, ...envelope, rejectedIndex, hintIndex, hintTerm }
    }
    case 'heartbeat-request':
      return { type, ...envelope, commitIndex: checked(oneIndex, fields, type)[0] }
    case 'heartbeat-response':
      checked(nothing, fields, type)
      return { type, ...envelope }
    default:
      return unreachable(type)
  }
}

function checked<Schema extends z.ZodType>(
  schema: Schema,
  fields: unknown,
  type: RaftMessage['type'],
): z.output<Schema> {
  const result = schema.safeParse(fields)
  if (result.success) return result.data
  const reason = `${type}: ${result.error.issues[0]?.message ?? 'does not fit'}`
  throw new CodedError('wire.malformed', { what: WHAT, reason })
}
