import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const textOf = (path: string): string => readFileSync(join(import.meta.dirname, '../..', path), 'utf8')

test('what the first line of the program asks of Node, scripts and demo ask, too', () => {
  const flags = /^#!\/usr\/bin\/env -S node (.+)\n/.exec(textOf('src/cli/main.ts'))?.[1]
  expect(flags).toMatch(/^--[a-z-]+=\d+$/)
  expect(textOf('package.json')).toContain(`node ${flags} src/cli/main.ts`)
  expect(textOf('bootstrap/demo/demo-node.ts')).toContain(`const NODE_FLAGS = ['${flags}']`)
})
