import { type ChildProcess, spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { output, result, STATUS, stateEvent } from '../node/control/fake-control.ts'
import { started, temporaryFolder } from '../node/control/harness.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

interface Child {
  readonly process: ChildProcess
  /** What stands on standard error by now. */
  err(): string
  readonly ended: Promise<{ code: number | null; out: Buffer; err: string }>
}

function populi(argv: readonly string[], nodeFlags: readonly string[] = []): Child {
  const child = spawn(process.execPath, [...nodeFlags, MAIN, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr?.on('data', (chunk: Buffer) => err.push(chunk))
  const ended = new Promise<{ code: number | null; out: Buffer; err: string }>((resolve) => {
    child.on('close', (code) =>
      resolve({ code, out: Buffer.concat(out), err: Buffer.concat(err).toString() }),
    )
  })
  return { process: child, ended, err: () => Buffer.concat(err).toString() }
}

test('status of a running node, through the socket, without loading more of the node than its client', async () => {
  const { dataDir } = await started()
  const hook = join(await temporaryFolder(), 'hook.mjs')
  await writeFile(
    hook,
    `import { registerHooks } from 'node:module'
     const loaded = []
     registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context) } })
     process.on('exit', () => process.stderr.write(loaded.join('\\n')))`,
  )
  const { code, out, err } = await populi(['status', '--json', '--data-dir', dataDir], ['--import', hook])
    .ended
  expect(code).toBe(0)
  expect(JSON.parse(out.toString())).toStrictEqual(STATUS)
  expect(err).toContain('/zod/')
  // Each of these costs more than all that the command needs.
  for (const heavy of ['libp2p', 'fastify', 'level', 'pino', 'multiaddr'])
    expect(err).not.toContain(`/${heavy}/`)
})

test('run: bytes of the command go through unchanged, and its exit code is ours', async () => {
  const { control, dataDir } = await started()
  const bytes = Buffer.from(Uint8Array.from({ length: 70_000 }, (_, index) => index % 256))
  control.onRun = async (_, report) => {
    await report(output('stdout', bytes))
    await report(output('stderr', 'oops\n'))
    await report(result({ state: 'failed', exitCode: 42 }))
  }
  const { code, out, err } = await populi(['run', '-q', '--data-dir', dataDir, '--', 'x']).ended
  expect({ code, err }).toStrictEqual({ code: 42, err: 'oops\n' })
  expect(out.equals(bytes)).toBe(true)
})

test('run: SIGINT cancels the task; a second one ends the process though its output is not read', async () => {
  const { control, dataDir } = await started()
  const aborted = Promise.withResolvers<void>()
  control.onRun = async (_, report, signal) => {
    await report(stateEvent({ state: 'running' }))
    while (!signal.aborted) await report(output('stdout', Buffer.alloc(65_536)))
    aborted.resolve()
  }
  control.cancel = (id) => {
    control.cancelled.push(id)
    return new Promise(() => undefined)
  }
  const child = populi(['run', '--data-dir', dataDir, '--', 'yes'])
  child.process.stdout?.pause()
  await expect.poll(() => control.runs.length, { timeout: 30_000 }).toBe(1)
  await expect.poll(child.err, { timeout: 30_000 }).toBe('populi: task 81 running\n')
  child.process.kill('SIGINT')
  await expect.poll(() => control.cancelled.length, { timeout: 30_000 }).toBe(1)
  child.process.kill('SIGINT')
  await aborted.promise
  child.process.stdout?.resume()
  expect((await child.ended).code).toBe(130)
})

test('no node: one sentence and one hint', async () => {
  const dataDir = await temporaryFolder()
  expect(await populi(['tasks', '--data-dir', dataDir]).ended).toStrictEqual({
    code: 5,
    out: Buffer.alloc(0),
    err: `populi: no node runs on ${dataDir}\n  hint: start it with \`populi up\`\n`,
  })
})
