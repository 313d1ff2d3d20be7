import fc from 'fast-check'
import { type PeerId, unixMs } from '../../src/base/index.ts'
import { encodeStatement, type Order, type OrderStatement, readOrder } from '../../src/membership/index.ts'
import { peer } from './support.ts'

export const A = peer('a')
export const B = peer('b')
export const NOW = 1_795_000_000_000

type Fields = Partial<{
  field: OrderStatement['field']
  issuer: PeerId
  subject: PeerId
  wallMs: number
  counter: number
  on: boolean
  reason: string
  untilUnixMs: number
  drainDeadlineUnixMs: number
}>

/** An order as it would come from a peer; its signature stands for the issuer and the statement. */
export function order(fields: Fields = {}): Order {
  const { untilUnixMs, drainDeadlineUnixMs, ...rest } = fields
  const about = {
    version: 1,
    scopeId: 'scope',
    field: 'quarantine',
    issuer: A,
    subject: B,
    wallMs: NOW,
    counter: 0,
    on: true,
    ...rest,
    ...(untilUnixMs === undefined ? {} : { untilUnixMs: unixMs(untilUnixMs) }),
    ...(drainDeadlineUnixMs === undefined ? {} : { drainDeadlineUnixMs: unixMs(drainDeadlineUnixMs) }),
  } as OrderStatement
  const statement = encodeStatement(about)
  return readOrder({ statement, signature: signatureFor(statement) })
}

/** FNV-1a of the statement in each of 16 lanes: the same for the same bytes, else different. */
function signatureFor(statement: Uint8Array): Uint8Array {
  const lanes = Array.from({ length: 16 }, (_, lane) =>
    statement.reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193), 0x811c9dc5 + lane * 7919),
  )
  return new Uint8Array(new Int32Array(lanes).buffer)
}

/** Few times, few subjects: so that orders compete, and tie. */
export const anyOrder: fc.Arbitrary<Order> = fc
  .record({
    field: fc.constantFrom('quarantine' as const, 'maintenance' as const, 'retire' as const),
    issuer: fc.constantFrom(A, B),
    subject: fc.constantFrom(A, B),
    wallMs: fc.integer({ min: NOW, max: NOW + 2 }),
    counter: fc.integer({ min: 0, max: 1 }),
    on: fc.boolean(),
    untilUnixMs: fc.option(fc.integer({ min: NOW + 1, max: NOW + 3 }), { nil: undefined }),
    drainDeadlineUnixMs: fc.option(fc.integer({ min: NOW + 1, max: NOW + 3 }), { nil: undefined }),
  })
  .map(({ untilUnixMs, drainDeadlineUnixMs, ...fields }) =>
    order({
      ...fields,
      ...(fields.field !== 'maintenance' || untilUnixMs === undefined ? {} : { untilUnixMs }),
      ...(fields.field !== 'maintenance' || drainDeadlineUnixMs === undefined ? {} : { drainDeadlineUnixMs }),
    }),
  )
