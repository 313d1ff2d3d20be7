/** What was submitted goes on without its user, and over the death of the node that it was submitted on. 3 real nodes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import type { DemoNode } from '../../bootstrap/demo/demo-node.ts'
import { processesOf, TestMesh, taskShape } from './support/mesh.ts'

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const PATIENT = { timeout: 60_000, interval: 100 }
/** Counts, a line every 50 ms, until the file is there. */
const countingUntil = (file: string): readonly string[] => [
  'bash',
  '-c',
  `i=0; while [ ! -e ${file} ]; do i=$((i+1)); echo "line $i"; sleep 0.05; done; echo over >&2; exit 7`,
]

/** A call of the CLI on a node, with what it has printed so far. */
class Call {
  out = ''
  err = ''
  readonly ended: Promise<number>
  private readonly child: ChildProcess

  constructor(node: DemoNode, args: readonly string[]) {
    const child = spawn(process.execPath, [CLI, '--data-dir', node.dataDir, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout.on('data', (chunk: Buffer) => {
      this.out += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      this.err += chunk.toString()
    })
    this.ended = once(child, 'close').then(([code]) => (typeof code === 'number' ? code : -1))
    this.child = child
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }
}

async function submitted(
  node: DemoNode,
  options: readonly string[],
  argv: readonly string[],
): Promise<string> {
  return (await node.cli(['submit', ...options, '--', ...argv])).trim()
}

const linesOf = (text: string): number => text.trimEnd().split('\n').length

describe('detached tasks', () => {
  let mesh: TestMesh
  /** Ends the command that waits for it. */
  const flag = join(tmpdir(), `populi-detached-${process.pid}`)

  beforeAll(async () => {
    mesh = await TestMesh.form(['a', 'b', 'c'])
  }, 120_000)

  afterAll(async () => {
    await rm(flag, { force: true })
    await mesh.end()
  }, 60_000)

  const untilRunning = (from: DemoNode, id: string): Promise<void> =>
    vi.waitFor(async () => {
      expect(await from.json(taskShape, ['task', id])).toMatchObject({ state: 'running' })
    }, PATIENT)

  const letEnd = (): Promise<void> => writeFile(flag, '')

  it('submit prints the id and goes; logs of another process follows; wait has the exit code of the command', async () => {
    const a = mesh.get('a')
    const id = await submitted(a, ['--on', 'b'], countingUntil(flag))
    expect(id).toMatch(/^\d+$/)
    await untilRunning(a, id)
    const logs = new Call(a, ['logs', '-f', id])
    const wait = new Call(a, ['wait', id])
    await vi.waitFor(() => expect(linesOf(logs.out)).toBeGreaterThan(5), PATIENT)
    await letEnd()
    expect([await logs.ended, logs.err]).toEqual([0, 'over\n'])
    expect([await wait.ended, wait.out]).toEqual([7, `Task ${id} failed on b: exit code 7.\n`])
    const expected = Array.from({ length: linesOf(logs.out) }, (_, at) => `line ${at + 1}\n`).join('')
    expect(logs.out).toBe(expected)
    // Later, too, from the disk.
    expect(await a.cli(['logs', id])).toBe(expected)
    expect(await a.cli(['logs', '--tail', '2', id])).toBe(expected.split('\n').slice(-2).join('\n'))
    await rm(flag)
  }, 120_000)

  it('Ctrl-C of a reader changes nothing; cancel ends the task, and says how long that took', async () => {
    const a = mesh.get('a')
    const id = await submitted(a, ['--on', 'c'], countingUntil(flag))
    await untilRunning(a, id)
    const logs = new Call(a, ['logs', '-f', id])
    await vi.waitFor(() => expect(linesOf(logs.out)).toBeGreaterThan(2), PATIENT)
    logs.kill('SIGINT')
    expect(await logs.ended).toBe(0)
    expect(await a.json(taskShape, ['task', id])).toMatchObject({ state: 'running' })
    expect(await a.cli(['cancel', id])).toBe(`Task ${id} cancelled on c: ended by SIGTERM.\n`)
    expect(await processesOf(id)).toEqual([])
    const shape = z.looseObject({
      cancelLatencyMs: z.number(),
      runs: z.array(z.looseObject({ state: z.string() })),
    })
    const detail = await a.json(shape, ['task', id])
    expect(detail.runs.map(({ state }) => state)).toEqual(['start', 'cancel_requested', 'cancelled'])
    expect(detail.cancelLatencyMs).toBeGreaterThanOrEqual(0)
  }, 120_000)

  it('kill -9 of the submitting node in the middle: the task goes on, started once, and nothing that it printed is lost', async () => {
    const a = mesh.get('a')
    const record = join(tmpdir(), `populi-detached-lines-${process.pid}`)
    const starts = `${record}-starts`
    const loop = `i=0; while [ ! -e ${flag} ]; do i=$((i+1)); echo "line $i"; echo "line $i" >> ${record}; sleep 0.05; done`
    const script = `echo $$ >> ${starts}; ${loop}; exit 3`
    try {
      const id = await submitted(a, ['--on', 'b'], ['bash', '-c', script])
      const before = new Call(a, ['logs', '-f', id])
      await vi.waitFor(() => expect(linesOf(before.out)).toBeGreaterThan(10), PATIENT)
      await a.end('SIGKILL')
      expect(await before.ended).toBe(5)
      expect(before.err).toContain(`populi logs ${id}`)
      // It prints on, with nobody to hear it.
      const printed = linesOf(await readFile(record, 'utf8'))
      await vi.waitFor(async () => {
        expect(linesOf(await readFile(record, 'utf8'))).toBeGreaterThan(printed + 20)
      }, PATIENT)
      await a.up()
      const after = new Call(a, ['logs', '-f', id])
      await vi.waitFor(() => expect(linesOf(after.out)).toBeGreaterThan(printed + 40), PATIENT)
      await letEnd()
      expect(await after.ended).toBe(0)
      expect(await new Call(a, ['wait', id]).ended).toBe(3)
      expect(after.out).toBe(await readFile(record, 'utf8'))
      expect(after.out.startsWith(before.out)).toBe(true)
      expect(linesOf(await readFile(starts, 'utf8'))).toBe(1)
      expect(await a.json(taskShape, ['task', id])).toMatchObject({
        state: 'failed',
        node: 'b',
        exitCode: 3,
        starts: 1,
        finalResults: 1,
      })
    } finally {
      await rm(record, { force: true })
      await rm(starts, { force: true })
      await rm(flag, { force: true })
    }
  }, 180_000)

  it('run: a closed terminal cancels the attached task', async () => {
    const a = mesh.get('a')
    const run = new Call(a, ['run', '--on', 'c', '--', ...countingUntil(flag)])
    await vi.waitFor(() => expect(run.out).toContain('line 3'), PATIENT)
    const id = /task (\d+)/.exec(run.err)?.[1] ?? ''
    run.kill('SIGHUP')
    await vi.waitFor(async () => {
      expect(await a.json(taskShape, ['task', id])).toMatchObject({ state: 'cancelled' })
      expect(await processesOf(id)).toEqual([])
    }, PATIENT)
  }, 120_000)
})
