/**
 * Decides what was right and what was wrong, from facts alone: it knows what every member thinks and what is true, and
 * touches nothing.
 *
 * A *false death*: somebody takes a member for dead that is up, has been able to answer for `EXCUSED_MS`, and is in the same part of
 * the network; and it is about the life that the member lives now. It does not matter who is to blame, and a path that works in one
 * direction only is no excuse: others reach the member. The same holds for a *false suspicion*. Both are counted once for each
 * incarnation: after a refutation the next one counts anew. `falseDeathViews` counts everybody who believed it. What was once rightly
 * said of an incarnation, when it could not answer, is no error of whoever hears of it later: a process that stood still reads
 * half a minute of news at once.
 */
import type { Incarnation } from '../../src/base/index.ts'
import { lifeOf, type MemberStatus } from '../../src/membership/index.ts'
import type { Ending, Facts } from './facts.ts'

/** A verdict may still be on its way when a member can answer again. */
const EXCUSED_MS = 10_000
/** And after a partition, until both sides have heard each other. */
const EXCUSED_AFTER_PARTITION_MS = 30_000
const HOUR_MS = 3_600_000

const STATUS_CODES = { unseen: 0, alive: 1, suspect: 2, dead: 3, left: 4 } as const satisfies Record<
  MemberStatus,
  number
>
const { alive: ALIVE, dead: DEAD, left: LEFT } = STATUS_CODES

/** How a member that went down was found out; times since then, `undefined`: not so far. */
export interface Detection {
  readonly node: number
  readonly sinceMs: number
  firstSuspicionMs: number | undefined
  firstDeadMs: number | undefined
  /** Everybody who is up takes it for dead. */
  everywhereMs: number | undefined
}

export interface Errors {
  falseSuspicions: number
  falseDeaths: number
  falseDeathViews: number
}

export class Judge implements Facts {
  /** The newest member that went down while nobody else was being found out. */
  detection: Detection | undefined
  readonly errors: Errors = { falseSuspicions: 0, falseDeaths: 0, falseDeathViews: 0 }
  private readonly nodes: number
  /** By observer and subject. */
  private readonly status: Uint8Array
  private readonly incarnation: Float64Array
  private readonly isUp: Uint8Array
  private readonly life: Int32Array
  /** Until when a member could not answer; infinite: it cannot now. */
  private readonly impairedUntilMs: Float64Array
  /** The newest incarnation that was falsely suspected, and falsely taken for dead. */
  private readonly suspectedIncarnation: Float64Array
  /** The newest incarnation that was rightly suspected or taken for dead, because it could not answer. */
  private readonly failedIncarnation: Float64Array
  private readonly deadIncarnation: Float64Array
  private parts: Uint8Array
  private separatedUntilMs = Number.NEGATIVE_INFINITY
  private upCount = 0
  private memberMs = 0
  private countedMs = 0
  private isCounting = false

  constructor(nodes: number) {
    this.nodes = nodes
    this.status = new Uint8Array(nodes * nodes)
    this.incarnation = new Float64Array(nodes * nodes)
    this.isUp = new Uint8Array(nodes)
    this.life = new Int32Array(nodes)
    this.impairedUntilMs = new Float64Array(nodes).fill(Number.NEGATIVE_INFINITY)
    this.suspectedIncarnation = new Float64Array(nodes)
    this.failedIncarnation = new Float64Array(nodes)
    this.deadIncarnation = new Float64Array(nodes)
    this.parts = new Uint8Array(nodes)
  }

  /** Counts errors and hours from here on. */
  begin(atMs: number): void {
    this.isCounting = true
    this.countedMs = atMs
    this.memberMs = 0
  }

  memberHours(atMs: number): number {
    this.count(atMs)
    return this.memberMs / HOUR_MS
  }

  /** Waits for everybody to take `node`, which is about to go down, for dead. */
  expectDetection(node: number, atMs: number): Detection {
    this.detection = {
      node,
      sinceMs: atMs,
      firstSuspicionMs: undefined,
      firstDeadMs: undefined,
      everywhereMs: undefined,
    }
    return this.detection
  }

  /** Everybody who is up thinks the same of everybody, and it is true. */
  isAgreed(): boolean {
    for (let subject = 0; subject < this.nodes; subject += 1) {
      let agreed = -1
      for (let observer = 0; observer < this.nodes; observer += 1) {
        if (observer === subject || this.isUp[observer] === 0) continue
        const view = observer * this.nodes + subject
        const status = this.status[view] as number
        const isTrue = this.isUp[subject] === 1 ? status === ALIVE : status === DEAD || status === LEFT
        const incarnation = this.incarnation[view] as number
        if (!isTrue || (agreed >= 0 && agreed !== incarnation)) return false
        if (this.isUp[subject] === 1 && lifeOf(incarnation as Incarnation) !== this.life[subject])
          return false
        agreed = incarnation
      }
    }
    return true
  }

