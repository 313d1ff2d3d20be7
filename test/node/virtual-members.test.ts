/** What whole nodes come to know of each other, in virtual time. */
import { afterEach, describe, expect, it } from 'vitest'
import type { MemberStatus } from '../../src/membership/index.ts'
import { peerOf, VirtualMesh } from './support/virtual-mesh.ts'

let mesh: VirtualMesh

afterEach(() => {
  expect(mesh.failures).toEqual([])
})

/** Names become parts of peer ids, which have no zeros. */
const namesUpTo = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, at) => `n${(at + 1).toString(9).replaceAll('0', '9')}`)

async function start(names: readonly string[], withinMs = 20_000): Promise<void> {
  mesh = await VirtualMesh.start(names)
  await mesh.time.until('everybody is alive to everybody', () => names.every(isAliveToAll), withinMs)
}

const statusAt = (observer: string, name: string): MemberStatus | undefined =>
  mesh.get(observer).node.membership.member(peerOf(name))?.status

/** Those who are up and not stopped. */
const observers = (of: string): readonly string[] =>
  mesh.nodes.filter(({ name, up, time }) => name !== of && up && !time.isStopped).map(({ name }) => name)

const isToAll = (name: string, status: MemberStatus): boolean =>
  observers(name).every((observer) => statusAt(observer, name) === status)

const isAliveToAll = (name: string): boolean => isToAll(name, 'alive')

/** How long it takes, to 10 ms. */
async function timeUntil(what: string, condition: () => boolean): Promise<number> {
  const from = mesh.time.now()
  await mesh.time.until(what, condition)
  return mesh.time.now() - from
}

const eventsAt = (name: string, type: string) => mesh.get(name).events.filter((event) => event.type === type)

describe('5 nodes', () => {
  const names = namesUpTo(5)
  const silentMs: number[] = []

  it.each(names)('%s is killed: all others know within a second', async (victim) => {
    await start(names)
    await mesh.time.run(5000)
    mesh.kill(victim)
    expect(await timeUntil('dead to all', () => isToAll(victim, 'dead'))).toBeLessThanOrEqual(1000)
    await mesh.boot(victim)
    expect(await timeUntil('alive to all', () => isAliveToAll(victim))).toBeLessThanOrEqual(1000)
  })

  // Each at two moments: a median of five would be a matter of luck.
  it.each(names.flatMap((name) => [5000, 8300].map((upMs) => [name, upMs] as const)))(
    '%s goes silent (SIGSTOP) after %i ms: all others know, and when it goes on it is back',
    async (victim, upMs) => {
      await start(names)
      await mesh.time.run(upMs)
      const { life } = mesh.get(victim)
      mesh.stop(victim)
      silentMs.push(await timeUntil('dead to all', () => isToAll(victim, 'dead')))
      await mesh.time.run(20_000)
      mesh.goOn(victim)
      expect(await timeUntil('alive to all', () => names.every(isAliveToAll))).toBeLessThanOrEqual(5000)
      expect(mesh.get(victim).life).toBe(life)
      // Nobody else was accused meanwhile.
      for (const name of names.filter((other) => other !== victim))
        for (const observer of observers(name)) expect(statusAt(observer, name)).toBe('alive')
    },
  )

  it('silence is known within 5 s in the median, and never much later', () => {
    const sorted = silentMs.toSorted((a, b) => a - b)
    expect(sorted).toHaveLength(2 * names.length)
    expect(sorted[names.length]).toBeLessThanOrEqual(5000)
    expect(sorted.at(-1)).toBeLessThanOrEqual(7000)
  })

  it('the network between two halves is cut for a minute and heals: all know all again', async () => {
    await start(names)
    const [left, right] = [names.slice(0, 2), names.slice(2)]
    for (const a of left) for (const b of right) mesh.link(a, b, false)
    await mesh.time.run(60_000)
    for (const a of left)
      for (const b of right) expect([statusAt(a, b), statusAt(b, a)]).toEqual(['dead', 'dead'])
    for (const a of left) for (const b of right) mesh.link(a, b, true)
    expect(await timeUntil('all know all', () => names.every(isAliveToAll))).toBeLessThanOrEqual(5000)
  })

  it('a goodbye is no death', async () => {
    await start(names)
    const { node } = mesh.get('n5')
    node.membership.stop()
    await mesh.time.until('left', () => isToAll('n5', 'left'))
    mesh.kill('n5')
    await mesh.time.run(20_000)
    expect(isToAll('n5', 'left')).toBe(true)
  })

  it('a link that loses everything one way is named at both ends, and nobody dies of it', async () => {
    await start(names)
    mesh.silenceOneWay('n1', 'n2')
    await mesh.time.until(
      'both ends have named it',
      () => ['n1', 'n2'].every((name) => eventsAt(name, 'link:fault').length > 0),
      60_000,
    )
    expect(eventsAt('n1', 'link:fault')[0]).toMatchObject({ kind: 'link', node: 'n2' })
    expect(eventsAt('n2', 'link:fault')[0]).toMatchObject({ kind: 'link', node: 'n1' })
    expect(names.every(isAliveToAll)).toBe(true)
    mesh.restore('n1', 'n2')
    await mesh.time.until(
      'it is whole again',
      () => ['n1', 'n2'].every((name) => eventsAt(name, 'link:cleared').length > 0),
      60_000,
    )
    const views = [
      mesh.get('n1').node.membership.member(peerOf('n2')),
      mesh.get('n2').node.membership.member(peerOf('n1')),
    ]
    expect(views.map((view) => view?.linkFault)).toEqual([undefined, undefined])
  })

  it('a link that takes a worse path than before is an event at both ends, and a fact until it is as good again', async () => {
    await start(names)
    const [a, b] = [mesh.get('n1'), mesh.get('n2')]
    const paths = (): unknown[] => [a, b].map(({ node }, at) => node.links.linkOf([b, a][at]?.peer ?? a.peer))
    const reconnect = async (): Promise<void> => {
      mesh.link('n1', 'n2', false)
      mesh.link('n1', 'n2', true)
      await mesh.time.until('connected', () => a.transport.isConnected(b.peer))
    }
    mesh.net.setPath(a.peer, b.peer, 'overlay')
    await reconnect()
    for (const [one, other] of [
      ['n1', 'n2'],
      ['n2', 'n1'],
    ] as const)
      expect(eventsAt(one, 'link:downgraded')).toMatchObject([
        { node: other, reason: 'overlay', detail: { from: 'lan', to: 'overlay' } },
      ])
    expect(paths()).toMatchObject([
      { path: 'overlay', downgradedFrom: 'lan' },
      { path: 'overlay', downgradedFrom: 'lan' },
    ])
    await reconnect()
    expect(eventsAt('n1', 'link:downgraded')).toHaveLength(1)
    mesh.net.setPath(a.peer, b.peer, 'lan')
    await reconnect()
    expect(paths()).toMatchObject([
      { path: 'lan', downgradedFrom: undefined },
      { path: 'lan', downgradedFrom: undefined },
    ])
  })

  it('a node whose disk is older than what the mesh remembers goes on under a later life', async () => {
    await start(names)
    for (let restart = 0; restart < 3; restart++) {
      mesh.kill('n5')
      await mesh.boot('n5')
      await mesh.time.run(3000)
      expect(isAliveToAll('n5')).toBe(true)
    }
    mesh.kill('n5')
    await mesh.time.until('dead to all', () => isToAll('n5', 'dead'))
    // Life 4 is what the mesh knows; the restored disk counts the next one as 2.
    mesh.get('n5').life = 1
    await mesh.boot('n5')
    await mesh.time.until('alive to all', () => names.every(isAliveToAll))
    expect(mesh.get('n5').life).toBeGreaterThan(4)
  })

  it('nonsense from a peer is refused by its code and changes nothing', async () => {
    await start(names)
    const { transport } = mesh.get('n1')
    const before = mesh.get('n2').node.membership.members()
    for (const bytes of [
      new Uint8Array([255]),
      new Uint8Array([0xa1, 0x64, 0x74, 0x79, 0x70, 0x65, 0x61, 0x78]),
    ])
      transport.send(peerOf('n2'), 'membership', bytes)
    await transport.publish(new Uint8Array([1, 2, 3]))
    await mesh.time.run(100)
    expect(Object.fromEntries(mesh.get('n2').node.membership.refused)).toEqual({
      'wire.malformed': 2,
      'wire.unknown_type': 1,
    })
    expect(
      mesh
        .get('n2')
        .node.membership.members()
        .map(({ status }) => status),
    ).toEqual(before.map(({ status }) => status))
  })
})

