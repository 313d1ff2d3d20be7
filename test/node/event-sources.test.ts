import { afterEach, describe, expect, test } from 'vitest'
import type { AuthorityEvent } from '../../src/authority/index.ts'
import { incarnation, type LeaseId, nodeId, type PeerId, unixMs } from '../../src/base/index.ts'
import { EventSources } from '../../src/node/event-sources.ts'
import type { NewEvent } from '../../src/node/node-events.ts'
import type { RaftStatus } from '../../src/raft/index.ts'
import { VirtualMesh } from './support/virtual-mesh.ts'

const A = 'a' as PeerId
const B = 'b' as PeerId
const STRANGER = 'stranger' as PeerId

function sources() {
  const events: NewEvent[] = []
  const nodeIdOf = (peer: PeerId) => (peer === STRANGER ? undefined : nodeId(`node-${peer}`))
  return { events, from: new EventSources({ record: (event) => events.push(event) }, nodeIdOf) }
}

const status = (leader: PeerId | undefined, term: number, committedConfiguration: object): RaftStatus =>
  ({ leader, term, committedConfiguration }) as unknown as RaftStatus

describe('members', () => {
  const change = { type: 'changed', peer: A, nodeId: nodeId('attic'), incarnation: incarnation(7) } as const

  test.each([
    [undefined, 'unseen', 'member:joined'],
    ['unseen', 'alive', 'member:alive'],
    ['suspect', 'alive', 'member:alive'],
    ['dead', 'alive', 'member:alive'],
    ['alive', 'alive', 'member:renewed'],
    ['alive', 'suspect', 'member:suspect'],
    ['suspect', 'dead', 'member:dead'],
    ['alive', 'left', 'member:left'],
    ['dead', 'unseen', 'member:forgotten'],
    ['alive', undefined, 'member:removed'],
  ] as const)('from %s to %s is %s', (was, to, type) => {
    const { events, from } = sources()
    from.memberChanged({ ...change, from: was, to, cause: 'told', by: B })
    const detail = { was, incarnation: 7, by: 'node-b' }
    expect(events).toEqual([{ kind: 'member', type, node: 'attic', reason: 'told', detail }])
  })
})

describe('the authority', () => {
  const ONE = { voters: [A], votersOutgoing: [], learners: [B] }
  const JOINT = { voters: [A, B], votersOutgoing: [A], learners: [] }

  test('a leader that is known, changes, is lost and comes back, each once, however often it is looked at', () => {
    const { events, from } = sources()
    for (const [leader, term] of [
      [undefined, 1],
      [A, 1],
      [B, 2],
      [B, 2],
      [undefined, 3],
      [B, 4],
    ] as const)
      for (let look = 0; look < 3; look += 1) from.authorityObserved(status(leader, term, ONE))
    expect(events.filter(({ type }) => type !== 'authority:voters_changed')).toEqual(
      [
        { type: 'authority:leader_known', node: 'node-a', detail: { term: 1, was: undefined } },
        { type: 'authority:leader_changed', node: 'node-b', detail: { term: 2, was: 'node-a' } },
        { type: 'authority:leader_lost', node: 'node-b', detail: { term: 3 } },
        { type: 'authority:leader_known', node: 'node-b', detail: { term: 4, was: undefined } },
      ].map((event) => ({ kind: 'authority', ...event })),
    )
  })

  test('voters and learners at the start and whenever they change', () => {
    const { events, from } = sources()
    for (const configuration of [ONE, { ...ONE }, JOINT])
      from.authorityObserved(status(undefined, 5, configuration))
    expect(events.map(({ detail }) => detail)).toEqual([
      { term: 5, voters: 'node-a', votersOutgoing: undefined, learners: 'node-b' },
      { term: 5, voters: 'node-a node-b', votersOutgoing: 'node-a', learners: '' },
    ])
  })
})

