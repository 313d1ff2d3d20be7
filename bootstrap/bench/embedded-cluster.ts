/** Our side of `bench tasks` and `bench cancel`: every node runs in a program of the bench that embeds it. */
import { assert, present } from '../../src/base/index.ts'
import type { DemoNode } from '../demo/demo-node.ts'
import { PopuliCluster } from './populi-cluster.ts'
import { childrenOf } from './process-usage.ts'
import { EmbeddedNode, type NodeGiver } from './task-process.ts'

interface Roles {
  readonly submitter: NodeGiver
  readonly workerPid: number
  readonly guardianPid: number
}

export class EmbeddedCluster extends PopuliCluster {
  private readonly embedded: EmbeddedNode[] = []

  protected override newNode(init: ConstructorParameters<typeof DemoNode>): DemoNode {
    const node = new EmbeddedNode(...init)
    this.embedded.push(node)
    return node
  }

  /** Neither submitter nor worker leads: every word with the authority takes the network, as with most pairs of nodes of a real mesh. */
  async roles(): Promise<Roles> {
    const leader = await this.leader()
    assert(leader >= 0, 'a leader')
    const [first, second] = this.embedded.filter((_, index) => index !== leader)
    const submitter = present(first, 'a submitter')
    const worker = present(second, 'a worker')
    const [guardianPid] = childrenOf(worker.pid)
    return {
      submitter: await submitter.giver(worker.name),
      workerPid: worker.pid,
      guardianPid: present(guardianPid, 'the guardian of the worker'),
    }
  }
}
