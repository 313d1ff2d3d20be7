import { describe, expect, test } from 'vitest'
import { checkDeadExports, checkUnreachable } from './dead-exports.ts'
import { sample } from './repository.ts'
import { parse, parseRepository } from './syntax.ts'

const dead = async (texts: Record<string, string>) => checkDeadExports(await parse(sample(texts)))
const unreachable = async (texts: Record<string, string>) => checkUnreachable(await parse(sample(texts)))

test('every export of src is imported by somebody it is meant for', async () => {
  expect(checkDeadExports(await parseRepository())).toEqual([])
})

test('every file of src is part of a program that is started', async () => {
  expect(checkUnreachable(await parseRepository())).toEqual([])
})

describe('the rule about exports finds', () => {
  test.each([
    ['a function', 'export function f() {}', 'f'],
    ['a constant', 'export const f = 1', 'f'],
    ['a class', 'export class f {}', 'f'],
    ['a type', 'export type f = 1', 'f'],
    ['an interface', 'export interface f {}', 'f'],
    ['a list', 'const g = 1\nexport { g as f }', 'f'],
    ['a default', 'export default function () {}', 'default'],
  ])('%s that nobody imports', async (_, text, name) => {
    expect(await dead({ 'src/raft/x.ts': text })).toEqual([`src/raft/x.ts: no other file imports ${name}`])
  })

  test('a name of a room that only the room itself or nobody takes from its index', async () => {
    const room = {
      'src/raft/index.ts': "export { a, b } from './x.ts'\nexport * from './y.ts'",
      'src/raft/x.ts': 'export const a = 1\nexport const b = 1',
      'src/raft/y.ts': 'export const c = 1',
      'src/raft/z.ts': "import { a } from './index.ts'",
    }
    const others = { 'src/store/x.ts': "import { b } from '../raft/index.ts'" }
    expect(await dead({ ...room, ...others })).toEqual([
      'src/raft/index.ts: nobody outside of its room imports a',
      'src/raft/index.ts: nobody outside of its room imports c',
    ])
  })
})

test('the rule about exports counts other rooms, programs and tests, and every way to import', async () => {
  const texts = {
    'src/raft/index.ts':
      "export { a, b as bb } from './x.ts'\nexport type { C } from './x.ts'\nexport * from './y.ts'",
    'src/raft/x.ts': 'export const a = 1\nexport const b = 1\nexport type C = 1\nexport const inner = 1',
    'src/raft/y.ts': 'export const d = 1',
    'src/store/x.ts': "import { a } from '../raft/index.ts'",
    'bootstrap/x.ts': "import { bb } from '../src/raft/index.ts'",
    'test/raft/x.test.ts':
      "import { inner } from '../../src/raft/x.ts'\nlet c: import('../../src/raft/index.ts').C",
    'src/net/x.ts': 'export const n = 1',
    'test/net/x.test.ts': "import * as net from '../../src/net/x.ts'",
  }
  const findings = await dead(texts)
  // An import as a type takes the whole module: it cannot tell the one name it wants.
  expect(findings).toEqual([])
})

test('the rule about files finds one that only a test imports', async () => {
  const texts = {
    'src/cli/main.ts':
      "import { a } from '../raft/index.ts'\nspawn('./child.ts')\nspawn(`./twin$" + '{suffix}`)',
    'src/cli/twin.ts': '',
    'src/cli/child.ts': "import { b } from './part.ts'",
    'src/cli/part.ts': 'export const b = 1',
    'src/raft/index.ts': "export { a } from './a.ts'",
    'src/raft/a.ts': 'export const a = 1',
    'src/raft/orphan.ts': 'export const o = 1',
    'test/raft/orphan.test.ts': "import { o } from '../../src/raft/orphan.ts'",
  }
  expect(await unreachable(texts)).toEqual([
    'src/raft/orphan.ts: no program that is started leads to this file',
  ])
})
