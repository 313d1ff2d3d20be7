/** Output logs on the disk in memory: what is read is what was appended, whatever happens in between. */
import { expect, test } from 'vitest'
import { CodedError, LIMITS, present, Random } from '../../src/base/index.ts'
import { MemoryDisk, openMemoryStores } from '../../src/store/index.ts'
import type { OutputBounds } from '../../src/store/output-log.ts'
import { SegmentedLogs } from '../../src/store/output-logs.ts'
import type { OutputLog, OutputPiece } from '../../src/task/index.ts'

const SMALL: OutputBounds = { logBytesMax: 2000, logsBytesMax: 5000, segmentBytes: 200 }
/** Of a frame. */
const HEADER_BYTES = 8

const openOn = (disk: MemoryDisk, bounds: Partial<OutputBounds> = SMALL): Promise<SegmentedLogs> =>
  SegmentedLogs.open({ files: disk.outputs.worker.open(), bounds })

const text = (pieces: readonly OutputPiece[]): string =>
  Buffer.concat(pieces.map(({ chunk }) => chunk)).toString()

const bytes = (length: number, fill = 'x'): Buffer => Buffer.alloc(length, fill)

async function allOf(log: OutputLog): Promise<string> {
  return text(await log.read(0, Number.MAX_SAFE_INTEGER))
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'done'
  } catch (thrown) {
    if (thrown instanceof CodedError) return thrown.code
    throw thrown
  }
}

test('both streams come back in the order of their arrival, from any byte on', async () => {
  const log = await (await openOn(new MemoryDisk())).open('a')
  await log.append('stdout', Buffer.from('one '))
  await log.append('stderr', Buffer.from('two '))
  await log.append('stdout', Buffer.from('three'))
  expect([log.begin, log.end]).toEqual([0, 13])
  const pieces = await log.read(2, 100)
  expect(pieces.map(({ stream, offset, chunk }) => [stream, offset, Buffer.from(chunk).toString()])).toEqual([
    ['stdout', 2, 'e '],
    ['stderr', 4, 'two '],
    ['stdout', 8, 'three'],
  ])
  expect(await log.read(13, 100)).toEqual([])
})

test('a read of so many bytes is about as long, and the next one goes on where it ended', async () => {
  const log = await (await openOn(new MemoryDisk(), { logBytesMax: 1e6 })).open('a')
  for (let at = 0; at < 300; at += 1) await log.append('stdout', Buffer.from(`${at},`))
  let read = ''
  for (let next = 0; next < log.end; ) {
    const pieces = await log.read(next, 50)
    expect(pieces[0]?.offset).toBe(next)
    const got = text(pieces)
    expect(got.length).toBeGreaterThanOrEqual(Math.min(50, log.end - next))
    expect(got.length).toBeLessThan(60)
    read += got
    next += got.length
  }
  expect(read).toBe(Array.from({ length: 300 }, (_, at) => `${at},`).join(''))
})

test('appends of one turn share one write, and one frame where the stream is the same', async () => {
  const disk = new MemoryDisk()
  const writes: number[] = []
  disk.outputs.worker.beforeWrite = async (length) => void writes.push(length)
  const log = await (await openOn(disk)).open('a')
  const chunks = Array.from({ length: 50 }, () => bytes(1))
  await Promise.all(chunks.map((chunk) => log.append('stdout', chunk)))
  expect(writes).toEqual([50 + HEADER_BYTES])
})

test('appends that come while a write is under way share the next one', async () => {
  const disk = new MemoryDisk()
  const writes: number[] = []
  const gate = Promise.withResolvers<void>()
  disk.outputs.worker.beforeWrite = async (length) => {
    writes.push(length - HEADER_BYTES)
    await gate.promise
  }
  const log = await (await openOn(disk)).open('a')
  const first = log.append('stdout', bytes(10))
  while (writes.length === 0) await Promise.resolve()
  const others = [1, 2, 3].map((length) => log.append('stdout', bytes(length)))
  expect(log.end).toBe(0)
  gate.resolve()
  await Promise.all([first, ...others])
  expect(writes).toEqual([10, 6])
  expect(log.end).toBe(16)
})

