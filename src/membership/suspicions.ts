/**
 * From a failed probe to a verdict: what this node makes of its probes and of what others say against a member.
 *
 * A *witness* is who has probed the member itself, in vain. Only witnesses say so, confirm each other, wait for the refutation
 * and say `dead`; everybody else follows them. In SWIM and memberlist whoever hears of a suspicion runs a timer of its own
 * and declares, so one slow node out of a thousand that hears the refutation late kills a healthy member for all.
 *
 *     own probe failed         suspect: say so (unless enough others have), probe on each period, dead when the time is over
 *     somebody says suspect    a neighbour: probe it at once, and suspect it then; it was heard just now: not before that probe failed
 *                              somebody else's: suspect; look for myself long after every witness must have decided
 *     a witness says dead      dead; but a neighbour that was heard just now is probed first, and so is anybody when the
 *                              speaker is itself under suspicion: it may be the one who was cut off
 *     a table says dead        dead if nothing was heard of the member since this process came back from an absence;
 *                              else suspect, and probe it: the table may be that of a node that was alone for an hour
 *
 * In each case a higher incarnation ends the doubt (`Table.learn`).
 */
import { type BootMs, bootMs, type Incarnation } from '../base/index.ts'
import type { Accusations } from './accusations.ts'
import { Timer } from './agenda.ts'
import type { Context } from './context.ts'
import type { ChangeCause } from './events.ts'
import type { Evidence } from './gossip.ts'
import { linkFailed, linkWorks } from './link-faults.ts'
import type { Member } from './member.ts'
import type { Probe } from './probe.ts'
import { type ProbeOutcomes, Prober } from './prober.ts'
import { leastSuspicionMs, Suspicion } from './suspicion.ts'
import type { Table } from './table.ts'

/** Probes of members that are not neighbours, at a time: each needs a connection of its own. */
const AWAY_PROBES_MAX = 8
/** Witnesses spread their verdicts over this part of the time to refute; the first is enough. */
const VERDICT_SPREAD = 0.1
/** Witnesses spread what they say over this part of the least time to refute, when there are more of them than are needed. */
const SAYING_SPREAD = 0.25

export class Suspicions implements ProbeOutcomes {
  readonly prober: Prober
  private readonly context: Context
  private readonly table: Table
  private readonly accusations: Accusations

  constructor(context: Context, table: Table, accusations: Accusations) {
    this.context = context
    this.table = table
    this.accusations = accusations
    this.prober = new Prober(context, table, this)
  }

  answered(member: Member, probe: Probe): void {
    linkWorks(this.context, member, probe)
    // It may not know what is said of it: the accusation came after the ping had left.
    if (!probe.isAccusing) this.tell(member)
  }

  /** Lets a member that speaks know what is held against it, if anything is. */
  tell(member: Member): void {
    const isDoubted = member.suspicion !== undefined || member.status === 'dead'
    if (isDoubted && this.context.options.buddy) this.prober.start(member)
  }

  answeredOthers(member: Member, probe: Probe): void {
    if (!member.isNeighbour) return
    linkFailed(this.context, member, probe)
    if (probe.faults < this.context.options.linkFaultProbes) this.prober.start(member)
  }

  failed(member: Member): void {
    const verdict = member.suspicion?.verdict
    if (verdict !== undefined) this.die(member, member.incarnation, verdict.cause, verdict.by)
    // Somebody else's neighbour, who was only greeted: its own will notice.
    if (!member.isThere || (!member.isNeighbour && member.suspicion === undefined)) return
    this.witness(member)
    // Not by its turn: each period until it is over, with the accusation in the ping.
    if (member.isThere) this.prober.start(member)
  }

  /** `by` says that it gets no answer from `member`. @returns whether that was news. */
  suspected(member: Member, incarnation: Incarnation, evidence: Evidence, by: Member): boolean {
    if (isOver(member, incarnation)) return false
    if (!this.isFresh(member, incarnation))
      this.table.learn(member, { incarnation, status: 'suspect' }, 'told', by.peer)
    const suspicion = this.doubt(member)
    const isNews = by.isThere && suspicion.accuse(by.peer, evidence)
    this.arm(member, suspicion)
    if (member.isNeighbour) this.prober.start(member)
    return isNews
  }

