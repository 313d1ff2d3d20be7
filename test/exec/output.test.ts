import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { KiB, LIMITS, MiB } from '../../src/base/index.ts'
import { OutputPump } from '../../src/exec/output-pump.ts'
import {
  isAlive,
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

  test('that is never taken does not hold up the end of a command that has ended, once it is told to end', async () => {
    const client = await startedClient()
    const bytes = LIMITS.execWindowBytesMax + 64 * KiB
    const spec = specOf(['head', '-c', String(bytes), '/dev/zero'])
    const execution = client.run(spec, () => new Promise(() => undefined))
    const { pid } = await execution.started
    await until(() => !isAlive(pid))
    execution.end('test')
    expect(await execution.ended).toMatchObject({ exitCode: 0, quiet: true })
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
