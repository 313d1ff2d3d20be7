import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { bootMs, LIMITS, silentLogger } from '../../../src/base/index.ts'
import { FunctionRegistry } from '../../../src/exec/index.ts'
import { clock, isAlive, living, uniqueSleep, until, within } from '../world.ts'
import { call, callOf, HOSTS_MAX, hostPid, order, outcomeOf, world } from './world.ts'

describe('a function in a host', () => {
  test('gets its input and gives its value; the next call finds the same process', async () => {
    const at = await world()
    const first = order(at, { do: 'add', a: 2, b: 3 })
    const { pid } = await first.started
    expect(outcomeOf(await first.ended)).toEqual({ sum: 5, pid })
    const second = await order(at, { do: 'add', a: 20, b: 3 }).ended
    expect(second).toMatchObject({ cause: 'exited', exitCode: 0, quiet: true })
    expect(outcomeOf(second)).toEqual({ sum: 23, pid })
  })

  test('is told its task, its fencing token and its trace', async () => {
    const at = await world()
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
    const end = await order(at, { do: 'context' }, { traceparent }).ended
    expect(outcomeOf(end)).toEqual({ taskId: '17', fencingToken: 42, traceparent })
  })

  test('that throws fails with its words, without its stack, and its host lives on', async () => {
    const at = await world()
    const pid = await hostPid(at)
    const end = await order(at, { do: 'throw', text: 'luck' }).ended
    expect(end).toMatchObject({
      cause: 'exited',
      exitCode: 1,
      quiet: true,
      error: { code: 'function.failed' },
    })
    expect(end.error?.message).toBe('function orders failed: TypeError: no luck')
    expect(await hostPid(at)).toBe(pid)
  })

  test.each([
    ['larger than an envelope', 'huge', 'function.value_too_large'],
    ['that JSON cannot say', 'bigint', 'function.failed'],
  ] as const)('with a value %s fails and says so', async (_what, what, code) => {
    const end = await order(await world(), { do: what }).ended
    expect(end).toMatchObject({ cause: 'exited', exitCode: 1, error: { code } })
  })

  test('whose process crashes fails, and the next call gets another process', async () => {
    const at = await world()
    const pid = await hostPid(at)
    const end = await order(at, { do: 'crash' }).ended
    expect(end).toMatchObject({
      cause: 'exited',
      signal: 'SIGSEGV',
      quiet: true,
      error: { code: 'function.host_lost' },
    })
    expect(await hostPid(at)).not.toBe(pid)
  })

  test('that ends its process fails, whatever the exit code', async () => {
    const end = await order(await world(), { do: 'exit' }).ended
    expect(end).toMatchObject({ cause: 'exited', exitCode: 1, error: { code: 'function.host_lost' } })
  })

  test.each([
    ['is not there', './modules/absent.ts'],
    ['has no handler', './modules/no-handler.ts'],
  ])('whose module %s cannot be started', async (_what, path) => {
    const at = await world()
    at.registry.register('other', new URL(path, import.meta.url))
    const end = await call(at, callOf('other', {})).ended
    expect(end).toMatchObject({ cause: 'spawn-failed', quiet: true, error: { code: 'function.not_loaded' } })
  })
})

describe('a call that has to end', () => {
  test('hears it by its signal, and may still print', async () => {
    const at = await world()
    const obeying = order(at, { do: 'obey' })
    await until(() => obeying.text() === 'begun\n')
    const { pid } = await obeying.started
    obeying.end('test')
    expect(await obeying.ended).toMatchObject({ cause: 'killed-on-order', exitCode: 0, quiet: true })
    expect(obeying.text()).toBe('begun\naborted: function orders was cancelled\n')
    expect(isAlive(pid)).toBe(false)
  })

  test.each(['ignore', 'block'] as const)(
    'and does not (%s) is killed before its deadline is over, and the next call works',
    async (how) => {
      const at = await world()
      await hostPid(at)
      const deadline = within(700, 300)
      const disobedient = order(at, { do: how }, { deadline })
      const { pid } = await disobedient.started
      expect(await disobedient.ended).toMatchObject({ cause: 'deadline', signal: 'SIGKILL', quiet: true })
      expect(clock.now()).toBeGreaterThanOrEqual(deadline.killAt)
      expect(isAlive(pid)).toBe(false)
      expect(await hostPid(at)).not.toBe(pid)
    },
  )

  test('later than it was told first runs on', async () => {
    const at = await world()
    const waiting = order(at, { do: 'spin', a: 600 }, { deadline: within(300, 100) })
    await waiting.started
    waiting.extend(within(60_000))
    expect(await waiting.ended).toMatchObject({ cause: 'exited', exitCode: 0 })
  })

  test('earlier than it was told first does', async () => {
    const at = await world()
    const ignoring = order(at, { do: 'ignore' })
    await until(() => ignoring.text() !== '')
    ignoring.extend(within(0, 100))
    expect(await ignoring.ended).toMatchObject({ cause: 'deadline', signal: 'SIGKILL', quiet: true })
  })

  test('is over with its guardian', async () => {
    const at = await world()
    const ignoring = order(at, { do: 'ignore' })
    const { pid } = await ignoring.started
    process.kill(at.client.guardianPid ?? 0, 'SIGKILL')
    expect(await ignoring.ended).toMatchObject({ cause: 'guardian-lost', quiet: true })
    expect(isAlive(pid)).toBe(false)
    expect(await hostPid(at)).not.toBe(pid)
  })

  test('does not take the deadline of its host along: an idle host outlives it', async () => {
    const at = await world()
    const deadline = within(600, 0)
    const { pid } = outcomeOf(await order(at, { do: 'add' }, { deadline }).ended) as { pid: number }
    await until(() => clock.now() > deadline.killAt + 200)
    expect(await hostPid(at)).toBe(pid)
  })
})

