/** What the disk in memory can be told to do, and what the stores make of it. */
import { describe, expect, test } from 'vitest'
import { CodedError, logIndex, Random, term } from '../../src/base/index.ts'
import { MemoryDisk, type NodeStores, openMemoryStores } from '../../src/store/index.ts'
import { bytes, contents, entry, hardState, NO_BASE, step } from './samples.ts'

const EXISTING = { create: false }

async function reading(disk: MemoryDisk): Promise<string | CodedError> {
  try {
    const stores = await openMemoryStores(disk, EXISTING)
    const held = JSON.stringify(await contents(stores))
    await stores.close()
    return held
  } catch (thrown) {
    if (thrown instanceof CodedError) return thrown
    throw thrown
  }
}

/** A disk with some life behind it and nothing under way. */
async function lived(steps = 12): Promise<{ disk: MemoryDisk; stores: NodeStores; held: string }> {
  const disk = new MemoryDisk()
  const stores = await openMemoryStores(disk)
  for (let index = 1; index <= steps; index += 1) await step(stores, index)
  return { disk, stores, held: JSON.stringify(await contents(stores)) }
}

const snapshot = {
  hardState: hardState(3, 9),
  base: { index: logIndex(9), term: term(2), configuration: bytes('voters') },
  records: new Map([
    ['lease/1', bytes('new')],
    ['lease/99', bytes('new')],
  ]),
}

/** Writes that change every section that they can, each in one batch. */
const WRITES: readonly (readonly [string, (stores: NodeStores) => Promise<void>])[] = [
  [
    'an append that replaces a suffix',
    (stores) => stores.log.append({ hardState: hardState(2, 8), entries: [entry(10, 2), entry(11, 2)] }),
  ],
  ['a snapshot', (stores) => stores.installSnapshot(snapshot)],
  [
    'a compaction with the commit that covers it',
    async (stores) => {
      await stores.state.commit(logIndex(12), [{ key: 'lease/3', value: bytes('12') }])
      await stores.log.compact({ index: logIndex(10), term: term(1), configuration: bytes('voters') })
      await stores.log.append({ hardState: undefined, entries: [entry(13, 1)] })
    },
  ],
]

describe('a crash in the middle of', () => {
  test.each(WRITES)(
    '%s, after each of its operations: nothing of it, all of it, or refused',
    async (_, write) => {
      const done = await lived()
      await write(done.stores)
      const after = JSON.stringify(await contents(done.stores))
      let kept = 0
      let operations = Number.POSITIVE_INFINITY
      let refused = 0
      for (; kept <= operations; kept += 1) {
        const { disk, stores, held } = await lived()
        disk.setWrites('stalled')
        const result = write(stores).then(
          () => 'acknowledged',
          () => 'refused',
        )
        await settled()
        operations = disk.inFlightOperations
        disk.crash({ inFlight: { torn: kept } })
        disk.setWrites('sound')
        expect(await result).toBe('refused')
        const found = await reading(disk)
        if (kept === 0) expect(found).toBe(held)
        else if (kept === operations) expect(found).toBe(after)
        else if (found instanceof CodedError) {
          expect(found.code).toBe('store.corrupt')
          refused += 1
        } else expect(found).toBe(held)
      }
      expect(operations).toBeGreaterThan(3)
      expect(refused).toBe(operations - 1)
    },
  )
})

/** Everything that only takes microtasks is over. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve()
}

describe('the disk', () => {
  test('stalled: a write waits and is acknowledged when the disk goes on', async () => {
    const { disk, stores } = await lived()
    disk.setWrites('stalled')
    let done = false
    const write = stores.meta.put('incarnation', bytes('x')).then(() => {
      done = true
    })
    await settled()
    expect(done).toBe(false)
    disk.setWrites('sound')
    await write
    expect(done).toBe(true)
  })

  test.each([
    ['failing', 'EIO'],
    ['full', 'ENOSPC'],
  ] as const)(
    '%s: the write says %s, every later one is refused, nothing of them is acknowledged',
    async (state, code) => {
      const { disk, stores, held } = await lived()
      disk.setWrites(state)
      const refused = { code: 'store.write_failed', message: expect.stringContaining(code) }
      await expect(stores.log.append({ hardState: hardState(5, 0), entries: [] })).rejects.toMatchObject(
        refused,
      )
      disk.setWrites('sound')
      await expect(stores.log.append({ hardState: hardState(5, 0), entries: [] })).rejects.toMatchObject(
        refused,
      )
      await expect(stores.installSnapshot(snapshot)).rejects.toMatchObject(refused)
      disk.crash()
      const found = JSON.parse(String(await reading(disk)))
      expect(found.hardState).toEqual(JSON.parse(held).hardState)
    },
  )

  test('failing: what the failed write had left behind can turn up after the crash', async () => {
    const { disk, stores } = await lived()
    disk.setWrites('failing')
    await expect(stores.log.append({ hardState: hardState(5, 0), entries: [] })).rejects.toThrow()
    disk.crash({ inFlight: 'kept' })
    disk.setWrites('sound')
    expect(await reading(disk)).toContain('"term":5')
  })

  test('unreadable: the store is refused with the reason, and opens when the disk can be read again', async () => {
    const { disk, held, stores } = await lived()
    await stores.close()
    disk.isReadable = false
    expect(await reading(disk)).toMatchObject({
      code: 'store.corrupt',
      message: expect.stringMatching(/EIO/),
    })
    disk.isReadable = true
    expect(await reading(disk)).toBe(held)
  })

  test('a bit that flips silently, 300 times anywhere: refused', async () => {
    const random = new Random(6)
    const { disk, stores } = await lived()
    await stores.close()
    for (let round = 0; round < 300; round += 1) {
      const at = random.integer(0, disk.bits - 1)
      disk.flipBit(at)
      expect(await reading(disk)).toMatchObject({ code: 'store.corrupt' })
      disk.flipBit(at)
    }
  })

  test('that forgets acknowledged batches, 1 to 20: the mark says how many', async () => {
    for (let count = 1; count <= 20; count += 1) {
      const { disk, stores } = await lived()
      await stores.close()
      disk.loseBatches(count)
      expect(await reading(disk)).toMatchObject({ code: 'store.lost_batches', details: { count } })
    }
  })

  test('that forgets a compaction, the removed entries included: the mark says so, and without it all is as before', async () => {
    const { disk, stores, held } = await lived()
    const mark = disk.mark
    await stores.log.compact({ ...NO_BASE, index: logIndex(10), term: term(1) })
    await stores.log.append({ hardState: undefined, entries: [entry(13, 1)] })
    expect(disk.records.size).toBeGreaterThan(0)
    await stores.close()
    disk.loseBatches(1)
    expect(await reading(disk)).toMatchObject({ code: 'store.lost_batches' })
    disk.mark = mark
    expect(await reading(disk)).toBe(held)
  })

  test('a mark that is one batch behind after a crash is what crashes leave, and the next life brings it up', async () => {
    const { disk, held } = await lived()
    const acknowledged = disk.mark
    disk.crash({ mark: 'behind' })
    expect(disk.mark).toBeLessThan(acknowledged ?? 0)
    expect(await reading(disk)).toBe(held)
    expect(disk.mark).toBe(acknowledged)
  })

  test('a mark that is missing is damage', async () => {
    const { disk, stores } = await lived()
    await stores.close()
    disk.mark = undefined
    expect(await reading(disk)).toMatchObject({ details: { what: 'the high-water mark, which is missing' } })
  })
})
