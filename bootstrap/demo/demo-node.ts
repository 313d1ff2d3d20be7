/**
 * One node of the demo: a real `populi up` in a process of its own, with a data directory of its own, and the CLI calls that a
 * person would make on it.
 */
import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** What the program's first line asks of Node: a shell that starts the package's `populi` reads it there. */
const NODE_FLAGS = ['--max-semi-space-size=4']

/** Remote execution is off unless it is asked for; leases are short, so that the demo's fallback does not take minutes. */
const DEMO_ENV = {
  VOX_ORCHESTRATOR_MESH_REMOTE_EXECUTE_EXPERIMENTAL: '1',
  VOX_ORCHESTRATOR_MESH_REMOTE_LEASE_GATING_ENABLED: '1',
  POPULI_LEASE_TTL_MS: '5000',
}

/** One line of `run --json`: an event, or the error that ended it. */
const runEvent = z.looseObject({
  type: z.string().nullish(),
  error: z.looseObject({ code: z.string() }).nullish(),
  taskId: z.string().nullish(),
  state: z.string().nullish(),
  node: z.string().nullish(),
  leaseId: z.number().nullish(),
  reason: z.string().nullish(),
  detail: z.string().nullish(),
  /** Output. */
  base64: z.string().nullish(),
  task: z
    .looseObject({
      taskId: z.string(),
      state: z.string(),
      node: z.string().nullish(),
      leaseId: z.number().nullish(),
      reason: z.string().nullish(),
      exitCode: z.number().nullish(),
    })
    .nullish(),
})
export type DemoRunEvent = z.output<typeof runEvent>

/** What an event carries of the command's output. */
export const outputOf = (event: DemoRunEvent): string => Buffer.from(event.base64 ?? '', 'base64').toString()

export class DemoNode {
  readonly name: string
  readonly dataDir: string
  private readonly env: NodeJS.ProcessEnv
  private readonly ports: { readonly peer: number; readonly facade: number }
  private readonly prefix: readonly string[]
  private process: ChildProcess | undefined

  /**
   * @param ports 0 takes any free one, another one each time the node comes up.
   * @param prefix put before every command, for example what enters a network namespace; it must replace itself by the command.
   */
  constructor(
    folder: string,
    name: string,
    env: Readonly<Record<string, string>> = {},
    ports = { peer: 0, facade: 0 },
    prefix: readonly string[] = [],
  ) {
    this.name = name
    this.dataDir = join(folder, name)
    // Without it each process strips the types from all sources itself, which takes it half a second and 25 MiB for good: the
    // package is JavaScript and costs neither.
    const compileCache = { NODE_COMPILE_CACHE: join(folder, 'compile-cache') }
    this.env = { ...process.env, ...compileCache, ...DEMO_ENV, ...env }
    this.ports = ports
    this.prefix = prefix
  }

  get pid(): number {
    return this.process?.pid ?? 0
  }

  /** Starts one CLI command on this node. */
  start(args: readonly string[]): ChildProcessWithoutNullStreams {
    const [program = '', ...rest] = [
      ...this.prefix,
      process.execPath,
      ...NODE_FLAGS,
      CLI,
      '--data-dir',
      this.dataDir,
      ...args,
    ]
    return spawn(program, rest, { env: this.env })
  }

  /** Runs one CLI command on this node and returns its stdout. @throws CliFailure when it fails. */
  async cli(args: readonly string[], input?: string): Promise<string> {
    const child = this.start(args)
    child.stdin.end(input ?? '')
    const [out, err, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ])
    if (code !== 0)
      throw new CliFailure(`populi ${args[0]} on ${this.name} ended with ${code}: ${err.trim()}`)
    return out
  }

  async json<Shape extends z.ZodType>(shape: Shape, args: readonly string[]): Promise<z.output<Shape>> {
    return shape.parse(JSON.parse(await this.cli([...args, '--json'])))
  }

  /** Starts `populi up` and waits until it says that it is ready. */
  async up(): Promise<void> {
    const ports = ['--peer-port', `${this.ports.peer}`, '--facade-port', `${this.ports.facade}`]
    const child = this.start(['up', ...ports, '--json'])
    child.stdin.end()
    this.process = child
    const log = createWriteStream(`${this.dataDir}.log`, { flags: 'a' })
    child.stderr.pipe(log)
    const lines = createInterface({ input: child.stdout })
    const ready = once(lines, 'line')
    const exited = once(child, 'exit').then(([code]) => {
      throw new CliFailure(`populi up on ${this.name} ended with ${code}; its log is ${this.dataDir}.log`)
    })
    exited.catch(() => undefined)
    await Promise.race([ready, exited])
  }

  /** `populi run --json`: hands over each event as it comes; resolves with the exit code of the CLI. */
  async run(
    on: string | undefined,
    argv: readonly string[],
    onEvent: (event: DemoRunEvent) => void,
  ): Promise<number> {
    const where = on === undefined ? [] : ['--on', on]
    const args = ['--data-dir', this.dataDir, 'run', '--json', ...where, '--', ...argv]
    const child = spawn(process.execPath, [...NODE_FLAGS, CLI, ...args], {
      env: this.env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const closed = once(child, 'close')
    for await (const line of createInterface({ input: child.stdout })) {
      onEvent(runEvent.parse(JSON.parse(line)))
    }
    const [code] = await closed
    return typeof code === 'number' ? code : 1
  }

  /** `populi run -q`: the command's own standard output as it comes; resolves with the exit code. */
  async runRaw(on: string, argv: readonly string[], onOutput: (bytes: number) => void): Promise<number> {
    const args = ['--data-dir', this.dataDir, 'run', '-q', '--on', on, '--', ...argv]
    const child = spawn(process.execPath, [...NODE_FLAGS, CLI, ...args], {
      env: this.env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    child.stdout.on('data', (chunk: Buffer) => onOutput(chunk.length))
    const [code] = await once(child, 'close')
    return typeof code === 'number' ? code : 1
  }

  /** Lets go of the process, so that it goes on when the demo ends. */
  release(): void {
    this.process?.unref()
    this.process?.stdout?.destroy()
    this.process?.stderr?.destroy()
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.process
    this.process = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }
}

export class CliFailure extends Error {
  override readonly name = 'CliFailure'
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let all = ''
  for await (const chunk of stream) all += String(chunk)
  return all
}
