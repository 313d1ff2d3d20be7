/**
 * What two members say to each other directly, on one long-lived stream per peer (protocol `membership`): probes and
 * anti-entropy. The transport hands over the proven peer id of the other side, so no message names its sender.
 *
 *     ping ───────────► ack                                 a probe, straight
 *     ping_req ──► ping (onBehalfOf) ──► ack ──► relayed     a probe through somebody else; or `nack`: no answer so far
 *     sync ──► sync (buckets) ──► rows ──► rows              push/pull: hashes first, rows only where they differ,
 *                                     want ──► records       then the records that are newer at the other side
 *
 * The kinds are few and every field is bounded; a node that does not know a kind says `wire.unknown_type` and goes on.
 */
import { z } from 'zod'
import { CodedError, decode, encode, LIMITS } from '../base/index.ts'
import { signedRecordSchema } from './signed-record.ts'
import { BUCKETS } from './table-hash.ts'
import { incarnationSchema, peerSchema } from './wire-fields.ts'

/** Chosen by who asks; only meaningful to it. */
const numberSchema = z.number().int().nonnegative()

const pingSchema = z.object({
  type: z.literal('ping'),
  number: numberSchema,
  /** Of the sender. */
  incarnation: incarnationSchema,
  /** The sender holds the receiver for suspect or dead at this incarnation (Lifeguard's buddy system): time to refute. */
  accused: incarnationSchema.optional(),
  /** The probe is made for another member, whose own ping had this number. */
  onBehalfOf: z.object({ peer: peerSchema, number: numberSchema }).optional(),
})

const ackSchema = z.object({
  type: z.literal('ack'),
  number: numberSchema,
  /** Of the sender, after the refutation that the ping may have called for. */
  incarnation: incarnationSchema,
  /** Answer to `onBehalfOf`: whether that member's own ping with that number had arrived as well. Tells the broken direction. */
  heardDirectly: z.boolean().optional(),
})

const pingReqSchema = z.object({
  type: z.literal('ping_req'),
  number: numberSchema,
  target: peerSchema,
  accused: incarnationSchema.optional(),
  /** A `nack` is wanted when the target has not answered within this time. */
  patienceMs: z.number().positive().max(LIMITS.probeMsMax),
})

/** The answer to a `ping_req`: the target answered the one who was asked. */
const relayedSchema = z.object({
  type: z.literal('relayed'),
  number: numberSchema,
  incarnation: incarnationSchema,
  heardDirectly: z.boolean(),
})

/** The answer to a `ping_req`: nothing so far, but the one who was asked is well, and so is the path to it. */
const nackSchema = z.object({ type: z.literal('nack'), number: numberSchema })

const syncSchema = z.object({
  type: z.literal('sync'),
  /** Of the sender's table: equal tables have equal hashes, whatever the order in which they came about. */
  hash: z.string().max(LIMITS.idBytesMax),
  /** In answer to a `sync` with another hash: the hash of each part of the table. */
  buckets: z.array(z.number().int().nonnegative()).length(BUCKETS).readonly().optional(),
})

const rowSchema = z.object({
  peer: peerSchema,
  incarnation: incarnationSchema,
  status: z.enum(['alive', 'suspect', 'dead', 'left']),
  /** 0: the sender has no record of it. */
  recordVersion: z.number().int().nonnegative(),
})

const rowsSchema = z.object({
  type: z.literal('rows'),
  rows: z.array(rowSchema).max(LIMITS.syncRowsMax).readonly(),
  /** The parts of the table whose rows these are, complete: what is not among them is unseen at the sender. */
  buckets: z
    .array(
      z
        .number()
        .int()
        .min(0)
        .max(BUCKETS - 1),
    )
    .max(BUCKETS)
    .readonly(),
  /** The receiver is to answer with its own rows of these parts that differ. */
  isAsking: z.boolean(),
})

const wantSchema = z.object({
  type: z.literal('want'),
  peers: z.array(peerSchema).max(LIMITS.syncRowsMax).readonly(),
})

const recordsSchema = z.object({
  type: z.literal('records'),
  records: z.array(signedRecordSchema).max(LIMITS.syncRowsMax).readonly(),
})

const SCHEMAS = {
  ping: pingSchema,
  ack: ackSchema,
  ping_req: pingReqSchema,
  relayed: relayedSchema,
  nack: nackSchema,
  sync: syncSchema,
  rows: rowsSchema,
  want: wantSchema,
  records: recordsSchema,
}

export type Ping = Readonly<z.output<typeof pingSchema>>
export type Ack = Readonly<z.output<typeof ackSchema>>
export type PingReq = Readonly<z.output<typeof pingReqSchema>>
export type Relayed = Readonly<z.output<typeof relayedSchema>>
export type Sync = Readonly<z.output<typeof syncSchema>>
export type Rows = Readonly<z.output<typeof rowsSchema>>
export type Row = Readonly<z.output<typeof rowSchema>>
export type StreamMessage = {
  [Kind in keyof typeof SCHEMAS]: Readonly<z.output<(typeof SCHEMAS)[Kind]>>
}[keyof typeof SCHEMAS]

const envelopeSchema = z.looseObject({ type: z.string().max(64) })

export const encodeStreamMessage = (message: StreamMessage): Uint8Array => encode(message)

/** @throws CodedError `wire.malformed`, `wire.unknown_type`. */
export function decodeStreamMessage(bytes: Uint8Array): StreamMessage {
  const { type } = decode(envelopeSchema, bytes, 'membership message')
  if (!isKnown(type)) throw new CodedError('wire.unknown_type', { what: 'membership message', got: type })
  return decode(SCHEMAS[type], bytes, `membership message "${type}"`)
}

function isKnown(type: string): type is StreamMessage['type'] {
  return Object.hasOwn(SCHEMAS, type)
}
