/**
 * Who may import whom (design §3): base ← cores and contract ← adapters ← node ← cli. Siblings never import each
 * other, and another room is entered through its `index.ts` only, or through that of a folder in it: a command that only
 * talks to a node must not load what runs one.
 */
import type { Finding } from './repository.ts'
import { type Import, importsOf, type ParsedFile, resolve } from './syntax.ts'

/** Rooms by layer: a room may import rooms of the layers before its own. */
export const LAYERS = [
  ['base'],
  ['raft', 'membership', 'authority', 'task', 'placement', 'contract'],
  ['net', 'store', 'gpu', 'exec', 'http', 'telemetry'],
  ['node'],
  ['cli'],
] as const satisfies readonly (readonly string[])[]

/** Top-level folders of code besides `src`, and what they may import of each other. */
const OUTSIDE: Readonly<Record<string, readonly string[]>> = {
  bootstrap: ['src'],
  simulations: ['src'],
  test: ['src', 'bootstrap', 'simulations'],
}

/** The room of a file in `src`: the first folder; undefined for `src/index.ts` and for files outside of `src`. */
export function roomOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1]
}

export function checkLayering(files: readonly ParsedFile[]): Finding[] {
  return files.flatMap((file) => [
    ...unknownRoom(file),
    ...importsOf(file).flatMap((one) => {
      const defect = importDefect(file.path, one)
      return defect === undefined ? [] : [`${file.path}:${one.line}: ${defect}`]
    }),
  ])
}

function unknownRoom(file: ParsedFile): Finding[] {
  const room = roomOf(file.path)
  if (room === undefined || layerOf(room) >= 0) return []
  return [`${file.path}:1: room ${room} has no place in the layers`]
}

function importDefect(from: string, one: Import): string | undefined {
  const target = resolve(from, one.specifier)
  if (target === undefined) return undefined
  const [fromTop, targetTop] = [topOf(from), topOf(target)]
  if (fromTop !== targetTop) {
    if (fromTop === 'src' || !OUTSIDE[fromTop]?.includes(targetTop))
      return `${fromTop} may not import ${targetTop}`
    // Tests may look behind the face of a room.
    return fromTop === 'test' || targetTop !== 'src' ? undefined : faceDefect(target)
  }
  return fromTop === 'src' ? roomDefect(from, target) : undefined
}

function roomDefect(from: string, target: string): string | undefined {
  const [fromRoom, targetRoom] = [roomOf(from), roomOf(target)]
  if (fromRoom === targetRoom) return undefined
  if (targetRoom === undefined) return 'nothing in src may import the entry of the library'
  if (fromRoom !== undefined && layerOf(targetRoom) >= layerOf(fromRoom))
    return `${fromRoom} may not import ${targetRoom}`
  return faceDefect(target)
}

function faceDefect(target: string): string | undefined {
  return /^src\/([^/]+\/){0,2}index\.ts$/.test(target) ? undefined : `${target} is not an index.ts`
}

function layerOf(room: string): number {
  return LAYERS.findIndex((rooms: readonly string[]) => rooms.includes(room))
}

function topOf(path: string): string {
  return path.split('/', 1).join()
}
