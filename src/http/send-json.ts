import type { FastifyReply } from 'fastify'

/** Sends JSON as the older server labels it: without a charset, which fastify would add to a text. */
export function sendJson(reply: FastifyReply, value: unknown): FastifyReply {
  return reply.header('content-type', 'application/json').send(Buffer.from(JSON.stringify(value)))
}