  /** `by` has waited for a refutation in vain. @returns as above. */
  declaredDead(member: Member, incarnation: Incarnation, by: Member): boolean {
    if (isOver(member, incarnation)) return false
    if (by.status !== 'alive' || this.isFresh(member, incarnation))
      this.examine(member, incarnation, 'told', by)
    else this.die(member, incarnation, 'told', by.peer)
    return true
  }

  /** It is dead in the table of `by`. */
  listedDead(member: Member, incarnation: Incarnation, by: Member): void {
    if (isOver(member, incarnation)) return
    const isOld = member.newsAt === undefined || member.newsAt < this.context.backAt
    const isKnown = incarnation === member.incarnation && !isOld && member.suspicion?.evidence === undefined
    if (isKnown) this.examine(member, incarnation, 'anti_entropy', by)
    else this.die(member, incarnation, 'anti_entropy', by.peer)
  }

  /** It is connected again: whatever the closed connection said is over, and it has its full time. */
  reconnected(member: Member): void {
    const { suspicion } = member
    if (suspicion?.evidence === 'closed') {
      suspicion.evidence = 'silence'
      suspicion.since = this.context.now
      this.arm(member, suspicion)
    }
    this.prober.start(member)
  }

  /** This process was held up: the time in which it could not have heard a refutation does not count. */
  postpone(ms: number): void {
    for (const member of this.table.doubted) {
      const { suspicion } = member
      if (suspicion === undefined) continue
      suspicion.since = bootMs(suspicion.since + ms)
      this.arm(member, suspicion)
    }
    this.prober.restart()
  }

  /** This process was away: whatever it held against others is void, and it looks at all its neighbours anew. */
  reconsider(): void {
    for (const member of this.table.doubted) {
      const { suspicion } = member
      if (suspicion === undefined) continue
      suspicion.evidence = undefined
      suspicion.verdict = undefined
      suspicion.accusers.clear()
      suspicion.since = this.context.now
      this.context.agenda.cancel(suspicion.sayTimer)
      this.arm(member, suspicion)
    }
    this.prober.restart()
    for (const member of this.table.neighbours) if (member.isThere) this.prober.start(member)
  }

  private isFresh(member: Member, incarnation: Incarnation): boolean {
    const { heardAt, suspicion } = member
    if (!member.isNeighbour || heardAt === undefined || incarnation !== member.incarnation) return false
    return suspicion?.evidence === undefined && this.context.now - heardAt < this.context.options.freshMs
  }

  private witness(member: Member): void {
    const suspicion = this.doubt(member)
    const evidence = member.hasClosed && !member.isConnected ? 'closed' : 'silence'
    const before = suspicion.evidence
    if (before === undefined) {
      suspicion.since = this.context.now
      suspicion.witnesses = this.table.witnessesOf(member) - Number(member.isNeighbour)
    }
    this.table.learn(
      member,
      { incarnation: member.incarnation, status: 'suspect' },
      evidence === 'closed' ? 'connection_lost' : 'probe_failed',
    )
    if (before === 'closed' || before === evidence) return
    suspicion.evidence = evidence
    this.say(member, suspicion, evidence)
    this.arm(member, suspicion)
  }

  /** With more witnesses than are needed each waits for a moment whether the others have said it. In SWIM nobody waits. */
  private say(member: Member, suspicion: Suspicion, evidence: Evidence): void {
    const { options, random } = this.context
    const isOneOfMany = options.declare === 'witnesses'
    const crowd = isOneOfMany
      ? Math.max(0, 1 - (suspicion.needed(options) + 1) / (suspicion.witnesses + 1))
      : 0
    const spreadMs = SAYING_SPREAD * (evidence === 'closed' ? options.closedSuspicionMs : this.leastMs)
    const waitMs = random.float() * crowd * spreadMs
    if (waitMs < 1) this.accusations.add(member, evidence)
    else this.context.after(suspicion.sayTimer, waitMs)
  }

