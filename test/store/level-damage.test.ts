/** Damage of LevelDB's own files: flipped bytes, cut tails, missing files, an old or a new format. */
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { CodedError, encode, present, Random } from '../../src/base/index.ts'
import { type NodeStores, openStores } from '../../src/store/index.ts'
import { seal } from '../../src/store/record.ts'
import { temporaryFolder } from './level-place.ts'
import { bytes, contents, step } from './samples.ts'

const LIVES = 4
const STEPS = 10

let root: string
let original: string
let work: string
/** The files of the store, LevelDB's lock and diary left aside. */
let files: ReadonlyMap<string, Buffer>
let newestLog: string
/** How long the newest log file was, and what the store held, after each of its last acknowledged batches. */
let history: { readonly logBytes: number; readonly held: string }[]

beforeAll(async () => {
  root = await temporaryFolder()
  original = join(root, 'original')
  history = []
  // Several lives make several tables: each opening writes what the last life left in the log file into one.
  for (let life = 0; life < LIVES; life += 1) {
    const stores = await openStores(original, { create: life === 0 })
    for (let index = 1; index <= STEPS; index += 1) await step(stores, life * STEPS + index)
    if (life === LIVES - 1) await writeLastBatches(stores)
    await stores.close()
  }
  files = await storeFiles(original)
})

async function writeLastBatches(stores: NodeStores): Promise<void> {
  await stores.state.load() // nothing deferred is left to ride on the batches below
  const logs = (await readdir(original)).filter((name) => name.endsWith('.log'))
  newestLog = present(logs.sort().at(-1), 'log file')
  for (let index = 0; index <= 20; index += 1) {
    if (index > 0) await stores.submitterJournal.write([{ key: 'task-1', value: bytes(`late ${index}`) }])
    const { size } = await stat(join(original, newestLog))
    history.push({ logBytes: size, held: JSON.stringify(await contents(stores)) })
  }
}

beforeEach(async () => {
  work = join(root, 'work')
  await restore(files)
})

afterAll(() => rm(root, { recursive: true }))

async function storeFiles(folder: string): Promise<Map<string, Buffer>> {
  const names = (await readdir(folder)).filter((name) => !/^LO(CK|G|G\.old)$/.test(name))
  const entries = names.map(async (name) => [name, await readFile(join(folder, name))] as const)
  return new Map(await Promise.all(entries))
}

/** Makes the work folder anew with these files. */
async function restore(contents: ReadonlyMap<string, Buffer>): Promise<void> {
  await rm(work, { recursive: true, force: true })
  await mkdir(work)
  for (const [name, data] of contents) await writeFile(join(work, name), data)
}

/** The contents as text, or the error. */
async function reading(folder: string): Promise<string | CodedError> {
  try {
    const stores = await openStores(folder, { create: false })
    try {
      return JSON.stringify(await contents(stores))
    } finally {
      await stores.close()
    }
  } catch (thrown) {
    if (thrown instanceof CodedError) return thrown
    throw thrown
  }
}

async function expectDamage(what: RegExp): Promise<void> {
  const result = await reading(work)
  expect(result).toMatchObject({ code: 'store.corrupt', exitCode: 6 })
  expect(String(result)).toMatch(what)
}

function heldAfter(batchesLost: number): string {
  return present(history.at(-1 - batchesLost), 'history').held
}

test('an undamaged store opens with everything, again and again', async () => {
  for (let round = 0; round < 3; round += 1) expect(await reading(work)).toBe(heldAfter(0))
})

test('400 times one or two flipped bytes: all is there, or the store is refused, or only batches at the very end were hit', async () => {
  const random = new Random(3)
  const places = [...files].flatMap(([name, data]) => Array.from(data, (_, at) => ({ name, at })))
  let refused = 0
  for (let round = 0; round < 400; round += 1) {
    const hit = Array.from({ length: random.integer(1, 2) }, () =>
      present(places[random.integer(0, places.length - 1)], 'place'),
    )
    const damaged = new Map(Array.from(files, ([name, data]) => [name, Buffer.from(data)]))
    for (const { name, at } of hit) {
      const data = present(damaged.get(name), 'file')
      data[at] = (data[at] ?? 0) ^ random.integer(1, 255)
    }
    await restore(damaged)
    const result = await reading(work)
    if (result instanceof CodedError) {
      expect(result.code).toBe('store.corrupt')
      refused += 1
    } else {
      // What ADR 0004 leaves to the high-water mark: a batch that was hit, with no sound batch behind it.
      expect(result).toBe(heldAfter(hitAtTheEnd(hit)))
    }
  }
  expect(refused).toBeGreaterThan(350)
})

