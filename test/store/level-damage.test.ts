/** Damage of LevelDB's own files and of the mark: cut tails, missing and unreadable files, an old or a new format. */
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { encode, present } from '../../src/base/index.ts'
import { type NodeStores, openStores } from '../../src/store/index.ts'
import { markPath, openMarkFile, readMarkFile } from '../../src/store/mark-file.ts'
import { seal } from '../../src/store/record.ts'
import { temporaryFolder } from './level-place.ts'
import { bytes, contents } from './samples.ts'
import {
  databaseIn,
  type Files,
  filesIn,
  makeStopped,
  newestLogOf,
  reading,
  restore,
} from './stopped-store.ts'

let root: string
let work: string
let database: string
let files: Files
let newestLog: string
/** How long the newest log file was, and what the store held, after each of its last acknowledged batches. */
let history: { readonly logBytes: number; readonly held: string }[]

beforeAll(async () => {
  root = await temporaryFolder()
  history = []
  const original = join(root, 'original')
  await makeStopped(original, writeLastBatches)
  files = await filesIn(original)
  newestLog = newestLogOf(files)
})

async function writeLastBatches(stores: NodeStores): Promise<void> {
  await stores.state.load() // nothing deferred is left to ride on the batches below
  const original = databaseIn(join(root, 'original'))
  const logs = (await readdir(original)).filter((name) => name.endsWith('.log'))
  for (let index = 0; index <= 20; index += 1) {
    if (index > 0) await stores.submitterJournal.write([{ key: 'task-1', value: bytes(`late ${index}`) }])
    const { size } = await stat(join(original, present(logs.sort().at(-1), 'log file')))
    history.push({ logBytes: size, held: JSON.stringify(await contents(stores)) })
  }
}

beforeEach(async () => {
  work = join(root, 'work')
  database = databaseIn(work)
  await restore(work, files)
})

afterAll(() => rm(root, { recursive: true }))

async function expectDamage(what: RegExp): Promise<void> {
  const result = await reading(work)
  expect(result).toMatchObject({ code: 'store.corrupt', exitCode: 6 })
  expect(String(result)).toMatch(what)
}

async function expectLost(batches: number): Promise<void> {
  const result = await reading(work)
  expect(result).toMatchObject({ code: 'store.lost_batches', exitCode: 6, details: { count: batches } })
  expect(String(result)).toContain(`the last ${batches} acknowledged batches are missing in ${database}`)
}

function heldAfter(batchesLost: number): string {
  return present(history.at(-1 - batchesLost), 'history').held
}

/** As after a crash before the mark of the last `count` batches was synced. */
async function setMarkBack(count: number): Promise<void> {
  const found = present((await readMarkFile(markPath(database)))?.count, 'mark')
  const mark = await openMarkFile(database)
  await mark.start(found - count)
  await mark.close()
}

/** Lengths of the newest log around and between the ends of its last batches. */
function cuts(): readonly number[] {
  const boundaries = history.slice(-4).flatMap(({ logBytes }) => [logBytes, logBytes + 1, logBytes + 7])
  const [first = 0] = boundaries
  const lengths = Array.from({ length: 40 }, (_, at) => first + at * 19).concat(boundaries)
  return lengths.filter((one) => one <= present(files.get(newestLog), 'log file').length)
}

test('an undamaged store opens with everything, again and again', async () => {
  for (let round = 0; round < 3; round += 1) expect(await reading(work)).toBe(heldAfter(0))
})

describe('the newest log file', () => {
  test('cut anywhere in its last batches: the store says how many acknowledged batches are missing', async () => {
    for (const length of cuts()) {
      await restore(
        work,
        new Map(files).set(newestLog, present(files.get(newestLog), 'log').subarray(0, length)),
      )
      const lost = history.filter(({ logBytes }) => logBytes > length).length
      if (lost === 0) expect(await reading(work)).toBe(heldAfter(0))
      else await expectLost(lost)
    }
  })

  test('cut, with a mark from before: what was written whole before the cut is there, nothing else', async () => {
    for (const length of cuts()) {
      await restore(
        work,
        new Map(files).set(newestLog, present(files.get(newestLog), 'log').subarray(0, length)),
      )
      const lost = history.filter(({ logBytes }) => logBytes > length).length
      await setMarkBack(lost)
      expect(await reading(work)).toBe(heldAfter(lost))
    }
  })

  test('an acknowledged last batch of which the disk kept only zeros is missed', async () => {
    const data = Buffer.from(present(files.get(newestLog), 'log file'))
    await writeFile(join(work, newestLog), data.fill(0, history.at(-2)?.logBytes))
    await expectLost(1)
  })

  test('zeros with a later batch behind them are damage', async () => {
    const data = Buffer.from(present(files.get(newestLog), 'log file'))
    await writeFile(join(work, newestLog), data.fill(0, history.at(-3)?.logBytes, history.at(-2)?.logBytes))
    await expectDamage(/\.log: the record at byte \d+/)
  })
})

