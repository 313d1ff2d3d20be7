/** The edges of `RaftCore` that no paper describes: misuse, damage, bounds, cost. */
import { describe, expect, test } from 'vitest'
import { LIMITS, logIndex, MiB, present, Random, term } from '../../src/base/index.ts'
import { NO_CONFIGURATION } from '../../src/raft/configuration.ts'
import {
  bootstrapLog,
  NEVER_COMPACTED,
  RAFT_DEFAULTS,
  RaftCore,
  type RaftMessage,
  type RaftOptions,
  type SavedLog,
} from '../../src/raft/index.ts'
import { EMPTY, Machine, savedGroup, savedLog } from './support/machine.ts'
import { peer } from './support/names.ts'
import { printEntry } from './support/print.ts'
import { becomeLeader, command, message, server, settle, tell } from './support/server.ts'

const ONE = savedGroup(['n1'])

function core(saved: SavedLog, appliedIndex = 0, options: RaftOptions = RAFT_DEFAULTS): RaftCore {
  return new RaftCore({
    self: peer('n1'),
    saved,
    options,
    random: new Random(1),
    appliedIndex: logIndex(appliedIndex),
  })
}

describe('what a driver may and may not do', () => {
  test('a write is reported done that was not begun, entries applied that were not handed out: defects of the driver', () => {
    const machine = server()
    expect(() => machine.core.writeDone()).toThrow('writeDone() comes after a Ready with a write')
    expect(() => machine.core.applied(logIndex(1))).toThrow('only what was handed out can be applied')
    settle(machine)
    expect(() => machine.core.applied(logIndex(1))).toThrow('only what was handed out can be applied')
  })

  test('one write at a time: what changes meanwhile is the next one', () => {
    const machine = server()
    becomeLeader(machine)
    machine.core.propose(command('x'))
    expect(machine.core.ready().write?.entries.map(printEntry)).toEqual(['3/2 "x"'])
    machine.core.propose(command('y'))
    machine.core.propose(command('z'))
    expect(machine.core.ready().write).toBeUndefined()
    machine.core.writeDone()
    expect(machine.core.ready().write?.entries.map(printEntry)).toEqual(['4/2 "y"', '5/2 "z"'])
  })

  test('one apply at a time: what is committed meanwhile comes when it is done', () => {
    const machine = server({ terms: [1, 1], commit: 2, term: 1 })
    const handedOut = (): readonly number[] =>
      machine.core.ready().committedEntries.map((entry) => entry.index)
    expect(handedOut()).toEqual([1, 2])
    machine.core.step(message('n2 > n1 heartbeat-request term=1 commit=3'))
    expect(handedOut()).toEqual([])
    machine.core.applied(logIndex(1))
    expect(handedOut()).toEqual([])
    machine.core.applied(logIndex(2))
    expect(handedOut()).toEqual([3])
  })

  test('nothing to do: no Ready, and one that is taken nevertheless is empty', () => {
    const machine = server()
    settle(machine)
    expect(machine.core.hasReady()).toBe(false)
    expect(machine.core.ready()).toEqual({
      messages: [],
      write: undefined,
      committedEntries: [],
      compaction: undefined,
      snapshotsWanted: [],
      reads: [],
      roleChange: undefined,
      configuration: undefined,
    })
  })

  test('a commit index that moved causes no write of its own, but goes with the next one', () => {
    const machine = server()
    becomeLeader(machine)
    tell(machine, 'n2 > n1 append-accepted term=2 match=2')
    expect(machine.core.status.commitIndex).toBe(2)
    expect(machine.disk.load().hardState?.commitIndex).toBe(1)
    machine.core.propose(command('x'))
    settle(machine)
    expect(machine.disk.load().hardState?.commitIndex).toBe(2)
  })
})

