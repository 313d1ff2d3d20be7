import { Writable } from 'node:stream'
import { logIndex, term } from '../../src/base/index.ts'
import {
  type CliDeps,
  type CliIo,
  type CliNode,
  main,
  type Sink,
  type StoreReport,
  streamSink,
} from '../../src/cli/index.ts'
import type { NodeControl, NodeControlClient } from '../../src/node/control/index.ts'
import { FakeControl, NOW, STATUS } from '../node/control/fake-control.ts'

export interface Setup {
  readonly control?: FakeControl
  readonly deps?: Partial<CliDeps>
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: readonly string[]
  /** Width of the terminal; without it, standard output is none. */
  readonly columns?: number
  readonly stdout?: Sink
}

export interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** What was started, and how to interrupt it. */
export interface Calling {
  readonly ended: Promise<Ended>
  interrupt(): void
  /** What stands on standard error by now. */
  err(): string
}

export const cli = (argv: readonly string[], setup: Setup = {}): Promise<Ended> => calling(argv, setup).ended

export function calling(argv: readonly string[], setup: Setup = {}): Calling {
  const control = setup.control ?? new FakeControl()
  const out = memory(setup.columns)
  const err = memory(setup.columns)
  const handlers = new Set<() => void>()
  const io: CliIo = {
    env: { HOME: '/home/ada', ...setup.env },
    cwd: '/home/anna/dir',
    stdin: chunks(setup.stdin ?? []),
    stdout: setup.stdout ?? out.sink,
    stderr: err.sink,
    now: () => NOW + control.pausedMs,
    pause: (ms) => control.pause(ms),
    onInterrupt: (handler) => {
      handlers.add(handler)
      return () => handlers.delete(handler)
    },
  }
  const deps = { ...fakeDeps(control), ...setup.deps }
  const ended = main(argv, io, deps).then((code) => ({ code, out: out.text(), err: err.text() }))
  return {
    ended,
    err: err.text,
    interrupt: () => {
      for (const handler of [...handlers]) handler()
    },
  }
}

const ENROLLED = { nodeId: 'desk', scopeId: STATUS.scopeId, peerId: STATUS.peerId }

export const SOUND: StoreReport = {
  path: '/data/db',
  bytes: 4096,
  format: 2,
  batches: 12,
  acknowledgedBatches: 12,
  log: {
    baseIndex: logIndex(0),
    baseTerm: term(0),
    entries: 7,
    lastIndex: logIndex(7),
    term: term(3),
    commitIndex: logIndex(6),
  },
  appliedIndex: logIndex(6),
  records: { state: 2, submitterJournal: 0, workerJournal: 1, meta: 3 },
  isRejoining: false,
  damage: [],
}

function fakeDeps(control: FakeControl): CliDeps {
  return {
    version: '0.1.0',
    init: async ({ dataDir }) => ({ ...ENROLLED, dataDir }),
    join: async ({ dataDir }) => ({ ...ENROLLED, dataDir }),
    start: async () => new FakeNode(),
    checkStore: async () => SOUND,
    rejoinStore: async () => ({ movedTo: '/data/db.damaged', store: SOUND, lost: [] }),
    connect: () => clientOf(control),
  }
}

export class FakeNode implements CliNode {
  readonly ready = STATUS
  readonly stopped: Promise<void>
  stops = 0
  /** Ends the node from within. */
  readonly end: { resolve(): void; reject(reason: unknown): void }

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.stopped = promise
    this.end = { resolve, reject }
  }

  stop(): Promise<void> {
    this.stops += 1
    this.end.resolve()
    return this.stopped
  }
}

/** The calls without a socket between. */
function clientOf(control: NodeControl): NodeControlClient {
  return {
    status: async () => control.status(),
    nodes: async () => control.nodes(),
    leases: () => control.leases(),
    tasks: async () => control.tasks(),
    task: (id) => control.task(id),
    submit: (request) => control.submit(request),
    logs: (request, report, signal) => control.logs(request, report, signal),
    wait: (id, signal) => control.wait(id, signal),
    cancel: (id) => control.cancel(id),
    revoke: (request) => control.revoke(request),
    events: async (query) => control.events(query),
    followEvents: (query, report, signal) => control.followEvents(query, report, signal),
    invite: (request) => control.invite(request),
    order: (request) => control.order(request),
    orders: async () => control.orders(),
    run: (request, report, signal) => control.run(request, report, signal),
  }
}

function memory(columns: number | undefined): { readonly sink: Sink; text(): string } {
  const written: Buffer[] = []
  const stream = new Writable({
    write: (chunk: Buffer, _, done) => {
      written.push(Buffer.from(chunk))
      done()
    },
  })
  const tty = columns === undefined ? stream : Object.assign(stream, { isTTY: true, columns })
  return { sink: streamSink(tty, 'memory'), text: () => Buffer.concat(written).toString() }
}

async function* chunks(texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}
