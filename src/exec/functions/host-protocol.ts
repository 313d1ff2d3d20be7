/**
 * What the node and a function host say to each other. A call goes to the host's input as one frame. Its result comes
 * back *in the host's output*, behind a mark that only this call has: what the handler printed comes before its result
 * without any order between two pipes, and ends where the mark begins. The mark goes to both outputs.
 *
 * Rejected: a socket beside the pipes. Where the output of one call ends would still have to be told in the output, it
 * would need a place, a length of path and a permission, and a call on it could begin before the guardian has its deadline.
 */
import { z } from 'zod'
import { LIMITS } from '../../base/index.ts'
import { errorShapeSchema } from '../protocol.ts'

/** Random bytes of a mark: nothing that a program prints hits it by chance. */
export const MARK_BYTES = 16

export const callSchema = z.strictObject({
  /** Hexadecimal. */
  mark: z.string().length(2 * MARK_BYTES),
  inputJson: z.string(),
  taskId: z.string(),
  fencingToken: z.number().optional(),
  traceparent: z.string().optional(),
})
export type CallMessage = z.output<typeof callSchema>

export const callResultSchema = z.strictObject({
  /** Of a call that came to its value. */
  valueJson: z.string().max(LIMITS.envelopeBytesMax).optional(),
  error: errorShapeSchema.optional(),
  /** For the log of the node, never for the submitter. */
  stack: z.string().optional(),
  /** The host takes no other call: its module could not be loaded, or the handler left processes running, which go with it. */
  isSpent: z.boolean(),
})
export type CallResult = z.output<typeof callResultSchema>
