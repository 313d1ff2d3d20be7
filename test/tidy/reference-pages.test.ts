import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { errorEntries, LIMITS } from '../../src/base/index.ts'
import { SETTINGS } from '../../src/node/config/settings.ts'
import {
  configurationPage,
  decisionsPage,
  documentedMembers,
  errorsPage,
  eventsPage,
  limitsPage,
  reasonsPage,
} from './reference-pages.ts'
import { ROOT, repositoryFiles, sample } from './repository.ts'

const limitsSource = readFileSync(join(ROOT, 'src/base/limits.ts'), 'utf8')

function expectPage(name: string, text: string): void {
  const path = join(ROOT, 'docs', name)
  if (process.env['REWRITE'] === '1') writeFileSync(path, text)
  else expect(readFileSync(path, 'utf8')).toBe(text)
}

test('docs/reference/errors.md lists the error registry, no more and no less', () => {
  expectPage('reference/errors.md', errorsPage())
})

test('docs/reference/limits.md lists the limits, no more and no less', () => {
  expectPage('reference/limits.md', limitsPage(limitsSource))
})

test('docs/reference/reasons.md lists the reasons, no more and no less', () => {
  expectPage('reference/reasons.md', reasonsPage())
})

test('docs/reference/events.md lists the kinds and types of events, no more and no less', () => {
  expectPage('reference/events.md', eventsPage())
})

test('docs/reference/configuration.md lists the settings, no more and no less', () => {
  expectPage('reference/configuration.md', configurationPage())
})

test('docs/decisions/README.md lists the decisions, no more and no less', () => {
  expectPage('decisions/README.md', decisionsPage(repositoryFiles()))
})

test('every limit has its reason beside it', () => {
  const members = documentedMembers(limitsSource)
  expect(members.map(({ name }) => name)).toEqual(Object.keys(LIMITS))
  expect(members.filter(({ doc }) => doc.length < 10)).toEqual([])
})

test('every setting has a key, a flag and variables of its own', () => {
  const settings = Object.values(SETTINGS)
  for (const names of [
    settings.map((setting) => setting.key),
    settings.map((setting) => setting.flag),
    settings.flatMap((setting) => setting.env),
  ])
    expect(new Set(names).size).toBe(names.length)
})

describe('a page is another one', () => {
  test('when an error is missing, new or different', () => {
    const [first, ...others] = errorEntries()
    expect(errorsPage(others)).not.toBe(errorsPage())
    if (first === undefined) expect.fail('the registry is empty')
    const [code, entry] = first
    expect(errorsPage([[code, { ...entry, exitCode: 9 }], ...others])).not.toBe(errorsPage())
  })

  test('when a limit is missing, changes its value or loses its reason', () => {
    const source = 'const L = {\n  /** Because\n   * of this. */\n  aMax: 1,\n  // room\n  bMax: 2,\n}'
    expect(documentedMembers(source)).toEqual([
      { name: 'aMax', doc: 'Because of this.' },
      { name: 'bMax', doc: '' },
    ])
    expect(limitsPage(source, { aMax: 1, bMax: 2 })).toContain('| `bMax` | 2 | without a reason |')
    expect(limitsPage(source, { aMax: 1 })).toContain('| `bMax` | no such limit |')
  })

  test('when a decision is added', () => {
    const record = { 'docs/decisions/0007-x.md': '# 0007: We do it\n' }
    expect(decisionsPage(sample(record))).toContain('| [0007](0007-x.md) | We do it |')
  })

  test('when a setting or a reason is missing', () => {
    expect(configurationPage(Object.values(SETTINGS).slice(1))).not.toBe(configurationPage())
    expect(reasonsPage({})).not.toBe(reasonsPage())
  })

  test('when a kind of event or a type is added', () => {
    expect(eventsPage({ node: 'x' }, {})).not.toContain('|')
    expect(eventsPage({ node: 'x' }, { 'node:up': 'is up' })).toContain('| `node:up` | is up |')
    expect(eventsPage({ node: 'x' }, { 'link:up': 'is up' })).not.toContain('link:up')
  })
})
