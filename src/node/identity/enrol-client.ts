/**
 * The joiner's HTTP call. Whatever answers is a stranger until `verifyEnrolAnswer` has spoken: redirects are not
 * followed, the answer is bounded, and sentences of the other side are cleaned before a terminal shows them.
 */
import { z } from 'zod'
import { CodedError, LIMITS } from '../../base/index.ts'
import {
  type EnrolAnswer,
  type EnrolRequest,
  enrolAnswerSchema,
  enrolRequestSchema,
  errorBodySchema,
  ROUTES,
} from '../../contract/index.ts'

/** @throws CodedError the other side's refusal, `enrol.unreachable` (with `reason`), `operation.cancelled`. */
export async function postEnrolRequest(
  url: string,
  request: EnrolRequest,
  signal: AbortSignal | undefined,
): Promise<EnrolAnswer> {
  const timeout = AbortSignal.timeout(LIMITS.enrolAttemptMsMax)
  try {
    const response = await fetch(new URL(ROUTES.enrol.path, url), {
      method: ROUTES.enrol.method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(z.encode(enrolRequestSchema, request)),
      redirect: 'manual',
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    })
    const body = parseJson(await readBounded(response))
    const answer = response.ok ? enrolAnswerSchema.safeParse(body) : undefined
    if (answer?.success === true) return answer.data
    throw refusalOf(body) ?? unreachable(url, `answered ${response.status} like another program than populi`)
  } catch (cause) {
    if (cause instanceof CodedError) throw cause
    if (signal?.aborted === true) throw new CodedError('operation.cancelled', { what: 'joining' }, { cause })
    if (timeout.aborted) throw unreachable(url, `no answer within ${LIMITS.enrolAttemptMsMax / 1000} s`)
    throw unreachable(url, causeOf(cause))
  }
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > LIMITS.enrolAnswerBytesMax) {
      const max = LIMITS.enrolAnswerBytesMax
      throw new CodedError('limit.exceeded', { what: 'the answer to the enrolment', got: length, max })
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function refusalOf(body: unknown): CodedError | undefined {
  const parsed = errorBodySchema.safeParse(body)
  if (!parsed.success) return undefined
  const { code, message, hint } = parsed.data.error
  return CodedError.fromShape({ code: printable(code), message: printable(message), hint: printable(hint) })
}

/** Without control characters: an error text shall not move the reader's cursor. */
function printable(text: string): string {
  return text.replace(/\p{C}+/gu, ' ').slice(0, 300)
}

function unreachable(url: string, reason: string): CodedError {
  return new CodedError('enrol.unreachable', { reason: `${url}: ${reason}`, urls: url })
}

/** `ECONNREFUSED` and its like, which fetch hides in the cause. */
function causeOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined
  if (cause instanceof Error && 'code' in cause) return String(cause.code)
  return 'the connection failed'
}
