/**
 * A small world of its own for the drill: namespaces of mounts, networks and processes. In it every machine gets a network namespace
 * (a cable to a common switch, which packet filters cut), and a disk that can be filled; and when the drill ends, however it ends,
 * the kernel ends every process in it and forgets cables, filters and disks.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { DrillFailure } from './drill-failure.ts'

const INSIDE = 'POPULI_DRILL_INSIDE'
/** A mesh's databases of a few MiB, and room for their logs. */
const DISK = '48m'
const BLOCK = 1024 * 1024

export const isInside = (): boolean => process.env[INSIDE] !== undefined

/** Runs this same program again inside such a world; resolves with its exit code. */
export async function runInside(): Promise<number> {
  const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user']
  const args = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc', ...asRoot]
  // The first process of a world takes in orphans: a shell that waits collects them, Node would not.
  const init = ['bash', '-c', '"$@" & wait $!', 'drill', process.execPath, ...process.argv.slice(1)]
  const child = spawn('unshare', [...args, '--', ...init], {
    env: { ...process.env, [INSIDE]: '1' },
    stdio: 'inherit',
  })
  const [code] = await once(child, 'exit')
  return typeof code === 'number' ? code : 1
}

/** Room for the names of network namespaces, which nobody outside sees. */
export async function prepareWorld(): Promise<void> {
  await run('mount', ['-t', 'tmpfs', 'tmpfs', '/run'])
  await run('ip', ['link', 'set', 'lo', 'up'])
}

/** The cable and the disk of one machine. */
export class Machine {
  readonly address: string
  readonly dataDir: string
  private readonly name: string

  private constructor(name: string, address: string, dataDir: string) {
    this.name = name
    this.address = address
    this.dataDir = dataDir
  }

  /** Put before a command: it runs at this machine. */
  get prefix(): readonly string[] {
    return ['nsenter', `--net=/run/netns/${this.name}`]
  }

  /** @param number from 2 to 250: the last part of its address. */
  static async make(lane: number, number: number, dataDir: string): Promise<Machine> {
    const name = `lane${lane}-${number}`
    const bridge = `switch${lane}`
    const address = `10.77.${lane}.${number}`
    await run('ip', ['link', 'add', bridge, 'type', 'bridge']).catch(() => undefined)
    await run('ip', ['link', 'set', bridge, 'up'])
    const [near, far] = [`near${lane}-${number}`, `far${lane}-${number}`]
    await run('ip', ['netns', 'add', name])
    await run('ip', ['link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name])
    await run('ip', ['link', 'set', near, 'master', bridge, 'up'])
    const machine = new Machine(name, address, dataDir)
    await machine.run('ip', ['link', 'set', 'lo', 'up'])
    await machine.run('ip', ['addr', 'add', `${address}/24`, 'dev', far])
    await machine.run('ip', ['link', 'set', far, 'up'])
    mkdirSync(dataDir, { recursive: true })
    await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK},mode=700`, 'tmpfs', dataDir])
    return machine
  }

  /** Packets of `from` no longer arrive here. */
  async deafen(from: Machine): Promise<void> {
    await this.run('iptables', ['-A', 'INPUT', '-s', from.address, '-j', 'DROP'])
  }

  async healNetwork(): Promise<void> {
    await this.run('iptables', ['-F', 'INPUT'])
  }

  /** Not a byte is left. */
  fillDisk(): void {
    const { bavail, bsize } = statfsSync(this.dataDir)
    const path = this.fillPath
    try {
      writeFileSync(path, Buffer.alloc(bavail * bsize))
      writeFileSync(path, Buffer.alloc(BLOCK), { flag: 'a' })
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOSPC') throw thrown
    }
  }

  freeDisk(): void {
    rmSync(this.fillPath, { force: true })
  }

  /** Nothing runs there any more. */
  async remove(): Promise<void> {
    await run('umount', ['--lazy', this.dataDir])
    await run('ip', ['netns', 'del', this.name])
  }

  private get fillPath(): string {
    return join(this.dataDir, 'somebody-elses-file')
  }

  private run(program: string, args: readonly string[]): Promise<void> {
    const [enter = '', ...rest] = [...this.prefix, program, ...args]
    return run(enter, rest)
  }
}

const execute = promisify(execFile)

async function run(program: string, args: readonly string[]): Promise<void> {
  try {
    await execute(program, [...args])
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new DrillFailure(`the drill's world cannot be made: ${why.trim()}`, { cause })
  }
}
