import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { CodedError, LIMITS, type Logger, nodeId, silentLogger, unixMs } from '../../src/base/index.ts'
import type { EventNotice, EventQuery } from '../../src/node/control/index.ts'
import { type EventFile, EventLog } from '../../src/node/event-log.ts'
import type { NewEvent, NodeEvent } from '../../src/node/node-events.ts'

const ATTIC = nodeId('attic')
const ALL: EventQuery = {
  kinds: [],
  node: undefined,
  sinceUnixMs: undefined,
  limit: 2 * LIMITS.eventsKept,
}
const NONE: EventQuery = { ...ALL, limit: 0 }
const DEAD: NewEvent = { kind: 'member', type: 'member:dead', node: ATTIC, reason: 'silence' }
const QUEUED: NewEvent = { kind: 'task', type: 'task:queued', node: nodeId('desk') }

/** A disk for one lane. */
class MemoryFile implements EventFile {
  readonly found: readonly string[]
  readonly lines: string[] = []
  appends = 0
  isFull = false
  /** Set: writes wait for it. */
  gate: Promise<void> | undefined

  constructor(found: readonly string[] = []) {
    this.found = found
  }

  async append(lines: readonly string[]): Promise<void> {
    this.appends += 1
    await this.gate
    if (this.isFull) throw new CodedError('store.write_failed', { path: 'events', reason: 'ENOSPC' })
    this.lines.push(...lines)
  }

  close = () => Promise.resolve()
}

class World {
  now = 1_000
  readonly mesh = new MemoryFile()
  readonly work = new MemoryFile()
  readonly warnings: string[] = []
  readonly logger: Logger = { ...silentLogger, warn: (_, message) => void this.warnings.push(message) }
  readonly log = this.open()

  /** Writes of one lane wait for it between them. */
  pause: () => Promise<void> = () => Promise.resolve()

  open(mesh = this.mesh, work = this.work): EventLog {
    const clock = { wall: () => unixMs(this.now) }
    return new EventLog({ clock, logger: this.logger, pause: () => this.pause(), mesh, work })
  }
}

const sequences = (events: readonly NodeEvent[]): number[] => events.map(({ sequence }) => sequence)
const turn = (): Promise<void> => new Promise((next) => setImmediate(next))
const fill = (log: EventLog, count: number): void => {
  for (let event = 0; event < count; event += 1) log.record(QUEUED)
}

/** What follows `log`, and what it was told so far. */
function following(log: EventLog, query: EventQuery = ALL, report?: (notice: EventNotice) => Promise<void>) {
  const told: EventNotice[] = []
  const abort = new AbortController()
  const ended = log.follow(
    query,
    async (notice) => {
      told.push(notice)
      await report?.(notice)
    },
    abort.signal,
  )
  const events = (): NodeEvent[] => told.flatMap((notice) => (notice.type === 'event' ? [notice.event] : []))
  const missed = (): number =>
    told.reduce((sum, notice) => sum + (notice.type === 'missed' ? notice.count : 0), 0)
  return { events, missed, abort, ended }
}

