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

interface TableContents {
  readonly damage: readonly string[]
  /** The data blocks that are whole. */
  readonly blocks: readonly Buffer[]
}

export function readTable(file: Buffer): TableContents {
  if (file.length < FOOTER_BYTES) return unreadable('too short for a table')
  if (file.readBigUInt64LE(file.length - 8) !== MAGIC) return unreadable('the footer')
  const body = file.subarray(0, -FOOTER_BYTES)
  const footer = new LevelBytes(file.subarray(-FOOTER_BYTES))
  const meta = readHandle(footer)
  const index = readHandle(footer)
  const metaHandles = meta && handlesIn(body, meta)
  const data = index && handlesIn(body, index)
  if (meta === undefined || metaHandles === undefined || index === undefined || data === undefined)
    return unreadable('the index')
  const handles = [meta, ...metaHandles, index, ...data]
  const whole = new Set(handles.filter((handle) => isWhole(body, handle)))
  const blocks = data.filter((handle) => whole.has(handle)).map((handle) => contentsOf(body, handle))
  return { damage: damagedBlocks(body.length, handles, whole), blocks }
}

function unreadable(what: string): TableContents {
  return { damage: [what], blocks: [] }
}

/** Where a block is not whole, or does not begin where the one before it ended. */
function damagedBlocks(
  bodyBytes: number,
  handles: readonly Handle[],
  whole: ReadonlySet<Handle>,
): readonly string[] {
  const damage: string[] = []
  let end = 0
  for (const handle of handles.toSorted((left, right) => left.offset - right.offset)) {
    if (handle.offset !== end || !whole.has(handle)) damage.push(`the block at byte ${end}`)
    end = handle.offset + handle.size + TRAILER_BYTES
  }
  if (end !== bodyBytes) damage.push(`the block at byte ${end}`)
  return damage
}

function contentsOf(body: Buffer, { offset, size }: Handle): Buffer {
  return body.subarray(offset, offset + size)
}

function isWhole(body: Buffer, { offset, size }: Handle): boolean {
  const crcAt = offset + size + 1
  if (crcAt + 4 > body.length) return false
  return body.readUInt32LE(crcAt) === maskedCrc32c(body.subarray(offset, crcAt))
}

/** The handles that are the values of a block; `undefined` when it is not whole or cannot be read. */
function handlesIn(body: Buffer, block: Handle): readonly Handle[] | undefined {
  const entries = isWhole(body, block) ? readBlock(contentsOf(body, block)) : undefined
  const handles: Handle[] = []
  for (const { value } of entries ?? []) {
    const handle = readHandle(new LevelBytes(value))
    if (handle === undefined) return undefined
    handles.push(handle)
  }
  return entries && handles
}

interface BlockEntry {
  readonly key: Buffer
  readonly value: Buffer
}

/**
 * The entries of a block: each key without what it shares with the one before; then restart points and their number.
 * @returns `undefined` when it cannot be read.
 */
export function readBlock(block: Buffer): readonly BlockEntry[] | undefined {
  if (block.length < 4) return undefined
  const restarts = block.readUInt32LE(block.length - 4)
  const entriesEnd = block.length - 4 - 4 * restarts
  if (entriesEnd < 0) return undefined
  const bytes = new LevelBytes(block.subarray(0, entriesEnd))
  const entries: BlockEntry[] = []
  let before = Buffer.alloc(0)
  while (!bytes.atEnd) {
    const shared = bytes.varint()
    const ownBytes = bytes.varint()
    const valueBytes = bytes.varint()
    const own = bytes.take(ownBytes)
    const value = bytes.take(valueBytes)
    if (shared === undefined || shared > before.length || own === undefined || value === undefined)
      return undefined
    before = Buffer.concat([before.subarray(0, shared), own])
    entries.push({ key: before, value })
  }
  return entries
}

function readHandle(bytes: LevelBytes): Handle | undefined {
  const offset = bytes.varint()
  const size = bytes.varint()
  return offset === undefined || size === undefined ? undefined : { offset, size }
}
