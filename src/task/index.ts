/**
 * task: the life of a task at its submitter and at its worker, as two pure cores, with the messages between them and the records
 * that both keep in their journals.
 */
export { offerFromEnvelope } from './envelope.ts'
export type { JournalRecord, JournalStore, JournalWrite } from './journal-store.ts'
export {
  decodeTaskMessage,
  type Envelope,
  encodeTaskMessage,
  type Outcome,
  type TaskMessage,
} from './messages.ts'
export { attemptKey, decodeOfferRecord, encodeOfferRecord } from './offer-record.ts'
export { OfferedTask, type StopCause, type WorkerEffect, type WorkerEvent } from './offered-task.ts'
export type { OutputLog, OutputLogs, OutputPiece } from './output-log.ts'
export { SubmittedTask } from './submitted-task.ts'
export type { SubmitterEffect, SubmitterEvent } from './submitter-events.ts'
export {
  decodeTaskRecord,
  encodeTaskRecord,
  isFinal,
  newTaskRecord,
  type TaskChange,
  type TaskRecord,
} from './task-record.ts'
export { type Command, commandOf, timeoutMsOf } from './work.ts'
