/**
 * Admin orders: what one peer with the role `admin` says of one node, signed, so that any node can check it offline and pass it
 * on. The signature is over the statement's bytes as they stand: they are kept and passed on as they are, never encoded again.
 *
 * | field         | while it is on                                                                                 |
 * | ------------- | ---------------------------------------------------------------------------------------------- |
 * | `quarantine`  | no new work and no renewals: what runs there ends with its lease                                |
 * | `maintenance` | no new work; what runs there may go on, until `drainDeadlineUnixMs` if there is one. Over at `untilUnixMs` |
 * | `retire`      | as `quarantine`, meant for good: and no vote                                                    |
 */
import { z } from 'zod'
import {
  bytesSchema,
  CodedError,
  decode,
  encode,
  LIMITS,
  type PeerId,
  peerId,
  type UnixMs,
} from '../base/index.ts'
import { compareTimes } from './hybrid-clock.ts'

export const ORDER_FIELDS = ['quarantine', 'maintenance', 'retire'] as const
export type OrderField = (typeof ORDER_FIELDS)[number]
export const isOrderField = (text: string): text is OrderField => ORDER_FIELDS.some((field) => field === text)

const SIGNATURE_BYTES = 64
/** Of the signature: 128 bits that no two orders share. */
export const ORDER_ID_BYTES = 16

const peer = z.string().transform((text): PeerId => peerId(text))
const unixMs = z
  .number()
  .int()
  .nonnegative()
  .max(LIMITS.orderTimeUnixMsMax)
  .transform((value) => value as UnixMs)

const about = {
  version: z.literal(1),
  scopeId: z.string().max(LIMITS.idBytesMax),
  issuer: peer,
  subject: peer,
  /** When it was given, as hybrid time. Whether that is plausible is judged with the rest. */
  wallMs: z.number().int().nonnegative(),
  counter: z.number().int().nonnegative().max(LIMITS.orderCounterMax),
  /** `false` lifts what was ordered before. */
  on: z.boolean(),
  /** For people. */
  reason: z.string().min(1).max(LIMITS.orderReasonCharsMax).optional(),
}

const quarantine = z.object({ field: z.literal('quarantine'), ...about })
const maintenance = z.object({
  field: z.literal('maintenance'),
  ...about,
  /** From then on it is over by itself. By the wall clock of whoever asks. */
  untilUnixMs: unixMs.optional(),
  /** From then on what still runs is ended, with its usual grace. */
  drainDeadlineUnixMs: unixMs.optional(),
})
const retire = z.object({ field: z.literal('retire'), ...about })

const statementSchema = z.discriminatedUnion('field', [quarantine, maintenance, retire])
export type OrderStatement = Readonly<z.output<typeof statementSchema>>
export type MaintenanceStatement = Extract<OrderStatement, { field: 'maintenance' }>

export const signedOrderSchema = z.object({
  statement: bytesSchema.refine((bytes) => bytes.length <= LIMITS.orderBytesMax, 'too long'),
  signature: bytesSchema.refine((bytes) => bytes.length === SIGNATURE_BYTES, '64 bytes'),
})
export type SignedOrder = Readonly<z.output<typeof signedOrderSchema>>

/** An order that was read; whether it counts is for whoever knows keys and roles to judge. */
export interface Order {
  readonly says: OrderStatement
  readonly signed: SignedOrder
}

/** The bytes to be signed. @throws CodedError `limit.exceeded` */
export function encodeStatement(statement: OrderStatement): Uint8Array {
  const bytes = encode(statement)
  if (bytes.length <= LIMITS.orderBytesMax) return bytes
  throw new CodedError('limit.exceeded', {
    what: 'an admin order',
    got: bytes.length,
    max: LIMITS.orderBytesMax,
  })
}

/** @throws CodedError `wire.malformed`, `input.invalid` */
export function readOrder(signed: SignedOrder): Order {
  return { says: decode(statementSchema, signed.statement, 'admin order'), signed }
}

/** A signature belongs to one statement of one issuer, so its beginning is a name for the order. */
export const orderId = ({ signature }: SignedOrder): Uint8Array => signature.subarray(0, ORDER_ID_BYTES)

/**
 * Which of two orders about the same field of the same node holds: positive when `left` does. The later one; of two at
 * the same time the stricter, because who orders a stop may know of a danger and who lifts one only of an inconvenience; then the
 * one with the larger bytes, so that every node decides alike. A total order, so holding the largest is a merge
 * that is commutative, associative and idempotent.
 */
export function compareOrders(left: Order, right: Order): number {
  return (
    compareTimes(left.says, right.says) ||
    compareStrictness(left.says, right.says) ||
    compareBytes(left.signed.statement, right.signed.statement) ||
    compareBytes(left.signed.signature, right.signed.signature)
  )
}

function compareStrictness(left: OrderStatement, right: OrderStatement): number {
  const [ours, theirs] = [strictness(left), strictness(right)]
  for (const [at, value] of ours.entries()) {
    const other = theirs[at] ?? 0
    if (value !== other) return value < other ? -1 : 1
  }
  return 0
}

/** On before off, longer before shorter, an early end of the running work before a late one. */
function strictness(says: OrderStatement): readonly number[] {
  if (!says.on || says.field !== 'maintenance') return [Number(says.on), 0, 0]
  const never = LIMITS.orderTimeUnixMsMax + 1
  return [1, says.untilUnixMs ?? never, -(says.drainDeadlineUnixMs ?? never)]
}

function compareBytes(left: Uint8Array, right: Uint8Array): number {
  for (const [at, byte] of left.entries()) {
    const other = right[at]
    if (other === undefined) return 1
    if (byte !== other) return byte - other
  }
  return left.length - right.length
}
