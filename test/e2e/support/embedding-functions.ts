import { appendFileSync } from 'node:fs'
import type { FunctionHandler, NodeSettings } from '../../../src/index.ts'

/** Short leases: a lost worker is waited for. */
export const SETTINGS = {
  peerPort: 0,
  facadePort: 0,
  voterPolicy: 'auto',
  leaseTtlMs: 2000,
  remoteExecute: true,
  leaseGating: true,
} as const satisfies NodeSettings

/** The functions of node `name`. What one does it writes to `journal` at once: the wall clock of one machine orders the lines of all. */
export function functionsOf(name: string, journal: string): Readonly<Record<string, FunctionHandler | URL>> {
  const note = (what: string): void => appendFileSync(journal, `${Date.now()} ${name} ${what}\n`)
  return {
    shout: new URL('./embedding-module.ts', import.meta.url),
    greet: (input: { readonly who: string }, { fencingToken, traceparent }) => {
      note('greet')
      return { text: `hello ${input.who}`, from: name, fencingToken, traceparent }
    },
    fail: () => {
      throw new RangeError('it cannot be done')
    },
    // Away from home they never come to an end, and do not listen.
    stubborn: () => (name === 'home' ? answer(note) : forever(note)),
    blocking: () => (name === 'home' ? answer(note) : block(note)),
  }
}

function answer(note: (what: string) => void): string {
  note('answer')
  return 'from home'
}

function forever(note: (what: string) => void): Promise<never> {
  note('forever')
  return new Promise(() => undefined)
}

function block(note: (what: string) => void): never {
  for (;;) {
    note('still')
    const until = performance.now() + 20
    while (performance.now() < until);
  }
}
