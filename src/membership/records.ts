/**
 * The records that members make of themselves: which are taken, and handing them on. A record comes from its author by gossip or
 * from anybody by anti-entropy; it counts by its author's signature in either case, so nobody can send the others' tasks, or
 * their dials, somewhere else. It belongs to one life of its author, and is kept by its version.
 */
import { CodedError, LIMITS, type PeerId } from '../base/index.ts'
import type { Context } from './context.ts'
import type { RecordChange } from './gossip.ts'
import { lifeOf } from './incarnation.ts'
import type { Member } from './member.ts'
import { applyChange } from './record-change.ts'
import { recordStatement, type SignedRecord } from './signed-record.ts'
import type { Table } from './table.ts'

export type VerifyRecord = (peer: PeerId, statement: Uint8Array, signature: Uint8Array) => boolean

export class Records {
  private readonly context: Context
  private readonly table: Table
  private readonly verify: VerifyRecord

  constructor(context: Context, table: Table, verify: VerifyRecord) {
    this.context = context
    this.table = table
    this.verify = verify
  }

  /** Takes `signed` if it is newer than what is known, and really its author's. */
  take(signed: SignedRecord): void {
    const { ignored } = this.context
    const { peer, life, version, record, signature } = signed
    const member = this.table.other(peer)
    if (member === undefined) return
    if (member === this.table.self) {
      ignored.own += 1
      return
    }
    if (life !== lifeOf(member.incarnation) || version <= member.recordVersion || member.isForgotten) {
      ignored.stale += 1
      return
    }
    const statement = recordStatement(peer, life, version, record)
    const isItsOwn = record.id === member.nodeId && (record.peer_id ?? peer) === peer
    if (!isItsOwn || !this.verify(peer, statement, signature)) {
      ignored.foreignRecord += 1
      return
    }
    this.table.keepRecord(member, signed, statement.length)
    this.context.emit({ type: 'record', peer, record })
  }

  /** Takes a change of the record that this node has. */
  change(member: Member, { from, set, unset, signature }: RecordChange): void {
    const { record: known } = member
    // Who lacks the version before asks for the whole (`Hearing.heartbeat`).
    if (known === undefined || known.version !== from) return
    const { peer, life } = known
    try {
      this.take({
        peer,
        life,
        version: from + 1,
        record: applyChange(known.record, { set, unset }),
        signature,
      })
    } catch (thrown) {
      if (!(thrown instanceof CodedError)) throw thrown
      this.context.ignored.foreignRecord += 1
    }
  }

  /** Somebody announces a version that this node lacks. */
  ask(whom: PeerId, peers: readonly PeerId[]): void {
    this.context.emit({ type: 'send', peer: whom, message: { type: 'want', peers }, patienceMs: 0 })
  }

  /** Sends what `from` wants and this node has, in messages that fit. */
  answer(from: Member, peers: readonly PeerId[]): void {
    let records: SignedRecord[] = []
    let bytes = 0
    for (const peer of peers) {
      const member = this.table.other(peer)
      if (member?.record === undefined) continue
      if (records.length > 0 && bytes + member.recordBytes > LIMITS.syncRecordsBytesMax) {
        this.send(from, records)
        records = []
        bytes = 0
      }
      records.push(member.record)
      bytes += member.recordBytes
    }
    if (records.length > 0) this.send(from, records)
  }

  private send(to: Member, records: readonly SignedRecord[]): void {
    this.context.emit({ type: 'send', peer: to.peer, message: { type: 'records', records }, patienceMs: 0 })
  }
}
