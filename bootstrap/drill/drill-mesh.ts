/** A mesh of three voters that many cells use one after another: healed, and whole again, before each. */

import { present } from '../../src/base/index.ts'
import type { StatusView } from '../../src/node/control/index.ts'
import { formMesh } from '../demo/scenario.ts'
import { DrillNode } from './drill-node.ts'
import { Machine } from './isolation.ts'
import { until } from './waiting.ts'

const NAMES = ['a', 'b', 'c'] as const
const WHOLE_WITHIN_MS = 60_000
const LOOK_MS = 50

/** Who does what in one cell. The third is nothing but a voter, and leads the authority when the cell begins. */
export interface Roles {
  readonly submitter: DrillNode
  readonly worker: DrillNode
  readonly third: DrillNode
}

interface MeshInit {
  readonly folder: string
  readonly lane: number
  readonly ttlMs: number
  /** Each node on a machine of its own; otherwise all on loopback, where no network can be cut and no disk filled. */
  readonly isIsolated: boolean
}

export class DrillMesh {
  readonly nodes: readonly DrillNode[]

  private constructor(nodes: readonly DrillNode[]) {
    this.nodes = nodes
  }

  static async form({ folder, lane, ttlMs, isIsolated }: MeshInit): Promise<DrillMesh> {
    const env = {
      POPULI_LEASE_TTL_MS: String(ttlMs),
      POPULI_LOG_LEVEL: 'debug',
    }
    const nodes: DrillNode[] = []
    for (const [index, name] of NAMES.entries()) {
      const machine = isIsolated ? await Machine.make(lane, index + 2, `${folder}/${name}`) : undefined
      nodes.push(new DrillNode(folder, name, env, machine))
    }
    const mesh = new DrillMesh(nodes)
    await formMesh(
      first(nodes).node,
      nodes.slice(1).map(({ node }) => node),
      () => undefined,
    )
    for (const node of nodes) node.isUp = true
    return mesh
  }

  /** Undoes whatever the last cell did, waits until all know and reach each other, and says who does what. */
  async whole(): Promise<Roles> {
    for (const node of this.nodes) {
      node.holds.clear()
      node.continue()
      await node.machine?.healNetwork()
      node.machine?.freeDisk()
    }
    await this.restartEnded()
    await Promise.all(this.nodes.filter(({ isUp }) => !isUp).map((node) => node.up()))
    let leader: string | undefined
    await until(
      'the mesh is whole',
      WHOLE_WITHIN_MS,
      async () => {
        leader = await this.agreedLeader()
        return leader !== undefined
      },
      LOOK_MS,
    )
    const third = present(
      this.nodes.find(({ name }) => name === leader),
      'the leader',
    )
    const [submitter, worker] = this.nodes.filter((node) => node !== third)
    return { submitter: present(submitter, 'a submitter'), worker: present(worker, 'a worker'), third }
  }

  /** As a service manager does with a process that ended by itself. @returns their names. */
  async restartEnded(): Promise<readonly string[]> {
    const ended = this.nodes.filter(({ hasEnded }) => hasEnded)
    for (const node of ended) {
      await node.end('SIGKILL')
      await node.up()
    }
    return ended.map(({ name }) => name)
  }

  async end(): Promise<void> {
    for (const node of this.nodes) node.continue()
    await Promise.all(this.nodes.map((node) => node.end('SIGKILL')))
    for (const { machine } of this.nodes) await machine?.remove()
  }

  /** Undefined while not everybody says the same. */
  private async agreedLeader(): Promise<string | undefined> {
    const all: StatusView[] = []
    for (const { control } of this.nodes) {
      const [status, nodes] = await Promise.all([control.status(), control.nodes()]).catch(() => [])
      if (status === undefined || nodes === undefined) return undefined
      const reached = nodes.filter(({ self, status, link }) => self || (status === 'alive' && link?.path))
      const { voters, leader } = status.authority
      if (reached.length < NAMES.length || voters.length < NAMES.length || leader === undefined)
        return undefined
      all.push(status)
    }
    const leaders = new Set(all.map(({ authority }) => authority.leader))
    const commits = new Set(all.map(({ authority }) => authority.commitIndex))
    return leaders.size === 1 && commits.size === 1 ? all[0]?.authority.leader : undefined
  }
}

const first = (nodes: readonly DrillNode[]): DrillNode => present(nodes[0], 'a node')
