import { z } from 'zod'
import { CodedError, type PeerId, unixMs } from '../base/index.ts'
import type { Envelope, TaskMessage } from './messages.ts'
import type { OfferRecord } from './offer-record.ts'
import { type Work, workSchema } from './work.ts'

const payloadSchema = z.object({ task_description: z.string() }).and(workSchema)

/**
 * The record of a new offer.
 * @throws CodedError `wire.malformed` when the payload holds no work that this version understands.
 */
export function offerFromEnvelope(envelope: Envelope, submitter: PeerId): OfferRecord {
  const { deadline_unix_ms: deadline } = envelope
  return {
    idempotencyKey: envelope.idempotency_key,
    taskId: envelope.task_id,
    submitter,
    leaseId: envelope.exec_lease_id,
    ttlMs: envelope.lease_ttl_ms,
    attachedTtlMs: envelope.attached_ttl_ms,
    traceparent: envelope.traceparent,
    deadlineUnixMs: deadline === undefined ? undefined : unixMs(deadline),
    work: workOf(envelope.payload),
    state: 'new',
    starts: 0,
    runs: [],
  }
}

/** An attempt of which this worker knows nothing but that it is cancelled: its offer was lost, or is still on its way. */
export function offerFromCancel(
  cancel: Extract<TaskMessage, { type: 'remote_task_cancel' }>,
  submitter: PeerId,
): OfferRecord {
  return {
    idempotencyKey: cancel.idempotency_key,
    taskId: cancel.task_id,
    submitter,
    leaseId: cancel.exec_lease_id,
    state: 'new',
    starts: 0,
    runs: [],
  }
}

function workOf(payload: string): Work {
  let value: unknown
  try {
    value = JSON.parse(payload)
  } catch (cause) {
    throw new CodedError('wire.malformed', { what: 'envelope payload', reason: 'not JSON' }, { cause })
  }
  const parsed = payloadSchema.safeParse(value)
  if (parsed.success) {
    const { data } = parsed
    return 'command' in data ? { command: data.command } : { function: data.function }
  }
  const issue = parsed.error.issues[0]
  const where = issue?.path.join('.') ?? ''
  throw new CodedError('wire.malformed', {
    what: 'envelope payload',
    reason: `${where}: ${issue?.message ?? ''}`,
  })
}
