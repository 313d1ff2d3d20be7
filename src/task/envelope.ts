import { z } from 'zod'
import { CodedError, type PeerId } from '../base/index.ts'
import { type Command, commandSchema, type Envelope } from './messages.ts'
import type { OfferRecord } from './offer-record.ts'

const payloadSchema = z.object({ task_description: z.string(), command: commandSchema })

/**
 * The record of a new offer.
 * @throws CodedError `wire.malformed` when the payload holds no command that this version understands.
 */
export function offerFromEnvelope(envelope: Envelope, submitter: PeerId): OfferRecord {
  return {
    idempotencyKey: envelope.idempotency_key,
    taskId: envelope.task_id,
    submitter,
    leaseId: envelope.exec_lease_id,
    ttlMs: envelope.lease_ttl_ms,
    command: commandOf(envelope.payload),
    state: 'new',
    starts: 0,
  }
}

function commandOf(payload: string): Command {
  let value: unknown
  try {
    value = JSON.parse(payload)
  } catch (cause) {
    throw new CodedError('wire.malformed', { what: 'envelope payload', reason: 'not JSON' }, { cause })
  }
  const parsed = payloadSchema.safeParse(value)
  if (parsed.success) return parsed.data.command
  const issue = parsed.error.issues[0]
  const where = issue?.path.join('.') ?? ''
  throw new CodedError('wire.malformed', {
    what: 'envelope payload',
    reason: `${where}: ${issue?.message ?? ''}`,
  })
}