describe('40 nodes', () => {
  const names = namesUpTo(40)

  it('connect to a bounded number of others, know all, and reach whom they are not connected to', async () => {
    await start(names, 60_000)
    await mesh.time.run(5000)
    // The leader alone has a connection to everybody: it sends all of them the log.
    const degrees = mesh.nodes
      .filter(({ node }) => !node.authority.governs)
      .map(({ transport }) => transport.connectedPeers().length)
    expect(Math.max(...degrees)).toBeLessThanOrEqual(26)
    expect(names.every(isAliveToAll)).toBe(true)

    const from = mesh.get('n44')
    const stranger = mesh.nodes.find(({ peer }) => peer !== from.peer && !from.transport.isConnected(peer))
    expect(stranger).toBeDefined()
    const asked = from.node.rpc.request(
      stranger?.peer ?? from.peer,
      'roster.list',
      new Uint8Array([0xa1, 0x65, 0x6b, 0x6e, 0x6f, 0x77, 0x6e, 0x80]),
      5000,
    )
    await mesh.time.run(1000)
    expect((await asked).length).toBeGreaterThan(0)

    const task = from.node.submitter.submit(
      { argv: ['sleep', '45000'], on: stranger?.name, cwd: undefined, env: {}, timeoutMs: undefined },
      () => Promise.resolve(),
    )
    await mesh.time.until('the task has its result', () => task.isEnded, 120_000)
    expect(task.task.record).toMatchObject({
      state: 'completed',
      starts: 1,
      attempt: { nodeId: stranger?.name },
    })

    mesh.kill('n22')
    expect(await timeUntil('dead to all', () => isToAll('n22', 'dead'))).toBeLessThanOrEqual(2000)
  }, 120_000)
})
