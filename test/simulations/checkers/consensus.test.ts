import { describe, expect, test } from 'vitest'
import { logIndex, term } from '../../../src/base/index.ts'
import { ada, base, bob, configurationEntry, cyd, dan, entry, hard, threeVoters, voters } from './told.ts'

const THREE = [ada, bob, cyd]
const FIRST = configurationEntry(1, 1, voters(THREE))

/** Ada leads term 2 and has committed entry 2 on herself and bob. */
const adaLeads = () =>
  threeVoters()
    .elects(ada, 2, [ada, bob])
    .writes(ada, [entry(2, 2)])
    .writes(bob, [entry(2, 2)], hard(2, ada))
    .tell({ type: 'append-accepted', node: bob, term: term(2), index: logIndex(2) })
    .commits(ada, 2)

test('3 voters: an election, commits, crashes and a second election pass', () => {
  const told = adaLeads()
    .applies(ada, entry(2, 2), 's2')
    .tell({ type: 'acknowledged', node: ada, index: logIndex(2) })
    .commits(bob, 2)
    .applies(bob, entry(2, 2), 's2')
    .writing(ada, [entry(3, 2)])
    .crashes(ada)
    .elects(bob, 3, [bob, cyd])
    .writes(bob, [entry(3, 3)])
    .writes(cyd, [entry(2, 2), entry(3, 3)], hard(3, bob))
    .commits(bob, 3)
    .applies(bob, entry(3, 3), 's3')
    .begins(ada, { log: [FIRST, entry(2, 2), entry(3, 2)], state: hard(2, ada), applied: 2, digest: 's2' })
    .follows(ada, 3, bob)
    .writes(ada, [entry(3, 3)], hard(3))
    .commits(ada, 3)
    .applies(ada, entry(3, 3), 's3')
  expect(told.judged()).toEqual([])
})

describe('election safety finds', () => {
  test('3 voters: two leaders of one term', () => {
    const told = threeVoters().elects(ada, 2, [ada, bob]).leads(cyd, 2)
    expect(told.judged()).toContain('election-safety: term 2 has two leaders, ada and cyd')
  })

  test('3 voters: a leader with one vote, or with those of one half of a joint configuration', () => {
    const alone = 'leads term 2 without the votes of a quorum'
    expect(threeVoters().elects(ada, 2, [ada]).judged()).toEqual([`election-safety: ${alone}`])
    const joint = configurationEntry(2, 1, voters([ada, bob, dan], [ada, bob, cyd]))
    const told = threeVoters()
      .begins(dan, { state: hard(1) })
      .writes(ada, [joint])
    expect(told.elects(ada, 2, [ada, dan]).judged()).toEqual([`election-safety: ${alone}`])
  })

  test('3 voters: a vote that left before it was on the disk', () => {
    const told = threeVoters().tell({ type: 'vote-sent', node: bob, term: term(2), candidate: ada })
    expect(told.judged()).toEqual([
      'election-safety: sent its vote for ada in term 2 before it was on its disk',
    ])
  })

  test('3 voters: a vote that left while it was being written', () => {
    const told = threeVoters()
      .writing(bob, [], hard(2, ada))
      .tell(
        { type: 'vote-sent', node: bob, term: term(2), candidate: ada },
        { type: 'log-written', node: bob },
      )
    expect(told.judged()).toHaveLength(1)
  })

  test('3 voters: nothing in an answer of a term that is over, which leaves when the disk is beyond that term', () => {
    const told = threeVoters()
      .writes(bob, [], hard(3))
      .tell({ type: 'vote-sent', node: bob, term: term(2), candidate: ada })
      .tell({ type: 'append-accepted', node: bob, term: term(2), index: logIndex(9) })
    expect(told.judged()).toEqual([])
  })

  test('3 voters: a second vote in one term, in one life', () => {
    const told = threeVoters().writes(bob, [], hard(2, ada)).writes(bob, [], hard(2, cyd))
    expect(told.judged()).toEqual(['election-safety: changes its vote of term 2 from ada to cyd'])
  })

  test('3 voters: a second vote in one term after the disk was wiped', () => {
    const vote = (candidate: typeof ada) =>
      ({ type: 'vote-sent', node: bob, term: term(2), candidate }) as const
    const told = threeVoters()
      .writes(bob, [], hard(2, ada))
      .tell(vote(ada))
      .crashes(bob)
      .tell({ type: 'wiped', node: bob })
      .begins(bob)
      .writes(bob, [], hard(2, cyd))
      .tell(vote(cyd))
    expect(told.judged()).toEqual(['election-safety: voted for ada and for cyd in term 2'])
  })

  test('3 voters: a term that falls', () => {
    const told = threeVoters().writes(bob, [], hard(3)).writes(bob, [], hard(2))
    expect(told.judged()).toEqual(['election-safety: writes term 2 after term 3'])
  })
})

