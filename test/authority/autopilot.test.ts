import { describe, expect, it } from 'vitest'
import {
  type AutopilotOptions,
  planVoters,
  type VoterPlan,
  type VoterView,
} from '../../src/authority/index.ts'
import { bootMs, LIMITS, type PeerId } from '../../src/base/index.ts'

const OPTIONS: AutopilotOptions = { stabilizationMs: 100, deadVoterDelayMs: 1000, shrinkDelayMs: 10_000 }
const NOW = 100_000

type Peer = VoterView['peers'][number]

/** A machine that has been connected and caught up for long, unless `about` says otherwise. */
function machine(name: string, about: Partial<Peer> = {}): Peer {
  return {
    peer: peer(name),
    name,
    policy: 'auto',
    isWitness: false,
    isConnected: true,
    connectionSince: bootMs(0),
    caughtUpSince: bootMs(0),
    ...about,
  }
}

const peer = (name: string): PeerId => `peer-${name}` as PeerId
const list = (names: string): PeerId[] => [...names].map(peer)
const away = (name: string, forMs: number, about: Partial<Peer> = {}): Peer =>
  machine(name, {
    isConnected: false,
    connectionSince: bootMs(NOW - forMs),
    caughtUpSince: undefined,
    ...about,
  })
const never = (name: string): Peer => machine(name, { policy: 'never' })
const always = (name: string): Peer => machine(name, { policy: 'always' })

/** `a` leads. Letters stand for machines. */
function view(voters: string, learners: string, peers: readonly Peer[], self = 'a'): VoterView {
  return { self: peer(self), voters: list(voters), learners: list(learners), isPending: false, peers }
}

/** The plan in letters: `abc + d` for voters and learners. */
function plan(given: VoterView): string {
  return short(planVoters(given, bootMs(NOW), OPTIONS))
}

function short(made: VoterPlan): string {
  const letters = (peers: readonly PeerId[]) => peers.map((one) => one.slice('peer-'.length)).join('')
  switch (made.type) {
    case 'change':
      return `${letters(made.voters)} + ${letters(made.learners)}`
    case 'transfer':
      return `transfer to ${letters([made.to])}`
    case 'none':
      return 'none'
  }
}

const abc = [machine('a'), machine('b'), machine('c')]
const abcde = [...abc, machine('d'), machine('e')]

describe('machines that join', () => {
  it('become learners as soon as they are connected, caught up or not', () => {
    expect(plan(view('a', '', [machine('a'), machine('b', { caughtUpSince: undefined })]))).toBe('a + b')
    expect(plan(view('a', '', [machine('a'), away('b', 5)]))).toBe('none')
  })

  it('also when they are never to vote', () => {
    expect(plan(view('a', '', [machine('a'), never('b')]))).toBe('a + b')
  })

  it('a second machine does not vote: two voters stop when either is away', () => {
    expect(plan(view('a', 'b', [machine('a'), machine('b')]))).toBe('none')
  })

  it('with the third, two are promoted in one joint change', () => {
    expect(plan(view('a', 'bc', abc))).toBe('abc + ')
  })

  it('three become five, never four or six', () => {
    const abcdef = [...abcde, machine('f')]
    expect(plan(view('abc', 'd', abcde.slice(0, 4)))).toBe('none')
    expect(plan(view('abc', 'de', abcde))).toBe('abcde + ')
    expect(plan(view('abcde', 'f', abcdef))).toBe('none')
    expect(plan(view('abcde', 'fg', [...abcdef, machine('g')]))).toBe('none')
  })

  it('are promoted only when both have been connected and caught up for a while', () => {
    const fresh = bootMs(NOW - 99)
    const stable = bootMs(NOW - 100)
    const withC = (about: Partial<Peer>) => view('a', 'bc', [...abc.slice(0, 2), machine('c', about)])
    expect(plan(withC({ connectionSince: fresh }))).toBe('none')
    expect(plan(withC({ caughtUpSince: fresh }))).toBe('none')
    expect(plan(withC({ caughtUpSince: undefined }))).toBe('none')
    expect(plan(withC({ connectionSince: stable, caughtUpSince: stable }))).toBe('abc + ')
    expect(planVoters(withC({ caughtUpSince: undefined }), bootMs(NOW), OPTIONS)).toMatchObject({
      waitingFor: 'c to catch up',
    })
  })

  it('are not promoted before they are learners: all in one step would make the group wait for them', () => {
    expect(plan(view('a', '', abc))).toBe('a + bc')
  })

  it('those that have been there longest vote; on a tie the peer id decides', () => {
    const since = (name: string, at: number) => machine(name, { connectionSince: bootMs(at) })
    expect(plan(view('a', 'bcd', [machine('a'), since('b', 30), since('c', 10), since('d', 20)]))).toBe(
      'acd + b',
    )
    expect(plan(view('a', 'dcb', [machine('d'), machine('c'), machine('b'), machine('a')]))).toBe('abc + d')
  })

  it('beyond the limit of learners some are left out, and a learner that is away for long makes room', () => {
    const names = Array.from({ length: LIMITS.raftLearnersMax + 1 }, (_, at) => String(at).padStart(3, '0'))
    const peers = [machine('a'), ...names.map((name) => never(name))]
    const learners = names.slice(1).map(peer)
    const full: VoterView = { ...view('a', '', peers), learners }
    expect(plan(full)).toBe('none')
    const absent = peers.map((one) =>
      one.name === names[1] ? away(one.name, 2000, { policy: 'never' }) : one,
    )
    const made = planVoters({ ...full, peers: absent }, bootMs(NOW), OPTIONS)
    expect(made).toMatchObject({ type: 'change', voters: [peer('a')] })
    const changed = made.type === 'change' ? made.learners : []
    expect(changed).toContain(peer('000'))
    expect(changed).not.toContain(peer('001'))
    expect(changed).toHaveLength(LIMITS.raftLearnersMax)
  })

  it('one that is not admitted any more gets no log', () => {
    expect(plan(view('a', 'bz', [machine('a'), machine('b')]))).toBe('a + b')
  })
})

