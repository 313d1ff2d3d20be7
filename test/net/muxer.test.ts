import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LIMITS } from '../../src/base/index.ts'
import { WindowUpdates } from '../../src/net/muxer.ts'

const MAX = LIMITS.windowUpdateHeldBytesMax

function frame(type: number, flags: number, stream: number, length: number): Uint8Array {
  const bytes = new Uint8Array(12)
  const view = new DataView(bytes.buffer)
  view.setUint8(1, type)
  view.setUint16(2, flags)
  view.setUint32(4, stream)
  view.setUint32(8, length)
  return bytes
}

const update = (stream: number, delta: number): Uint8Array => frame(1, 0, stream, delta)
const deltaOf = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(8)
const streamOf = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(4)

describe('window updates', () => {
  test('small ones are held back until they are worth a message, which tells of all of them', () => {
    const updates = new WindowUpdates()
    expect(updates.hold(update(1, MAX - 1))).toBeUndefined()
    expect(updates.hold(update(3, 1))).toBeUndefined()
    expect(updates.hold(update(1, 5))).toEqual(update(1, MAX + 4))
    expect(updates.hold(update(1, 5))).toBeUndefined()
  })

  test.each([
    ['data', new Uint8Array(300)],
    ['an empty data frame', frame(0, 0, 1, 0)],
    ['an update that opens a stream', frame(1, 1, 1, 10)],
    ['an update that ends a stream', frame(1, 4, 1, 10)],
    ['a ping', frame(2, 1, 0, 7)],
    ['a farewell', frame(3, 0, 0, 0)],
  ])('%s goes out as it is', (_, bytes) => {
    expect(new WindowUpdates().hold(bytes)).toBe(bytes)
  })

  test('no window is lost, a sender never runs dry, and what is held is bounded', () => {
    const input = fc.array(
      fc.tuple(fc.nat(LIMITS.connectionStreamsMax * 2), fc.integer({ min: 1, max: MAX })),
    )
    fc.assert(
      fc.property(input, (list) => {
        const updates = new WindowUpdates()
        const owed = new Map<number, number>()
        for (const [stream, delta] of list) {
          owed.set(stream, (owed.get(stream) ?? 0) + delta)
          const sent = updates.hold(update(stream, delta))
          if (sent !== undefined) owed.set(streamOf(sent), (owed.get(streamOf(sent)) ?? 0) - deltaOf(sent))
          expect(owed.get(stream)).toBeLessThan(MAX)
        }
        const held = [...owed.values()].filter((bytes) => bytes > 0)
        expect(held.length).toBeLessThanOrEqual(LIMITS.connectionStreamsMax)
        expect([...owed.values()].every((bytes) => bytes >= 0)).toBe(true)
      }),
    )
  })
})