describe('term consent', () => {
  const alone = 'term-consent: campaigns for term 3; no quorum has been in term 2 to consent'

  test('3 voters: a node that campaigns again although nobody heard of its last campaign is found', () => {
    const told = threeVoters().writes(ada, [], hard(2, ada)).writes(ada, [], hard(3, ada))
    expect(told.judged()).toEqual([alone])
  })

  test('3 voters: two campaigns in a row pass when another node was in the term between', () => {
    const told = threeVoters()
      .writes(ada, [], hard(2, ada))
      .writes(bob, [], hard(2))
      .writes(ada, [], hard(3, ada))
    expect(told.judged()).toEqual([])
  })

  test('3 voters: a node that is still writing the term has not consented', () => {
    const told = threeVoters()
      .writes(ada, [], hard(2, ada))
      .writing(bob, [], hard(2))
      .writes(ada, [], hard(3, ada))
    expect(told.judged()).toEqual([alone])
  })

  test('3 voters: a joint configuration needs the consent of both halves', () => {
    const joint = configurationEntry(2, 2, voters([ada, bob, cyd], [ada, dan]))
    const told = threeVoters()
      .begins(dan, { state: hard(1) })
      .elects(ada, 2, [ada, bob, cyd])
      .writes(ada, [joint])
    expect(told.writes(ada, [], hard(3, ada)).judged()).toContain(alone)
    expect(
      told.writes(dan, [], hard(3)).writes(bob, [], hard(3)).writes(ada, [], hard(4, ada)).judged(),
    ).not.toContain('term-consent: campaigns for term 4; no quorum has been in term 3 to consent')
  })
})

describe('leader append-only finds', () => {
  test('3 voters: a leader that replaces an entry', () => {
    const told = adaLeads().writes(ada, [entry(2, 2, 'other')])
    expect(told.judged()).toContain('leader-append-only: leads term 2 and replaces the entry at 2')
  })

  test('3 voters: a leader that cuts its log', () => {
    const told = adaLeads()
      .writes(ada, [entry(3, 2), entry(4, 2)])
      .writes(ada, [entry(3, 2)])
    expect(told.judged()).toEqual(['leader-append-only: leads term 2 and cuts its log after 3'])
  })

  test('3 voters: a leader that takes a snapshot in', () => {
    const told = adaLeads().tell({
      type: 'snapshot-installing',
      node: ada,
      hardState: hard(2, ada),
      base: base(2, 2, voters(THREE)),
    })
    expect(told.judged()).toEqual(['leader-append-only: leads and replaces its log by a snapshot'])
  })

  test('nothing in a follower that replaces entries', () => {
    const told = threeVoters()
      .writes(cyd, [entry(2, 1)])
      .follows(cyd, 2, ada)
      .writes(cyd, [entry(2, 2)], hard(2))
    expect(told.judged()).toEqual([])
  })
})

