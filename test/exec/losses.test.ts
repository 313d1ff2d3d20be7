import { spawn } from 'node:child_process'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { present, silentLogger } from '../../src/base/index.ts'
import { type ExecutionSpec, GuardianClient } from '../../src/exec/index.ts'
import { ExecutionJournal } from '../../src/exec/journal.ts'
import {
  isAlive,
  living,
  run,
  STOP_GRACE_MS,
  type StandIn,
  shell,
  specOf,
  standIn,
  startedClient,
  temporaryDirectory,
  uniqueSleep,
  until,
  within,
} from './world.ts'

/** A command with a child in its group and one in a session of its own: three processes with the tag. */
function family(tag: string): ExecutionSpec['argv'] {
  const away = `require('child_process').spawn('sleep', ['${tag}'], { detached: true, stdio: 'ignore' }).unref()`
  return shell(`sleep ${tag} & ${process.execPath} -e "${away}"; exec sleep ${tag}`)
}

interface Running {
  readonly node: StandIn
  readonly guardianPid: number
}

/** A stand-in for the node whose command runs with all its family. */
async function runningFamily(directory: string, tag: string, spec = specOf(family(tag))): Promise<Running> {
  const node = standIn(directory, spec)
  const { guardianPid } = await node.report()
  await until(() => living(`sleep\0${tag}`).length === 3)
  return { node, guardianPid }
}

/** Kills node and guardian so that neither sees the other end. */
async function killBoth({ node, guardianPid }: Running): Promise<void> {
  process.kill(node.pid, 'SIGSTOP')
  process.kill(guardianPid, 'SIGSTOP')
  process.kill(guardianPid, 'SIGKILL')
  process.kill(node.pid, 'SIGKILL')
  await until(() => !isAlive(guardianPid) && !isAlive(node.pid))
}

describe('the node is killed', () => {
  test('and no process of the execution is left, nor the guardian, nor a record', async () => {
    const directory = temporaryDirectory()
    const tag = uniqueSleep()
    const { node, guardianPid } = await runningFamily(directory, tag)
    node.child.kill('SIGKILL')
    await until(() => living(tag).length === 0 && !isAlive(guardianPid))
    expect(readdirSync(directory)).toEqual([])
  })

  test('and a command that ignores TERM is gone as well', async () => {
    const tag = uniqueSleep()
    const node = standIn(temporaryDirectory(), specOf(shell(`trap "" TERM; sleep ${tag} & wait`)))
    const { guardianPid } = await node.report()
    await until(() => living(`sleep\0${tag}`).length === 1)
    node.child.kill('SIGKILL')
    await until(() => living(tag).length === 0 && !isAlive(guardianPid))
  })
})

describe('the node is stopped', () => {
  test('and the deadline ends the execution all the same', async () => {
    const tag = uniqueSleep()
    const { node, guardianPid } = await runningFamily(temporaryDirectory(), tag)
    await node.extend(within(1000))
    node.child.kill('SIGSTOP')
    await until(() => living(`sleep\0${tag}`).length === 0)
    expect(isAlive(guardianPid)).toBe(true)
    node.child.kill('SIGCONT')
    expect(await node.report()).toMatchObject({ cause: 'deadline' })
  })

  test('with the pipe full of output, and the deadline ends the execution all the same', async () => {
    const text = `y${uniqueSleep()}`
    const node = standIn(temporaryDirectory(), specOf(['yes', text]))
    await node.report()
    await node.extend(within(1000))
    node.child.kill('SIGSTOP')
    await until(() => living(`yes\0${text}`).length === 0)
    node.child.kill('SIGCONT')
    expect(await node.report()).toMatchObject({ cause: 'deadline' })
  })
})

