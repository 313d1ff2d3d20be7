import { afterEach, describe, expect, it } from 'vitest'
import { CodedError, encode } from '../../src/base/index.ts'
import {
  encodeGossip,
  encodeStatement,
  type OrderStatement,
  obstacleOf,
  type SignedOrder,
  type Standing,
} from '../../src/membership/index.ts'
import type { NewOrder } from '../../src/node/orders-driver.ts'
import type { Submission } from '../../src/node/submission.ts'
import { standInKeys } from './support/order-keys.ts'
import { peerOf, TEST_CONFIG, VirtualMesh, type VirtualNode } from './support/virtual-mesh.ts'

const TTL_MS = TEST_CONFIG.leaseTtlMs
const OPEN: Standing = { isQuarantined: false, isRetired: false, maintenance: undefined }

let mesh: VirtualMesh

async function start(names: readonly string[], voters = names.length): Promise<void> {
  mesh = await VirtualMesh.start(names)
  await mesh.time.until(`${voters} voters`, () => {
    const agreed = mesh.leader()?.node.core.status.committedConfiguration
    return agreed?.votersOutgoing.length === 0 && agreed.voters.length === voters
  })
  await mesh.time.until('everybody is alive to everybody', () =>
    mesh.nodes.every(({ node }) => node.membership.members().every(({ status }) => status === 'alive')),
  )
}

const quarantine = (name: string, on = true): NewOrder => ({
  subject: peerOf(name),
  field: 'quarantine',
  on,
  reason: undefined,
})
const maintenance = (name: string, drainMs?: number): NewOrder => ({
  subject: peerOf(name),
  field: 'maintenance',
  on: true,
  reason: undefined,
  drainDeadlineUnixMs: drainMs === undefined ? undefined : mesh.time.wall() + drainMs,
})

/** Resolves when the operator would have been told that the order holds. */
async function give(at: string, wanted: NewOrder): Promise<void> {
  let failure: unknown
  let isDone = false
  mesh
    .get(at)
    .node.orders.give(wanted)
    .catch((thrown: unknown) => {
      failure = thrown
    })
    .finally(() => {
      isDone = true
    })
  await mesh.time.until('the order is given', () => isDone)
  if (failure !== undefined) throw failure
}

const standing = (at: string, of: string) => obstacleOf(mesh.get(at).node.orders.standing(peerOf(of)))

/** This node has not heard of any order, whatever it was told. */
function blind(name: string): void {
  Object.assign(mesh.get(name).node.orders, { standing: () => OPEN })
}

function submit(at: string, argv: readonly string[], on?: string): Submission {
  const request = { argv, on, cwd: undefined, env: {}, timeoutMs: undefined }
  return mesh.get(at).node.submitter.submit(request, () => Promise.resolve())
}

async function running(at: string, argv: readonly string[], on: string): Promise<Submission> {
  const submission = submit(at, argv, on)
  await mesh.time.until('it runs', () => submission.task.record.state === 'running')
  return submission
}

async function finish(submission: Submission): Promise<Submission['task']['record']> {
  await mesh.time.until('the task has its result', () => submission.isEnded, 60_000)
  return submission.task.record
}

/** Of three nodes: the one that leads, and the other two. */
function roles(): { leader: VirtualNode; worker: VirtualNode; third: VirtualNode } {
  const leader = mesh.leader()
  const [third, worker] = mesh.nodes.filter((node) => node !== leader)
  if (leader === undefined || third === undefined || worker === undefined) throw new RangeError('three nodes')
  return { leader, worker, third }
}

const spans = (name: string) => mesh.get(name).executor.spans

function cut(left: readonly string[], right: readonly string[], open = false): void {
  for (const a of left) for (const b of right) mesh.link(a, b, open)
}

afterEach(() => {
  expect(mesh.overlaps()).toEqual([])
  expect(mesh.failures).toEqual([])
})

