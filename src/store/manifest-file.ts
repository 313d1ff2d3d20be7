/**
 * LevelDB's manifest: a log of edits, which together say which tables are live and which write-ahead log is the oldest
 * that still counts. A table that is in the folder but not here is a left-over of an interrupted write, and LevelDB
 * deletes it; so whoever checks the tables has to know which ones matter.
 *
 * Layout (db/version_edit.cc of LevelDB): an edit is a sequence of fields, each a tag and what the tag says.
 */
import { LevelBytes } from './level-bytes.ts'

export interface Manifest {
  /** Bytes of each live table, by file number. */
  readonly tables: ReadonlyMap<number, number>
  /** Number of the oldest write-ahead log that counts; 0 before the first. */
  readonly logNumber: number
}

/** @returns `undefined` when there is no edit or one cannot be read. */
export function readManifest(edits: readonly Buffer[]): Manifest | undefined {
  const tables = new Map<number, number>()
  let logNumber: number | undefined
  for (const edit of edits) {
    const bytes = new LevelBytes(edit)
    while (!bytes.atEnd) {
      const field = readField(bytes)
      if (field === undefined) return undefined
      if (field.kind === 'log') logNumber = field.number
      if (field.kind === 'added') tables.set(field.number, field.bytes)
      if (field.kind === 'deleted') tables.delete(field.number)
    }
  }
  return logNumber === undefined ? undefined : { tables, logNumber }
}

type Field =
  | { readonly kind: 'log'; readonly number: number }
  | { readonly kind: 'added'; readonly number: number; readonly bytes: number }
  | { readonly kind: 'deleted'; readonly number: number }
  | { readonly kind: 'other' }

function readField(bytes: LevelBytes): Field | undefined {
  switch (bytes.varint()) {
    case 1: // name of the comparator
      return bytes.text() && { kind: 'other' }
    case 2: {
      const number = bytes.varint()
      return number === undefined ? undefined : { kind: 'log', number }
    }
    case 3: // next file number
    case 4: // last sequence number
    case 9: // an older write-ahead log, which versions since 2011 leave at 0
      return bytes.varint() === undefined ? undefined : { kind: 'other' }
    case 5: // compaction pointer: level, key
      bytes.varint()
      return bytes.text() && { kind: 'other' }
    case 6: {
      bytes.varint() // level
      const number = bytes.varint()
      return number === undefined ? undefined : { kind: 'deleted', number }
    }
    case 7: {
      bytes.varint() // level
      const number = bytes.varint()
      const size = bytes.varint()
      const keys = bytes.text() && bytes.text() // smallest and largest
      if (number === undefined || size === undefined || keys === undefined) return undefined
      return { kind: 'added', number, bytes: size }
    }
    default:
      return undefined
  }
}