describe('voters that are away', () => {
  const withC = (forMs: number, ...more: Peer[]) => [machine('a'), machine('b'), away('c', forMs), ...more]

  it('one that is away for a moment keeps its vote, whoever could take it', () => {
    expect(plan(view('abc', 'd', withC(999, machine('d'))))).toBe('none')
  })

  it('after the delay it is replaced by a learner in one joint change, and stays a learner', () => {
    expect(plan(view('abc', 'd', withC(1000, machine('d'))))).toBe('abd + c')
  })

  it('when it comes back it is not given its vote back, unless there is room', () => {
    const abcd = [...abc, machine('d')]
    expect(plan(view('abd', 'c', abcd))).toBe('none')
    expect(plan(view('abd', 'ce', [...abcd, machine('e')]))).toBe('abcde + ')
  })

  it('it is not replaced by a learner that is not stable or is never to vote', () => {
    expect(plan(view('abc', 'd', withC(5000, machine('d', { caughtUpSince: undefined }))))).toBe('none')
    expect(plan(view('abc', 'd', withC(5000, never('d'))))).toBe('none')
  })

  it('without a replacement it keeps its vote until the long delay has passed; then one decides alone', () => {
    expect(plan(view('abc', '', withC(9999)))).toBe('none')
    expect(plan(view('abc', '', withC(10_000)))).toBe('a + bc')
  })

  it('the group does not shrink while one of those that remain is not healthy', () => {
    const four = [...abc, machine('d', { caughtUpSince: undefined }), away('e', 20_000)]
    expect(plan(view('abcde', '', four))).toBe('abc + de')
    const two = [
      machine('a'),
      machine('b', { caughtUpSince: undefined }),
      machine('c'),
      away('d', 500),
      away('e', 20_000),
    ]
    expect(plan(view('abcde', '', two))).toBe('none')
  })

  it('five of which one is gone for long become three; those that go are learners', () => {
    expect(plan(view('abcde', '', [...abcde.slice(0, 4), away('e', 10_000)]))).toBe('abc + de')
  })

  it('five of which two are gone: one is replaced by the only learner, the other keeps its vote', () => {
    const peers = [...abc, away('d', 3000), away('e', 2000), machine('f')]
    expect(plan(view('abcde', 'f', peers))).toBe('abcef + d')
  })

  it('nothing is changed without a majority of the present voters or of the new ones', () => {
    expect(
      plan(view('abc', 'de', [machine('a'), away('b', 5000), away('c', 5000), machine('d'), machine('e')])),
    ).toBe('none')
    const lagging = { caughtUpSince: undefined }
    const peers = [machine('a'), machine('b', lagging), machine('c', lagging), machine('d', lagging)]
    expect(planVoters(view('abc', '', peers), bootMs(NOW), OPTIONS)).toMatchObject({
      type: 'none',
      waitingFor: 'more than half of the voters to be connected and caught up',
    })
  })

  it('one that is not admitted any more is replaced at once', () => {
    expect(plan(view('abz', 'd', [machine('a'), machine('b'), machine('d')]))).toBe('abd + ')
    expect(plan(view('abz', '', [machine('a'), machine('b')]))).toBe('a + b')
  })
})

