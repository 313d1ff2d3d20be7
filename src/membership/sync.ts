/**
 * Anti-entropy: what gossip lost is found by comparing tables, on each new connection and now and then with a random neighbour.
 *
 *     asker    sync (hash)                     mostly the end: the hashes are equal
 *     other    sync (hash, buckets)            which parts of the table differ?
 *     asker    rows of those parts, asking     merged by the other,
 *     other    rows that differ                merged by the asker;
 *     both     want, records                   of which the other has a newer version
 *
 * Rows obey the lattice of `member.ts`, so merging is safe in any order and any number of times. But a row that says `dead` about
 * who was heard of is looked into first (`Suspicions.listedDead`). Of two peers that connect the one with the lower id begins.
 */
import { LIMITS, type PeerId } from '../base/index.ts'
import { Timer } from './agenda.ts'
import type { Beacon } from './beacon.ts'
import type { Context } from './context.ts'
import { isPlausible, lifeOf } from './incarnation.ts'
import { type Fact, type Member, overrules } from './member.ts'
import { syncIntervalMs } from './options.ts'
import type { Records } from './records.ts'
import type { Row, Rows, StreamMessage, Sync } from './stream-messages.ts'
import type { Suspicions } from './suspicions.ts'
import type { Table } from './table.ts'
import { bucketOf } from './table-hash.ts'

interface AntiEntropyParts {
  readonly context: Context
  readonly table: Table
  readonly beacon: Beacon
  readonly records: Records
  readonly suspicions: Suspicions
}

export class AntiEntropy {
  private readonly context: Context
  private readonly table: Table
  private readonly beacon: Beacon
  private readonly records: Records
  private readonly suspicions: Suspicions
  private readonly timer = new Timer(() => this.takeTurn())

  constructor({ context, table, beacon, records, suspicions }: AntiEntropyParts) {
    this.context = context
    this.table = table
    this.beacon = beacon
    this.records = records
    this.suspicions = suspicions
    context.after(this.timer, context.random.float() * this.intervalMs)
  }

  connected(member: Member): void {
    if (this.context.self < member.peer) this.compareWith(member)
  }

  /** Compares with some neighbours at once: this process was away. */
  catchUp(): void {
    for (const member of this.table.neighbours) if (member.isConnected) this.compareWith(member)
  }

  hearSync(from: Member, { hash, buckets }: Sync): void {
    const own = this.table.hash
    if (hash === own.text) return
    if (buckets === undefined) {
      this.send(from, { type: 'sync', hash: own.text, buckets: own.buckets })
      return
    }
    const ownBuckets = own.buckets
    const differing = buckets.flatMap((theirs, bucket) => (theirs === ownBuckets[bucket] ? [] : [bucket]))
    for (const part of this.parts(differing)) this.send(from, { type: 'rows', ...part, isAsking: true })
  }

  hearRows(from: Member, { rows, buckets, isAsking }: Rows): void {
    const newer: PeerId[] = []
    const theirs = new Map<PeerId, Row>()
    for (const row of rows) {
      theirs.set(row.peer, row)
      if (this.merge(from, row)) newer.push(row.peer)
    }
    if (newer.length > 0) this.records.ask(from.peer, newer)
    if (!isAsking) return
    for (const part of this.parts(buckets, (member) => isNewerThan(member, theirs.get(member.peer))))
      this.send(from, { type: 'rows', ...part, isAsking: false })
  }

  private takeTurn(): void {
    this.context.after(this.timer, this.intervalMs)
    const connected = this.table.neighbours.filter((member) => member.isConnected && member.isThere)
    const chosen = connected[this.context.random.integer(0, Math.max(0, connected.length - 1))]
    if (chosen !== undefined) this.compareWith(chosen)
  }

  private get intervalMs(): number {
    return syncIntervalMs(this.context.options, this.table.members.length)
  }

  private compareWith(member: Member): void {
    this.send(member, { type: 'sync', hash: this.table.hash.text })
  }

  /** @returns whether `from` has a newer record of it. */
  private merge(from: Member, row: Row): boolean {
    const member = this.table.other(row.peer)
    if (member === undefined) return false
    if (!isPlausible(row.incarnation)) {
      this.context.ignored.stale += 1
      return false
    }
    if (member === this.table.self) {
      this.beacon.listed(row)
      return false
    }
    this.believe(from, member, row)
    return (
      member.isThere &&
      lifeOf(row.incarnation) === lifeOf(member.incarnation) &&
      row.recordVersion > member.recordVersion
    )
  }

  private believe(from: Member, member: Member, { incarnation, status }: Row): void {
    if (status === 'dead') {
      this.suspicions.listedDead(member, incarnation, from)
      return
    }
    if (status !== 'suspect') {
      this.table.learn(member, { incarnation, status }, 'anti_entropy', from.peer)
      return
    }
    // A rumour: the incarnation is a fact, the doubt is looked into by who can.
    this.table.learn(member, { incarnation, status: 'alive' }, 'anti_entropy', from.peer)
    if (member.isNeighbour && member.isThere && member.incarnation === incarnation)
      this.suspicions.prober.start(member)
  }

  /** Rows of whole buckets, as many as one message may have; of those that `isWanted`. */
  private parts(
    buckets: readonly number[],
    isWanted = (_: Member): boolean => true,
  ): Pick<Rows, 'rows' | 'buckets'>[] {
    const rows = new Map<number, Row[]>(buckets.map((bucket) => [bucket, []]))
    for (const member of this.table.members)
      if (member.incarnation > 0 && isWanted(member)) rows.get(bucketOf(member))?.push(rowOf(member))
    const parts: { rows: Row[]; buckets: number[] }[] = []
    for (const [bucket, its] of rows) {
      const last = parts.at(-1)
      if (last === undefined || last.rows.length + its.length > LIMITS.syncRowsMax)
        parts.push({ rows: its.slice(0, LIMITS.syncRowsMax), buckets: [bucket] })
      else {
        last.rows.push(...its)
        last.buckets.push(bucket)
      }
    }
    return parts
  }

  private send(to: Member, message: StreamMessage): void {
    this.context.emit({ type: 'send', peer: to.peer, message, patienceMs: 0 })
  }
}

function rowOf(member: Member): Row {
  const { peer, incarnation, status, isThere, recordVersion } = member
  // `unseen` has incarnation 0 and no row.
  return {
    peer,
    incarnation,
    status: status === 'unseen' ? 'alive' : status,
    recordVersion: isThere ? recordVersion : 0,
  }
}

function isNewerThan(member: Member, row: Row | undefined): boolean {
  if (row === undefined) return true
  const { status, incarnation } = rowOf(member)
  const own: Fact = { status, incarnation }
  if (overrules(own, row)) return true
  return member.isThere && incarnation === row.incarnation && member.recordVersion > row.recordVersion
}
