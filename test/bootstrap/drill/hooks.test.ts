import { describe, expect, test } from 'vitest'
import { HOOKS, type Hook } from '../../../bootstrap/drill/hooks.ts'
import { STEPS } from '../../../bootstrap/drill/steps.ts'

describe('a hook is a method that exists, so that no step of the drill is silently left out', () => {
  test.each(Object.entries<Hook>(HOOKS))('%s', async (_, hook) => {
    const module: Record<string, { prototype: Record<string, unknown> }> = await import(
      `../../../${hook.file}`
    )
    expect(module[hook.class]?.prototype[hook.method]).toBeTypeOf('function')
  })
})

test('every hook is a step of the table, and every step has a hook', () => {
  expect([...new Set(STEPS.map(({ hook }) => hook))]).toEqual(Object.keys(HOOKS))
  expect(new Set(STEPS.map(({ name }) => name)).size).toBe(STEPS.length)
})
