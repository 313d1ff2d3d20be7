import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { LineRing } from '../../src/store/index.ts'

interface Opened {
  readonly ring: LineRing
  readonly damage: string[]
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'populi-ring-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function openIn(folder: string, linesMax = 10): Promise<Opened> {
  const damage: string[] = []
  const ring = await LineRing.open({ folder, name: 'mesh', linesMax, onDamage: (what) => damage.push(what) })
  onTestFinished(() => ring.close())
  return { ring, damage }
}

/** `line 0` and so on, one by one. */
async function write(ring: LineRing, from: number, to: number): Promise<void> {
  for (let number = from; number < to; number += 1) await ring.append([`line ${number}`])
}

const lines = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, place) => `line ${from + place}`)

test('lines are there after a restart, in order, and the folder is for its owner alone', async () => {
  const folder = join(await temporaryFolder(), 'events')
  const { ring } = await openIn(folder)
  await ring.append(['one', 'two'])
  await ring.append(['three'])
  await ring.close()
  const { ring: again, damage } = await openIn(folder)
  expect(again.found).toEqual(['one', 'two', 'three'])
  expect(damage).toEqual([])
  expect((await stat(folder)).mode & 0o777).toBe(0o700)
  expect((await stat(join(folder, 'mesh.log'))).mode & 0o777).toBe(0o600)
})

test('a process that was killed has lost nothing that `append` had taken', async () => {
  const folder = await temporaryFolder()
  const { ring } = await openIn(folder)
  await write(ring, 0, 3)
  expect((await openIn(folder)).ring.found).toEqual(lines(0, 3))
})

test.each([9, 10, 11, 20, 21, 57])(
  'a ring of 10 after %i lines holds the newest 10, and no more than 20 are on the disk',
  async (count) => {
    const folder = await temporaryFolder()
    const { ring } = await openIn(folder)
    await write(ring, 0, count)
    const kept = lines(Math.max(0, count - 10), count)
    expect((await openIn(folder)).ring.found).toEqual(kept)
    const files = await Promise.all(
      ['mesh.log', 'mesh.old.log'].map((name) => readFile(join(folder, name), 'utf8').catch(() => '')),
    )
    const onDisk = files.flatMap((text) => text.split('\n').filter((line) => line !== ''))
    expect(onDisk.length).toBeLessThanOrEqual(20)
    expect(onDisk.length).toBeGreaterThanOrEqual(kept.length)
  },
)

test('a restart in the middle of a file changes nothing about when it is full', async () => {
  const folder = await temporaryFolder()
  for (let start = 0; start < 60; start += 4) {
    const { ring, damage } = await openIn(folder)
    expect([ring.found, damage]).toEqual([lines(Math.max(0, start - 10), start), []])
    await write(ring, start, start + 4)
    await ring.close()
  }
})

test('any flipped bit costs its own line, or two when it was the end of one, and is told', async () => {
  const folder = await temporaryFolder()
  const { ring } = await openIn(folder)
  await write(ring, 0, 3)
  await ring.close()
  const path = join(folder, 'mesh.log')
  const sound = await readFile(path)
  for (let bit = 0; bit < sound.length * 8; bit += 1) {
    const damaged = Buffer.from(sound)
    damaged[bit >> 3] = (sound[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    await writeFile(path, damaged)
    const { ring: again, damage } = await openIn(folder)
    expect(damage).toHaveLength(1)
    expect(lines(0, 3)).toEqual(expect.arrayContaining([...again.found]))
    expect(again.found.length).toBeGreaterThanOrEqual(sound[bit >> 3] === 0x0a ? 1 : 2)
  }
})

test('a file that ends within a line, wherever: the lines before are there, and the next one is whole', async () => {
  const folder = await temporaryFolder()
  const { ring } = await openIn(folder)
  await write(ring, 0, 3)
  await ring.close()
  const path = join(folder, 'mesh.log')
  const sound = await readFile(path)
  for (let length = 0; length <= sound.length; length += 1) {
    await writeFile(path, sound.subarray(0, length))
    const { ring: torn } = await openIn(folder)
    await torn.append(['after'])
    await torn.close()
    // The text of the last line is whole when only its line feed is missing.
    const whole = sound.subarray(0, length + 1).filter((byte) => byte === 0x0a).length
    expect((await openIn(folder)).ring.found).toEqual([...lines(0, whole), 'after'])
  }
})

test('what is no file, no text or no folder is told and keeps nobody from going on', async () => {
  const folder = await temporaryFolder()
  await mkdir(join(folder, 'mesh.log'))
  await writeFile(join(folder, 'mesh.old.log'), Buffer.alloc(4096, 0xff))
  const { ring, damage } = await openIn(folder)
  expect(ring.found).toEqual([])
  expect(damage).toHaveLength(2)
  await expect(ring.append(['x'])).rejects.toMatchObject({ code: 'store.write_failed' })

  await writeFile(join(folder, 'file'), '')
  const { ring: nowhere, damage: more } = await openIn(join(folder, 'file'))
  expect(nowhere.found).toEqual([])
  expect(more.length).toBeGreaterThan(0)
  await expect(nowhere.append(['x'])).rejects.toMatchObject({ code: 'store.write_failed' })
})

test('after a failed write the next one is tried, and what it writes is whole', async () => {
  const folder = await temporaryFolder()
  const path = join(folder, 'mesh.log')
  const { ring } = await openIn(folder)
  await mkdir(path)
  await expect(ring.append(['lost'])).rejects.toMatchObject({ code: 'store.write_failed' })
  await rm(path, { recursive: true })
  await ring.append(['kept'])
  expect((await openIn(folder)).ring.found).toEqual(['kept'])
})
