/** The high-water mark: what a torn write, a flipped byte and a lost sync leave of it. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type MarkFile, markPath, openMarkFile, readMarkFile } from '../../src/store/mark-file.ts'
import { temporaryFolder } from './level-place.ts'

const SLOT_BYTES = 4096
const SLOTS = [0, 1, 2]

let root: string
let database: string
let path: string
let mark: MarkFile

beforeEach(async () => {
  root = await temporaryFolder()
  database = join(root, 'db')
  path = markPath(database)
  mark = await openMarkFile(database)
})

afterEach(() => rm(root, { recursive: true }))

const count = async () => (await readMarkFile(path))?.count

test('a mark that was never made is not found; one that was made says its number at once', async () => {
  expect(mark.found).toBeUndefined()
  await mark.start(0)
  expect(await count()).toBe(0)
  await mark.close()
})

test('after a close the number of the last advance is found, whatever came together', async () => {
  await mark.start(7)
  for (let batch = 8; batch <= 500; batch += 1) mark.advance(batch)
  await mark.close()
  expect(await openMarkFile(database)).toMatchObject({ found: 500 })
  expect(await readMarkFile(path)).toEqual({ count: 500, damage: [] })
})

test('a slot that was torn leaves one of the other two, and the next start makes all three sound', async () => {
  await mark.start(41)
  mark.advance(42)
  await mark.close()
  const whole = await readFile(path)
  for (const slot of SLOTS) {
    const torn = Buffer.from(whole)
    torn.fill(0xee, slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES)
    await writeFile(path, torn)
    const found = await readMarkFile(path)
    expect(found?.damage).toEqual([1, 2].map((copy) => `copy ${copy} of slot ${slot + 1}`))
    expect(found?.count).toBeGreaterThanOrEqual(41)
    const next = await openMarkFile(database)
    await next.start(42)
    await next.close()
    expect(await readMarkFile(path)).toEqual({ count: 42, damage: [] })
  }
})

test('any one byte that goes bad leaves the number as it was: each slot says it twice', async () => {
  await mark.start(41)
  mark.advance(42)
  await mark.close()
  const whole = await readFile(path)
  for (const slot of SLOTS)
    for (let at = 0; at < 64; at += 1) {
      const damaged = Buffer.from(whole)
      const place = slot * SLOT_BYTES + at
      damaged.writeUInt8(damaged.readUInt8(place) ^ 0x10, place)
      await writeFile(path, damaged)
      expect(await count()).toBe(42)
    }
})

describe('while one number is being synced', () => {
  test('the next goes into another slot: never is there less than what was synced', async () => {
    await mark.start(0)
    for (let batch = 1; batch <= 60; batch += 1) {
      mark.advance(batch)
      const found = await readMarkFile(path)
      expect(found?.damage.length).toBeLessThanOrEqual(2)
      expect(found?.count).toBeLessThanOrEqual(batch)
    }
    await mark.close()
    expect(await count()).toBe(60)
  })
})

test('a folder that cannot be written refuses to start, and says where', async () => {
  await rm(root, { recursive: true })
  await expect(mark.start(1)).rejects.toMatchObject({
    code: 'store.write_failed',
    message: expect.stringContaining('db.mark'),
  })
  await writeFile(root, '')
})
