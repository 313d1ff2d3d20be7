/** The peer: members of Debian's `etcd-server` with its default settings, so that every write is synced, as ours are. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { present } from '../../src/base/index.ts'
import { BenchFailure } from './bench-failure.ts'
import { type Contestant, freePorts, until } from './contestant.ts'
import { type EtcdStatus, status } from './etcd-client.ts'
import { GrpcChannel } from './grpc.ts'
import { LoadProcess } from './load-process.ts'
import type { EtcdForm } from './lock-service.ts'

const READY_WITHIN_MS = 60_000
const STATUS_WITHIN_MS = 1000

interface Member {
  readonly name: string
  readonly client: string
  readonly peer: string
  process?: ChildProcess
}

export class EtcdCluster implements Contestant {
  readonly name = 'etcd'
  readonly version: string
  private readonly folder: string
  private readonly count: number
  private readonly flags: readonly string[]
  private readonly loads: LoadProcess[] = []
  private members: readonly Member[] = []

  /** @throws BenchFailure when etcd is not installed. */
  constructor(folder: string, voters: number, flags: readonly string[] = []) {
    this.folder = folder
    this.count = voters
    this.flags = flags
    this.version = installedVersion()
  }

  async start(): Promise<void> {
    const ports = await freePorts(this.count * 2)
    this.members = Array.from({ length: this.count }, (_, index) => {
      const [client, peer] = ports.slice(index * 2)
      return { name: `etcd-${index}`, client: `127.0.0.1:${client}`, peer: `127.0.0.1:${peer}` }
    })
    for (const member of this.members) this.spawn(member)
    await this.healthy()
  }

  async openLoad(form: EtcdForm = 'txn'): Promise<LoadProcess> {
    const servers = this.members.map(({ client }) => client)
    const load = await LoadProcess.start({ kind: 'etcd', form, servers, leader: await this.leader() })
    this.loads.push(load)
    return load
  }

  async leader(): Promise<number> {
    const all = await this.statuses()
    return all.findIndex((one) => one !== undefined && one.member === one.leader)
  }

  pids(): readonly number[] {
    return this.members.map(({ process }) => process?.pid ?? 0)
  }

  async kill(server: number): Promise<void> {
    await endProcess(present(this.members[server], 'a member').process, 'SIGKILL')
  }

  async revive(server: number): Promise<void> {
    this.spawn(present(this.members[server], 'a member'))
    await this.healthy()
  }

  async end(): Promise<void> {
    await Promise.all(this.loads.map((load) => load.end()))
    await Promise.all(this.members.map(({ process }) => endProcess(process, 'SIGTERM')))
  }

  private spawn(member: Member): void {
    const { name, client, peer } = member
    const child = spawn(
      'etcd',
      [
        ...['--name', name, '--data-dir', join(this.folder, name)],
        ...['--listen-client-urls', `http://${client}`, '--advertise-client-urls', `http://${client}`],
        ...['--listen-peer-urls', `http://${peer}`, '--initial-advertise-peer-urls', `http://${peer}`],
        '--initial-cluster',
        this.members.map((each) => `${each.name}=http://${each.peer}`).join(','),
        ...this.flags,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    child.stderr.pipe(createWriteStream(join(this.folder, `${name}.log`), { flags: 'a' }))
    member.process = child
  }

  private async healthy(): Promise<void> {
    await until(`${this.count} etcd members have caught up`, READY_WITHIN_MS, async () => {
      const all = await this.statuses()
      const indexes = all.map((one) => one?.raftIndex ?? 0)
      const behind = Math.max(...indexes) - Math.min(...indexes)
      return (
        behind < 1000 &&
        all.every((one) => one !== undefined && one.leader === all[0]?.leader && one.leader !== 0n)
      )
    })
  }

  private statuses(): Promise<readonly (EtcdStatus | undefined)[]> {
    return Promise.all(
      this.members.map(async ({ client }) => {
        const channel = new GrpcChannel(client)
        try {
          return await status(channel, STATUS_WITHIN_MS)
        } catch {
          return undefined
        } finally {
          await channel.close()
        }
      }),
    )
  }
}

function installedVersion(): string {
  try {
    const text = execFileSync('etcd', ['--version'], { encoding: 'utf8' })
    return /etcd Version: (\S+)/.exec(text)?.[1] ?? 'unknown'
  } catch {
    throw new BenchFailure('etcd is not installed: apt-get install etcd-server')
  }
}

async function endProcess(child: ChildProcess | undefined, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}
