/** Our side: nodes made and started as a person would (init, invite, join, up), and one more machine for the load. */
import { z } from 'zod'
import { present } from '../../src/base/index.ts'
import { VERSION } from '../../src/node/index.ts'
import { DemoNode } from '../demo/demo-node.ts'
import { type Contestant, freePorts, until } from './contestant.ts'
import { LoadProcess } from './load-process.ts'

const invite = z.looseObject({ invite: z.string() })
const status = z.looseObject({
  nodeId: z.string(),
  peerId: z.string(),
  peerAddresses: z.array(z.string()),
  authority: z.looseObject({
    leader: z.string().nullish(),
    voters: z.array(z.string()),
    commitIndex: z.number(),
    appliedIndex: z.number(),
  }),
  members: z.looseObject({ alive: z.number() }),
})
type Status = z.output<typeof status>

const READY_WITHIN_MS = 60_000

export class PopuliCluster implements Contestant {
  readonly name = 'populi'
  readonly version = VERSION
  private readonly folder: string
  private readonly count: number
  private readonly env: Readonly<Record<string, string>>
  private readonly loads: LoadProcess[] = []
  private nodes: readonly DemoNode[] = []
  /** The machine that the load process is. */
  private asker: DemoNode | undefined

  constructor(folder: string, voters: number, env: Readonly<Record<string, string>> = {}) {
    this.folder = folder
    this.count = voters
    this.env = env
  }

  async start(): Promise<void> {
    const ports = await freePorts(this.count * 2)
    this.nodes = Array.from({ length: this.count }, (_, index) => {
      const [peer = 0, facade = 0] = ports.slice(index * 2)
      return new DemoNode(this.folder, `node-${index}`, this.env, { peer, facade })
    })
    const [founder, ...others] = this.nodes
    const first = present(founder, 'at least one voter')
    await first.cli(['init', '--node-id', first.name])
    await first.up()
    for (const node of others) {
      await enrol(first, node)
      await node.up()
    }
    await this.healthy()
    this.asker = new DemoNode(this.folder, 'asker')
    await enrol(first, this.asker)
  }

  async openLoad(): Promise<LoadProcess> {
    const all = await Promise.all(this.nodes.map(statusOf))
    const servers = all.map(({ peerId, peerAddresses }) => ({ peer: peerId, addresses: peerAddresses }))
    const { dataDir } = present(this.asker, 'an enrolled machine')
    const load = await LoadProcess.start({ kind: 'populi', dataDir, servers })
    this.loads.push(load)
    return load
  }

  async leader(): Promise<number> {
    const { authority } = await statusOf(present(this.nodes[0], 'a node'))
    return this.nodes.findIndex(({ name }) => name === authority.leader)
  }

  pids(): readonly number[] {
    return this.nodes.map(({ pid }) => pid)
  }

  async kill(server: number): Promise<void> {
    await this.node(server).end('SIGKILL')
  }

  async revive(server: number): Promise<void> {
    await this.node(server).up()
    await this.healthy()
  }

  /** @returns milliseconds from the start of the process until it says that it is ready. */
  async restart(server: number, signal: 'SIGTERM' | 'SIGKILL'): Promise<number> {
    await this.node(server).end(signal)
    const from = performance.now()
    await this.node(server).up()
    const tookMs = performance.now() - from
    await this.healthy()
    return tookMs
  }

  async end(): Promise<void> {
    await Promise.all(this.loads.map((load) => load.end()))
    await Promise.all(this.nodes.map((node) => node.end('SIGTERM')))
  }

  private node(server: number): DemoNode {
    return present(this.nodes[server], 'a node')
  }

  /** All vote, know the same leader, see each other, and have the same log or at most what was just granted less. */
  private async healthy(): Promise<void> {
    await until(`${this.count} nodes vote and have caught up`, READY_WITHIN_MS, async () => {
      const all = await Promise.all(this.nodes.map(statusOf))
      const commits = all.map(({ authority }) => authority.commitIndex)
      const behind = Math.max(...commits) - Math.min(...commits)
      return behind < 1000 && all.every((one) => this.isHealthy(one, all))
    })
  }

  private isHealthy({ authority, members }: Status, all: readonly Status[]): boolean {
    return (
      authority.leader != null &&
      authority.leader === all[0]?.authority.leader &&
      authority.voters.length === this.count &&
      members.alive === this.count
    )
  }
}

const statusOf = (node: DemoNode): Promise<Status> => node.json(status, ['status'])

async function enrol(founder: DemoNode, node: DemoNode): Promise<void> {
  const made = await founder.json(invite, ['invite'])
  await node.cli(['join', '-', '--node-id', node.name], made.invite)
}
