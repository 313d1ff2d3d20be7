/**
 * A log file of LevelDB (its write-ahead log, and the manifest), checked before LevelDB reads it.
 *
 * LevelDB skips a record that does not fit and *everything behind it in the block of 32 KiB*, and goes on with the
 * next block, without a word. A record that does not fit has two causes. The last batch was being written when
 * the machine stopped: nobody was told that it was durable, nothing follows it, and dropping it is right. Or
 * bytes went bad: then, unless it was the last batch that they hit, the beginning of a later batch is still there,
 * and the file is damaged. The two look the same only at the very end; docs/decisions/0004 says what closes that.
 *
 * Layout (doc/log_format.md of LevelDB): blocks of 32 KiB; records `masked CRC-32C (4) · length (2) · type (1) ·
 * data` that do not cross blocks; a batch is one FULL record, or FIRST, MIDDLE …, LAST; less than 7 bytes at the end
 * of a block are zero.
 */
import { maskedCrc32c } from './crc32c.ts'

const BLOCK_BYTES = 32 * 1024
const HEADER_BYTES = 7
const FULL = 1
const FIRST = 2
const LAST = 4

interface LogContents {
  /** The data of the batches before the damage or the end, an unfinished one left aside. */
  readonly batches: readonly Buffer[]
  readonly damage: string | undefined
}

interface LogRecord {
  readonly type: number
  readonly data: Buffer
  readonly end: number
}

export function readLogFile(file: Buffer): LogContents {
  const batches: Buffer[] = []
  let parts: Buffer[] = []
  let at = 0
  while (at < file.length) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES)
    if (left < HEADER_BYTES) {
      at += left
      continue
    }
    const record = recordAt(file, at)
    if (record === undefined && !batchBeginsAfter(file, at)) break
    const begins = record?.type === FULL || record?.type === FIRST
    if (record === undefined || begins !== (parts.length === 0))
      return { batches, damage: `the record at byte ${at}` }
    parts.push(record.data)
    if (record.type === FULL || record.type === LAST) {
      batches.push(Buffer.concat(parts))
      parts = []
    }
    at = record.end
  }
  return { batches, damage: undefined }
}

/** The sound record at `at`, if there is one. */
function recordAt(file: Buffer, at: number): LogRecord | undefined {
  const blockEnd = Math.min(file.length, at - (at % BLOCK_BYTES) + BLOCK_BYTES)
  if (at + HEADER_BYTES > blockEnd) return undefined
  const end = at + HEADER_BYTES + file.readUInt16LE(at + 4)
  if (end > blockEnd || file.readUInt32LE(at) !== maskedCrc32c(file.subarray(at + 6, end))) return undefined
  const type = file.readUInt8(at + 6)
  return type >= FULL && type <= LAST ? { type, data: file.subarray(at + HEADER_BYTES, end), end } : undefined
}

/** Whether a batch begins anywhere behind `at`, where no length can be trusted any more. */
function batchBeginsAfter(file: Buffer, at: number): boolean {
  for (let next = at + 1; next + HEADER_BYTES <= file.length; next += 1) {
    const type = file[next + 6]
    if ((type === FULL || type === FIRST) && recordAt(file, next) !== undefined) return true
  }
  return false
}
