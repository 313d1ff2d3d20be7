import { z } from 'zod'

/** Errors of the additive routes. Legacy routes answer with a bare sentence or an empty body instead. */
export const errorBodySchema = z.object({
  error: z.object({
    /** A code of the registry, e.g. `enrol.invite_used`. */
    code: z.string().max(64),
    message: z.string().max(4096),
    hint: z.string().max(4096),
  }),
})
export type ErrorBody = z.output<typeof errorBodySchema>
