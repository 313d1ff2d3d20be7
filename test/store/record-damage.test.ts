/** Damage of records and losses of batches, on the disk in memory: what the checks, the chain and the ledger are for. */
import { beforeEach, describe, expect, test } from 'vitest'
import { CodedError, logIndex, Random } from '../../src/base/index.ts'
import { MemoryDisk, openMemoryStores } from '../../src/store/index.ts'
import { bytes, contents, entry, hardState, step } from './samples.ts'

type Records = Map<string, Uint8Array>

const EXISTING = { create: false }
const ENTRIES = '\x11'
const HARD_STATE = '\x10'

/** What opening says of a disk with these records: the contents, or the error. */
async function reading(records: Records): Promise<unknown> {
  const disk = new MemoryDisk()
  for (const [key, value] of records) disk.records.set(key, value.slice())
  disk.mark = 0
  try {
    return await contents(await openMemoryStores(disk, EXISTING))
  } catch (thrown) {
    if (thrown instanceof CodedError) return thrown
    throw thrown
  }
}

async function damageIn(records: Records): Promise<string> {
  const result = await reading(records)
  if (!(result instanceof CodedError)) throw new TypeError('the damage was not noticed')
  expect(result.code).toBe('store.corrupt')
  return String(result.details['what'])
}

function entryKeyText(index: number): string {
  const key = Buffer.alloc(9)
  key[0] = 0x11
  key.writeBigUInt64BE(BigInt(index), 1)
  return key.toString('latin1')
}

/** A disk after each batch of a node's life: the first is the newly made store. */
async function history(steps: number): Promise<Records[]> {
  const disk = new MemoryDisk()
  const stores = await openMemoryStores(disk)
  const states: Records[] = [new Map(disk.records)]
  for (let index = 1; index <= steps; index += 1) {
    disk.beforeWrite = () => {
      states.push(new Map(disk.records))
      return Promise.resolve()
    }
    await step(stores, index)
  }
  await stores.close()
  states.push(new Map(disk.records))
  return states.slice(1)
}

describe('a record', () => {
  let records: Records

  beforeEach(async () => {
    records = (await history(20)).at(-1) ?? new Map()
  })

  test('each of them: a flipped bit anywhere in it is damage', async () => {
    const random = new Random(1)
    for (const [key, value] of records) {
      const damaged = value.slice()
      const at = random.integer(0, damaged.length - 1)
      damaged[at] = (damaged[at] ?? 0) ^ (1 << random.integer(0, 7))
      await damageIn(new Map(records).set(key, damaged))
    }
  })

  test('each of them: when it is gone, cut short, or under another key, it is missed', async () => {
    for (const [key, value] of records) {
      const without = new Map(records)
      without.delete(key)
      await damageIn(without)
      await damageIn(new Map(without).set(key, value.subarray(0, 4)))
      await damageIn(new Map(without).set(`${key}x`, value))
    }
  })

  test('the error names what is damaged', async () => {
    const flipped = (key: string): Records => {
      const value = (records.get(key) ?? Buffer.of()).slice()
      value[value.length - 1] = (value.at(-1) ?? 0) ^ 1
      return new Map(records).set(key, value)
    }
    expect(await damageIn(flipped(entryKeyText(17)))).toBe('raft entry 17')
    expect(await damageIn(flipped(HARD_STATE))).toBe('hard state')
    expect(await damageIn(flipped('\x21lease/3'))).toBe('state record lease/3')
    expect(await damageIn(flipped('\x30task-2'))).toBe('submitter journal record task-2')
    const holed = new Map(records)
    holed.delete(entryKeyText(5))
    expect(await damageIn(holed)).toBe('raft entry 5, which is missing')
    for (const index of [19, 20]) holed.delete(entryKeyText(index))
    holed.set(entryKeyText(5), records.get(entryKeyText(5)) ?? Buffer.of())
    expect(await damageIn(holed)).toBe('raft entries 19 to 20, which are missing')
  })

  test('an entry beyond the last that was written is damage', async () => {
    const before = (await history(19)).at(-1) ?? new Map()
    const twentieth = records.get(entryKeyText(20)) ?? Buffer.of()
    expect(await damageIn(before.set(entryKeyText(20), twentieth))).toBe(
      'raft entry 20, beyond the last that was written',
    )
  })
})

