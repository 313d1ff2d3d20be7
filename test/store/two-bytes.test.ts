/** Any two bytes of a stopped node's store go bad: the node is refused, or it finds exactly what it had. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CodedError, present, Random } from '../../src/base/index.ts'
import { temporaryFolder } from './level-place.ts'
import { copyOf, type Files, filesIn, makeStopped, newestLogOf, reading, restore } from './stopped-store.ts'

const ROUNDS = 1000
/** Where a mark says something: three slots, of two copies with 20 bytes each. */
const MARK_PLACES = Array.from({ length: 3 * 64 }, (_, at) => Math.floor(at / 64) * 4096 + (at % 64))

interface Place {
  readonly name: string
  readonly at: number
}

let root: string
let files: Files
let held: string

beforeAll(async () => {
  root = await temporaryFolder()
  await makeStopped(join(root, 'original'))
  files = await filesIn(join(root, 'original'))
  const undamaged = await reading(join(root, 'original'))
  if (undamaged instanceof CodedError) throw undamaged
  held = undamaged
})

afterAll(() => rm(root, { recursive: true }))

async function afterFlipping(random: Random, places: readonly Place[]): Promise<'refused' | 'exact'> {
  const work = join(root, 'work')
  const damaged = copyOf(files)
  for (const { name, at } of places) {
    const data = present(damaged.get(name), 'file')
    data[at] = (data[at] ?? 0) ^ random.integer(1, 255)
  }
  await restore(work, damaged)
  const result = await reading(work)
  if (result instanceof CodedError) {
    expect(
      ['store.corrupt', 'store.lost_batches'],
      places.map((one) => `${one.name}:${one.at}`).join(),
    ).toContain(result.code)
    expect(result.message).toContain(work)
    return 'refused'
  }
  expect(result).toBe(held)
  return 'exact'
}

/** Anywhere, each byte alike. */
function anyPlace(random: Random): Place {
  const places = [...files].flatMap(([name, data]) => (data.length === 0 ? [] : [{ name, data }]))
  let at = random.integer(0, places.reduce((bytes, { data }) => bytes + data.length, 0) - 1)
  for (const { name, data } of places) {
    if (at < data.length) return { name, at }
    at -= data.length
  }
  return { name: 'CURRENT', at: 0 }
}

/** Each file alike; of a mark the bytes that say something, of the newest log rather its end. */
function pointedPlace(random: Random): Place {
  const name = present([...files.keys()][random.integer(0, files.size - 1)], 'file')
  const length = present(files.get(name), 'file').length
  if (name === 'db.mark')
    return { name, at: present(MARK_PLACES[random.integer(0, MARK_PLACES.length - 1)], 'place') }
  const first = name === newestLogOf(files) && random.float() < 0.5 ? Math.max(0, length - 300) : 0
  return { name, at: random.integer(first, length - 1) }
}

test(`${ROUNDS} times two flipped bytes anywhere: refused with a clear error, or exactly what was there`, async () => {
  const random = new Random(4)
  const seen = { refused: 0, exact: 0 }
  for (let round = 0; round < ROUNDS; round += 1) {
    const place = round % 2 === 0 ? anyPlace : pointedPlace
    seen[await afterFlipping(random, [place(random), place(random)])] += 1
  }
  expect(seen.refused).toBeGreaterThan(ROUNDS / 2)
  expect(seen.exact).toBeGreaterThan(0)
}, 60_000)

test('one byte of the mark and one of the last batch, 200 times: the mark still tells that the batch is gone', async () => {
  const random = new Random(5)
  const log = newestLogOf(files)
  const last = present(files.get(log), 'log file').length - 1
  for (let round = 0; round < 200; round += 1) {
    const at = present(MARK_PLACES[random.integer(0, MARK_PLACES.length - 1)], 'place')
    const hit = { name: log, at: last - random.integer(0, 100) }
    expect(await afterFlipping(random, [{ name: 'db.mark', at }, hit])).toBe('refused')
  }
})
