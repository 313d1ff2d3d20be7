import { LIMITS } from '../base/index.ts'
import { enrolAnswerSchema, enrolRequestSchema } from './enrol.ts'

/**
 * The routes of the façade. Legacy routes that are not here yet are unknown paths: 404 with an empty body, as the old
 * server answers them.
 */
export const ROUTES = {
  /** Legacy. Says that the server answers, nothing more; touches no state and needs no credentials. */
  health: { method: 'GET', path: '/health', answerText: 'ok\n' },
  /** Additive. Admits a machine that shows an invite, which is its credential. Errors are an `ErrorBody`. */
  enrol: {
    method: 'POST',
    path: '/v1/populi/enrol',
    bodyBytesMax: LIMITS.enrolRequestBytesMax,
    request: enrolRequestSchema,
    answer: enrolAnswerSchema,
  },
} as const

/**
 * Methods that `path` takes, as the `Allow` header has them; `undefined` for an unknown path. Exact match: a trailing
 * slash is another path (legacy behaviour §1.5).
 */
export function allowedMethods(path: string): string | undefined {
  const methods = Object.values(ROUTES)
    .filter((route) => route.path === path)
    .map((route) => (route.method === 'GET' ? 'GET,HEAD' : route.method))
  return methods.length === 0 ? undefined : methods.join(',')
}
