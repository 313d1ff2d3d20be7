/** Function calls for tests: a registry over a real guardian. */
import { type ExecutionId, LIMITS, silentLogger } from '../../../src/base/index.ts'
import type { Execution, ExecutionEnd, FunctionSpec, GuardianClient } from '../../../src/exec/index.ts'
import { FunctionRegistry } from '../../../src/exec/index.ts'
import { clock, startedClient, within } from '../world.ts'
import type { Order } from './modules/handlers.ts'

export interface World {
  readonly registry: FunctionRegistry
}

interface GuardedWorld extends World {
  readonly client: GuardianClient
}

export async function world(): Promise<GuardedWorld> {
  const client = await startedClient()
  const registry = new FunctionRegistry({ guardian: client, clock, logger: silentLogger })
  registry.register('orders', new URL('./modules/handlers.ts', import.meta.url))
  return { client, registry }
}

let calls = 0

export function callOf(name: string, input: unknown, more: Partial<FunctionSpec> = {}): FunctionSpec {
  return {
    executionId: `call-${process.pid}-${++calls}` as ExecutionId,
    name,
    inputJson: JSON.stringify(input),
    taskId: '17',
    fencingToken: 42,
    traceparent: undefined,
    deadline: within(60_000),
    ...more,
  }
}

export interface Call extends Execution {
  /** What it printed so far. */
  text(stream?: 'stdout' | 'stderr'): string
}

export function call({ registry }: World, spec: FunctionSpec): Call {
  const printed: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] }
  const execution = registry.run(spec, async (stream, chunk) => void printed[stream].push(Buffer.from(chunk)))
  const text: Call['text'] = (stream = 'stdout') => Buffer.concat(printed[stream]).toString()
  return Object.assign(execution, { text })
}

export function order(at: World, input: Order, more: Partial<FunctionSpec> = {}): Call {
  return call(at, callOf('orders', input, more))
}

export function outcomeOf(end: ExecutionEnd): unknown {
  return JSON.parse(end.valueJson ?? `"${end.cause}: ${end.error?.message}"`)
}

/** Pid of the host that `world` uses for the next call. */
export async function hostPid(at: World): Promise<number> {
  return (outcomeOf(await order(at, { do: 'add' }).ended) as { pid: number }).pid
}

export const HOSTS_MAX = LIMITS.functionHostsMax
