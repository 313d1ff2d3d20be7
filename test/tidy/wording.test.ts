import { homedir } from 'node:os'
import { describe, expect, test } from 'vitest'
import { ROOT, repositoryFiles, sample } from './repository.ts'
import { parse, parseRepository } from './syntax.ts'
import { checkPortable, checkProductionCode, checkTestCode } from './wording.ts'

/** Where this repository and its owner live. */
const PLACES = [ROOT, homedir()].filter((place) => place !== '/')

test('the code goes around no type, throws coded errors, and leaves no notes', async () => {
  expect(checkProductionCode(await parseRepository())).toEqual([])
})

test('every test runs, and none sleeps', async () => {
  expect(checkTestCode(await parseRepository())).toEqual([])
})

test('no file names a path of one machine or a package registry', () => {
  expect(checkPortable(repositoryFiles(), PLACES)).toEqual([])
})

describe('the rule about code finds', () => {
  test.each([
    ['any', 'let x: any'],
    ['as any', 'f(x as any)'],
    ['any in a type argument', 'let x: Map<string, any>'],
    ['a compiler directive', '// @ts-' + 'ignore'],
    ['a bare error', "throw new Error('x')"],
    ['a bare type error', "throw new TypeError('x')"],
    ['a note', '// TO' + 'DO: later'],
    ['another note', '/* FIX' + 'ME */'],
  ])('%s', async (_, text) => {
    for (const path of ['src/raft/x.ts', 'bootstrap/x.ts', 'simulations/x.ts'])
      expect(checkProductionCode(await parse(sample({ [path]: `f()\n${text}` })))).toEqual([
        expect.stringContaining(`${path}:2: `),
      ])
  })

  test('nothing in the word any, in a coded error, or in a rethrown one', async () => {
    const text = "// any of them\nconst anyone = 'any'\nthrow new CodedError('internal')\nthrow error"
    expect(checkProductionCode(await parse(sample({ 'src/raft/x.ts': text })))).toEqual([])
  })
})

describe('the rule about tests finds', () => {
  test.each([
    ['a skipped test', "test.skip('x', f)"],
    ['a single test', "it.only('x', f)"],
    ['a skipped suite', "describe.skip('x', f)"],
    ['a test to come', "test.todo('x')"],
    ['a skipped table', "test.each([1]).skip('x', f)"],
    ['a test that must fail', "test.fails('x', f)"],
    ['a timer', 'setTimeout(f, 1)'],
    ['a sleep', 'await sleep(1)'],
    ['a delay', 'await delay(1)'],
    ['timers as promises', "import { x } from 'node:timers/promises'"],
  ])('%s', async (_, text) => {
    expect(checkTestCode(await parse(sample({ 'test/raft/x.test.ts': `f()\n${text}` })))).toEqual([
      expect.stringContaining('test/raft/x.test.ts:2: '),
    ])
  })

  test('nothing in a command that is called sleep, nor in a deadline of a poll', async () => {
    const text =
      "const delay = 5\nrun(['sleep', '100'], delay)\nawait vi.waitFor(f, { timeout: 1 })\nlist.skip(1)"
    expect(checkTestCode(await parse(sample({ 'test/raft/x.test.ts': text })))).toEqual([])
  })
})

describe('the rule about places finds', () => {
  test.each([
    ['the folder of the repository', 'cd /builds/mesh/src'],
    ['another file of it', '(/builds/mesh/docs)'],
    ['the home of the writer', '"/homes/ada/.config"'],
    ['a registry', `https://${'registry'}.npmjs.org/zod`],
    ['a registry setting', `${'registry'}=http://localhost`],
  ])('%s', (_, text) => {
    const files = sample({ 'docs/x.md': `# x\n${text}` })
    expect(checkPortable(files, ['/builds/mesh', '/homes/ada'])).toEqual([
      expect.stringContaining('docs/x.md:2: '),
    ])
  })

  test('an address in the lock file', () => {
    const lock = sample({ 'package-lock.json': '"resolved": "https://example.org/zod.tgz"' })
    expect(checkPortable(lock, [])).toEqual([expect.stringContaining('package-lock.json:1: ')])
  })

  test('nothing in a path that only looks like one', () => {
    const files = sample({
      'docs/x.md': 'a/builds/mesh ./builds/mesh ~/builds/mesh /builds/mesh-x/y /homes/eve/x',
    })
    expect(checkPortable(files, ['/builds/mesh', '/homes/ada'])).toEqual([])
  })
})
