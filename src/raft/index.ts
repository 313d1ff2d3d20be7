/**
 * raft: consensus (Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm"; Ongaro's thesis). A
 * pure core that takes messages, ticks and proposals and returns what to persist, to send and to apply. It knows no
 * network, no disk, no clock, and nothing of what its commands mean; `node/` drives it, `store/` keeps its log.
 * Start at `core.ts`; `ready.ts` tells the order in which a driver does things.
 */
export { decodeMessage, encodeMessage } from './codec.ts'
export type { Configuration } from './configuration.ts'
export { RaftCore } from './core.ts'
export type { Entry, HardState } from './entry.ts'
export type { LogBase, LogStore, LogWrite, SavedLog } from './log-store.ts'
export type { RaftMessage, StepResult } from './messages.ts'
export { RAFT_DEFAULTS, type RaftOptions } from './options.ts'
export type { ProposeResult } from './proposal.ts'
export type { Ready } from './ready.ts'
export { bootstrapLog } from './restore.ts'
export type { RaftStatus } from './status.ts'