describe('an order reaches everybody without the authority', () => {
  it('5 nodes, 2 of them cut off: no new work on their side within 2 s, and none on the other within 5 s of the heal', async () => {
    const all = ['a', 'b', 'c', 'd', 'e']
    const [few, most] = [
      ['a', 'b'],
      ['c', 'd', 'e'],
    ]
    await start(all)
    cut(few, most)
    await mesh.time.until('the two have no leader', () =>
      few.every((name) => mesh.get(name).node.authority.leader === undefined),
    )
    for (const name of all) await give('a', quarantine(name))
    await mesh.time.run(2000)
    for (const name of few) {
      expect(all.map((of) => standing(name, of))).toEqual(all.map(() => 'quarantined'))
      expect(await finish(submit(name, ['sleep', '10']))).toMatchObject({ state: 'failed', starts: 0 })
    }
    expect((await finish(submit('c', ['sleep', '10'], 'd'))).state).toBe('completed')

    cut(few, most, true)
    await mesh.time.run(5000)
    const before = most.map((name) => spans(name).length)
    for (const name of most) {
      expect(standing(name, name)).toBe('quarantined')
      expect(await finish(submit(name, ['sleep', '10']))).toMatchObject({ state: 'failed', starts: 0 })
    }
    expect(most.map((name) => spans(name).length)).toEqual(before)
  })

  it('4 nodes in a row: what one hears of the next when a link heals, it passes on', async () => {
    await start(['a', 'b', 'c', 'd'], 3)
    cut(['a'], ['b', 'c', 'd'])
    cut(['b'], ['d'])
    await give('a', quarantine('d'))
    await mesh.time.run(1000)
    expect(standing('d', 'd')).toBeUndefined()
    mesh.link('a', 'b', true)
    await mesh.time.run(1000)
    expect(['b', 'c'].map((name) => standing(name, 'd'))).toEqual(['quarantined', 'quarantined'])
    await mesh.time.until('it has come to the end of the row', () => standing('d', 'd') !== undefined, 60_000)
  })

  it.each([
    ['gossip', { publish: () => Promise.resolve() }, {}],
    [
      'direct messages',
      {},
      { request: () => Promise.reject(new CodedError('net.disconnected', { peer: 'b' })) },
    ],
  ])('when %s are lost, the other way is enough', async (_, transport, rpc) => {
    await start(['a', 'b', 'c'])
    Object.assign(mesh.get('a').transport, transport)
    Object.assign(mesh.get('a').node.rpc, rpc)
    await give('a', quarantine('b'))
    await mesh.time.run(100)
    expect(['b', 'c'].map((name) => standing(name, 'b'))).toEqual(['quarantined', 'quarantined'])
  })

  it('a node that was off hears of the order when it is back', async () => {
    await start(['a', 'b', 'c'])
    mesh.kill('c')
    await give('a', quarantine('c'))
    await mesh.boot('c')
    await mesh.time.run(100)
    expect(standing('c', 'c')).toBe('quarantined')
  })

  it('an order that was acknowledged survives the crash of its issuer and of its subject, both alone', async () => {
    await start(['a', 'b', 'c'])
    await give('a', quarantine('b'))
    await mesh.time.run(100)
    for (const name of ['a', 'b']) mesh.kill(name)
    cut(['a', 'b'], ['c'])
    cut(['a'], ['b'])
    for (const name of ['a', 'b']) {
      await mesh.boot(name)
      expect(standing(name, 'b')).toBe('quarantined')
    }
  })

  it('orders of both sides at the same time: after the heal the stricter holds everywhere', async () => {
    await start(['a', 'b', 'c'])
    cut(['a'], ['b', 'c'])
    const given = [
      mesh.get('a').node.orders.give(quarantine('c', false)),
      mesh.get('b').node.orders.give(quarantine('c')),
    ]
    await mesh.time.run(100)
    const [one, other] = await Promise.all(given)
    expect(one?.says.wallMs).toBe(other?.says.wallMs)
    cut(['a'], ['b', 'c'], true)
    await mesh.time.run(1000)
    for (const name of ['a', 'b', 'c']) expect(standing(name, 'c')).toBe('quarantined')
  })

  it('the last word counts: a quarantine is lifted, and the node works again', async () => {
    await start(['a', 'b', 'c'])
    await give('a', quarantine('b'))
    await give('c', quarantine('b', false))
    await mesh.time.run(100)
    expect(['a', 'b', 'c'].map((name) => standing(name, 'b'))).toEqual([undefined, undefined, undefined])
    expect((await finish(submit('a', ['sleep', '10'], 'b'))).state).toBe('completed')
  })

  it('the node says in its record what it believes', async () => {
    await start(['a', 'b', 'c'])
    const recordOfB = () =>
      mesh
        .get('a')
        .node.membership.members()
        .find(({ peer }) => peer === peerOf('b'))?.record
    await give('a', { ...maintenance('b'), untilUnixMs: mesh.time.wall() + 60_000 } as NewOrder)
    await mesh.time.until('it says so', () => recordOfB()?.maintenance === true)
    expect(recordOfB()).toMatchObject({ quarantined: false, maintenance_until_unix_ms: expect.any(Number) })
    await mesh.time.until('it says that it is over', () => recordOfB()?.maintenance === false, 70_000)
  })
})

