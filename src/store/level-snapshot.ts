/**
 * The records of a LevelDB, read from its files without LevelDB. For looking into a store that may be damaged: nothing is
 * written, nothing is repaired, no assertion of LevelDB ends the process, and what lies behind the damage is read all
 * the same. A node never runs on this; all records are held in memory.
 *
 * Every change that LevelDB writes has a sequence number, and of all changes of a key the one with the highest number
 * counts, wherever it stands (db/dbformat.h, db/write_batch.cc of LevelDB).
 */
import type { CodedError } from '../base/index.ts'
import type { RecordSource, Visitor } from './engine.ts'
import { LevelBytes } from './level-bytes.ts'
import { readFolder } from './level-folder.ts'
import { corrupt } from './record.ts'
import { readBlock } from './table-file.ts'

/** Behind a key in a table: sequence number (7 bytes) and kind (1 byte) of the change. */
const TAG_BYTES = 8
/** In front of a batch in a log: number of its first change (8 bytes), number of changes (4 bytes). */
const BATCH_HEADER_BYTES = 12
const VALUE = 1

interface Change {
  readonly sequence: number
  /** `undefined` for a deletion. */
  readonly value: Buffer | undefined
}

export class LevelSnapshot implements RecordSource {
  readonly path: string
  private readonly changes = new Map<string, Change>()

  private constructor(path: string) {
    this.path = path
  }

  /** @param onDamage is told of everything that cannot be read. */
  static async read(path: string, onDamage: (damage: CodedError) => void): Promise<LevelSnapshot> {
    const snapshot = new LevelSnapshot(path)
    const note = (isSound: boolean, what: string) => {
      if (!isSound) onDamage(corrupt(path, what))
    }
    await readFolder(path, onDamage, {
      block: (block) => note(snapshot.addBlock(block), 'a block of a table, which cannot be read'),
      batch: (batch) => note(snapshot.addBatch(batch), 'a batch of a log file, which cannot be read'),
    })
    return snapshot
  }

  async scan(prefix: number, visit: Visitor): Promise<void> {
    const keys = [...this.changes.keys()].filter((key) => key.charCodeAt(0) === prefix).sort()
    for (const key of keys) {
      const value = this.changes.get(key)?.value
      if (value !== undefined) visit(Buffer.from(key, 'latin1'), value)
    }
  }

  private addBlock(block: Buffer): boolean {
    const entries = readBlock(block)
    for (const { key, value } of entries ?? []) {
      const nameBytes = key.length - TAG_BYTES
      if (nameBytes < 0) return false
      const sequence = key.readUIntLE(nameBytes + 1, 6)
      this.add(key.subarray(0, nameBytes), { sequence, value: key[nameBytes] === VALUE ? value : undefined })
    }
    return entries !== undefined
  }

  private addBatch(batch: Buffer): boolean {
    if (batch.length < BATCH_HEADER_BYTES) return false
    let sequence = batch.readUIntLE(0, 6)
    const bytes = new LevelBytes(batch.subarray(BATCH_HEADER_BYTES))
    while (!bytes.atEnd) {
      const kind = bytes.take(1)?.[0]
      const key = bytes.text()
      const value = kind === VALUE ? bytes.text() : undefined
      if (key === undefined || (kind === VALUE && value === undefined)) return false
      this.add(key, { sequence, value })
      sequence += 1
    }
    return true
  }

  private add(key: Buffer, change: Change): void {
    const text = key.toString('latin1')
    const known = this.changes.get(text)
    if (known === undefined || known.sequence < change.sequence) this.changes.set(text, change)
  }
}
