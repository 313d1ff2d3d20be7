/** `populi store check` and `populi store rejoin`, the room's part: looking at a store, and making a new one of its remains. */
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { InvariantError, logIndex, present, Random } from '../../src/base/index.ts'
import { checkStores, openStores, rebuildForRejoin } from '../../src/store/index.ts'
import { temporaryFolder } from './level-place.ts'
import { bytes, contents, entry, hardState } from './samples.ts'
import {
  copyOf,
  databaseIn,
  EXISTING,
  type Files,
  filesIn,
  makeStopped,
  newestLogOf,
  restore,
} from './stopped-store.ts'

let root: string
let work: string
let database: string
let files: Files
/** What the undamaged store holds. */
let held: Held

interface Held {
  readonly submitter: unknown
  readonly worker: unknown
  readonly incarnation: unknown
}

beforeAll(async () => {
  root = await temporaryFolder()
  const original = join(root, 'original')
  await makeStopped(original, async (stores) => {
    held = (await contents(stores)) as Held
  })
  files = await filesIn(original)
})

beforeEach(async () => {
  work = join(root, 'work')
  database = databaseIn(work)
  await restore(work, files)
})

afterAll(() => rm(root, { recursive: true }))

async function flip(name: string, at: number): Promise<void> {
  const data = Buffer.from(present(files.get(name), 'file'))
  data.writeUInt8(data.readUInt8(at) ^ 0x40, at)
  await writeFile(join(work, name), data)
}

const tables = () => [...files.keys()].filter((name) => name.endsWith('.ldb'))

describe('a check', () => {
  test('of a sound store says what is there, and changes no byte', async () => {
    const report = await checkStores(database)
    expect(report).toMatchObject({
      path: database,
      format: 2,
      log: { baseIndex: 75, baseTerm: 1, entries: 25, lastIndex: 100, term: 1, commitIndex: 99 },
      appliedIndex: 100,
      records: { state: 7, submitterJournal: 5, meta: 1 },
      isRejoining: false,
      damage: [],
    })
    expect(report.batches).toBe(report.acknowledgedBatches)
    expect(report.bytes).toBeGreaterThan(10_000)
    expect(await filesIn(work)).toEqual(files)
  })

  test('names each of several damages, and what lies behind them is counted all the same', async () => {
    const [first, second] = tables()
    await flip(present(first, 'table'), 100)
    await flip(present(second, 'table'), 5000)
    await flip('db.mark', 4100)
    const report = await checkStores(database)
    expect(report.damage).toEqual(
      expect.arrayContaining([
        expect.stringMatching(new RegExp(`${first?.slice(3)}: the block at byte 0`)),
        expect.stringMatching(new RegExp(`${second?.slice(3)}: the block at byte \\d+`)),
        'the high-water mark: copy 1 of slot 2',
      ]),
    )
    expect(report.log.entries).toBeGreaterThan(0)
    expect(report.records.meta).toBe(1)
  })

  test('says how many acknowledged batches are missing', async () => {
    const log = newestLogOf(files)
    await writeFile(join(work, log), present(files.get(log), 'log').subarray(0, -5))
    const { damage } = await checkStores(database)
    expect(damage).toEqual([expect.stringMatching(/^the last 1 acknowledged batches are missing/)])
  })

  test('400 times two flipped bytes: whatever opening refuses, the check names too', async () => {
    const random = new Random(8)
    const names = [...files.keys()].filter((name) => name !== 'db.mark')
    for (let round = 0; round < 400; round += 1) {
      const damaged = copyOf(files)
      for (let hit = 0; hit < 2; hit += 1) {
        const data = present(damaged.get(present(names[random.integer(0, names.length - 1)], 'name')), 'file')
        const at = random.integer(0, data.length - 1)
        data.writeUInt8(data.readUInt8(at) ^ random.integer(1, 255), at)
      }
      await restore(work, damaged)
      expect((await checkStores(database)).damage.length).toBeGreaterThan(0)
    }
  })

  test('of no store says so, of one in use too', async () => {
    await expect(checkStores(join(work, 'nothing'))).rejects.toMatchObject({ code: 'store.absent' })
    const stores = await openStores(database, EXISTING)
    await expect(checkStores(database)).rejects.toMatchObject({ code: 'store.in_use' })
    await stores.close()
    await rm(database, { recursive: true })
    expect((await checkStores(database)).damage).toContain('the database is missing')
  })
})

