import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { decode, encode, LIMITS } from '../../src/base/index.ts'
import type { NodeRecord } from '../../src/membership/index.ts'
import { nodeRecordSchema } from '../../src/membership/node-record.ts'
import { applyChange, recordChange } from '../../src/membership/record-change.ts'
import { codeOf } from './error-code.ts'
import { anyRecord } from './random-record.ts'
import { record } from './support.ts'

const OLD = record('attic', {
  capabilities: { gpu_cuda: true, hostname: 'attic' },
  host_triple: 'x86_64-unknown-linux-gnu',
  addresses: ['/ip4/192.0.2.1/tcp/9846'],
  running_tasks: 1,
  memory_free_bytes: null,
})

/** Two records of which the second has much in common with the first, as versions of one record have. */
const versions = fc
  .tuple(anyRecord, anyRecord, fc.infiniteStream(fc.integer({ min: 0, max: 9 })))
  .map(([old, other, dice]): [NodeRecord, NodeRecord] => {
    const roll = (): number => Number(dice.next().value)
    const kept = Object.entries(old).filter(([name]) => name in REQUIRED || roll() > 0)
    const changed = Object.entries(other).filter(() => roll() < 3)
    return [old, { ...Object.fromEntries(kept), ...Object.fromEntries(changed) } as NodeRecord]
  })
const REQUIRED = { id: 1, capabilities: 1, version: 1, last_seen_unix_ms: 1 }

/** As gossip carries it. */
const changeSchema = z.object({ set: z.record(z.string(), z.unknown()), unset: z.array(z.string()) })

describe('a change', () => {
  test('names what is new, different or gone, and nothing else', () => {
    const { host_triple: _, ...rest } = OLD
    const next = { ...rest, running_tasks: 2, pool_id: 'p' }
    expect(recordChange(OLD, next)).toEqual({
      set: { running_tasks: 2, pool_id: 'p' },
      unset: ['host_triple'],
    })
  })

  test('of nothing is empty', () => {
    expect(recordChange(OLD, { ...OLD, capabilities: { ...OLD.capabilities } })).toEqual({
      set: {},
      unset: [],
    })
  })

  test('the order of fields, in the record and in capabilities, is no change', () => {
    const reordered = {
      ...Object.fromEntries(Object.entries(OLD).toReversed()),
      capabilities: { hostname: 'attic', gpu_cuda: true },
    } as NodeRecord
    expect(recordChange(OLD, reordered)).toEqual({ set: {}, unset: [] })
  })

  test('tells null from absent, and a field that is undefined is absent', () => {
    const { memory_free_bytes: _, ...absent } = OLD
    const change = { set: {}, unset: ['memory_free_bytes'] }
    expect(recordChange(OLD, absent)).toEqual(change)
    expect(recordChange(OLD, { ...OLD, memory_free_bytes: undefined })).toEqual(change)
    expect(recordChange(absent, OLD)).toEqual({ set: { memory_free_bytes: null }, unset: [] })
  })

  test('of one capability carries all of them: the old ones are no part of the result', () => {
    const next = { ...OLD, capabilities: { gpu_cuda: false } }
    expect(recordChange(OLD, next)).toEqual({ set: { capabilities: { gpu_cuda: false } }, unset: [] })
  })

  test('is not made where the whole record is no larger', () => {
    const other = { ...record('attic', { version: '0.2.0' }), capabilities: { hostname: 'x' } }
    expect(recordChange({ ...OLD, last_seen_unix_ms: 1 }, other)).toBeUndefined()
  })

  test('is not made where it would not fit: fields that are too many or have too long a name', () => {
    const padding = { loaded_llm_models: ['m'.repeat(4000)] }
    const crowded = { ...OLD, ...padding }
    for (let field = 0; field <= LIMITS.recordFieldsMax; field += 1)
      Object.assign(crowded, { [`x_${field}`]: 1 })
    expect(recordChange(crowded, { ...OLD, ...padding })).toBeUndefined()
    const long = { ...OLD, ...padding, ['x'.repeat(LIMITS.idBytesMax + 1)]: 1 }
    expect(recordChange(long, { ...OLD, ...padding })).toBeUndefined()
  })
})

describe('any two versions of a record', () => {
  test('the change, sent and applied, gives the next one byte for byte, and is smaller', () => {
    fc.assert(
      fc.property(versions, ([old, next]) => {
        const change = recordChange(old, next)
        fc.pre(change !== undefined)
        expect(encode(change).length).toBeLessThan(encode(next).length)
        const known = decode(nodeRecordSchema, encode(old), 'record')
        const received = decode(changeSchema, encode(change), 'record change')
        expect(encode(applyChange(known, received))).toEqual(encode(next))
      }),
      { numRuns: 300 },
    )
  })
})

describe('a change is refused as wire.malformed', () => {
  test.each<[string, Parameters<typeof applyChange>[1]]>([
    ['it takes a required field away', { set: {}, unset: ['capabilities'] }],
    ['it sets a field to a wrong type', { set: { running_tasks: 'two' }, unset: [] }],
    ['an unknown field holds what is not plain data', { set: { x: new Uint8Array(1) }, unset: [] }],
    ['a field is both set and gone', { set: { pool_id: 'p' }, unset: ['pool_id'] }],
  ])('when %s', (_, change) => {
    expect(codeOf(() => applyChange(OLD, change))).toBe('wire.malformed')
  })

  test('but not for a field that is gone already', () => {
    expect(applyChange(OLD, { set: {}, unset: ['never_was'] })).toEqual(OLD)
  })
})
