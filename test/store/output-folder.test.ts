/** Output logs on real files. */
import { spawnSync } from 'node:child_process'
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { LIMITS } from '../../src/base/index.ts'
import { openStores } from '../../src/store/index.ts'
import { OutputFolder } from '../../src/store/output-files.ts'
import type { OutputBounds } from '../../src/store/output-log.ts'
import { SegmentedLogs } from '../../src/store/output-logs.ts'
import type { OutputLog } from '../../src/task/index.ts'
import { temporaryFolder } from './level-place.ts'

async function place(): Promise<string> {
  const root = await temporaryFolder()
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  return root
}

async function openIn(folder: string, bounds: Partial<OutputBounds> = {}): Promise<SegmentedLogs> {
  const logs = await SegmentedLogs.open({ files: new OutputFolder(folder), bounds })
  onTestFinished(() => logs.close())
  return logs
}

async function allOf(log: OutputLog): Promise<string> {
  const pieces = await log.read(0, Number.MAX_SAFE_INTEGER)
  return Buffer.concat(pieces.map(({ chunk }) => chunk)).toString()
}

/** Files below the folder that this process has open. */
async function openFilesIn(folder: string): Promise<number> {
  const { readlink } = await import('node:fs/promises')
  const descriptors = await readdir('/proc/self/fd')
  const paths = await Promise.all(
    descriptors.map((each) => readlink(`/proc/self/fd/${each}`).catch(() => '')),
  )
  return paths.filter((path) => path.startsWith(`${folder}/`)).length
}

test('a store keeps output beside its database, for its owner alone, over a restart', async () => {
  const root = await place()
  const stores = await openStores(join(root, 'db'), { create: true })
  expect(await readdir(root)).not.toContain('output')
  await (await stores.outputs.submitter.open('key/1')).append('stdout', Buffer.from('kept'))
  await stores.close()
  for (const folder of ['output', 'output/submitter'])
    expect((await stat(join(root, folder))).mode & 0o777).toBe(0o700)
  const names = await readdir(join(root, 'output/submitter'))
  expect(names).toEqual(['key%2f1.0000000000000000.out'])
  expect((await stat(join(root, 'output/submitter', names[0] ?? ''))).mode & 0o777).toBe(0o600)
  const again = await openStores(join(root, 'db'), { create: false })
  expect(await again.outputs.submitter.keys()).toEqual(['key/1'])
  expect(await again.outputs.worker.keys()).toEqual([])
  expect(await allOf(await again.outputs.submitter.open('key/1'))).toBe('kept')
  await again.close()
})

test('a file that a crash cut at any byte keeps what was whole, and takes what comes', async () => {
  const folder = join(await place(), 'output')
  const log = await (await openIn(folder)).open('a')
  for (const word of ['one ', 'two ', 'three ']) await log.append('stdout', Buffer.from(word))
  const [name = ''] = await readdir(folder)
  const whole = await readFile(join(folder, name))
  for (let cut = whole.length; cut >= 0; cut -= 1) {
    const words = cut === whole.length ? 'one two three ' : cut >= 24 ? 'one two ' : cut >= 12 ? 'one ' : ''
    await writeFile(join(folder, name), whole.subarray(0, cut))
    const found = await (await openIn(folder)).open('a')
    expect(await allOf(found)).toBe(words)
    await found.append('stderr', Buffer.from('more'))
    expect(await allOf(await (await openIn(folder)).open('a'))).toBe(`${words}more`)
  }
})

test('many logs keep few files open, and none after they are closed or removed', async () => {
  const folder = join(await place(), 'output')
  const logs = await openIn(folder)
  const keys = Array.from({ length: LIMITS.outputOpenFilesMax + 20 }, (_, at) => `key-${at}`)
  await Promise.all(keys.map(async (key) => (await logs.open(key)).append('stdout', Buffer.from(key))))
  expect(await openFilesIn(folder)).toBe(LIMITS.outputOpenFilesMax)
  for (const key of keys) expect(await allOf(await logs.open(key))).toBe(key)
  expect(await openFilesIn(folder)).toBe(LIMITS.outputOpenFilesMax)
  for (const key of keys.slice(0, 80)) await logs.remove(key)
  await logs.close()
  expect(await openFilesIn(folder)).toBe(0)
  expect(await readdir(folder)).toHaveLength(keys.length - 80)
})

test('after a restart, too, what was written to longest ago goes first', async () => {
  const folder = join(await place(), 'output')
  const first = await openIn(folder)
  for (const key of ['new', 'old']) await (await first.open(key)).append('stdout', Buffer.alloc(1000))
  for (const name of await readdir(folder))
    if (name.startsWith('old')) await utimes(join(folder, name), 1000, 1000)
  const logs = await openIn(folder, { logsBytesMax: 2500 })
  await (await logs.open('newest')).append('stdout', Buffer.alloc(1000))
  await logs.close()
  const begins = await Promise.all(['old', 'new', 'newest'].map(async (key) => (await logs.open(key)).begin))
  expect(begins).toEqual([1000, 0, 0])
})

test('files of somebody else in the folder are left alone', async () => {
  const folder = await place()
  await writeFile(join(folder, 'notes.txt'), 'mine')
  const logs = await openIn(folder)
  expect(await logs.keys()).toEqual([])
  await (await logs.open('a')).append('stdout', Buffer.from('x'))
  expect(await readFile(join(folder, 'notes.txt'), 'utf8')).toBe('mine')
})

/** A small disk needs a mount in a namespace of its own, which not every machine allows. */
const canMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0

test.skipIf(!canMount)(
  'a disk that is full: the append fails, older output goes, and the log goes on',
  async () => {
    const root = await place()
    const small = join(root, 'small')
    await mkdir(small)
    const fixture = fileURLToPath(new URL('./fixtures/print-until-refused.ts', import.meta.url))
    // The disk goes with the namespace: what is on it is copied to where it can be looked at.
    const script = 'mount -t tmpfs -o size=8m tmpfs "$0" && "$@" && cp -r "$0/output" "$0/.."'
    const writer = [process.execPath, fixture, join(small, 'db')]
    const { stdout, status } = spawnSync('unshare', ['-rm', 'bash', '-c', script, small, ...writer])
    expect(status).toBe(0)
    const report = JSON.parse(String(stdout))
    expect(report.codes).toEqual(['store.write_failed'])
    expect(report.full).toBeGreaterThan(LIMITS.outputSegmentBytesMax)
    expect(report.trimmed).toBeGreaterThan(0)
    expect(report.end).toBe(report.full + 'there is room again'.length)
    const log = await (await openIn(join(root, 'output/worker'))).open('key')
    expect([log.begin, log.end]).toEqual([report.trimmed, report.end])
    const pieces = await log.read(report.full - 1, 100)
    expect(pieces.map(({ stream, chunk }) => [stream, Buffer.from(chunk).toString()])).toEqual([
      ['stdout', 'x'],
      ['stderr', 'there is room again'],
    ])
  },
)
