import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { cli } from './support.ts'

const PAGE = readFileSync(new URL('../../docs/reference/cli.md', import.meta.url), 'utf8')

/** On every command, and described once. */
const COMMON = new Set(['--json', '--data-dir', '--help'])

test('docs/reference/cli.md describes every command with its options, and no other', async () => {
  const names = [...(await cli(['--help'])).out.matchAll(/^ {2}(\w+) \[options\]/gm)].map(([, name]) => name)
  const sections = PAGE.split(/^### /m).slice(1)
  expect(sections.map((section) => section.split('\n', 1)[0]).sort()).toStrictEqual([...names].sort())
  for (const section of sections) {
    const name = section.split('\n', 1)[0] ?? ''
    // The settings have a page of their own.
    if (name === 'up') continue
    const { out } = await cli([name, '--help'])
    const options = [...out.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, option = '']) => option)
    for (const option of options.filter((each) => !COMMON.has(each))) expect(section).toContain(option)
  }
})

test('docs/reference/cli.md describes every command of `populi admin` with its options', async () => {
  const about = PAGE.split('## Admin orders')[1]?.split(/^## /m)[0] ?? ''
  const names = [...(await cli(['admin', '--help'])).out.matchAll(/^ {2}(\w+) \[options\]/gm)].map(
    ([, name]) => name,
  )
  expect(names.length).toBeGreaterThan(0)
  for (const name of names) {
    expect(about).toContain(`\`populi admin ${name}`)
    const { out } = await cli(['admin', name ?? '', '--help'])
    const options = [...out.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, option = '']) => option)
    for (const option of options.filter((each) => !COMMON.has(each))) expect(about).toContain(option)
  }
})
