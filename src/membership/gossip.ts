/**
 * What travels on the gossip topic of the scope. The sender is not in the body: gossipsub signs each message, and
 * the transport hands the proven peer id over together with the bytes. Further kinds of message join the union; a node that
 * does not know one says `wire.unknown_type` and goes on.
 */
import { z } from 'zod'
import { CodedError, decode, encode, LIMITS } from '../base/index.ts'
import { type OrdersGossip, ordersGossipSchema } from './order-gossip.ts'
import { signatureSchema, signedRecordSchema } from './signed-record.ts'
import { incarnationSchema, peerSchema } from './wire-fields.ts'

/** A change of the record, for those who have the version before it. */
const recordChangeSchema = z.object({
  /** Version that it applies to; the result is the next one. */
  from: z.number().int().min(1),
  /** Fields with their new values. */
  set: z.record(z.string(), z.unknown()),
  /** Fields that are gone. */
  unset: z.array(z.string().max(LIMITS.idBytesMax)).max(LIMITS.recordFieldsMax).readonly(),
  /** Of the whole record that results. */
  signature: signatureSchema,
})

const heartbeatSchema = z.object({
  type: z.literal('heartbeat'),
  incarnation: incarnationSchema,
  /** Rises with each heartbeat of a life, from 1. */
  sequence: z.number().int().min(1),
  /** Version of the sender's newest record; 0 while it has none. Who lacks it asks for it (`want`). */
  recordVersion: z.number().int().nonnegative(),
  /** When it is new as a whole, or somebody may not know it. */
  record: signedRecordSchema.optional(),
  /** When it changed by less than it has. */
  change: recordChangeSchema.optional(),
})

const accusedSchema = z.object({ peer: peerSchema, incarnation: incarnationSchema })

const evidenceSchema = z.enum(['silence', 'closed'])
export type Evidence = z.output<typeof evidenceSchema>

/** "These do not answer me." Said again by others who see the same: each saying counts once per speaker. */
const suspectSchema = z.object({
  type: z.literal('suspect'),
  members: z
    .array(
      accusedSchema.extend({
        /** `closed`: it (or its machine) closed its connection, and it cannot be reached again. Far stronger than silence. */
        evidence: evidenceSchema,
      }),
    )
    .max(LIMITS.accusationsMax)
    .readonly(),
})

/** "These are dead": the speaker has probed them itself until their time to refute was over. */
const deadSchema = z.object({
  type: z.literal('dead'),
  members: z.array(accusedSchema).max(LIMITS.accusationsMax).readonly(),
})

/** "I am leaving on purpose." Ends the incarnation: nothing of it is believed afterwards. */
const leaveSchema = z.object({ type: z.literal('leave'), incarnation: incarnationSchema })

const SCHEMAS = {
  heartbeat: heartbeatSchema,
  suspect: suspectSchema,
  dead: deadSchema,
  leave: leaveSchema,
  orders: ordersGossipSchema,
}

export type Heartbeat = Readonly<z.output<typeof heartbeatSchema>>
export type Leave = Readonly<z.output<typeof leaveSchema>>
export type RecordChange = Readonly<z.output<typeof recordChangeSchema>>
type Suspect = Readonly<z.output<typeof suspectSchema>>
type Dead = Readonly<z.output<typeof deadSchema>>
/** What the member table is made of. */
export type GossipMessage = Heartbeat | Suspect | Dead | Leave
/** All that travels on the topic: admin orders have a core of their own. */
type AnyGossip = GossipMessage | OrdersGossip

const envelopeSchema = z.looseObject({ type: z.string().max(64) })

/** @throws CodedError `limit.exceeded` above `LIMITS.gossipMessageBytesMax`. */
export function encodeGossip(message: AnyGossip): Uint8Array {
  const bytes = encode(message)
  checkSize(bytes)
  return bytes
}

/** @throws CodedError `limit.exceeded`, `wire.malformed`, `wire.unknown_type`. */
export function decodeGossip(bytes: Uint8Array): AnyGossip {
  checkSize(bytes)
  const { type } = decode(envelopeSchema, bytes, 'gossip message')
  if (!isKnown(type)) throw new CodedError('wire.unknown_type', { what: 'gossip message', got: type })
  return decode(SCHEMAS[type], bytes, `gossip message "${type}"`)
}

function isKnown(type: string): type is AnyGossip['type'] {
  return Object.hasOwn(SCHEMAS, type)
}

function checkSize(bytes: Uint8Array): void {
  if (bytes.length > LIMITS.gossipMessageBytesMax)
    throw new CodedError('limit.exceeded', {
      what: 'a gossip message',
      got: bytes.length,
      max: LIMITS.gossipMessageBytesMax,
    })
}
