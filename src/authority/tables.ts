/**
 * The replicated state as tables of records. Reads come from memory; each write also notes a record change, so that
 * the driver can commit the effects of an entry in one batch with the applied index. Nothing else may hold state:
 * what is not in a table is gone after a restart and would make two replicas differ.
 */
import { z } from 'zod'
import {
  bytesSchema,
  decode,
  encode,
  type LeaseId,
  type PeerId,
  type ScopeKey,
  type UnixMs,
} from '../base/index.ts'
import type { RosterEntry } from './commands.ts'
import { rosterEntrySchema } from './commands.ts'
import type { RecordChange } from './state-store.ts'

/** A live lease. A lease that has ended has no record. */
const lease = z.object({
  leaseId: z
    .number()
    .int()
    .positive()
    .transform((value) => value as LeaseId),
  scopeKey: z.string().transform((value) => value as ScopeKey),
  holder: z.string().transform((value) => value as PeerId),
  /** Who asked for the grant: the holder itself, or the submitter of a task for its worker. */
  grantor: z.string().transform((value) => value as PeerId),
  ttlMs: z.number().int(),
  grantedUnixMs: z
    .number()
    .int()
    .transform((value) => value as UnixMs),
  /** How many renewals were applied. 0 and `grantor !== holder`: the holder has not confirmed, so it has not started. */
  renewals: z.number().int(),
})
export type Lease = z.output<typeof lease>

const session = z.object({
  /** Log index of the last request: sessions beyond the limit are forgotten in this order. */
  lastUsed: z.number().int(),
  requester: z.string(),
  answers: z.array(z.object({ sequence: z.number().int(), answer: bytesSchema })),
  /** Answers below this sequence are forgotten: they had arrived. */
  answeredBelow: z.number().int(),
})
type Session = z.output<typeof session>

const invite = z.object({
  inviteId: z.string(),
  derivedKey: bytesSchema,
  expiresUnixMs: z.number().int(),
  /** Set when used up. Kept until it expires, so that a lost answer can be repeated to the same peer. */
  usedBy: z.string().optional(),
})
export type Invite = z.output<typeof invite>

/** One table: rows under `<name>/<key>`. */
class Table<Row> {
  private readonly rows = new Map<string, Row>()
  private readonly name: string
  private readonly parse: (bytes: Uint8Array) => Row
  private readonly changes: RecordChange[]

  constructor(name: string, parse: (bytes: Uint8Array) => Row, changes: RecordChange[]) {
    this.name = name
    this.parse = parse
    this.changes = changes
  }

  get size(): number {
    return this.rows.size
  }

  get(key: string | number): Row | undefined {
    return this.rows.get(String(key))
  }

  values(): IterableIterator<Row> {
    return this.rows.values()
  }

  entries(): IterableIterator<[string, Row]> {
    return this.rows.entries()
  }

  put(key: string | number, row: Row): void {
    this.rows.set(String(key), row)
    this.changes.push({ key: `${this.name}/${key}`, value: encode(row) })
  }

  delete(key: string | number): void {
    if (!this.rows.delete(String(key))) return
    this.changes.push({ key: `${this.name}/${key}`, value: undefined })
  }

  /** Takes a stored record if it belongs to this table. */
  restore(recordKey: string, value: Uint8Array): boolean {
    const prefix = `${this.name}/`
    if (!recordKey.startsWith(prefix)) return false
    this.rows.set(recordKey.slice(prefix.length), this.parse(value))
    return true
  }
}

/** All tables, with the changes since the last `takeChanges`. */
export class Tables {
  private readonly changes: RecordChange[] = []
  readonly leases = new Table<Lease>('lease', (b) => decode(lease, b, 'lease record'), this.changes)
  /** Scope key → id of its live lease. Derived from `leases`, therefore not stored. */
  readonly leaseOfKey = new Map<ScopeKey, LeaseId>()
  readonly sessions = new Table<Session>('session', (b) => decode(session, b, 'session record'), this.changes)
  readonly invites = new Table<Invite>('invite', (b) => decode(invite, b, 'invite record'), this.changes)
  readonly roster = new Table<RosterEntry>(
    'roster',
    (b) => decode(rosterEntrySchema, b, 'roster record'),
    this.changes,
  )

  /** @throws CodedError `wire.malformed` for a record that no table takes. */
  restore(records: ReadonlyMap<string, Uint8Array>): void {
    for (const [key, value] of records) {
      const taken = [this.leases, this.sessions, this.invites, this.roster].some((t) => t.restore(key, value))
      if (!taken) decode(z.never(), value, `state record ${key}`)
    }
    for (const row of this.leases.values()) this.leaseOfKey.set(row.scopeKey, row.leaseId)
  }

  takeChanges(): readonly RecordChange[] {
    return this.changes.splice(0)
  }
}
