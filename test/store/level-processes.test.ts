/** LevelDB and the operating system: two processes, SIGKILL, a full disk. Real processes on a real folder. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openStores } from '../../src/store/index.ts'
import { temporaryFolder } from './level-place.ts'
import { contents, entry } from './samples.ts'

let root: string
let children: ChildProcess[]

beforeEach(async () => {
  root = await temporaryFolder()
  children = []
})

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  await rm(root, { recursive: true })
})

function fixture(name: string): string {
  return fileURLToPath(new URL(`./fixtures/${name}.ts`, import.meta.url))
}

function start(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  return child
}

function linesOf(child: ChildProcess): AsyncIterable<string> {
  if (child.stdout === null) throw new TypeError('the child has no stdout')
  return createInterface({ input: child.stdout })
}

test('a second process on the same folder is told that it is in use, and can open it when the first is gone', async () => {
  const holder = start(process.execPath, [fixture('hold'), join(root, 'db')])
  for await (const line of linesOf(holder)) if (line === 'held') break
  await expect(openStores(join(root, 'db'), { create: true })).rejects.toMatchObject({
    code: 'store.in_use',
    message: `the data directory ${join(root, 'db')} is in use by another node`,
  })
  const gone = once(holder, 'exit')
  holder.kill('SIGKILL')
  await gone
  const stores = await openStores(join(root, 'db'), { create: false })
  await stores.close()
})

test('5 times SIGKILL in the middle of writing: everything that was acknowledged is there', async () => {
  let acknowledged = 0
  for (let round = 1; round <= 5; round += 1) {
    const writer = start(process.execPath, [fixture('append-until-killed'), join(root, 'db')])
    const gone = once(writer, 'exit')
    const killAfter = acknowledged + 20 + round * 7
    for await (const line of linesOf(writer)) {
      acknowledged = Number(line)
      if (acknowledged >= killAfter) writer.kill('SIGKILL')
    }
    await gone
    expect(acknowledged).toBeGreaterThanOrEqual(killAfter)

    const stores = await openStores(join(root, 'db'), { create: false })
    const { hardState, entries } = await stores.log.load()
    expect(entries.length).toBeGreaterThanOrEqual(acknowledged)
    expect(hardState?.commitIndex).toBe(entries.length - 1)
    for (const [at, one] of entries.entries())
      expect(Buffer.from(one.data).toString()).toBe(`command ${at + 1}${'.'.repeat((at + 1) % 40)}`)
    const task = `task-${acknowledged % 5}`
    const journal = await stores.submitterJournal.load()
    const progress = Buffer.from(journal.find(({ key }) => key === task)?.value ?? []).toString()
    expect(Number(progress.replace('running ', ''))).toBeGreaterThanOrEqual(acknowledged)
    const { appliedIndex } = await stores.state.load()
    expect(appliedIndex).toBeGreaterThanOrEqual(acknowledged)
    await stores.close()
  }
})

/** Runs the writer until its disk takes no more, and looks at the store in `root` then. */
async function expectRefusal(command: string, args: readonly string[]): Promise<void> {
  const writer = start(command, args)
  const gone = once(writer, 'exit')
  let report = { acknowledged: 0, codes: [] as string[] }
  for await (const line of linesOf(writer)) report = JSON.parse(line)
  await gone
  expect(report.codes).toEqual(['store.write_failed', 'store.write_failed'])
  expect(report.acknowledged).toBeGreaterThan(0)
  const stores = await openStores(join(root, 'db'), { create: false })
  const { entries } = await stores.log.load()
  expect(entries.length).toBeGreaterThanOrEqual(report.acknowledged)
  expect(entries).toEqual(entries.map((_, at) => entry(at + 1, 1)))
  expect(await contents(stores)).toMatchObject({ appliedIndex: 0, incarnation: '' })
  await stores.close()
}

test('a file that may not grow: the write fails, every later one too, and nothing acknowledged is lost', async () => {
  const script = 'ulimit -f 64; exec "$0" "$@"'
  await expectRefusal('bash', [
    '-c',
    script,
    process.execPath,
    fixture('append-until-refused'),
    join(root, 'db'),
  ])
})

/** A small disk needs a mount in a namespace of its own, which not every machine allows. */
const canMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0

test.skipIf(!canMount)('a disk that is full: the same', async () => {
  const small = join(root, 'small')
  await mkdir(small)
  // The disk goes with the namespace: what is on it is copied to where it can be looked at.
  const script = 'mount -t tmpfs -o size=256k tmpfs "$0" && "$@"; cp -r "$0/." "$0/.."'
  const writer = [process.execPath, fixture('append-until-refused'), join(small, 'db')]
  await expectRefusal('unshare', ['-rm', 'bash', '-c', script, small, ...writer])
})