describe('each of worker, submitter and leader obeys by itself', () => {
  it('the worker refuses the offer of a submitter that has not heard', async () => {
    await start(['a', 'b', 'c'])
    await give('a', quarantine('b'))
    blind('a')
    blind((mesh.leader() as VirtualNode).name)
    const record = await finish(submit('a', ['sleep', '10'], 'b'))
    expect(record.history.map(({ detail }) => detail)).toContain('b refused: quarantined')
    expect(spans('b')).toEqual([])
  })

  it('the worker starts nothing that it had accepted before it heard', async () => {
    await start(['a', 'b', 'c'])
    const { leader, worker, third } = roles()
    blind(leader.name)
    const submission = submit(third.name, ['sleep', '10'], worker.name)
    for (let ms = 0; worker.node.worker.running === 0 && ms < 1000; ms++) await mesh.time.run(1)
    expect(worker.executor.spans).toEqual([])
    const given = worker.node.orders.give(quarantine(worker.name))
    expect(await finish(submission)).toMatchObject({ state: 'completed', starts: 1 })
    expect(submission.task.record.attempt?.nodeId).toBe(third.name)
    expect(submission.task.record.history.map(({ reason }) => reason)).toContain('quarantined')
    expect(worker.executor.spans).toEqual([])
    await given
  })

  it('the submitter offers nothing, and says why', async () => {
    await start(['a', 'b', 'c'])
    await give('a', maintenance('b'))
    blind('b')
    expect(await finish(submit('a', ['sleep', '10'], 'b'))).toMatchObject({
      state: 'failed',
      reason: 'maintenance',
    })
    expect((await finish(submit('a', ['sleep', '10']))).attempt?.nodeId).toBe('c')
    expect(spans('b')).toEqual([])
  })

  it.each([
    ['quarantine', 'quarantined'],
    ['retire', 'retired'],
    ['maintenance', 'maintenance'],
  ] as const)('the leader grants nothing to a holder under %s', async (field, reason) => {
    await start(['a', 'b', 'c'])
    const { leader, worker, third: submitter } = roles()
    await give(leader.name, { subject: worker.peer, field, on: true, reason: undefined })
    blind(submitter.name)
    blind(worker.name)
    const record = await finish(submit(submitter.name, ['sleep', '10'], worker.name))
    expect(record).toMatchObject({ state: 'completed', attempt: { nodeId: submitter.name } })
    expect(record.history.map((change) => change.reason)).toContain(reason)
    expect(worker.executor.spans).toEqual([])
  })

  it('the leader renews nothing for a worker that has not heard: its work ends with the lease', async () => {
    await start(['a', 'b', 'c'])
    const { leader, worker, third: submitter } = roles()
    const submission = await running(submitter.name, ['forever'], worker.name)
    blind(worker.name)
    await give(leader.name, quarantine(worker.name))
    await mesh.time.run(TTL_MS)
    expect(worker.executor.spans[0]?.to).toBeDefined()
    submission.cancel()
    await finish(submission)
  })

  it('a task that waits to run at home, when home is quarantined, fails with that reason', async () => {
    await start(['a', 'b', 'c'])
    const submission = await running('a', ['forever'], 'b')
    await give('c', quarantine('a'))
    mesh.kill('b')
    expect(await finish(submission)).toMatchObject({
      state: 'failed',
      reason: 'quarantined',
      finalResults: 1,
    })
    expect(spans('a')).toEqual([])
  })
})

