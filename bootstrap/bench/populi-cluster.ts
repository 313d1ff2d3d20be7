/** Our side: nodes made and started as a person would (init, invite, join, up), and one more machine for the load. */
import { z } from 'zod'
import { present } from '../../src/base/index.ts'
import { ControlClient, type StatusView } from '../../src/node/control/index.ts'
import { VERSION } from '../../src/node/index.ts'
import { DemoNode } from '../demo/demo-node.ts'
import { type Contestant, freePorts, until } from './contestant.ts'
import { LoadProcess } from './load-process.ts'

const invite = z.looseObject({ invite: z.string() })

/** The autopilot makes groups of 1, 3 or 5; whoever has no place among them is a learner. */
const VOTERS_MAX = 5
/** For a handful of nodes; each more adds its share. */
const READY_WITHIN_MS = 60_000
const READY_WITHIN_MS_PER_NODE = 5_000

export class PopuliCluster implements Contestant {
  readonly name = 'populi'
  readonly version = VERSION
  private readonly folder: string
  private readonly count: number
  private readonly env: Readonly<Record<string, string>>
  private readonly loads: LoadProcess[] = []
  nodes: readonly DemoNode[] = []
  /** The machine that the load process is. */
  private asker: DemoNode | undefined

  constructor(folder: string, count: number, env: Readonly<Record<string, string>> = {}) {
    this.folder = folder
    this.count = count
    this.env = env
  }

  async start(): Promise<void> {
    const ports = await freePorts(this.count * 2)
    this.nodes = Array.from({ length: this.count }, (_, index) => {
      const [peer = 0, facade = 0] = ports.slice(index * 2)
      return this.newNode([this.folder, `node-${index}`, this.env, { peer, facade }])
    })
    const [founder, ...others] = this.nodes
    const first = present(founder, 'at least one node')
    await first.cli(['init', '--node-id', first.name])
    await first.up()
    for (const node of others) {
      await enrol(first, node)
      await node.up()
    }
    await this.healthy()
  }

  async openLoad(): Promise<LoadProcess> {
    const all = await Promise.all(this.nodes.map(statusOf))
    const servers = all.map(({ peerId, peerAddresses }) => ({ peer: peerId, addresses: peerAddresses }))
    this.asker ??= await this.newAsker()
    const load = await LoadProcess.start({ kind: 'populi', dataDir: this.asker.dataDir, servers })
    this.loads.push(load)
    return load
  }

  async leader(): Promise<number> {
    const { authority } = await statusOf(this.node(0))
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

  protected newNode(init: ConstructorParameters<typeof DemoNode>): DemoNode {
    return new DemoNode(...init)
  }

  private node(server: number): DemoNode {
    return present(this.nodes[server], 'a node')
  }

  private async newAsker(): Promise<DemoNode> {
    const asker = new DemoNode(this.folder, 'asker')
    await enrol(this.node(0), asker)
    return asker
  }

  /** All that may vote do, all know the same leader, see each other, and have the same log or at most what was just granted less. */
  async healthy(): Promise<void> {
    const withinMs = READY_WITHIN_MS + this.count * READY_WITHIN_MS_PER_NODE
    await until(`${this.count} nodes have their places and have caught up`, withinMs, async () => {
      const all: StatusView[] = []
      // One after another up to the first that is not: a status is work for the node and for the leader, and there may be many.
      for (const node of this.nodes) {
        const one = await statusOf(node).catch(() => undefined)
        if (one === undefined || !this.isHealthy(one)) return false
        all.push(one)
      }
      const commits = all.map(({ authority }) => authority.commitIndex)
      const leaders = new Set(all.map(({ authority }) => authority.leader))
      return leaders.size === 1 && Math.max(...commits) - Math.min(...commits) < 1000
    })
  }

  private isHealthy({ authority, members }: StatusView): boolean {
    const { leader, voters, learners } = authority
    return (
      leader !== undefined &&
      voters.length === Math.min(this.count, VOTERS_MAX) &&
      voters.length + learners.length === this.count &&
      members.alive === this.count
    )
  }
}

const statusOf = ({ dataDir }: DemoNode): Promise<StatusView> => new ControlClient(dataDir).status()

async function enrol(founder: DemoNode, node: DemoNode): Promise<void> {
  const made = await founder.json(invite, ['invite'])
  await node.cli(['join', '-', '--node-id', node.name], made.invite)
}
