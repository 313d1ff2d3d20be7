/**
 * task: the life of a task at its submitter and at its worker, as two pure cores, with the messages between them and the records
 * that both keep in their journals.
 */
export { offerFromCancel, offerFromEnvelope } from './envelope.ts'
export type { JournalRecord, JournalStore, JournalWrite } from './journal-store.ts'
export {
  decodeTaskMessage,
  type Envelope,
  encodeTaskMessage,
  type Outcome,
  type TaskMessage,
} from './messages.ts'
export type { Confirmed, WorkerEffect, WorkerEvent } from './offer-events.ts'
export { attemptKey, decodeOfferRecord, encodeOfferRecord, type OfferRecord } from './offer-record.ts'
export { OfferedTask } from './offered-task.ts'
export type { OutputLog, OutputLogs, OutputPiece } from './output-log.ts'
export { cancelLatencyMs, type RunChange } from './run-states.ts'
export type { StopCause } from './stop-causes.ts'
export { SubmittedTask } from './submitted-task.ts'
export type { OrderedEffect, SubmitterEffect, SubmitterEvent } from './submitter-events.ts'
export {
  decodeTaskRecord,
  encodeTaskRecord,
  type Fallback,
  isFinal,
  newTaskRecord,
  type TaskChange,
  type TaskRecord,
} from './task-record.ts'
export { childTraceparent, newTraceparent, traceIdOf } from './trace.ts'
export { type Command, commandOf, type FunctionCall, functionOf, timeoutMsOf, type Work } from './work.ts'
