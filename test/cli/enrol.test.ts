import { expect, test } from 'vitest'
import { LIMITS } from '../../src/base/index.ts'
import { FakeControl, INVITE, STATUS } from '../node/control/fake-control.ts'
import { cli } from './support.ts'

const FIELDS = `node   desk
peer   ${STATUS.peerId}
scope  abcdefghijklmnop
data   /home/ada/.local/share/populi
`

function joining() {
  const joined: unknown[] = []
  const join = async (options: { dataDir: string; invite: string; nodeId: string | undefined }) => {
    joined.push(options)
    return { nodeId: 'desk', scopeId: STATUS.scopeId, peerId: STATUS.peerId, dataDir: options.dataDir }
  }
  return { joined, join }
}

test('init: the names of the new node, and what comes next', async () => {
  expect(await cli(['init'])).toStrictEqual({
    code: 0,
    out: FIELDS,
    err: 'Start the node with `populi up`.\n',
  })
})

test('init --node-id names the machine', async () => {
  const asked: unknown[] = []
  const init = async (options: { dataDir: string; nodeId: string | undefined }) => {
    asked.push(options)
    return { nodeId: 'x', scopeId: 's', peerId: 'p', dataDir: options.dataDir }
  }
  await cli(['init', '--node-id', 'x', '--data-dir', '/d'], { deps: { init } })
  expect(asked).toStrictEqual([{ dataDir: '/d', nodeId: 'x' }])
})

test('invite: the invite alone on standard output, the words beside it', async () => {
  expect(await cli(['invite'])).toStrictEqual({
    code: 0,
    out: `${INVITE.invite}\n`,
    err: 'Good for one machine, for 15 min. There, run `populi join -` and paste it.\nThe machine must reach http://192.168.1.4:9847.\n',
  })
})

test('an invite of a node that only its own machine reaches says what to do', async () => {
  const control = new FakeControl()
  control.invite = async () => ({ ...INVITE, urls: ['http://127.0.0.1:9847', 'http://[::1]:9847'] })
  expect((await cli(['invite'], { control })).err).toContain(
    '\nOnly this machine reaches http://127.0.0.1:9847 or http://[::1]:9847: for others, start the node with `populi up --listen <address>`.\n',
  )
})

test('join takes the invite as an argument or, with -, the first line of standard input', async () => {
  const { joined, join } = joining()
  expect(await cli(['join', 'secret', '--node-id', 'a'], { deps: { join } })).toStrictEqual({
    code: 0,
    out: FIELDS,
    err: 'Start the node with `populi up`.\n',
  })
  await cli(['join', '-'], { deps: { join }, stdin: ['\n sec', 'ret \r\nmore', 'never read'] })
  await cli(['join', '-'], { deps: { join }, stdin: ['secret'] })
  const dataDir = '/home/ada/.local/share/populi'
  expect(joined).toStrictEqual([
    { dataDir, invite: 'secret', nodeId: 'a' },
    { dataDir, invite: 'secret', nodeId: undefined },
    { dataDir, invite: 'secret', nodeId: undefined },
  ])
})

test('join -: endless input is refused', async () => {
  const { joined, join } = joining()
  const stdin = ['x'.repeat(LIMITS.inviteTextCharsMax), 'x', 'x']
  const { code, err } = await cli(['join', '-'], { deps: { join }, stdin })
  expect({ code, joined }).toStrictEqual({ code: 2, joined: [] })
  expect(err).toMatch(/^populi: this is not an invite: it is too long\n/)
})
