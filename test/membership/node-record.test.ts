import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { conform, decode, encode } from '../../src/base/index.ts'
import { nodeRecordSchema } from '../../src/membership/node-record.ts'
import { ADDITIVE_FIELDS, CAPABILITY_FIELDS, RECORD_FIELDS } from './contract-fields.ts'
import { codeOf } from './error-code.ts'
import { anyRecord } from './random-record.ts'

const MINIMAL = { id: 'attic', capabilities: {}, version: '0.1.0', last_seen_unix_ms: 0 }

/** A node of a version that had only the contract's fields: it knows no other, and keeps what it does not know. */
const olderSchema = z.looseObject(
  Object.fromEntries(
    Object.entries(nodeRecordSchema.shape).filter(([name]) => !ADDITIVE_FIELDS.includes(name)),
  ),
)

const asSent = (record: unknown): Uint8Array => encode(record)

describe('the contract', () => {
  test('the schema has every field of the contract and the additive ones, and no other', () => {
    const listed = [...RECORD_FIELDS.map(({ name }) => name), ...ADDITIVE_FIELDS]
    expect(Object.keys(nodeRecordSchema.shape).toSorted()).toEqual(listed.toSorted())
    expect(Object.keys(nodeRecordSchema.shape.capabilities.shape).toSorted()).toEqual(
      CAPABILITY_FIELDS.map(({ name }) => name).toSorted(),
    )
  })

  test('14 of them are not in the OpenAPI file, and only memory_free_bytes is always there', () => {
    expect(RECORD_FIELDS.filter(({ documented }) => !documented)).toHaveLength(14)
    expect(RECORD_FIELDS.filter(({ unset }) => unset === 'null').map(({ name }) => name)).toEqual([
      'memory_free_bytes',
    ])
  })

  test.each(RECORD_FIELDS.map((field) => [field.name, field] as const))(
    '%s has the type of the contract, and is null or absent where that is allowed',
    (name, { unset, example, wrong }) => {
      const full: Record<string, unknown> = { ...MINIMAL, [name]: example }
      expect(conform(nodeRecordSchema, full, 'record')).toEqual(full)
      expect(codeOf(() => conform(nodeRecordSchema, { ...MINIMAL, [name]: wrong }, 'record'))).toBe(
        'wire.malformed',
      )
      const { [name]: _, ...absent } = full
      const empty = { ...MINIMAL, [name]: null }
      if (unset === 'never')
        for (const record of [absent, empty])
          expect(codeOf(() => conform(nodeRecordSchema, record, 'record'))).toBe('wire.malformed')
      else
        for (const record of [absent, empty])
          expect(conform(nodeRecordSchema, record, 'record')).toEqual(record)
    },
  )

  test.each(CAPABILITY_FIELDS.map((field) => [field.name, field] as const))(
    'the capability %s has the type of the contract, and is null or absent',
    (name, { example, wrong }) => {
      const withHint = (value: unknown) => ({ ...MINIMAL, capabilities: { [name]: value } })
      for (const value of [example, null])
        expect(conform(nodeRecordSchema, withHint(value), 'record')).toEqual(withHint(value))
      expect(codeOf(() => conform(nodeRecordSchema, withHint(wrong), 'record'))).toBe('wire.malformed')
    },
  )

  test('the golden sample of the old server is a record', () => {
    const text =
      '{"id":"n1","capabilities":{"gpu_cuda":false,"gpu_metal":false,"gpu_vulkan":false,"gpu_webgpu":false,"npu":false,"visus_eligible":false,"multi_modal":false,"prefer_gpu_compute":false,"is_low_confidence_bypass_blocked":false,"force_socrates_research":false},"version":"x","last_seen_unix_ms":1770000000000,"memory_free_bytes":null}'
    expect(JSON.stringify(conform(nodeRecordSchema, JSON.parse(text), 'record'))).toBe(text)
  })
})

describe('versions among each other', () => {
  test('any record survives encoding and decoding byte for byte: its signature still fits', () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        expect(asSent(decode(nodeRecordSchema, asSent(record), 'record'))).toEqual(asSent(record))
      }),
    )
  })

  test('an older node passes on unchanged what it does not know, and a newer one reads it as it was', () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const passedOn = asSent(decode(olderSchema, asSent(record), 'record'))
        expect(passedOn).toEqual(asSent(record))
        expect(asSent(decode(nodeRecordSchema, passedOn, 'record'))).toEqual(asSent(record))
      }),
    )
  })

  test('a newer node reads what an older one wrote, without the additive fields', () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const older = Object.fromEntries(
          Object.entries(record).filter(([name]) => !ADDITIVE_FIELDS.includes(name)),
        )
        const read = decode(nodeRecordSchema, asSent(older), 'record')
        expect(asSent(read)).toEqual(asSent(older))
        for (const name of ADDITIVE_FIELDS) expect(name in read && name in older).toBe(false)
      }),
    )
  })
})
