/**
 * The replicated state: all tables, and what is derived from them. Reads come from memory; writes are noted, so that the
 * driver can commit the effects of entries in one batch with the applied index. Nothing else may hold state: what is not
 * in a table is gone after a restart and would make two replicas differ.
 */
import { CodedError, type LeaseId, type ScopeKey } from '../base/index.ts'
import type { RosterEntry } from './commands.ts'
import {
  type AnswerPage,
  answersFormat,
  decodeSession1,
  type Invite,
  inviteFormat,
  isVersion1,
  type Lease,
  leaseFormat,
  pageKey,
  pageOf,
  rosterFormat,
  type Session,
  sessionFormat,
} from './rows.ts'
import type { RecordChange } from './state-store.ts'
import { Table } from './table.ts'

export class Tables {
  readonly leases = new Table<Lease>('lease', leaseFormat)
  /** By index of their opening; in the order of their last use. */
  readonly sessions = new Table<Session>('session', sessionFormat)
  /** By `pageKey`. */
  readonly answers = new Table<AnswerPage>('answers', answersFormat)
  readonly invites = new Table<Invite>('invite', inviteFormat)
  readonly roster = new Table<RosterEntry>('roster', rosterFormat)
  private readonly all = [this.leases, this.sessions, this.answers, this.invites, this.roster]

  /** Derived: scope key → id of its live lease. */
  readonly leaseOfKey = new Map<ScopeKey, LeaseId>()
  /** Derived: how many answers all pages hold. */
  answersRemembered = 0

  /** Fills empty tables. @throws CodedError `wire.malformed` for a record that no table takes. */
  restore(records: ReadonlyMap<string, Uint8Array>): void {
    for (const [key, value] of records) this.restoreRecord(key, value)
    for (const row of this.leases.values()) this.leaseOfKey.set(row.scopeKey, row.leaseId)
    for (const page of this.answers.values()) this.answersRemembered += page.length
    this.orderSessions()
  }

  /** All rows, in the order of their keys: the same state gives the same bytes at every replica. */
  records(): readonly (readonly [key: string, value: Uint8Array])[] {
    return this.all
      .flatMap((table) => table.records())
      .sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0))
  }

  takeChanges(): readonly RecordChange[] {
    return this.all.flatMap((table) => table.takeChanges())
  }

  private restoreRecord(recordKey: string, value: Uint8Array): void {
    const slash = recordKey.indexOf('/')
    const [name, key] = [recordKey.slice(0, slash), recordKey.slice(slash + 1)]
    const table = this.all.find((one) => one.name === name)
    if (table === undefined) {
      throw new CodedError('wire.malformed', {
        what: `state record ${recordKey}`,
        reason: 'no table takes it',
      })
    }
    if (table === this.sessions && isVersion1(value)) this.splitSession1(key, value)
    else table.restore(key, value)
  }

  /** Migration from version 0.1, whose sessions held their answers. */
  private splitSession1(key: string, value: Uint8Array): void {
    const { session, answers } = decodeSession1(value)
    this.sessions.migrate(key, session)
    for (const answer of [...answers].sort((left, right) => left.sequence - right.sequence)) {
      const page = pageKey(key, pageOf(answer.sequence))
      this.answers.put(page, [...(this.answers.get(page) ?? []), answer])
    }
  }

  private orderSessions(): void {
    const byUse = [...this.sessions.entries()].sort(([, left], [, right]) => left.lastUsed - right.lastUsed)
    for (const [key] of byUse) this.sessions.makeLast(key)
  }
}
