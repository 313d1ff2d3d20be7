/**
 * The peer of `bench detect`: agents of Debian's `serf` with its default profile (`lan`). Its word is the line that an agent logs when its
 * failure detector has decided, which is before it tells handlers and clients: these get events that were collected for a second or more.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { present } from '../../src/base/index.ts'
import { BenchFailure } from './bench-failure.ts'
import { freePorts, until } from './contestant.ts'
import type { WatchGroup } from './detect.ts'

const WHOLE_WITHIN_MS = 120_000

interface Agent {
  readonly name: string
  readonly bind: string
  readonly rpc: string
  process?: ChildProcess
}

const members = z.looseObject({
  members: z.array(z.looseObject({ name: z.string(), status: z.string() })),
})

/** The member that a line of an agent's log declares failed. */
export const failedIn = (line: string): string | undefined =>
  / serf: EventMemberFailed: (\S+) /.exec(line)?.[1]

/** How many an answer of `serf members -format json` shows alive. */
export const aliveIn = (json: string): number =>
  members.parse(JSON.parse(json)).members.filter(({ status }) => status === 'alive').length

export class SerfCluster implements WatchGroup {
  readonly name = 'serf'
  readonly version: string
  readonly size: number
  private agents: readonly Agent[] = []
  private tellLost: (observer: number, lost: number) => void = () => undefined

  /** @throws BenchFailure when serf is not installed. */
  constructor(size: number) {
    this.size = size
    this.version = installedVersion()
  }

  async start(): Promise<void> {
    const ports = await freePorts(this.size * 2)
    this.agents = Array.from({ length: this.size }, (_, index) => {
      const [bind, rpc] = ports.slice(index * 2)
      return { name: `serf-${index}`, bind: `127.0.0.1:${bind}`, rpc: `127.0.0.1:${rpc}` }
    })
    for (const index of this.agents.keys()) await this.revive(index)
    await this.whole()
  }

  onLost(handler: (observer: number, lost: number) => void): void {
    this.tellLost = handler
  }

  async kill(member: number): Promise<void> {
    await endProcess(this.agent(member).process, 'SIGKILL')
  }

  async revive(member: number): Promise<void> {
    const agent = this.agent(member)
    const argv = ['agent', '-node', agent.name, '-bind', agent.bind, '-rpc-addr', agent.rpc]
    const other = this.agents.find((each) => each !== agent && isRunning(each.process))
    const join = other === undefined ? [] : ['-join', other.bind]
    const child = spawn('serf', [...argv, ...join], { stdio: ['ignore', 'pipe', 'ignore'] })
    agent.process = child
    const ready = Promise.withResolvers<void>()
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('Serf agent running')) ready.resolve()
      const lost = this.agents.findIndex(({ name }) => name === failedIn(line))
      if (lost >= 0) this.tellLost(member, lost)
    })
    const exited = once(child, 'exit').then(([code]) => {
      throw new BenchFailure(`serf agent ended with ${code}`)
    })
    exited.catch(() => undefined)
    await Promise.race([ready.promise, exited])
  }

  pause(member: number): void {
    this.agent(member).process?.kill('SIGSTOP')
  }

  /** The others look for a failed member each 30 seconds; so that a round does not take as long, it is told where they are. */
  async resume(member: number): Promise<void> {
    const agent = this.agent(member)
    agent.process?.kill('SIGCONT')
    const other = present(
      this.agents.find((each) => each !== agent),
      'another agent',
    )
    execFileSync('serf', ['join', '-rpc-addr', agent.rpc, other.bind], { stdio: 'ignore' })
  }

  whole(): Promise<void> {
    return until(`${this.size} serf agents see each other`, WHOLE_WITHIN_MS, async () =>
      this.agents.every(
        ({ rpc }) => aliveIn(ask(['members', '-format', 'json', '-rpc-addr', rpc])) === this.size,
      ),
    )
  }

  async end(): Promise<void> {
    await Promise.all(this.agents.map(({ process }) => endProcess(process, 'SIGKILL')))
  }

  private agent(member: number): Agent {
    return present(this.agents[member], 'an agent')
  }
}

const ask = (argv: readonly string[]): string => execFileSync('serf', argv, { encoding: 'utf8' })

function installedVersion(): string {
  try {
    return ask(['version']).split('\n')[0] ?? 'unknown'
  } catch {
    throw new BenchFailure('serf is not installed: apt-get install serf')
  }
}

const isRunning = (child: ChildProcess | undefined): boolean =>
  child !== undefined && child.exitCode === null && child.signalCode === null

async function endProcess(child: ChildProcess | undefined, signal: 'SIGKILL'): Promise<void> {
  if (child === undefined || !isRunning(child)) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}
