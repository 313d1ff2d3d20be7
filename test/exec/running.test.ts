import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { LIMITS, silentLogger } from '../../src/base/index.ts'
import { GuardianClient } from '../../src/exec/index.ts'
import { isAlive, program, run, shell, type specOf, startedClient, temporaryDirectory } from './world.ts'

describe('a command', () => {
  test('ends with its exit code, and quiet', async () => {
    const client = await startedClient()
    const execution = run(client, shell('exit 7'))
    expect((await execution.started).pid).toBeGreaterThan(1)
    expect(await execution.ended).toMatchObject({
      exitCode: 7,
      signal: undefined,
      cause: 'exited',
      quiet: true,
    })
  })

  test('that kills itself ends with the signal', async () => {
    const client = await startedClient()
    const end = await run(client, shell('kill -SEGV $$')).ended
    expect(end).toMatchObject({ exitCode: undefined, signal: 'SIGSEGV', cause: 'exited', quiet: true })
  })

  test('reads an empty input, in the working directory that was asked for', async () => {
    const client = await startedClient()
    const cwd = temporaryDirectory()
    const execution = run(client, shell('cat; pwd'), { cwd })
    await execution.ended
    expect(execution.text()).toBe(`${cwd}\n`)
  })

  test('leads a session and a process group of its own', async () => {
    const client = await startedClient()
    const execution = run(
      client,
      program('console.log(require("fs").readFileSync("/proc/self/stat", "latin1"))'),
    )
    const { pid } = await execution.started
    await execution.ended
    const [, , group, session] = execution
      .text()
      .slice(execution.text().lastIndexOf(')') + 2)
      .split(' ')
    expect([group, session]).toEqual([String(pid), String(pid)])
  })

  test('leaves no record of itself when it is quiet', async () => {
    const directory = temporaryDirectory()
    const client = await startedClient(directory)
    const execution = run(client, shell('exit 0'))
    await execution.ended
    expect(readdirSync(directory)).toEqual([])
  })
})

describe('the environment of a command', () => {
  test('is the one of the node and its own, without the secrets of the node, and marked', async () => {
    vi.stubEnv('VOX_MESH_WORKER_TOKEN', 'hush-1')
    vi.stubEnv('POPULI_ROOT_SECRET', 'hush-2')
    vi.stubEnv('NOTIFY_SOCKET', 'hush-3')
    vi.stubEnv('HARMLESS', 'inherited')
    const client = await startedClient()
    const execution = run(client, ['env'], { env: { OWN: 'given', POPULI_EXECUTION_ID: 'forged' } })
    await execution.ended
    vi.unstubAllEnvs()
    const lines = execution.text().split('\n')
    expect(lines).toContain('HARMLESS=inherited')
    expect(lines).toContain('OWN=given')
    expect(lines).toContain(`POPULI_EXECUTION_ID=${execution.executionId}`)
    expect(lines.join()).toMatch(/POPULI_EXECUTION_OWNER=[0-9a-f]{32}/)
    expect(lines.join()).not.toContain('hush')
    expect(readFileSync(`/proc/${client.guardianPid}/environ`, 'latin1')).not.toContain('hush')
  })
})

describe('a command that cannot be started', () => {
  test('because it does not exist: exec.not_found with its name', async () => {
    const client = await startedClient()
    const execution = run(client, ['no-such-program', 'x'])
    const { error, ...end } = await execution.ended
    expect(end).toMatchObject({
      exitCode: undefined,
      signal: undefined,
      cause: 'spawn-failed',
      quiet: true,
      processes: [],
    })
    expect(error).toMatchObject({ code: 'exec.not_found', message: 'command not found: no-such-program' })
    await expect(execution.started).rejects.toMatchObject({ code: 'exec.not_found' })
  })

  test('because of anything else: exec.spawn_failed with the reason', async () => {
    const client = await startedClient()
    const directory = temporaryDirectory()
    const plain = join(directory, 'plain')
    writeFileSync(plain, 'data')
    const orphan = join(directory, 'orphan')
    writeFileSync(orphan, '#!/no/such/interpreter\n')
    chmodSync(orphan, 0o755)
    mkdirSync(join(directory, 'folder'))
    const reasonOf = async (...args: Parameters<typeof specOf>): Promise<string | undefined> => {
      const { error, cause } = await run(client, ...args).ended
      expect([cause, error?.code]).toEqual(['spawn-failed', 'exec.spawn_failed'])
      return error?.message
    }
    expect(await reasonOf(['true'], { cwd: '/no/such' })).toMatch(
      /working directory \/no\/such does not exist/,
    )
    expect(await reasonOf(['true'], { cwd: plain })).toMatch(/working directory .*plain/)
    expect(await reasonOf([plain])).toMatch(/not executable/)
    expect(await reasonOf([orphan])).toMatch(/interpreter/)
    expect(await reasonOf([''])).toMatch(/cannot start/)
    expect(await reasonOf(['true', 'a\0b'])).toMatch(/null bytes/)
    expect(await reasonOf(['true', 'x'.repeat(3 * 1024 * 1024)])).toMatch(/too large/)
    expect(await reasonOf(['true', 'x'.repeat(LIMITS.execFrameBytesMax)])).toMatch(/above the limit/)
    // And the guardian is none the worse for it.
    expect((await run(client, ['true']).ended).exitCode).toBe(0)
  })
})

describe('the guardian client', () => {
  test('refuses more commands than it has room for, and has room again when one ends', async () => {
    const client = await startedClient()
    const all = Array.from({ length: LIMITS.executionsMax }, () => run(client, ['sleep', '1000']))
    expect(() => run(client, ['true'])).toThrow(expect.objectContaining({ code: 'limit.exceeded' }))
    const [first] = all
    first?.end('room')
    expect(await first?.ended).toMatchObject({ cause: 'killed-on-order', quiet: true })
    expect((await run(client, ['true']).ended).exitCode).toBe(0)
    await client.stop()
    for (const execution of all)
      expect(await execution.ended).toMatchObject({ cause: 'killed-on-order', quiet: true })
  })

  test('says so when there can be no guardian', async () => {
    const client = new GuardianClient({
      directory: temporaryDirectory(),
      logger: silentLogger,
      stopGraceMs: 0,
    })
    const { execPath } = process
    onTestFinished(() => {
      process.execPath = execPath
    })
    for (const path of ['/no/such/node', '/bin/false']) {
      process.execPath = path
      await expect(client.start()).rejects.toMatchObject({ code: 'exec.guardian_lost' })
    }
  })

  test('that stops ends what runs and its guardian, and runs nothing more', async () => {
    const client = await startedClient()
    const { guardianPid = 0 } = client
    const execution = run(client, ['sleep', '1000'])
    await execution.started
    await client.stop()
    expect(await execution.ended).toMatchObject({ signal: 'SIGTERM', cause: 'killed-on-order', quiet: true })
    expect(isAlive(guardianPid)).toBe(false)
    expect(() => run(client, ['true'])).toThrow(expect.objectContaining({ code: 'node.stopping' }))
  })
})
