import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { LIMITS, silentLogger } from '../../src/base/index.ts'
import { GuardianClient } from '../../src/exec/index.ts'
import { sendSignal } from '../../src/exec/linux-processes.ts'
import { PipePool } from '../../src/exec/output-pipes.ts'
import { type SpawnedCommand, spawnCommand } from '../../src/exec/spawn-command.ts'
import { isAlive, run, shell, specOf, startedClient, temporaryDirectory, until } from './world.ts'

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('a command opens its output by name', () => {
  test.each([
    ['echo to /dev/stderr', 'echo x > /dev/stderr', '', 'x\n'],
    ['tee to /dev/stderr', 'echo x | tee /dev/stderr', 'x\n', 'x\n'],
    ['cat to /dev/stdout', 'echo x | cat > /dev/stdout', 'x\n', ''],
    ['/dev/stdout between other writes', 'echo a; echo b > /dev/stdout; echo c', 'a\nb\nc\n', ''],
    ['appended', 'echo a >> /dev/stderr; echo b >> /dev/fd/2; echo c >&2', '', 'a\nb\nc\n'],
    ['one stream as the other', 'exec 2>&1; echo a; echo b > /dev/stderr', 'a\nb\n', ''],
  ])('%s', async (_name, script, stdout, stderr) => {
    const client = await startedClient()
    const execution = run(client, shell(script))
    expect(await execution.ended).toMatchObject({ exitCode: 0, quiet: true })
    expect([execution.text('stdout'), execution.text('stderr')]).toEqual([stdout, stderr])
  })

  test('also when more start at once than pipes are ready', async () => {
    const client = await startedClient()
    const count = 3 * LIMITS.execReadyPipePairsMax
    const all = Array.from({ length: count }, (_, i) => run(client, shell(`echo ${i} | tee /dev/stderr`)))
    await Promise.all(all.map((execution) => execution.ended))
    const expected = Array.from({ length: count }, (_, i) => `${i}\n`)
    expect(all.map((execution) => execution.text('stdout'))).toEqual(expected)
    expect(all.map((execution) => execution.text('stderr'))).toEqual(expected)
  })
})

describe('the pipes of a command', () => {
  test('are all that it holds, and no other command holds them', async () => {
    const client = await startedClient()
    const lookAtIt = shell('for fd in 0 1 2 3 4 5 6 7 8 9 [1-9][0-9]; do readlink /proc/$$/fd/$fd; done')
    const all = Array.from({ length: 40 }, () => run(client, lookAtIt))
    await Promise.all(all.map((execution) => execution.ended))
    const pipes = all.flatMap((execution) => {
      const [input, ...output] = execution.text().trim().split('\n')
      expect(input).toBe('/dev/null')
      expect(output).toHaveLength(2)
      return output
    })
    expect(new Set(pipes).size).toBe(80)
    for (const pipe of pipes) expect(pipe).toMatch(/^\/.*-std(out|err)\.pipe \(deleted\)$/)
  })

  test('end when their last writer closes them, whoever else was started before or after and still runs', async () => {
    const pool = poolOf()
    const before = spawned(pool, ['sleep', '1000'])
    const early = spawned(pool, shell('exec > /dev/null 2>&1; exec sleep 1000'))
    const late = spawned(pool, shell('exec 2> /dev/null; sleep 1000 & echo x > /dev/stdout'))
    const after = spawned(pool, ['sleep', '1000'])
    await Promise.all([ended(early.output.stdout), ended(early.output.stderr)])
    const pieces: string[] = []
    late.output.stdout.on('data', (piece) => pieces.push(String(piece)))
    await ended(late.output.stderr)
    expect([before, early, after].map(({ identity }) => isAlive(identity.pid))).toEqual([true, true, true])
    // What `late` left in the background holds its stdout.
    await until(() => pieces.join('') === 'x\n')
    expect(late.output.stdout.readableEnded).toBe(false)
    process.kill(-late.identity.pid, 'SIGKILL')
    await ended(late.output.stdout)
    expect([before, after].map(({ output }) => output.stdout.readableEnded)).toEqual([false, false])
  })

  test('are given up when a stranger holds them open', async () => {
    const client = await startedClient()
    const execution = run(client, shell('echo x; exec sleep 1000'))
    const { pid } = await execution.started
    await until(() => execution.text() === 'x\n')
    const stranger = openSync(`/proc/${pid}/fd/1`, 'w')
    onTestFinished(() => closeSync(stranger))
    execution.end('test')
    expect(await execution.ended).toMatchObject({ signal: 'SIGTERM', quiet: true })
  })

  test('are closed by the guardian, also when nothing could be started', async () => {
    const client = await startedClient()
    const descriptors = (): number => readdirSync(`/proc/${client.guardianPid}/fd`).length
    await run(client, ['true']).ended
    const before = descriptors()
    for (let i = 0; i < 100; i++) {
      const all = [run(client, ['true']), run(client, ['no-such-program']), run(client, ['true', 'a\0b'])]
      await Promise.all(all.map((execution) => execution.ended))
    }
    expect(descriptors()).toBeLessThanOrEqual(before + 4 * LIMITS.execReadyPipePairsMax)
  })
})

