import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { KiB, LIMITS, MiB, present, silentLogger } from '../../src/base/index.ts'
import { GuardedExecution } from '../../src/exec/guarded-execution.ts'
import { readProcess } from '../../src/exec/linux-processes.ts'
import { OutputPump } from '../../src/exec/output-pump.ts'
import type { RunCommand } from '../../src/exec/protocol.ts'
import { TrackedExecution } from '../../src/exec/tracked-execution.ts'
import {
  clock,
  program,
  run,
  shell,
  specOf,
  standIn,
  startedClient,
  temporaryDirectory,
  until,
} from './world.ts'

describe('output', () => {
  test('arrives whole and in order per stream, before the end does', async () => {
    const client = await startedClient()
    const script = `const { writeSync } = require('fs')
      for (let i = 0; i < 20000; i++) for (const fd of [1, 2]) {
        for (let rest = i + '\\n'; rest !== '';) try { rest = rest.slice(writeSync(fd, rest)) } catch { }
      }`
    const execution = run(client, program(script))
    expect(await execution.ended).toMatchObject({ exitCode: 0, quiet: true })
    const lines = Array.from({ length: 20_000 }, (_, i) => `${i}\n`).join('')
    expect(execution.text('stdout') === lines).toBe(true)
    expect(execution.text('stderr') === lines).toBe(true)
  })

  test('of a command that prints as fast as it can passes through memory that stays flat at both ends', async () => {
    const bytes = 256 * MiB
    const node = standIn(temporaryDirectory(), specOf(['head', '-c', String(bytes), '/dev/zero']))
    await node.report()
    const end = await node.report()
    expect(end).toMatchObject({ bytes, cause: 'exited' })
    // About 100 MiB each, of which 80 are Node with type stripping.
    expect(end.ownPeakMiB).toBeLessThan(256)
    expect(end.guardianPeakMiB).toBeLessThan(200)
  })

  test('that is not taken makes the command wait, and bounds what is on the way', async () => {
    const client = await startedClient()
    const done = join(temporaryDirectory(), 'done')
    const gate = Promise.withResolvers<void>()
    let bytes = 0
    const spec = specOf(shell(`head -c ${8 * MiB} /dev/zero; echo > ${done}`))
    const execution = client.run(spec, async (_stream, chunk) => {
      bytes += chunk.length
      await gate.promise
    })
    const { pid } = await execution.started
    await until(() => written(headOf(pid)) >= LIMITS.execWindowBytesMax)
    // Time for it to go on, if it could: other commands run from start to end.
    for (let i = 0; i < 10; i++) await run(client, ['true']).ended
    // The window, one read beyond it, the buffers of the pipe.
    expect(written(headOf(pid))).toBeLessThan(LIMITS.execWindowBytesMax + 1 * MiB)
    expect(existsSync(done)).toBe(false)
    expect(bytes).toBeLessThanOrEqual(64 * KiB)
    gate.resolve()
    expect(await execution.ended).toMatchObject({ exitCode: 0 })
    expect([bytes, existsSync(done)]).toEqual([8 * MiB, true])
  })

  test('that is never taken does not hold up the end of a command that is killed', async () => {
    const client = await startedClient()
    const execution = client.run(specOf(['yes']), () => new Promise(() => undefined))
    await execution.started
    execution.end('test')
    expect(await execution.ended).toMatchObject({ signal: 'SIGTERM', cause: 'killed-on-order', quiet: true })
  })

  test('that is never taken holds up the end of a command that has ended until it is told to end', async () => {
    const stdout = new PassThrough()
    const child = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' })
    const output = { stdout, stderr: new PassThrough().end() }
    const identity = present(readProcess(present(child.pid, 'pid')), 'the process')
    const { executionId, argv, env, deadline } = specOf(['sleep'])
    const command: RunCommand = {
      kind: 'run',
      executionId,
      argv: [argv[0]],
      env: { ...env },
      deadline,
      fed: false,
    }
    const execution = new GuardedExecution(
      command,
      { child, output, input: undefined, identity },
      clock,
      () => undefined,
    )
    stdout.write(Buffer.alloc(LIMITS.execWindowBytesMax))
    await until(() => stdout.isPaused())
    child.kill('SIGKILL')
    const ended = execution.ended()
    expect(await execution.quiet).toBe(true)
    await new Promise(setImmediate)
    for (let look = 0; look < 1000; look++) execution.look()
    expect(stdout.destroyed).toBe(false)
    execution.end(0)
    for (let look = 0; look < 1000; look++) execution.look()
    expect(await ended).toMatchObject({ cause: 'exited', signal: 'SIGKILL', quiet: true })
  })

  test('that is never taken does not hold up the end at the node either, once it is told to end', async () => {
    const execution = new TrackedExecution({
      spec: specOf(['true']),
      reader: () => new Promise(() => undefined),
      logger: silentLogger,
      stopGraceMs: 0,
      fed: false,
      send: () => undefined,
    })
    const { executionId } = execution
    execution.submit()
    execution.onOutput('stdout', Buffer.from('x'))
    execution.end('test')
    execution.onEnded({ kind: 'ended', executionId, exitCode: 0, cause: 'exited', quiet: true })
    expect(await execution.ended).toMatchObject({ exitCode: 0, cause: 'exited', quiet: true })
  })

  test('whose reader fails ends the command', async () => {
    const client = await startedClient()
    let calls = 0
    const execution = client.run(specOf(['yes']), async () => {
      calls++
      throw new Error('disk full')
    })
    expect(await execution.ended).toMatchObject({ signal: 'SIGTERM', cause: 'killed-on-order', quiet: true })
    expect(calls).toBe(1)
  })

  test('in many small pieces takes from the window what it costs', async () => {
    const stdout = new PassThrough()
    const pump = new OutputPump({ stdout, stderr: new PassThrough() }, () => undefined)
    let pieces = 0
    for (; pieces < 100_000 && !stdout.isPaused(); pieces++) {
      stdout.write('x')
      await new Promise(setImmediate)
    }
    expect(pieces).toBeLessThan(1000)
    pump.acknowledge(LIMITS.execWindowBytesMax)
    expect(stdout.isPaused()).toBe(false)
  })
})

