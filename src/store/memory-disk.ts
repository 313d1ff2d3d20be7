import { assert, CodedError } from '../base/index.ts'
import type { Engine, Operation, Visitor } from './engine.ts'

/**
 * A disk in memory that outlives the handles on it, as a real one outlives processes. For simulations and tests:
 * records can be damaged, writes can fail or hang, and the power can go.
 */
export class MemoryDisk {
  /** Stands for the path in errors. */
  readonly path: string
  /** What is on the disk, by the key's bytes as Latin-1 text. Open to damage. */
  readonly records = new Map<string, Uint8Array>()
  /** Sees each batch before it reaches the disk: waiting stalls the disk, throwing fails the write. */
  beforeWrite: ((operations: readonly Operation[]) => Promise<void>) | undefined
  private holder: MemoryEngine | undefined

  constructor(path = 'memory') {
    this.path = path
  }

  /** @throws CodedError `store.in_use` while another handle is open. */
  open(): Engine {
    if (this.holder !== undefined) throw new CodedError('store.in_use', { path: this.path })
    this.holder = new MemoryEngine(this)
    return this.holder
  }

  /** The power goes: the open handle is dead, and of the batches under way nothing reaches the disk. */
  crash(): void {
    this.holder = undefined
  }

  /** For the open handle only. */
  isHeldBy(engine: MemoryEngine): boolean {
    return this.holder === engine
  }
}

function keyText(key: Uint8Array): string {
  return Buffer.from(key).toString('latin1')
}

class MemoryEngine implements Engine {
  private readonly disk: MemoryDisk

  constructor(disk: MemoryDisk) {
    this.disk = disk
  }

  get path(): string {
    return this.disk.path
  }

  scan(prefix: number, visit: Visitor): Promise<void> {
    return new Promise((resolve) => {
      assert(this.disk.isHeldBy(this), 'a closed store was read')
      // Latin-1 text compares like the bytes that it stands for. Values are copied: a disk shares no memory.
      const records = [...this.disk.records].filter(([key]) => key.charCodeAt(0) === prefix)
      records.sort(([left], [right]) => (left < right ? -1 : 1))
      for (const [key, value] of records) visit(Buffer.from(key, 'latin1'), value.slice())
      resolve()
    })
  }

  async write(operations: readonly Operation[]): Promise<void> {
    try {
      await this.disk.beforeWrite?.(operations)
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new CodedError('store.write_failed', { path: this.path, reason }, { cause })
    }
    if (!this.disk.isHeldBy(this))
      throw new CodedError('store.write_failed', { path: this.path, reason: 'the disk lost power' })
    for (const operation of operations) {
      if (operation.type === 'put') this.disk.records.set(keyText(operation.key), operation.value.slice())
      else this.disk.records.delete(keyText(operation.key))
    }
  }

  close(): Promise<void> {
    if (this.disk.isHeldBy(this)) this.disk.crash()
    return Promise.resolve()
  }
}
