import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { CodedError, type Logger } from '../../src/base/index.ts'
import { createLogger, type LogLevel } from '../../src/telemetry/index.ts'

interface Log {
  readonly logger: Logger
  readonly text: () => string
  readonly lines: () => Record<string, unknown>[]
}

function recordingLog(level: LogLevel = 'debug'): Log {
  let text = ''
  const write = (chunk: string) => {
    text += chunk
  }
  return {
    logger: createLogger({ level, base: { node: 'nas' }, destination: { write } }),
    text: () => text,
    lines: () =>
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
  }
}

test('a line is one JSON object with time, level, node, room, the fields and the message', () => {
  const { logger, lines } = recordingLog()
  logger.child({ room: 'net' }).info({ peer: '12D3KooWtest', streams: 2 }, 'connected')
  expect(lines()).toEqual([
    {
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      node: 'nas',
      room: 'net',
      peer: '12D3KooWtest',
      streams: 2,
      message: 'connected',
    },
  ])
})

test('a newline in a field or a message does not make a second line', () => {
  const { logger, lines } = recordingLog()
  logger.warn({ output: 'a\nb' }, 'c\nd')
  expect(lines()).toMatchObject([{ output: 'a\nb', message: 'c\nd' }])
})

test('only lines of the level or above are written, and none when silent', () => {
  const speak = ({ logger }: Log) => {
    logger.debug({}, 'debug')
    logger.info({}, 'info')
    logger.warn({}, 'warn')
    logger.child({ room: 'raft' }).error({}, 'error')
  }
  const warning = recordingLog('warn')
  speak(warning)
  expect(warning.lines().map(({ level }) => level)).toEqual(['warn', 'error'])
  const silent = recordingLog('silent')
  speak(silent)
  expect(silent.text()).toBe('')
})

test('what is named like a secret is not written, however deep, in a child and in the base too', () => {
  const { logger, text, lines } = recordingLog()
  const request = {
    headers: { Authorization: 'Bearer hunter2', cookie: 'hunter2', host: 'nas' },
    body: [{ proof: 'hunter2', inviteId: 'public' }],
  }
  logger.child({ invite: 'populi1.hunter2' }).error(
    {
      request,
      secret: 'hunter2',
      token_secret: 'hunter2',
      rootPrivateKey: 'hunter2',
      'private-key': 'hunter2',
      token: 17,
    },
    'refused',
  )
  expect(text()).not.toContain('hunter2')
  expect(lines()).toMatchObject([
    {
      invite: '[redacted]',
      request: {
        headers: { Authorization: '[redacted]', cookie: '[redacted]', host: 'nas' },
        body: [{ proof: '[redacted]', inviteId: 'public' }],
      },
      rootPrivateKey: '[redacted]',
      token: 17,
    },
  ])
})

test('bytes are counted, not written', () => {
  const { logger, lines } = recordingLog()
  logger.info({ key: new Uint8Array(32), data: Buffer.from('hunter2') }, 'bytes')
  expect(lines()).toMatchObject([{ key: '[32 bytes]', data: '[7 bytes]' }])
})

test('an error is written with its code, its stack and its causes', () => {
  const { logger, lines } = recordingLog()
  const cause = new TypeError('no such property')
  logger.error({ error: new CodedError('store.in_use', { path: '/data' }, { cause }) }, 'cannot start')
  expect(lines()).toMatchObject([
    {
      error: {
        type: 'CodedError',
        code: 'store.in_use',
        message: 'the data directory /data is in use by another node',
        stack: expect.stringContaining('logger.test.ts'),
        cause: { type: 'TypeError', message: 'no such property' },
      },
    },
  ])
})

test('a field that holds itself is cut off', () => {
  const { logger, text } = recordingLog()
  const circle: { inner?: unknown } = {}
  circle.inner = circle
  logger.info({ circle }, 'round')
  expect(text()).toContain('[too deep]')
})

test('a reader that stands still does not hold the process, and is told later how many lines it missed', async () => {
  const script = fileURLToPath(new URL('./fixtures/flood.ts', import.meta.url))
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'pipe'] })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  const gone = once(child, 'exit')
  const [done] = await once(createInterface({ input: child.stdout }), 'line')
  expect(done).toBe('50000 lines logged')
  let lines = 0
  let lost = 0
  for await (const line of createInterface({ input: child.stderr })) {
    const { lostLines } = JSON.parse(line)
    if (lostLines === undefined) {
      lines += 1
    } else {
      lost = lostLines
      child.stdin.end()
    }
  }
  await gone
  expect(lost).toBeGreaterThan(0)
  expect(lines + lost).toBe(50_000)
})
