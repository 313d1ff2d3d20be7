/** What the hosts of the tests run: one module, whose input says what it does. */
import { spawn } from 'node:child_process'
import type { FunctionContext } from '../../../../src/exec/index.ts'

export interface Order {
  readonly do:
    | 'add'
    | 'ignore'
    | 'obey'
    | 'block'
    | 'crash'
    | 'exit'
    | 'throw'
    | 'flood'
    | 'print'
    | 'leave-child'
    | 'huge'
    | 'bigint'
    | 'context'
  readonly a?: number
  readonly b?: number
  readonly text?: string
}

export default async function handler(order: Order, context: FunctionContext): Promise<unknown> {
  switch (order.do) {
    case 'add':
      return { sum: (order.a ?? 0) + (order.b ?? 0), pid: process.pid }
    case 'ignore':
      context.log('begun')
      return new Promise(() => undefined)
    case 'obey':
      context.log('begun')
      await new Promise((resolve) => context.signal.addEventListener('abort', resolve))
      context.log(`aborted: ${(context.signal.reason as Error).message}`)
      return 'too late'
    case 'block':
      process.stdout.write('begun\n', () => {
        for (;;);
      })
      return new Promise(() => undefined)
    case 'crash':
      process.kill(process.pid, 'SIGSEGV')
      return new Promise(() => undefined)
    case 'exit':
      process.exit(0)
      break
    case 'throw':
      throw new TypeError(`no ${order.text ?? 'reason'}`)
    case 'flood': {
      const piece = Buffer.alloc(64 * 1024, 'x')
      for (let sent = 0; sent < 256; sent++)
        if (!process.stdout.write(piece))
          await new Promise((resolve) => process.stdout.once('drain', resolve))
      return 'flooded'
    }
    case 'print':
      process.stdout.write(order.text ?? '')
      process.stderr.write(`err:${order.text}\n`)
      return 'printed'
    case 'leave-child':
      return spawn('sleep', [order.text ?? '0'], { stdio: 'ignore' }).pid
    case 'huge':
      return 'x'.repeat(300 * 1024)
    case 'bigint':
      return 1n
    case 'context':
      return { taskId: context.taskId, fencingToken: context.fencingToken, traceparent: context.traceparent }
  }
}
