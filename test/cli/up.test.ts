import { expect, test } from 'vitest'
import { CodedError } from '../../src/base/index.ts'
import type { ConfigFlags } from '../../src/node/config/index.ts'
import { SETTINGS } from '../../src/node/config/index.ts'
import { STATUS } from '../node/control/fake-control.ts'
import { calling, cli, FakeNode } from './support.ts'

function starting(): {
  node: FakeNode
  flags: ConfigFlags[]
  up: Promise<void>
  start: () => Promise<FakeNode>
} {
  const node = new FakeNode()
  const flags: ConfigFlags[] = []
  const { promise: up, resolve } = Promise.withResolvers<void>()
  const start = async (options?: { flags: ConfigFlags }) => {
    flags.push(options?.flags ?? {})
    resolve()
    return node
  }
  return { node, flags, up, start }
}

test('on a terminal: what it listens on and what to do next; Ctrl-C stops it in good order', async () => {
  const { node, up, start } = starting()
  const call = calling(['up'], { columns: 120, env: { NO_COLOR: '1' }, deps: { start } })
  await up
  call.interrupt()
  expect(await call.ended).toStrictEqual({
    code: 0,
    out: `node    desk
scope   abcdefghijklmnop
listen  /ip4/127.0.0.1/tcp/9846
http    http://127.0.0.1:9847
remote  off: lease gating is switched off, and without a lease nothing is run elsewhere (lease_gating_disabled)

The node is up; Ctrl-C stops it. In another terminal:
  populi status            what this node sees
  populi invite            admit another machine
  populi run -- hostname   run a command
`,
    err: '',
  })
  expect(node.stops).toBe(1)
})

test('with a data directory of its own, the next steps name it', async () => {
  const { node, start } = starting()
  node.end.resolve()
  const { out } = await cli(['up', '--data-dir', '/d e'], { columns: 120, deps: { start } })
  expect(out).toContain("  populi status --data-dir '/d e'            what")
})

test('--json: one ready line; without terminal and --json: silence', async () => {
  const { node, start } = starting()
  node.end.resolve()
  const { out } = await cli(['up', '--json'], { deps: { start } })
  expect(JSON.parse(out)).toStrictEqual({ event: 'ready', ...STATUS })
  expect((await cli(['up'], { deps: { start } })).out).toBe('')
})

test('every setting has its flag; a switch may stand alone; --listen sets both hosts, a flag of one of them wins', async () => {
  const { node, flags, start } = starting()
  node.end.resolve()
  const setup = { deps: { start } }
  const given = Object.values(SETTINGS).flatMap(({ flag }) => [`--${flag}`, `value of ${flag}`])
  await cli(['up', ...given], setup)
  await cli(
    ['up', '--listen', '::', '--facade-host', '127.0.0.1', '--remote-execute', '--lease-gating', 'false'],
    setup,
  )
  await cli(['up'], setup)
  expect(flags).toStrictEqual([
    Object.fromEntries(Object.entries(SETTINGS).map(([name, { flag }]) => [name, `value of ${flag}`])),
    { peerHost: '::', facadeHost: '127.0.0.1', remoteExecute: 'true', leaseGating: 'false' },
    {},
  ])
})

test('a node that cannot start or has to stop: the error, its exit code and hint', async () => {
  const inUse = new CodedError('net.port_in_use', { address: '127.0.0.1:9846', flag: '--peer-port' })
  expect(await cli(['up'], { deps: { start: () => Promise.reject(inUse) } })).toStrictEqual({
    code: 5,
    out: '',
    err: 'populi: 127.0.0.1:9846 is in use by another program\n  hint: stop it or give another port with --peer-port\n',
  })
  const { node, up, start } = starting()
  const call = calling(['up'], { deps: { start } })
  await up
  node.end.reject(new CodedError('store.write_failed', { path: '/d', reason: 'EIO' }))
  expect(await call.ended).toMatchObject({
    code: 6,
    err: expect.stringMatching(/^populi: cannot write to \/d: EIO\n/),
  })
})

test('Ctrl-C while it starts stops it when it is up', async () => {
  const node = new FakeNode()
  const ready = Promise.withResolvers<FakeNode>()
  const called = Promise.withResolvers<void>()
  const call = calling(['up'], {
    deps: {
      start: () => {
        called.resolve()
        return ready.promise
      },
    },
  })
  await called.promise
  call.interrupt()
  ready.resolve(node)
  expect((await call.ended).code).toBe(0)
  expect(node.stops).toBe(1)
})

test('a second Ctrl-C does not wait for a start or a stop that hangs', async () => {
  const never = new Promise<never>(() => undefined)
  const called = Promise.withResolvers<void>()
  const hanging = calling(['up'], {
    deps: {
      start: () => {
        called.resolve()
        return never
      },
    },
  })
  await called.promise
  hanging.interrupt()
  hanging.interrupt()
  expect((await hanging.ended).code).toBe(130)

  const { node, up, start } = starting()
  const stopping = Promise.withResolvers<void>()
  node.stop = () => {
    stopping.resolve()
    return never
  }
  const call = calling(['up'], { deps: { start } })
  await up
  call.interrupt()
  await stopping.promise
  call.interrupt()
  expect((await call.ended).code).toBe(130)
})
