/** Leadership transfer (thesis §3.10) and reads without a log entry (thesis §6.4). */
import { describe, expect, test } from 'vitest'
import { LIMITS } from '../../src/base/index.ts'
import { RAFT_DEFAULTS } from '../../src/raft/index.ts'
import type { Machine } from './support/machine.ts'
import { peer } from './support/names.ts'
import { printMessage } from './support/print.ts'
import {
  becomeCandidate,
  becomeLeader,
  command,
  message,
  server,
  settle,
  tell,
  ticks,
} from './support/server.ts'

/** n1 leads in term 2 and has committed there; n2 has everything. */
function leader(voters?: readonly string[], learners?: readonly string[]): Machine {
  const machine = server({ ...(voters && { voters }), ...(learners && { learners }) })
  becomeLeader(machine)
  tell(machine, 'n2 > n1 append-accepted term=2 match=2')
  return machine
}

describe('leadership transfer (thesis §3.10)', () => {
  test('1. "The prior leader stops accepting new client requests": of every kind', () => {
    const machine = leader()
    expect(machine.core.transferLeadership(peer('n3'))).toEqual({ accepted: true })
    const refused = { accepted: false, reason: 'transferring' }
    expect(machine.core.propose(command('x'))).toEqual(refused)
    expect(machine.core.proposeConfiguration({ voters: [peer('n1')], learners: [] })).toEqual(refused)
    expect(machine.core.leaveJoint()).toEqual(refused)
    expect(machine.core.transferLeadership(peer('n2'))).toEqual(refused)
    expect(machine.core.status.transferTo).toBe(peer('n3'))
  })

  test('2. "The prior leader fully updates the target server’s log to match its own", 3. "… sends a TimeoutNow request"', () => {
    const machine = leader()
    machine.core.transferLeadership(peer('n3'))
    expect(settle(machine)).toEqual([])
    expect(tell(machine, 'n3 > n1 append-accepted term=2 match=1')).toEqual([
      'n1 > n3 append-request term=2 prev=1/1 commit=2 entries: 2/2 empty',
    ])
    expect(tell(machine, 'n3 > n1 append-accepted term=2 match=2')).toEqual(['n1 > n3 timeout-now term=2'])
    expect(tell(machine, 'n3 > n1 append-accepted term=2 match=2')).toEqual([])
  })

  test('a target that is up to date is told at once', () => {
    const machine = leader()
    machine.core.transferLeadership(peer('n2'))
    expect(settle(machine)).toEqual(['n1 > n2 timeout-now term=2'])
  })

  test('3. "… has the same effect as the target server’s election timer firing": it campaigns at once, without pre-votes', () => {
    const machine = server({ term: 2 })
    tell(machine, 'n2 > n1 heartbeat-request term=2 commit=1')
    expect(tell(machine, 'n2 > n1 timeout-now term=2')).toEqual([
      'n1 > n2 vote-request term=3 last=1/1 transfer',
      'n1 > n3 vote-request term=3 last=1/1 transfer',
    ])
  })

  test.each([
    ['of a server that does not lead', 'n3 > n1 timeout-now term=2', {}],
    [
      'at a server that is no voter',
      'n2 > n1 timeout-now term=2',
      { voters: ['n2', 'n3'], learners: ['n1'] },
    ],
    ['of an old term', 'n2 > n1 timeout-now term=1', {}],
  ])('a timeout-now %s is ignored', (_, text, setup) => {
    const machine = server({ term: 2, ...setup })
    tell(machine, 'n2 > n1 heartbeat-request term=2 commit=1')
    expect(machine.core.step(message(text))).toMatchObject({ outcome: 'ignored' })
    expect(settle(machine)).toEqual([])
  })

  test('others vote for it although they hear from the leader; without the leader’s word they would not (§4.2.3)', () => {
    const machine = server({ term: 2 })
    tell(machine, 'n2 > n1 heartbeat-request term=2 commit=1')
    expect(machine.core.step(message('n3 > n1 vote-request term=3 last=9/2'))).toEqual({
      outcome: 'ignored',
      reason: 'leader-lease',
    })
    expect(tell(machine, 'n3 > n1 vote-request term=3 last=9/2 transfer=yes')).toEqual([
      'n1 > n3 vote-response term=3 granted',
    ])
  })

  test('"If leadership transfer does not complete after about an election timeout, the prior leader aborts the transfer"', () => {
    const machine = leader()
    machine.core.transferLeadership(peer('n3'))
    ticks(machine, RAFT_DEFAULTS.electionTicks - 1)
    expect(machine.core.propose(command('x'))).toMatchObject({ accepted: false })
    tell(machine, 'n2 > n1 heartbeat-response term=2')
    ticks(machine, 1)
    expect(machine.core.status).toMatchObject({ role: 'leader', transferTo: undefined })
    expect(machine.core.propose(command('x'))).toMatchObject({ accepted: true })
    expect(settle(machine).some((line) => line.includes('timeout-now'))).toBe(false)
  })

  test.each([
    ['itself', 'n1'],
    ['a learner', 'n4'],
    ['a stranger', 'n9'],
  ])('to %s: refused', (_, name) => {
    const machine = leader(['n1', 'n2', 'n3'], ['n4'])
    expect(machine.core.transferLeadership(peer(name))).toEqual({ accepted: false, reason: 'not-a-voter' })
  })

  test('to a voter that is on its way out: refused', () => {
    const machine = leader()
    machine.core.proposeConfiguration({ voters: [peer('n1'), peer('n2')], learners: [peer('n3')] })
    expect(machine.core.transferLeadership(peer('n3'))).toEqual({ accepted: false, reason: 'not-a-voter' })
  })

  test('a follower refuses, and names the leader', () => {
    const machine = server({ term: 2 })
    tell(machine, 'n2 > n1 heartbeat-request term=2 commit=1')
    const refused = { accepted: false, reason: 'not-leader', leader: peer('n2') }
    expect(machine.core.transferLeadership(peer('n3'))).toEqual(refused)
    expect(machine.core.readIndex()).toEqual(refused)
    expect(machine.core.leaveJoint()).toEqual(refused)
  })
})

