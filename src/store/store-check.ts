/**
 * Looking into the store of a stopped node: what is there, and everything that is wrong with it. Nothing is repaired or
 * made, and nothing written but LevelDB's own lock and diary.
 */
import { CodedError, type LogIndex, type PeerId, type Term } from '../base/index.ts'
import type { HardState } from '../raft/index.ts'
import { requireFree } from './level-engine.ts'
import { bytesIn, hasDatabase } from './level-folder.ts'
import { LevelSnapshot } from './level-snapshot.ts'
import { checkParts, decodeBase, decodeHardState, NEVER_COMPACTED, readEntries } from './log-records.ts'
import { markPath, readMarkFile } from './mark-file.ts'
import { corrupt, guarded, type OnDamage } from './record.ts'
import { type NamedSection, readSection } from './section-reader.ts'
import { decodeApplied } from './state-records.ts'
import { judgeMark, readHead, type StoreHead } from './store-head.ts'

/** What cannot be read is absent. */
export interface StoreReport {
  readonly path: string
  /** Of all files of the database. */
  readonly bytes: number
  readonly format?: number
  /** Batches written since the store was made. */
  readonly batches?: number
  /** The last of them that is known to have been acknowledged. */
  readonly acknowledgedBatches?: number
  readonly log: LogReport
  readonly appliedIndex: LogIndex
  /** Sound records. */
  readonly records: Readonly<Record<'state' | 'submitterJournal' | 'workerJournal' | 'meta', number>>
  /** The store was rebuilt, and the node has not been taken back yet. */
  readonly isRejoining: boolean
  /** Every damage, in words; empty when the store is sound. */
  readonly damage: readonly string[]
}

interface LogReport {
  /** Entries up to here were compacted. */
  readonly baseIndex: LogIndex
  readonly baseTerm: Term
  /** Sound entries after the base. */
  readonly entries: number
  readonly lastIndex: LogIndex
  readonly term?: Term
  readonly vote?: PeerId
  readonly commitIndex?: LogIndex
  readonly votesFrom?: LogIndex
}

/** @throws CodedError `store.absent`, `store.in_use`, and `store.corrupt` for a folder with tables but no database. */
export async function checkStores(path: string): Promise<StoreReport> {
  const exists = await hasDatabase(path)
  const damage: string[] = []
  const onDamage: OnDamage = (found) =>
    damage.push(found.code === 'store.corrupt' ? what(found) : found.message)
  const mark = await readMark(path, onDamage)
  if (!exists && mark === undefined) throw new CodedError('store.absent', { path })
  if (!exists) onDamage(corrupt(path, 'the database is missing'))
  else await requireFree(path)
  const snapshot = await LevelSnapshot.read(path, onDamage)
  const head = await headOf(snapshot, mark, onDamage)
  const { log, appliedIndex } = await readLog(snapshot, head, onDamage)
  const count = async (section: NamedSection) => (await readNamed(snapshot, section, head, onDamage)).size
  return {
    path,
    bytes: await bytesIn(path),
    ...(head && { format: head.format, batches: head.ledger.batch }),
    ...(mark !== undefined && { acknowledgedBatches: mark }),
    log,
    appliedIndex,
    records: {
      state: await count('state'),
      submitterJournal: await count('submitterJournal'),
      workerJournal: await count('workerJournal'),
      meta: await count('meta'),
    },
    isRejoining: (await count('rejoin')) > 0,
    damage,
  }
}

/** The sound records of a section. */
export async function readNamed(
  snapshot: LevelSnapshot,
  section: NamedSection,
  head: StoreHead | undefined,
  onDamage: OnDamage,
): Promise<Map<string, Uint8Array>> {
  const records = new Map<string, Uint8Array>()
  const expected = head?.ledger.sections[section]
  await readSection(snapshot, section, expected, (name, { payload }) => records.set(name, payload), onDamage)
  return records
}

/** `undefined` when it cannot be read, which is damage. */
export async function headOf(
  snapshot: LevelSnapshot,
  mark: number | undefined,
  onDamage: OnDamage,
): Promise<StoreHead | undefined> {
  try {
    const head = await readHead(snapshot)
    if (head === undefined) throw corrupt(snapshot.path, 'all records are missing')
    guarded(onDamage, () => judgeMark(snapshot.path, head, mark))
    return head
  } catch (thrown) {
    if (!(thrown instanceof CodedError)) throw thrown
    onDamage(thrown)
    return undefined
  }
}

async function readMark(path: string, onDamage: OnDamage): Promise<number | undefined> {
  const contents = await readMarkFile(markPath(path))
  for (const copy of contents?.damage ?? []) onDamage(corrupt(path, `the high-water mark: ${copy}`))
  return contents?.count
}

async function readLog(
  snapshot: LevelSnapshot,
  head: StoreHead | undefined,
  onDamage: OnDamage,
): Promise<{ log: LogReport; appliedIndex: LogIndex }> {
  const { path } = snapshot
  const sole = async <Value>(section: NamedSection, decode: (path: string, payload: Uint8Array) => Value) => {
    const payload = (await readNamed(snapshot, section, head, onDamage)).get('')
    let value: Value | undefined
    if (payload !== undefined)
      guarded(onDamage, () => {
        value = decode(path, payload)
      })
    return value
  }
  const base = (await sole('base', decodeBase)) ?? NEVER_COMPACTED
  const hardState = await sole('hardState', decodeHardState)
  const appliedIndex = await sole('applied', decodeApplied)
  let entries = 0
  let lastIndex = base.index
  await readEntries(snapshot, {
    base,
    expected: head?.ledger.sections.entries,
    visit: ({ index }) => {
      entries += 1
      lastIndex = index
    },
    visitRubbish: () => undefined,
    onDamage,
  })
  checkParts(path, { base, hardState, lastIndex, appliedIndex: appliedIndex ?? 0 }, onDamage)
  return {
    log: { baseIndex: base.index, baseTerm: base.term, entries, lastIndex, ...reportOf(hardState) },
    appliedIndex: appliedIndex ?? NEVER_COMPACTED.index,
  }
}

function reportOf(hardState: HardState | undefined): Partial<LogReport> {
  if (hardState === undefined) return {}
  const { vote, ...rest } = hardState
  return { ...rest, ...(vote !== undefined && { vote }) }
}

function what(damage: CodedError): string {
  return String(damage.details['what'])
}
