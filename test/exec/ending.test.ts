import { describe, expect, test } from 'vitest'
import {
  clock,
  isAlive,
  living,
  program,
  run,
  STOP_GRACE_MS,
  shell,
  startedClient,
  temporaryDirectory,
  uniqueSleep,
  until,
  within,
} from './world.ts'

/** Prints `ready`, then goes on whatever TERM says. */
const DEAF = program("process.on('SIGTERM', () => {}); console.log('ready'); setInterval(() => {}, 1e6)")

/** A script that starts `command` in a session and group of its own and ends: what daemons do. */
function leaveGroup(command: string[], env = 'process.env'): string {
  const options = `{ detached: true, stdio: 'ignore', env: ${env} }`
  return `require('child_process').spawn('${command[0]}', ${JSON.stringify(command.slice(1))}, ${options}).unref()`
}

describe('an execution that is told to end', () => {
  test('gets TERM, and what it prints then is delivered', async () => {
    const client = await startedClient()
    const execution = run(
      client,
      shell('trap "echo saved; exit 7" TERM; echo ready; while :; do sleep 0.01; done'),
    )
    await until(() => execution.text() === 'ready\n')
    execution.end('test')
    const end = await execution.ended
    expect(end).toMatchObject({ exitCode: 7, signal: undefined, cause: 'killed-on-order', quiet: true })
    expect(execution.text()).toBe('ready\nsaved\n')
  })

  test('names its processes in the end, those included that left its group', async () => {
    const client = await startedClient()
    const tag = uniqueSleep()
    const execution = run(client, shell(`setsid sleep ${tag} & while :; do sleep 0.01; done`))
    const { pid } = await execution.started
    await until(() => living(`sleep\0${tag}`).length === 1)
    const [daemon] = living(`sleep\0${tag}`)
    execution.end('test')
    const { quiet, processes } = await execution.ended
    expect(quiet).toBe(true)
    expect(processes?.[0]?.pid).toBe(pid)
    expect(processes?.map((one) => one.pid)).toContain(daemon)
    for (const { startTicks } of processes ?? []) expect(startTicks).toBeGreaterThan(0)
  })

  test('and ignores TERM is killed after the grace time, not before', async () => {
    const client = await startedClient()
    const execution = run(client, DEAF)
    await until(() => execution.text() === 'ready\n')
    const before = clock.now()
    execution.end('test')
    execution.end('again: changes nothing')
    const end = await execution.ended
    expect(end).toMatchObject({
      exitCode: undefined,
      signal: 'SIGKILL',
      cause: 'killed-on-order',
      quiet: true,
    })
    expect(clock.now() - before).toBeGreaterThanOrEqual(STOP_GRACE_MS)
  })

  test('leaves the grace time to its group when the shell around it has ended', async () => {
    const client = await startedClient()
    const inner = 'trap \\"sleep 0.1; echo saved; exit\\" TERM; echo ready; while :; do sleep 0.01; done'
    const execution = run(client, shell(`sh -c "${inner}"; true`))
    await until(() => execution.text() === 'ready\n')
    execution.end('test')
    expect(await execution.ended).toMatchObject({ signal: 'SIGTERM', quiet: true })
    expect(execution.text()).toBe('ready\nsaved\n')
  })

  test('is ended also when it was stopped', async () => {
    const client = await startedClient()
    const execution = run(
      client,
      shell('trap "echo saved; exit 0" TERM; echo ready; while :; do sleep 0.01; done'),
    )
    await until(() => execution.text() === 'ready\n')
    const { pid } = await execution.started
    process.kill(pid, 'SIGSTOP')
    execution.end('test')
    expect(await execution.ended).toMatchObject({ exitCode: 0, quiet: true })
    expect(execution.text()).toBe('ready\nsaved\n')
  })

  test('before its guardian heard of it does not matter', async () => {
    const client = await startedClient()
    const execution = run(client, ['sleep', '1000'])
    execution.end('at once')
    expect(await execution.ended).toMatchObject({ cause: 'killed-on-order', quiet: true })
  })
})

