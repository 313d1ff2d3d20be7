/**
 * What a command may touch of the process that it runs in: handed in, so that a test can run every command without a
 * process of its own.
 */
import type { Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { CodedError } from '../base/index.ts'

export interface CliIo {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly stdin: AsyncIterable<Uint8Array>
  readonly stdout: Sink
  readonly stderr: Sink
  /** Wall clock, milliseconds since 1970. */
  now(): number
  /** Resolves when `ms` have passed. */
  pause(ms: number): Promise<void>
  /** Calls `handler` at each SIGINT and SIGTERM instead of ending the process. The result takes it back. */
  onInterrupt(handler: () => void): () => void
}

export interface Sink {
  readonly isTerminal: boolean
  /** Width of the terminal; `undefined` when it is none. */
  readonly columns: number | undefined
  /**
   * Resolves when the bytes have left the process: a slow reader slows the writer.
   * @throws CodedError `output.closed` when nobody reads any more, `store.write_failed` when a file is full.
   */
  write(data: string | Uint8Array): Promise<void>
}

export function processIo(): CliIo {
  return {
    env: process.env,
    cwd: process.cwd(),
    stdin: process.stdin,
    stdout: streamSink(process.stdout, 'standard output'),
    stderr: streamSink(process.stderr, 'standard error'),
    now: () => Date.now(),
    pause: (ms) => setTimeout(ms),
    onInterrupt: (handler) => {
      const signals = ['SIGINT', 'SIGTERM'] as const
      for (const signal of signals) process.on(signal, handler)
      return () => {
        for (const signal of signals) process.off(signal, handler)
      }
    },
  }
}

export function streamSink(
  stream: Writable & { readonly isTTY?: boolean; readonly columns?: number },
  name: string,
): Sink {
  // Each write reports its own failure; the event would end the process.
  stream.on('error', () => undefined)
  return {
    isTerminal: stream.isTTY === true,
    columns: stream.isTTY === true ? stream.columns : undefined,
    write: (data) =>
      new Promise((resolve, reject) => {
        stream.write(data, (cause) => (cause ? reject(writeError(cause, name)) : resolve()))
      }),
  }
}

function writeError(cause: NodeJS.ErrnoException, name: string): CodedError {
  if (cause.code === 'ENOSPC' || cause.code === 'EIO')
    return new CodedError('store.write_failed', { path: name, reason: cause.code }, { cause })
  return new CodedError('output.closed', {}, { cause })
}
