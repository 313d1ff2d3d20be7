/**
 * Where a record lives: the first byte of a key says which section it belongs to, the rest names the record. Numbers
 * are big-endian, so that the order of the bytes is the order of the log. A prefix is never given a second meaning.
 */
import { type LogIndex, logIndex } from '../base/index.ts'

/** The parts of the store that the ledger keeps a fingerprint of, in its order. A new one goes to the end. */
export const SECTIONS = [
  'hardState',
  'entries',
  'applied',
  'state',
  'submitterJournal',
  'workerJournal',
  'meta',
  'base',
  'rejoin',
] as const
export type Section = (typeof SECTIONS)[number]

export const PREFIX: Readonly<Record<Section | 'format' | 'ledger', number>> = {
  format: 0x01,
  ledger: 0x02,
  hardState: 0x10,
  entries: 0x11,
  base: 0x12,
  applied: 0x20,
  state: 0x21,
  submitterJournal: 0x30,
  workerJournal: 0x31,
  meta: 0x40,
  rejoin: 0x41,
}

export const ENTRY_KEY_BYTES = 9
const HALF = 2 ** 32
const UTF8_STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Key of a record that has no name: the only one of its section. */
export function soleKey(section: Section | 'format' | 'ledger'): Uint8Array {
  return Uint8Array.of(PREFIX[section])
}

export function namedKey(section: Section, name: string): Uint8Array {
  const key = Buffer.allocUnsafe(1 + Buffer.byteLength(name))
  key[0] = PREFIX[section]
  key.write(name, 1)
  return key
}

/** The name in a key; `undefined` when the bytes are no UTF-8, which no writer of ours produces. */
export function nameOf(key: Uint8Array): string | undefined {
  try {
    return UTF8_STRICT.decode(key.subarray(1))
  } catch {
    return undefined
  }
}

export function entryKey(index: number): Uint8Array {
  const key = Buffer.allocUnsafe(ENTRY_KEY_BYTES)
  writeEntryKey(key, index)
  return key
}

/** Writes the key of an entry to the front of `bytes`. */
export function writeEntryKey(bytes: Buffer, index: number): void {
  bytes[0] = PREFIX.entries
  writeNumber(bytes, 1, index)
}

/** The index in a key of `entryKey`; `undefined` when it has another shape. */
export function indexOf(key: Uint8Array): LogIndex | undefined {
  if (key.length !== ENTRY_KEY_BYTES) return undefined
  const index = readNumber(new DataView(key.buffer, key.byteOffset), 1)
  return index <= Number.MAX_SAFE_INTEGER ? logIndex(index) : undefined
}

/** A counter in 8 bytes, without the cost of a BigInt. */
export function writeNumber(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt32BE(Math.floor(value / HALF), at)
  bytes.writeUInt32BE(value % HALF, at + 4)
}

export function readNumber(view: DataView, at: number): number {
  return view.getUint32(at) * HALF + view.getUint32(at + 4)
}
