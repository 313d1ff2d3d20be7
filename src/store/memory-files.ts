/**
 * The files of output logs on a disk in memory. What was not synced when the power goes is gone, or cut at any byte; reading,
 * removing and making names are done at once. The disk says whether writes work.
 */
import { CodedError, present } from '../base/index.ts'
import type { OutputFile, OutputFiles } from './output-files.ts'

/** What the folder must know of its disk. */
interface Disk {
  readonly path: string
  readonly isReadable: boolean
  letWrite(isAlive: () => boolean): Promise<void>
}

interface Write {
  readonly name: string
  readonly position: number
  readonly bytes: Buffer
}

/** What is on the disk; outlives the handles on it. */
export class MemoryFolder {
  /** The file that was written last comes last. Open to damage. */
  readonly files = new Map<string, Buffer>()
  /** Sees each write before it reaches the disk: waiting delays it, throwing fails it. */
  beforeWrite: ((bytes: number) => Promise<void>) | undefined
  private readonly disk: Disk
  private readonly underWay = new Set<Write>()
  /** Of the power: handles of an earlier one are dead. */
  private life = 0

  constructor(disk: Disk) {
    this.disk = disk
  }

  open(): OutputFiles {
    const { life } = this
    const { path } = this.disk
    const isAlive = (): boolean => this.life === life
    return {
      path,
      list: async () => this.list(),
      create: async (name) => {
        await this.disk.letWrite(isAlive)
        this.put(name, Buffer.alloc(0))
      },
      write: (name, position, parts) => this.write({ name, position, bytes: Buffer.concat(parts) }, isAlive),
      read: async (name, position, bytesMax) => {
        if (!this.disk.isReadable)
          throw new CodedError('store.unreadable', { path, reason: 'EIO: i/o error, read' })
        return Buffer.from(this.files.get(name)?.subarray(position, position + bytesMax) ?? [])
      },
      truncate: async (name, bytes) => {
        await this.disk.letWrite(isAlive)
        this.put(name, Buffer.from(present(this.files.get(name), 'file').subarray(0, bytes)))
      },
      remove: async (name) => {
        await this.disk.letWrite(isAlive)
        this.files.delete(name)
      },
      close: async () => undefined,
    }
  }

  /** For the disk only: the power goes. */
  crash(keptBytes: number): void {
    this.life += 1
    for (const { name, position, bytes } of this.underWay)
      if (keptBytes > 0) this.apply({ name, position, bytes: bytes.subarray(0, keptBytes) })
    this.underWay.clear()
  }

  private list(): OutputFile[] {
    return [...this.files].map(([name, content]) => ({ name, bytes: content.length }))
  }

  private async write(write: Write, isAlive: () => boolean): Promise<void> {
    this.underWay.add(write)
    try {
      await this.beforeWrite?.(write.bytes.length)
      await this.disk.letWrite(isAlive)
      this.apply(write)
    } finally {
      this.underWay.delete(write)
    }
  }

  private apply({ name, position, bytes }: Write): void {
    const before = this.files.get(name) ?? Buffer.alloc(0)
    this.put(
      name,
      Buffer.concat([before.subarray(0, position), bytes, before.subarray(position + bytes.length)]),
    )
  }

  private put(name: string, content: Buffer): void {
    this.files.delete(name)
    this.files.set(name, content)
  }
}
