import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeFrames, encodeFrame, type Frame } from '../../../src/node/control/run-frames.ts'

const frame = fc.record({
  kind: fc.constantFrom('event' as const, 'stdout' as const, 'stderr' as const, 'error' as const),
  payload: fc.uint8Array({ maxLength: 40 }),
})

test('frames survive however the connection cuts them; a cut last frame is no frame', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(frame),
      fc.infiniteStream(fc.integer({ min: 1, max: 60 })),
      fc.nat(4),
      async (frames, cuts, lost) => {
        const bytes = Buffer.concat(frames.map(({ kind, payload }) => encodeFrame(kind, payload)))
        const kept = bytes.subarray(0, bytes.length - lost)
        const seen: Frame[] = []
        for await (const { kind, payload } of decodeFrames(cut(kept, cuts)))
          seen.push({ kind, payload: Uint8Array.from(payload) })
        expect(seen).toEqual(lost === 0 || frames.length === 0 ? frames : frames.slice(0, -1))
      },
    ),
  )
})

async function* cut(bytes: Uint8Array, sizes: Iterator<number>): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; ) {
    const size = Number(sizes.next().value)
    yield bytes.subarray(start, start + size)
    start += size
  }
}
