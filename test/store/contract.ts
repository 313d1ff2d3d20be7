/** What every store must do, whatever is under it. Run on LevelDB and on the disk in memory. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { InvariantError, logIndex } from '../../src/base/index.ts'
import type { NodeStores } from '../../src/store/index.ts'
import { bytes, contents, entry, hardState, step } from './samples.ts'

/** A place for one store, which outlives the handles on it. */
export interface StorePlace {
  open(): Promise<NodeStores>
  /** Ends the life of the handle as a crash does: nothing is flushed, nothing is closed by it. */
  crash(stores: NodeStores): Promise<void>
  remove(): Promise<void>
}

export function storeContract(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(`${name} store`, () => {
    let place: StorePlace
    let stores: NodeStores

    beforeEach(async () => {
      place = await makePlace()
      stores = await place.open()
    })

    afterEach(async () => {
      await stores.close()
      await place.remove()
    })

    const reopen = async (): Promise<void> => {
      await stores.close()
      stores = await place.open()
    }

    const crash = async (): Promise<void> => {
      await place.crash(stores)
      stores = await place.open()
    }

    describe('log', () => {
      test('a store that was never written has no hard state and no entries', async () => {
        expect(await stores.log.load()).toMatchObject({ hardState: undefined, entries: [] })
        await reopen()
        expect(await stores.log.load()).toMatchObject({ hardState: undefined, entries: [] })
      })

      test('what was appended comes back, before and after a crash', async () => {
        const saved = { hardState: hardState(2, 1, 'peer-a'), entries: [entry(1, 1), entry(2, 2)] }
        await stores.log.append(saved)
        expect(await stores.log.load()).toMatchObject(saved)
        await crash()
        expect(await stores.log.load()).toMatchObject(saved)
      })

      test('every kind of entry keeps its data, from nothing to a MiB', async () => {
        const entries = [
          { ...entry(1, 1), kind: 'empty' as const, data: new Uint8Array() },
          { ...entry(2, 1), kind: 'configuration' as const, data: Uint8Array.of(0, 255, 0, 17) },
          { ...entry(3, 1), data: new Uint8Array(1024 * 1024).fill(0xa5) },
        ]
        await stores.log.append({ hardState: undefined, entries })
        await crash()
        const loaded = (await stores.log.load()).entries
        expect(loaded.map(({ kind }) => kind)).toEqual(['empty', 'configuration', 'command'])
        for (const [place, one] of entries.entries())
          expect(Buffer.compare(loaded[place]?.data ?? Buffer.of(1), one.data)).toBe(0)
      })

      test('a write without hard state keeps the last one, a write without entries keeps the log', async () => {
        await stores.log.append({ hardState: hardState(1, 0, 'peer-a'), entries: [entry(1, 1)] })
        await stores.log.append({ hardState: undefined, entries: [entry(2, 1)] })
        await stores.log.append({ hardState: hardState(3, 2), entries: [] })
        await crash()
        expect(await stores.log.load()).toMatchObject({
          hardState: hardState(3, 2),
          entries: [entry(1, 1), entry(2, 1)],
        })
      })

      test('a replaced suffix is gone for good, also when the new one is shorter', async () => {
        const first = [1, 2, 3, 4, 5, 6].map((index) => entry(index, 1))
        await stores.log.append({ hardState: hardState(1, 2), entries: first })
        await stores.log.append({ hardState: hardState(2, 2), entries: [entry(3, 2), entry(4, 2)] })
        await crash()
        const expected = [entry(1, 1), entry(2, 1), entry(3, 2), entry(4, 2)]
        expect((await stores.log.load()).entries).toEqual(expected)
        await stores.log.append({ hardState: undefined, entries: [entry(5, 2)] })
        await reopen()
        expect((await stores.log.load()).entries).toEqual([...expected, entry(5, 2)])
      })

      test('the whole log can be replaced from the first entry', async () => {
        await stores.log.append({ hardState: hardState(1, 0), entries: [entry(1, 1), entry(2, 1)] })
        await stores.log.append({ hardState: hardState(2, 0), entries: [entry(1, 2)] })
        await crash()
        expect((await stores.log.load()).entries).toEqual([entry(1, 2)])
      })

      test('an append that leaves a hole, or has one, is a broken invariant and writes nothing', async () => {
        await stores.log.append({ hardState: undefined, entries: [entry(1, 1)] })
        const hole = stores.log.append({ hardState: undefined, entries: [entry(3, 1)] })
        await expect(hole).rejects.toThrow(InvariantError)
        const holed = stores.log.append({ hardState: undefined, entries: [entry(2, 1), entry(4, 1)] })
        await expect(holed).rejects.toThrow(InvariantError)
        await reopen()
        expect((await stores.log.load()).entries).toEqual([entry(1, 1)])
      })

      test('a second append before the first has settled is a broken invariant', async () => {
        const first = stores.log.append({ hardState: undefined, entries: [entry(1, 1)] })
        await expect(stores.log.append({ hardState: undefined, entries: [entry(2, 1)] })).rejects.toThrow(
          InvariantError,
        )
        await first
      })
    })

    describe('state', () => {
      test('a state that was never written is empty at index 0', async () => {
        expect(await stores.state.load()).toEqual({ appliedIndex: 0, records: new Map() })
      })

      test('changes and applied index come back together after a close', async () => {
        await stores.state.commit(logIndex(1), [
          { key: 'lease/a', value: bytes('1') },
          { key: 'lease/b', value: bytes('1') },
        ])
        await stores.state.commit(logIndex(2), [
          { key: 'lease/a', value: undefined },
          { key: 'lease/c', value: bytes('2') },
        ])
        const expected = {
          appliedIndex: 2,
          records: new Map([
            ['lease/b', bytes('1')],
            ['lease/c', bytes('2')],
          ]),
        }
        expect(await stores.state.load()).toEqual(expected)
        await reopen()
        expect(await stores.state.load()).toEqual(expected)
      })

      test('a commit that a synced write followed survives a crash', async () => {
        await stores.state.commit(logIndex(1), [{ key: 'lease/a', value: bytes('1') }])
        await stores.log.append({ hardState: hardState(1, 0), entries: [entry(1, 1)] })
        await crash()
        expect(await stores.state.load()).toEqual({
          appliedIndex: 1,
          records: new Map([['lease/a', bytes('1')]]),
        })
      })

      test('a crash can lose only whole commits from the end', async () => {
        await stores.log.append({
          hardState: hardState(1, 0),
          entries: [1, 2, 3].map((index) => entry(index, 1)),
        })
        for (const index of [1, 2, 3]) {
          const value = bytes(String(index))
          await stores.state.commit(logIndex(index), [
            { key: 'left', value },
            { key: 'right', value },
          ])
        }
        await crash()
        const { appliedIndex, records } = await stores.state.load()
        const value = bytes(String(appliedIndex))
        expect(records).toEqual(
          appliedIndex === 0
            ? new Map()
            : new Map([
                ['left', value],
                ['right', value],
              ]),
        )
        expect((await stores.log.load()).entries).toHaveLength(3)
      })
    })

    describe('journals', () => {
      test('records come back in the order of their keys, each journal its own', async () => {
        await stores.submitterJournal.write([
          { key: 'b', value: bytes('2') },
          { key: 'a', value: bytes('1') },
        ])
        await stores.workerJournal.write([{ key: 'a', value: bytes('other') }])
        await crash()
        expect(await stores.submitterJournal.load()).toEqual([
          { key: 'a', value: bytes('1') },
          { key: 'b', value: bytes('2') },
        ])
        expect(await stores.workerJournal.load()).toEqual([{ key: 'a', value: bytes('other') }])
      })

      test('a record can be replaced and removed, twice in one write too; removing an unknown one is nothing', async () => {
        await stores.workerJournal.write([
          { key: 'a', value: bytes('1') },
          { key: 'a', value: bytes('2') },
          { key: 'b', value: bytes('1') },
        ])
        await stores.workerJournal.write([
          { key: 'b', value: undefined },
          { key: 'unknown', value: undefined },
        ])
        await crash()
        expect(await stores.workerJournal.load()).toEqual([{ key: 'a', value: bytes('2') }])
      })

      test('writes that are under way together are all durable', async () => {
        const keys = Array.from({ length: 100 }, (_, place) => `task-${String(place).padStart(3, '0')}`)
        await Promise.all(keys.map((key) => stores.submitterJournal.write([{ key, value: bytes(key) }])))
        await crash()
        expect((await stores.submitterJournal.load()).map(({ key }) => key)).toEqual(keys)
      })
    })

    test('meta: a value that was put is there at once, after a crash, and replaced by the next', async () => {
      expect(stores.meta.get('incarnation')).toBeUndefined()
      await stores.meta.put('incarnation', bytes('1'))
      expect(stores.meta.get('incarnation')).toEqual(bytes('1'))
      await crash()
      expect(stores.meta.get('incarnation')).toEqual(bytes('1'))
      await stores.meta.put('incarnation', bytes('2'))
      await crash()
      expect(stores.meta.get('incarnation')).toEqual(bytes('2'))
    })

    test('60 steps with a crash or a close after every tenth: everything is there', async () => {
      for (let index = 1; index <= 60; index += 1) {
        await step(stores, index)
        if (index % 10 !== 0) continue
        const before = await contents(stores)
        await (index % 20 === 0 ? crash() : reopen())
        expect(await contents(stores)).toEqual(before)
      }
    })

    test('one writer: a second opening of the same place is refused and does not disturb the first', async () => {
      await expect(place.open()).rejects.toMatchObject({ code: 'store.in_use' })
      await stores.meta.put('incarnation', bytes('1'))
      expect(stores.meta.get('incarnation')).toEqual(bytes('1'))
    })

    test('a closed store refuses to be written', async () => {
      await stores.close()
      await expect(stores.meta.put('incarnation', bytes('1'))).rejects.toThrow(InvariantError)
      stores = await place.open()
      expect(stores.meta.get('incarnation')).toBeUndefined()
    })
  })
}
