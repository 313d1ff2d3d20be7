/**
 * A table file of LevelDB, checked from the first byte to the last.
 *
 * LevelDB has a CRC-32C behind every block and looks at it only when asked, which `level` cannot do. Worse than an
 * unnoticed wrong value: its compaction *aborts the process* over keys that are out of order. So the tables are
 * checked before LevelDB is let in: the footer names the index, the index names the blocks, every block has its
 * check, and together they tile the file.
 *
 * Layout (doc/table_format.md of LevelDB): blocks, each followed by a type byte and a masked CRC-32C of both;
 * the filter, metaindex and index block likewise; a footer of 48 bytes. Nothing is compressed: ours never are.
 */
import { maskedCrc32c } from './crc32c.ts'
import { LevelBytes } from './level-bytes.ts'

const FOOTER_BYTES = 48
const MAGIC = 0xdb47_7524_8b80_fb57n
const TRAILER_BYTES = 5

/** Where a block's contents are, trailer not counted. */
interface Handle {
  readonly offset: number
  readonly size: number
}

/** @returns what is damaged, `undefined` when nothing is. */
export function tableDamage(file: Buffer): string | undefined {
  if (file.length < FOOTER_BYTES) return 'too short for a table'
  if (file.readBigUInt64LE(file.length - 8) !== MAGIC) return 'the footer'
  const body = file.subarray(0, -FOOTER_BYTES)
  const footer = new LevelBytes(file.subarray(-FOOTER_BYTES))
  const handles: Handle[] = []
  for (const block of [readHandle(footer), readHandle(footer)]) {
    const inner = block && isWhole(body, block) ? handlesIn(contentsOf(body, block)) : undefined
    if (block === undefined || inner === undefined) return 'the index'
    handles.push(block, ...inner)
  }
  return damagedBlock(body, handles)
}

/** The first block that is not whole, or does not begin where the one before it ended. */
function damagedBlock(body: Buffer, handles: readonly Handle[]): string | undefined {
  let end = 0
  for (const handle of handles.toSorted((left, right) => left.offset - right.offset)) {
    if (handle.offset !== end || !isWhole(body, handle)) return `the block at byte ${end}`
    end += handle.size + TRAILER_BYTES
  }
  return end === body.length ? undefined : `the block at byte ${end}`
}

function contentsOf(body: Buffer, { offset, size }: Handle): Buffer {
  return body.subarray(offset, offset + size)
}

function isWhole(body: Buffer, { offset, size }: Handle): boolean {
  const crcAt = offset + size + 1
  if (crcAt + 4 > body.length) return false
  return body.readUInt32LE(crcAt) === maskedCrc32c(body.subarray(offset, crcAt))
}

/** The handles that are the values of an index block: prefix-compressed entries, then restart points and their number. */
function handlesIn(block: Buffer): readonly Handle[] | undefined {
  if (block.length < 4) return undefined
  const restarts = block.readUInt32LE(block.length - 4)
  const entriesEnd = block.length - 4 - 4 * restarts
  if (entriesEnd < 0) return undefined
  const bytes = new LevelBytes(block.subarray(0, entriesEnd))
  const handles: Handle[] = []
  while (!bytes.atEnd) {
    bytes.varint() // bytes of the key that it shares with the one before
    const keyBytes = bytes.varint()
    bytes.varint() // length of the value, which says its length itself
    if (bytes.take(keyBytes) === undefined) return undefined
    const handle = readHandle(bytes)
    if (handle === undefined) return undefined
    handles.push(handle)
  }
  return handles
}

function readHandle(bytes: LevelBytes): Handle | undefined {
  const offset = bytes.varint()
  const size = bytes.varint()
  return offset === undefined || size === undefined ? undefined : { offset, size }
}