describe('what the owner asks for', () => {
  it('always: takes the place of a voter that is auto, not of the leader', () => {
    expect(plan(view('abc', 'd', [...abc, always('d')]))).toBe('abd + c')
    expect(plan(view('abc', 'd', [...abc, always('d')], 'c'))).toBe('acd + b')
  })

  it('always on more machines than there are places: those that vote already go on', () => {
    const five = ['a', 'b', 'c', 'd', 'e', 'f'].map(always)
    expect(plan(view('abcde', 'f', five))).toBe('none')
  })

  it('always on one of two machines: it decides alone, for that is what was asked for', () => {
    expect(plan(view('a', 'b', [machine('a'), always('b')]))).toBe('b + a')
  })

  it('always on both of two machines: an even group is refused, and the owner is told why', () => {
    const given = view('a', 'b', [always('a'), always('b')])
    expect(plan(given)).toBe('none')
    expect(planVoters(given, bootMs(NOW), OPTIONS).truth).toBe(
      'a decides alone: while it is away, nobody gets a lease; both machines are to vote always, but two voters stop when either is away, so only one does: add a third machine or a witness',
    )
  })

  it('a witness is a voter like one that is always to vote', () => {
    const witness = machine('w', { isWitness: true })
    expect(plan(view('abc', 'w', [...abc, witness]))).toBe('abw + c')
    expect(plan(view('a', 'bw', [machine('a'), machine('b'), witness]))).toBe('abw + ')
  })

  it('never: is replaced without delay, or the group shrinks', () => {
    expect(plan(view('abc', 'd', [machine('a'), machine('b'), never('c'), machine('d')]))).toBe('abd + c')
    expect(plan(view('abc', '', [machine('a'), machine('b'), never('c')]))).toBe('a + bc')
  })

  it('never at the leader: it hands over to a voter that stays, and only then loses its vote', () => {
    const peers = [never('a'), machine('b'), machine('c'), machine('d')]
    expect(plan(view('abc', 'd', peers))).toBe('transfer to b')
    expect(plan(view('abc', 'd', peers, 'b'))).toBe('bcd + a')
  })

  it('never at the only voter: another takes its place in one change, which the leader leads through', () => {
    expect(plan(view('a', 'b', [never('a'), machine('b')]))).toBe('b + a')
  })

  it('never at every machine: the only voter goes on, for somebody has to', () => {
    expect(plan(view('a', 'b', [never('a'), never('b')]))).toBe('none')
  })
})

describe('the plan', () => {
  it('waits for a change that is under way', () => {
    expect(planVoters({ ...view('a', 'bc', abc), isPending: true }, bootMs(NOW), OPTIONS)).toMatchObject({
      type: 'none',
      waitingFor: 'the change that is under way',
    })
  })

  it('mends an even or oversized group that others have made', () => {
    expect(plan(view('ab', '', [machine('a'), machine('b')]))).toBe('a + b')
    expect(plan(view('abcd', '', abcde.slice(0, 4)))).toBe('abc + d')
    const seven = [...abcde, machine('f'), machine('g')]
    expect(plan(view('abcdefg', '', seven))).toBe('abcde + fg')
  })

  it('says why', () => {
    const why = (given: VoterView) => {
      const made = planVoters(given, bootMs(NOW), OPTIONS)
      return made.type === 'none' ? undefined : made.why
    }
    expect(why(view('a', 'bc', abc))).toBe('b, c can vote')
    expect(why(view('abc', 'd', [machine('a'), machine('b'), away('c', 61_000), machine('d')]))).toBe(
      'd can vote; c is unreachable for 61 s',
    )
    expect(why(view('a', '', abc.slice(0, 2)))).toBe('b is to get the log')
    expect(why(view('a', 'z', [machine('a')]))).toBe(
      'a machine that does not belong to the mesh any more gets no log',
    )
    expect(why(view('abc', '', [never('a'), machine('b'), machine('c')]))).toBe(
      'this machine gives up its vote, so b is to lead',
    )
  })

  it('tells what the present voters are worth', () => {
    const truth = (given: VoterView) => planVoters(given, bootMs(NOW), OPTIONS).truth
    const alone = 'a decides alone: while it is away, nobody gets a lease'
    expect(truth(view('a', '', [machine('a')]))).toBe(`${alone}; with two more machines, three vote`)
    expect(truth(view('a', 'b', [machine('a'), machine('b')]))).toBe(
      `${alone}; two voters stop when either is away, so a second one makes nothing better: add a third machine or a witness`,
    )
    expect(truth(view('a', 'bc', abc))).toBe(
      `${alone}; three vote as soon as two others are connected and caught up`,
    )
    expect(truth(view('abc', '', abc))).toBe('3 machines decide: 1 of them may be away')
    expect(truth(view('abc', '', [machine('a'), machine('b'), away('c', 5)]))).toBe(
      '3 machines decide, without c now: no other may be away',
    )
    expect(truth(view('abcde', '', [...abcde.slice(0, 4), away('e', 5)]))).toBe(
      '5 machines decide, without e now: 1 more may be away',
    )
  })
})
