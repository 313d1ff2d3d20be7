import { expect, test } from 'vitest'
import type { CodedError } from '../../src/base/index.ts'
import type { LogEvent, LogRequest } from '../../src/node/control/index.ts'
import { type PrintingTask, readTaskLog } from '../../src/node/task-log-reader.ts'
import { MemoryDisk, openMemoryStores } from '../../src/store/index.ts'
import type { OutputLog } from '../../src/task/index.ts'

const noSignal = new AbortController().signal
const WHOLE = { follow: false, tail: undefined } as const

async function newLog(): Promise<OutputLog> {
  const { outputs } = await openMemoryStores(new MemoryDisk())
  return await outputs.submitter.open('key')
}

async function logOf(...chunks: readonly string[]): Promise<OutputLog> {
  const log = await newLog()
  for (const chunk of chunks) await log.append('stdout', Buffer.from(chunk))
  return log
}

class Task implements PrintingTask {
  isSettled = false
  private next = Promise.withResolvers<void>()

  news(): Promise<void> {
    return this.next.promise
  }

  tell(): void {
    this.next.resolve()
    this.next = Promise.withResolvers()
  }

  end(): void {
    this.isSettled = true
    this.tell()
  }
}

/** What is left of `log` for a reader that comes late. */
function cutTo(log: OutputLog, begin: () => number): OutputLog {
  return {
    get begin() {
      return begin()
    },
    get end() {
      return log.end
    },
    append: (stream, chunk) => log.append(stream, chunk),
    read: (from, bytesMax) => log.read(Math.max(from, begin()), bytesMax),
    trim: (before) => log.trim(before),
  }
}

async function read(log: OutputLog, request: Omit<LogRequest, 'taskId'>, task = new Task()): Promise<string> {
  let text = ''
  const report = async (event: LogEvent) => {
    text += event.type === 'output' ? Buffer.from(event.chunk).toString() : `[${event.bytes} missing]`
  }
  await readTaskLog(log, task, request, report, noSignal)
  return text
}

test('without --follow: what is there, also of a task that goes on', async () => {
  expect(await read(await logOf('one ', 'two'), WHOLE)).toBe('one two')
  expect(await read(await newLog(), WHOLE)).toBe('')
})

test.each<[NonNullable<LogRequest['tail']>, string]>([
  [{ bytes: 0 }, ''],
  [{ bytes: 5 }, 'hree\n'],
  [{ bytes: 1000 }, 'one\ntwo\n\nthree\n'],
  [{ lines: 0 }, ''],
  [{ lines: 1 }, 'three\n'],
  [{ lines: 2 }, '\nthree\n'],
  [{ lines: 3 }, 'two\n\nthree\n'],
  [{ lines: 4 }, 'one\ntwo\n\nthree\n'],
  [{ lines: 5 }, 'one\ntwo\n\nthree\n'],
])('tail of %j', async (tail, expected) => {
  expect(await read(await logOf('on', 'e\ntwo', '\n', '\nthree\n'), { follow: false, tail })).toBe(expected)
})

test('tail: a last line without its end is a line; more lines than one look back takes are found', async () => {
  expect(await read(await logOf('one\ntw', 'o'), { follow: false, tail: { lines: 1 } })).toBe('two')
  const lines = Array.from({ length: 3000 }, (_, at) => `${at} ${'.'.repeat(at % 200)}\n`)
  const log = await logOf(...lines)
  for (const count of [1, 400, 1234, 2999, 3000, 3001])
    expect(await read(log, { follow: false, tail: { lines: count } })).toBe(lines.slice(-count).join(''))
})

test('what is not kept any more is told where it is missing', async () => {
  const log = await logOf('one ', 'two ', 'three')
  expect(
    await read(
      cutTo(log, () => 4),
      WHOLE,
    ),
  ).toBe('[4 missing]two three')
  expect(
    await read(
      cutTo(log, () => 13),
      WHOLE,
    ),
  ).toBe('[13 missing]')
  // Nobody asked for it.
  expect(
    await read(
      cutTo(log, () => 4),
      { follow: false, tail: { bytes: 100 } },
    ),
  ).toBe('two three')
})

test('--follow: goes on until the task has ended, and prints what it printed last', async () => {
  const log = await logOf('one ')
  const task = new Task()
  let text = ''
  const more = ['two ', 'three ', 'four']
  const reading = readTaskLog(
    log,
    task,
    { follow: true, tail: undefined },
    async (event) => {
      if (event.type === 'output') text += Buffer.from(event.chunk).toString()
      const next = more.shift()
      if (next === undefined) return
      await log.append('stdout', Buffer.from(next))
      if (more.length === 0) task.end()
      else task.tell()
    },
    noSignal,
  )
  await reading
  expect(text).toBe('one two three four')
})

test('--follow of a silent task waits for its end, and of one that ended does not', async () => {
  const log = await logOf('one')
  const task = new Task()
  let isOver = false
  const reading = read(log, { follow: true, tail: undefined }, task).then((text) => {
    isOver = true
    return text
  })
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
  expect(isOver).toBe(false)
  task.end()
  expect(await reading).toBe('one')
  expect(await read(log, { follow: true, tail: undefined }, task)).toBe('one')
})

test('a reader that is slower than the log is told what went meanwhile', async () => {
  const log = await logOf('one ')
  let begin = 0
  const task = new Task()
  const seen: string[] = []
  await readTaskLog(
    cutTo(log, () => begin),
    task,
    { follow: true, tail: undefined },
    async (event) => {
      seen.push(event.type === 'output' ? Buffer.from(event.chunk).toString() : `${event.bytes} missing`)
      if (seen.length > 1) return
      for (const word of ['two ', 'three ', 'four']) await log.append('stdout', Buffer.from(word))
      begin = 14
      task.end()
    },
    noSignal,
  )
  expect(seen).toEqual(['one ', '10 missing', 'four'])
})

test('a node that stops says so to those who follow', async () => {
  const stopping = new AbortController()
  const reading = readTaskLog(
    await logOf('one'),
    new Task(),
    { follow: true, tail: undefined },
    async () => stopping.abort(),
    stopping.signal,
  )
  await expect(reading).rejects.toMatchObject({ code: 'node.stopping' } satisfies Partial<CodedError>)
})
