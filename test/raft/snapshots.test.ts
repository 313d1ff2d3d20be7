/** Log compaction and snapshots (§7, figure 13), and the flow control of followers that need one. */
import { describe, expect, test } from 'vitest'
import { encode, logIndex } from '../../src/base/index.ts'
import type { Ready } from '../../src/raft/index.ts'
import type { Machine } from './support/machine.ts'
import { peer } from './support/names.ts'
import { printBase, printEntries, printMessage } from './support/print.ts'
import { becomeLeader, command, logOf, message, server, settle, tell, ticks } from './support/server.ts'

const SMALL = { compactEntriesMax: 4 }
const DATA = encode({ index: 7, digest: 0 })
const SNAPSHOT = 'snapshot=7/2 voters=n1,n2,n3'

/** n1 leads in term 2, n2 has everything, n3 nothing; the log is cut at 6. */
function leaderWithCutLog(): Machine {
  const machine = server({ options: SMALL })
  becomeLeader(machine)
  tell(machine, 'n2 > n1 append-accepted term=2 match=2')
  for (const text of ['3', '4', '5', '6', '7', '8']) machine.core.propose(command(text))
  settle(machine)
  tell(machine, 'n2 > n1 append-accepted term=2 match=8')
  expect(machine.core.status.baseIndex).toBe(6)
  // n3 is heard of, is asked whether it has what remains, and has nothing.
  expect(tell(machine, 'n3 > n1 heartbeat-response term=2')).toEqual([
    'n1 > n3 append-request term=2 prev=6/2 commit=8 entries: 7/2 "7", 8/2 "8"',
  ])
  machine.core.step(message('n3 > n1 append-rejected term=2 rejected=6 hint=0/0'))
  return machine
}

const sent = (ready: Ready): readonly string[] => ready.messages.map(printMessage)
const modeOfN3 = (machine: Machine): unknown => machine.core.status.progress.get(peer('n3'))

describe('compaction', () => {
  test('by count: beyond compactEntriesMax applied entries, half of them stay', () => {
    const machine = server({ voters: ['n1'], options: SMALL })
    machine.core.tick()
    settle(machine)
    const bases: string[] = []
    for (const text of ['3', '4', '5', '6', '7', '8', '9']) {
      machine.core.propose(command(text))
      while (machine.core.hasReady()) {
        const ready = machine.take()
        if (ready.compaction !== undefined) bases.push(printBase(ready.compaction))
        machine.apply(ready.committedEntries)
        if (machine.held !== undefined) machine.finish()
      }
    }
    expect(bases).toEqual(['3/2 (n1)', '6/2 (n1)'])
    expect(machine.core.status).toMatchObject({ baseIndex: 6, lastIndex: 9, appliedIndex: 9 })
  })

  test('by size: beyond compactBytesMax of applied entries, half of them stay', () => {
    const machine = server({ voters: ['n1'], options: { compactBytesMax: 1000 } })
    machine.core.tick()
    settle(machine)
    for (let count = 0; count < 5; count++) {
      machine.core.propose(new Uint8Array(200))
      settle(machine)
    }
    // Entries of 232 bytes: the fourth of them, 3 … 6, is one too many; two stay.
    expect(machine.core.status).toMatchObject({ baseIndex: 4, lastIndex: 7 })
  })

  test('what is committed and not applied is not cut, and a follower that needs it does not hold it', () => {
    const machine = server({ options: SMALL })
    becomeLeader(machine)
    tell(machine, 'n2 > n1 append-accepted term=2 match=2')
    for (let count = 0; count < 20; count++) machine.core.propose(command('x'))
    const { held } = machine
    expect(held).toBeUndefined()
    machine.take()
    machine.finish()
    machine.core.step(message('n2 > n1 append-accepted term=2 match=22'))
    const ready = machine.take()
    expect(ready.committedEntries).toHaveLength(20)
    expect(machine.core.status.baseIndex).toBe(0)
    machine.apply(ready.committedEntries)
    // n3 has nothing of it.
    expect(machine.core.status.baseIndex).toBe(20)
  })

  test('the base is the term and the configuration at its index, also while newer ones are in the log', () => {
    const machine = server({ voters: ['n1'], options: SMALL })
    machine.core.tick()
    settle(machine)
    for (const text of ['3', '4']) machine.core.propose(command(text))
    settle(machine)
    machine.core.proposeConfiguration({ voters: [peer('n1')], learners: [peer('n4')] })
    machine.core.propose(command('6'))
    settle(machine)
    expect(printBase(machine.disk.load().base)).toBe('0/0 unreadable configuration')
    machine.core.propose(command('7'))
    settle(machine)
    expect(printBase(machine.disk.load().base)).toBe('4/2 (n1)')
    expect(machine.core.status.configuration.learners).toEqual([peer('n4')])
  })

  test('a restart goes on from the base', () => {
    const machine = leaderWithCutLog()
    settle(machine)
    machine.core.propose(command('9'))
    settle(machine)
    expect(machine.disk.load().base.index).toBe(6)
    machine.restart()
    expect(machine.core.status).toMatchObject({ baseIndex: 6, lastIndex: 9, appliedIndex: 8 })
    expect(machine.core.status.configuration.voters).toHaveLength(3)
    expect(tell(machine, 'n2 > n1 append-request term=2 prev=9/2 commit=9')).toEqual([
      'n1 > n2 append-accepted term=2 match=9',
    ])
  })
})