describe('what runs under an order', () => {
  it('quarantine: the worker renews nothing from that moment, the work ends within its lease, and runs at home', async () => {
    await start(['a', 'b', 'c'])
    const { leader, worker, third } = roles()
    blind(leader.name)
    const submission = await running(third.name, ['sleep', '60000'], worker.name)
    const { machine } = leader.node.authority
    const renewals = () => machine.leases().find(({ holder }) => holder === worker.peer)?.renewals
    await mesh.time.until('it was renewed', () => (renewals() ?? 0) > 2)
    await give(third.name, quarantine(worker.name))
    await mesh.time.run(100)
    const before = renewals()
    expect(before).toBeGreaterThan(2)
    await mesh.time.run(TTL_MS / 2)
    expect(worker.executor.spans[0]?.to).toBeUndefined()
    expect(renewals()).toBe(before)
    await mesh.time.run(TTL_MS / 2 - 100)
    expect(worker.executor.spans[0]?.to).toBeDefined()
    await mesh.time.until('it runs at home', () => submission.task.record.attempt?.nodeId === third.name)
    expect(submission.task.record.history.map(({ reason }) => reason)).toContain('quarantined')
    submission.cancel()
    await finish(submission)
  })

  it('quarantine without an authority: a task that runs at home without a lease ends as well', async () => {
    await start(['a', 'b', 'c'])
    cut(['a'], ['b', 'c'])
    await mesh.time.until('no leader is left', () => mesh.get('a').node.authority.leader === undefined)
    const submission = await running('a', ['forever'], 'a')
    expect(submission.task.record.attempt?.leaseId).toBeUndefined()
    await give('a', quarantine('a'))
    await mesh.time.run(TTL_MS)
    expect(spans('a')[0]?.to).toBeDefined()
    expect(await finish(submission)).toMatchObject({ state: 'failed' })
  })

  it('drain: nothing new, and what runs there finishes, long after its first lease would have ended', async () => {
    await start(['a', 'b', 'c'])
    const submission = await running('a', ['sleep', '12000'], 'b')
    await give('a', maintenance('b', 20_000))
    expect(await finish(submit('a', ['sleep', '10'], 'b'))).toMatchObject({
      reason: 'maintenance',
      starts: 0,
    })
    expect(await finish(submission)).toMatchObject({
      state: 'completed',
      starts: 1,
      attempt: { nodeId: 'b' },
    })
    expect(mesh.get('b').node.worker.running).toBe(0)
  })

  it('drain: at the deadline what still runs is ended, and runs elsewhere with that reason', async () => {
    await start(['a', 'b', 'c'])
    const submission = await running('a', ['sleep', '60000'], 'b')
    await give('a', maintenance('b', 5000))
    const deadline = mesh.time.now() + 5000
    await mesh.time.run(4800)
    expect(spans('b')[0]?.to).toBeUndefined()
    await mesh.time.run(400)
    expect(spans('b')[0]?.to).toBeGreaterThanOrEqual(deadline - 20)
    await mesh.time.until('it runs at home', () => submission.task.record.attempt?.nodeId === 'a')
    expect(submission.task.record.history.map(({ reason }) => reason)).toContain('drain_deadline')
    submission.cancel()
    await finish(submission)
  })
})

describe('who leads and who votes', () => {
  it('a leader in maintenance hands over', async () => {
    await start(['a', 'b', 'c'])
    const first = mesh.leader() as VirtualNode
    await give(first.name, maintenance(first.name))
    await mesh.time.until('another leads', () => ![undefined, first].includes(mesh.leader()), 10_000)
  })

  it('when every voter is under an order, whoever leads goes on', async () => {
    await start(['a', 'b', 'c'])
    const leader = mesh.leader() as VirtualNode
    const { term } = leader.node.core.status
    for (const { name } of mesh.nodes.filter((node) => node !== leader)) await give('a', maintenance(name))
    await give('a', maintenance(leader.name))
    await mesh.time.run(20_000)
    expect(mesh.leader()).toBe(leader)
    expect(leader.node.core.status.term).toBe(term)
  })

  it('4 nodes: a retired voter loses its vote to the fourth, and gets no work', async () => {
    await start(['a', 'b', 'c', 'd'], 3)
    const voters = () => mesh.leader()?.node.core.status.committedConfiguration.voters ?? []
    const [victim] = mesh.nodes.filter((node) => node !== mesh.leader() && voters().includes(node.peer))
    if (victim === undefined) throw new RangeError('a voter that follows')
    await give('a', { subject: victim.peer, field: 'retire', on: true, reason: undefined })
    await mesh.time.until('the fourth votes', () => voters().length === 3 && !voters().includes(victim.peer))
    expect(await finish(submit('a', ['sleep', '10'], victim.name))).toMatchObject({ state: 'failed' })
  })
})