describe('output of a host', () => {
  test('belongs to the call that printed it, both streams of it, before its value', async () => {
    const at = await world()
    for (const text of ['one', 'two']) {
      const printing = order(at, { do: 'print', text })
      expect(outcomeOf(await printing.ended)).toBe('printed')
      expect([printing.text(), printing.text('stderr')]).toEqual([text, `err:${text}\n`])
    }
  })

  test('that nobody takes stands still with flat memory, and all of it arrives', async () => {
    const at = await world()
    let taken = 0
    let open: () => void = () => undefined
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const execution = at.registry.run(callOf('orders', { do: 'flood' }), async (_stream, chunk) => {
      taken += chunk.length
      await gate
    })
    await until(() => taken > 0)
    await new Promise(setImmediate)
    expect(taken).toBeLessThan(2 * LIMITS.execWindowBytesMax)
    open()
    expect(outcomeOf(await execution.ended)).toBe('flooded')
    expect(taken).toBe(256 * 64 * 1024)
  })

  test('that nobody takes any more ends the call', async () => {
    const at = await world()
    const failing = at.registry.run(callOf('orders', { do: 'flood' }), () =>
      Promise.reject(new Error('gone')),
    )
    expect(await failing.ended).toMatchObject({ cause: 'killed-on-order', quiet: true })
  })
})

describe('the hosts of a node', () => {
  test('two calls of one function at once run in two of them', async () => {
    const at = await world()
    const both = [order(at, { do: 'obey' }), order(at, { do: 'obey' })]
    const [one, two] = await Promise.all(both.map(({ started }) => started))
    expect(one?.pid).not.toBe(two?.pid)
    for (const each of both) each.end('test')
    await Promise.all(both.map(({ ended }) => ended))
  })

  test('what a call leaves running ends with its host, before the end of the call is told', async () => {
    const at = await world()
    const tag = uniqueSleep()
    const end = await order(at, { do: 'leave-child', text: tag }).ended
    expect(living(`sleep\0${tag}`)).toEqual([])
    expect(end).toMatchObject({ cause: 'exited', exitCode: 0, quiet: true })
    expect(typeof outcomeOf(end)).toBe('number')
  })

  test('are bounded: a call more waits, and can be ended while it waits', async () => {
    const ends: (() => void)[] = []
    const runs: string[] = []
    const { registry } = fakeHosts(runs, ends)
    const reader = async (): Promise<void> => undefined
    for (let index = 0; index < HOSTS_MAX; index++) registry.run(callOf('orders', {}), reader)
    const waiting = [registry.run(callOf('orders', {}), reader), registry.run(callOf('orders', {}), reader)]
    expect(runs).toHaveLength(HOSTS_MAX)
    waiting[0]?.end('test')
    expect(await waiting[0]?.ended).toMatchObject({ cause: 'killed-on-order', quiet: true })
    ends[0]?.()
    await vi.waitFor(() => expect(runs).toHaveLength(HOSTS_MAX + 1))
  })

  test('an idle one leaves after a while', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const at = await world()
    const pid = await hostPid(at)
    vi.advanceTimersByTime(LIMITS.functionHostIdleMs - 1)
    expect(isAlive(pid)).toBe(true)
    vi.advanceTimersByTime(1)
    vi.useRealTimers()
    await until(() => !isAlive(pid))
  })

  test('leave with their node', async () => {
    const at = await world()
    const pid = await hostPid(at)
    await at.client.stop()
    expect(isAlive(pid)).toBe(false)
    expect((await order(at, { do: 'add' }).ended).error?.code).toBe('node.stopping')
  })
})

describe('registering', () => {
  test('a name counts once, and must be one', async () => {
    const { registry } = fakeHosts([], [])
    expect(() => registry.register('orders', () => 1)).toThrow('is "orders"')
    expect(() => registry.register('no spaces', () => 1)).toThrow('the name of a function is "no spaces"')
    for (let index = 1; index < LIMITS.functionsMax; index++) registry.register(`more-${index}`, () => 1)
    expect(() => registry.register('one-more', () => 1)).toThrow('above the limit')
  })
})

/** Hosts that never answer, and end when they are told. */
function fakeHosts(runs: string[], ends: (() => void)[]): { registry: FunctionRegistry } {
  const guardian = {
    nodeGuard: { hold: () => undefined, release: () => undefined },
    runFed: ({ executionId }: { executionId: ReturnType<typeof callOf>['executionId'] }) => {
      runs.push(executionId)
      const { promise, resolve } = Promise.withResolvers<{
        exitCode: undefined
        signal: string
        cause: 'exited'
        quiet: true
      }>()
      const end = (): void =>
        resolve({ exitCode: undefined, signal: 'SIGKILL', cause: 'exited', quiet: true })
      ends.push(end)
      return {
        executionId,
        started: Promise.resolve({ pid: 2 }),
        ended: promise,
        end,
        extend: () => undefined,
        feed: () => undefined,
      }
    },
  }
  const registry = new FunctionRegistry({
    guardian,
    clock: { ...clock, now: () => bootMs(0), wall: () => clock.wall() },
    logger: silentLogger,
  })
  registry.register('orders', new URL('file:///handlers.ts'))
  return { registry }
}