describe('a leader whose follower needs what it has compacted (§7)', () => {
  test('asks the driver for a snapshot, once, and sends no appends meanwhile', () => {
    const machine = leaderWithCutLog()
    const ready = machine.take()
    expect(ready.snapshotsWanted).toEqual([peer('n3')])
    expect(sent(ready)).toEqual([])
    machine.core.propose(command('9'))
    expect(settle(machine)).toEqual(['n1 > n2 append-request term=2 prev=8/2 commit=8 entries: 9/2 "9"'])
    expect(modeOfN3(machine)).toMatchObject({ mode: 'snapshot', inflight: 0 })
  })

  test('sends what the driver provides, with term and configuration of its index', () => {
    const machine = leaderWithCutLog()
    machine.take()
    machine.core.provideSnapshot(peer('n3'), { index: logIndex(7), data: DATA })
    expect(sent(machine.take())).toEqual(['n1 > n3 install-snapshot term=2 7/2 (n1 n2 n3)'])
    machine.core.provideSnapshot(peer('n3'), { index: logIndex(7), data: DATA })
    expect(sent(machine.take())).toEqual([])
  })

  test('refuses a snapshot of what is not applied, or was cut off: defects of the driver', () => {
    const machine = leaderWithCutLog()
    machine.take()
    for (const index of [5, 9])
      expect(() => machine.core.provideSnapshot(peer('n3'), { index: logIndex(index), data: DATA })).toThrow(
        'a snapshot of what is applied',
      )
  })

  test('a follower that is not heard of gets none', () => {
    const machine = leaderWithCutLog()
    const progress = machine.core.status.progress.get(peer('n3'))
    machine.take()
    machine.core.snapshotFailed(peer('n3'))
    for (let count = 0; count < 3; count++) {
      ticks(machine, 9)
      tell(machine, 'n2 > n1 heartbeat-response term=2')
    }
    expect(progress).toMatchObject({ active: false, mode: 'probe' })
    expect(machine.core.hasReady()).toBe(false)
    tell(machine, 'n3 > n1 heartbeat-response term=2')
    expect(modeOfN3(machine)).toMatchObject({ mode: 'snapshot' })
  })

  test.each([
    ['the snapshot’s end', 7, 'entries: 8/2 "8"'],
    ['an index between base and snapshot', 6, 'entries: 7/2 "7", 8/2 "8"'],
    ['more than the snapshot', 8, 'entries: none'],
  ])('success: %s is acknowledged, and replication goes on from there', (_, match, entries) => {
    const machine = leaderWithCutLog()
    machine.take()
    machine.core.provideSnapshot(peer('n3'), { index: logIndex(7), data: DATA })
    settle(machine)
    expect(tell(machine, `n3 > n1 append-accepted term=2 match=${match}`)).toEqual([
      `n1 > n3 append-request term=2 prev=${match}/2 commit=8 ${entries}`,
    ])
    expect(modeOfN3(machine)).toMatchObject({ mode: 'replicate', matchIndex: match })
  })

  test('success, but the log was cut beyond it meanwhile: another snapshot', () => {
    const machine = leaderWithCutLog()
    machine.take()
    machine.core.provideSnapshot(peer('n3'), { index: logIndex(7), data: DATA })
    settle(machine)
    for (const text of ['9', '10', '11', '12']) machine.core.propose(command(text))
    settle(machine)
    tell(machine, 'n2 > n1 append-accepted term=2 match=12')
    expect(machine.core.status.baseIndex).toBeGreaterThan(7)
    machine.core.step(message('n3 > n1 append-accepted term=2 match=7'))
    expect(machine.take().snapshotsWanted).toEqual([peer('n3')])
  })

  test('its success was not heard: the next heartbeat’s answer lets an empty append ask for it', () => {
    const machine = leaderWithCutLog()
    machine.take()
    machine.core.provideSnapshot(peer('n3'), { index: logIndex(7), data: DATA })
    settle(machine)
    expect(tell(machine, 'n3 > n1 heartbeat-response term=2')).toEqual([
      'n1 > n3 append-request term=2 prev=7/2 commit=8 entries: none',
    ])
    // It is still on its way: no reason to send it again.
    expect(tell(machine, 'n3 > n1 append-rejected term=2 rejected=7 hint=0/0')).toEqual([])
    expect(modeOfN3(machine)).toMatchObject({ mode: 'snapshot' })
  })

  test.each<[string, (machine: Machine) => void]>([
    ['failure', (machine) => machine.core.snapshotFailed(peer('n3'))],
    ['lost contact', (machine) => machine.core.loseContact(peer('n3'))],
  ])(
    '%s: a probe at the snapshot’s end as soon as the follower is heard, and then another snapshot',
    (_, fail) => {
      const machine = leaderWithCutLog()
      machine.take()
      machine.core.provideSnapshot(peer('n3'), { index: logIndex(7), data: DATA })
      settle(machine)
      fail(machine)
      expect(machine.core.hasReady()).toBe(false)
      expect(tell(machine, 'n3 > n1 heartbeat-response term=2')).toEqual([
        'n1 > n3 append-request term=2 prev=7/2 commit=8 entries: 8/2 "8"',
      ])
      machine.core.step(message('n3 > n1 append-rejected term=2 rejected=7 hint=0/0'))
      expect(machine.take().snapshotsWanted).toEqual([peer('n3')])
    },
  )

  test('leadership is lost before the snapshot is there: nothing is sent', () => {
    const machine = leaderWithCutLog()
    machine.take()
    tell(machine, 'n2 > n1 heartbeat-request term=3 commit=8')
    machine.core.provideSnapshot(peer('n3'), { index: logIndex(7), data: DATA })
    machine.core.snapshotFailed(peer('n3'))
    expect(settle(machine)).toEqual([])
  })
})

