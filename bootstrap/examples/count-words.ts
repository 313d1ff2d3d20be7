import type { FunctionContext } from '../../src/index.ts'

/** A function in a module: it runs in a process of its own, at whatever node of the mesh has registered it. */
export default async function countWords(
  { text }: { readonly text: string },
  { signal, log, fencingToken }: FunctionContext,
): Promise<Readonly<Record<string, number>>> {
  log(`lease ${fencingToken}, process ${process.pid}`)
  const counts: Record<string, number> = {}
  for (const word of text.toLowerCase().match(/\p{L}+/gu) ?? []) {
    // What takes long looks at the signal now and then: it aborts when the call has to end.
    signal.throwIfAborted()
    counts[word] = (counts[word] ?? 0) + 1
  }
  return counts
}
