/**
 * One test per sentence of figure 2 of the Raft paper ("In Search of an Understandable Consensus Algorithm",
 * extended version): rules for servers. Each test's name cites its sentence; where this implementation does
 * something more careful, the name says so.
 */
import { describe, expect, test } from 'vitest'
import { logIndex } from '../../src/base/index.ts'
import { RAFT_DEFAULTS } from '../../src/raft/index.ts'
import { peer } from './support/names.ts'
import { printEntry } from './support/print.ts'
import {
  askForPreVotes,
  becomeCandidate,
  becomeLeader,
  command,
  logOf,
  message,
  server,
  settle,
  tell,
  ticks,
} from './support/server.ts'

describe('rules for servers: all servers', () => {
  test('"If commitIndex > lastApplied: increment lastApplied, apply log[lastApplied]" — in order, once, and from the own disk only', () => {
    const machine = server({ terms: [1, 1], term: 1 })
    machine.core.step(message('n2 > n1 append-request term=1 prev=3/1 commit=4 entries=4/1'))
    const ready = machine.take()
    expect(machine.core.status.commitIndex).toBe(4)
    expect(ready.committedEntries.map((entry) => entry.index)).toEqual([1, 2, 3])
    machine.finish()
    // One apply at a time.
    expect(machine.take().committedEntries).toEqual([])
    machine.apply(ready.committedEntries)
    const next = machine.take().committedEntries
    expect(next.map((entry) => entry.index)).toEqual([4])
    machine.apply(next)
    expect(machine.core.hasReady()).toBe(false)
  })

  test.each([
    'append-request prev=1/1 commit=1',
    'append-accepted match=1',
    'append-rejected rejected=1 hint=0/0',
    'heartbeat-request',
    'heartbeat-response',
    'vote-response',
    'pre-vote-response',
  ])(
    '"If RPC request or response contains term T > currentTerm: set currentTerm = T, convert to follower (§5.1)": leader, %s',
    (what) => {
      const machine = server()
      becomeLeader(machine)
      tell(machine, `n3 > n1 ${what} term=9`)
      expect(machine.core.status).toMatchObject({ role: 'follower', term: 9 })
      expect(machine.disk.load().hardState).toMatchObject({ term: 9, vote: undefined })
    },
  )

  test.each(['vote-request', 'pre-vote-request'])(
    '"… contains term T > currentTerm …": %s, at a candidate (a leader that is heard of is not deposed by asking, §6)',
    (type) => {
      const machine = server()
      becomeCandidate(machine)
      tell(machine, `n3 > n1 ${type} term=9`)
      expect(machine.core.status).toMatchObject({ role: 'follower', term: 9 })
    },
  )
})

describe('rules for servers: followers (§5.2)', () => {
  test('"Respond to RPCs from candidates and leaders"', () => {
    const machine = server()
    expect(tell(machine, 'n2 > n1 vote-request term=2 last=1/1')).toHaveLength(1)
    expect(tell(machine, 'n2 > n1 append-request term=2 prev=1/1 commit=1')).toHaveLength(1)
    expect(tell(machine, 'n2 > n1 heartbeat-request term=2 commit=1')).toHaveLength(1)
  })

  test('"If election timeout elapses without receiving AppendEntries RPC from current leader …: convert to candidate" (here: ask for pre-votes)', () => {
    const machine = server()
    for (let round = 0; round < 10; round++) {
      tell(machine, 'n2 > n1 append-request term=2 prev=1/1 commit=1')
      ticks(machine, RAFT_DEFAULTS.electionTicks - 1)
    }
    expect(machine.core.status.role).toBe('follower')
    ticks(machine, RAFT_DEFAULTS.electionTicks)
    expect(machine.core.status.role).toBe('pre-candidate')
  })

  test('"… or granting vote to candidate"', () => {
    const machine = server()
    for (let term = 2; term < 12; term++) {
      tell(machine, `n2 > n1 vote-request term=${term} last=1/1`)
      ticks(machine, RAFT_DEFAULTS.electionTicks - 1)
    }
    expect(machine.core.status.role).toBe('follower')
    // A vote that is not granted does not count.
    const sent: string[] = []
    for (let term = 20; term < 30; term++) {
      tell(machine, `n2 > n1 vote-request term=${term} last=0/0`)
      ticks(machine, 2)
      sent.push(...settle(machine))
    }
    expect(sent.some((line) => line.includes('pre-vote-request'))).toBe(true)
  })
})