test('a chunk longer than a frame, and more than one write takes, comes back whole', async () => {
  const log = await (await openOn(new MemoryDisk(), {})).open('a')
  const long = Buffer.from(
    Uint8Array.from({ length: 3 * LIMITS.outputFrameBytesMax + 5 }, (_, at) => at % 251),
  )
  await Promise.all(Array.from({ length: 7 }, () => log.append('stderr', long)))
  const pieces = await log.read(0, Number.MAX_SAFE_INTEGER)
  expect(Buffer.concat(pieces.map(({ chunk }) => chunk)).equals(Buffer.concat(Array(7).fill(long)))).toBe(
    true,
  )
})

test('a log at its bound lets its oldest segment go, and says so by where it begins', async () => {
  const disk = new MemoryDisk()
  const log = await (await openOn(disk)).open('a')
  for (let at = 0; at < 500; at += 1) await log.append('stdout', bytes(10))
  expect(log.end).toBe(5000)
  expect(log.begin).toBeGreaterThan(3500)
  const pieces = await log.read(0, Number.MAX_SAFE_INTEGER)
  expect(pieces[0]?.offset).toBe(log.begin)
  const onDisk = [...disk.outputs.worker.files.values()].reduce((sum, file) => sum + file.length, 0)
  expect(onDisk).toBeLessThanOrEqual(SMALL.logBytesMax)
  expect(onDisk).toBeGreaterThan(SMALL.logBytesMax - SMALL.segmentBytes - 2 * HEADER_BYTES - 10)
})

test('trimming frees whole segments before the offset, and never the newest', async () => {
  const disk = new MemoryDisk()
  const log = await (await openOn(disk)).open('a')
  for (let at = 0; at < 100; at += 1) await log.append('stdout', bytes(10))
  const { begin } = log
  await log.trim(begin + 1)
  expect(log.begin).toBe(begin)
  await log.trim(500)
  expect(log.begin).toBeGreaterThan(400)
  expect(log.begin).toBeLessThanOrEqual(500)
  await log.trim(log.end)
  expect(disk.outputs.worker.files.size).toBe(1)
  expect((await (await openOn(disk)).open('a')).end).toBe(1000)
})

test('all logs at their bound: what was written to longest ago goes first, and what was is not forgotten', async () => {
  const disk = new MemoryDisk()
  const logs = await openOn(disk)
  for (const key of ['a', 'b', 'c', 'd'])
    for (let at = 0; at < 75; at += 1) await (await logs.open(key)).append('stdout', bytes(10))
  await logs.close()
  const kept = await Promise.all(
    ['a', 'b', 'c', 'd'].map(async (key) => {
      const { begin, end } = await logs.open(key)
      return [end, end - begin]
    }),
  )
  expect(kept).toEqual([
    [750, 510],
    [750, 750],
    [750, 750],
    [750, 750],
  ])
  await (await logs.open('e')).append('stdout', bytes(1100))
  await logs.close()
  const again = await openOn(disk)
  const first = await again.open('a')
  expect([first.begin, first.end, await allOf(first)]).toEqual([750, 750, ''])
  expect((await again.open('b')).begin).toBeGreaterThan(0)
  expect((await again.open('d')).begin).toBe(0)
})

test('a log without output has no file; a removed one has none any more, and can be begun again', async () => {
  const disk = new MemoryDisk()
  const logs = await openOn(disk)
  const log = await logs.open('Task/7 ünd so')
  expect([await logs.keys(), disk.outputs.worker.files.size]).toEqual([[], 0])
  await log.append('stdout', bytes(3))
  expect(await logs.open('Task/7 ünd so')).toBe(log)
  expect(await (await openOn(disk)).keys()).toEqual(['Task/7 ünd so'])
  const [name] = [...disk.outputs.worker.files.keys()]
  expect(name).toMatch(/^[a-z0-9_%-]+\.\d{16}\.out$/)
  const removing = logs.remove('Task/7 ünd so')
  const anew = await logs.open('Task/7 ünd so')
  await removing
  expect([anew.end, disk.outputs.worker.files.size]).toEqual([0, 0])
  expect(await codeOf(log.append('stdout', bytes(1)))).toBe('operation.cancelled')
  await anew.append('stdout', bytes(1))
  expect(await (await openOn(disk)).keys()).toEqual(['Task/7 ünd so'])
  await logs.remove('never there')
})

