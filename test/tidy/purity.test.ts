import { describe, expect, test } from 'vitest'
import { checkPurity } from './purity.ts'
import { sample } from './repository.ts'
import { parse, parseRepository } from './syntax.ts'

const check = async (path: string, text: string) => checkPurity(await parse(sample({ [path]: text })))

test('the cores and base reach nothing ambient', async () => {
  expect(checkPurity(await parseRepository())).toEqual([])
})

describe('the rule finds', () => {
  test.each([
    ['a timer', 'setTimeout(f, 1)', 'setTimeout'],
    ['a timer that is handed on', 'const timers = { setTimeout }', 'setTimeout'],
    ['a microtask', 'queueMicrotask(f)', 'queueMicrotask'],
    ['a promise', 'const p = Promise.resolve(1)', 'Promise'],
    ['a promise as the type of a value', 'let p: Promise<void>', 'Promise'],
    ['an async function', 'export async function f() {}', 'async'],
    ['an async method', 'class A { async f() {} }', 'async'],
    ['an async arrow function', 'const f = async () => 1', 'async'],
    ['await', 'const x = await y', 'await'],
    ['for await', 'for await (const x of y) f(x)', 'await'],
    ['the wall clock', 'const now = Date.now()', 'Date'],
    ['a new date', 'const now = new Date()', 'Date'],
    ['a date as a type', 'export interface A { at: Date }', 'Date'],
    ['performance', 'const now = performance.now()', 'performance'],
    ['Math.random', 'const x = Math.random()', 'Math.random'],
    ['crypto', 'const id = crypto.randomUUID()', 'crypto'],
    ['process', 'const x = process.env', 'process'],
    ['fetch', 'fetch(url)', 'fetch'],
    ['console', 'console.log(1)', 'console'],
    ['the global object', "const now = globalThis['Date']", 'globalThis'],
  ])('%s', async (_, text, what) => {
    for (const path of ['src/raft/x.ts', 'src/base/ids.ts', 'src/task/sub/x.ts'])
      expect(await check(path, `f()\n${text}`)).toEqual([`${path}:2: a pure room may not use ${what}`])
  })

  test.each(['node:fs', 'node:crypto', 'level', 'cborg', '@libp2p/interface'])(
    'an import of %s',
    async (specifier) => {
      expect(await check('src/authority/x.ts', `import type { x } from '${specifier}'`)).toEqual([
        `src/authority/x.ts:1: a pure room may not import ${specifier}`,
      ])
    },
  )

  test('a promise in a port that also holds code', async () => {
    const port = 'export interface Port { read(): Promise<void> }'
    expect(await check('src/raft/port.ts', port)).toEqual([])
    expect(await check('src/raft/port.ts', `${port}\nexport const x = 1`)).toEqual([
      'src/raft/port.ts:1: a pure room may not use Promise',
    ])
  })
})

test('the rule lets pass members and texts of the same name, zod, and code outside of the cores', async () => {
  const text = [
    "import { z } from 'zod'",
    "import { x } from '../base/index.ts'",
    'export interface A { process: number; fetch(): void }',
    "export const a = { Date: 1, text: 'Promise and Date' }",
    'export const b = (it: A) => it.process + Math.floor(1) // not Date.now()',
  ].join('\n')
  expect(await check('src/raft/x.ts', text)).toEqual([])
  expect(
    await check(
      'src/base/clock.ts',
      "import { uptime } from 'node:os'\nDate.now() + process.hrtime.bigint()",
    ),
  ).toEqual([])
  expect(await check('src/net/x.ts', 'await fetch(String(new Date()))')).toEqual([])
})
