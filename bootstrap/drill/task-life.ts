/**
 * What the drill's tasks run: a command that writes down its own life, so that overlap is judged by what really ran and not by what
 * nodes say of it. One file per execution, one line per 20 ms, by the boot clock of the machine that all nodes share.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** No process but the shell itself: `read` from a pipe that nobody writes to is its way to sleep. `/proc/uptime` has centiseconds. */
const SCRIPT = `
life="$DRILL_LIFE/\${POPULI_FENCING_TOKEN:-0}.$$"
mark() { read -r up _ < /proc/uptime; echo "$1 $up" >> "$life"; }
exec {quiet}<> <(:)
mark start
echo begin
n=0
until [ -e "$DRILL_LIFE/finish" ]; do
  n=$((n + 1))
  ((n % 5 == 1)) && echo "line $((n / 5))"
  read -r -t 0.02 -u "$quiet" _
  mark beat
done
mark end
echo over
`

export interface LifeOfExecution {
  /** Fencing token; 0 for an execution without a lease. */
  readonly token: number
  readonly pid: number
  readonly startMs: number
  /** The last sign of life. */
  readonly lastMs: number
  /** It came to its own end. */
  readonly isOver: boolean
}

export class TaskLife {
  readonly folder: string
  readonly argv: readonly string[] = ['bash', '-c', SCRIPT]

  constructor(folder: string) {
    this.folder = folder
    mkdirSync(folder, { recursive: true })
  }

  get env(): Readonly<Record<string, string>> {
    return { DRILL_LIFE: this.folder }
  }

  /** Every execution, also one that has not begun yet, comes to its end from now on. */
  finish(): void {
    writeFileSync(join(this.folder, 'finish'), '')
  }

  get hasBegun(): boolean {
    return readdirSync(this.folder).some((name) => name !== 'finish')
  }

  get isFinishing(): boolean {
    return existsSync(join(this.folder, 'finish'))
  }

  executions(): readonly LifeOfExecution[] {
    const names = readdirSync(this.folder).filter((name) => name !== 'finish')
    const all = names.flatMap((name) => lifeOf(name, readFileSync(join(this.folder, name), 'utf8')))
    return all.sort((a, b) => a.startMs - b.startMs)
  }
}

/** @param name `token.pid` */
export function lifeOf(name: string, text: string): readonly LifeOfExecution[] {
  // KILL may come in the middle of a line.
  const lines = text.split('\n').slice(0, -1)
  const marks = lines.map((line) => line.split(' ')).map(([what, at]) => ({ what, atMs: Number(at) * 1000 }))
  const [first, last] = [marks[0], marks.at(-1)]
  if (first === undefined || last === undefined) return []
  const [token, pid] = name.split('.').map(Number)
  return [
    {
      token: token ?? 0,
      pid: pid ?? 0,
      startMs: first.atMs,
      lastMs: last.atMs,
      isOver: last.what === 'end',
    },
  ]
}

/** Two executions of one task at the same time: what must never be. */
export function overlaps(executions: readonly LifeOfExecution[]): readonly string[] {
  return executions.flatMap((one, index) =>
    executions
      .slice(index + 1)
      .filter((other) => other.startMs < one.lastMs)
      .map(
        (other) =>
          `process ${other.pid} (token ${other.token}) began at ${other.startMs}, and ${one.pid} (token ${one.token}) lived until ${one.lastMs}`,
      ),
  )
}

/** Whether the output of the last execution is all there: what each prints is `begin`, `line 0`, `line 1`, …, `over`. */
export function isWhole(output: string): boolean {
  const lines = output.split('\n').slice(0, -1)
  const [begin, ...own] = lines.slice(lines.lastIndexOf('begin'))
  const right = own.map((_, index) => (index < own.length - 1 ? `line ${index}` : 'over'))
  return begin === 'begin' && own.length > 0 && own.join() === right.join()
}
