/**
 * The guardian process: one per node, started by the node with its commands on stdin and its events on stdout. It is
 * small so that it is right when the node is not: it holds the process groups, their deadlines and a clock, and ends
 * everything when the pipe closes, which is what the node's death looks like, however it came.
 *
 * Usage: node guardian-main.ts DIRECTORY NODE_PID, with `POPULI_EXECUTION_OWNER` in the environment.
 */
import { flushCompileCache } from 'node:module'
import { Socket } from 'node:net'
import { present, SystemClock } from '../base/index.ts'
import { FrameWriter, readFrames } from './frames.ts'
import { Guardian } from './guardian.ts'
import { ExecutionJournal } from './journal.ts'
import { readProcess } from './linux-processes.ts'
import { PipePool } from './output-pipes.ts'
import { commandSchema } from './protocol.ts'

// Not `process.stdout`: whether its writes wait for the reader depends on system and kind of pipe, and then a stopped
// node would stop the deadlines with it.
const commandPipe = new Socket({ fd: 0, readable: true, writable: false })
const eventPipe = new Socket({ fd: 1, readable: false, writable: true })
const events = new FrameWriter(eventPipe)
const nodePid = Number(process.argv[3])
const directory = present(process.argv[2], 'the directory')
const guardian = new Guardian({
  // A node that is gone by now is followed by process 1, or by whoever adopts orphans: never to be killed for it.
  node: process.ppid === nodePid ? readProcess(nodePid) : undefined,
  journal: new ExecutionJournal(directory),
  pipes: new PipePool(directory, (message) => events.write({ kind: 'warning', message })),
  clock: new SystemClock(),
  send: (event) => events.write(event),
})

async function leave(exitCode: number): Promise<void> {
  await guardian.leave()
  process.exit(exitCode)
}

// A service manager sends TERM to the whole control group, a terminal that closes sends HUP. The node decides what
// that means, and the guardian is needed until it has.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)

readFrames(
  commandPipe,
  commandSchema,
  (command) => guardian.handle(command),
  (error) => {
    process.stderr.write(`${error.message}\n`)
    void leave(1)
  },
)
commandPipe.on('error', () => undefined)
commandPipe.on('close', () => leave(0))
// A node that reads no more has closed the other pipe too.
eventPipe.on('error', () => undefined)

events.write({ kind: 'ready' })
// Where `NODE_COMPILE_CACHE` is set (the sources, run as they are): a guardian seldom ends in a way that lets Node write the cache, and the
// next one is to find it: 65 MiB instead of 95.
flushCompileCache()
