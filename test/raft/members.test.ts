/** Learners, changes of the configuration (thesis chapter 4), lost connections, and servers that lost their store. */
import { describe, expect, test } from 'vitest'
import { logIndex, type PeerId, Random } from '../../src/base/index.ts'
import { type Configuration, members, NO_CONFIGURATION } from '../../src/raft/configuration.ts'
import { RAFT_DEFAULTS, RaftCore } from '../../src/raft/index.ts'
import { hasQuorum } from '../../src/raft/quorum.ts'
import { Machine, rebuiltLog } from './support/machine.ts'
import { peer } from './support/names.ts'
import { printConfiguration } from './support/print.ts'
import { askForPreVotes, becomeLeader, message, server, settle, tell, ticks } from './support/server.ts'

const peers = (...names: readonly string[]): readonly PeerId[] => names.map(peer)
const inEffect = (machine: Machine): string => printConfiguration(machine.core.status.configuration)

/** n1 leads n1, n2, n3 in term 2, has committed there, and n4 listens. */
function leader(): Machine {
  const machine = server({ learners: ['n4'] })
  becomeLeader(machine)
  tell(machine, 'n2 > n1 append-accepted term=2 match=2')
  return machine
}

describe('learners (thesis §4.2.1)', () => {
  test('get the log', () => {
    const machine = server({ learners: ['n4'] })
    expect(becomeLeader(machine)).toContain(
      'n1 > n4 append-request term=2 prev=1/1 commit=1 entries: 2/2 empty',
    )
  })

  test('do not count for commits, nor for the quorum that a leader must hear', () => {
    const machine = server({ learners: ['n4', 'n5', 'n6'] })
    becomeLeader(machine)
    for (const name of ['n4', 'n5', 'n6']) tell(machine, `${name} > n1 append-accepted term=2 match=2`)
    expect(machine.core.status.commitIndex).toBe(1)
    ticks(machine, RAFT_DEFAULTS.electionTicks)
    for (const name of ['n4', 'n5', 'n6']) tell(machine, `${name} > n1 heartbeat-response term=2`)
    ticks(machine, RAFT_DEFAULTS.electionTicks)
    expect(machine.core.status.role).toBe('follower')
  })

  test('are not asked for votes, and their votes do not count', () => {
    const machine = server({ learners: ['n4'] })
    askForPreVotes(machine)
    expect(settle(machine).filter((line) => line.includes('n4'))).toEqual([])
    expect(machine.core.step(message('n4 > n1 pre-vote-response term=1 granted=yes'))).toMatchObject({
      reason: 'unknown-peer',
    })
  })

  test('never campaign', () => {
    const machine = server({ voters: ['n2', 'n3'], learners: ['n1'] })
    ticks(machine, 1000)
    expect(machine.core.status.role).toBe('follower')
  })

  test('vote when they are asked: they may have been promoted without knowing', () => {
    const machine = server({ voters: ['n2', 'n3'], learners: ['n1'] })
    expect(tell(machine, 'n2 > n1 vote-request term=2 last=1/1')).toEqual([
      'n1 > n2 vote-response term=2 granted',
    ])
  })
})

