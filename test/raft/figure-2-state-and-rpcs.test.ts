/**
 * One test per sentence of figure 2 of the Raft paper ("In Search of an Understandable Consensus Algorithm",
 * extended version): state, AppendEntries, RequestVote. Each test's name cites its sentence; where this
 * implementation does something more careful, the name says so.
 */
import { describe, expect, test } from 'vitest'
import { RAFT_DEFAULTS, type Ready } from '../../src/raft/index.ts'
import { EMPTY, Machine } from './support/machine.ts'
import { peer } from './support/names.ts'
import { printEntry, printMessage } from './support/print.ts'
import { becomeLeader, logOf, message, server, tell } from './support/server.ts'

/** What leaves with `ready`, which has a write, and what leaves after the write. */
function answersAround(machine: Machine, ready: Ready): readonly (readonly string[])[] {
  const early = [...ready.messages, ...machine.take().messages]
  machine.finish()
  return [early, machine.take().messages].map((messages) => messages.map(printMessage))
}

describe('state', () => {
  test('"Persistent state on all servers: updated on stable storage before responding to RPCs" — currentTerm', () => {
    const machine = server()
    machine.core.step(message('n2 > n1 heartbeat-request term=4'))
    const ready = machine.take()
    expect(ready.write?.hardState?.term).toBe(4)
    expect(answersAround(machine, ready)).toEqual([[], ['n1 > n2 heartbeat-response term=4']])
  })

  test('"… updated on stable storage before responding to RPCs" — votedFor', () => {
    const machine = server()
    machine.core.step(message('n2 > n1 vote-request term=4 last=1/1'))
    const ready = machine.take()
    expect(ready.write?.hardState).toEqual({ term: 4, vote: peer('n2'), commitIndex: 1 })
    expect(answersAround(machine, ready)).toEqual([[], ['n1 > n2 vote-response term=4 granted']])
  })

  test('"… updated on stable storage before responding to RPCs" — log[]', () => {
    const machine = server()
    machine.core.step(message('n2 > n1 append-request term=1 prev=1/1 commit=1 entries=2/1'))
    const ready = machine.take()
    expect(ready.write?.entries.map(printEntry)).toEqual(['2/1 "2/1"'])
    expect(answersAround(machine, ready)).toEqual([[], ['n1 > n2 append-accepted term=1 match=2']])
  })

  test('"votedFor: candidateId that received vote in current term (or null if none)": a new term has none, a restart keeps it', () => {
    const machine = server({ term: 3, vote: 'n2' })
    machine.restart()
    expect(tell(machine, 'n3 > n1 vote-request term=3 last=9/3')).toEqual([
      'n1 > n3 vote-response term=3 denied',
    ])
    expect(tell(machine, 'n3 > n1 vote-request term=4 last=9/3')).toEqual([
      'n1 > n3 vote-response term=4 granted',
    ])
  })

  test('"commitIndex: initialized to 0, increases monotonically" (after a restart: what was saved)', () => {
    const empty = new Machine({
      name: 'n1',
      options: RAFT_DEFAULTS,
      saved: EMPTY,
      seed: 1,
    })
    expect(empty.core.status.commitIndex).toBe(0)
    const machine = server({ terms: [1, 1, 1], commit: 3 })
    tell(machine, 'n2 > n1 append-request term=1 prev=4/1 commit=2')
    expect(machine.core.status.commitIndex).toBe(3)
    tell(machine, 'n2 > n1 append-request term=1 prev=4/1 commit=4')
    expect(machine.core.status.commitIndex).toBe(4)
  })

  test('"nextIndex[]: initialized to leader last log index + 1", "matchIndex[]: initialized to 0, increases monotonically"', () => {
    const machine = server({ terms: [1, 1] })
    becomeLeader(machine)
    const progress = machine.core.status.progress.get(peer('n3'))
    expect(progress).toMatchObject({ nextIndex: 4, matchIndex: 0 })
    tell(machine, 'n3 > n1 append-accepted term=2 match=4')
    tell(machine, 'n3 > n1 append-accepted term=2 match=3')
    expect(progress).toMatchObject({ nextIndex: 5, matchIndex: 4 })
  })
})

