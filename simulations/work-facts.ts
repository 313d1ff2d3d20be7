/**
 * Facts about work: what runs where, what is on the disks of submitters and workers about tasks, what they say to each other, and what
 * users are told. Part of `Observation`, whose rules hold here as well.
 *
 * Commands of the simulation print lines that carry their name (`world/printed.ts`), so that a piece of output says of itself
 * which command wrote it and where in that command's output it belongs.
 */
import type { LeaseId, PeerId, ScopeKey, TaskId } from '../src/base/index.ts'

/** 0: without a lease, which is possible only at the submitter itself. */
export type LeaseOrNone = LeaseId | 0

// ── machines: what really runs ───────────────────────────────────────────────────────────────────────────────────────

/** Something runs for the key on the node, from now on … */
interface ExecutionStarted {
  readonly type: 'execution-started'
  readonly node: PeerId
  /** Unique in the run. */
  readonly execution: string
  readonly key: ScopeKey
  readonly leaseId: LeaseOrNone
}

/** … until nothing of it runs any more. */
interface ExecutionEnded {
  readonly type: 'execution-ended'
  readonly node: PeerId
  readonly execution: string
}

/** A process was made for an attempt. (Its execution may be interrupted by sleep and told in several parts.) */
interface CommandSpawned {
  readonly type: 'command-spawned'
  readonly node: PeerId
  readonly key: ScopeKey
  readonly leaseId: LeaseOrNone
  /** What stands in its output. */
  readonly mark: string
}

/** It came to its end by itself, and the node took all of its output. */
interface CommandExited {
  readonly type: 'command-exited'
  readonly node: PeerId
  readonly key: ScopeKey
  readonly leaseId: LeaseOrNone
  readonly exitCode: number
  readonly printedBytes: number
}

// ── disks ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A process read its journal, and found records under these keys. */
interface JournalLoaded {
  readonly type: 'journal-loaded'
  readonly node: PeerId
  readonly of: 'submitter' | 'worker'
  readonly keys: readonly string[]
}

/** What the disk of a submitter says of one of its tasks, from now on. */
interface TaskRecorded {
  readonly type: 'task-recorded'
  readonly node: PeerId
  readonly task: TaskId
  readonly state: string
  readonly attached: boolean
  /** Who has the newest attempt. */
  readonly worker: PeerId | undefined
  readonly leaseId: LeaseOrNone
}

/** What the disk of a worker says of an attempt, from now on. */
interface OfferRecorded {
  readonly type: 'offer-recorded'
  readonly node: PeerId
  /** Of the record in the journal. */
  readonly key: string
  readonly task: TaskId
  readonly submitter: PeerId
  readonly leaseId: LeaseOrNone
  readonly state: string
  readonly outcome: string | undefined
}

/** The record is gone from the disk of the worker. */
interface OfferForgotten {
  readonly type: 'offer-forgotten'
  readonly node: PeerId
  readonly key: string
}

/** A run of lines of one command that follow each other; offsets in bytes of that command's output. */
export interface Printed {
  readonly mark: string
  readonly from: number
  readonly to: number
}

/** Output of a task is on the disk of its submitter from now on, behind what is there. */
interface OutputLogged extends Printed {
  readonly type: 'output-logged'
  readonly node: PeerId
  readonly task: TaskId
}

/** A process opened the output log of one of its tasks, and this is in it. */
interface OutputFound {
  readonly type: 'output-found'
  readonly node: PeerId
  readonly task: TaskId
  readonly begin: number
  readonly end: number
  readonly pieces: readonly Printed[]
}

/** The disk was replaced, or its machine left with it: nobody can ask for what was on it. */
interface JournalLost {
  readonly type: 'journal-lost'
  readonly node: PeerId
}

// ── what submitter and worker say to each other ──────────────────────────────────────────────────────────────────────

/** A message about an attempt left the node, for another one. */
interface TaskSaid {
  readonly type: 'task-said'
  readonly node: PeerId
  readonly to: PeerId
  readonly task: TaskId
  readonly leaseId: LeaseOrNone
  readonly word: TaskWord
}

export type TaskWord =
  /** `attachedTtlMs`: of the submitter's own lease; absent for a detached task. */
  | { readonly kind: 'offer'; readonly attachedTtlMs: number | undefined }
  | { readonly kind: 'accept' | 'refuse' | 'started' | 'cancel' | 'result-ack' }
  | { readonly kind: 'renew' | 'renewed'; readonly sequence: number }
  | { readonly kind: 'output'; readonly from: number; readonly to: number }
  | { readonly kind: 'output-ack'; readonly bytes: number }
  | { readonly kind: 'result'; readonly outcome: string }

/** A result that carries a token came to a submitter. `accepted`: it changed the task. */
interface ResultJudged {
  readonly type: 'result-judged'
  readonly node: PeerId
  readonly key: ScopeKey
  readonly leaseId: LeaseId
  readonly accepted: boolean
  /** The newest token under which the task had been offered by then; 0: none. */
  readonly known: LeaseId | 0
}

// ── what users are told ──────────────────────────────────────────────────────────────────────────────────────────────

/** A task came to be known at its submitter (journalled, acknowledged to whoever gave it). */
interface TaskAccepted {
  readonly type: 'task-accepted'
  readonly node: PeerId
  readonly task: TaskId
}

/** The user was told of a change. */
interface TaskTold {
  readonly type: 'task-told'
  readonly node: PeerId
  readonly task: TaskId
  readonly state: string
  readonly leaseId: LeaseOrNone
  readonly reason: string | undefined
  readonly detail: string | undefined
}

/** The user was given output of a command. */
interface OutputTold extends Printed {
  readonly type: 'output-told'
  readonly node: PeerId
  readonly task: TaskId
}

/** What became of the task in the end, besides its digest (`task-finished`, told with it). */
interface TaskSettled {
  readonly type: 'task-settled'
  readonly node: PeerId
  readonly task: TaskId
  readonly state: string
  readonly reason: string | undefined
  /** Of the attempt whose result it is. */
  readonly leaseId: LeaseOrNone
  /** How the execution ended whose result it is; absent when none did. */
  readonly cause: string | undefined
  readonly exitCode: number | undefined
  /** Processes started for it, as far as its submitter knows. */
  readonly starts: number
}

/** A task got its final result at its submitter. */
interface TaskFinished {
  readonly type: 'task-finished'
  readonly node: PeerId
  readonly task: TaskId
  /** Digest. */
  readonly result: string
}

export type WorkFact =
  | ExecutionStarted
  | ExecutionEnded
  | CommandSpawned
  | CommandExited
  | JournalLoaded
  | TaskRecorded
  | OfferRecorded
  | OfferForgotten
  | JournalLost
  | OutputLogged
  | OutputFound
  | TaskSaid
  | ResultJudged
  | TaskAccepted
  | TaskTold
  | OutputTold
  | TaskSettled
  | TaskFinished
