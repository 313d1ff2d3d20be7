/**
 * A mutation: one deliberate bug, to see that the simulations would have found it. It is data: places in the source text of
 * production modules, and what stands there instead. The text is changed while a module is loaded (`preload.ts`), so
 * production carries no switch, and what runs in a mutated simulation is production but for these places. Most have one; a bug
 * against which production is guarded twice has two.
 *
 * A text that is not found exactly once is an error, not a skip: a mutation that no longer applies would otherwise be one
 * that is never caught, or worse, one that seems to be.
 *
 * Rejected: generating mutants from the syntax tree (thousands, most of them equivalent or uninteresting; the list here
 * is of mistakes that real implementations made), and patches with line numbers (they go stale silently).
 */
import { assert } from '../../src/base/index.ts'

export interface Edit {
  /** From the root of the repository. */
  readonly file: string
  /** Stands exactly once in the file. */
  readonly find: string
  readonly replace: string
}

export interface Mutation {
  /** In a command line: lower case with hyphens. */
  readonly name: string
  /** What goes wrong with it. */
  readonly why: string
  readonly edits: readonly Edit[]
  /** Whose faults and workload bring it out, the likeliest first. */
  readonly scenarios: readonly string[]
}

/** The text of `file` with the edits that concern it. @throws InvariantError when one does not fit any more. */
export function mutate({ name, edits }: Mutation, file: string, source: string): string {
  let text = source
  for (const { find, replace } of edits.filter((edit) => edit.file === file)) {
    const count = text.split(find).length - 1
    assert(count === 1, `mutation ${name} is stale: its text stands ${count} times in ${file}, not once`)
    text = text.replace(find, () => replace)
  }
  assert(text !== source, `mutation ${name} changes nothing in ${file}`)
  return text
}