test('a full disk costs the appends that find it full; there is room again: the log goes on, without a gap', async () => {
  const disk = new MemoryDisk()
  const log = await (await openOn(disk)).open('a')
  await log.append('stdout', Buffer.from('before '))
  disk.setWrites('full')
  expect(await Promise.all([1, 2].map(() => codeOf(log.append('stdout', bytes(5)))))).toEqual([
    'store.write_failed',
    'store.write_failed',
  ])
  expect(await allOf(log)).toBe('before ')
  disk.setWrites('sound')
  await log.append('stdout', Buffer.from('after'))
  expect(await allOf(log)).toBe('before after')
  expect(await allOf(await (await openOn(disk)).open('a'))).toBe('before after')
})

test('a write that fails half done leaves nothing behind, also after a crash', async () => {
  const disk = new MemoryDisk()
  const folder = disk.outputs.worker
  const log = await (await openOn(disk)).open('a')
  await log.append('stdout', Buffer.from('one '))
  folder.beforeWrite = async () => {
    const [[name, content] = ['', Buffer.alloc(0)]] = folder.files
    folder.files.set(name, Buffer.concat([content, content, content]))
    throw new CodedError('store.write_failed', { path: name, reason: 'EIO' })
  }
  expect(await codeOf(log.append('stdout', bytes(5)))).toBe('store.write_failed')
  folder.beforeWrite = undefined
  // As long as the first of what was left behind: without a cut, the second would be taken for its continuation.
  await log.append('stdout', Buffer.from('two '))
  expect(await allOf(log)).toBe('one two ')
  expect(await allOf(await (await openOn(disk)).open('a'))).toBe('one two ')
})

test('what waits behind a write that fails is refused with it: no output comes before what was printed before it', async () => {
  const disk = new MemoryDisk()
  const folder = disk.outputs.worker
  const log = await (await openOn(disk)).open('a')
  const reached = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  folder.beforeWrite = () => {
    reached.resolve()
    return gate.promise
  }
  const first = codeOf(log.append('stdout', Buffer.from('first ')))
  await reached.promise
  const second = codeOf(log.append('stdout', Buffer.from('second ')))
  folder.beforeWrite = undefined
  gate.reject(new CodedError('store.write_failed', { path: 'disk', reason: 'EIO' }))
  expect([await first, await second]).toEqual(['store.write_failed', 'store.write_failed'])
  await log.append('stdout', Buffer.from('third'))
  expect(await allOf(log)).toBe('third')
})

test('a flipped bit is never handed out: it costs the rest of its segment, and the reader sees the gap', async () => {
  const disk = new MemoryDisk()
  const folder = disk.outputs.worker
  const whole = 'a'.repeat(600)
  const log = await (await openOn(disk)).open('a')
  for (let at = 0; at < 60; at += 1) await log.append('stdout', bytes(10, 'a'))
  const [name, sound] = present([...folder.files].at(1), 'second segment')
  for (let bit = 0; bit < sound.length * 8; bit += 7) {
    const damaged = Buffer.from(sound)
    damaged[bit >> 3] = present(damaged[bit >> 3], 'byte') ^ (1 << (bit & 7))
    folder.files.set(name, damaged)
    const pieces = await (await (await openOn(disk)).open('a')).read(0, Number.MAX_SAFE_INTEGER)
    for (const { offset, chunk } of pieces)
      expect(Buffer.from(chunk).toString()).toBe(whole.slice(offset, offset + chunk.length))
    expect(text(pieces).length).toBeLessThan(600)
    expect(text(pieces).length).toBeGreaterThanOrEqual(600 - 120)
  }
})

test('in the newest segment it cannot be told from a torn end before the start; later it is an error', async () => {
  const disk = new MemoryDisk()
  const folder = disk.outputs.worker
  const log = await (await openOn(disk)).open('a')
  for (const word of ['one', 'two']) await log.append('stdout', Buffer.from(word))
  const [[name, content] = ['', Buffer.alloc(0)]] = folder.files
  const damaged = Buffer.from(content)
  damaged[content.length - 1] = 0
  folder.files.set(name, damaged)
  expect(await codeOf(log.read(3, 10))).toBe('store.corrupt')
  expect(await allOf(await (await openOn(disk)).open('a'))).toBe('one')
})

