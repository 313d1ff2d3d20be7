/**
 * Identifiers and counters as branded types: a `Term` cannot be passed where a `LogIndex` is meant.
 *
 * A brand exists only for the compiler; at run time these are plain strings and numbers. Values enter
 * through a checked constructor (`nodeId()`, `leaseIdFromText()`, …) at the edge of the process and are
 * trusted from there on.
 */
import { CodedError } from './errors.ts'

declare const brand: unique symbol
type Brand<Value, Name extends string> = Value & { readonly [brand]: Name }

/** Text form of a libp2p peer id with an Ed25519 key (`12D3Koo…`). */
export type PeerId = Brand<string, 'PeerId'>
/** The human name that the credential binds to a peer id. */
export type NodeId = Brand<string, 'NodeId'>
/** Id of one person's mesh: derived from its root key. */
export type ScopeId = Brand<string, 'ScopeId'>
/** Id of a task, unique in its scope: a random decimal number of at most 15 digits, which a JSON number holds exactly, chosen once by the submitter. */
export type TaskId = Brand<string, 'TaskId'>
/** What a lease is for, e.g. `task:<task id>`. At most `LIMITS.scopeKeyBytesMax` bytes. */
export type ScopeKey = Brand<string, 'ScopeKey'>
/** Public part of an invite. */
export type InviteId = Brand<string, 'InviteId'>
/** One attempt to run a command under the guardian. */
export type ExecutionId = Brand<string, 'ExecutionId'>

/** Raft term. Starts at 0, rises with each election. */
export type Term = Brand<number, 'Term'>
/** Index of a Raft log entry. The first entry has index 1; 0 means "before the first". */
export type LogIndex = Brand<number, 'LogIndex'>
/** Lease id = fencing token = log index of the grant's entry. Decimal text on the wire. */
export type LeaseId = Brand<number, 'LeaseId'>
/** Number of lives and refutations of a member; the higher one wins. */
export type Incarnation = Brand<number, 'Incarnation'>
/** Milliseconds on a clock that never goes back and also counts suspended time. Comparable on one machine only. */
export type BootMs = Brand<number, 'BootMs'>
/** Milliseconds since 1970 by the wall clock: for people and for the legacy contract, never for a decision. */
export type UnixMs = Brand<number, 'UnixMs'>

export const term = (value: number): Term => value as Term
export const logIndex = (value: number): LogIndex => value as LogIndex
export const incarnation = (value: number): Incarnation => value as Incarnation
export const bootMs = (value: number): BootMs => value as BootMs
export const unixMs = (value: number): UnixMs => value as UnixMs

const NODE_ID = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
const PEER_ID = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/
/** 15 digits: every such number is exact in a `number`, and no log gets that long. */
const LEASE_ID = /^[1-9][0-9]{0,14}$/
const TASK_ID = /^[1-9][0-9]{0,14}$/
const SCOPE_ID = /^[a-z2-7]{16,52}$/

/** @throws CodedError `input.invalid` unless `value` is 1–63 lower-case letters, digits or inner hyphens. */
export function nodeId(value: string): NodeId {
  return checked<NodeId>(value, NODE_ID, 'node id', '1 to 63 of a-z, 0-9 and inner hyphens')
}

/** @throws CodedError `input.invalid` unless `value` is the text form of an Ed25519 peer id. */
export function peerId(value: string): PeerId {
  return checked<PeerId>(value, PEER_ID, 'peer id', 'an Ed25519 libp2p peer id (12D3KooW…)')
}

/** @throws CodedError `input.invalid` unless `value` is lower-case base32 without padding. */
export function scopeId(value: string): ScopeId {
  return checked<ScopeId>(value, SCOPE_ID, 'scope id', '16 to 52 characters of a-z and 2-7')
}

/** @throws CodedError `input.invalid` unless `value` is a positive decimal number: the contract's `task_id` is one. */
export function taskId(value: string): TaskId {
  return checked<TaskId>(value, TASK_ID, 'task id', 'a positive decimal number')
}

/** @throws CodedError `input.invalid` unless `text` is a positive decimal number without leading zero. */
export function leaseIdFromText(text: string): LeaseId {
  checked(text, LEASE_ID, 'lease id', 'a positive decimal number')
  return Number(text) as LeaseId
}

function checked<Id extends string>(value: string, pattern: RegExp, field: string, accepts: string): Id {
  if (!pattern.test(value)) throw new CodedError('input.invalid', { field, got: value, accepts })
  return value as Id
}
