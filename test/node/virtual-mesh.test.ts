import { afterEach, describe, expect, it } from 'vitest'
import { encode, type LeaseId } from '../../src/base/index.ts'
import type { RunEvent, RunRequest } from '../../src/node/control/node-control.ts'
import type { Submission } from '../../src/node/submission.ts'
import { TEST_CONFIG, VirtualMesh, type VirtualNode } from './support/virtual-mesh.ts'

const request = (argv: readonly string[], on?: string): RunRequest => ({
  argv,
  on,
  cwd: undefined,
  env: {},
  timeoutMs: undefined,
})

let mesh: VirtualMesh

async function start(names: readonly string[]): Promise<void> {
  mesh = await VirtualMesh.start(names)
  const size = names.length
  await mesh.time.until(`${size} voters`, () => {
    const agreed = mesh.leader()?.node.core.status.committedConfiguration
    return agreed?.votersOutgoing.length === 0 && agreed.voters.length === (size === 2 ? 1 : size)
  })
  await mesh.time.until('everybody is alive to everybody', () =>
    mesh.nodes.every(({ node }) => node.membership.members().every(({ status }) => status === 'alive')),
  )
}

function submit(at: string, argv: readonly string[], on?: string, events: RunEvent[] = []): Submission {
  return mesh.get(at).node.submitter.submit(request(argv, on), (event) => {
    events.push(event)
    return Promise.resolve()
  })
}

async function finish(submission: Submission): Promise<Submission['task']['record']> {
  await mesh.time.until('the task has its result', () => submission.isEnded, 60_000)
  return submission.task.record
}

const others = (names: readonly string[], not: VirtualNode): VirtualNode[] =>
  names.map((name) => mesh.get(name)).filter((node) => node !== not)

afterEach(() => {
  expect(mesh.overlaps()).toEqual([])
  expect(mesh.failures).toEqual([])
})

