import { describe, expect, it } from 'vitest'
import { CodedError, encode } from '../../src/base/index.ts'
import { decodeTaskMessage, encodeTaskMessage, offerFromEnvelope } from '../../src/task/index.ts'
import { envelope, HOME, L1 } from './support.ts'

describe('task messages', () => {
  it('come back as they were', () => {
    expect(decodeTaskMessage(encodeTaskMessage(envelope(L1)))).toEqual(envelope(L1))
  })

  it('of an unknown type, malformed, or with a payload that holds no command are refused by code', () => {
    const codeOf = (work: () => unknown): string => {
      try {
        work()
      } catch (thrown) {
        return thrown instanceof CodedError ? thrown.code : String(thrown)
      }
      return 'accepted'
    }
    expect(codeOf(() => decodeTaskMessage(encode({ type: 'remote_task_dance' })))).toBe('wire.unknown_type')
    expect(codeOf(() => decodeTaskMessage(encode({ type: 'remote_task_cancel' })))).toBe('wire.malformed')
    expect(codeOf(() => decodeTaskMessage(new Uint8Array([0xff, 0x00])))).toBe('wire.malformed')
    for (const payload of ['', '{', '{}', '{"task_description":"x","command":{"argv":[],"env":{}}}']) {
      expect(codeOf(() => offerFromEnvelope({ ...envelope(L1), payload }, HOME))).toBe('wire.malformed')
    }
  })
})
