import fastifyRateLimit, { normalizeIP } from '@fastify/rate-limit'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { type Clock, CodedError, LIMITS, type Logger } from '../base/index.ts'
import { type EnrolAnswer, type EnrolRequest, ROUTES } from '../contract/index.ts'
import { sendJson } from './send-json.ts'
import { WrongProofLimit } from './wrong-proof-limit.ts'

/**
 * Decides on an enrolment; the façade only carries it.
 * @throws CodedError `enrol.*`, `authority.*`
 */
export type EnrolHandler = (request: EnrolRequest, remoteAddress: string) => Promise<EnrolAnswer>

/** Adds the enrolment route, with its two rate limits. What the handler refuses is the handler's to log. */
export async function addEnrolRoute(
  server: FastifyInstance,
  parts: { readonly enrol: EnrolHandler; readonly clock: Clock; readonly logger: Logger },
): Promise<void> {
  const { enrol, clock, logger } = parts
  const route = ROUTES.enrol
  const wrongProofs = new WrongProofLimit(clock)
  // Also turns an address of IPv6 into its /64 network: a machine has all of it.
  const keyOf = (address: string): string => normalizeIP(address)

  await server.register(fastifyRateLimit, { global: false, cache: LIMITS.enrolAddressesMax })
  server.route({
    method: route.method,
    url: route.path,
    bodyLimit: route.bodyBytesMax,
    config: {
      rateLimit: {
        max: LIMITS.enrolPerMinuteMax,
        timeWindow: 60_000,
        errorResponseBuilder: () => new CodedError('enrol.rate_limited'),
      },
    },
    handler: async (request, reply) => {
      const body = parse(request.body)
      const { inviteId, peerId } = body
      const remoteAddress = request.ip
      if (wrongProofs.exceeded(inviteId, keyOf(remoteAddress))) {
        logger.warn({ inviteId, peerId, remoteAddress }, 'enrolment refused: too many wrong proofs')
        throw new CodedError('enrol.rate_limited')
      }
      try {
        return sendJson(reply, z.encode(route.answer, await enrol(body, remoteAddress)))
      } catch (cause) {
        const wrongProof = cause instanceof CodedError && cause.code === 'enrol.wrong_proof'
        if (wrongProof) wrongProofs.note(inviteId, keyOf(remoteAddress))
        throw cause
      }
    },
  })
}

function parse(body: unknown): EnrolRequest {
  const result = ROUTES.enrol.request.safeParse(body)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const where = issue === undefined || issue.path.length === 0 ? 'the body' : issue.path.join('.')
  const reason = `${where}: ${issue?.message ?? 'does not fit'}`
  throw new CodedError('wire.malformed', { what: 'enrolment request', reason })
}
