import { describe, expect, it } from 'vitest'
import { EventQueue } from '../../../simulations/world/event-queue.ts'
import { founderLog } from '../../../simulations/world/foundation.ts'
import { VirtualDisk } from '../../../simulations/world/virtual-disk.ts'
import { logIndex, Random, term } from '../../../src/base/index.ts'

const ENTRIES = 2

async function prepared(seed: number) {
  const queue = new EventQueue()
  const disk = new VirtualDisk(
    queue,
    new Random(seed),
    { writeMsMin: 1, writeMsMax: 5, spikePart: 0 },
    'disk',
  )
  await disk.prepare(async ({ log }) => log.append(founderLog(['m1'])))
  return { queue, disk }
}

const entry = (index: number) => ({
  index: logIndex(index),
  term: term(1),
  kind: 'empty' as const,
  data: new Uint8Array(0),
})

/** A disk to which a process has written an entry, and which it has left. */
async function written() {
  const { queue, disk } = await prepared(1)
  const stores = await disk.open()
  void stores.log.append({ hardState: undefined, entries: [entry(3)] }).then(() => stores.close())
  await queue.run(100)
  return { queue, disk }
}

const entriesOn = async (disk: VirtualDisk) => (await (await disk.open()).log.load()).entries.length

describe('the disk of a machine', () => {
  it('a write takes time, and a crash within it keeps all of it or nothing', async () => {
    const found = new Set<number>()
    for (let seed = 0; seed < 20; seed++) {
      const { queue, disk } = await prepared(seed)
      const { log } = await disk.open()
      let isDone = false
      void log.append({ hardState: undefined, entries: [entry(3), entry(4)] }).then(() => {
        isDone = true
      })
      await queue.run(0.5)
      expect(isDone).toBe(false)
      disk.crash()
      found.add(await entriesOn(disk))
      await queue.run(100)
      expect(isDone).toBe(false)
    }
    expect([...found].sort()).toEqual([ENTRIES, ENTRIES + 2])
  })

  it('output takes time, too: a crash within it cuts it at any byte, and its process never hears of it', async () => {
    const ends = new Set<number>()
    for (let seed = 0; seed < 20; seed++) {
      const { queue, disk } = await prepared(seed)
      const log = await (await disk.open()).outputs.worker.open('key')
      let isDone = false
      const done = (): void => {
        isDone = true
      }
      for (let chunk = 0; chunk < 5; chunk++)
        void log.append(chunk % 2 === 0 ? 'stdout' : 'stderr', Buffer.alloc(20)).then(done, done)
      await queue.run(0.5)
      expect(isDone).toBe(false)
      disk.crash()
      ends.add((await (await disk.open()).outputs.worker.open('key')).end)
      await queue.run(100)
      expect(isDone).toBe(false)
    }
    for (const end of ends) expect(end % 20).toBe(0)
    expect(ends.size).toBeGreaterThan(3)
  })

  it('output that was written is there after a crash, and after a rebuild of the store', async () => {
    const { queue, disk } = await prepared(1)
    const log = await (await disk.open()).outputs.submitter.open('key')
    const appended = log.append('stdout', Buffer.from('kept'))
    await queue.run(100)
    await appended
    disk.damage('torn')
    await disk.rebuild()
    expect((await (await disk.open()).outputs.submitter.open('key')).end).toBe(4)
  })

  it('a stalled disk writes when the stall is over', async () => {
    const { queue, disk } = await prepared(1)
    const { log } = await disk.open()
    disk.stall(1000)
    let doneAtMs = 0
    void log.append({ hardState: undefined, entries: [entry(3)] }).then(() => {
      doneAtMs = queue.nowMs
    })
    await queue.run(5000)
    expect(doneAtMs).toBeGreaterThanOrEqual(1000)
    expect(doneAtMs).toBeLessThan(1200)
  })

  it('a disk that fails or is full says so to whoever writes', async () => {
    for (const how of ['failing', 'full'] as const) {
      const { queue, disk } = await prepared(1)
      const { log } = await disk.open()
      disk.fail(how)
      const codes: string[] = []
      log.append({ hardState: undefined, entries: [entry(3)] }).catch(({ code }) => codes.push(code))
      await queue.run(100)
      expect(codes).toEqual(['store.write_failed'])
    }
  })

  it('a disk that lost what it had acknowledged, or was emptied, is refused', async () => {
    for (const damage of ['lied', 'emptied'] as const) {
      const { disk } = await written()
      disk.damage(damage)
      await expect(disk.open()).rejects.toThrow(/missing/)
    }
  })

  it('a rebuilt disk begins anew and waits to be taken back', async () => {
    const { disk } = await written()
    disk.damage('lied')
    await disk.rebuild()
    const stores = await disk.open()
    expect(stores.rejoin.isPending).toBe(true)
    expect((await stores.log.load()).entries).toEqual([])
  })
})