describe('a rebuild', () => {
  test('keeps journals and values, drops log and state, and bars the log until the node has rejoined', async () => {
    const report = await rebuildForRejoin(database)
    expect(report).toMatchObject({ movedTo: `${database}.damaged-1`, lost: [] })
    expect(report.store).toMatchObject({ isRejoining: true, damage: [], log: { entries: 0, lastIndex: 0 } })
    let stores = await openStores(database, EXISTING)
    expect(await contents(stores)).toMatchObject({
      hardState: undefined,
      entries: [],
      appliedIndex: 0,
      state: [],
      submitter: held.submitter,
      worker: held.worker,
      incarnation: held.incarnation,
    })
    await stores.close()
    stores = await openStores(database, EXISTING)
    expect(stores.rejoin.isPending).toBe(true)
    const append = () => stores.log.append({ hardState: hardState(1, 0), entries: [] })
    await expect(append()).rejects.toThrow(InvariantError)
    const barred = { ...hardState(5, 0), votesFrom: logIndex(120) }
    await stores.rejoin.done(barred)
    expect(stores.rejoin.isPending).toBe(false)
    await stores.close()
    stores = await openStores(database, EXISTING)
    expect(stores.rejoin.isPending).toBe(false)
    expect((await stores.log.load()).hardState).toEqual(barred)
    await stores.log.append({ hardState: undefined, entries: [entry(1, 1)] })
    await stores.close()
  })

  test('moves the old store aside, byte by byte as it was', async () => {
    const { movedTo } = await rebuildForRejoin(database)
    await rm(database, { recursive: true })
    await rename(present(movedTo, 'place'), database)
    await rename(`${movedTo}.mark`, `${database}.mark`)
    expect(await filesIn(work)).toEqual(files)
    await rebuildForRejoin(database)
    await flip('db.mark', 0)
    expect((await rebuildForRejoin(database)).movedTo).toBe(`${database}.damaged-2`)
  })

  test('of a store with a damaged table keeps what can be read and says what could not', async () => {
    const damaged = present(tables().at(-1), 'table')
    await flip(damaged, 10)
    const report = await rebuildForRejoin(database)
    expect(report.lost.join('\n')).toMatch(/the block at byte 0/)
    const stores = await openStores(database, EXISTING)
    expect(stores.rejoin.isPending).toBe(true)
    await stores.close()
  })

  test.each(['CURRENT', 'MANIFEST'])(
    'of a store whose %s is gone reads every file there is',
    async (start) => {
      const name = present(
        [...files.keys()].find((one) => one.startsWith(`db/${start}`)),
        'file',
      )
      await rm(join(work, name))
      const report = await rebuildForRejoin(database)
      expect(report.lost.join('\n')).toContain(`${name.slice(3)}, which cannot be read`)
      const stores = await openStores(database, EXISTING)
      expect(await contents(stores)).toMatchObject({
        submitter: held.submitter,
        incarnation: held.incarnation,
      })
      await stores.close()
    },
  )

  test('of nothing makes an empty store that must rejoin', async () => {
    await rm(work, { recursive: true })
    await mkdir(work)
    const report = await rebuildForRejoin(database)
    expect(report).toMatchObject({ movedTo: undefined, store: { isRejoining: true } })
    expect(report.lost).toContain('the database is missing')
  })

  test('that was cut off between the two renamings is finished by the next one, with what the first had kept', async () => {
    const { movedTo } = await rebuildForRejoin(database)
    await rename(database, `${database}.rebuilt`)
    await rename(`${database}.mark`, `${database}.rebuilt.mark`)
    expect(await readdir(work)).not.toContain('db')
    expect((await rebuildForRejoin(database)).movedTo).toBeUndefined()
    const stores = await openStores(database, EXISTING)
    expect(await contents(stores)).toMatchObject({ submitter: held.submitter, incarnation: held.incarnation })
    await stores.close()
    expect(movedTo).toBe(`${database}.damaged-1`)
  })

  test('of a store in use is refused and changes nothing', async () => {
    const stores = await openStores(database, EXISTING)
    await expect(rebuildForRejoin(database)).rejects.toMatchObject({ code: 'store.in_use' })
    await stores.meta.put('incarnation', bytes('1'))
    await stores.close()
    expect(await readdir(work)).toEqual(['db', 'db.mark'])
  })
})
