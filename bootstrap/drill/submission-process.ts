/** One person with one task at the submitter: gives it with the CLI, perhaps takes it back, and is told how it ended. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import type { DrillNode } from './drill-node.ts'
import type { Step } from './steps.ts'
import type { TaskLife } from './task-life.ts'

/** An event of `run`, or the task that `submit` and `wait` answer with. */
const line = z.looseObject({
  type: z.string().nullish(),
  taskId: z.string().nullish(),
  task: z.looseObject({ taskId: z.string(), state: z.string() }).nullish(),
})

export class SubmissionProcess {
  taskId: string | undefined
  /** How often the person was told the end; not at all when the node went away. */
  results = 0
  /** Of `populi run`; of `populi wait` with a detached task. */
  exitCode: number | undefined
  private readonly node: DrillNode
  private readonly isDetached: boolean
  private readonly children: ChildProcess[] = []

  constructor(step: Step, node: DrillNode, on: string, life: TaskLife) {
    this.node = node
    this.isDetached = step.isDetached
    const variables = Object.entries(life.env).flatMap(([name, value]) => ['--env', `${name}=${value}`])
    const work = ['--json', '--on', on, '--fallback', step.fallback, ...variables, '--', ...life.argv]
    if (step.isDetached) this.start(['submit', ...work])
    else this.follow(['run', ...work])
  }

  /** Ctrl-C, or `populi cancel`. */
  cancel(): void {
    if (this.isDetached) this.start(['cancel', this.taskId ?? ''])
    else this.children[0]?.kill('SIGINT')
  }

  /** Of a detached task somebody asks when it has ended, an attached one has told it. */
  askForEnd(): void {
    if (this.isDetached && this.taskId !== undefined) this.follow(['wait', '--json', this.taskId])
  }

  kill(): void {
    for (const child of this.children) child.kill('SIGKILL')
  }

  private follow(args: readonly string[]): void {
    void once(this.start(args), 'close').then(([code]) => {
      this.exitCode = typeof code === 'number' ? code : 1
    })
  }

  private start(args: readonly string[]): ChildProcess {
    const child = this.node.node.start(args)
    this.children.push(child)
    child.stdin.end()
    child.stderr.resume()
    createInterface({ input: child.stdout }).on('line', (text) => {
      if (text.startsWith('{')) this.hear(args[0], line.parse(JSON.parse(text)))
    })
    return child
  }

  private hear(command: string | undefined, { type, taskId, task }: z.output<typeof line>): void {
    this.taskId ??= taskId ?? task?.taskId ?? undefined
    if (type === 'result' || (command === 'wait' && taskId != null)) this.results += 1
  }
}