/** How many batches at the end of the newest log file were hit with none behind them that was not. */
function hitAtTheEnd(hit: readonly { readonly name: string; readonly at: number }[]): number {
  const isHit = (lost: number) => {
    const begin = present(history.at(-2 - lost), 'history').logBytes
    const end = present(history.at(-1 - lost), 'history').logBytes
    return hit.some(({ name, at }) => name === newestLog && at >= begin && at < end)
  }
  let lost = 0
  while (isHit(lost)) lost += 1
  return lost
}

describe('the newest log file', () => {
  test('cut anywhere in its last batches: what was written whole before the cut is there, nothing else', async () => {
    const data = present(files.get(newestLog), 'log file')
    const boundaries = history.slice(-4).flatMap(({ logBytes }) => [logBytes, logBytes + 1, logBytes + 7])
    const [first = 0] = boundaries
    const lengths = Array.from({ length: 80 }, (_, at) => first + at * 9).concat(boundaries)
    for (const length of lengths.filter((one) => one <= data.length)) {
      await restore(new Map(files).set(newestLog, data.subarray(0, length)))
      const expected = history.findLast(({ logBytes }) => logBytes <= length)
      expect(await reading(work)).toBe(expected?.held)
    }
  })

  test('a last batch of which the disk kept only zeros was not acknowledged: the rest is there', async () => {
    const data = Buffer.from(present(files.get(newestLog), 'log file'))
    await writeFile(join(work, newestLog), data.fill(0, history.at(-2)?.logBytes))
    expect(await reading(work)).toBe(heldAfter(1))
  })

  test('zeros with a later batch behind them are damage', async () => {
    const data = Buffer.from(present(files.get(newestLog), 'log file'))
    await writeFile(join(work, newestLog), data.fill(0, history.at(-3)?.logBytes, history.at(-2)?.logBytes))
    await expectDamage(/\.log: the record at byte \d+/)
  })
})

test('every other file: cut short or gone, the store is refused and the file is named', async () => {
  for (const [name, data] of files) {
    if (name !== newestLog) {
      await writeFile(join(work, name), data.subarray(0, -1))
      await expectDamage(new RegExp(name))
    }
    await rm(join(work, name))
    await expectDamage(new RegExp(name))
    await writeFile(join(work, name), data)
  }
  expect(await reading(work)).toBe(heldAfter(0))
})

test('a table that an interrupted write left behind matters to nobody', async () => {
  await writeFile(join(work, '000999.ldb'), 'half a table')
  expect(await reading(work)).toBe(heldAfter(0))
})

describe('a record that LevelDB holds to be sound', () => {
  async function rewrite(key: Uint8Array, value: Uint8Array): Promise<void> {
    const encoding = { keyEncoding: 'view', valueEncoding: 'view' } as const
    const raw = new Level<Uint8Array, Uint8Array>(work, { ...encoding, compression: false })
    await raw.put(key, value)
    await raw.close()
  }

  test('is damage when its check does not fit', async () => {
    const seventeenth = Uint8Array.of(0x11, 0, 0, 0, 0, 0, 0, 0, 17)
    await rewrite(seventeenth, bytes('garbage'))
    await expectDamage(/damaged record in .*: raft entry 17/)
  })

  test('of a newer format is told apart from damage', async () => {
    const { key, value } = seal(Uint8Array.of(0x01), encode({ format: 3 }))
    await rewrite(key, value)
    expect(await reading(work)).toMatchObject({
      code: 'store.version',
      message: `${work} was written with format 3, this program reads up to 2`,
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
    await expect(openStores(join(work, 'CURRENT'), { create: true })).rejects.toMatchObject({
      code: 'store.write_failed',
      message: expect.stringContaining('ENOTDIR'),
    })
  })
})
