import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { decode, LIMITS, silentLogger } from '../../../src/base/index.ts'
import type { FedExecution } from '../../../src/exec/execution.ts'
import { frameOf } from '../../../src/exec/frames.ts'
import { callSchema } from '../../../src/exec/functions/host-protocol.ts'
import {
  type ExecutionDeadline,
  type ExecutionEnd,
  type ExecutionSpec,
  FunctionRegistry,
  NO_DEADLINE,
  type OutputReader,
} from '../../../src/exec/index.ts'
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
      const disobedient = order(at, { do: how })
      await until(() => disobedient.text() === 'begun\n')
      const { pid } = await disobedient.started
      const deadline = within(300, 300)
      disobedient.extend(deadline)
      expect(await disobedient.ended).toMatchObject({ cause: 'deadline', signal: 'SIGKILL', quiet: true })
      expect(clock.now()).toBeGreaterThanOrEqual(deadline.killAt)
      expect(isAlive(pid)).toBe(false)
      expect(await hostPid(at)).not.toBe(pid)
    },
  )

  test('at a time that moves tells its host, which gets the last one with the call', async () => {
    const { registry, hosts } = fakeHosts()
    const deadlines = [within(1000), within(2000), within(3000)] as const
    const call = registry.run(callOf('orders', {}, { deadline: deadlines[0] }), async () => undefined)
    call.extend(deadlines[1])
    await call.started
    call.extend(deadlines[2])
    expect(hosts[0]?.fed?.deadline).toEqual(deadlines[1])
    expect(hosts[0]?.deadlines).toEqual([deadlines[0], deadlines[1], deadlines[2]])
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

  test('takes no deadline along when it is over: its host may be idle for long', async () => {
    const { registry, hosts } = fakeHosts()
    const call = registry.run(callOf('orders', {}, { deadline: within(60_000) }), async () => undefined)
    await call.started
    await hosts[0]?.answer()
    expect(outcomeOf(await call.ended)).toBe('done')
    expect(hosts[0]?.deadlines.at(-1)).toEqual(NO_DEADLINE)
  })

  test('whose deadline is so near that its host may be told already leaves the host to its end', async () => {
    const { registry, hosts } = fakeHosts()
    const call = registry.run(callOf('orders', {}, { deadline: within(0) }), async () => undefined)
    await call.started
    await hosts[0]?.answer()
    expect(hosts[0]?.isEnding).toBe(true)
    hosts[0]?.end()
    expect(outcomeOf(await call.ended)).toBe('done')
    registry.run(callOf('orders', {}), async () => undefined)
    expect(hosts).toHaveLength(2)
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
    const { registry, hosts } = fakeHosts()
    const reader = async (): Promise<void> => undefined
    for (let index = 0; index < HOSTS_MAX; index++) registry.run(callOf('orders', {}), reader)
    const waiting = [registry.run(callOf('orders', {}), reader), registry.run(callOf('orders', {}), reader)]
    expect(hosts).toHaveLength(HOSTS_MAX)
    waiting[0]?.end('test')
    expect(await waiting[0]?.ended).toMatchObject({ cause: 'killed-on-order', quiet: true })
    hosts[0]?.end()
    await vi.waitFor(() => expect(hosts).toHaveLength(HOSTS_MAX + 1))
  })

  test('that are idle make room for another function', async () => {
    const { registry, hosts } = fakeHosts()
    const reader = async (): Promise<void> => undefined
    const calls = Array.from({ length: HOSTS_MAX }, () => registry.run(callOf('orders', {}), reader))
    await Promise.all(calls.map(({ started }) => started))
    await hosts[3]?.answer()
    registry.register('other', new URL('file:///other.ts'))
    registry.run(callOf('other', {}), reader)
    expect(hosts.map(({ isEnding }) => isEnding).indexOf(true)).toBe(3)
    hosts[3]?.end()
    await vi.waitFor(() => expect(hosts).toHaveLength(HOSTS_MAX + 1))
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
    const { registry } = fakeHosts()
    expect(() => registry.register('orders', () => 1)).toThrow('is "orders"')
    expect(() => registry.register('no spaces', () => 1)).toThrow('the name of a function is "no spaces"')
    for (let index = 1; index < LIMITS.functionsMax; index++) registry.register(`more-${index}`, () => 1)
    expect(() => registry.register('one-more', () => 1)).toThrow('above the limit')
  })
})

interface FakeHost {
  /** All that it was told, from the first. */
  readonly deadlines: ExecutionDeadline[]
  fed: { readonly bytes: Uint8Array; readonly deadline: ExecutionDeadline } | undefined
  isEnding: boolean
  answer(): Promise<void>
  end(): void
}

/** Hosts that answer and end when the test says so. */
function fakeHosts(): { readonly registry: FunctionRegistry; readonly hosts: FakeHost[] } {
  const hosts: FakeHost[] = []
  const runFed = (spec: ExecutionSpec, reader: OutputReader): FedExecution => {
    const ended = Promise.withResolvers<ExecutionEnd>()
    const host: FakeHost = {
      deadlines: [spec.deadline],
      fed: undefined,
      isEnding: false,
      answer: async () => {
        const bytes = host.fed?.bytes ?? expect.unreachable('it has a call')
        const mark = Buffer.from(decode(callSchema, bytes.subarray(4), 'call').mark, 'hex')
        await reader('stderr', mark)
        await reader('stdout', Buffer.concat([mark, frameOf({ valueJson: '"done"', isSpent: false })]))
      },
      end: () => ended.resolve({ exitCode: undefined, signal: 'SIGKILL', cause: 'exited', quiet: true }),
    }
    hosts.push(host)
    return {
      executionId: spec.executionId,
      started: Promise.resolve({ pid: 2 }),
      ended: ended.promise,
      end: () => {
        host.isEnding = true
      },
      extend: (deadline) => void host.deadlines.push(deadline),
      feed: (bytes, deadline) => {
        host.fed = { bytes, deadline }
      },
    }
  }
  const guardian = { nodeGuard: { hold: () => undefined, release: () => undefined }, runFed }
  const registry = new FunctionRegistry({ guardian, clock, logger: silentLogger })
  registry.register('orders', new URL('file:///handlers.ts'))
  return { registry, hosts }
}
