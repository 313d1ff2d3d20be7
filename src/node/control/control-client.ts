/**
 * The caller's side of the control socket. One connection per call, closed after it: a caller is a command that ends.
 * A failure of the connection comes out as what it means: no node, a node that hangs, a node that went away.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { z } from 'zod'
import { CodedError, LIMITS, type TaskId } from '../../base/index.ts'
import {
  doneSchema,
  errorSchema,
  eventNoticeSchema,
  eventsSchema,
  fromJson,
  inviteSchema,
  leasesSchema,
  logEventSchema,
  nodesSchema,
  orderSchema,
  ordersSchema,
  runEventSchema,
  statusSchema,
  taskDetailSchema,
  taskSchema,
  tasksSchema,
  toJson,
} from './control-messages.ts'
import { controlSocketPath, findControlSocket, systemCode } from './control-socket.ts'
import type {
  EventNotice,
  EventQuery,
  InviteRequest,
  LogEvent,
  LogRequest,
  NodeControlClient,
  OrderRequest,
  RevokeRequest,
  RunEvent,
  RunRequest,
  TaskView,
} from './node-control.ts'
import { decodeFrames, type Frame } from './run-frames.ts'

const ANSWER = 'answer of the node'

interface Call {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: unknown
  readonly signal?: AbortSignal
  /** The answer comes when the task has ended, however long that takes. */
  readonly patient?: boolean
}

/** Every call: CodedError `store.absent`, `node.not_running`, `control.socket_unusable`, `net.disconnected`, `operation.timeout`, or what the node threw. */
export class ControlClient implements NodeControlClient {
  private readonly dataDir: string
  private readonly silenceMsMax: number

  constructor(dataDir: string, init: { readonly silenceMsMax?: number } = {}) {
    this.dataDir = dataDir
    this.silenceMsMax = init.silenceMsMax ?? LIMITS.controlSilenceMsMax
  }

  status = () => this.ask(statusSchema, { method: 'GET', path: '/v1/status' })
  nodes = () => this.ask(nodesSchema, { method: 'GET', path: '/v1/nodes' })
  leases = () => this.ask(leasesSchema, { method: 'GET', path: '/v1/leases' })
  tasks = () => this.ask(tasksSchema, { method: 'GET', path: '/v1/tasks' })
  task = (id: TaskId) => this.ask(taskDetailSchema, { method: 'GET', path: `/v1/tasks/${id}` })
  cancel = (id: TaskId) =>
    this.ask(taskSchema, { method: 'POST', path: `/v1/tasks/${id}/cancel`, patient: true })
  submit = (body: RunRequest) => this.ask(taskSchema, { method: 'POST', path: '/v1/tasks', body })
  revoke = async (body: RevokeRequest): Promise<void> => {
    await this.ask(doneSchema, { method: 'POST', path: '/v1/leases/revoke', body })
  }
  order = (body: OrderRequest) => this.ask(orderSchema, { method: 'POST', path: '/v1/orders', body })
  orders = () => this.ask(ordersSchema, { method: 'GET', path: '/v1/orders' })
  events = (body: EventQuery) => this.ask(eventsSchema, { method: 'POST', path: '/v1/events', body })
  invite = (body: InviteRequest) => this.ask(inviteSchema, { method: 'POST', path: '/v1/invites', body })

  /**
   * As `NodeControl.followEvents`: settles when the node stops.
   * @throws CodedError `control.interrupted` when the connection broke, `operation.cancelled` when `signal` aborted.
   */
  async followEvents(
    body: EventQuery,
    report: (notice: EventNotice) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const response = await this.open({ method: 'POST', path: '/v1/events/follow', body, signal })
    const chunks = readable(response, (cause) =>
      signal.aborted
        ? aborted()
        : new CodedError('control.interrupted', { what: 'the events', look: 'populi status' }, { cause }),
    )
    for await (const frame of decodeFrames(chunks)) await report(told(eventNoticeSchema, frame))
  }

  /**
   * As `NodeControl.run`. When `report` throws, the task is cancelled and its error comes out here.
   * @throws CodedError `control.interrupted` when the connection broke before the task ended.
   */
  async run(
    body: RunRequest,
    report: (event: RunEvent) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const response = await this.open({ method: 'POST', path: '/v1/run', body, signal })
    let seen: TaskId | undefined
    let ended = false
    const chunks = readable(response, (cause) => {
      if (ended) return undefined
      return signal.aborted ? aborted() : interrupted(seen, cause)
    })
    for await (const frame of decodeFrames(chunks)) {
      const event = outputOf(frame) ?? told(runEventSchema, frame)
      if (event.type === 'state') seen = event.taskId
      if (event.type === 'result') ended = true
      await report(event)
    }
    if (!ended) throw interrupted(seen)
  }

