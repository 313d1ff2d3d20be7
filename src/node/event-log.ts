/**
 * The log of events: what happened to this node and what it saw of the others, for its owner.
 *
 * Events go into rings in memory, which answer questions and feed followers, and from there to the disk behind them. Two lanes keep
 * what is rare from being washed away by what is frequent: a busy hour of leases and tasks takes no room from the hour in which a
 * member died. Readers and the disk each have a place of their own in the rings, so that nothing is queued for anybody: whoever
 * is slower than a whole ring misses the oldest events and is told how many.
 *
 * `record` neither waits nor throws; it costs some microseconds and no sync: a follower has the event before the next turn of the event
 * loop, and the disk at once, or, where events are dense, with the others of the next `WRITE_PAUSE_MS` (a write for each took a fifth of
 * a busy submitter's time). Recorded is what this process saw, when it saw it; an event proves nothing to anybody.
 *
 * Rejected: a queue per follower (bounded, it drops as well, and a hundred of them hold a hundred copies); one ring for all kinds.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, LIMITS, type Logger, toCodedError } from '../base/index.ts'
import { LineRing } from '../store/index.ts'
import { eventSchema, fromJson } from './control/control-messages.ts'
import type { EventNotice, EventQuery } from './control/node-control.ts'
import { EventCursor, EventRing } from './event-ring.ts'
import type { EventKind } from './event-types.ts'
import type { EventSink, NewEvent, NodeEvent } from './node-events.ts'

/** Between two writes of a lane: what a node that is killed under load may lose of its last events. */
const WRITE_PAUSE_MS = 20

/** Where a lane is kept: `LineRing`, or what a test puts in its place. */
export interface EventFile {
  /** The lines that were there at the start, oldest first. */
  readonly found: readonly string[]
  append(lines: readonly string[]): Promise<void>
  close(): Promise<void>
}

interface EventLogInit {
  readonly clock: Pick<Clock, 'wall'>
  readonly logger: Logger
  /** What happens to the mesh. */
  readonly mesh: EventFile
  /** Leases and tasks. */
  readonly work: EventFile
  /** Between two writes of a lane; ends early when `signal` aborts. */
  readonly pause: (signal: AbortSignal) => Promise<void>
}

interface Lane {
  readonly ring: EventRing
  readonly file: EventFile
  /** Place of the disk in the ring. */
  written: number
  writing: Promise<void> | undefined
  isFailing: boolean
}

export class EventLog implements EventSink {
  private readonly init: EventLogInit
  private readonly mesh: Lane
  private readonly work: Lane
  private readonly lanes: readonly Lane[]
  private readonly waiting = new Set<() => void>()
  private sequence: number
  private readonly closing = new AbortController()

  constructor(init: EventLogInit) {
    this.init = init
    this.mesh = this.laneOf(init.mesh)
    this.work = this.laneOf(init.work)
    this.lanes = [this.mesh, this.work]
    this.sequence = Math.max(...this.lanes.map(({ ring }) => ring.newest?.sequence ?? 0))
  }

  /** Over the files in `folder`. Does not fail: without its disk the log is one of this life alone. */
  static async open(
    folder: string,
    { clock, logger }: Pick<EventLogInit, 'clock' | 'logger'>,
  ): Promise<EventLog> {
    const ring = (name: string): Promise<LineRing> =>
      LineRing.open({
        folder,
        name,
        linesMax: LIMITS.eventsKept,
        onDamage: (what) => logger.warn({ what }, 'some events of the past cannot be read'),
      })
    const pause = (signal: AbortSignal): Promise<void> =>
      sleep(WRITE_PAUSE_MS, undefined, { signal, ref: false }).catch(() => undefined)
    return new EventLog({ clock, logger, pause, mesh: await ring('mesh'), work: await ring('work') })
  }

  record({ kind, type, node, reason, detail = {} }: NewEvent): void {
    this.sequence += 1
    const lane = kind === 'lease' || kind === 'task' ? this.work : this.mesh
    lane.ring.push({
      sequence: this.sequence,
      atUnixMs: this.init.clock.wall(),
      kind,
      type,
      node,
      reason,
      detail: plain(detail),
    })
    for (const wake of this.waiting) wake()
    if (!this.closing.signal.aborted) lane.writing ??= this.write(lane)
  }

