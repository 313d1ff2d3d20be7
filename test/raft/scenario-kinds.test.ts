/** `docs/reference/raft-scenarios.md` names the transcripts that there are, all of them and no others. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const page = readFileSync(join(ROOT, 'docs/reference/raft-scenarios.md'), 'utf8')
const transcripts = readdirSync(join(ROOT, 'test/testdata/raft')).map((file) => file.replace(/\.txt$/, ''))

interface Row {
  readonly etcdFile: string
  readonly about: string
  readonly named: readonly string[]
}

const namesIn = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '')

/** The rows of the tables: etcd's file, what it is about, our transcripts, the difference. */
function rowsOf(text: string): readonly Row[] {
  return text
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter((cells) => cells.length === 6 && cells[1]?.startsWith('`'))
    .map(([, etcdFile = '', about = '', ours = '']) => ({ etcdFile, about, named: namesIn(ours) }))
}

/** Those of the list, before the colon. */
function furtherOf(text: string): readonly string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('- `'))
    .flatMap((line) => namesIn(line.split(':', 1)[0] ?? ''))
}

function findings(text: string, files: readonly string[]): readonly string[] {
  const named = [...rowsOf(text).flatMap((row) => row.named), ...furtherOf(text)]
  return [
    ...named.filter((name) => !files.includes(name)).map((name) => `${name}: no such transcript`),
    ...files.filter((file) => !named.includes(file)).map((file) => `${file}: not named`),
    ...rowsOf(text)
      .filter((row) => row.named.length === 0 || row.about === '')
      .map((row) => `${row.etcdFile}: without a transcript or a description`),
  ]
}

test('every transcript that the page names exists, and it names every one', () => {
  expect(findings(page, transcripts)).toEqual([])
})

test('etcd has 28 transcripts of the core and 9 of configuration changes: each has one row', () => {
  const files = rowsOf(page).map((row) => row.etcdFile)
  expect(files.length).toBe(28 + 9)
  expect(new Set(files).size).toBe(files.length)
})

test('a transcript that is missing, one that is not named, and an empty row are found', () => {
  const sample = '| `x` | about | `a`, `gone` | |\n| `y` | about | | none |\n- `b`, `c`: and `d`\n'
  expect(findings(sample, ['a', 'b', 'c', 'e'])).toEqual([
    'gone: no such transcript',
    'e: not named',
    '`y`: without a transcript or a description',
  ])
})
