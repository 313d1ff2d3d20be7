import { expect, test } from 'vitest'
import { checkLinks } from './links.ts'
import { repositoryFiles, sample } from './repository.ts'

test('every relative link of the documentation leads somewhere', () => {
  expect(checkLinks(repositoryFiles())).toEqual([])
})

test('the rule finds links to files and headings that do not exist, outside of code', () => {
  const files = sample({
    'README.md': [
      '# Start',
      '[a](docs/a.md) [b](docs/missing.md) [c](docs/a.md#the-end) [d](#start) [e](#nowhere)',
      '```',
      '[in code](missing.md)',
      '```',
      '`[in code](missing.md)` [folder](docs/) [web](https://example.org/x) [other](../up.md)',
      '[ref]: docs/none.md',
    ].join('\n'),
    'docs/a.md': '# A & `b`: c\n\n[back](../README.md#start) [here](#a--b-c) [gone](../README.md#begin)\n',
  })
  expect(checkLinks(files)).toEqual([
    'README.md:2: docs/missing.md: no such file',
    'README.md:2: docs/a.md#the-end: no such heading',
    'README.md:2: #nowhere: no such heading',
    'README.md:6: ../up.md: no such file',
    'README.md:7: docs/none.md: no such file',
    'docs/a.md:3: ../README.md#begin: no such heading',
  ])
})

test('a heading that occurs twice has two anchors', () => {
  const text = '# A\n# A\n[first](#a) [second](#a-1) [third](#a-2)'
  expect(checkLinks(sample({ 'x.md': text }))).toEqual(['x.md:3: #a-2: no such heading'])
})