describe('recording', () => {
  test('an event has the time at which it happened and a number that rises by one over all kinds', () => {
    const { log, ...world } = new World()
    log.record(DEAD)
    log.record({ ...QUEUED, detail: { taskId: '7', leaseId: undefined } })
    expect(log.query(ALL)).toEqual([
      { sequence: 1, atUnixMs: world.now, ...DEAD, detail: {} },
      { sequence: 2, atUnixMs: world.now, ...QUEUED, reason: undefined, detail: { taskId: '7' } },
    ])
  })

  test('a text beyond its limit is cut', () => {
    const { log } = new World()
    log.record({ ...DEAD, detail: { text: 'x'.repeat(LIMITS.eventTextCharsMax + 1) } })
    expect(log.query(ALL)[0]?.detail['text']).toHaveLength(LIMITS.eventTextCharsMax)
  })

  test('more than a ring of tasks pushes the oldest tasks out, and no event of the mesh', () => {
    const { log } = new World()
    log.record(DEAD)
    fill(log, LIMITS.eventsKept + 5)
    const kept = log.query(ALL)
    expect(kept).toHaveLength(LIMITS.eventsKept + 1)
    expect(sequences(kept).slice(0, 3)).toEqual([1, 7, 8])
    expect(sequences(kept).at(-1)).toBe(LIMITS.eventsKept + 6)
  })

  test('what is asked for is what fits: kind, node, time, and the newest of them', () => {
    const world = new World()
    const { log } = world
    for (let event = 0; event < 4; event += 1) {
      world.now += 10
      log.record(DEAD)
      log.record(QUEUED)
    }
    const asked = (query: Partial<EventQuery>): number[] => sequences(log.query({ ...ALL, ...query }))
    expect(asked({ kinds: ['task'] })).toEqual([2, 4, 6, 8])
    expect(asked({ kinds: ['task', 'member'] })).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(asked({ kinds: ['admin'] })).toEqual([])
    expect(asked({ node: 'attic' })).toEqual([1, 3, 5, 7])
    expect(asked({ sinceUnixMs: unixMs(1_030) })).toEqual([5, 6, 7, 8])
    expect(asked({ node: 'attic', limit: 2 })).toEqual([5, 7])
    expect(asked({ limit: 0 })).toEqual([])
  })
})

describe('the disk', () => {
  test('a new life goes on with the events and the numbers of the last one', async () => {
    const world = new World()
    world.log.record(DEAD)
    world.log.record({ ...QUEUED, detail: { taskId: '7', at: 'worker', pid: 5, quiet: true } })
    await world.log.close()
    const again = world.open(new MemoryFile(world.mesh.lines), new MemoryFile(world.work.lines))
    expect(again.query(ALL)).toEqual(world.log.query(ALL))
    again.record(DEAD)
    expect(sequences(again.query(ALL))).toEqual([1, 2, 3])
  })

  test('events of one turn that come while a write is under way share the next one', async () => {
    const world = new World()
    const gate = Promise.withResolvers<void>()
    world.work.gate = gate.promise
    fill(world.log, 500)
    gate.resolve()
    await world.log.close()
    expect(world.work.lines).toHaveLength(500)
    expect(world.work.appends).toBe(2)
  })

  test('after a write the next one waits, and takes along what comes meanwhile', async () => {
    const world = new World()
    const pause = Promise.withResolvers<void>()
    world.pause = () => pause.promise
    world.log.record(QUEUED)
    await turn()
    world.log.record(QUEUED)
    await turn()
    world.log.record(QUEUED)
    await turn()
    expect(world.work.appends).toBe(1)
    pause.resolve()
    await turn()
    expect(world.work.appends).toBe(2)
    expect(world.work.lines).toHaveLength(3)
  })

  test('a full disk costs events on disk and nothing else; it is told once, and once more when it comes again', async () => {
    const world = new World()
    const { log, mesh, warnings } = world
    mesh.isFull = true
    log.record(DEAD)
    await turn()
    log.record(DEAD)
    await turn()
    expect(warnings).toEqual(['events are not kept on disk'])
    mesh.isFull = false
    log.record(DEAD)
    await turn()
    expect(mesh.lines).toHaveLength(1)
    mesh.isFull = true
    log.record(DEAD)
    await log.close()
    expect(warnings).toHaveLength(2)
    expect(sequences(log.query(ALL))).toEqual([1, 2, 3, 4])
  })

  test('a disk that stands still holds nobody up; what is overwritten meanwhile is told', async () => {
    const world = new World()
    const gate = Promise.withResolvers<void>()
    world.work.gate = gate.promise
    fill(world.log, LIMITS.eventsKept + 11)
    expect(world.log.query(ALL)).toHaveLength(LIMITS.eventsKept)
    gate.resolve()
    await world.log.close()
    expect(world.warnings).toEqual(['the disk is too slow for all events'])
    // The first was on its way already.
    expect(world.work.lines).toHaveLength(LIMITS.eventsKept + 1)
  })

  test('lines of another version are left out with a warning', () => {
    const world = new World()
    const log = world.open(new MemoryFile(['{"sequence":1}', 'x', '{}']))
    expect(log.query(ALL)).toEqual([])
    expect(world.warnings).toHaveLength(1)
    log.record(DEAD)
    expect(log.query(ALL)).toHaveLength(1)
  })

  test('on files: damage costs the damaged events, is told, and keeps nothing from starting', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'populi-events-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const { logger, warnings } = new World()
    const clock = { wall: () => unixMs(1) }
    const first = await EventLog.open(folder, { clock, logger })
    first.record(DEAD)
    first.record(QUEUED)
    await first.close()
    await appendFile(join(folder, 'mesh.log'), '00000000 {"sequence":9}\n')
    const second = await EventLog.open(folder, { clock, logger })
    expect(second.query(ALL)).toEqual(first.query(ALL))
    expect(warnings).toHaveLength(1)
    second.record(DEAD)
    expect(sequences(second.query(ALL))).toEqual([1, 2, 3])
    await second.close()
  })
})