test('every other file of the database: cut short, gone or unreadable, the store is refused and the file is named', async () => {
  for (const [name, data] of files) {
    if (name === 'db.mark') continue
    const named = new RegExp(name.replace('db/', ''))
    if (name !== newestLog) {
      await writeFile(join(work, name), data.subarray(0, -1))
      await expectDamage(named)
    }
    await rm(join(work, name))
    await expectDamage(named)
    await symlink('/proc/self/mem', join(work, name)) // whose first byte cannot be read: EIO
    await expectDamage(named)
    await rm(join(work, name))
    await writeFile(join(work, name), data)
  }
  expect(await reading(work)).toBe(heldAfter(0))
})

describe('the high-water mark', () => {
  test('gone, emptied, overwritten or unreadable: the store is refused and the mark is named', async () => {
    const path = join(work, 'db.mark')
    await rm(path)
    await expectDamage(/the high-water mark, which is missing/)
    await writeFile(path, '')
    await expectDamage(/db\.mark: the high-water mark: none of its slots can be read/)
    await writeFile(path, Buffer.alloc(12_288))
    await expectDamage(/none of its slots can be read/)
    await rm(path)
    await symlink('/proc/self/mem', path)
    await expectDamage(/the high-water mark, which cannot be read/)
  })

  test('alone, without the database: the store is refused, also when a new one may be made', async () => {
    await rm(database, { recursive: true })
    await expectDamage(/the database is missing, of which .*db\.mark counts \d+ batches/)
    await expect(openStores(database, { create: true })).rejects.toMatchObject({ code: 'store.corrupt' })
  })

  test('an older copy of the database is told from the present one', async () => {
    const stores = await openStores(database, { create: false })
    for (let index = 1; index <= 3; index += 1)
      await stores.submitterJournal.write([{ key: 'task-9', value: bytes(`${index}`) }])
    await stores.close()
    const mark = await readFile(join(work, 'db.mark'))
    await restore(work, new Map(files).set('db.mark', mark))
    await expectLost(3)
  })
})

test('a table that an interrupted write left behind matters to nobody', async () => {
  await writeFile(join(database, '000999.ldb'), 'half a table')
  expect(await reading(work)).toBe(heldAfter(0))
})

describe('a record that LevelDB holds to be sound', () => {
  async function rewrite(key: Uint8Array, value: Uint8Array): Promise<void> {
    const encoding = { keyEncoding: 'view', valueEncoding: 'view' } as const
    const raw = new Level<Uint8Array, Uint8Array>(database, { ...encoding, compression: false })
    await raw.put(key, value)
    await raw.close()
  }

  test('is damage when its check does not fit', async () => {
    const seventeenth = Uint8Array.of(0x11, 0, 0, 0, 0, 0, 0, 0, 90)
    await rewrite(seventeenth, bytes('garbage'))
    await expectDamage(/damaged record in .*: raft entry 90/)
  })

  test('of a newer format is told apart from damage', async () => {
    const { key, value } = seal(Uint8Array.of(0x01), encode({ format: 3 }))
    await rewrite(key, value)
    expect(await reading(work)).toMatchObject({
      code: 'store.version',
      message: `${database} was written with format 3, this program reads up to 2`,
    })
  })
})

describe('a folder', () => {
  test('that does not exist is no mesh, and is not made', async () => {
    const absent = join(work, 'absent')
    await expect(openStores(absent, { create: false })).rejects.toMatchObject({ code: 'store.absent' })
    expect(await readdir(work)).not.toContain('absent')
  })

  test('with files of other programs in it is no mesh, and becomes one when it is made', async () => {
    const folder = join(work, 'new')
    await mkdir(folder)
    await writeFile(join(folder, 'notes.txt'), 'mine')
    await expect(openStores(folder, { create: false })).rejects.toMatchObject({ code: 'store.absent' })
    await (await openStores(folder, { create: true })).close()
    expect(await readFile(join(folder, 'notes.txt'), 'utf8')).toBe('mine')
  })

  test('that is a file is refused with the reason', async () => {
    await expect(openStores(join(database, 'CURRENT'), { create: true })).rejects.toMatchObject({
      code: 'store.write_failed',
      message: expect.stringContaining('ENOTDIR'),
    })
  })
})
