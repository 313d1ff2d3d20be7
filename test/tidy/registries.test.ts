import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { errorEntries, LIMITS } from '../../src/base/index.ts'
import { EVENT_TYPES } from '../../src/node/event-types.ts'
import {
  checkCodesUsed,
  checkDependencies,
  checkLimitsUsed,
  checkRoomFaces,
  type Manifest,
} from './registries.ts'
import { ROOT, repositoryFiles, sample } from './repository.ts'
import { parse, parseRepository } from './syntax.ts'

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

test('every error code is used', async () => {
  const codes = errorEntries().map(([code]) => code)
  expect(checkCodesUsed(codes, 'src/base/error-registry.ts', await parseRepository())).toEqual([])
})

test('every limit is read', async () => {
  expect(checkLimitsUsed(Object.keys(LIMITS), 'src/base/limits.ts', await parseRepository())).toEqual([])
})

test('every type of event is recorded', async () => {
  // What the CLI says about a type does not make it happen.
  const files = (await parseRepository()).filter(({ path }) => !path.startsWith('src/cli/'))
  expect(checkCodesUsed(Object.keys(EVENT_TYPES), 'src/node/event-types.ts', files)).toEqual([])
})

test('every room has an index that says what it is for', () => {
  expect(checkRoomFaces(repositoryFiles())).toEqual([])
})

test('every dependency is exact, explained and used', async () => {
  const manifest: Manifest = JSON.parse(read('package.json'))
  const page = read('docs/dependencies.md')
  expect(checkDependencies(manifest, page, await parseRepository())).toEqual([])
})

describe('the rules find', () => {
  test('a code and a limit that only their registry and the tests know', async () => {
    const files = await parse(
      sample({
        'src/base/registry.ts': "const R = { 'a.used': 1, 'a.dead': 2, 'a.said': 3 }; LIMITS.dead",
        'src/net/x.ts': "throw new CodedError('a.used') // a.dead, a.said\nuse(LIMITS.used)",
        'src/net/y.ts': 'f(`a.said`)',
        'test/net/x.test.ts': "expect('a.dead'); LIMITS.dead",
      }),
    )
    expect(checkCodesUsed(['a.used', 'a.dead', 'a.said'], 'src/base/registry.ts', files)).toEqual([
      'src/base/registry.ts: nothing in src uses a.dead',
    ])
    expect(checkLimitsUsed(['used', 'dead'], 'src/base/registry.ts', files)).toEqual([
      'src/base/registry.ts: nothing in src reads dead',
    ])
  })

  test('a room without an index and one whose index says nothing', () => {
    const files = sample({
      'src/raft/core.ts': '',
      'src/net/index.ts': "export { a } from './a.ts'",
      'src/store/index.ts': "/** store: keeps what must survive. */\nexport { a } from './a.ts'",
    })
    expect(checkRoomFaces(files)).toEqual([
      'src/raft/index.ts: missing',
      'src/net/index.ts: does not begin with what the room is for',
    ])
  })

  test.each<[string, Partial<Manifest>, string, string]>([
    [
      'a range',
      { dependencies: { zod: '^4.0.0' } },
      '| `zod` | x |',
      'package.json: zod ^4.0.0 is no exact version',
    ],
    [
      'a tag',
      { dependencies: { zod: 'latest' } },
      '| `zod` | x |',
      'package.json: zod latest is no exact version',
    ],
    ['no explanation', { dependencies: { zod: '4.0.0' } }, '', 'docs/dependencies.md: no line for zod'],
    [
      'an explanation of nothing',
      { dependencies: { zod: '4.0.0' } },
      '| `zod` | x |\n| `yup` | x |',
      'docs/dependencies.md: yup is no dependency',
    ],
    [
      'a package that nothing imports',
      { dependencies: { zod: '4.0.0', pino: '1.0.0' } },
      '| `zod` | x |\n| `pino` | x |',
      'package.json: nothing imports pino',
    ],
    [
      'a companion that is imported',
      { dependencies: { zod: '4.0.0' } },
      '| `zod` | x |\n\n## Companions\n\n| `zod` | x |',
      'docs/dependencies.md: zod is imported, so it is no companion',
    ],
    [
      'a package of the tools in the program',
      { devDependencies: { zod: '4.0.0' } },
      '| `zod` | x |',
      'package.json: zod is imported and no dependency',
    ],
  ])('%s', async (_, partial, page, finding) => {
    const files = await parse(sample({ 'src/base/x.ts': "import { z } from 'zod/v4'\nimport 'node:fs'" }))
    const manifest = { dependencies: {}, devDependencies: {}, ...partial }
    expect(checkDependencies(manifest, page, files)).toEqual([finding])
  })

  test('a package that only a test imports and nothing declares', async () => {
    const files = await parse(sample({ 'test/base/x.test.ts': "import fc from 'fast-check'" }))
    expect(checkDependencies({ dependencies: {}, devDependencies: {} }, '', files)).toEqual([
      'package.json: tests import fast-check',
    ])
  })
})

test('a companion needs no import', async () => {
  const manifest = { dependencies: { pino: '1.0.0' }, devDependencies: {} }
  const page = '| `pino` | x |\n\n## Companions\n\n| `pino` | fastify wants it |'
  expect(checkDependencies(manifest, page, [])).toEqual([])
})
