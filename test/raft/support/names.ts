import type { PeerId } from '../../../src/base/index.ts'

const PREFIX = `12D3KooW${'1'.repeat(43)}`

/** `n1` … `n9` as peer ids of the right form, in the same order. */
export function peer(name: string): PeerId {
  return (PREFIX + name.slice(1)) as PeerId
}

export function nameOf(id: PeerId | undefined): string {
  return id === undefined ? '-' : `n${id.at(-1)}`
}
