import { describe, expect, test } from 'vitest'
import { sample } from './repository.ts'
import { checkSize } from './size.ts'
import { parse, parseRepository } from './syntax.ts'

const check = async (path: string, text: string) => checkSize(await parse(sample({ [path]: text })))
const lines = (count: number) => Array.from({ length: count }, (_, index) => `f(${index})`).join('\n')

test('no file and no function is longer than it may be, without exception', async () => {
  expect(checkSize(await parseRepository())).toEqual([])
})

describe('the rule', () => {
  test('lets a file have 400 lines and finds one of 401', async () => {
    expect(await check('src/a/x.ts', `${lines(400)}\n`)).toEqual([])
    expect(await check('src/a/x.ts', `${lines(401)}\n`)).toEqual(['src/a/x.ts:1: 401 lines, at most 400'])
    expect(await check('bootstrap/x.ts', lines(401))).toHaveLength(1)
  })

  test('lets a test file have 600 lines and finds one of 601', async () => {
    expect(await check('test/a/x.test.ts', lines(600))).toEqual([])
    expect(await check('test/a/x.test.ts', lines(601))).toEqual([
      'test/a/x.test.ts:1: 601 lines, at most 600',
    ])
  })

  test.each([
    ['a function', 'function f() {', '}'],
    ['an arrow function', 'const f = () => {', '}'],
    ['a function expression', 'const f = function () {', '}'],
    ['a method', 'class A { m() {', '} }'],
    ['a constructor', 'class A { constructor() {', '} }'],
    ['a getter', 'class A { get m() {', '} }'],
    ['a method of a literal', 'const a = { m() {', '} }'],
  ])('lets %s have 70 lines and finds one of 71', async (_, head, tail) => {
    const documented = (body: number) => `\n/**\n * What it does.\n */\n${head}\n${lines(body)}\n${tail}\n`
    expect(await check('src/a/x.ts', documented(68))).toEqual([])
    expect(await check('src/a/x.ts', documented(69))).toEqual([
      'src/a/x.ts:5: a function of 71 lines, at most 70',
    ])
  })

  test('does not count the functions of tests, whose suites are functions', async () => {
    expect(await check('test/a/x.test.ts', `describe('x', () => {\n${lines(100)}\n})`)).toEqual([])
  })
})