  /** What `observer` thinks of `subject`. */
  viewOf(observer: number, subject: number): { readonly status: number; readonly incarnation: number } {
    const view = observer * this.nodes + subject
    return { status: this.status[view] as number, incarnation: this.incarnation[view] as number }
  }

  started(node: number, life: number, atMs: number): void {
    this.count(atMs)
    this.isUp[node] = 1
    this.upCount += 1
    this.life[node] = life
    this.impairedUntilMs[node] = atMs
    // A new process has heard of nobody.
    this.status.fill(STATUS_CODES.unseen, node * this.nodes, (node + 1) * this.nodes)
    this.incarnation.fill(0, node * this.nodes, (node + 1) * this.nodes)
  }

  ended(node: number, _how: Ending, atMs: number): void {
    this.count(atMs)
    this.isUp[node] = 0
    this.upCount -= 1
    this.lookEverywhere(atMs)
  }

  impaired(node: number, _atMs: number): void {
    this.impairedUntilMs[node] = Number.POSITIVE_INFINITY
  }

  unimpaired(node: number, atMs: number): void {
    this.impairedUntilMs[node] = atMs
  }

  partitioned(parts: Uint8Array, _atMs: number): void {
    this.parts = parts
    this.separatedUntilMs = Number.POSITIVE_INFINITY
  }

  healed(atMs: number): void {
    this.separatedUntilMs = atMs
  }

  thinks(
    observer: number,
    subject: number,
    status: MemberStatus,
    incarnation: Incarnation,
    atMs: number,
  ): void {
    if (observer === subject) return
    const view = observer * this.nodes + subject
    this.status[view] = STATUS_CODES[status]
    this.incarnation[view] = incarnation
    if (status === 'suspect' || status === 'dead') {
      if (this.isCounting && this.isFalse(observer, subject, incarnation, atMs))
        this.blame(subject, status, incarnation)
      this.follow(subject, status, incarnation, atMs)
    } else if (status === 'left') this.follow(subject, 'dead', incarnation, atMs)
  }

  /** Also notes what is right, for those who hear of it later. */
  private isFalse(observer: number, subject: number, incarnation: Incarnation, atMs: number): boolean {
    if (this.isUp[subject] === 0 || lifeOf(incarnation) !== this.life[subject]) return false
    if (incarnation <= (this.failedIncarnation[subject] as number)) return false
    if (atMs - (this.impairedUntilMs[subject] as number) < EXCUSED_MS) {
      this.failedIncarnation[subject] = incarnation
      return false
    }
    const areSeparated = this.parts[observer] !== this.parts[subject]
    return !areSeparated || atMs - this.separatedUntilMs >= EXCUSED_AFTER_PARTITION_MS
  }

  private blame(subject: number, status: 'suspect' | 'dead', incarnation: number): void {
    const { errors } = this
    if (status === 'suspect') {
      if (incarnation <= (this.suspectedIncarnation[subject] as number)) return
      this.suspectedIncarnation[subject] = incarnation
      errors.falseSuspicions += 1
      return
    }
    errors.falseDeathViews += 1
    if (incarnation <= (this.deadIncarnation[subject] as number)) return
    this.deadIncarnation[subject] = incarnation
    errors.falseDeaths += 1
  }

  private follow(subject: number, status: 'suspect' | 'dead', incarnation: Incarnation, atMs: number): void {
    const { detection } = this
    if (detection?.node !== subject || lifeOf(incarnation) !== this.life[subject]) return
    const afterMs = atMs - detection.sinceMs
    detection.firstSuspicionMs ??= afterMs
    if (status === 'suspect') return
    detection.firstDeadMs ??= afterMs
    this.lookEverywhere(atMs)
  }

  private lookEverywhere(atMs: number): void {
    const { detection } = this
    if (detection?.firstDeadMs === undefined || detection.everywhereMs !== undefined) return
    for (let observer = 0; observer < this.nodes; observer += 1) {
      if (observer === detection.node || this.isUp[observer] === 0) continue
      const status = this.status[observer * this.nodes + detection.node]
      if (status !== DEAD && status !== LEFT) return
    }
    detection.everywhereMs = atMs - detection.sinceMs
  }

  private count(atMs: number): void {
    if (this.isCounting) this.memberMs += (atMs - this.countedMs) * this.upCount
    this.countedMs = atMs
  }
}