describe('the pool of pipes', () => {
  test('removes names that an earlier guardian left, and leaves none', async () => {
    const directory = temporaryDirectory()
    execFileSync('mkfifo', [join(directory, '0-stdout.pipe'), join(directory, 'old.pipe')])
    const client = await startedClient(directory)
    expect((await run(client, shell('echo x > /dev/stderr')).ended).exitCode).toBe(0)
    await client.stop()
    expect(readdirSync(directory)).toEqual([])
  })

  test('that is closed holds no descriptor', async () => {
    const descriptors = (): number =>
      readdirSync('/proc/self/fd', { withFileTypes: true }).filter((entry) => entry.isSymbolicLink()).length
    const before = descriptors()
    const pool = new PipePool(temporaryDirectory(), () => undefined)
    expect(pool.take()).toBeDefined()
    expect(descriptors()).toBeGreaterThan(before)
    await pool.close()
    // The pair that was taken.
    expect(descriptors()).toBe(before + 4)
  })

  test('without mkfifo gives socket pairs, and says so once', async () => {
    vi.stubEnv('PATH', temporaryDirectory())
    const warn = vi.fn()
    const logger = { ...silentLogger, warn }
    const client = new GuardianClient({ directory: temporaryDirectory(), logger, stopGraceMs: 0 })
    onTestFinished(() => client.stop())
    await client.start()
    for (let i = 0; i < 5; i++) {
      const execution = run(client, ['/bin/sh', '-c', 'echo out; echo err >&2'])
      expect(await execution.ended).toMatchObject({ exitCode: 0, quiet: true })
      expect([execution.text('stdout'), execution.text('stderr')]).toEqual(['out\n', 'err\n'])
    }
    expect(warn.mock.calls).toEqual([
      [
        expect.objectContaining({ text: expect.stringMatching(/no pipes: mkfifo: ENOENT/) }),
        expect.any(String),
      ],
    ])
  })

  test('has pipes again when what was wrong is over, and would say so again', async () => {
    const warnings: string[] = []
    const path = process.env.PATH
    vi.stubEnv('PATH', temporaryDirectory())
    const pool = poolOf((message) => warnings.push(message))
    expect(pool.take()).toBeUndefined()
    vi.stubEnv('PATH', path)
    const taken = (): boolean => pool.take() !== undefined
    await until(taken)
    expect(warnings).toHaveLength(1)
    vi.stubEnv('PATH', temporaryDirectory())
    await until(() => !taken())
    expect(warnings).toHaveLength(2)
  })
})

function poolOf(warn: (message: string) => void = () => undefined): PipePool {
  const pool = new PipePool(temporaryDirectory(), warn)
  onTestFinished(() => pool.close())
  return pool
}

function spawned(pool: PipePool, argv: readonly [string, ...string[]]): SpawnedCommand {
  const { executionId, deadline } = specOf(['true'])
  const command = { kind: 'run', executionId, argv: [...argv], env: {}, deadline, fed: false } as const
  const failures: unknown[] = []
  const result = spawnCommand({ ...command, argv: [argv[0], ...argv.slice(1)] }, pool, (error) =>
    failures.push(error),
  )
  expect(failures).toEqual([])
  if (result === undefined) return expect.unreachable('it was started')
  onTestFinished(() => void sendSignal(-result.identity.pid, 'SIGKILL'))
  return result
}

/** Reads what there is until the end. */
async function ended(stream: SpawnedCommand['output']['stdout']): Promise<void> {
  if (!stream.readableEnded) await new Promise((resolve) => stream.resume().on('end', resolve))
}
