/**
 * The fastify instance: what every route has in common. Order and bodies follow the older contract where it says
 * something: each answer carries `x-request-id`, an unknown path is 404 and a wrong method 405 with `Allow`, both with an
 * empty body. The feature header of the old server comes with the features that it announces.
 */
import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import { type Clock, LIMITS, type Logger } from '../base/index.ts'
import { allowedMethods, ROUTES } from '../contract/index.ts'
import { addEnrolRoute, type EnrolHandler } from './enrol-route.ts'
import { errorBodyOf, translateError } from './error-response.ts'
import { sendJson } from './send-json.ts'

export interface ServerParts {
  readonly enrol: EnrolHandler
  readonly clock: Clock
  readonly logger: Logger
}

const REQUEST_ID = 'x-request-id'
/** What may stand in a header; anything else is replaced by an id of ours. */
const HEADER_TEXT = /^[\x20-\x7e]{1,256}$/

export async function createServer(parts: ServerParts): Promise<FastifyInstance> {
  const { logger } = parts
  const server = fastify({
    logger: false,
    bodyLimit: LIMITS.enrolRequestBytesMax,
    connectionTimeout: LIMITS.facadeIdleMsMax,
    keepAliveTimeout: LIMITS.facadeIdleMsMax,
    requestTimeout: LIMITS.facadeRequestMsMax,
    handlerTimeout: LIMITS.facadeHandlerMsMax,
    http: { headersTimeout: LIMITS.facadeHeadersMsMax, connectionsCheckingInterval: 1000 },
    forceCloseConnections: 'idle',
    requestIdHeader: false,
    genReqId: ({ headers }) => {
      const given = headers[REQUEST_ID]
      return typeof given === 'string' && HEADER_TEXT.test(given) ? given : randomUUID()
    },
    clientErrorHandler: refuseBytes,
    // A path that cannot be decoded is a path that we do not have.
    frameworkErrors: (_error, request, reply) => sendEmpty(reply.header(REQUEST_ID, request.id), 404),
  })
  server.server.maxConnections = LIMITS.facadeConnectionsMax
  server.removeContentTypeParser('text/plain')

  server.addHook('onRequest', async (request, reply) => {
    reply.header(REQUEST_ID, request.id)
  })
  server.addHook('onResponse', async (request, reply) => {
    const { id: requestId, method, ip: remoteAddress } = request
    // The path of the route, not of the request: that one may hold anything.
    const path = request.routeOptions.url ?? 'unknown'
    const ms = Math.round(reply.elapsedTime)
    logger.debug({ requestId, method, path, status: reply.statusCode, ms, remoteAddress }, 'http request')
  })
  server.setNotFoundHandler((request, reply) => {
    const allow = allowedMethods(request.url.split('?', 1)[0] ?? '')
    if (allow === undefined) return sendEmpty(reply, 404)
    return sendEmpty(reply.header('allow', allow), 405)
  })
  server.setErrorHandler((thrown, request, reply) => {
    const error = translateError(thrown, request.routeOptions.bodyLimit ?? LIMITS.enrolRequestBytesMax)
    const { id: requestId } = request
    if (error.code === 'internal') logger.error({ requestId, err: thrown }, 'http handler failed')
    else logger.debug({ requestId, code: error.code }, 'http request refused')
    return sendJson(reply.code(error.httpStatus), errorBodyOf(error))
  })

  server.get(ROUTES.health.path, (_request, reply) =>
    reply.type('text/plain; charset=utf-8').send(ROUTES.health.answerText),
  )
  await addEnrolRoute(server, parts)
  return server
}

function sendEmpty(reply: FastifyReply, status: number): FastifyReply {
  return reply.code(status).send()
}

/** Bytes that are no HTTP, or too slow, or headers that are too long: a status line and nothing that could be quoted back. */
function refuseBytes(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  socket.end(`HTTP/1.1 ${statusLineOf(error.code)}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
}

function statusLineOf(code: string | undefined): string {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return '408 Request Timeout'
    case 'HPE_HEADER_OVERFLOW':
      return '431 Request Header Fields Too Large'
    default:
      return '400 Bad Request'
  }
}
