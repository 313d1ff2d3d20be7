/**
 * The node's side of the control socket: HTTP (fastify) over a unix socket that only its owner can open. It decides
 * nothing: each route checks its request, makes one call to `NodeControl` and writes the answer down.
 */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify'
import type { z } from 'zod'
import { CodedError, InvariantError, LIMITS, type Logger, taskId, toCodedError } from '../../base/index.ts'
import {
  eventQuerySchema,
  firstIssue,
  inviteRequestSchema,
  logRequestSchema,
  orderRequestSchema,
  revokeRequestSchema,
  runRequestSchema,
  toJson,
} from './control-messages.ts'
import { claimControlSocket, linkControlSocket, systemCode, unlinkControlSocket } from './control-socket.ts'
import { FrameStream } from './frame-stream.ts'
import type { NodeControl } from './node-control.ts'
import { reportEvent } from './run-stream.ts'

/** Mode bits that the socket is born without: everything but reading and writing by its owner. */
const SOCKET_UMASK = 0o177

interface ControlServerInit {
  /** Open its store first: the store's lock, not this socket, decides which of two nodes that start at once goes on. */
  readonly dataDir: string
  readonly logger: Logger
  /** Called when a call broke an invariant: the node has to stop. */
  readonly onFatal: (error: InvariantError) => void
}

export interface ControlServer {
  /** @throws CodedError `store.in_use`, `control.socket_unusable` */
  start(): Promise<void>
  /**
   * Refuses new calls, aborts the running commands, gives their streams `controlStopMsMax` to end, removes the
   * socket. A server starts and stops once.
   */
  stop(): Promise<void>
}

export function createControlServer(control: NodeControl, init: ControlServerInit): ControlServer {
  return new FastifyControlServer(control, init)
}

class FastifyControlServer implements ControlServer {
  private readonly control: NodeControl
  private readonly init: ControlServerInit
  private readonly stopping = new AbortController()
  private listening:
    | { readonly app: FastifyInstance; readonly server: Server; readonly path: string }
    | undefined
  private calls = 0

  constructor(control: NodeControl, init: ControlServerInit) {
    this.control = control
    this.init = init
  }

  async start(): Promise<void> {
    const { dataDir } = this.init
    const path = await claimControlSocket(dataDir)
    // Loaded here and not above: callers of the client in this folder must not wait for a server to load.
    const { fastify } = await import('fastify')
    const server = createServer()
    const app = fastify({
      serverFactory: (handler) => server.on('request', handler),
      bodyLimit: LIMITS.controlRequestBytesMax,
      return503OnClosing: false,
    })
    app.setReplySerializer(toJson)
    this.addGuards(app)
    this.addReads(app)
    this.addActions(app)
    this.addStreams(app)
    await app.ready()
    await listenPrivately(server, path)
    this.listening = { app, server, path }
    await linkControlSocket(dataDir, path)
  }

  async stop(): Promise<void> {
    this.stopping.abort()
    if (this.listening === undefined) return
    const { app, server, path } = this.listening
    this.listening = undefined
    await unlinkControlSocket(this.init.dataDir, path)
    // Fastify closes only what it has opened itself.
    const closed = once(server, 'close')
    server.close()
    const deadline = setTimeout(() => server.closeAllConnections(), LIMITS.controlStopMsMax)
    await closed
    clearTimeout(deadline)
    await app.close()
  }

  private addGuards(app: FastifyInstance): void {
    app.addHook('onRequest', async (_, reply) => {
      this.calls += 1
      reply.raw.once('close', () => {
        this.calls -= 1
      })
      if (this.stopping.signal.aborted) throw new CodedError('node.stopping')
      if (this.calls > LIMITS.controlCallsMax)
        throw new CodedError('limit.exceeded', {
          what: 'the number of calls that the node answers at once',
          got: this.calls,
          max: LIMITS.controlCallsMax,
        })
    })
    app.setNotFoundHandler((request) => {
      throw new CodedError('wire.unknown_type', {
        what: 'control call',
        got: `${request.method} ${request.url}`,
      })
    })
    app.setErrorHandler((thrown, _, reply) => {
      const error = this.coded(thrown)
      return reply.status(error.httpStatus).send(error.toShape())
    })
  }

