/** A store of format 1: what a node wrote before there was a high-water mark. */
import { describe, expect, test } from 'vitest'
import { encode } from '../../src/base/index.ts'
import { MemoryDisk, openMemoryStores } from '../../src/store/index.ts'
import { seal } from '../../src/store/record.ts'
import { mixBits } from '../../src/store/section-reader.ts'
import { bytes, entry, hardState, NO_BASE } from './samples.ts'

const EXISTING = { create: false }
const BATCHES = 17

/** Two entries, a hard state and one record of the state machine, as format 1 wrote them. */
function firstFormat(): MemoryDisk {
  const disk = new MemoryDisk()
  const put = (key: Buffer, payload: Uint8Array): number => {
    const { check, value } = seal(key, payload)
    disk.records.set(key.toString('latin1'), new Uint8Array(value))
    return check
  }
  const indexed = (index: number) => Buffer.of(0x11, 0, 0, 0, 0, 0, 0, 0, index)
  let previous = 0
  for (const { index, ...rest } of [entry(1, 1), entry(2, 1)])
    previous = put(indexed(index), encode({ previous, ...rest }))
  const sole = (check: number) => ({ count: 1, digest: mixBits(check) })
  const none = { count: 0, digest: 0 }
  const sections = {
    hardState: sole(put(Buffer.of(0x10), encode(hardState(1, 2, 'peer-a')))),
    entries: { count: 2, digest: previous },
    applied: sole(put(Buffer.of(0x20), encode(2))),
    state: sole(put(Buffer.from('\x21lease/a'), bytes('held'))),
    submitterJournal: none,
    workerJournal: none,
    meta: none,
  }
  put(Buffer.of(0x02), encode({ batch: BATCHES, sections }))
  put(Buffer.of(0x01), encode({ format: 1 }))
  return disk
}

const expected = { hardState: hardState(1, 2, 'peer-a'), base: NO_BASE, entries: [entry(1, 1), entry(2, 1)] }

describe('a store of format 1', () => {
  test('opens with everything, gets its mark, and goes on', async () => {
    const disk = firstFormat()
    const stores = await openMemoryStores(disk, EXISTING)
    expect(await stores.log.load()).toEqual(expected)
    expect(await stores.state.load()).toEqual({
      appliedIndex: 2,
      records: new Map([['lease/a', bytes('held')]]),
    })
    await stores.log.append({ hardState: undefined, entries: [entry(3, 1)] })
    await stores.close()
    expect(disk.mark).toBe(BATCHES + 2)
    const again = await openMemoryStores(disk, EXISTING)
    expect((await again.log.load()).entries).toEqual([...expected.entries, entry(3, 1)])
  })

  test('is migrated once: without its mark it is damaged from then on', async () => {
    const disk = firstFormat()
    await (await openMemoryStores(disk, EXISTING)).close()
    disk.mark = undefined
    await expect(openMemoryStores(disk, EXISTING)).rejects.toMatchObject({ code: 'store.corrupt' })
  })

  test('a crash between mark and format: the next opening goes on', async () => {
    const disk = firstFormat()
    disk.beforeWrite = () => {
      disk.crash()
      return Promise.resolve()
    }
    await expect(openMemoryStores(disk, EXISTING)).rejects.toMatchObject({ code: 'store.write_failed' })
    expect(disk.mark).toBe(BATCHES)
    disk.beforeWrite = undefined
    const stores = await openMemoryStores(disk, EXISTING)
    expect(await stores.log.load()).toEqual(expected)
  })

  test('that is damaged is not migrated', async () => {
    const disk = firstFormat()
    disk.records.delete('\x21lease/a')
    await expect(openMemoryStores(disk, EXISTING)).rejects.toMatchObject({ code: 'store.corrupt' })
    expect(disk.mark).toBeUndefined()
  })
})
