/** Fields that several messages have. An id that is none is a malformed message, not a wrong input of a user. */
import { z } from 'zod'
import { CodedError, incarnation, LIMITS, peerId } from '../base/index.ts'

export const peerSchema = z
  .string()
  .max(LIMITS.idBytesMax)
  .transform((text, context) => {
    try {
      return peerId(text)
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      context.addIssue({ code: 'custom', message: 'no peer id' })
      return z.NEVER
    }
  })

export const incarnationSchema = z
  .number()
  .int()
  .min(1)
  .transform((value) => incarnation(value))
