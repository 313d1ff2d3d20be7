/**
 * Loaded into the nodes of the drill before everything else (`node --import …/bootstrap/drill/hold.ts`), with a folder in
 * `POPULI_DRILL_HOLDS`: when a step that was asked for there is reached, the task stands still until the drill lets it go on. Only this
 * one call waits: the node itself goes on answering, ticking and losing connections, as with a disk or a peer that is slow.
 *
 * Files are the language, because they outlive both ends: `<step>.armed` (by the drill) becomes `<step>.reached` (by the node, once),
 * and waits for `<step>.released` (by the drill).
 */
import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { holdFile } from './holds.ts'
import { HOOKS, type Hook } from './hooks.ts'

const LOOK_MS = 5

type Method = (this: unknown, ...args: unknown[]) => unknown

/** Private is a word of TypeScript: at run time these are methods like others. */
type Prototype = Record<string, Method>

function wrap(original: Method, step: string, hook: Hook, folder: string): Method {
  let matched = 0
  /** Calls of the same method that came while one was held: they keep their order. */
  let held: Promise<unknown> | undefined
  const file = (state: Parameters<typeof holdFile>[1]): string => join(folder, holdFile(step, state))

  const reached = (args: readonly unknown[]): boolean => {
    if (!existsSync(file('armed'))) {
      matched = 0
      return false
    }
    if (!hook.matches(args)) return false
    matched += 1
    if (matched < hook.nth) return false
    renameSync(file('armed'), file('reached'))
    return true
  }

  const released = async (): Promise<void> => {
    while (!existsSync(file('released'))) await sleep(LOOK_MS)
    held = undefined
  }

  return function (this: unknown, ...args: unknown[]): unknown {
    if (hook.inOrder && held !== undefined) {
      held = held.then(() => original.apply(this, args))
      return held
    }
    if (!reached(args)) return original.apply(this, args)
    if (hook.when === 'before') {
      held = released()
      return held.then(() => original.apply(this, args))
    }
    // Also a refusal waits.
    const answer = Promise.resolve(original.apply(this, args))
    return Promise.allSettled([answer])
      .then(released)
      .then(() => answer)
  }
}

async function install(folder: string): Promise<void> {
  for (const [step, hook] of Object.entries<Hook>(HOOKS)) {
    const module: Record<string, { prototype: Prototype }> = await import(
      new URL(`../../${hook.file}`, import.meta.url).href
    )
    const prototype = module[hook.class]?.prototype
    const original = prototype?.[hook.method]
    if (prototype !== undefined && original !== undefined)
      prototype[hook.method] = wrap(original, step, hook, folder)
  }
}

const folder = process.env['POPULI_DRILL_HOLDS']
// Whatever the node starts inherits its environment: the guardian, and the commands.
if (folder !== undefined && process.argv.includes('up')) await install(folder)