  /** The newest events that fit, in order. */
  query(query: EventQuery): readonly NodeEvent[] {
    const found = this.lanes
      .flatMap(({ ring }) => newest(ring, query))
      .sort((a, b) => a.sequence - b.sequence)
    return found.slice(Math.max(0, found.length - query.limit))
  }

  /**
   * The same, and then every event that fits, at the time when it happens. Settles after `signal` has aborted and what had happened
   * before was reported. `report` settles when there is room for the next one; it may miss some then, and is told.
   */
  async follow(
    query: EventQuery,
    report: (notice: EventNotice) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const cursor = new EventCursor(this.lanes.map(({ ring }) => ring))
    for (const event of this.query(query)) await report({ type: 'event', event })
    for (;;) {
      const missed = cursor.missed()
      if (missed > 0) {
        await report({ type: 'missed', count: missed })
        continue
      }
      const event = cursor.next()
      if (event !== undefined) {
        if (fits(event, query)) await report({ type: 'event', event })
      } else if (signal.aborted) return
      else await this.news(signal)
    }
  }

  /** Resolves when everything recorded so far was handed to the system. What comes later stays in memory. */
  async close(): Promise<void> {
    this.closing.abort()
    for (const lane of this.lanes) {
      await lane.writing
      await lane.file.close()
    }
  }

  private laneOf(file: EventFile): Lane {
    const ring = new EventRing()
    let unreadable = 0
    for (const line of file.found)
      try {
        ring.push(fromJson(eventSchema, line, 'event'))
      } catch {
        unreadable += 1
      }
    if (unreadable > 0)
      this.init.logger.warn({ unreadable }, 'some events of the past are of another version of populi')
    return { ring, file, written: ring.end, writing: undefined, isFailing: false }
  }

  /** Until an event was recorded or `signal` aborts. */
  private news(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.waiting.delete(wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      this.waiting.add(wake)
      signal.addEventListener('abort', wake, { once: true })
    })
  }

  /** Writes batch after batch until the disk has caught up. */
  private async write(lane: Lane): Promise<void> {
    const { ring, file } = lane
    while (lane.written < ring.end) {
      const from = Math.max(lane.written, ring.first)
      if (from > lane.written)
        this.init.logger.warn({ count: from - lane.written }, 'the disk is too slow for all events')
      const events = ring.from(from, LIMITS.eventBatchMax)
      lane.written = from + events.length
      try {
        await file.append(events.map(lineOf))
        lane.isFailing = false
      } catch (thrown) {
        if (!lane.isFailing)
          this.init.logger.warn({ err: toCodedError(thrown) }, 'events are not kept on disk')
        lane.isFailing = true
      }
      await this.init.pause(this.closing.signal)
    }
    lane.writing = undefined
  }
}

/** Those of one lane, from the newest on, as far back as needed. */
function newest(ring: EventRing, query: EventQuery): NodeEvent[] {
  const found: NodeEvent[] = []
  for (let position = ring.end - 1; position >= ring.first && found.length < query.limit; position -= 1) {
    const event = ring.at(position)
    if (fits(event, query)) found.push(event)
  }
  return found
}

function fits(event: NodeEvent, { kinds, node, sinceUnixMs }: EventQuery): boolean {
  const isOfKind = (kind: EventKind): boolean => kinds.length === 0 || kinds.includes(kind)
  return (
    isOfKind(event.kind) &&
    (node === undefined || event.node === node) &&
    (sinceUnixMs === undefined || event.atUnixMs >= sinceUnixMs)
  )
}

/** As `toJson` would say it, which looks at every field of every object for one that is undefined: there are two that can be. */
const lineOf = ({ node, reason, ...event }: NodeEvent): string =>
  JSON.stringify({ ...event, node: node ?? null, reason: reason ?? null })

function plain(detail: NonNullable<NewEvent['detail']>): NodeEvent['detail'] {
  const kept: Record<string, string | number | boolean> = {}
  for (const [name, value] of Object.entries(detail))
    if (value !== undefined)
      kept[name] = typeof value === 'string' ? value.slice(0, LIMITS.eventTextCharsMax) : value
  return kept
}