describe('log matching finds', () => {
  test('3 voters: different data under one index and term', () => {
    const told = adaLeads().writes(cyd, [entry(2, 2, 'other')], hard(2))
    expect(told.judged()).toEqual([
      'log-matching: entry 2 of term 2: two logs hold different data there (d2.2 and other)',
    ])
  })

  test('3 voters: the same entry after another one', () => {
    const told = adaLeads()
      .writes(ada, [entry(3, 2)])
      .writes(cyd, [entry(2, 1)])
      .writes(cyd, [entry(3, 2)], hard(2))
    expect(told.judged()).toEqual([
      'log-matching: entry 3 of term 2: the entry before it has term 2 in one log and 1 in another',
    ])
  })

  test('3 voters: a hole', () => {
    expect(
      threeVoters()
        .writes(cyd, [entry(3, 2)])
        .judged(),
    ).toEqual(['log-matching: its log has a hole before 3'])
  })

  test('3 voters: a log that does not begin after its snapshot', () => {
    const told = adaLeads()
      .tell({ type: 'snapshot-installing', node: cyd, hardState: hard(2), base: base(2, 1, voters(THREE)) })
      .tell({ type: 'snapshot-installed', node: cyd, hardState: hard(2), base: base(2, 1, voters(THREE)) })
      .writes(ada, [entry(3, 2)])
      .writes(cyd, [entry(3, 2)])
    expect(told.judged()).toEqual([
      'log-matching: entry 3 of term 2: the entry before it has term 2 in one log and 1 in another',
    ])
  })
})

describe('leader completeness finds', () => {
  test('3 voters: a leader without an entry that is committed', () => {
    expect(adaLeads().elects(cyd, 3, [cyd, bob]).judged()).toEqual([
      'leader-completeness: leads term 3 without entry 2 of term 2, which is committed (it has none)',
    ])
  })

  test('3 voters: an entry of an older term that is committed by counting (figure 8)', () => {
    const told = threeVoters()
      .elects(ada, 2, [ada, bob])
      .writes(ada, [entry(2, 2)])
      .crashes(ada)
      .begins(ada, { log: [FIRST, entry(2, 2)], state: hard(2, ada) })
      .elects(ada, 3, [ada, bob])
      .writes(bob, [entry(2, 2)])
      .commits(ada, 2)
    expect(told.judged()).toEqual([
      'leader-completeness: leads term 3 and commits entry 2 of term 2 by counting',
    ])
  })

  test('nothing when a late leader of an older term lacks what a newer term committed', () => {
    const vote = { type: 'vote-sent', term: term(2), candidate: cyd } as const
    const told = threeVoters()
      .writes(bob, [], hard(2, cyd))
      .writes(cyd, [], hard(2, cyd))
      .tell({ ...vote, node: bob }, { ...vote, node: cyd })
      .elects(ada, 3, [ada, bob])
      .writes(ada, [entry(2, 3)])
      .writes(bob, [entry(2, 3)])
      .commits(ada, 2)
      .leads(cyd, 2)
    expect(told.judged()).toEqual([])
  })

  test('nothing when the committed entries are covered by a snapshot', () => {
    const snapshot = { node: cyd, hardState: hard(2), base: base(2, 2, voters(THREE)) } as const
    const told = adaLeads()
      .tell({ type: 'snapshot-installing', ...snapshot }, { type: 'snapshot-installed', ...snapshot })
      .elects(cyd, 3, [cyd, bob])
    expect(told.judged()).toEqual([])
  })
})

