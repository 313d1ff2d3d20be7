/**
 * Small hashes for places on rings and for comparing tables: they must come out the same on every node and be spread
 * evenly; they need not resist anybody, because only admitted peers are hashed.
 */
import type { PeerId } from '../base/index.ts'

/** FNV-1a over the characters, finished by `mix`, because its own high bits are poor for short changes. */
export function peerHash(peer: PeerId): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < peer.length; at += 1) hash = Math.imul(hash ^ peer.charCodeAt(at), 0x01000193)
  return mix(hash)
}

/** The finalizer of MurmurHash3: each bit of `value` changes half of the result's. Unsigned 32 bits. */
export function mix(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