describe('AppendEntries RPC, receiver implementation', () => {
  test('1. "Reply false if term < currentTerm (§5.1)"', () => {
    const machine = server({ term: 5 })
    expect(tell(machine, 'n2 > n1 append-request term=4 prev=1/1 commit=1 entries=2/4')).toEqual([
      'n1 > n2 append-rejected term=5 rejected=1 hint=0/0',
    ])
    expect(logOf(machine)).toEqual([])
  })

  test('2. "Reply false if log doesn\'t contain an entry at prevLogIndex whose term matches prevLogTerm (§5.3)"', () => {
    const machine = server({ terms: [1, 2], term: 3 })
    expect(tell(machine, 'n2 > n1 append-request term=3 prev=5/3 commit=1 entries=6/3')).toEqual([
      'n1 > n2 append-rejected term=3 rejected=5 hint=3/2',
    ])
    expect(tell(machine, 'n2 > n1 append-request term=3 prev=3/3 commit=1 entries=4/3')).toEqual([
      'n1 > n2 append-rejected term=3 rejected=3 hint=3/2',
    ])
    expect(logOf(machine)).toEqual(['2/1 "2"', '3/2 "3"'])
  })

  test('3. "If an existing entry conflicts with a new one (same index but different terms), delete the existing entry and all that follow it (§5.3)"', () => {
    const machine = server({ terms: [1, 1, 1, 1], term: 2 })
    tell(machine, 'n2 > n1 append-request term=2 prev=2/1 commit=1 entries=3/2')
    expect(logOf(machine)).toEqual(['2/1 "2"', '3/2 "3/2"'])
  })

  test('4. "Append any new entries not already in the log": those that are there already, and what follows them, stay', () => {
    const machine = server({ terms: [1, 1, 1], term: 1 })
    expect(tell(machine, 'n2 > n1 append-request term=1 prev=1/1 commit=1 entries=2/1,3/1')).toEqual([
      'n1 > n2 append-accepted term=1 match=3',
    ])
    expect(logOf(machine)).toEqual(['2/1 "2"', '3/1 "3"', '4/1 "4"'])
    tell(machine, 'n2 > n1 append-request term=1 prev=3/1 commit=1 entries=4/1,5/1')
    expect(logOf(machine)).toEqual(['2/1 "2"', '3/1 "3"', '4/1 "4"', '5/1 "5/1"'])
  })

  test('5. "If leaderCommit > commitIndex, set commitIndex = min(leaderCommit, index of last new entry)"', () => {
    const machine = server({ terms: [1, 1, 1], term: 1 })
    tell(machine, 'n2 > n1 append-request term=1 prev=1/1 commit=4 entries=2/1')
    expect(machine.core.status.commitIndex).toBe(2)
    tell(machine, 'n2 > n1 append-request term=1 prev=4/1 commit=3')
    expect(machine.core.status.commitIndex).toBe(3)
  })
})

describe('RequestVote RPC, receiver implementation', () => {
  test('1. "Reply false if term < currentTerm (§5.1)"', () => {
    expect(tell(server({ term: 5 }), 'n2 > n1 vote-request term=4 last=9/4')).toEqual([
      'n1 > n2 vote-response term=5 denied',
    ])
  })

  test('2. "If votedFor is null or candidateId … grant vote": to another it is denied', () => {
    const machine = server({ term: 4 })
    const granted = ['n1 > n2 vote-response term=4 granted']
    expect(tell(machine, 'n2 > n1 vote-request term=4 last=1/1')).toEqual(granted)
    expect(tell(machine, 'n2 > n1 vote-request term=4 last=1/1')).toEqual(granted)
    expect(tell(machine, 'n3 > n1 vote-request term=4 last=9/4')).toEqual([
      'n1 > n3 vote-response term=4 denied',
    ])
  })

  test.each([
    ['a later last term, though shorter', '2/3', 'granted'],
    ['the same end', '4/2', 'granted'],
    ['the same last term, and longer', '5/2', 'granted'],
    ['the same last term, and shorter', '3/2', 'denied'],
    ['an earlier last term, though longer', '9/1', 'denied'],
  ])(
    '2. "… and candidate\'s log is at least as up-to-date as receiver\'s log" (§5.4.1): %s',
    (_, last, answer) => {
      const machine = server({ terms: [1, 2, 2], term: 3 })
      expect(tell(machine, `n2 > n1 vote-request term=4 last=${last}`)).toEqual([
        `n1 > n2 vote-response term=4 ${answer}`,
      ])
      expect(tell(machine, `n3 > n1 pre-vote-request term=4 last=${last}`)).toEqual([
        `n1 > n3 pre-vote-response term=4 ${answer}`,
      ])
    },
  )
})
