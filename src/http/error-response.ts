/**
 * What goes wrong, as an answer. Our own errors speak for themselves; fastify's are translated by their code; anything
 * else is a defect: its text goes into the log and never to the caller. A parser's message is not passed on
 * either, for it quotes the body.
 */
import { CodedError, LIMITS, toCodedError } from '../base/index.ts'
import type { ErrorBody } from '../contract/index.ts'

/** @param bodyBytesMax of the route, for the sentence. */
export function translateError(thrown: unknown, bodyBytesMax: number): CodedError {
  if (thrown instanceof CodedError) return thrown
  switch (fastifyCode(thrown)) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new CodedError('limit.exceeded', { what: 'the request body', got: 'longer', max: bodyBytesMax })
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new CodedError('http.content_type')
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new CodedError('wire.malformed', { what: 'request body', reason: 'not JSON' })
    case 'FST_ERR_HANDLER_TIMEOUT':
      return new CodedError('operation.timeout', { what: 'the request', ms: LIMITS.facadeHandlerMsMax })
    default:
      return thrown instanceof SyntaxError
        ? new CodedError('wire.malformed', { what: 'request body', reason: 'not JSON' })
        : toCodedError(thrown)
  }
}

/** For the caller: the details of a defect stay in the log. */
export function errorBodyOf(error: CodedError): ErrorBody {
  const told = error.code === 'internal' ? new CodedError('internal', { reason: 'see the log' }) : error
  return { error: told.toShape() }
}

function fastifyCode(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string'
    ? thrown.code
    : undefined
}