describe('changes of the configuration', () => {
  test('only learners change: one plain entry, and who is out is forgotten when it is committed', () => {
    const machine = leader()
    machine.core.proposeConfiguration({ voters: peers('n1', 'n2', 'n3'), learners: peers('n5') })
    settle(machine)
    expect(inEffect(machine)).toBe('(n1 n2 n3) learners(n5)')
    expect([...machine.core.status.progress.keys()]).toEqual(peers('n2', 'n3', 'n4', 'n5'))
    tell(machine, 'n2 > n1 append-accepted term=2 match=3')
    expect([...machine.core.status.progress.keys()]).toEqual(peers('n2', 'n3', 'n5'))
    expect(machine.core.status.lastIndex).toBe(3)
  })

  test('a learner is promoted and a voter demoted: joint, then the new configuration by itself', () => {
    const machine = leader()
    machine.core.proposeConfiguration({ voters: peers('n1', 'n2', 'n4'), learners: peers('n3') })
    settle(machine)
    expect(inEffect(machine)).toBe('(n1 n2 n4)&&(n1 n2 n3) learners(n3)')
    tell(machine, 'n2 > n1 append-accepted term=2 match=3')
    expect(inEffect(machine)).toBe('(n1 n2 n4) learners(n3)')
    expect(machine.core.status).toMatchObject({ commitIndex: 3, lastIndex: 4 })
  })

  test('a demoted voter votes, counts and may campaign until the joint configuration is left', () => {
    const joint: Configuration = {
      ...NO_CONFIGURATION,
      voters: peers('n1'),
      votersOutgoing: peers('n2', 'n3', 'n4'),
      learners: peers('n2', 'n3', 'n4'),
    }
    const counted = (...names: readonly string[]): boolean =>
      hasQuorum(joint, (id) => peers(...names).includes(id))
    expect(counted('n1', 'n2')).toBe(false)
    expect(counted('n1', 'n2', 'n3')).toBe(true)
    expect([...members(joint)]).toEqual(peers('n1', 'n2', 'n3', 'n4'))
    const machine = server({ voters: ['n1', 'n2', 'n3'], term: 2 })
    const change = server({ voters: ['n2'], term: 2 })
    expect(change.core.status.role).toBe('follower')
    askForPreVotes(machine)
    expect(machine.core.status.role).toBe('pre-candidate')
  })

  test('explicit: it stays joint until it is told, also at a leader that inherits it', () => {
    const machine = leader()
    const wanted = { voters: peers('n1', 'n2'), learners: peers('n4'), leave: 'explicit' as const }
    expect(machine.core.leaveJoint()).toEqual({ accepted: false, reason: 'nothing-to-change' })
    machine.core.proposeConfiguration(wanted)
    expect(machine.core.leaveJoint()).toEqual({ accepted: false, reason: 'configuration-pending' })
    settle(machine)
    tell(machine, 'n2 > n1 append-accepted term=2 match=3')
    expect(inEffect(machine)).toBe('(n1 n2)&&(n1 n2 n3) learners(n4) explicit')
    expect(machine.core.proposeConfiguration(wanted)).toMatchObject({ reason: 'configuration-pending' })
    machine.restart()
    becomeLeader(machine)
    expect(machine.core.leaveJoint()).toMatchObject({ reason: 'configuration-pending' })
    tell(machine, 'n2 > n1 append-accepted term=3 match=4')
    expect(inEffect(machine)).toBe('(n1 n2)&&(n1 n2 n3) learners(n4) explicit')
    expect(machine.core.leaveJoint()).toMatchObject({ accepted: true, index: 5 })
    expect(inEffect(machine)).toBe('(n1 n2) learners(n4)')
  })

  test('a learner that leaves with an explicit joint configuration is forgotten when that is committed', () => {
    const machine = leader()
    machine.core.proposeConfiguration({ voters: peers('n1', 'n2'), learners: [], leave: 'explicit' })
    settle(machine)
    tell(machine, 'n2 > n1 append-accepted term=2 match=3')
    expect([...machine.core.status.progress.keys()]).toEqual(peers('n2', 'n3'))
  })

  test.each<[string, readonly string[], readonly string[]]>([
    ['no voter', [], ['n1']],
    ['a voter that is a learner', ['n1', 'n2'], ['n2']],
    ['too many voters', ['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7', 'n8'], []],
  ])('%s: refused', (_, voters, learners) => {
    const machine = leader()
    expect(
      machine.core.proposeConfiguration({ voters: peers(...voters), learners: peers(...learners) }),
    ).toEqual({
      accepted: false,
      reason: 'invalid-change',
    })
  })

  test('order and repetition do not matter', () => {
    const machine = leader()
    const voters = peers('n3', 'n1', 'n2', 'n1')
    expect(machine.core.proposeConfiguration({ voters, learners: peers('n4', 'n4') })).toEqual({
      accepted: false,
      reason: 'nothing-to-change',
    })
  })

  test('a leader that becomes a learner manages the change, steps down, and follows', () => {
    const machine = leader()
    machine.core.proposeConfiguration({ voters: peers('n2', 'n3'), learners: peers('n1') })
    settle(machine)
    for (const name of ['n2', 'n3']) tell(machine, `${name} > n1 append-accepted term=2 match=3`)
    expect(machine.core.status.role).toBe('leader')
    for (const name of ['n2', 'n3']) tell(machine, `${name} > n1 append-accepted term=2 match=4`)
    expect(machine.core.status.role).toBe('follower')
    ticks(machine, 1000)
    expect(machine.core.status.role).toBe('follower')
  })
})