describe('following', () => {
  test('the past that was asked for, then each event, in order and within the turn in which it happened', async () => {
    const { log } = new World()
    fill(log, 5)
    const follower = following(log, { ...ALL, limit: 2 })
    await turn()
    expect(sequences(follower.events())).toEqual([4, 5])
    log.record(DEAD)
    log.record(QUEUED)
    log.record(DEAD)
    await turn()
    expect(sequences(follower.events())).toEqual([4, 5, 6, 7, 8])
    follower.abort.abort()
    await follower.ended
  })

  test('events that happen while the past is told are neither lost nor told twice', async () => {
    const { log } = new World()
    fill(log, 50)
    let recorded = 0
    const follower = following(log, ALL, async () => {
      if (recorded < 50) log.record(DEAD)
      recorded += 1
      await turn()
    })
    await expect.poll(() => follower.events().length).toBe(100)
    expect(sequences(follower.events())).toEqual(Array.from({ length: 100 }, (_, at) => at + 1))
    follower.abort.abort()
    await follower.ended
    expect(follower.missed()).toBe(0)
  })

  test('only what fits', async () => {
    const { log } = new World()
    const follower = following(log, { ...NONE, kinds: ['member'] })
    fill(log, 3)
    log.record(DEAD)
    await turn()
    expect(sequences(follower.events())).toEqual([4])
    follower.abort.abort()
    await follower.ended
  })

  test('what happened before the end is told before the end', async () => {
    const { log } = new World()
    const follower = following(log, NONE)
    log.record(DEAD)
    follower.abort.abort()
    await follower.ended
    expect(sequences(follower.events())).toEqual([1])
  })

  test('a reader that stands still holds nobody up; what it missed is counted, and the rest is told in order', async () => {
    const { log } = new World()
    const gate = Promise.withResolvers<void>()
    const slow = following(log, NONE, () => gate.promise)
    const quick = following(log, NONE)
    log.record(DEAD)
    await turn()
    for (let round = 0; round < 4; round += 1) {
      fill(log, LIMITS.eventsKept / 2)
      await turn()
    }
    log.record(DEAD)
    gate.resolve()
    slow.abort.abort()
    quick.abort.abort()
    await Promise.all([slow.ended, quick.ended])
    expect(quick.events()).toHaveLength(2 * LIMITS.eventsKept + 2)
    expect(quick.missed()).toBe(0)
    expect(slow.missed()).toBe(LIMITS.eventsKept)
    expect(slow.events()).toHaveLength(LIMITS.eventsKept + 2)
    const numbers = sequences(slow.events())
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
    expect([numbers[0], numbers[1]]).toEqual([1, LIMITS.eventsKept + 2])
  })

  test('whoever asks after the end has the past and ends', async () => {
    const { log } = new World()
    log.record(DEAD)
    const follower = following(log)
    follower.abort.abort()
    await follower.ended
    expect(follower.events()).toHaveLength(1)
  })
})
