import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type InvariantError, silentLogger } from '../../../src/base/index.ts'
import {
  ControlClient,
  type ControlServer,
  createControlServer,
  type NodeControl,
  type RunRequest,
} from '../../../src/node/control/index.ts'
import { FakeControl } from './fake-control.ts'

export const REQUEST: RunRequest = {
  argv: ['true'],
  cwd: undefined,
  env: {},
  on: undefined,
  timeoutMs: undefined,
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'populi-control-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export interface Started {
  readonly control: FakeControl
  readonly server: ControlServer
  readonly client: ControlClient
  readonly dataDir: string
  readonly fatal: InvariantError[]
}

export function serverOn(dataDir: string, control: NodeControl, fatal: InvariantError[] = []): ControlServer {
  const server = createControlServer(control, {
    dataDir,
    logger: silentLogger,
    onFatal: (error) => fatal.push(error),
  })
  onTestFinished(() => server.stop())
  return server
}

export async function started(dataDir?: string): Promise<Started> {
  const folder = dataDir ?? (await temporaryFolder())
  const control = new FakeControl()
  const fatal: InvariantError[] = []
  const server = serverOn(folder, control, fatal)
  await server.start()
  return { control, server, client: new ControlClient(folder), dataDir: folder, fatal }
}

/** Something that is no populi node listens on the socket. */
export async function impostor(path: string, onConnection: (socket: Socket) => void): Promise<Server> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    onConnection(socket)
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return server
}

/** Lets the event loop go round, so that everything that can happen by itself has happened. */
export async function loopTurns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((next) => setImmediate(next))
}
