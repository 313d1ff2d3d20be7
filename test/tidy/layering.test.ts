import { describe, expect, test } from 'vitest'
import { checkLayering } from './layering.ts'
import { sample } from './repository.ts'
import { parse, parseRepository } from './syntax.ts'

const check = async (path: string, text: string) => checkLayering(await parse(sample({ [path]: text })))

test('imports follow the layers, siblings stay apart, other rooms are entered through their index', async () => {
  expect(checkLayering(await parseRepository())).toEqual([])
})

describe('the rule finds', () => {
  test.each([
    ['a core that imports another core', 'src/raft/x.ts', '../task/index.ts', 'raft may not import task'],
    ['a core that imports an adapter', 'src/raft/x.ts', '../store/index.ts', 'raft may not import store'],
    [
      'an adapter that imports another adapter',
      'src/net/x.ts',
      '../store/index.ts',
      'net may not import store',
    ],
    ['base that imports a room', 'src/base/x.ts', '../raft/index.ts', 'base may not import raft'],
    ['node that imports cli', 'src/node/a/x.ts', '../../cli/index.ts', 'node may not import cli'],
    ['an import past the index', 'src/raft/x.ts', '../base/ids.ts', 'src/base/ids.ts is not an index.ts'],
    [
      'an import past the index from outside of src',
      'bootstrap/demo/x.ts',
      '../../src/node/node.ts',
      'src/node/node.ts is not an index.ts',
    ],
    [
      'src that imports simulations',
      'src/raft/x.ts',
      '../../simulations/index.ts',
      'src may not import simulations',
    ],
    ['src that imports test', 'src/raft/x.ts', '../../test/raft/x.ts', 'src may not import test'],
    [
      'src that imports bootstrap',
      'src/cli/x.ts',
      '../../bootstrap/index.ts',
      'src may not import bootstrap',
    ],
    ['bootstrap that imports test', 'bootstrap/x.ts', '../test/x.ts', 'bootstrap may not import test'],
    ['a room that imports the library entry', 'src/cli/x.ts', '../index.ts', 'nothing in src may import'],
  ])('%s', async (_, path, specifier, finding) => {
    for (const text of [
      `import { a } from '${specifier}'`,
      `export { a } from '${specifier}'`,
      `import type { A } from '${specifier}'`,
      `export const a = await import('${specifier}')`,
      `export type A = import('${specifier}').A`,
    ])
      expect(await check(path, text), text).toEqual([expect.stringContaining(`${path}:1: ${finding}`)])
  })

  test('a room that no layer names', async () => {
    expect(await check('src/utils/x.ts', 'export const a = 1')).toEqual([
      'src/utils/x.ts:1: room utils has no place in the layers',
    ])
  })
})

test('the rule lets pass what the design allows', async () => {
  const allowed = {
    'src/raft/x.ts': `import { a } from '../base/index.ts'\nimport { b } from './y.ts'\nimport { z } from 'zod'`,
    'src/store/x.ts': `import { a } from '../raft/index.ts'`,
    'src/node/control/x.ts': `import { a } from '../config/y.ts'\nimport { b } from '../../net/index.ts'`,
    'src/cli/x.ts': `import { a } from '../node/index.ts'\nimport { b } from '../node/control/index.ts'`,
    'src/index.ts': `export { a } from './node/index.ts'`,
    'bootstrap/demo/x.ts': `import { a } from '../../src/cli/index.ts'`,
    'simulations/x.ts': `import { a } from '../src/raft/index.ts'`,
    'test/raft/x.test.ts': `import { a } from '../../src/raft/log.ts'`,
  }
  expect(checkLayering(await parse(sample(allowed)))).toEqual([])
})
