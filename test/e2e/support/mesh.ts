/** Real nodes: processes of the CLI on loopback, each with a data directory of its own. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { DemoNode, type DemoRunEvent, outputOf } from '../../../bootstrap/demo/demo-node.ts'
import { formMesh } from '../../../bootstrap/demo/scenario.ts'

export const statusShape = z.looseObject({
  pid: z.number(),
  facadeUrls: z.array(z.string()),
  peerAddresses: z.array(z.string()),
  scopeId: z.string(),
  runningHere: z.number(),
  authority: z.looseObject({
    role: z.string(),
    leader: z.string().nullish(),
    voters: z.array(z.string()),
    commitIndex: z.number(),
    appliedIndex: z.number(),
  }),
  members: z.looseObject({ alive: z.number() }),
})
export type Status = z.output<typeof statusShape>

export const taskShape = z.looseObject({
  taskId: z.string(),
  state: z.string(),
  node: z.string().nullish(),
  leaseId: z.number().nullish(),
  reason: z.string().nullish(),
  exitCode: z.number().nullish(),
  error: z.string().nullish(),
  starts: z.number(),
  finalResults: z.number(),
  history: z.array(z.looseObject({ state: z.string(), reason: z.string().nullish() })),
})

export interface Ran {
  readonly exitCode: number
  readonly output: string
  readonly taskId: string
  readonly task: NonNullable<DemoRunEvent['task']> | undefined
}

export class TestMesh {
  readonly nodes: readonly DemoNode[]
  private readonly folder: string

  private constructor(folder: string, nodes: readonly DemoNode[]) {
    this.folder = folder
    this.nodes = nodes
  }

  /** Starts and enrols nodes of these names; the first is the founder. */
  static async form(names: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<TestMesh> {
    const folder = await mkdtemp(join(tmpdir(), 'populi-e2e-'))
    const mesh = new TestMesh(
      folder,
      names.map((name) => new DemoNode(folder, name, env)),
    )
    const [founder, ...others] = mesh.nodes
    if (founder === undefined) throw new RangeError('a mesh has a founder')
    try {
      await formMesh(founder, others, () => undefined)
    } catch (failure) {
      await mesh.end()
      throw failure
    }
    return mesh
  }

  get(name: string): DemoNode {
    const found = this.nodes.find((node) => node.name === name)
    if (found === undefined) throw new RangeError(`no node ${name}`)
    return found
  }

  /** A machine of its own that belongs to no mesh yet. */
  fresh(name: string): DemoNode {
    return new DemoNode(this.folder, name)
  }

  status(name: string): Promise<Status> {
    return this.get(name).json(statusShape, ['status'])
  }

  async log(name: string): Promise<string> {
    return readFile(join(this.folder, `${name}.log`), 'utf8')
  }

  async end(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.end('SIGKILL')))
    await rm(this.folder, { recursive: true, force: true })
  }
}

export async function ran(
  from: DemoNode,
  on: string | undefined,
  argv: readonly string[],
  onOutput: (output: string, taskId: string) => void = () => undefined,
): Promise<Ran> {
  let output = ''
  let taskId = ''
  let task: DemoRunEvent['task']
  const exitCode = await from.run(on, argv, (event) => {
    output += outputOf(event)
    taskId = event.taskId ?? event.task?.taskId ?? taskId
    task = event.task ?? task
    onOutput(output, taskId)
  })
  return { exitCode, output, taskId, task: task ?? undefined }
}

/** Processes of this machine whose environment names the task. */
export async function processesOf(taskId: string): Promise<number[]> {
  const found: number[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const environ = await readFile(`/proc/${name}/environ`, 'utf8').catch(() => '')
    if (environ.split('\0').includes(`POPULI_TASK_ID=${taskId}`)) found.push(Number(name))
  }
  return found
}

/** Resident memory of a process in MiB. */
export async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024
}