  /** As `NodeControl.logs`. @throws CodedError `control.interrupted` when the connection broke before the end. */
  async logs(
    { taskId, ...body }: LogRequest,
    report: (event: LogEvent) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const path = `/v1/tasks/${taskId}/logs`
    const response = await this.open({ method: 'POST', path, body, signal })
    const look = `populi logs ${taskId}`
    const chunks = readable(response, (cause) =>
      signal.aborted
        ? aborted()
        : new CodedError('control.interrupted', { what: `the output of task ${taskId}`, look }, { cause }),
    )
    for await (const frame of decodeFrames(chunks))
      await report(outputOf(frame) ?? told(logEventSchema, frame))
  }

  /** As `NodeControl.wait`. @throws CodedError `control.interrupted` when the connection broke before the task ended. */
  async wait(id: TaskId, signal: AbortSignal): Promise<TaskView> {
    const response = await this.open({ method: 'POST', path: `/v1/tasks/${id}/wait`, signal })
    const chunks = readable(response, (cause) => (signal.aborted ? aborted() : interrupted(id, cause)))
    for await (const frame of decodeFrames(chunks)) return told(taskSchema, frame)
    throw interrupted(id)
  }

  private async ask<Value>(schema: z.ZodType<Value>, call: Call): Promise<Value> {
    return fromJson(schema, await this.text(await this.open(call)), ANSWER)
  }

  /** The answer, once it is known to be no refusal. */
  private async open(call: Call): Promise<IncomingMessage> {
    const response = await this.send(call, await findControlSocket(this.dataDir))
    if (response.statusCode === 200) return response
    throw CodedError.fromShape(fromJson(errorSchema, await this.text(response), ANSWER))
  }

  private send(call: Call, socketPath: string): Promise<IncomingMessage> {
    const body = call.body === undefined ? undefined : Buffer.from(toJson(call.body))
    if (body !== undefined) assertWithin('the request', body.length, LIMITS.controlRequestBytesMax)
    return new Promise((resolve, reject) => {
      const request = httpRequest({
        socketPath,
        method: call.method,
        path: call.path,
        agent: false,
        headers:
          body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length },
        ...(call.signal === undefined ? {} : { signal: call.signal }),
      })
      if (call.patient !== true)
        request.setTimeout(this.silenceMsMax, () =>
          request.destroy(
            new CodedError('operation.timeout', { what: `the ${ANSWER}`, ms: this.silenceMsMax }),
          ),
        )
      request.once('response', (response) => {
        request.setTimeout(0)
        resolve(response)
      })
      request.on('error', (cause) => reject(call.signal?.aborted === true ? aborted() : this.failure(cause)))
      request.end(body)
    })
  }

  private async text(response: IncomingMessage): Promise<string> {
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of readable(response, (cause) => this.failure(cause))) {
      bytes += chunk.length
      assertWithin(`the ${ANSWER}`, bytes, LIMITS.controlAnswerBytesMax)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString()
  }

  private failure(cause: unknown): CodedError {
    if (cause instanceof CodedError) return cause
    const code = systemCode(cause)
    if (code === 'ENOENT' || code === 'ECONNREFUSED')
      return new CodedError('node.not_running', { path: this.dataDir }, { cause })
    if (code === 'EACCES' || code === 'EPERM')
      return new CodedError(
        'control.socket_unusable',
        { path: controlSocketPath(this.dataDir), reason: 'it belongs to another user' },
        { cause },
      )
    if (code.startsWith('HPE_'))
      return new CodedError('wire.malformed', { what: ANSWER, reason: 'not HTTP' }, { cause })
    return new CodedError('net.disconnected', { peer: `the node on ${this.dataDir}` }, { cause })
  }
}

/** `undefined` for a frame of JSON. */
function outputOf({ kind, payload }: Frame): Extract<RunEvent, { type: 'output' }> | undefined {
  return kind === 'stdout' || kind === 'stderr' ? { type: 'output', stream: kind, chunk: payload } : undefined
}

/** What a frame of JSON says. @throws the error that it tells of, CodedError `wire.malformed` */
function told<Value>(schema: z.ZodType<Value>, { kind, payload }: Frame): Value {
  const text = Buffer.from(payload).toString()
  if (kind === 'error') throw CodedError.fromShape(fromJson(errorSchema, text, ANSWER))
  return fromJson(schema, text, ANSWER)
}

/** The stream, with its own failures (and not those of its reader) told in our words; `undefined`: no failure. */
async function* readable(
  response: IncomingMessage,
  failure: (cause: unknown) => CodedError | undefined,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response) yield chunk
  } catch (cause) {
    const told = failure(cause)
    if (told !== undefined) throw told
  }
}

function assertWithin(what: string, got: number, max: number): void {
  if (got > max) throw new CodedError('limit.exceeded', { what, got: `${got} bytes`, max: `${max} bytes` })
}

function aborted(): CodedError {
  return new CodedError('operation.cancelled', { what: 'the command' })
}

function interrupted(seen: TaskId | undefined, cause?: unknown): CodedError {
  const details =
    seen === undefined
      ? { what: 'the task', look: 'populi tasks' }
      : { what: `task ${seen}`, look: `populi task ${seen}` }
  return new CodedError('control.interrupted', details, { cause })
}