describe('pipes that a stranger holds open after the command is dead', () => {
  test('are given up when they are silent', async () => {
    const stdout = new PassThrough()
    const pump = new OutputPump({ stdout, stderr: new PassThrough() }, () => undefined)
    const drained = pump.drain()
    for (let look = 0; look < LIMITS.execIdleLooksMax; look++) pump.look()
    expect(stdout.destroyed).toBe(false)
    pump.look()
    await drained
    expect(stdout.destroyed).toBe(true)
  })

  test('are not given up while the reader is what they wait for, unless somebody waits', async () => {
    const stdout = new PassThrough()
    const pump = new OutputPump({ stdout, stderr: new PassThrough() }, () => undefined)
    stdout.write(Buffer.alloc(LIMITS.execWindowBytesMax))
    await until(() => stdout.isPaused())
    void pump.drain()
    for (let look = 0; look < 1000; look++) pump.look()
    pump.hurry(10)
    for (let look = 0; look < 9; look++) pump.look()
    expect(stdout.destroyed).toBe(false)
    pump.look()
    expect(stdout.destroyed).toBe(true)
  })
})

/** The child of the shell that writes. */
function headOf(shellPid: number): string | undefined {
  const children = readFileSync(`/proc/${shellPid}/task/${shellPid}/children`, 'latin1')
  return children.split(' ').find((pid) => /^\d+$/.test(pid))
}

/** Bytes that the process has written so far. */
function written(pid: string | undefined): number {
  return pid === undefined ? 0 : Number(/wchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))?.[1])
}
