/** What the figures were measured on, and whether the disk deserves the name. */
import { mkdtemp, open, statfs } from 'node:fs/promises'
import { availableParallelism, cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { BenchFailure } from './bench-failure.ts'
import { percentile, rounded } from './stats.ts'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly kernel: string
  readonly node: string
  /** One block written and synced, with nothing else going on. */
  readonly fsyncP50Ms: number
  readonly fsyncP99Ms: number
}

const PROBES = 100
const BLOCK_BYTES = 4096
/** `f_type` of tmpfs and ramfs: a sync there costs nothing and means nothing. */
const MEMORY_FILE_SYSTEMS: ReadonlySet<number> = new Set([0x01021994, 0x858458f6])

/** A new folder in `parent`. @throws BenchFailure when that is in memory. */
export async function benchFolder(parent: string): Promise<string> {
  const { type } = await statfs(parent)
  if (MEMORY_FILE_SYSTEMS.has(type))
    throw new BenchFailure(`${parent} is in memory: give a folder on a disk with --dir`)
  return mkdtemp(join(parent, 'populi-bench-'))
}

export async function describeMachine(folder: string): Promise<Machine> {
  const syncs = await probeDisk(join(folder, 'probe'))
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: rounded(totalmem() / 1024 ** 3, 1),
    kernel: release(),
    node: process.version,
    fsyncP50Ms: rounded(percentile(syncs, 0.5), 3),
    fsyncP99Ms: rounded(percentile(syncs, 0.99), 3),
  }
}

async function probeDisk(path: string): Promise<readonly number[]> {
  const file = await open(path, 'w')
  const block = Buffer.alloc(BLOCK_BYTES, 1)
  const took: number[] = []
  try {
    for (let probe = 0; probe < PROBES; probe += 1) {
      const from = performance.now()
      await file.write(block)
      await file.datasync()
      took.push(performance.now() - from)
    }
  } finally {
    await file.close()
  }
  return took
}