describe('state-machine safety finds', () => {
  test('3 voters: two nodes that apply different entries at an index', () => {
    const told = adaLeads()
      .applies(ada, entry(2, 2))
      .applies(bob, entry(2, 2, 'other'))
    expect(told.judged()).toEqual([
      'state-machine-safety: applies another entry at 2 than the one that was committed',
      'state-machine-safety: applies another entry at 2 than ada did',
    ])
  })

  test('3 voters: the same entries and different states', () => {
    const told = adaLeads().applies(ada, entry(2, 2), 's').applies(bob, entry(2, 2), 't')
    expect(told.judged()).toEqual(['state-machine-safety: its state at 2 is t, that of ada was s'])
  })

  test('3 voters: a snapshot that holds another state', () => {
    const snapshot = {
      node: cyd,
      hardState: hard(2),
      base: base(2, 2, voters(THREE)),
      stateDigest: 't',
    } as const
    const told = adaLeads()
      .applies(ada, entry(2, 2), 's')
      .tell({ type: 'snapshot-installing', ...snapshot }, { type: 'snapshot-installed', ...snapshot })
    expect(told.judged()).toEqual(['state-machine-safety: its state at 2 is t, that of ada was s'])
  })

  test('3 voters: a node that comes back with another state', () => {
    const told = adaLeads()
      .applies(bob, entry(2, 2), 's')
      .crashes(bob)
      .begins(bob, { log: [FIRST, entry(2, 2)], state: hard(2, ada), applied: 2, digest: 't' })
    expect(told.judged()).toEqual(['state-machine-safety: its state at 2 is t, that of bob was s'])
  })

  test('3 voters: an entry that is applied before it is committed, twice, or after a gap', () => {
    expect(
      adaLeads()
        .writes(ada, [entry(3, 2)])
        .applies(ada, entry(2, 2))
        .applies(ada, entry(3, 2))
        .judged(),
    ).toEqual(['state-machine-safety: applies entry 3, which is not committed'])
    expect(adaLeads().applies(ada, entry(2, 2)).applies(ada, entry(2, 2)).judged()).toEqual([
      'state-machine-safety: applies entry 2 after 2',
    ])
    const gap = adaLeads()
      .writes(ada, [entry(3, 2)])
      .writes(bob, [entry(3, 2)])
      .commits(ada, 3)
      .applies(ada, entry(3, 2))
    expect(gap.judged()).toEqual(['state-machine-safety: applies entry 3 after 1'])
  })
})

describe('acknowledged-durable finds', () => {
  test('3 voters: a commit that counts a disk that has not written', () => {
    const told = threeVoters()
      .elects(ada, 2, [ada, bob])
      .writes(ada, [entry(2, 2)])
      .writing(bob, [entry(2, 2)])
      .commits(ada, 2)
    expect(told.judged()).toEqual(['acknowledged-durable: takes entry 2 for committed; durable on ada only'])
  })

  test('3 voters: a leader that counts itself before its own disk', () => {
    const told = threeVoters()
      .elects(ada, 2, [ada, bob])
      .writing(ada, [entry(2, 2)])
      .writes(bob, [entry(2, 2)])
      .commits(ada, 2)
    expect(told.judged()).toEqual(['acknowledged-durable: takes entry 2 for committed; durable on bob only'])
  })

  test('nothing when two followers are enough, and the leader has not even handed the entry to its disk', () => {
    const told = threeVoters()
      .elects(ada, 2, [ada, bob])
      .writes(bob, [entry(2, 2)])
      .writes(cyd, [entry(2, 2)], hard(2))
      .commits(ada, 2)
    expect(told.judged()).toEqual([])
  })

  test('3 voters: a learner that was counted', () => {
    const told = threeVoters()
      .begins(dan)
      .elects(ada, 2, [ada, bob])
      .writes(ada, [entry(2, 2)])
      .writes(dan, [FIRST, entry(2, 2)], hard(2))
      .commits(ada, 2)
    expect(told.judged()).toEqual(['acknowledged-durable: takes entry 2 for committed; durable on ada only'])
  })

  test('3 voters: a follower that acknowledges before its disk has the entries', () => {
    const told = threeVoters()
      .writing(bob, [entry(2, 2)])
      .tell({ type: 'append-accepted', node: bob, term: term(2), index: logIndex(2) })
    expect(told.judged()).toEqual([
      'acknowledged-durable: acknowledged entries up to 2 in term 2; its disk has them up to 1',
    ])
  })

  test('3 voters: an answer for an entry that is not committed', () => {
    const told = adaLeads().tell({ type: 'acknowledged', node: ada, index: logIndex(3) })
    expect(told.judged()).toEqual([
      'acknowledged-durable: answered a client for entry 3, which is not committed',
    ])
  })

  test.each([
    ['without its last entry', [FIRST], hard(2, ada), 'entry 2 is missing'],
    ['with another entry', [FIRST, entry(2, 2, 'x')], hard(2, ada), 'entry 2 is another one'],
    [
      'without its vote',
      [FIRST, entry(2, 2)],
      hard(2),
      'its hard state is another one (term 2, vote ada, commit 0, then term 2, vote none, commit 0)',
    ],
    [
      'with half of the entries',
      [FIRST, entry(2, 2), entry(3, 2)],
      hard(2, ada),
      'entry 3 was never written',
    ],
    [
      'with the entries and without the hard state',
      [FIRST, entry(2, 2), entry(3, 2), entry(4, 2)],
      hard(2, ada),
      'entry 4 was never written',
    ],
  ])('3 voters: a disk that comes back %s', (_, log, state, message) => {
    const told = adaLeads()
      .writing(bob, [entry(3, 2), entry(4, 2)], hard(2, ada, 2))
      .crashes(bob)
      .begins(bob, { log, state })
    expect(told.judged()).toContain(
      `acknowledged-durable: its disk was reported to be written, and after the restart ${message}`,
    )
  })

  test.each([
    ['nothing', [FIRST, entry(2, 2)]],
    ['all', [FIRST, entry(2, 2), entry(3, 2)]],
  ])('nothing when %s is left of a write that was under way', (_, log) => {
    const told = adaLeads()
      .writing(bob, [entry(3, 2)])
      .crashes(bob)
      .begins(bob, { log, state: hard(2, ada) })
    expect(told.judged()).toEqual([])
  })

  test('nothing when a crash brings compacted entries back', () => {
    const told = adaLeads()
      .tell({ type: 'log-compacted', node: bob, base: base(2, 2, voters(THREE)) })
      .writes(bob, [entry(3, 2)])
      .crashes(bob)
      .begins(bob, { log: [FIRST, entry(2, 2), entry(3, 2)], state: hard(2, ada) })
    expect(told.judged()).toEqual([])
  })
})