describe('a connection that closes', () => {
  const follower = (name: string): RaftCore =>
    new RaftCore({
      self: peer(name),
      saved: server().disk.load(),
      options: RAFT_DEFAULTS,
      random: new Random(1),
    })

  test('to the leader: voters ask for pre-votes in turn, two ticks apart', () => {
    const ticksUntilCampaign = (name: string): number => {
      const core = follower(name)
      core.step({ ...message('n2 > n1 heartbeat-request term=1 commit=1'), to: peer(name) })
      core.loseContact(peer('n2'))
      for (let count = 1; ; count++) {
        core.tick()
        if (core.status.role !== 'follower') return count
      }
    }
    expect(['n1', 'n3'].map(ticksUntilCampaign)).toEqual([1, 3])
  })

  test('to the leader: its lease is over, so others get pre-votes and votes', () => {
    const machine = server()
    tell(machine, 'n2 > n1 heartbeat-request term=1 commit=1')
    const request = message('n3 > n1 pre-vote-request term=1 last=1/1')
    expect(machine.core.step(request)).toMatchObject({ reason: 'leader-lease' })
    machine.core.loseContact(peer('n2'))
    expect(machine.core.step(request)).toEqual({ outcome: 'handled' })
  })

  test('to the leader, which is heard again: the timer has its full length again', () => {
    const machine = server()
    tell(machine, 'n2 > n1 heartbeat-request term=1 commit=1')
    machine.core.loseContact(peer('n2'))
    tell(machine, 'n2 > n1 heartbeat-request term=1 commit=1')
    ticks(machine, RAFT_DEFAULTS.electionTicks - 1)
    expect(machine.core.status).toMatchObject({ role: 'follower', leader: peer('n2') })
  })

  test('to anybody else, at a follower: nothing', () => {
    const machine = server()
    tell(machine, 'n2 > n1 heartbeat-request term=1 commit=1')
    machine.core.loseContact(peer('n3'))
    expect(machine.core.status.leader).toBe(peer('n2'))
    expect(machine.core.hasReady()).toBe(false)
  })

  test('at a leader: what was on its way is lost, and is sent again when the follower is heard', () => {
    const machine = leader()
    machine.core.propose(new Uint8Array(3))
    settle(machine)
    expect(machine.core.status.progress.get(peer('n2'))).toMatchObject({ mode: 'replicate', inflight: 1 })
    machine.core.loseContact(peer('n2'))
    expect(machine.core.status.progress.get(peer('n2'))).toMatchObject({ mode: 'probe', nextIndex: 3 })
    expect(machine.core.hasReady()).toBe(false)
    expect(tell(machine, 'n2 > n1 heartbeat-response term=2')).toHaveLength(1)
  })
})

describe('a store that was rebuilt (votesFrom)', () => {
  /** n1 knows that term 4 was, and that it may vote from index 3 on. */
  function rebuilt(): Machine {
    return new Machine({ name: 'n1', options: RAFT_DEFAULTS, saved: rebuiltLog(4, 3), seed: 1 })
  }

  const denied = ['n1 > n2 pre-vote-response term=4 denied', 'n1 > n2 vote-response term=5 denied']

  test('gives no vote and no pre-vote before its log is that long', () => {
    const machine = rebuilt()
    expect([
      ...tell(machine, 'n2 > n1 pre-vote-request term=4 last=9/4'),
      ...tell(machine, 'n2 > n1 vote-request term=5 last=9/4'),
    ]).toEqual(denied)
    expect(machine.disk.load().hardState).toMatchObject({ term: 5, vote: undefined, votesFrom: 3 })
    tell(machine, 'n2 > n1 append-request term=5 prev=0/0 commit=1 entries=1/4,2/4,3/4')
    expect(machine.disk.load().hardState?.votesFrom).toBeUndefined()
    expect(tell(machine, 'n3 > n1 vote-request term=6 last=9/4 transfer=yes')).toEqual([
      'n1 > n3 vote-response term=6 granted',
    ])
  })

  test('takes the log, acknowledges it, and keeps its silence over a restart', () => {
    const machine = rebuilt()
    expect(tell(machine, 'n2 > n1 append-request term=4 prev=0/0 commit=2 entries=1/4,2/4')).toEqual([
      'n1 > n2 append-accepted term=4 match=2',
    ])
    machine.restart()
    ticks(machine, 100)
    expect(tell(machine, 'n2 > n1 pre-vote-request term=4 last=9/4')).toEqual(denied.slice(0, 1))
  })

  test('does not campaign, not even when it is told to', () => {
    const machine = server()
    const { entries } = machine.disk.load()
    const saved = { ...rebuiltLog(1, 3), entries }
    machine.wipe(saved)
    ticks(machine, 1000)
    expect(machine.core.status.role).toBe('follower')
    tell(machine, 'n2 > n1 heartbeat-request term=1 commit=1')
    expect(machine.core.step(message('n2 > n1 timeout-now term=1'))).toMatchObject({ outcome: 'ignored' })
  })

  test('a snapshot brings it there, too', () => {
    const machine = rebuilt()
    tell(machine, 'n2 > n1 install-snapshot term=4 snapshot=3/4 voters=n2,n3')
    expect(machine.core.status.commitIndex).toBe(logIndex(3))
    expect(tell(machine, 'n2 > n1 vote-request term=5 last=9/4 transfer=yes')).toEqual([
      'n1 > n2 vote-response term=5 granted',
    ])
  })
})