describe('InstallSnapshot RPC, receiver implementation (figure 13)', () => {
  test('1. "Reply immediately if term < currentTerm"', () => {
    const machine = server({ term: 5 })
    expect(tell(machine, `n2 > n1 install-snapshot term=4 ${SNAPSHOT}`)).toEqual([
      'n1 > n2 append-rejected term=5 rejected=7 hint=0/0',
    ])
  })

  test('6. "If existing log entry has same index and term as snapshot’s last included entry, retain log entries following it and reply"', () => {
    const machine = server({ terms: [1, 1, 2, 2, 2, 2, 2], term: 2 })
    expect(tell(machine, `n2 > n1 install-snapshot term=2 ${SNAPSHOT}`)).toEqual([
      'n1 > n2 append-accepted term=2 match=7',
    ])
    expect(machine.core.status).toMatchObject({ commitIndex: 7, lastIndex: 8, baseIndex: 0 })
    expect(machine.state.index).toBe(7)
  })

  test('7. "Discard the entire log", 8. "Reset state machine using snapshot contents (and load snapshot’s cluster configuration)"', () => {
    const machine = server({ terms: [1, 1, 1, 1, 1, 1, 1, 1, 1], term: 2 })
    const answer = tell(machine, 'n2 > n1 install-snapshot term=2 snapshot=7/2 voters=n1,n2 learners=n4')
    expect(answer).toEqual(['n1 > n2 append-accepted term=2 match=7'])
    expect(machine.disk.load()).toMatchObject({
      hardState: { term: 2, commitIndex: 7 },
      base: { index: 7, term: 2 },
      entries: [],
    })
    expect(machine.state.index).toBe(7)
    const { configuration, appliedIndex, lastIndex } = machine.core.status
    expect(configuration).toMatchObject({ voters: [peer('n1'), peer('n2')], learners: [peer('n4')] })
    expect([appliedIndex, lastIndex]).toEqual([7, 7])
    tell(machine, 'n2 > n1 append-request term=2 prev=7/2 commit=8 entries=8/2')
    expect(machine.state.index).toBe(8)
    expect(printEntries(machine.disk.load().entries)).toBe('8/2 "8/2"')
  })

  test('a snapshot of what is committed here is answered with the commit index, and not installed', () => {
    const machine = server({ terms: [1, 1, 2, 2, 2, 2, 2], term: 2, commit: 8 })
    expect(tell(machine, 'n2 > n1 install-snapshot term=2 snapshot=7/2 voters=n1,n2')).toEqual([
      'n1 > n2 append-accepted term=2 match=8',
    ])
    expect(logOf(machine)).toHaveLength(7)
  })

  test('nothing is acknowledged, applied or voted on before it is durable', () => {
    const machine = server({ term: 2 })
    settle(machine)
    machine.core.step(message(`n2 > n1 install-snapshot term=2 ${SNAPSHOT}`))
    const ready = machine.take()
    expect(ready.write?.snapshot).toMatchObject({ index: 7, term: 2 })
    expect(sent(ready)).toEqual([])
    expect(machine.core.status).toMatchObject({ commitIndex: 7, appliedIndex: 1 })
    machine.core.step(message('n3 > n1 vote-request term=3 last=9/2 transfer=yes'))
    expect(sent(machine.take())).toEqual([])
    machine.finish()
    expect(sent(machine.take())).toEqual(['n1 > n2 append-accepted term=2 match=7'])
    expect(machine.core.status.appliedIndex).toBe(7)
    machine.finish()
    expect(sent(machine.take())).toEqual(['n1 > n3 vote-response term=3 granted'])
  })

  test('until it is durable the log takes nothing else, and no campaign begins', () => {
    const machine = server({ term: 2 })
    settle(machine)
    machine.core.step(message(`n2 > n1 install-snapshot term=2 ${SNAPSHOT}`))
    const append = 'n2 > n1 append-request term=2 prev=7/2 commit=8 entries=8/2'
    const ignored = { outcome: 'ignored', reason: 'installing-snapshot' }
    expect(machine.core.step(message(append))).toEqual(ignored)
    expect(machine.core.step(message(`n2 > n1 install-snapshot term=2 ${SNAPSHOT}`))).toEqual(ignored)
    ticks(machine, 100)
    expect(machine.core.status.role).toBe('follower')
    settle(machine)
    expect(tell(machine, append)).toEqual(['n1 > n2 append-accepted term=2 match=8'])
  })

  test('a write under way: what it wrote goes with the log, and the snapshot is the next write', () => {
    const machine = server({ term: 2 })
    settle(machine)
    machine.core.step(message('n2 > n1 append-request term=2 prev=1/1 commit=1 entries=2/2,3/2'))
    machine.take()
    machine.core.step(message('n3 > n1 install-snapshot term=3 snapshot=7/3 voters=n1,n2,n3'))
    expect(machine.take().write).toBeUndefined()
    machine.finish()
    const ready = machine.take()
    expect(ready.write).toMatchObject({ snapshot: { index: 7, term: 3 }, entries: [] })
    expect(ready.committedEntries).toEqual([])
    machine.finish()
    expect(machine.core.status).toMatchObject({ lastIndex: 7, persistedIndex: 7, appliedIndex: 7 })
  })

  test('an apply under way: the snapshot waits for it, and every acknowledgement with it', () => {
    const machine = server({ terms: [1, 1], commit: 3, term: 1 })
    const applying = machine.take().committedEntries
    expect(applying).toHaveLength(3)
    machine.core.step(message(`n2 > n1 install-snapshot term=2 ${SNAPSHOT}`))
    const ready = machine.take()
    expect([ready.write, ready.messages]).toEqual([undefined, []])
    machine.apply(applying)
    expect(machine.take().write?.snapshot).toMatchObject({ index: 7 })
  })

  test.each([
    ['of nothing', 'term=2 snapshot=0/0 voters=n1', 'malformed-snapshot'],
    ['of a term to come', 'term=2 snapshot=7/3 voters=n1', 'malformed-snapshot'],
    ['without voters', 'term=2 snapshot=7/2', 'malformed-snapshot'],
    ['that contradicts what is committed', 'term=2 snapshot=2/2 voters=n1', 'conflicts-with-committed'],
  ])('a snapshot %s is refused and changes nothing', (_, text, reason) => {
    const machine = server({ terms: [1, 1], commit: 3, term: 2 })
    settle(machine)
    const before = machine.core.status
    expect(machine.core.step(message(`n2 > n1 install-snapshot ${text}`))).toEqual({
      outcome: 'refused',
      reason,
    })
    expect(machine.core.status).toEqual(before)
    expect(machine.core.hasReady()).toBe(false)
  })

  test('a second leader’s snapshot is refused', () => {
    const machine = server({ term: 2 })
    tell(machine, 'n2 > n1 heartbeat-request term=2 commit=1')
    expect(machine.core.step(message(`n3 > n1 install-snapshot term=2 ${SNAPSHOT}`))).toEqual({
      outcome: 'refused',
      reason: 'second-leader',
    })
  })
})