test('stores of a node keep output of both ends apart, and over a crash', async () => {
  const disk = new MemoryDisk()
  const { outputs } = await openMemoryStores(disk)
  await (await outputs.submitter.open('a')).append('stdout', bytes(2, 's'))
  await (await outputs.worker.open('a')).append('stdout', bytes(3, 'w'))
  disk.crash()
  const again = await openMemoryStores(disk)
  expect(await allOf(await again.outputs.submitter.open('a'))).toBe('ss')
  expect(await allOf(await again.outputs.worker.open('a'))).toBe('www')
  await again.close()
})

/** What a log should hold: every byte ever appended, with its stream. */
class Model {
  streams: OutputPiece['stream'][] = []
  content = Buffer.alloc(0)

  append(stream: OutputPiece['stream'], chunk: Buffer): void {
    this.content = Buffer.concat([this.content, chunk])
    for (let at = 0; at < chunk.length; at += 1) this.streams.push(stream)
  }

  cut(end: number): void {
    this.content = this.content.subarray(0, end)
    this.streams.length = end
  }

  expectPieces(pieces: readonly OutputPiece[], from: number): void {
    let at = from
    for (const { stream, offset, chunk } of pieces) {
      expect(offset).toBe(at)
      expect(Buffer.from(chunk).equals(this.content.subarray(at, at + chunk.length))).toBe(true)
      expect(new Set(this.streams.slice(at, at + chunk.length))).toEqual(new Set([stream]))
      at += chunk.length
    }
  }
}

test.each(Array.from({ length: 40 }, (_, at) => at + 1))(
  'seed %i: appends, reads, trims, full disks and crashes that cut at any byte',
  async (seed) => {
    const random = new Random(seed)
    const disk = new MemoryDisk()
    const folder = disk.outputs.worker
    const model = new Model()
    let log = await (await openOn(disk)).open('a')
    const appendSome = (): Promise<string>[] =>
      Array.from({ length: random.integer(1, 4) }, () => {
        const stream = random.float() < 0.5 ? 'stdout' : 'stderr'
        const chunk = bytes(random.integer(0, 90)).map(() => random.integer(0, 255)) as Buffer
        model.append(stream, Buffer.from(chunk))
        return codeOf(log.append(stream, chunk))
      })
    for (let step = 0; step < 150; step += 1) {
      const { begin, end } = log
      switch (random.integer(0, 6)) {
        case 0:
        case 1: {
          expect(new Set(await Promise.all(appendSome()))).toEqual(new Set(['done']))
          expect(log.end).toBe(model.content.length)
          break
        }
        case 2: {
          const from = random.integer(0, end)
          const pieces = await log.read(from, random.integer(1, 400))
          model.expectPieces(pieces, Math.max(from, begin))
          expect(pieces.length > 0).toBe(Math.max(from, begin) < end)
          break
        }
        case 3: {
          const before = random.integer(begin, end)
          await log.trim(before)
          expect(log.begin).toBeLessThanOrEqual(before)
          expect(log.begin).toBeGreaterThanOrEqual(begin)
          break
        }
        case 4: {
          disk.setWrites('full')
          await Promise.all(appendSome())
          model.cut(log.end)
          expect(log.end).toBe(end)
          disk.setWrites('sound')
          break
        }
        case 5: {
          log = await (await openOn(disk)).open('a')
          expect([log.begin, log.end]).toEqual([begin, end])
          break
        }
        case 6: {
          const reached = Promise.withResolvers<void>()
          folder.beforeWrite = () => {
            reached.resolve()
            return new Promise(() => undefined)
          }
          const appends = appendSome()
          if (model.content.length > end) await reached.promise
          else await Promise.all(appends)
          disk.crash({ outputBytes: random.integer(0, 400) })
          folder.beforeWrite = undefined
          log = await (await openOn(disk)).open('a')
          expect(log.end).toBeGreaterThanOrEqual(end)
          expect(log.end).toBeLessThanOrEqual(model.content.length)
          expect(log.begin).toBeGreaterThanOrEqual(begin)
          model.cut(log.end)
          break
        }
      }
    }
    model.expectPieces(await log.read(0, Number.MAX_SAFE_INTEGER), log.begin)
  },
)
