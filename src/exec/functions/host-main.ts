/**
 * A function host: runs the calls of one function, one after another, in a process that can be ended. The guardian's TERM
 * aborts the signal of the call, and the host leaves when the handler has settled; with a handler that does not hear it, it is
 * ended by KILL like any command.
 *
 * Usage: node host-main.ts MODULE_URL NAME, with calls on stdin (`host-protocol.ts`).
 */
import { Socket } from 'node:net'
import { CodedError, present, toCodedError } from '../../base/index.ts'
import { frameOf, readFrames } from '../frames.ts'
import { hasChildren } from '../linux-processes.ts'
import type { FunctionHandler } from './handler.ts'
import { type CallMessage, type CallResult, callSchema } from './host-protocol.ts'
import { invoke } from './invoke.ts'

const moduleUrl = present(process.argv[2], 'the URL of a module')
const name = present(process.argv[3], 'the name of a function')

const callPipe = new Socket({ fd: 0, readable: true, writable: false })
const loading = load()
let underWay: AbortController | undefined
let isLeaving = false

/** Its failure is the answer to the first call. */
async function load(): Promise<FunctionHandler | CodedError> {
  try {
    const loaded: { readonly default?: unknown } = await import(moduleUrl)
    if (typeof loaded.default === 'function') return loaded.default as FunctionHandler
    return notLoaded('its module has no default export that is a function')
  } catch (cause) {
    return notLoaded(toCodedError(cause).message, cause)
  }
}

function notLoaded(reason: string, cause?: unknown): CodedError {
  return new CodedError('function.not_loaded', { function: name, reason: reason.slice(0, 1000) }, { cause })
}

async function answer(call: CallMessage): Promise<void> {
  if (isLeaving) return
  const abort = new AbortController()
  underWay = abort
  const result = await resultOf(call, abort.signal)
  underWay = undefined
  // What came of it after it was told to end does not count any more, as with a command.
  if (isLeaving) return leave()
  const mark = Buffer.from(call.mark, 'hex')
  process.stderr.write(mark)
  process.stdout.write(Buffer.concat([mark, frameOf(result)]))
}

async function resultOf(call: CallMessage, signal: AbortSignal): Promise<CallResult> {
  const handler = await loading
  if (handler instanceof CodedError) return { error: handler.toShape(), isSpent: true }
  const result = await invoke(
    handler,
    { name, inputJson: call.inputJson },
    {
      taskId: call.taskId,
      fencingToken: call.fencingToken,
      traceparent: call.traceparent,
      signal,
      log: (line) => void process.stdout.write(`${line}\n`),
    },
  )
  return { ...result, isSpent: hasChildren() }
}

/** What was printed goes first. */
function leave(): void {
  process.stderr.write('', () => process.stdout.write('', () => process.exit(0)))
}

process.on('SIGTERM', () => {
  isLeaving = true
  if (underWay === undefined) leave()
  else underWay.abort(new CodedError('operation.cancelled', { what: `function ${name}` }))
})

readFrames(
  callPipe,
  callSchema,
  (call) => void answer(call),
  (error) => {
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  },
)
callPipe.on('error', () => undefined)
// The guardian is gone: whoever is left will look for what it had started.
callPipe.on('close', () => process.exit(0))
