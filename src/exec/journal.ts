/**
 * What the guardian has started and not yet proven quiet: one small file per execution, for the next life of the node
 * in case that node and guardian die at once.
 *
 * Written right after the spawn and removed after quiet, both synchronously: about 50 µs. Not synced on purpose. A
 * record is of use only while the processes that it names can live, that is until the machine stops; so long the page
 * cache keeps it whatever happens to its writer, and the boot id tells a record that has outlived its machine. What
 * a full disk or a torn record loses, the owner's mark still finds.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { CodedError, decode, type ExecutionId, encode } from '../base/index.ts'
import { bootId, type ProcessIdentity } from './linux-processes.ts'
import { executionIdSchema, pidSchema, startTicksSchema } from './protocol.ts'

const SUFFIX = '.execution'
/** Why the guardian ended the node, which cannot say it itself. */
const NODE_KILLED = 'node-killed'

const recordSchema = z.strictObject({
  version: z.literal(1),
  executionId: executionIdSchema,
  /** Also the id of the process group and of the session that it leads. */
  pid: pidSchema,
  startTicks: startTicksSchema,
  bootId: z.string(),
})

export interface StartedExecution {
  readonly executionId: ExecutionId
  readonly leader: ProcessIdentity
}

export class ExecutionJournal {
  private readonly directory: string

  /** Makes the directory, for its owner alone. @throws CodedError `store.write_failed` */
  constructor(directory: string) {
    this.directory = directory
    guarded(directory, () => mkdirSync(directory, { recursive: true, mode: 0o700 }))
  }

  /** @throws CodedError `store.write_failed` */
  add(started: StartedExecution): void {
    const { pid, startTicks } = started.leader
    const record = { version: 1, executionId: started.executionId, pid, startTicks, bootId: bootId() }
    const path = this.path(started.executionId)
    guarded(path, () => writeFileSync(path, encode(record), { mode: 0o600 }))
  }

  /** @throws CodedError `store.write_failed` */
  remove(executionId: ExecutionId): void {
    const path = this.path(executionId)
    guarded(path, () => rmSync(path, { force: true }))
  }

  /**
   * What an earlier life left, of this boot of the machine. Records of another boot, and damaged ones, are removed:
   * `onDamaged` is told of the latter.
   */
  load(onDamaged: (path: string) => void): StartedExecution[] {
    const boot = bootId()
    const left: StartedExecution[] = []
    for (const name of readdirSync(this.directory).filter((entry) => entry.endsWith(SUFFIX))) {
      const path = join(this.directory, name)
      const record = this.read(path)
      if (record === undefined) onDamaged(path)
      if (record?.bootId === boot) {
        const { executionId, pid, startTicks } = record
        left.push({ executionId, leader: { pid, startTicks } })
      } else guarded(path, () => rmSync(path, { force: true }))
    }
    return left
  }

  /** @throws CodedError `store.write_failed` */
  noteNodeKilled(label: string): void {
    const path = join(this.directory, NODE_KILLED)
    guarded(path, () => writeFileSync(path, label, { mode: 0o600 }))
  }

  /** What an earlier life of the node was killed for, once. */
  takeNodeKilled(): string | undefined {
    const path = join(this.directory, NODE_KILLED)
    if (!existsSync(path)) return undefined
    const label = readFileSync(path, 'utf8')
    guarded(path, () => rmSync(path, { force: true }))
    return label
  }

  private read(path: string): z.output<typeof recordSchema> | undefined {
    const bytes = readFileSync(path)
    try {
      return decode(recordSchema, bytes, 'execution record')
    } catch {
      return undefined
    }
  }

  private path(executionId: ExecutionId): string {
    return join(this.directory, `${encodeURIComponent(executionId)}${SUFFIX}`)
  }
}

function guarded(path: string, write: () => void): void {
  try {
    write()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CodedError('store.write_failed', { path, reason }, { cause })
  }
}