  private addReads(app: FastifyInstance): void {
    app.get('/v1/status', async () => this.control.status())
    app.get('/v1/nodes', async () => this.control.nodes())
    app.get('/v1/leases', async () => this.control.leases())
    app.get('/v1/orders', async () => this.control.orders())
    app.get('/v1/tasks', async () => this.control.tasks())
    app.get<{ Params: { id: string } }>('/v1/tasks/:id', async ({ params }) =>
      this.control.task(taskId(params.id)),
    )
  }

  private addActions(app: FastifyInstance): void {
    app.post<{ Params: { id: string } }>('/v1/tasks/:id/cancel', async ({ params }) =>
      this.control.cancel(taskId(params.id)),
    )
    app.post('/v1/tasks', async ({ body }) => this.control.submit(checked(runRequestSchema, body)))
    app.post('/v1/leases/revoke', async ({ body }) => {
      await this.control.revoke(checked(revokeRequestSchema, body))
      return {}
    })
    app.post('/v1/orders', async ({ body }) => this.control.order(checked(orderRequestSchema, body)))
    app.post('/v1/invites', async ({ body }) => this.control.invite(checked(inviteRequestSchema, body)))
    app.post('/v1/events', async ({ body }) => this.control.events(checked(eventQuerySchema, body)))
  }

  private addStreams(app: FastifyInstance): void {
    app.post('/v1/events/follow', async ({ body }, reply) => {
      const query = checked(eventQuerySchema, body)
      await this.stream(reply, (stream) =>
        this.control.followEvents(query, (notice) => stream.write('event', toJson(notice)), stream.signal),
      )
    })
    app.post('/v1/run', async ({ body }, reply) => {
      const request = checked(runRequestSchema, body)
      await this.stream(reply, (stream) =>
        this.control.run(request, (event) => reportEvent(stream, event), stream.signal),
      )
    })
    app.post<{ Params: { id: string } }>('/v1/tasks/:id/logs', async ({ params, body }, reply) => {
      const request = { taskId: taskId(params.id), ...checked(logRequestSchema, body) }
      await this.stream(reply, (stream) =>
        this.control.logs(request, (event) => reportEvent(stream, event), stream.signal),
      )
    })
    app.post<{ Params: { id: string } }>('/v1/tasks/:id/wait', async ({ params }, reply) => {
      const id = taskId(params.id)
      await this.stream(reply, async (stream) =>
        stream.write('event', toJson(await this.control.wait(id, stream.signal))),
      )
    })
  }

  private async stream(reply: FastifyReply, fill: (stream: FrameStream) => Promise<void>): Promise<void> {
    reply.hijack()
    const stream = new FrameStream(reply.raw, this.stopping.signal)
    try {
      await fill(stream)
      stream.end()
    } catch (thrown) {
      stream.fail(this.coded(thrown))
    }
  }

  private coded(thrown: unknown): CodedError {
    if (thrown instanceof InvariantError) this.init.onFatal(thrown)
    const error = isFastifyError(thrown) ? ofFastify(thrown) : toCodedError(thrown)
    if (error.code === 'internal') this.init.logger.error({ err: thrown }, 'a control call failed')
    return error
  }
}

/** Binding happens inside `listen`, so the socket never exists with a wider mode, not even for a moment. */
function listenPrivately(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new CodedError('control.socket_unusable', { path, reason: systemCode(cause) }, { cause })),
    )
    const umask = process.umask(SOCKET_UMASK)
    try {
      server.listen(path, resolve)
    } finally {
      process.umask(umask)
    }
  })
}

function checked<Value>(schema: z.ZodType<Value>, body: unknown): Value {
  const result = schema.safeParse(body)
  if (result.success) return result.data
  throw new CodedError('wire.malformed', { what: 'request', reason: firstIssue(result.error) })
}

function isFastifyError(thrown: unknown): thrown is FastifyError {
  return systemCode(thrown).startsWith('FST_')
}

function ofFastify(error: FastifyError): CodedError {
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new CodedError('limit.exceeded', {
      what: 'the request',
      got: 'longer',
      max: `${LIMITS.controlRequestBytesMax} bytes`,
    })
  if ((error.statusCode ?? 500) < 500)
    return new CodedError('wire.malformed', { what: 'request', reason: error.message })
  return toCodedError(error)
}
