/**
 * What changed in a node record, for those who have the version before it. A record has some 2 KiB, and what changes in it from
 * minute to minute (running tasks, free memory) a few dozen bytes.
 *
 * A change names top-level fields. `capabilities`, the only one whose parts could change alone, is small, changes when hardware
 * does, and goes as a whole: so a change is read without knowing a single field, and works as well for fields that only a newer
 * version has. Rejected: paths into nested values (JSON Patch, RFC 6902, or Merge Patch, RFC 7396, in which a `null` takes a
 * field away, while the contract tells `null` from absent).
 *
 * Two values are the same when their canonical encodings are, for it is the encoding that is signed and sent.
 */
import { CodedError, conform, encode, LIMITS } from '../base/index.ts'
import { type NodeRecord, nodeRecordSchema } from './node-record.ts'

/** From one record to the next. Both are about the same node. */
interface FieldChanges {
  /** Fields with their new values. */
  readonly set: Readonly<Record<string, unknown>>
  /** Fields that are gone. */
  readonly unset: readonly string[]
}

/** @returns `undefined` when the whole `next` is not larger than its change, or the change does not fit its limits. */
export function recordChange(old: NodeRecord, next: NodeRecord): FieldChanges | undefined {
  const before = new Map(fieldsOf(old))
  const after = new Map(fieldsOf(next))
  const set = Object.fromEntries([...after].filter(([name, value]) => !isSame(before.get(name), value)))
  const unset = [...before.keys()].filter((name) => !after.has(name))
  const fits =
    unset.length <= LIMITS.recordFieldsMax && unset.every((name) => name.length <= LIMITS.idBytesMax)
  return fits && encode({ set, unset }).length < encode(next).length ? { set, unset } : undefined
}

/** What `old` becomes. @throws CodedError `wire.malformed` when that is no node record, or a field is both set and unset. */
export function applyChange(old: NodeRecord, { set, unset }: FieldChanges): NodeRecord {
  const gone = new Set(unset)
  for (const name of Object.keys(set))
    if (gone.has(name))
      throw new CodedError('wire.malformed', { what: 'record change', reason: `${name} is set and unset` })
  const kept = fieldsOf(old).filter(([name]) => !gone.has(name))
  return conform(nodeRecordSchema, { ...Object.fromEntries(kept), ...set }, 'record change')
}

/** Without those that are `undefined`: nothing is sent of them. */
function fieldsOf(record: NodeRecord): [string, unknown][] {
  return Object.entries(record).filter(([, value]) => value !== undefined)
}

function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (typeof one !== 'object' || typeof other !== 'object') return false
  const [left, right] = [encode(one), encode(other)]
  return left.length === right.length && left.every((byte, index) => byte === right[index])
}