describe('batches', () => {
  test('every lost batch is missed by the next one, unless it had changed nothing that is left', async () => {
    const states = await history(24)
    const last = states.length - 1
    let damaged = 0
    for (let lost = 1; lost < last; lost += 1) {
      const replayed = new Map(states[lost - 1])
      replay(replayed, states[lost], states[lost + 1])
      const result = await reading(replayed)
      if (result instanceof CodedError) damaged += 1
      else expect(result).toEqual(await reading(states[lost + 1] ?? new Map()))
    }
    expect(damaged).toBeGreaterThan(last * 0.9)
  })

  test('300 random sets of lost batches: damage, or an earlier state as a whole', async () => {
    const states = await history(24)
    const earlier = new Set<string>()
    for (const state of states) earlier.add(JSON.stringify(await reading(state)))
    const random = new Random(2)
    for (let round = 0; round < 300; round += 1) {
      const replayed = new Map(states[0])
      const chance = random.float() / 4
      for (let batch = 1; batch < states.length; batch += 1)
        if (random.float() >= chance) replay(replayed, states[batch - 1], states[batch])
      const result = await reading(replayed)
      if (result instanceof CodedError) expect(result.code).toBe('store.corrupt')
      else expect(earlier).toContain(JSON.stringify(result))
    }
  })

  test('a lost batch with two records that changed in the same way is missed: the digest is not linear', async () => {
    const disk = new MemoryDisk()
    const stores = await openMemoryStores(disk)
    const both = (word: string) => ['task-1', 'task-2'].map((key) => ({ key, value: bytes(word) }))
    await stores.workerJournal.write(both('running'))
    const before = new Map(disk.records)
    await stores.workerJournal.write(both('stopped'))
    const ledger = disk.records.get('\x02') ?? Buffer.of()
    expect(await damageIn(before.set('\x02', ledger))).toBe(
      'worker journal records: one is not as it was written last',
    )
  })

  test('a replaced suffix that comes back whole, checks and all, does not follow its predecessor', async () => {
    const disk = new MemoryDisk()
    const stores = await openMemoryStores(disk)
    await stores.log.append({
      hardState: hardState(1, 0),
      entries: [1, 2, 3, 4].map((index) => entry(index, 1)),
    })
    const old = disk.records.get(entryKeyText(3)) ?? Buffer.of()
    await stores.log.append({
      hardState: hardState(2, 0),
      entries: [2, 3, 4].map((index) => entry(index, 2)),
    })
    expect(await damageIn(new Map(disk.records).set(entryKeyText(3), old))).toBe(
      'raft entry 3, which does not follow entry 2',
    )
  })

  test('a hard state that commits more than the log holds is damage', async () => {
    const disk = new MemoryDisk()
    const stores = await openMemoryStores(disk)
    await stores.log.append({ hardState: hardState(1, 3), entries: [entry(1, 1), entry(2, 1)] })
    expect(await damageIn(disk.records)).toBe('hard state: commits entry 3, the log ends at 2')
  })

  /** Does to `records` what the batch between `before` and `after` did. */
  function replay(records: Records, before: Records | undefined, after: Records | undefined): void {
    for (const [key, value] of after ?? []) if (before?.get(key) !== value) records.set(key, value)
    for (const key of before?.keys() ?? []) if (after?.has(key) === false) records.delete(key)
  }
})

describe('the store as a whole', () => {
  test('an emptied store is damage for a node that starts, and a beginning for one that is being made', async () => {
    expect(await damageIn(new Map())).toBe('all records are missing')
    const stores = await openMemoryStores(new MemoryDisk(), { create: true })
    expect((await stores.state.load()).appliedIndex).toBe(logIndex(0))
  })

  test('entries without a format record are damage, also for one that is being made', async () => {
    const disk = new MemoryDisk()
    const stores = await openMemoryStores(disk)
    await stores.log.append({ hardState: hardState(1, 0), entries: [entry(1, 1)] })
    await stores.close()
    for (const key of disk.records.keys()) if (!key.startsWith(ENTRIES)) disk.records.delete(key)
    disk.mark = 0
    await expect(openMemoryStores(disk)).rejects.toMatchObject({ code: 'store.corrupt' })
  })
})
