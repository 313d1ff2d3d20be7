/** One node of a drill: a real `populi up`, started with `hold.ts`, and where the drill takes hold of it. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ControlClient } from '../../src/node/control/index.ts'
import { DemoNode } from '../demo/demo-node.ts'
import { Holds } from './holds.ts'
import type { Machine } from './isolation.ts'

const HOLD = new URL('./hold.ts', import.meta.url).href
/** Known ports: a machine that comes back is where it was. */
const PORTS = { peer: 9846, facade: 9847 }

/** A node that says nothing for so long is stopped, or busy with a fault: it is asked again. */
const SILENCE_MS_MAX = 2000

export class DrillNode {
  readonly name: string
  readonly node: DemoNode
  readonly control: ControlClient
  readonly holds: Holds
  /** Absent on plain loopback. */
  readonly machine: Machine | undefined
  isUp = false
  private isStopped = false

  constructor(folder: string, name: string, env: Readonly<Record<string, string>>, machine?: Machine) {
    this.name = name
    this.machine = machine
    const own = machine === undefined ? undefined : listen(machine)
    this.holds = new Holds(join(folder, `${name}.holds`))
    const held = { NODE_OPTIONS: `--import ${HOLD}`, POPULI_DRILL_HOLDS: this.holds.folder }
    this.node = new DemoNode(folder, name, { ...env, ...held, ...own?.env }, own?.ports, machine?.prefix)
    this.control = new ControlClient(this.node.dataDir, { silenceMsMax: SILENCE_MS_MAX })
  }

  async up(): Promise<void> {
    await this.node.up()
    this.isUp = true
  }

  /** @returns when the process is gone. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.isUp = false
    await this.node.end(signal)
  }

  /** It ended by itself, for example because its disk was full. */
  get hasEnded(): boolean {
    return this.isUp && !isAlive(this.node.pid)
  }

  stop(): void {
    process.kill(this.node.pid, 'SIGSTOP')
    this.isStopped = true
  }

  continue(): void {
    if (this.isStopped) process.kill(this.node.pid, 'SIGCONT')
    this.isStopped = false
  }

  killGuardian(): void {
    for (const pid of childrenOf(this.node.pid)) process.kill(pid, 'SIGKILL')
  }
}

function listen({ address }: Machine) {
  return { env: { POPULI_PEER_HOST: address, POPULI_FACADE_HOST: address }, ports: PORTS }
}

function isAlive(pid: number): boolean {
  try {
    // A dead child that nobody waited for yet is still there, as a zombie.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** A node's only children are its guardians. */
function childrenOf(pid: number): readonly number[] {
  return processes().filter((one) => {
    const stat = readStat(one)
    return stat !== undefined && Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid
  })
}

export function processes(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

function readStat(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined
  }
}

/** Whose environment says that they belong to the task. */
export function processesOf(taskId: string): readonly number[] {
  return processes().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`POPULI_TASK_ID=${taskId}`)
    } catch {
      return false
    }
  })
}
