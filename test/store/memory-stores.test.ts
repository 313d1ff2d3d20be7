import { describe, expect, test } from 'vitest'
import { LIMITS, logIndex } from '../../src/base/index.ts'
import { MemoryDisk, openMemoryStores } from '../../src/store/index.ts'
import { storeContract } from './contract.ts'
import { bytes, entry, hardState } from './samples.ts'

storeContract('memory', () => {
  const disk = new MemoryDisk()
  return Promise.resolve({
    open: () => openMemoryStores(disk),
    crash: () => Promise.resolve(disk.crash()),
    remove: () => Promise.resolve(),
  })
})

describe('writes', () => {
  /** A disk that counts its batches and can be stopped. */
  async function stoppable() {
    const disk = new MemoryDisk()
    const stores = await openMemoryStores(disk)
    const disks = { batches: 0, gate: undefined as Promise<void> | undefined }
    disk.beforeWrite = async () => {
      disks.batches += 1
      await disks.gate
    }
    return { disk, stores, disks }
  }

  test('all writes that wait while one is under way go to the disk together', async () => {
    const { stores, disks } = await stoppable()
    const { promise, resolve } = Promise.withResolvers<void>()
    disks.gate = promise
    const first = stores.log.append({ hardState: hardState(1, 0), entries: [entry(1, 1)] })
    const rest = Array.from({ length: 50 }, (_, at) =>
      stores.workerJournal.write([{ key: `task-${at}`, value: bytes('offered') }]),
    )
    resolve()
    await Promise.all([first, ...rest])
    expect(disks.batches).toBe(2)
  })

  test('a state commit costs no batch of its own until 1 MiB of them waits', async () => {
    const { stores, disks } = await stoppable()
    for (let index = 1; index <= 100; index += 1)
      await stores.state.commit(logIndex(index), [{ key: 'lease/a', value: bytes(String(index)) }])
    expect(disks.batches).toBe(0)
    await stores.log.append({ hardState: hardState(1, 0), entries: [entry(1, 1)] })
    expect(disks.batches).toBe(1)
    const value = new Uint8Array(LIMITS.storeDeferredBytesMax + 1)
    await stores.state.commit(logIndex(101), [{ key: 'lease/big', value }])
    expect(disks.batches).toBe(2)
  })

  test('beyond the limit of bytes that wait a write is refused and leaves no trace', async () => {
    const { disk, stores, disks } = await stoppable()
    const { promise, resolve } = Promise.withResolvers<void>()
    disks.gate = promise
    const value = new Uint8Array(LIMITS.storeQueueBytesMax / 4)
    const writes = ['under way', 'a', 'b', 'c'].map((key) => stores.workerJournal.write([{ key, value }]))
    const refused = stores.workerJournal.write([{ key: 'd', value: new Uint8Array(value.length + 1024) }])
    await expect(refused).rejects.toMatchObject({ code: 'limit.exceeded' })
    resolve()
    await Promise.all(writes)
    disk.crash()
    const reopened = await openMemoryStores(disk)
    expect((await reopened.workerJournal.load()).map(({ key }) => key)).toEqual(['a', 'b', 'c', 'under way'])
  })

  test('after a failed write every later one is refused, in every section, also when the disk works again', async () => {
    const { disk, stores } = await stoppable()
    await stores.log.append({ hardState: hardState(1, 0), entries: [entry(1, 1)] })
    disk.beforeWrite = () => Promise.reject(new Error('no space left on device'))
    const waiting = [
      stores.log.append({ hardState: hardState(2, 0), entries: [entry(2, 2)] }),
      stores.meta.put('incarnation', bytes('2')),
    ]
    for (const one of waiting)
      await expect(one).rejects.toMatchObject({
        code: 'store.write_failed',
        message: 'cannot write to memory: no space left on device',
      })
    disk.beforeWrite = undefined
    const refused = { code: 'store.write_failed' }
    await expect(stores.log.append({ hardState: undefined, entries: [] })).rejects.toMatchObject(refused)
    await expect(stores.state.commit(logIndex(1), [])).rejects.toMatchObject(refused)
    await expect(stores.submitterJournal.write([])).rejects.toMatchObject(refused)
    await expect(stores.meta.put('incarnation', bytes('3'))).rejects.toMatchObject(refused)
    expect(stores.meta.get('incarnation')).toBeUndefined()
    await stores.close()
    const reopened = await openMemoryStores(disk)
    expect((await reopened.log.load()).entries).toEqual([entry(1, 1)])
  })

  test('a power cut under a write: nobody is told that it is durable, and it is not', async () => {
    const { disk, stores, disks } = await stoppable()
    const { promise, resolve } = Promise.withResolvers<void>()
    disks.gate = promise
    const write = stores.meta.put('incarnation', bytes('1'))
    disk.crash()
    resolve()
    await expect(write).rejects.toMatchObject({ code: 'store.write_failed' })
    const reopened = await openMemoryStores(disk)
    expect(reopened.meta.get('incarnation')).toBeUndefined()
  })
})
