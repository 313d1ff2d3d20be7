/**
 * raft: consensus (Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm"; Ongaro's thesis). A
 * pure core that takes messages, ticks and proposals and returns what to persist, to send and to apply. It knows no
 * network, no disk, no clock, and nothing of what its commands mean; `node/` drives it, `store/` keeps its log.
 * Start at `core.ts`; `ready.ts` tells what a driver does.
 */
export { decodeMessages, encodeMessages } from './codec.ts'
export type { Configuration, WantedConfiguration } from './configuration.ts'
export { RaftCore } from './core.ts'
export type { Entry, HardState } from './entry.ts'
export { type LogBase, NEVER_COMPACTED } from './log-base.ts'
export type { LogStore, LogWrite, SavedLog } from './log-store.ts'
export type { RaftMessage, StepResult } from './messages.ts'
export { RAFT_DEFAULTS, type RaftOptions } from './options.ts'
export type { ProposeResult, ReadId, ReadResult, TransferResult } from './proposal.ts'
export type { Ready, ReadyWrite } from './ready.ts'
export { bootstrapLog } from './restore.ts'
export type { Snapshot } from './snapshot.ts'
export type { RaftStatus } from './status.ts'