describe('restart', () => {
  test('an empty store: term 0, no configuration, no campaign', () => {
    const fresh = core(EMPTY)
    for (let ticks = 0; ticks < 1000; ticks++) fresh.tick()
    expect(fresh.hasReady()).toBe(false)
    expect(fresh.status).toMatchObject({ role: 'follower', term: 0, lastIndex: 0 })
    expect(fresh.status.configuration).toEqual(NO_CONFIGURATION)
  })

  test('what populi init writes: a group of one that elects itself', () => {
    const machine = new Machine({
      name: 'n1',
      options: RAFT_DEFAULTS,
      saved: { ...EMPTY, ...bootstrapLog(peer('n1')) },
      seed: 1,
    })
    machine.core.tick()
    settle(machine)
    expect(machine.core.status).toMatchObject({
      role: 'leader',
      term: 2,
      commitIndex: 2,
      appliedInTerm: true,
    })
  })

  test('committed entries come again from the first that was not applied', () => {
    const saved = savedLog(savedGroup(['n1', 'n2', 'n3']), [1, 1, 1], { term: 1, commit: 3 })
    const handedOut = (applied: number): readonly number[] =>
      core(saved, applied)
        .ready()
        .committedEntries.map((entry) => entry.index)
    expect(handedOut(0)).toEqual([1, 2, 3])
    expect(handedOut(2)).toEqual([3])
    expect(core(saved, 4).status.commitIndex).toBe(4)
    expect(core(saved, 4).hasReady()).toBe(false)
  })

  test.each<[string, SavedLog, number]>([
    ['a gap', gap(), 0],
    ['a term that falls', savedLog(ONE, [2, 1], { term: 2, commit: 1 }), 0],
    ['a log newer than the term', savedLog(ONE, [3], { term: 2, commit: 1 }), 0],
    ['entries without a hard state', { ...ONE, hardState: undefined }, 0],
    ['a commit index beyond the log', savedLog(ONE, [1], { term: 1, commit: 3 }), 0],
    ['more applied than there is', savedLog(ONE, [1], { term: 1, commit: 2 }), 3],
    ['a configuration that cannot be read', unreadable(), 0],
    ['a log that begins after what was applied', cutAt(5), 4],
    ['a gap after the base', { ...cutAt(5), base: { ...cutAt(5).base, index: logIndex(4) } }, 5],
    [
      'a base of a later term than its entries',
      { ...cutAt(5), base: { ...cutAt(5).base, term: term(2) } },
      5,
    ],
    [
      'a base whose configuration cannot be read',
      { ...cutAt(5), base: { ...NEVER_COMPACTED, index: logIndex(5) } },
      5,
    ],
  ])('%s: refused as a damaged store', (_, saved, applied) => {
    expect(() => core(saved, applied)).toThrow('damaged record in the raft log')
  })

  function gap(): SavedLog {
    const saved = savedLog(ONE, [1, 1, 1], { term: 1, commit: 1 })
    return { ...saved, entries: saved.entries.filter((entry) => entry.index !== 3) }
  }

  /** Compacted up to `index`, with two entries after it. */
  function cutAt(index: number): SavedLog {
    const [first] = ONE.entries
    const base = { index: logIndex(index), term: term(1), configuration: present(first, 'first entry').data }
    const entries = [1, 2].map((offset) => ({
      index: logIndex(index + offset),
      term: term(1),
      kind: 'command' as const,
      data: command('x'),
    }))
    return { hardState: { term: term(1), vote: undefined, commitIndex: logIndex(index) }, base, entries }
  }

  function unreadable(): SavedLog {
    const saved = savedLog(ONE, [1], { term: 1, commit: 1 })
    return { ...saved, entries: saved.entries.map((entry) => ({ ...entry, kind: 'configuration' as const })) }
  }
})

