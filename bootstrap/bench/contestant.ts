import { once } from 'node:events'
import { createServer } from 'node:net'
import { BenchFailure } from './bench-failure.ts'
import type { LoadProcess } from './load-process.ts'

/** A group of server processes on loopback, each with a data directory of its own, and what the benches do to it. */
export interface Contestant {
  readonly name: string
  readonly version: string
  /** Starts the servers and waits until all of them vote. */
  start(): Promise<void>
  /** Starts a process that asks them; it ends with the servers at the latest. */
  openLoad(): Promise<LoadProcess>
  /** Index of the server that leads. */
  leader(): Promise<number>
  pids(): readonly number[]
  /** Without warning: SIGKILL. */
  kill(server: number): Promise<void>
  /** Starts a killed server again and waits until it takes part and has caught up. */
  revive(server: number): Promise<void>
  /** In good order, load processes first. */
  end(): Promise<void>
}

const POLL_MS = 100

/** @throws BenchFailure when `holds` does not hold within `withinMs`. */
export async function until(what: string, withinMs: number, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + withinMs
  while (!(await holds())) {
    if (performance.now() > end) throw new BenchFailure(`after ${withinMs} ms not yet: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/** Ports of loopback that were free a moment ago: a server that is killed and comes back must be found where it was. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => {
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  })
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}