describe('the guardian is lost', () => {
  test('when it is killed: the node ends what it had started, says so, and has a new one', async () => {
    const client = await startedClient()
    const { guardianPid = 0 } = client
    const tag = uniqueSleep()
    const execution = run(client, family(tag))
    await until(() => living(`sleep\0${tag}`).length === 3)
    process.kill(guardianPid, 'SIGKILL')
    const end = await execution.ended
    expect(end).toMatchObject({ exitCode: undefined, cause: 'guardian-lost', quiet: true })
    expect(end.error?.code).toBe('exec.guardian_lost')
    expect(living(tag)).toEqual([])
    expect(await run(client, ['true']).ended).toMatchObject({ exitCode: 0, cause: 'exited' })
    expect(client.guardianPid).not.toBe(guardianPid)
  })

  test('and what is run before the next one is ready waits for it', async () => {
    const client = await startedClient()
    const { guardianPid = 0 } = client
    process.kill(guardianPid, 'SIGKILL')
    await until(() => client.guardianPid === undefined)
    const [cancelled, execution] = [run(client, ['true']), run(client, ['true'])]
    cancelled.end('changed my mind')
    expect(await cancelled.ended).toMatchObject({ cause: 'killed-on-order', quiet: true })
    expect(await execution.ended).toMatchObject({ exitCode: 0 })
  })

  test('when it hangs: the node kills it, and the execution is over', async () => {
    const client = await startedClient()
    const tag = uniqueSleep()
    const execution = run(client, ['sleep', tag])
    await execution.started
    process.kill(client.guardianPid ?? 0, 'SIGSTOP')
    expect(await execution.ended).toMatchObject({ cause: 'guardian-lost', quiet: true })
    expect(living(tag)).toEqual([])
  })

  test('and a signal that a terminal or a service manager sends to all is not a loss', async () => {
    const client = await startedClient()
    const { guardianPid = 0 } = client
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(guardianPid, signal)
    expect(await run(client, ['true']).ended).toMatchObject({ exitCode: 0 })
    expect(client.guardianPid).toBe(guardianPid)
  })
})

describe('node and guardian are killed at once', () => {
  test('and the next start ends what is left, and names it', async () => {
    const directory = temporaryDirectory()
    const tag = uniqueSleep()
    const spec = specOf(family(tag))
    await killBoth(await runningFamily(directory, tag, spec))
    expect(living(`sleep\0${tag}`)).toHaveLength(3)
    const client = new GuardianClient({ directory, logger: silentLogger, stopGraceMs: STOP_GRACE_MS })
    onTestFinished(() => client.stop())
    expect(await client.start()).toMatchObject([{ executionId: spec.executionId, quiet: true }])
    expect(living(tag)).toEqual([])
    expect(readdirSync(directory)).toEqual([])
  })

  test('before there was a record, or with a damaged one: the mark finds it', async () => {
    const directory = temporaryDirectory()
    const tag = uniqueSleep()
    await killBoth(await runningFamily(directory, tag))
    for (const name of readdirSync(directory)) rmSync(join(directory, name))
    writeFileSync(join(directory, 'torn.execution'), Buffer.of(0xa5, 0x67))
    await startedClient(directory)
    expect(living(tag)).toEqual([])
    expect(readdirSync(directory)).toEqual([])
  })

  test('but the guardian was only stopped: the next start ends it too', async () => {
    const directory = temporaryDirectory()
    const tag = uniqueSleep()
    const { node, guardianPid } = await runningFamily(directory, tag)
    process.kill(guardianPid, 'SIGSTOP')
    node.child.kill('SIGKILL')
    await startedClient(directory)
    expect(living(tag)).toEqual([])
    expect(isAlive(guardianPid)).toBe(false)
  })

  test('and a process that only has the pid of a recorded one is left alone', async () => {
    const directory = temporaryDirectory()
    const stranger = spawn('sleep', [uniqueSleep()], { detached: true, stdio: 'ignore' })
    onTestFinished(() => void stranger.kill('SIGKILL'))
    const leader = { pid: present(stranger.pid, 'the stranger'), startTicks: 1 }
    const executionId = specOf(['true']).executionId
    new ExecutionJournal(directory).add({ executionId, leader })
    const client = new GuardianClient({ directory, logger: silentLogger, stopGraceMs: STOP_GRACE_MS })
    onTestFinished(() => client.stop())
    expect(await client.start()).toMatchObject([{ executionId, quiet: true }])
    expect(isAlive(leader.pid)).toBe(true)
  })
})
