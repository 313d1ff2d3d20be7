import { LIMITS } from '../base/index.ts'
import type { DeviceProcess } from './driver-look.ts'

/** Some drivers of the 535 series write a fifth field (protected memory) into entries that have four by the header. */
const LONGER_ENTRY_BYTES = 32
/** What no driver writes by chance: pids are far below it, and an unknown amount of memory is all ones. */
const UNTOUCHED = 0xa5
/** `NVML_VALUE_NOT_AVAILABLE` */
const NOT_AVAILABLE = 0xffff_ffff_ffff_ffffn

/** Room for the answer of any generation, filled so that what was written can be told from what was not. */
export function processBuffer(): Uint8Array {
  return new Uint8Array(LIMITS.gpuProcessesMax * LONGER_ENTRY_BYTES).fill(UNTOUCHED)
}

/**
 * Reads `count` entries. How long one is, the buffer says itself: read at the wrong length, every second pid would be a
 * part of an amount of memory, and the versions of the drivers that do it are in no document.
 */
export function readProcesses(
  buffer: Uint8Array,
  count: number,
  entryBytes: number,
): readonly DeviceProcess[] {
  const length = lengthOfEntries(buffer, count, entryBytes)
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
  return Array.from({ length: count }, (_, index) => {
    const used = view.getBigUint64(index * length + 8, true)
    const pid = view.getUint32(index * length, true)
    return used === NOT_AVAILABLE ? { pid } : { pid, usedBytes: Number(used) }
  })
}

function lengthOfEntries(buffer: Uint8Array, count: number, entryBytes: number): number {
  const end = count * LONGER_ENTRY_BYTES
  const isWritten = (from: number, to: number): boolean =>
    buffer.subarray(from, to).some((byte) => byte !== UNTOUCHED)
  // Bytes after the longest answer mean a driver that used the room for its own: the header's length is all there is to go by.
  const isLonger = isWritten(count * entryBytes, end) && !isWritten(end, end + LONGER_ENTRY_BYTES)
  return isLonger ? LONGER_ENTRY_BYTES : entryBytes
}
