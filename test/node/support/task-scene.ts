/** A virtual mesh of three nodes that all vote, and tasks in it. */
import { expect } from 'vitest'
import { type LeaseId, LIMITS, type TaskId } from '../../../src/base/index.ts'
import type { RunRequest } from '../../../src/node/control/node-control.ts'
import type { Submission } from '../../../src/node/submission.ts'
import type { TaskRecord } from '../../../src/task/index.ts'
import { VirtualMesh, type VirtualNode } from './virtual-mesh.ts'

export type Options = Omit<Partial<RunRequest>, 'argv'>

export class TaskScene {
  readonly mesh: VirtualMesh

  private constructor(mesh: VirtualMesh) {
    this.mesh = mesh
  }

  static async start(): Promise<TaskScene> {
    const mesh = await VirtualMesh.start(['a', 'b', 'c'])
    await mesh.time.until('3 voters', () => {
      const agreed = mesh.leader()?.node.core.status.committedConfiguration
      return agreed?.votersOutgoing.length === 0 && agreed.voters.length === 3
    })
    await mesh.time.until('everybody is alive to everybody', () =>
      mesh.nodes.every(({ node }) => node.membership.members().every(({ status }) => status === 'alive')),
    )
    return new TaskScene(mesh)
  }

  /** `c` leads the authority: who reaches it can renew leases. */
  async leadByC(): Promise<void> {
    const { mesh } = this
    await mesh.time.until('c leads', () => {
      const leader = mesh.leader()
      if (leader !== undefined && leader.name !== 'c') {
        const { node } = leader
        if (node.core.status.transferTo === undefined) node.core.transferLeadership(mesh.get('c').peer)
        node.autopilot.observe()
      }
      return leader?.name === 'c'
    })
  }

  /** Given to `a`. */
  submit(argv: readonly string[], options: Options = {}): Submission {
    const request = { argv, cwd: undefined, env: {}, on: undefined, timeoutMs: undefined, ...options }
    return this.mesh.get('a').node.submitter.submit(request)
  }

  /** On `b`, as soon as it runs there. */
  async running(argv: readonly string[], options: Options = {}): Promise<Submission> {
    const submission = this.submit(argv, { on: 'b', ...options })
    await this.untilState(submission, 'running')
    return submission
  }

  async untilState(submission: Submission, state: string): Promise<void> {
    const isThere = (): boolean => submission.task.record.state === state
    await this.mesh.time.until(`it is ${state}`, isThere, 60_000)
  }

  async finish(submission: Submission): Promise<TaskRecord> {
    await this.mesh.time.until('it has its result', () => submission.isSettled, 120_000)
    return submission.task.record
  }

  /** `a` is killed, and started again after a while. */
  async restart(taskId: TaskId, afterMs = 0): Promise<Submission> {
    this.mesh.kill('a')
    await this.mesh.time.run(afterMs)
    await this.mesh.boot('a')
    return this.mesh.get('a').node.submitter.find(taskId)
  }

  /** The two hear nothing of each other any more, and are told so. */
  cut(...pairs: readonly ('ab' | 'ac' | 'bc')[]): void {
    for (const [left = '', right = ''] of pairs) this.mesh.link(left, right, false)
  }

  heal(): void {
    for (const [left = '', right = ''] of ['ab', 'ac', 'bc']) this.mesh.restore(left, right)
  }

  /** Where and when it was executed. */
  spans(taskId: TaskId): readonly { at: string; from: number; to: number | undefined }[] {
    const of = ({ name: at, executor }: VirtualNode) =>
      executor.spans.filter(({ key }) => key === taskId).map(({ from, to }) => ({ at, from, to }))
    return this.mesh.nodes.flatMap(of).sort((one, other) => one.from - other.from)
  }

  isExecuted(taskId: TaskId): boolean {
    return this.spans(taskId).some(({ to }) => to === undefined)
  }

  leases(): readonly LeaseId[] {
    return (
      this.mesh
        .leader()
        ?.node.authority.machine.leases()
        .map(({ leaseId }) => leaseId) ?? []
    )
  }

  /** At no instant did two execute one task, and no node gave up. */
  judge(): void {
    expect(this.mesh.overlaps()).toEqual([])
    expect(this.mesh.failures).toEqual([])
  }
}

/** What the log of a task holds. */
export async function printed(submission: Submission): Promise<string> {
  const log = await submission.output.open()
  let text = ''
  for (let at = log.begin; at < log.end; ) {
    const pieces = await log.read(at, LIMITS.outputReadBytesMax)
    for (const { chunk } of pieces) {
      text += new TextDecoder().decode(chunk)
      at += chunk.length
    }
  }
  return text
}

export const numbered = (count: number): string =>
  Array.from({ length: count }, (_, at) => `${at + 1}\n`).join('')
