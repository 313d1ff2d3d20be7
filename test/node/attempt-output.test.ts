import { describe, expect, it } from 'vitest'
import { CodedError, LIMITS } from '../../src/base/index.ts'
import { OutputSpool } from '../../src/node/output-spool.ts'
import { OutputWindow } from '../../src/node/output-window.ts'
import type { OutputLog, OutputPiece } from '../../src/task/index.ts'

const WINDOW = LIMITS.outputWindowBytesMax

/** A log in memory, of which the test says what goes wrong. */
class TestLog implements OutputLog {
  begin = 0
  end = 0
  trimmed = 0
  failure: CodedError | undefined
  /** While set, appends wait for it. */
  disk: Promise<void> = Promise.resolve()
  private readonly pieces: OutputPiece[] = []

  async append(stream: OutputPiece['stream'], chunk: Uint8Array): Promise<void> {
    await this.disk
    if (this.failure !== undefined) throw this.failure
    this.pieces.push({ stream, offset: this.end, chunk })
    this.end += chunk.length
  }

  async read(from: number, bytesMax: number): Promise<readonly OutputPiece[]> {
    if (this.failure !== undefined) throw this.failure
    const found: OutputPiece[] = []
    let room = bytesMax
    for (const piece of this.pieces) {
      const skip = Math.max(0, from - piece.offset)
      if (skip >= piece.chunk.length || room <= 0) continue
      found.push({ ...piece, offset: piece.offset + skip, chunk: piece.chunk.subarray(skip) })
      room -= piece.chunk.length
    }
    return found
  }

  async trim(before: number): Promise<void> {
    this.trimmed = before
  }

  /** The oldest had to go. */
  lose(before: number): void {
    this.begin = before
    while ((this.pieces[0]?.offset ?? before) < before) this.pieces.shift()
  }
}

function spool(isOnDisk = false) {
  const log = new TestLog()
  const sent: OutputPiece[] = []
  const troubles: unknown[] = []
  const link = { isUp: true }
  const output = new OutputSpool({
    open: () => Promise.resolve(log),
    isOnDisk,
    isConnected: () => link.isUp,
    send: (piece) => sent.push(piece),
    onTrouble: (error) => troubles.push(error),
  })
  return { log, sent, troubles, link, output }
}

const settle = () => new Promise<void>((resolve) => setImmediate(resolve))
const offsets = (sent: readonly OutputPiece[]) => sent.map(({ offset }) => offset)
const failed = () => new CodedError('store.write_failed', { path: 'output', reason: 'ENOSPC' })

describe('output of a detached attempt', () => {
  it('the command waits for the disk only when much is unwritten', async () => {
    const { log, output } = spool()
    const disk = Promise.withResolvers<void>()
    log.disk = disk.promise
    await output.take('stdout', new Uint8Array(WINDOW))
    const third = output.take('stdout', new Uint8Array(1))
    expect(await Promise.race([third.then(() => 'went on'), settle().then(() => 'waits')])).toBe('waits')
    disk.resolve()
    await third
    expect(output.totalBytes).toBe(WINDOW + 1)
  })

  it('the result waits for what is not written yet', async () => {
    const { log, output, sent } = spool()
    const disk = Promise.withResolvers<void>()
    log.disk = disk.promise
    await output.take('stdout', new Uint8Array(3))
    let isDone = false
    output.whenSent(() => {
      isDone = true
    })
    await settle()
    expect(isDone).toBe(false)
    disk.resolve()
    await settle()
    expect([isDone, offsets(sent)]).toEqual([true, [0]])
  })

  it('a disk that takes none ends the command, and holds up no result', async () => {
    const { log, output, troubles } = spool()
    await output.take('stdout', new Uint8Array(3))
    await settle()
    log.failure = failed()
    await output.take('stdout', new Uint8Array(3))
    await settle()
    await expect(output.take('stdout', new Uint8Array(3))).rejects.toMatchObject({
      code: 'store.write_failed',
    })
    const done = new Promise<void>((resolve) => output.whenSent(resolve))
    await done
    expect(troubles.length).toBeGreaterThan(0)
  })

  it('what had to go leaves a gap that shows in the offsets', async () => {
    const { log, output, sent, link } = spool()
    link.isUp = false
    for (let at = 0; at < 4; at++) await output.take('stdout', new Uint8Array(10))
    await settle()
    log.lose(20)
    link.isUp = true
    const done = new Promise<void>((resolve) => output.whenSent(resolve))
    await done
    expect(offsets(sent)).toEqual([20, 30])
  })

  it('a reconnect begins again behind what was acknowledged, and what is acknowledged is trimmed', async () => {
    const { log, output, sent } = spool()
    for (let at = 0; at < 4; at++) await output.take('stdout', new Uint8Array(WINDOW / 2))
    await settle()
    expect(offsets(sent)).toEqual([0, WINDOW / 2])
    output.acknowledge(WINDOW)
    await settle()
    expect(log.trimmed).toBe(WINDOW)
    sent.length = 0
    output.repeat()
    await settle()
    expect(offsets(sent)).toEqual([WINDOW, WINDOW * 1.5])
  })

  it('of an earlier life: the first acknowledgement says what need not be sent', async () => {
    const { log, output, sent } = spool(true)
    for (let at = 0; at < 8; at++) await log.append('stdout', new Uint8Array(WINDOW / 2))
    output.repeat()
    await settle()
    output.acknowledge(3 * WINDOW)
    await settle()
    expect(offsets(sent)).toEqual([0, WINDOW / 2, 3 * WINDOW, 3.5 * WINDOW])
    expect(output.totalBytes).toBe(4 * WINDOW)
  })
})

describe('output of an attached attempt', () => {
  it('a command that is being stopped waits for nobody: what finds room is sent, the rest shows as a gap', async () => {
    const sent: OutputPiece[] = []
    const output = new OutputWindow((piece) => sent.push(piece))
    await output.take('stdout', new Uint8Array(WINDOW - 10))
    const waiting = output.take('stdout', new Uint8Array(20))
    output.close()
    await waiting
    await output.take('stderr', new Uint8Array(10))
    expect(offsets(sent)).toEqual([0])
    output.acknowledge(WINDOW - 10)
    await output.take('stderr', new Uint8Array(5))
    expect(offsets(sent)).toEqual([0, WINDOW + 20])
    expect(output.totalBytes).toBe(WINDOW + 25)
  })
})