describe('leases', () => {
  const lease = {
    leaseId: 9 as LeaseId,
    scopeKey: 'task:1',
    holder: A,
    grantor: B,
    ttlMs: 3000,
    grantedUnixMs: unixMs(1),
    renewals: 0,
  }
  const detail = { leaseId: 9, scopeKey: 'task:1', ttlMs: 3000, by: undefined }

  test.each([
    ['released', 'lease:released'],
    ['expired', 'lease:expired'],
    ['revoked', 'lease:withdrawn'],
    ['forced', 'lease:forced'],
    ['unseen', 'lease:ended_unseen'],
  ] as const)('one that ended as %s is %s', (how, type) => {
    const { events, from } = sources()
    from.authorityEvent({ type: 'lease-ended', lease, how } as AuthorityEvent)
    expect(events).toEqual([{ kind: 'lease', type, node: 'node-a', reason: undefined, detail }])
  })

  test('granted, and revoked with who and why; a renewal is no news', () => {
    const { events, from } = sources()
    from.authorityEvent({ type: 'lease-granted', lease } as AuthorityEvent)
    from.authorityEvent({ type: 'lease-renewed', lease } as AuthorityEvent)
    const revocation = { by: STRANGER, atUnixMs: unixMs(2), reason: 'too loud' }
    from.authorityEvent({ type: 'lease-revoked', lease: { ...lease, revocation } } as AuthorityEvent)
    expect(events).toMatchObject([
      { type: 'lease:granted', node: 'node-a', detail },
      { type: 'lease:revoked', reason: 'too loud', detail: { ...detail, by: 'stranger' } },
    ])
  })
})

describe('composed nodes over a virtual network', () => {
  let mesh: VirtualMesh

  afterEach(() => {
    expect(mesh.failures).toEqual([])
  })

  const typesAt = (name: string, kind: NewEvent['kind']): string[] =>
    mesh
      .get(name)
      .events.filter((event) => event.kind === kind)
      .map((event) => event.type)

  async function start(): Promise<void> {
    mesh = await VirtualMesh.start(['a', 'b', 'c'])
    await mesh.time.until('3 voters', () => {
      const agreed = mesh.leader()?.node.core.status.committedConfiguration
      return agreed?.votersOutgoing.length === 0 && agreed.voters.length === 3
    })
    await mesh.time.until('everybody is alive to everybody', () =>
      mesh.nodes.every(({ node }) => node.membership.members().every(({ status: is }) => is === 'alive')),
    )
    for (const { events } of mesh.nodes) events.length = 0
  }

  const run = (on: string) => ({ argv: ['sleep', '4000'], on, cwd: undefined, env: {}, timeoutMs: undefined })

  test('3 nodes: a task on another node is told at its submitter, its worker, and by the leases everywhere', async () => {
    await start()
    const submission = mesh.get('a').node.submitter.submit(run('b'), () => Promise.resolve())
    await mesh.time.until('it ends', () => submission.isEnded, 60_000)
    await mesh.time.run(500)
    expect(typesAt('a', 'task')).toEqual(
      ['queued', 'placing', 'leasing', 'offered', 'running', 'completed'].map((state) => `task:${state}`),
    )
    expect(typesAt('b', 'task')).toEqual(['task:accepted', 'task:started', 'task:ended'])
    for (const name of ['a', 'b', 'c'])
      expect(typesAt(name, 'lease')).toEqual(['lease:granted', 'lease:released'])
    expect(mesh.get('b').events).toContainEqual({
      kind: 'task',
      type: 'task:ended',
      node: 'a',
      reason: 'exited',
      detail: {
        taskId: submission.task.taskId,
        leaseId: submission.task.record.attempt?.leaseId,
        at: 'worker',
        exitCode: 0,
        signal: undefined,
        quiet: true,
        runState: 'complete',
        cancelLatencyMs: undefined,
      },
    })
  })

  test('3 nodes: the leader, which executes, is killed: the others tell of its death, a new leader, the lease and the task', async () => {
    await start()
    const leader = mesh.leader()?.name ?? expect.fail('no leader')
    const submitter = leader === 'a' ? 'b' : 'a'
    const submission = mesh.get(submitter).node.submitter.submit(run(leader), () => Promise.resolve())
    await mesh.time.until('it runs', () => submission.task.record.state === 'running')
    mesh.kill(leader)
    await mesh.time.until('it ends', () => submission.isEnded, 120_000)
    const about = (type: string): NewEvent | undefined =>
      mesh.get(submitter).events.find((event) => event.type === type)
    expect(about('member:suspect')?.node).toBe(leader)
    expect(about('lease:expired')?.node).toBe(leader)
    const known = about('authority:leader_known') ?? about('authority:leader_changed')
    expect(known?.node).not.toBe(leader)
    expect(typesAt(submitter, 'task')).toContain('task:fallback')
    expect(typesAt(submitter, 'task').at(-1)).toBe('task:completed')
  })
})