describe('rules for servers: candidates (§5.2)', () => {
  test('"On conversion to candidate, start election: increment currentTerm, vote for self, … send RequestVote RPCs to all other servers"', () => {
    const machine = server({ term: 4 })
    expect(becomeCandidate(machine)).toEqual([
      'n1 > n2 vote-request term=5 last=1/1',
      'n1 > n3 vote-request term=5 last=1/1',
    ])
    expect(machine.disk.load().hardState).toMatchObject({ term: 5, vote: peer('n1') })
  })

  test('"… reset election timer": to a time drawn anew from the interval', () => {
    const timeouts = new Set<number>()
    const machine = server()
    for (let round = 0; round < 60; round++) {
      becomeCandidate(machine)
      let count = 0
      while (machine.core.status.role === 'candidate' && count < 100) {
        machine.core.tick()
        count++
      }
      timeouts.add(count)
    }
    const { electionTicks } = RAFT_DEFAULTS
    expect([...timeouts].sort((a, b) => a - b)).toEqual(
      Array.from({ length: electionTicks }, (_, at) => electionTicks + at),
    )
  })

  test.each([
    [1, []],
    [3, ['n2']],
    [5, ['n2', 'n3']],
  ])(
    '"If votes received from majority of servers: become leader": %i voters, and not before its own vote is on its disk',
    (count, others) => {
      const machine = server({ voters: ['n1', 'n2', 'n3', 'n4', 'n5'].slice(0, count) })
      askForPreVotes(machine)
      if (count > 1) settle(machine)
      for (const name of others)
        machine.core.step(message(`${name} > n1 pre-vote-response term=1 granted=yes`))
      expect(machine.core.status).toMatchObject({ role: 'candidate', term: 2 })
      machine.take()
      for (const name of others.slice(1))
        machine.core.step(message(`${name} > n1 vote-response term=2 granted=yes`))
      expect(machine.core.status.role).toBe('candidate')
      machine.finish()
      if (others.length > 0) machine.core.step(message(`${others[0]} > n1 vote-response term=2 granted=yes`))
      expect(machine.core.status.role).toBe('leader')
    },
  )

  test('"If votes received from majority …": the same vote twice is one vote', () => {
    const machine = server({ voters: ['n1', 'n2', 'n3', 'n4', 'n5'] })
    askForPreVotes(machine)
    settle(machine)
    tell(machine, 'n2 > n1 pre-vote-response term=1 granted=yes')
    tell(machine, 'n2 > n1 pre-vote-response term=1 granted=yes')
    expect(machine.core.status.role).toBe('pre-candidate')
    tell(machine, 'n3 > n1 pre-vote-response term=1 granted=yes')
    tell(machine, 'n2 > n1 vote-response term=2 granted=yes')
    tell(machine, 'n2 > n1 vote-response term=2 granted=yes')
    expect(machine.core.status.role).toBe('candidate')
  })

  test('"If AppendEntries RPC received from new leader: convert to follower"', () => {
    const machine = server()
    becomeCandidate(machine)
    tell(machine, 'n2 > n1 append-request term=2 prev=1/1 commit=1')
    expect(machine.core.status).toMatchObject({ role: 'follower', term: 2, leader: peer('n2') })
  })

  test('"If election timeout elapses: start new election" (here: beginning with pre-votes again)', () => {
    const machine = server()
    becomeCandidate(machine)
    expect(becomeCandidate(machine)).toEqual([
      'n1 > n2 vote-request term=3 last=1/1',
      'n1 > n3 vote-request term=3 last=1/1',
    ])
  })
})