describe('read-only queries (thesis §6.4)', () => {
  test('1. "If the leader has not yet marked an entry from its current term committed, it waits until it has done so": here it refuses', () => {
    const machine = server()
    becomeLeader(machine)
    expect(machine.core.readIndex()).toEqual({ accepted: false, reason: 'nothing-committed-in-term' })
    tell(machine, 'n2 > n1 append-accepted term=2 match=2')
    expect(machine.core.readIndex()).toEqual({ accepted: true, id: 1 })
  })

  test('2. "The leader saves its current commit index", 3. "… issues a new round of heartbeats and waits for their acknowledgments from a majority"', () => {
    const machine = server({ voters: ['n1', 'n2', 'n3', 'n4', 'n5'] })
    becomeCandidate(machine)
    tell(machine, 'n3 > n1 pre-vote-response term=1 granted=yes')
    for (const name of ['n2', 'n3']) tell(machine, `${name} > n1 vote-response term=2 granted=yes`)
    for (const name of ['n2', 'n3']) tell(machine, `${name} > n1 append-accepted term=2 match=2`)
    machine.core.readIndex()
    const lines = machine.take().messages.map(printMessage)
    expect(lines).toEqual(
      ['n2', 'n3', 'n4', 'n5'].map(
        (name) => `n1 > ${name} heartbeat-request term=2 commit=${name < 'n4' ? 2 : 0} round=1`,
      ),
    )
    machine.core.step(message('n2 > n1 heartbeat-response term=2 round=1'))
    expect(machine.take().reads).toEqual([])
    machine.core.step(message('n3 > n1 heartbeat-response term=2 round=1'))
    expect(machine.take().reads).toEqual([{ id: 1, index: 2 }])
  })

  test('an answer to an earlier round does not count: it may be older than the read', () => {
    const machine = leader()
    machine.core.readIndex()
    machine.take()
    machine.core.readIndex()
    expect(machine.take().messages.map(printMessage)[0]).toContain('round=2')
    machine.core.step(message('n2 > n1 heartbeat-response term=2 round=1'))
    expect(machine.take().reads.map(({ id }) => id)).toEqual([1])
    machine.core.step(message('n2 > n1 heartbeat-response term=2 round=2'))
    expect(machine.take().reads.map(({ id }) => id)).toEqual([2])
  })

  test('"To improve efficiency further, the leader can accumulate read-only queries": one round for all that came before it', () => {
    const machine = leader()
    for (let count = 0; count < 100; count++) machine.core.readIndex()
    expect(machine.take().messages).toHaveLength(2)
    machine.core.step(message('n3 > n1 heartbeat-response term=2 round=1'))
    expect(machine.take().reads).toHaveLength(100)
  })

  test('a learner’s answer counts for nothing', () => {
    const machine = leader(['n1', 'n2', 'n3'], ['n4'])
    machine.core.readIndex()
    machine.take()
    machine.core.step(message('n4 > n1 heartbeat-response term=2 round=1'))
    expect(machine.take().reads).toEqual([])
  })

  test('joint: a quorum of both halves', () => {
    const machine = leader()
    machine.core.proposeConfiguration({ voters: ['n1', 'n4', 'n5'].map(peer), learners: [] })
    machine.core.readIndex()
    machine.take()
    machine.core.step(message('n2 > n1 heartbeat-response term=2 round=1'))
    expect(machine.take().reads).toEqual([])
    machine.core.step(message('n5 > n1 heartbeat-response term=2 round=1'))
    expect(machine.take().reads).toHaveLength(1)
  })

  test('a lost round: the next heartbeat asks again', () => {
    const machine = leader()
    machine.core.readIndex()
    settle(machine)
    ticks(machine, RAFT_DEFAULTS.heartbeatTicks)
    expect(settle(machine)[0]).toContain('round=1')
  })

  test('a sole voter answers at once', () => {
    const machine = server({ voters: ['n1'] })
    machine.core.tick()
    settle(machine)
    machine.core.readIndex()
    expect(machine.core.ready().reads).toEqual([{ id: 1, index: 2 }])
  })

  test('reads are lost with the leadership, and the role change says so', () => {
    const machine = leader()
    machine.core.readIndex()
    settle(machine)
    machine.core.step(message('n3 > n1 heartbeat-request term=3 commit=2'))
    const ready = machine.take()
    expect(ready.roleChange).toMatchObject({ role: 'follower', term: 3 })
    machine.finish()
    machine.core.step(message('n2 > n1 heartbeat-response term=3 round=1'))
    expect([...ready.reads, ...machine.take().reads]).toEqual([])
  })

  test('a round that was never begun: refused', () => {
    const machine = leader()
    expect(machine.core.step(message('n2 > n1 heartbeat-response term=2 round=1'))).toEqual({
      outcome: 'refused',
      reason: 'beyond-log',
    })
  })

  test('reads that nobody confirms stop at their limit', () => {
    const machine = leader()
    for (let count = 0; count < LIMITS.raftReadsPendingMax; count++) machine.core.readIndex()
    expect(machine.core.readIndex()).toEqual({ accepted: false, reason: 'too-many-reads' })
  })
})