describe('bounds', () => {
  test('a disk that hangs: answers stop at their limit, and what is refused says so', () => {
    const machine = server()
    machine.core.step(message('n2 > n1 heartbeat-request term=2 commit=1'))
    machine.core.ready()
    const heartbeat = message('n2 > n1 heartbeat-request term=2 commit=1')
    for (let count = 0; count < LIMITS.raftWaitingAnswersMax; count++)
      expect(machine.core.step(heartbeat)).toEqual({ outcome: 'handled' })
    expect(machine.core.step(heartbeat)).toEqual({ outcome: 'ignored', reason: 'overloaded' })
    machine.core.writeDone()
    expect(machine.core.ready().messages).toHaveLength(LIMITS.raftWaitingAnswersMax + 1)
    expect(machine.core.step(heartbeat)).toEqual({ outcome: 'handled' })
  })

  test('a disk that hangs: ticks of a leader and of a follower pile up nothing', () => {
    for (const machine of [server(), leader()]) {
      machine.core.step(message('n2 > n1 heartbeat-request term=9 commit=1'))
      machine.core.ready()
      for (let ticks = 0; ticks < 50; ticks++) machine.core.tick()
      machine.core.writeDone()
      expect(machine.core.ready().messages.length).toBeLessThanOrEqual(2)
    }
  })

  test('a long log is handed out in pieces, each entry once', () => {
    const data = new Uint8Array(1 * MiB)
    const first = savedGroup(['n1', 'n2', 'n3'])
    const entries = Array.from({ length: 20 }, (_, at) => ({
      index: logIndex(at + 2),
      term: term(1),
      kind: 'command' as const,
      data,
    }))
    const long = core({
      base: NEVER_COMPACTED,
      hardState: { term: term(1), vote: undefined, commitIndex: logIndex(21) },
      entries: [...first.entries, ...entries],
    })
    const pieces: number[][] = []
    while (long.hasReady()) {
      const piece = long.ready().committedEntries.map((entry) => entry.index)
      pieces.push(piece)
      long.applied(present(piece.at(-1), 'a piece'))
    }
    expect(pieces.length).toBeGreaterThan(4)
    expect(pieces.flat()).toEqual(Array.from({ length: 21 }, (_, at) => at + 1))
  })

  test('an append carries at most maxAppendBytes, its entries’ overhead included', () => {
    const machine = new Machine({
      name: 'n1',
      options: { ...RAFT_DEFAULTS, maxAppendBytes: 1024 },
      saved: savedGroup(['n1', 'n2', 'n3']),
      seed: 1,
    })
    becomeLeader(machine)
    tell(machine, 'n2 > n1 append-accepted term=2 match=2')
    for (let count = 0; count < 100; count++) machine.core.propose(new Uint8Array(count))
    const sizes = machine.core
      .ready()
      .messages.flatMap((sent) => (sent.type === 'append-request' ? [sent.entries] : []))
      .map((entries) => entries.reduce((sum, entry) => sum + entry.data.byteLength + 32, 0))
    expect(sizes.length).toBeGreaterThan(5)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1024)
  })

  test.each<[string, Partial<RaftOptions>]>([
    ['zero', { heartbeatTicks: 0 }],
    ['a fraction', { electionTicks: 10.5 }],
    ['an election timeout of two heartbeats', { electionTicks: 4, heartbeatTicks: 2 }],
    ['less room for uncommitted entries than for one', { maxUncommittedBytes: 1024 }],
    ['an append without room', { maxAppendBytes: 10 }],
    ['less in flight than one append', { maxInflightBytes: 1024 }],
  ])('options that cannot work: %s', (_, options) => {
    expect(() => core(EMPTY, 0, { ...RAFT_DEFAULTS, ...options })).toThrow()
  })

  function leader(): Machine {
    const machine = server()
    becomeLeader(machine)
    return machine
  }
})

describe('cost', () => {
  test('proposals in one batch travel in one message per follower and one write', () => {
    const machine = server()
    becomeLeader(machine)
    tell(machine, 'n2 > n1 append-accepted term=2 match=2')
    tell(machine, 'n3 > n1 append-accepted term=2 match=2')
    for (let count = 0; count < 1000; count++) machine.core.propose(command('x'))
    const ready = machine.core.ready()
    expect(ready.write?.entries).toHaveLength(1000)
    expect(ready.messages.map((sent: RaftMessage) => sent.type)).toEqual(['append-request', 'append-request'])
  })
})