describe('rules for servers: leaders', () => {
  test('"Upon election: send initial empty AppendEntries RPCs (heartbeat) to each server" (here with the entry of the new term, §8)', () => {
    expect(becomeLeader(server())).toEqual([
      'n1 > n2 append-request term=2 prev=1/1 commit=1 entries: 2/2 empty',
      'n1 > n3 append-request term=2 prev=1/1 commit=1 entries: 2/2 empty',
    ])
  })

  test('"… repeat during idle periods to prevent election timeouts (§5.2)"', () => {
    const machine = server()
    becomeLeader(machine)
    for (let round = 0; round < 3; round++) {
      ticks(machine, RAFT_DEFAULTS.heartbeatTicks)
      expect(settle(machine)).toEqual([
        'n1 > n2 heartbeat-request term=2 commit=0',
        'n1 > n3 heartbeat-request term=2 commit=0',
      ])
    }
  })

  test('"If command received from client: append entry to local log, respond after entry applied to state machine (§5.3)"', () => {
    const machine = server()
    becomeLeader(machine)
    tell(machine, 'n2 > n1 append-accepted term=2 match=2')
    expect(machine.core.propose(command('x'))).toEqual({ accepted: true, index: 3, term: 2 })
    settle(machine)
    expect(logOf(machine)).toEqual(['2/2 empty', '3/2 "x"'])
    expect(machine.state.index).toBe(logIndex(2))
    tell(machine, 'n2 > n1 append-accepted term=2 match=3')
    expect(machine.applied.map(printEntry).at(-1)).toBe('3/2 "x"')
  })

  test('"If last log index ≥ nextIndex for a follower: send AppendEntries RPC with log entries starting at nextIndex"', () => {
    const machine = server()
    becomeLeader(machine)
    tell(machine, 'n2 > n1 append-accepted term=2 match=2')
    machine.core.propose(command('x'))
    expect(settle(machine)).toEqual(['n1 > n2 append-request term=2 prev=2/2 commit=2 entries: 3/2 "x"'])
  })

  test('"… If successful: update nextIndex and matchIndex for follower (§5.3)"', () => {
    const machine = server()
    becomeLeader(machine)
    tell(machine, 'n2 > n1 append-accepted term=2 match=2')
    expect(machine.core.status.progress.get(peer('n2'))).toMatchObject({ matchIndex: 2, nextIndex: 3 })
  })

  test('"… If AppendEntries fails because of log inconsistency: decrement nextIndex and retry (§5.3)" (here as far as the hint says)', () => {
    const machine = server({ terms: [1, 1, 3, 3], term: 3 })
    becomeLeader(machine)
    expect(tell(machine, 'n3 > n1 append-rejected term=4 rejected=5 hint=5/2')).toEqual([
      'n1 > n3 append-request term=4 prev=3/1 commit=1 entries: 4/3 "4", 5/3 "5", 6/4 empty',
    ])
  })

  test('"If there exists an N such that N > commitIndex, a majority of matchIndex[i] ≥ N …: set commitIndex = N"', () => {
    const machine = server({ voters: ['n1', 'n2', 'n3', 'n4', 'n5'] })
    askForPreVotes(machine)
    settle(machine)
    for (const name of ['n2', 'n3']) tell(machine, `${name} > n1 pre-vote-response term=1 granted=yes`)
    for (const name of ['n2', 'n3']) tell(machine, `${name} > n1 vote-response term=2 granted=yes`)
    machine.core.propose(command('x'))
    settle(machine)
    tell(machine, 'n2 > n1 append-accepted term=2 match=3')
    expect(machine.core.status.commitIndex).toBe(1)
    tell(machine, 'n3 > n1 append-accepted term=2 match=2')
    expect(machine.core.status.commitIndex).toBe(2)
    tell(machine, 'n4 > n1 append-accepted term=2 match=3')
    expect(machine.core.status.commitIndex).toBe(3)
  })

  test('"… a majority of matchIndex[i] ≥ N": the leader itself counts only what is on its disk', () => {
    const machine = server()
    becomeLeader(machine)
    tell(machine, 'n2 > n1 append-accepted term=2 match=2')
    machine.core.propose(command('x'))
    machine.take()
    machine.core.step(message('n2 > n1 append-accepted term=2 match=3'))
    expect(machine.core.status.commitIndex).toBe(2)
    machine.finish()
    expect(machine.core.status.commitIndex).toBe(3)
  })

  test('"… and log[N].term == currentTerm (§5.3, §5.4)"', () => {
    const machine = server({ terms: [1, 1], term: 1 })
    becomeLeader(machine)
    expect(machine.core.status.lastIndex).toBe(4)
    tell(machine, 'n2 > n1 append-accepted term=2 match=3')
    tell(machine, 'n3 > n1 append-accepted term=2 match=3')
    expect(machine.core.status).toMatchObject({ commitIndex: 1, appliedInTerm: false })
    tell(machine, 'n2 > n1 append-accepted term=2 match=4')
    expect(machine.core.status).toMatchObject({ commitIndex: 4, appliedInTerm: true })
  })
})
