import { z } from 'zod'
import { CodedError, logIndex, peerId, term } from '../base/index.ts'

/** Terms and indexes on the wire: far above what a group ever reaches, and adding one is still exact. */
const COUNTER_MAX = 2 ** 52

export const termSchema = z.int().min(0).max(COUNTER_MAX).transform(term)
export const indexSchema = z.int().min(0).max(COUNTER_MAX).transform(logIndex)

export const peerIdSchema = z.string().transform((value, context) => {
  try {
    return peerId(value)
  } catch (thrown) {
    if (!(thrown instanceof CodedError)) throw thrown
    context.addIssue('not a peer id')
    return z.NEVER
  }
})