  private sayNow(member: Member): void {
    const { suspicion } = member
    if (suspicion?.evidence === undefined) return
    if (suspicion.confirmations(suspicion.evidence) <= suspicion.needed(this.context.options))
      this.accusations.add(member, suspicion.evidence)
  }

  /** Somebody says that it is dead; this node looks for itself before it believes so. */
  private examine(member: Member, incarnation: Incarnation, cause: ChangeCause, by: Member): void {
    if (!member.isNeighbour || incarnation > member.incarnation)
      this.table.learn(member, { incarnation, status: 'suspect' }, cause, by.peer)
    const suspicion = this.doubt(member)
    suspicion.verdict ??= { by: by.peer, cause }
    this.arm(member, suspicion)
    if (member.isNeighbour) this.prober.start(member)
  }

  private doubt(member: Member): Suspicion {
    if (member.suspicion !== undefined) return member.suspicion
    member.suspicion = new Suspicion(
      this.context.now,
      this.context.random.float(),
      new Timer(() => this.timeOver(member)),
      new Timer(() => this.sayNow(member)),
    )
    this.table.doubted.add(member)
    return member.suspicion
  }

  private timeOver(member: Member): void {
    const { suspicion } = member
    if (suspicion === undefined) return
    if (this.mayDeclare(suspicion)) {
      // The mesh may have grown, or this node's health worsened, since the timer was set.
      if (this.deadline(suspicion) > this.context.now) {
        this.arm(member, suspicion)
        return
      }
      this.die(member, member.incarnation, 'no_refutation')
      this.accusations.add(member, 'dead')
      return
    }
    if (!member.isNeighbour && this.prober.awayCount >= AWAY_PROBES_MAX) {
      this.context.after(suspicion.timer, this.context.random.float() * this.context.options.probePeriodMs)
      return
    }
    this.prober.start(member)
    suspicion.since = this.context.now
    this.arm(member, suspicion)
  }

  private arm(member: Member, suspicion: Suspicion): void {
    const { agenda } = this.context
    if (this.mayDeclare(suspicion)) agenda.set(suspicion.timer, this.deadline(suspicion))
    else agenda.set(suspicion.timer, bootMs(suspicion.since + this.lookMs(member, suspicion)))
  }

  /** When a node that is no witness looks for itself. */
  private lookMs(member: Member, suspicion: Suspicion): number {
    const { fallbackTimes, suspicionMaxTimes, suspicionMs } = this.context.options
    // Not all at once: who is alive refutes the first one, and the others hear of that.
    if (suspicion.verdict !== undefined && !member.isNeighbour) return suspicion.chance * suspicionMs
    return (fallbackTimes + suspicion.chance) * suspicionMaxTimes * this.leastMs
  }

  private mayDeclare(suspicion: Suspicion): boolean {
    return suspicion.evidence !== undefined || this.context.options.declare === 'anyone'
  }

  private deadline(suspicion: Suspicion): BootMs {
    const { options, health } = this.context
    const ms = suspicion.timeoutMs(options, this.leastMs) * health.factor
    return bootMs(suspicion.since + ms * (1 + VERDICT_SPREAD * suspicion.chance))
  }

  private get leastMs(): number {
    return leastSuspicionMs(this.context.options, this.table.thereCount)
  }

  private die(member: Member, incarnation: Incarnation, cause: ChangeCause, by?: Member['peer']): void {
    if (!this.table.learn(member, { incarnation, status: 'dead' }, cause, by)) return
    this.prober.forget(member)
    if (member.isConnected) this.context.emit({ type: 'hang_up', peer: member.peer, why: 'dead' })
  }
}

/** What is said of a member is decided already. */
function isOver(member: Member, incarnation: Incarnation): boolean {
  if (incarnation !== member.incarnation) return incarnation < member.incarnation
  return member.status === 'dead' || member.status === 'left'
}
