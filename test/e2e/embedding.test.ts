import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  type CodedError,
  createNode,
  type EmbeddedNode,
  initNode,
  silentLogger,
  TaskError,
} from '../../src/index.ts'
import { functionsOf, SETTINGS } from './support/embedding-functions.ts'

const WAIT_MS = 60_000
const folder = mkdtempSync(join(tmpdir(), 'populi-embedding-'))
const journal = join(folder, 'journal')

/** What ran, in order. */
function lines(): { readonly at: number; readonly node: string; readonly what: string }[] {
  return readFileSync(journal, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [at, node = '', what = ''] = line.split(' ')
      return { at: Number(at), node, what }
    })
}

let home: EmbeddedNode
let workers = 0
const children = new Set<ChildProcess>()

/** A program of its own on "another machine". */
async function worker(): Promise<{ readonly child: ChildProcess; readonly name: string }> {
  const name = `worker-${++workers}`
  const { invite } = await home.invite(WAIT_MS)
  const path = fileURLToPath(new URL('./support/embedding-worker.ts', import.meta.url))
  const child = spawn(process.execPath, [path, join(folder, name), invite, name, journal], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.add(child)
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  expect(line).toBe('up')
  await vi.waitFor(() => expect(home.providers('shout')).toContain(name), { timeout: WAIT_MS, interval: 50 })
  return { child, name }
}

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.unreachable('it has a value'),
    (error: unknown) => error,
  )

beforeAll(async () => {
  writeFileSync(journal, '')
  const dataDir = join(folder, 'home')
  await initNode({ dataDir, nodeId: 'home' })
  home = await createNode({
    dataDir,
    settings: { ...SETTINGS, voterPolicy: 'always' },
    functions: functionsOf('home', journal),
    logger: silentLogger,
  })
}, 120_000)

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await home.close()
  rmSync(folder, { recursive: true, force: true })
}, 120_000)