describe('configurations', () => {
  const joint = configurationEntry(3, 2, voters([bob, cyd, dan], THREE))
  const after = configurationEntry(4, 2, voters([bob, cyd, dan]))
  const toJoint = () =>
    adaLeads()
      .begins(dan)
      .writes(ada, [joint])
      .writes(bob, [joint])
      .writes(dan, [FIRST, entry(2, 2), joint], hard(2))

  test('3 voters: a change through a joint configuration passes', () => {
    const told = toJoint()
      .commits(ada, 3)
      .writes(ada, [after])
      .writes(bob, [after])
      .writes(dan, [after])
      .commits(ada, 4)
    expect(told.judged()).toEqual([])
  })

  test('3 voters: the new half alone commits what comes after the joint entry, even when the leader has not written it', () => {
    const told = toJoint().commits(ada, 3).writes(bob, [after]).writes(dan, [after]).commits(ada, 4)
    expect(told.judged()).toEqual([])
  })

  test('3 voters: a joint entry needs both majorities', () => {
    const told = adaLeads().begins(dan).writes(ada, [joint]).writes(bob, [joint]).commits(ada, 3)
    expect(told.judged()).toEqual([
      'acknowledged-durable: takes entry 3 for committed; durable on ada, bob only',
    ])
  })

  test('3 voters: the next configuration waits until the joint one is committed', () => {
    expect(toJoint().writes(ada, [after]).judged()).toEqual([
      'configuration-safety: the configuration at 4 comes before the one at 3 is committed',
    ])
  })

  test('3 voters: a change without a joint configuration', () => {
    const jump = configurationEntry(3, 2, voters([bob, cyd, dan]))
    expect(adaLeads().writes(ada, [jump]).judged()).toEqual([
      'configuration-safety: the configuration at 3 (bob cyd dan) does not follow ada bob cyd',
    ])
  })

  test('3 voters: a configuration that changes learners only needs no joint phase', () => {
    expect(
      adaLeads()
        .writes(ada, [configurationEntry(3, 2, voters(THREE))])
        .judged(),
    ).toEqual([])
  })
})
