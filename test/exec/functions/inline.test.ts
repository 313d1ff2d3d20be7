import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { CodedError, LIMITS, type LogFields, silentLogger } from '../../../src/base/index.ts'
import { type FunctionContext, FunctionRegistry, GuardianClient } from '../../../src/exec/index.ts'
import { clock, temporaryDirectory, until, within } from '../world.ts'
import { call, callOf, outcomeOf, type World } from './world.ts'

interface Guarded extends World {
  /** What the guardian was told: the time, or nothing. */
  readonly told: (number | undefined)[]
}

/** A registry without a process: the node guard writes down what it is given. */
function inline(hold: () => Promise<void> | undefined = () => undefined): Guarded {
  const told: (number | undefined)[] = []
  const guardian = {
    nodeGuard: {
      hold: (_call: object, { killAt }: { killAt: number }) => {
        told.push(killAt)
        return hold()
      },
      release: () => void told.push(undefined),
    },
    runFed: () => expect.unreachable('there is no module'),
  }
  const registry = new FunctionRegistry({ guardian, clock, logger: silentLogger })
  return { registry, told }
}

describe('a function in the process of the node', () => {
  test('gets its input and gives its value, while the guardian has its deadline', async () => {
    const at = inline()
    const deadline = within(60_000)
    const toldAtCall: unknown[] = []
    at.registry.register('add', ({ a, b }: { a: number; b: number }) => {
      toldAtCall.push(...at.told)
      return a + b
    })
    const end = await call(at, callOf('add', { a: 2, b: 3 }, { deadline })).ended
    expect(end).toMatchObject({ cause: 'exited', exitCode: 0, quiet: true })
    expect(outcomeOf(end)).toBe(5)
    expect([toldAtCall, at.told]).toEqual([[deadline.killAt], [deadline.killAt, undefined]])
  })

  test('is told its task, its fencing token and its trace, and what it logs is output', async () => {
    const at = inline()
    at.registry.register('look', (_input: unknown, { log, taskId, fencingToken, traceparent }) => {
      log('one')
      log('two')
      return { taskId, fencingToken, traceparent }
    })
    const looking = call(at, callOf('look', null, { traceparent: 'trace' }))
    expect(outcomeOf(await looking.ended)).toEqual({ taskId: '17', fencingToken: 42, traceparent: 'trace' })
    expect(looking.text()).toBe('one\ntwo\n')
  })

  test('that throws or rejects fails with its words', async () => {
    const at = inline()
    at.registry.register('throw', () => {
      throw new RangeError('too far')
    })
    at.registry.register('reject', () => Promise.reject('a text'))
    expect((await call(at, callOf('throw', 1)).ended).error?.message).toBe(
      'function throw failed: RangeError: too far',
    )
    const rejected = await call(at, callOf('reject', 1)).ended
    expect(rejected).toMatchObject({ cause: 'exited', exitCode: 1, error: { code: 'function.failed' } })
    expect(rejected.error?.message).toBe('function reject failed: a text')
  })

  test('hears by its signal that its time is over, or that it was told to end', async () => {
    const at = inline()
    at.registry.register('obey', (_input: unknown, { signal }) => aborted(signal))
    expect((await call(at, callOf('obey', 1, { deadline: within(50) })).ended).cause).toBe('deadline')
    const told = call(at, callOf('obey', 1))
    await told.started
    told.end('test')
    expect(await told.ended).toMatchObject({ cause: 'killed-on-order', quiet: true })
  })

  test('whose lease is renewed goes on, and its guard moves; one that is taken back ends sooner', async () => {
    const at = inline()
    const deadlines = [within(50), within(60_000), within(20)] as const
    at.registry.register('obey', (_input: unknown, { signal }) => aborted(signal))
    const renewed = call(at, callOf('obey', 1, { deadline: deadlines[0] }))
    renewed.extend(deadlines[1])
    await until(() => clock.now() > deadlines[0].termAt + 50)
    expect(at.told).toEqual([deadlines[0].killAt, deadlines[1].killAt])
    renewed.extend(deadlines[2])
    expect((await renewed.ended).cause).toBe('deadline')
  })

  test('does not begin before the guardian has its deadline, nor without a guardian', async () => {
    let open: () => void = () => undefined
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const waiting = inline(() => gate)
    let begun = 0
    waiting.registry.register('count', () => ++begun)
    const counted = call(waiting, callOf('count', 1))
    await new Promise(setImmediate)
    expect(begun).toBe(0)
    open()
    expect(outcomeOf(await counted.ended)).toBe(1)
    const alone = inline(() => Promise.reject(new CodedError('exec.guardian_lost')))
    alone.registry.register('count', () => ++begun)
    const end = await call(alone, callOf('count', 1)).ended
    expect(end).toMatchObject({ cause: 'guardian-lost', quiet: true, error: { code: 'exec.guardian_lost' } })
    expect(begun).toBe(1)
  })

  test('that was told to end before it began does not begin', async () => {
    const at = inline()
    at.registry.register('never', () => expect.unreachable('it began'))
    const never = call(at, callOf('never', 1))
    never.end('test')
    expect(await never.ended).toMatchObject({ cause: 'killed-on-order', exitCode: undefined, quiet: true })
  })

  test('that logs faster than its reader takes it goes on: what is left out is counted', async () => {
    const { registry } = inline()
    const line = 'x'.repeat(1023)
    registry.register('flood', (_input: unknown, { log }: FunctionContext) => {
      for (let count = 0; count < (2 * LIMITS.functionLogBytesMax) / 1023; count++) log(line)
      return 'done'
    })
    const taken: string[] = []
    const flooding = registry.run(
      callOf('flood', 1),
      async (_stream, chunk) => void taken.push(Buffer.from(chunk).toString()),
    )
    expect(outcomeOf(await flooding.ended)).toBe('done')
    expect(taken.join('').length).toBeLessThan(LIMITS.functionLogBytesMax + 2048)
    expect(taken.at(-1)).toMatch(/^\(\d+ lines were left out/)
  })
})

describe('a call in a node with its guardian', () => {
  test.each(['block', 'ignore'])(
    'that does not end in time (%s) costs the node its life, and the next life says why',
    async (how) => {
      const directory = temporaryDirectory()
      const begunAt = clock.now()
      const { child, lines } = await standIn(how, 1000, 2000, directory)
      expect(await lines.next()).toMatchObject({ value: 'begun' })
      const [, signal] = await once(child, 'exit')
      expect(signal).toBe('SIGKILL')
      expect(clock.now() - begunAt).toBeGreaterThanOrEqual(2000)
      await until(() => readdirSync(directory).join() === 'node-killed')
      const errors: LogFields[] = []
      const logger = { ...silentLogger, error: (fields: LogFields) => void errors.push(fields) }
      const client = new GuardianClient({ directory, logger, stopGraceMs: 0 })
      await client.start()
      await client.stop()
      expect(errors).toEqual([{ call: `function ${how} of task 17` }])
      expect(existsSync(`${directory}/node-killed`)).toBe(false)
    },
  )

  test('that obeys its signal costs nothing: the node outlives the time of the call', async () => {
    const { child, lines } = await standIn('obey', 200, 3000)
    expect(await lines.next()).toMatchObject({ value: 'begun' })
    expect(await lines.next()).toMatchObject({ value: 'ended deadline' })
    const over = clock.now() + 3500
    await until(() => clock.now() > over)
    expect(child.exitCode ?? child.signalCode).toBe(null)
    child.stdin?.end()
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  test('that goes on when its node is stopped is still ended in time, with the process', async () => {
    const { child, lines } = await standIn('ignore', 1000, 3000)
    expect(await lines.next()).toMatchObject({ value: 'begun' })
    child.stdin?.end()
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
  })

  test('is guarded again by the guardian that follows a lost one', async () => {
    const { child, lines, guardianPid } = await standIn('ignore', 3000, 4000)
    expect(await lines.next()).toMatchObject({ value: 'begun' })
    process.kill(guardianPid, 'SIGKILL')
    const [, signal] = await once(child, 'exit')
    expect(signal).toBe('SIGKILL')
  })
})

const aborted = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason)))

interface StandIn {
  readonly child: ChildProcess
  readonly lines: AsyncIterator<string>
  readonly guardianPid: number
}

async function standIn(
  handler: string,
  termMs: number,
  killMs: number,
  directory = temporaryDirectory(),
): Promise<StandIn> {
  const path = fileURLToPath(new URL('./stand-in.ts', import.meta.url))
  const argv = [path, directory, handler, String(termMs), String(killMs)]
  const child = spawn(process.execPath, argv, { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const [, pid] = String((await lines.next()).value).split(' ')
  return { child, lines, guardianPid: Number(pid) }
}
