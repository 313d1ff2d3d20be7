import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { childrenOf, fieldOf, parseStat, usageOf } from '../../../bootstrap/bench/process-usage.ts'

test('CPU time and parent stand behind a name that may hold anything', () => {
  const tail = 'S 17 4242 4242 0 -1 4194560 1 0 0 0 344 43 0 0 20 0 11 0 12345 1 2 3'
  for (const name of ['node', 'my node', 'a) S 1 (b']) {
    expect(parseStat(`4243 (${name}) ${tail}`)).toEqual({ parent: 17, cpuMs: 3870 })
  }
})

test('a process that has ended costs nothing', () => {
  expect(parseStat('')).toEqual({ parent: 0, cpuMs: 0 })
  expect(fieldOf('', 'Rss')).toBe(0)
})

test('a figure is read from its own line', () => {
  const rollup =
    '00400000-7fff ---p 00000000 00:00 0 [rollup]\nRss:  180736 kB\nPss:  120832 kB\nPss_Dirty:  9 kB\n'
  expect([fieldOf(rollup, 'Rss'), fieldOf(rollup, 'Pss')]).toEqual([180736, 120832])
  expect(fieldOf('rchar: 5\nwchar: 77\n', 'wchar')).toBe(77)
})

test.runIf(process.platform === 'linux')(
  'of a living process everything is known, and whose it is',
  async () => {
    const child = spawn('sleep', ['60'], { stdio: 'ignore' })
    await once(child, 'spawn')
    expect(childrenOf(process.pid)).toContain(child.pid)
    const usage = usageOf(process.pid)
    for (const figure of [usage.cpuMs, usage.rssMiB, usage.pssMiB, usage.wakeUps, usage.writtenBytes])
      expect(figure).toBeGreaterThan(0)
    expect(usage.pssMiB).toBeLessThanOrEqual(usage.rssMiB)
    child.kill('SIGKILL')
    await once(child, 'exit')
  },
)
