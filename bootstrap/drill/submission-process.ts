/** One `populi run --json` of a person at the submitter: what it was told, and how it ended. */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import type { DrillNode } from './drill-node.ts'

const line = z.looseObject({
  type: z.string().nullish(),
  taskId: z.string().nullish(),
  error: z.looseObject({ code: z.string() }).nullish(),
  task: z.looseObject({ taskId: z.string(), state: z.string() }).nullish(),
})

export class SubmissionProcess {
  taskId: string | undefined
  /** `result` events: the user is told of one end, or of none when the node went away. */
  results = 0
  /** Of the CLI. */
  exitCode: number | undefined
  readonly exited: Promise<void>
  private readonly interruptProcess: () => void
  private readonly killProcess: () => void

  constructor(node: DrillNode, on: string, env: Readonly<Record<string, string>>, argv: readonly string[]) {
    const variables = Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`])
    const child = node.node.start(['run', '--json', '--on', on, ...variables, '--', ...argv])
    child.stdin.end()
    child.stderr.resume()
    this.interruptProcess = () => void child.kill('SIGINT')
    this.killProcess = () => void child.kill('SIGKILL')
    createInterface({ input: child.stdout }).on('line', (text) => this.hear(line.parse(JSON.parse(text))))
    this.exited = once(child, 'close').then(([code]) => {
      this.exitCode = typeof code === 'number' ? code : 1
    })
  }

  /** Ctrl-C. */
  interrupt(): void {
    this.interruptProcess()
  }

  kill(): void {
    this.killProcess()
  }

  private hear({ type, taskId, task }: z.output<typeof line>): void {
    this.taskId ??= taskId ?? task?.taskId
    if (type === 'result') this.results += 1
  }
}