describe('composed nodes over a virtual network', () => {
  it('3 nodes: joined machines become voters, and a task runs on another node under a lease', async () => {
    await start(['a', 'b', 'c'])
    const record = await finish(submit('a', ['sleep', '500'], 'b'))
    expect(record).toMatchObject({ state: 'completed', starts: 1, finalResults: 1 })
    expect(record.attempt).toMatchObject({ nodeId: 'b' })
    await mesh.time.run(200)
    expect(mesh.leader()?.node.authority.machine.leases()).toEqual([])
  })

  it('2 nodes: one votes, and tasks run on either', async () => {
    await start(['a', 'b'])
    expect((await finish(submit('a', ['sleep', '10'], 'b'))).attempt?.nodeId).toBe('b')
    expect((await finish(submit('b', ['sleep', '10'], 'a'))).attempt?.nodeId).toBe('a')
  })

  it('1 node: a task runs at home under a lease of its own', async () => {
    await start(['a'])
    const record = await finish(submit('a', ['sleep', '10']))
    expect(record).toMatchObject({ state: 'completed', reason: 'local_queue_default' })
    expect(record.attempt?.leaseId).toBeGreaterThan(0)
  })

  it('3 nodes: the worker is killed; the task waits for the lease to end, runs at home, ends once', async () => {
    await start(['a', 'b', 'c'])
    const submission = submit('a', ['sleep', '4000'], 'b')
    await mesh.time.until('it runs', () => submission.task.record.state === 'running')
    mesh.kill('b')
    const record = await finish(submission)
    expect(record).toMatchObject({ state: 'completed', starts: 2, finalResults: 1, reason: 'worker_lost' })
    expect(record.attempt?.nodeId).toBe('a')
  })

  it('3 nodes: a worker that lost the submitter but not the authority ends the task, and nobody runs it twice', async () => {
    await start(['a', 'b', 'c'])
    const submission = submit('a', ['sleep', '60000'], 'b')
    await mesh.time.until('it runs', () => submission.task.record.state === 'running')
    mesh.link('a', 'b', false)
    await mesh.time.until('it runs at home', () => submission.task.record.attempt?.nodeId === 'a', 30_000)
    submission.cancel()
    await finish(submission)
    expect(mesh.get('b').executor.spans).toHaveLength(1)
  })

  it('3 nodes: a worker that is cut off from everybody is quiet before the task runs again', async () => {
    await start(['a', 'b', 'c'])
    const submission = submit('a', ['sleep', '8000'], 'b')
    await mesh.time.until('it runs', () => submission.task.record.state === 'running')
    mesh.link('a', 'b', false)
    mesh.link('b', 'c', false)
    const record = await finish(submission)
    expect(record).toMatchObject({ state: 'completed', starts: 2, finalResults: 1 })
  })

  it('3 nodes: the worker goes silent without a closed connection; its lease expires, and the task runs at home', async () => {
    await start(['a', 'b', 'c'])
    const submission = submit('a', ['sleep', '6000'], 'b')
    await mesh.time.until('it runs', () => submission.task.record.state === 'running')
    mesh.silence('a', 'b')
    mesh.silence('b', 'c')
    const record = await finish(submission)
    expect(record).toMatchObject({ state: 'completed', starts: 2, finalResults: 1, reason: 'lease_expired' })
    await mesh.time.until(
      'the silent node is given up',
      () => !mesh.get('a').transport.isConnected(mesh.get('b').peer),
    )
  })

  it('3 nodes: the link flaps; the worker goes on, and its one result counts', async () => {
    await start(['a', 'b', 'c'])
    const submission = submit('a', ['sleep', '2000'], 'b')
    await mesh.time.until('it runs', () => submission.task.record.state === 'running')
    mesh.link('a', 'b', false)
    await mesh.time.run(100)
    mesh.link('a', 'b', true)
    expect(await finish(submission)).toMatchObject({ state: 'completed', starts: 1, finalResults: 1 })
    expect(submission.task.record.attempt?.nodeId).toBe('b')
  })

  it('3 nodes: after the loss of any one the other two go on granting, and it catches up when it is back', async () => {
    await start(['a', 'b', 'c'])
    for (const victim of ['a', 'b', 'c']) {
      mesh.kill(victim)
      const [left, right] = others(['a', 'b', 'c'], mesh.get(victim))
      if (left === undefined || right === undefined) throw new RangeError('two are left')
      await mesh.time.until('one of the two leads', () =>
        [left, right].includes(mesh.leader() as VirtualNode),
      )
      const record = await finish(submit(left.name, ['sleep', '10'], right.name))
      expect(record).toMatchObject({ state: 'completed', finalResults: 1 })
      await mesh.boot(victim)
      const committed = mesh.leader()?.node.core.status.commitIndex ?? 0
      await mesh.time.until(
        'it has caught up',
        () => mesh.get(victim).node.core.status.commitIndex >= committed,
      )
      await mesh.time.run(3000)
    }
  })

  it('3 nodes: the leader is killed while a task runs elsewhere; the task goes on under its lease', async () => {
    await start(['a', 'b', 'c'])
    const leader = mesh.leader() as VirtualNode
    const [submitter, worker] = others(['a', 'b', 'c'], leader)
    if (submitter === undefined || worker === undefined) throw new RangeError('two are left')
    const submission = submit(submitter.name, ['sleep', '6000'], worker.name)
    await mesh.time.until('it runs', () => submission.task.record.state === 'running')
    mesh.kill(leader.name)
    expect(await finish(submission)).toMatchObject({ state: 'completed', starts: 1, finalResults: 1 })
  })

  it('3 nodes: every voter comes to hold the root key, a node that does not vote is refused it', async () => {
    await start(['a', 'b', 'c'])
    await mesh.time.until('all three hold it', () => mesh.nodes.every(({ rootKey }) => rootKey !== undefined))
    const [founder, ...joined] = mesh.nodes
    for (const { node } of joined) {
      expect(node.rootKeys.rootKey?.publicKey).toEqual(founder?.node.rootKeys.rootKey?.publicKey)
    }

    await start(['a', 'b'])
    await mesh.time.run(10_000)
    expect(mesh.get('b').rootKey).toBeUndefined()
    const recipient = new Uint8Array(32).fill(9)
    const asked = mesh
      .get('b')
      .node.rpc.request(mesh.get('a').peer, 'identity.root-key', encode({ recipient }), 1000)
    const refusal = expect(asked).rejects.toMatchObject({ code: 'enrol.no_root_key' })
    await mesh.time.run(100)
    await refusal
  })

  it('cancel reaches the worker, and the lease is free again', async () => {
    await start(['a', 'b', 'c'])
    const submission = submit('a', ['forever'], 'b')
    await mesh.time.until('it runs', () => submission.task.record.state === 'running')
    submission.cancel()
    expect(await finish(submission)).toMatchObject({
      state: 'cancelled',
      finalResults: 1,
      reason: 'cancelled_by_user',
    })
    await mesh.time.until(
      'no lease is left',
      () => mesh.leader()?.node.authority.machine.leases().length === 0,
    )
    const ofTask = mesh.get('a').events.filter(({ detail }) => detail?.['taskId'] === submission.task.taskId)
    expect(ofTask.map(({ type, detail }) => [type, detail?.['runState']])).toEqual([
      ['task:queued', undefined],
      ['task:placing', undefined],
      ['task:leasing', undefined],
      ['task:offered', undefined],
      ['task:running', 'start'],
      ['task:cancel_requested', 'cancel_requested'],
      ['task:cancelled', 'cancelled'],
    ])
    expect(ofTask.at(-1)?.detail?.['cancelLatencyMs']).toBeLessThan(50)
  })

  it('a worker that restarts reports what was lost, so that nobody waits for its lease', async () => {
    await start(['a', 'b', 'c'])
    const submission = submit('a', ['sleep', '3000'], 'b')
    await mesh.time.until('it runs', () => submission.task.record.state === 'running')
    mesh.kill('b')
    await mesh.boot('b')
    expect(await finish(submission)).toMatchObject({ state: 'completed', finalResults: 1 })
  })

  it('a slow reader slows the writer: what is on its way stays within the window', async () => {
    await start(['a', 'b', 'c'])
    let received = 0
    let release: () => void = () => undefined
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const submission = mesh
      .get('a')
      .node.submitter.submit(request(['print', '64', '65536'], 'b'), async (event) => {
        if (event.type !== 'output') return
        received += event.chunk.length
        await gate
      })
    await mesh.time.run(5000)
    expect(received).toBe(65_536)
    expect(submission.task.record.attempt?.outputBytes).toBeLessThanOrEqual(256 * 1024)
    release()
    await finish(submission)
    await mesh.time.until('everything was read', () => received === 64 * 65_536)
  })

  it('a guardian that takes no more is a result with its reason, not the end of the node', async () => {
    await start(['a', 'b', 'c'])
    const record = await finish(submit('a', ['too-many'], 'b'))
    expect(record).toMatchObject({ state: 'failed', reason: 'cannot_start', starts: 0, finalResults: 1 })
    expect((await finish(submit('a', ['sleep', '10'], 'b'))).state).toBe('completed')
  })

  it.each([{ remoteExecute: false }, { leaseGating: false }])(
    'a worker that did not switch it on (%o) runs nothing for others, whatever it is sent',
    async (config) => {
      await start(['a', 'b', 'c'])
      mesh.kill('b')
      // Its record still claims to take work, so placement chooses it: the worker itself must refuse.
      await mesh.boot('b', config)
      await mesh.time.run(3000)
      const record = await finish(submit('a', ['sleep', '10'], 'b'))
      expect(record).toMatchObject({ state: 'completed', reason: 'offer_refused', finalResults: 1 })
      expect(record.attempt?.nodeId).toBe('a')
      expect(mesh.get('b').executor.spans).toEqual([])
      expect((await finish(submit('b', ['sleep', '10'], 'b'))).state).toBe('completed')
    },
  )

  it('a revoked lease: its holder ends the work at once, long before the lease would have run out', async () => {
    await start(['a', 'b', 'c'])
    const submission = submit('a', ['forever'], 'b')
    await mesh.time.until('it runs', () => submission.task.record.state === 'running')
    const [lease] = mesh.get('c').node.authority.machine.leases()
    const revokedAt = mesh.time.now()
    const revoked = mesh
      .get('c')
      .node.client.execute({ type: 'lease.revoke', leaseId: lease?.leaseId as LeaseId, force: false }, 2000)
    await mesh.time.until('nothing of it runs', () =>
      mesh.get('b').executor.spans.every(({ to }) => to !== undefined),
    )
    expect(mesh.time.now() - revokedAt).toBeLessThan(1000)
    await revoked
    await mesh.time.until('the key is free', () =>
      mesh
        .get('c')
        .node.authority.machine.leases()
        .every(({ leaseId }) => leaseId !== lease?.leaseId),
    )
    expect(mesh.time.now() - revokedAt).toBeLessThan(TEST_CONFIG.leaseTtlMs / 2)
    expect(mesh.overlaps()).toEqual([])
    submission.cancel()
    await mesh.time.until('the task has ended', () => submission.isEnded, 60_000)
  })

  it('the reader goes away: the task is cancelled and holds nothing up', async () => {
    await start(['a', 'b', 'c'])
    const submission = submit('a', ['forever'], 'b')
    await mesh.time.until('it runs', () => submission.task.record.state === 'running')
    submission.abandon()
    expect(await finish(submission)).toMatchObject({ state: 'cancelled', finalResults: 1 })
  })
})