describe('a program with a node in it, and another one as its worker', () => {
  let at: Awaited<ReturnType<typeof worker>>

  beforeAll(async () => {
    at = await worker()
  }, 120_000)

  afterAll(async () => {
    at.child.stdin?.end()
    expect(await once(at.child, 'exit')).toEqual([0, null])
  }, 60_000)

  test('calls a function there: input, value, lease and trace travel', async () => {
    const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`
    const task = await home.submit({ function: 'greet', input: { who: 'mesh' }, traceparent })
    const value = await task.result
    expect(value).toMatchObject({ text: 'hello mesh', from: at.name, fencingToken: expect.any(Number) })
    expect(value).toMatchObject({
      traceparent: expect.stringMatching(`^00-${'ab'.repeat(16)}-[0-9a-f]{16}-01$`),
    })
    const states: string[] = []
    for await (const { state } of task.states()) states.push(state)
    expect(states).toEqual(['queued', 'placing', 'leasing', 'offered', 'running', 'completed'])
    expect(await home.task(task.id).result).toEqual(value)
  })

  test('calls a module there: in a process that is neither of the two, whose output comes along', async () => {
    let printed = ''
    const task = await home.submit<{ text: string; pid: number }>({
      function: 'shout',
      input: { text: 'loud' },
      onOutput: async (_stream, chunk) => {
        printed += Buffer.from(chunk).toString()
      },
    })
    const { text, pid } = await task.result
    expect(text).toBe('LOUD')
    expect([process.pid, at.child.pid]).not.toContain(pid)
    expect(printed).toBe(`process ${pid}\n`)
    let read = ''
    for await (const { chunk } of task.output()) read += Buffer.from(chunk).toString()
    expect(read).toBe(printed)
  })

  test('a function that fails rejects with its words and its reason', async () => {
    const error = await failureOf((await home.submit({ function: 'fail', input: null })).result)
    expect(error).toBeInstanceOf(TaskError)
    expect(error).toMatchObject({ code: 'task.failed', reason: 'function_failed', node: at.name })
    expect((error as TaskError).message).toContain('function fail failed: RangeError: it cannot be done')
  })

  test('a function that nobody has registered fails with the reason for every node', async () => {
    const error = await failureOf((await home.submit({ function: 'unheard-of', input: null })).result)
    expect(error).toMatchObject({ code: 'task.failed', reason: 'no_eligible_node' })
    expect((error as TaskError).message).toContain('has not registered the function that is called')
    await expect(home.whenProvided('unheard-of', 1)).rejects.toMatchObject({ code: 'operation.timeout' })
    expect(home.providers('greet')).toEqual(expect.arrayContaining(['home', at.name]))
  })

  test('a module that does not hear that it is cancelled is ended, and the next call works', async () => {
    const task = await home.submit({ function: 'shout', input: { text: 'x', deaf: true } })
    let pid = 0
    for await (const { chunk } of task.output()) {
      pid = Number(/process (\d+)/.exec(Buffer.from(chunk).toString())?.[1])
      break
    }
    await task.cancel()
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
    expect(await failureOf(task.result)).toMatchObject({
      code: 'task.cancelled',
      reason: 'cancelled_by_user',
    })
    expect(await (await home.submit({ function: 'shout', input: { text: 'y' } })).result).toMatchObject({
      text: 'Y',
    })
  })

  test('commands run as well: the exit code is the answer', async () => {
    const task = await home.submit({
      command: ['sh', '-c', 'echo $WORD; exit 7'],
      env: { WORD: 'out' },
      on: at.name,
    })
    expect(await task.result).toEqual({ exitCode: 7, signal: undefined })
    const broken = await home.submit({ command: ['no-such-command-anywhere'], on: at.name })
    expect(await failureOf(broken.result)).toMatchObject({ reason: 'cannot_start' })
  })

  test.each([
    [{ function: 'greet', input: 1n }, 'input.invalid'],
    [{ function: 'no name', input: 1 }, 'input.invalid'],
    [{ function: 'greet', input: 1, timeoutMs: 0 }, 'input.invalid'],
    [{ function: 'greet', input: 1, deadline: new Date(Number.NaN) }, 'input.invalid'],
    [{ function: 'greet', input: 'x'.repeat(300 * 1024) }, 'task.too_large'],
    [{ function: 'greet', input: 1, on: 'nobody' }, 'task.no_such_node'],
  ])('what cannot be asked for is refused at once: %#', async (call, code) => {
    expect(await failureOf(home.submit(call))).toMatchObject({ code })
  })

  test('input that is too large names the way for bulk data', async () => {
    const error = await failureOf(home.submit({ function: 'greet', input: 'x'.repeat(300 * 1024) }))
    expect((error as CodedError).hint).toContain('artifacts')
  })
})

describe('a worker that does not stop when it must', () => {
  let at: Awaited<ReturnType<typeof worker>>

  beforeEach(async () => {
    writeFileSync(journal, '')
    at = await worker()
  }, 120_000)

  afterEach(() => void at.child.kill('SIGKILL'))

  test('a handler that blocks its program costs it its life before the task runs at home', async () => {
    const ended = once(at.child, 'exit')
    const task = await home.submit({ function: 'blocking', input: null })
    expect(await task.result).toBe('from home')
    expect(await ended).toEqual([null, 'SIGKILL'])
    expectOneAfterTheOther(at.name)
  })

  test('a handler that is lost with its program is followed by one at home, when the lease is over', async () => {
    const task = await home.submit({ function: 'stubborn', input: null })
    await vi.waitFor(() => expect(lines()).not.toEqual([]), { timeout: WAIT_MS, interval: 20 })
    at.child.kill('SIGKILL')
    expect(await task.result).toBe('from home')
    expectOneAfterTheOther(at.name)
  })

  test('a function whose task may not fall back fails, once nobody executes it', async () => {
    const task = await home.submit({ function: 'stubborn', input: null, fallback: 'none' })
    await vi.waitFor(() => expect(lines()).not.toEqual([]), { timeout: WAIT_MS, interval: 20 })
    at.child.kill('SIGKILL')
    expect(await failureOf(task.result)).toMatchObject({ code: 'task.failed' })
    expect(lines().filter(({ node }) => node === 'home')).toEqual([])
  })

  /** Nothing of the worker comes after the first line from home. */
  function expectOneAfterTheOther(name: string): void {
    const all = lines()
    const first = all.findIndex(({ node }) => node === 'home')
    expect(all.slice(0, first).map(({ node }) => node)).toContain(name)
    expect(all.slice(first).map(({ node }) => node)).not.toContain(name)
  }
})

test('the example runs', async () => {
  const path = fileURLToPath(new URL('../../bootstrap/examples/embedding.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [path], { timeout: 120_000 })
  expect(stdout).toContain('words: { the: 2, mesh: 2, runs: 1, what: 1, is: 1, given: 1 }')
  expect(stdout).toContain('sum: 5')
  expect(stdout).toContain('parsed: function_failed')
  expect(stdout).toContain('command: { exitCode: 0, signal: undefined }')
}, 150_000)