describe('a deadline', () => {
  test('ends the execution: TERM at the first time, KILL at the second', async () => {
    const client = await startedClient()
    const deadline = within(400, 400)
    const polite = run(client, ['sleep', '1000'], { deadline })
    const deaf = run(client, DEAF, { deadline: within(800, 400) })
    expect(await polite.ended).toMatchObject({ signal: 'SIGTERM', cause: 'deadline', quiet: true })
    expect(clock.now()).toBeGreaterThanOrEqual(deadline.termAt)
    const end = await deaf.ended
    expect(end).toMatchObject({ cause: 'deadline', quiet: true })
    // On a machine so slow that it had no time to turn deaf, TERM is what ends it.
    expect(end.signal).toBe(deaf.text() === 'ready\n' ? 'SIGKILL' : 'SIGTERM')
  })

  test('that is extended in time ends nothing', async () => {
    const client = await startedClient()
    const first = within(500, 100)
    const execution = run(client, ['sleep', '1000'], { deadline: first })
    const { pid } = await execution.started
    execution.extend(within(60_000))
    await until(() => clock.now() > first.killAt + 200)
    // The guardian has looked at the clock since: it answers after it.
    await run(client, ['true']).ended
    expect(isAlive(pid)).toBe(true)
    execution.end('test')
    expect(await execution.ended).toMatchObject({ cause: 'killed-on-order', quiet: true })
  })

  test('that has passed starts nothing', async () => {
    const client = await startedClient()
    const execution = run(client, ['true'], { deadline: within(-10) })
    expect(await execution.ended).toMatchObject({ exitCode: undefined, cause: 'deadline', quiet: true })
    await expect(execution.started).rejects.toMatchObject({ code: 'operation.cancelled' })
  })

  test('cuts the grace time short', async () => {
    const client = await startedClient(temporaryDirectory(), 600_000)
    const execution = run(client, DEAF)
    await until(() => execution.text() === 'ready\n')
    const deadline = within(100, 50)
    execution.extend(deadline)
    execution.end('test')
    expect(await execution.ended).toMatchObject({ signal: 'SIGKILL', quiet: true })
    expect(clock.now()).toBeGreaterThanOrEqual(deadline.killAt)
  })
})

describe('what a command leaves behind', () => {
  test('in its group is ended with it', async () => {
    const client = await startedClient()
    const tag = uniqueSleep()
    const execution = run(client, shell(`sleep ${tag} & sleep ${tag} & echo started`))
    expect(await execution.ended).toMatchObject({ exitCode: 0, cause: 'exited', quiet: true })
    expect(execution.text()).toBe('started\n')
    expect(living(tag)).toEqual([])
  })

  test('in a session of its own, with nobody above it, is ended with it', async () => {
    const client = await startedClient()
    const tag = uniqueSleep()
    const forkTwice = leaveGroup([process.execPath, '-e', leaveGroup(['sleep', tag])])
    const execution = run(client, program(`${forkTwice}; setInterval(() => {}, 1e6)`))
    await until(() => living(`sleep\0${tag}`).length === 1)
    execution.end('test')
    expect(await execution.ended).toMatchObject({ quiet: true })
    expect(living(tag)).toEqual([])
  })

  test('without the mark in its environment is ended with it, if somebody stood above it until TERM', async () => {
    const client = await startedClient()
    const tag = uniqueSleep()
    const execution = run(client, program(`${leaveGroup(['sleep', tag], '{}')}; setInterval(() => {}, 1e6)`))
    await until(() => living(`sleep\0${tag}`).length === 1)
    execution.end('test')
    expect(await execution.ended).toMatchObject({ signal: 'SIGTERM', quiet: true })
    expect(living(tag)).toEqual([])
  })
})
