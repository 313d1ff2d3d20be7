import { chmod, link, lstat, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { ControlClient, controlSocketPath } from '../../../src/node/control/index.ts'
import { FakeControl, STATUS } from './fake-control.ts'
import { serverOn, started, temporaryFolder } from './harness.ts'

afterEach(() => vi.unstubAllEnvs())

const modeOf = async (path: string) => (await stat(path)).mode & 0o777

/** What a node that was killed leaves: a socket that nobody listens on. (A closed server removes its own path.) */
async function leaveStaleSocket(path: string): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(path, resolve))
  await link(path, `${path}.kept`)
  await new Promise((resolve) => server.close(resolve))
  await rename(`${path}.kept`, path)
}

/** Longer than the kernel takes for a socket. */
async function longDataDir(): Promise<string> {
  const root = await temporaryFolder()
  vi.stubEnv('XDG_RUNTIME_DIR', join(root, 'run'))
  await mkdir(join(root, 'run'))
  return join(root, 'd'.repeat(120))
}

test('only the owner can open the socket and the folders made for it, whatever the umask', async () => {
  const dataDir = join(await temporaryFolder(), 'data')
  const umask = process.umask(0)
  try {
    await started(dataDir)
  } finally {
    expect(process.umask(umask)).toBe(0)
  }
  expect(await modeOf(dataDir)).toBe(0o700)
  expect(await modeOf(join(dataDir, 'control.sock'))).toBe(0o600)
})

test('a data directory with a long path: the socket lies in a private folder and is found there', async () => {
  const dataDir = await longDataDir()
  const { client } = await started(dataDir)
  const path = controlSocketPath(dataDir)
  expect(path).toMatch(/\/run\/populi\/[0-9a-f]{32}\.sock$/)
  expect(await modeOf(path)).toBe(0o600)
  expect(await modeOf(join(path, '..'))).toBe(0o700)
  expect(await client.status()).toStrictEqual(STATUS)
})

test('a long path: a caller with another environment reaches the same node', async () => {
  const dataDir = await longDataDir()
  const { server } = await started(dataDir)
  vi.stubEnv('XDG_RUNTIME_DIR', '')
  expect(await new ControlClient(dataDir).status()).toStrictEqual(STATUS)
  await expect(serverOn(dataDir, new FakeControl()).start()).rejects.toMatchObject({ code: 'store.in_use' })
  await server.stop()
  await expect(new ControlClient(dataDir).status()).rejects.toMatchObject({ code: 'node.not_running' })
})

test('the path depends on the folder, not on how it is written', async () => {
  const dataDir = await longDataDir()
  expect(controlSocketPath(join(dataDir, 'x', '..'))).toBe(controlSocketPath(dataDir))
  expect(controlSocketPath(`${dataDir}2`)).not.toBe(controlSocketPath(dataDir))
  expect(controlSocketPath('/srv/populi')).toBe('/srv/populi/control.sock')
})

test('the socket of a dead node is replaced', async () => {
  const dataDir = await temporaryFolder()
  await leaveStaleSocket(join(dataDir, 'control.sock'))
  await expect(new ControlClient(dataDir).status()).rejects.toMatchObject({ code: 'node.not_running' })
  const { client } = await started(dataDir)
  expect(await client.status()).toStrictEqual(STATUS)
})

test('the socket of a living node is left alone', async () => {
  const { client, dataDir } = await started()
  await expect(serverOn(dataDir, new FakeControl()).start()).rejects.toMatchObject({ code: 'store.in_use' })
  expect(await client.status()).toStrictEqual(STATUS)
})

test('a stopped node leaves no socket, and the next one starts', async () => {
  const { dataDir, server } = await started()
  await server.stop()
  await expect(lstat(join(dataDir, 'control.sock'))).rejects.toMatchObject({ code: 'ENOENT' })
  expect(await (await started(dataDir)).client.status()).toStrictEqual(STATUS)
})

test('a file in the place of the socket is not removed', async () => {
  const dataDir = await temporaryFolder()
  await writeFile(join(dataDir, 'control.sock'), 'mine')
  await expect(serverOn(dataDir, new FakeControl()).start()).rejects.toMatchObject({
    code: 'control.socket_unusable',
  })
  expect(await readFile(join(dataDir, 'control.sock'), 'utf8')).toBe('mine')
})

test('a folder that others may write to is refused by node and caller, and not changed', async () => {
  const { client, dataDir } = await started()
  await chmod(dataDir, 0o770)
  await expect(client.status()).rejects.toMatchObject({ code: 'control.socket_unusable' })
  await expect(serverOn(dataDir, new FakeControl()).start()).rejects.toMatchObject({
    code: 'control.socket_unusable',
  })
  expect(await modeOf(dataDir)).toBe(0o770)
})
