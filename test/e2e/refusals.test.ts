import { open, readdir, readFile, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { DemoNode } from '../../bootstrap/demo/demo-node.ts'
import { ran, TestMesh } from './support/mesh.ts'

const inviteShape = z.looseObject({ invite: z.string(), expiresUnixMs: z.number() })

/** What a user sees: one sentence and what to do, never a stack trace. */
function expectClear(error: string, ...parts: readonly string[]): void {
  for (const part of parts) expect(error).toContain(part)
  expect(error).toContain('hint:')
  expect(error).not.toMatch(/\n\s+at .*:\d+:\d+/)
}

const failure = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'it did not fail',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )

describe('a real node refuses what it must, clearly, and goes on', () => {
  let mesh: TestMesh
  let desk: DemoNode

  beforeAll(async () => {
    mesh = await TestMesh.form(['desk'])
    desk = mesh.get('desk')
  }, 120_000)

  afterAll(() => mesh.end())

  const newInvite = async (...args: readonly string[]): Promise<string> =>
    (await desk.json(inviteShape, ['invite', ...args])).invite

  it('an invite that is cut off, mistyped, or reused', async () => {
    const invite = await newInvite()
    const attic = mesh.fresh('attic')
    const join = (text: string, node = attic): Promise<string> =>
      failure(node.cli(['join', '-', '--node-id', node.name], text))
    expectClear(await join(invite.slice(0, 60)), 'cut off')
    expectClear(await join('populi1.hello'), 'not an invite')
    expectClear(
      await join(`${invite.slice(0, 40)}${invite[40] === 'A' ? 'B' : 'A'}${invite.slice(41)}`),
      'not an invite',
    )

    expect(await join(invite)).toBe('it did not fail')
    expectClear(await join(invite, mesh.fresh('late')), 'already used')
    expect((await ran(desk, undefined, ['echo', 'alive'])).output).toBe('alive\n')
  }, 60_000)

  it('an expired invite', async () => {
    const { invite, expiresUnixMs } = await desk.json(inviteShape, ['invite', '--ttl', '1s'])
    await expect.poll(() => Date.now() > expiresUnixMs, { timeout: 20_000 }).toBe(true)
    const error = await failure(mesh.fresh('slow').cli(['join', '-', '--node-id', 'slow'], invite))
    expectClear(error, 'expired', 'populi invite')
  }, 60_000)

  it('an inviting node that cannot be reached', async () => {
    const other = await TestMesh.form(['gone'])
    const { invite } = await other.get('gone').json(inviteShape, ['invite'])
    await other.end()
    const error = await failure(mesh.fresh('alone').cli(['join', '-', '--node-id', 'alone'], invite))
    expectClear(error, 'no address of the invite answered')
  }, 60_000)

  it('a port that is in use', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const address = taken.address()
    const port = typeof address === 'object' && address !== null ? String(address.port) : ''
    const node = mesh.fresh('ports')
    await node.cli(['init'])
    for (const flag of ['--peer-port', '--facade-port']) {
      const other = flag === '--peer-port' ? '--facade-port' : '--peer-port'
      const error = await failure(node.cli(['up', flag, port, other, '0']))
      expectClear(error, `127.0.0.1:${port}`, 'in use', flag)
    }
    taken.close()
  }, 60_000)

  it('a data directory that is in use, that belongs to a mesh, or that belongs to none', async () => {
    expectClear(
      await failure(desk.cli(['up', '--peer-port', '0', '--facade-port', '0'])),
      'in use by another node',
    )
    expectClear(await failure(desk.cli(['init'])), 'already belongs to scope')
    const empty = mesh.fresh('empty')
    expectClear(
      await failure(empty.cli(['up', '--peer-port', '0', '--facade-port', '0'])),
      'no mesh in',
      'populi init',
    )
    expectClear(await failure(empty.cli(['status'])), 'no mesh in')
  }, 60_000)

  it('a damaged data directory is named, and nothing is voted on', async () => {
    const node = mesh.fresh('damaged')
    await node.cli(['init'])
    const db = join(node.dataDir, 'db')
    const [log] = (await readdir(db)).filter((name) => name.endsWith('.log'))
    const path = join(db, log ?? 'no log')
    const before = await readFile(path)
    const file = await open(path, 'r+')
    await file.write(Buffer.from([(before[60] ?? 0) ^ 0xff]), 0, 1, 60)
    await file.close()
    const error = await failure(node.cli(['up', '--peer-port', '0', '--facade-port', '0']))
    expectClear(error, 'damaged record')
    expect(await stat(path)).toMatchObject({ size: before.length })
  }, 60_000)

  it('a task for a node that does not exist, or that is not there', async () => {
    expectClear(await failure(desk.cli(['run', '--on', 'nowhere', '--', 'true'])), 'no node "nowhere"')
    const error = await failure(desk.cli(['run', '--on', 'attic', '--', 'true']))
    expect(error).toContain('attic')
    expect(error).not.toMatch(/\n\s+at .*:\d+:\d+/)
    expectClear(await failure(desk.cli(['task', '123'])), 'no task 123')
    expectClear(await failure(desk.cli(['cancel', 'abc'])), 'task id')
  }, 60_000)

  it('settings that cannot be', async () => {
    const node = mesh.fresh('settings')
    await node.cli(['init'])
    expectClear(await failure(node.cli(['up', '--peer-port', 'ninety'])), 'ninety')
    expectClear(await failure(node.cli(['up', '--lease-ttl-ms', '5'])), 'lease.ttlMs')
  }, 60_000)
})
