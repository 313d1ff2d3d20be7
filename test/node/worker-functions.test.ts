/** What a worker does with an offer to call a function. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { ExecutionId } from '../../src/base/index.ts'
import type { ExecutionEnd, FunctionSpec } from '../../src/exec/index.ts'
import { type ScriptedSubmitter, TTL_MS, WorkerWorld } from './support/worker-world.ts'

const TRACEPARENT = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`

let world: WorkerWorld
let home: ScriptedSubmitter
let calls: { readonly spec: FunctionSpec; end(end: Partial<ExecutionEnd>): void }[]

beforeEach(async () => {
  world = await WorkerWorld.start()
  home = await world.submitter()
  calls = []
  world.functions = {
    names: ['add'],
    run: (spec, onOutput) => {
      const { promise, resolve } = Promise.withResolvers<ExecutionEnd>()
      const exited = { exitCode: 0, signal: undefined, cause: 'exited', quiet: true } as const
      calls.push({ spec, end: (end) => resolve({ ...exited, ...end }) })
      void onOutput('stdout', Buffer.from('adding\n'))
      return {
        executionId: spec.executionId,
        started: Promise.resolve({ pid: 7 }),
        ended: promise,
        extend: () => undefined,
        end: () => resolve({ ...exited, exitCode: undefined, cause: 'killed-on-order' }),
      }
    },
  }
  await world.restart()
})

function call(name: string, fields: Parameters<ScriptedSubmitter['offer']>[2] = {}): Promise<void> {
  const payload = JSON.stringify({ task_description: name, function: { name, input_json: '{"a":2}' } })
  home.offer(1, ['unused'], { payload, ...fields })
  return world.time.run(50)
}

describe('an offer to call a function', () => {
  it('of a name that nobody registered is refused with that reason, and nothing runs', async () => {
    await call('subtract')
    expect(home.all('remote_task_ack')).toMatchObject([
      { accepted: false, detail: 'function_not_registered' },
    ])
    expect(calls).toEqual([])
  })

  it('runs under the lease with its input, a span of its own, and the token; its value comes back', async () => {
    await call('add', { traceparent: TRACEPARENT })
    expect(calls).toHaveLength(1)
    expect(calls[0]?.spec).toMatchObject({ name: 'add', inputJson: '{"a":2}', taskId: '1', fencingToken: 1 })
    expect(calls[0]?.spec.traceparent).toMatch(new RegExp(`^00-${'ab'.repeat(16)}-(?!cd)[0-9a-f]{16}-01$`))
    expect(calls[0]?.spec.deadline.killAt).toBeLessThan(world.time.now() + TTL_MS)
    calls[0]?.end({ valueJson: '5' })
    await world.time.run(50)
    expect(home.result(1)).toMatchObject({
      success: true,
      starts: 1,
      outcome: { cause: 'exited', exitCode: 0, valueJson: '5', outputBytes: 7 },
    })
    expect(world.executor.specs).toEqual([])
  })

  it('that fails brings its words back', async () => {
    await call('add')
    const error = { code: 'function.failed', message: 'function add failed: no', hint: '' } as const
    calls[0]?.end({ exitCode: 1, error })
    await world.time.run(50)
    expect(home.result(1)).toMatchObject({
      success: false,
      outcome: { cause: 'exited', exitCode: 1, error: 'function add failed: no' },
    })
  })

  it('is quiet after a restart, unless a function host was left: which call that had is not known', async () => {
    await call('add')
    await world.restart([{ executionId: '77-local' as ExecutionId, quiet: false, processes: [] }])
    expect(home.result(1)).toMatchObject({ outcome: { cause: 'worker-restarted', quiet: true } })
  })

  it('is not proven quiet when a function host was left', async () => {
    await call('add')
    await world.restart([{ executionId: 'function-1-2-3' as ExecutionId, quiet: false, processes: [] }])
    expect(home.result(1)).toMatchObject({ outcome: { cause: 'worker-restarted', quiet: false } })
  })
})
