import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type CodedError, type ExecutionId, encode, LIMITS } from '../../src/base/index.ts'
import { FrameWriter, readFrames } from '../../src/exec/frames.ts'
import { ExecutionJournal } from '../../src/exec/journal.ts'
import { temporaryDirectory, until } from './world.ts'

const leader = { pid: 4711, startTicks: 99 }

describe('the journal of executions', () => {
  test('gives back what was added and not removed, whatever the ids look like', () => {
    const directory = join(temporaryDirectory(), 'made', 'here')
    const journal = new ExecutionJournal(directory)
    const ids = ['7-1', '../up', 'a/b:c%', '..'].map((id) => id as ExecutionId)
    for (const executionId of ids) journal.add({ executionId, leader })
    journal.remove('a/b:c%' as ExecutionId)
    journal.remove('never-there' as ExecutionId)
    const left = new ExecutionJournal(directory).load(() => expect.unreachable())
    const expected = ['7-1', '../up', '..'].map((executionId) => ({ executionId, leader }))
    expect(left).toHaveLength(3)
    expect(left).toEqual(expect.arrayContaining(expected))
  })

  test('forgets what was written before the machine started, and what it cannot read', () => {
    const directory = temporaryDirectory()
    const journal = new ExecutionJournal(directory)
    const old = { version: 1, executionId: 'old', ...leader, bootId: 'another boot' }
    writeFileSync(join(directory, 'old.execution'), encode(old))
    writeFileSync(join(directory, 'everybody.execution'), encode({ ...old, pid: 1 }))
    writeFileSync(join(directory, 'torn.execution'), encode(old).subarray(0, 20))
    writeFileSync(join(directory, 'other.file'), 'not ours')
    const damaged: string[] = []
    expect(journal.load((path) => damaged.push(path))).toEqual([])
    expect(damaged.sort()).toEqual(['everybody', 'torn'].map((name) => join(directory, `${name}.execution`)))
    expect(readdirSync(directory)).toEqual(['other.file'])
  })

  test('says where it cannot be written', () => {
    const directory = temporaryDirectory()
    writeFileSync(join(directory, 'file'), '')
    expect(() => new ExecutionJournal(join(directory, 'file'))).toThrow(
      expect.objectContaining({ code: 'store.write_failed' }),
    )
  })
})

describe('frames on a pipe', () => {
  const schema = z.strictObject({ n: z.number() })

  async function bytesOf(messages: object[]): Promise<Buffer> {
    const pipe = new PassThrough()
    const writer = new FrameWriter(pipe)
    for (const message of messages) writer.write(message)
    pipe.end()
    return Buffer.concat(await pipe.toArray())
  }

  function readBack(pieces: Buffer[]): { messages: unknown[]; errors: CodedError[]; done: () => boolean } {
    const pipe = new PassThrough()
    const messages: unknown[] = []
    const errors: CodedError[] = []
    let done = false
    readFrames(
      pipe,
      schema,
      (message) => messages.push(message),
      (error) => errors.push(error),
    )
    pipe.on('end', () => {
      done = true
    })
    for (const piece of pieces) pipe.write(piece)
    pipe.end()
    return { messages, errors, done: () => done }
  }

  test('are read whatever the pieces are that they come in', async () => {
    const sent = Array.from({ length: 20 }, (_, n) => ({ n: n * 1e6 }))
    const bytes = await bytesOf(sent)
    for (const size of [1, 2, 3, 5, 7, 64, bytes.length]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      )
      const { messages, errors, done } = readBack(pieces)
      await until(done)
      expect([messages, errors]).toEqual([sent, []])
    }
  })

  test('that are none end the reading once, after what was good', async () => {
    const good = await bytesOf([{ n: 1 }])
    const tooLong = Buffer.alloc(4)
    tooLong.writeUInt32BE(LIMITS.execFrameBytesMax + 1)
    const cases: [Buffer, string][] = [
      [Buffer.concat([good, tooLong, good]), 'limit.exceeded'],
      [Buffer.concat([good, Buffer.of(0, 0, 0, 2, 0xff, 0xff), good]), 'wire.malformed'],
      [Buffer.concat([good, await bytesOf([{ n: 'x' }, { n: 'y' }])]), 'wire.malformed'],
      [Buffer.concat([good, Buffer.alloc(4)]), 'wire.malformed'],
    ]
    for (const [bytes, code] of cases) {
      const { messages, errors, done } = readBack([bytes])
      await until(done)
      expect(messages).toEqual([{ n: 1 }])
      expect(errors.map((error) => error.code)).toEqual([code])
    }
  })

  test('are not written when they are too long', () => {
    const pipe = new PassThrough()
    const message = { text: 'x'.repeat(LIMITS.execFrameBytesMax) }
    expect(() => new FrameWriter(pipe).write(message)).toThrow(
      expect.objectContaining({ code: 'limit.exceeded' }),
    )
    expect(pipe.readableLength).toBe(0)
  })
})
