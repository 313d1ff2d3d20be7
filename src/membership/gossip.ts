/**
 * What travels on the gossip topic of the scope. The sender is not in the body: gossipsub signs each message, and
 * the transport hands the proven peer id over together with the bytes. Kinds of message to come (suspicions)
 * join the union; a node that does not know one says `wire.unknown_type` and goes on.
 */
import { z } from 'zod'
import { CodedError, decode, encode, incarnation, LIMITS } from '../base/index.ts'
import { nodeRecordSchema } from './node-record.ts'
import { type OrdersGossip, ordersGossipSchema } from './order-gossip.ts'

const incarnationSchema = z
  .number()
  .int()
  .min(1)
  .transform((value) => incarnation(value))

const heartbeatSchema = z
  .object({
    type: z.literal('heartbeat'),
    incarnation: incarnationSchema,
    /** Rises with each heartbeat of an incarnation, from 1. */
    sequence: z.number().int().min(1),
    /**
     * The sender's promise: the next heartbeat follows within this time. Receivers judge silence by it (as BFD does
     * with the sender's interval, RFC 5880 §6.8.4), so nodes with other presets or another roster need not agree.
     */
    intervalMs: z.number().positive().max(LIMITS.heartbeatIntervalMsMax),
    /** Version of the sender's newest record; 0 while it has none. */
    recordVersion: z.number().int().nonnegative(),
    /** Only when it changed, when someone may not know it, and now and then. */
    record: nodeRecordSchema.optional(),
  })
  .refine(
    (beat) => beat.record === undefined || (beat.record.record_version ?? 0) === beat.recordVersion,
    'record and heartbeat disagree about the record version',
  )

/** "I am leaving on purpose." Ends the incarnation: nothing of it is believed afterwards. */
const leaveSchema = z.object({ type: z.literal('leave'), incarnation: incarnationSchema })

const SCHEMAS = { heartbeat: heartbeatSchema, leave: leaveSchema, orders: ordersGossipSchema }

export type Heartbeat = Readonly<z.output<typeof heartbeatSchema>>
export type Leave = Readonly<z.output<typeof leaveSchema>>
/** What the member table is made of. */
export type GossipMessage = Heartbeat | Leave
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
