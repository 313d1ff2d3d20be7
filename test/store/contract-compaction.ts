/** What every store must do about a compacted log, a snapshot and a rejoin. Part of the contract of `contract.ts`. */
import { expect, test } from 'vitest'
import { InvariantError, logIndex, term } from '../../src/base/index.ts'
import type { NodeStores } from '../../src/store/index.ts'
import { bytes, contents, entry, hardState, NO_BASE } from './samples.ts'

/** The store under test, and the two ways in which its life can end and go on. */
export interface Subject {
  readonly stores: () => NodeStores
  readonly reopen: () => Promise<void>
  readonly crash: () => Promise<void>
}

const base = (index: number, inTerm = 1) => ({
  index: logIndex(index),
  term: term(inTerm),
  configuration: bytes(`voters at ${index}`),
})

const entries = (from: number, to: number, inTerm = 1) =>
  Array.from({ length: to - from + 1 }, (_, at) => entry(from + at, inTerm))

async function appendApplied(stores: NodeStores, from: number, to: number): Promise<void> {
  await stores.log.append({ hardState: hardState(1, to), entries: entries(from, to) })
  await stores.state.commit(logIndex(to), [{ key: 'lease/a', value: bytes(`${to}`) }])
}

export function compactionContract({ stores, reopen, crash }: Subject): void {
  const flush = () => stores().meta.put('flush', bytes(''))

  test('what was compacted is gone, the rest is there, and the log goes on, through closes and crashes', async () => {
    await appendApplied(stores(), 1, 10)
    await stores().log.compact(base(6))
    const expected = { hardState: hardState(1, 10), base: base(6), entries: entries(7, 10) }
    expect(await stores().log.load()).toEqual(expected)
    await crash()
    expect(await stores().log.load()).toEqual(expected)
    await appendApplied(stores(), 11, 12)
    await stores().log.compact(base(12))
    await reopen()
    expect(await stores().log.load()).toEqual({ hardState: hardState(1, 12), base: base(12), entries: [] })
    await appendApplied(stores(), 13, 13)
    await crash()
    expect((await stores().log.load()).entries).toEqual(entries(13, 13))
  })

  test('a compaction waits for the next batch, and a crash before it loses it with the commit that covers it', async () => {
    await stores().log.append({ hardState: hardState(1, 4), entries: entries(1, 4) })
    await stores().state.commit(logIndex(4), [])
    await stores().log.compact(base(3))
    await crash()
    expect(await stores().log.load()).toMatchObject({ base: NO_BASE, entries: entries(1, 4) })
    expect(await stores().state.load()).toMatchObject({ appliedIndex: 0 })
  })

  test('entries after the base can be replaced, from the first of them on too', async () => {
    await appendApplied(stores(), 1, 6)
    await stores().log.compact(base(4))
    await stores().log.append({ hardState: hardState(2, 4), entries: [entry(5, 2)] })
    await crash()
    expect(await stores().log.load()).toMatchObject({ base: base(4), entries: [entry(5, 2)] })
    const below = stores().log.append({ hardState: undefined, entries: [entry(4, 2)] })
    await expect(below).rejects.toThrow(InvariantError)
  })

  test('compacting what the state machine has not applied is a broken invariant; compacting again is nothing', async () => {
    await appendApplied(stores(), 1, 4)
    await stores().log.append({ hardState: undefined, entries: entries(5, 6) })
    await expect(stores().log.compact(base(5))).rejects.toThrow(InvariantError)
    await stores().log.compact(base(4))
    await stores().log.compact(base(4))
    await stores().log.compact(base(2))
    expect(await stores().log.load()).toMatchObject({ base: base(4), entries: entries(5, 6) })
  })

  test('a snapshot replaces log, base and state at once; what is not in it is gone', async () => {
    await appendApplied(stores(), 1, 8)
    await stores().log.compact(base(2))
    await stores().workerJournal.write([{ key: 'task-1', value: bytes('running') }])
    const records = new Map([['lease/b', bytes('from the leader')]])
    await stores().installSnapshot({ hardState: hardState(3, 6), base: base(6, 2), records })
    const expected = { hardState: hardState(3, 6), base: base(6, 2), entries: [] }
    expect(await stores().log.load()).toEqual(expected)
    await crash()
    expect(await stores().log.load()).toEqual(expected)
    expect(await stores().state.load()).toEqual({ appliedIndex: 6, records })
    expect(await stores().workerJournal.load()).toHaveLength(1)
    await stores().log.append({ hardState: undefined, entries: [entry(7, 3)] })
    await crash()
    expect((await stores().log.load()).entries).toEqual([entry(7, 3)])
  })

  test('a snapshot far ahead of the log, one at the same place again, and a compaction behind it', async () => {
    await appendApplied(stores(), 1, 3)
    const snapshot = { hardState: hardState(2, 5000), base: base(5000), records: new Map() }
    await stores().installSnapshot(snapshot)
    await stores().installSnapshot(snapshot)
    await stores().log.append({ hardState: undefined, entries: entries(5001, 5003, 2) })
    await stores().state.commit(logIndex(5002), [])
    await stores().log.compact(base(5002))
    await flush()
    await crash()
    expect(await stores().log.load()).toMatchObject({ base: base(5002), entries: entries(5003, 5003, 2) })
    const back = stores().installSnapshot({ ...snapshot, base: base(5001) })
    await expect(back).rejects.toThrow(InvariantError)
  })

  test('votesFrom of a hard state survives, and is gone with the next that has none', async () => {
    const barred = { ...hardState(4, 0), votesFrom: logIndex(77) }
    await stores().log.append({ hardState: barred, entries: [] })
    await crash()
    expect((await stores().log.load()).hardState).toEqual(barred)
    await stores().log.append({ hardState: hardState(4, 0), entries: [] })
    await crash()
    expect((await stores().log.load()).hardState).toEqual(hardState(4, 0))
  })

  test('a store that was not rebuilt has no rejoin before it', () => {
    expect(stores().rejoin.isPending).toBe(false)
  })

  test('2,000 entries, a compaction after every 100, a crash after every 130: everything since the base is there', async () => {
    for (let last = 10; last <= 2000; last += 10) {
      await appendApplied(stores(), last - 9, last)
      if (last % 100 === 0) await stores().log.compact(base(last - 50))
      if (last % 130 === 0) await crash()
    }
    await flush()
    expect((await stores().log.load()).entries).toEqual(entries(1951, 2000))
    const before = await contents(stores())
    expect(before).toMatchObject({ base: { index: 1950 }, appliedIndex: 2000 })
    await reopen()
    expect(await contents(stores())).toEqual(before)
  })
}