describe('what is no order is refused, counted and told', () => {
  const statement = (fields: Partial<OrderStatement> = {}): OrderStatement =>
    ({
      version: 1,
      scopeId: 'scope',
      issuer: peerOf('b'),
      subject: peerOf('c'),
      wallMs: mesh.time.wall(),
      counter: 0,
      field: 'quarantine',
      on: true,
      ...fields,
    }) as OrderStatement

  const signed = (says: OrderStatement, by = says.issuer): SignedOrder => {
    const bytes = encodeStatement(says)
    return { statement: bytes, signature: standInKeys(by).sign(bytes) }
  }

  async function tell(order: SignedOrder): Promise<void> {
    const body = encode({ orders: [order], fresh: true })
    void mesh.get('b').node.rpc.request(peerOf('a'), 'orders.tell', body, 1000)
    await mesh.time.run(50)
  }

  it.each([
    ['forged', () => signed(statement(), peerOf('a'))],
    [
      'forged',
      () => ({ ...signed(statement()), statement: encodeStatement(statement({ subject: peerOf('a') })) }),
    ],
    ['foreign_scope', () => signed(statement({ scopeId: 'another' }))],
    ['not_admin', () => signed(statement({ issuer: peerOf('d') }))],
    ['implausible_time', () => signed(statement({ wallMs: 4_102_444_800_001 }))],
    ['malformed', () => ({ statement: new Uint8Array(3), signature: new Uint8Array(64) })],
  ] as const)('%s', async (why, make) => {
    await startWithGuest()
    const order = make()
    await tell(order)
    const { node, events } = mesh.get('a')
    expect(node.orders.refused(why)).toBe(1)
    expect(events).toContainEqual(
      expect.objectContaining({ kind: 'admin', type: 'admin:order_refused', reason: why }),
    )
    expect(node.orders.list()).toEqual([])
    // The same over gossip, where anybody can be the one who passes it on; said once in a second, counted each time.
    await mesh.get('c').transport.publish(encodeGossip({ type: 'orders', orders: [order] }))
    await mesh.time.run(50)
    expect(node.orders.refused(why)).toBe(2)
    expect(events.filter(({ type }) => type === 'admin:order_refused')).toHaveLength(1)
    expect(node.orders.list()).toEqual([])
  })

  it('after one forged order the rest of the message is not looked at', async () => {
    await start(['a', 'b', 'c'])
    const some = [signed(statement(), peerOf('a')), signed(statement({ subject: peerOf('b') }))]
    const body = encode({ orders: some, fresh: true })
    void mesh.get('b').node.rpc.request(peerOf('a'), 'orders.tell', body, 1000)
    await mesh.time.run(50)
    expect(mesh.get('a').node.orders.refused('forged')).toBe(1)
    expect(mesh.get('a').node.orders.list()).toEqual([])
  })

  it('a repetition of what was lifted since', async () => {
    await start(['a', 'b', 'c'])
    await give('b', quarantine('c'))
    const captured = mesh.get('a').node.orders.list()[0]?.signed
    await give('b', quarantine('c', false))
    await mesh.time.run(100)
    await tell(captured as SignedOrder)
    expect(mesh.get('a').node.orders.refused('older')).toBe(1)
    expect(standing('a', 'c')).toBeUndefined()
  })

  it('a node without the role gives none', async () => {
    await startWithGuest()
    const refusal = await give('d', quarantine('c')).catch((thrown: unknown) => thrown)
    expect(refusal).toBeInstanceOf(CodedError)
    expect(refusal).toMatchObject({ code: 'credential.not_admin' })
    expect(standing('d', 'c')).toBeUndefined()
  })

  it('an end in the past is refused at the issuer', async () => {
    await start(['a', 'b', 'c'])
    await expect(give('a', maintenance('b', -1))).rejects.toMatchObject({ code: 'input.invalid' })
    expect(mesh.get('a').node.orders.list()).toEqual([])
  })

  it('a clock that is ahead is believed with a warning, and whoever has the right time still has the last word', async () => {
    await start(['a', 'b', 'c'])
    await tell(signed(statement({ wallMs: mesh.time.wall() + 3_600_000 })))
    expect(standing('a', 'c')).toBe('quarantined')
    expect(mesh.get('a').events).toContainEqual(expect.objectContaining({ type: 'admin:order_from_future' }))
    await give('a', quarantine('c', false))
    await mesh.time.run(100)
    expect(['a', 'b', 'c'].map((name) => standing(name, 'c'))).toEqual([undefined, undefined, undefined])
  })

  /** d belongs to the mesh, and its credential has no role `admin`. */
  async function startWithGuest(): Promise<void> {
    await start(['a', 'b', 'c', 'd'], 3)
    mesh.notAdmins.add('d')
    for (const name of ['a', 'b', 'c', 'd']) mesh.kill(name)
    for (const name of ['a', 'b', 'c', 'd']) await mesh.boot(name)
    await mesh.time.until('somebody leads', () => mesh.leader() !== undefined)
  }
})
