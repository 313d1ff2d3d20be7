/**
 * Everything a checker is told about a run. The world emits, the checkers, the trace hash and the timeline listen.
 *
 * Intuition: an observation is a *fact about the world*, seen from outside with the one clock that no node has. It is
 * never what a node believes about others, so a node that lies to itself cannot hide it. Mapping: one line here per
 * thing that crosses a border of the cores (disk, network, client, process of a job), plus the three that a core alone
 * knows (role, commit index, applied entry).
 *
 * Rules for whoever emits:
 * - `atMs` never goes back. It is real time, no node's clock.
 * - What happened first is emitted first. In particular: `commit-advanced` before the `log-writing` that follows from it,
 *   and `log-written` before any message that depends on the write.
 * - Observations of a node's consensus come between its `life-began` and its `life-ended` only.
 * - Numbers, texts and booleans only (no bytes, no times of day): the trace hash covers every field.
 *
 * Rejected: letting the checkers look into the nodes (a checker could then change what it judges, and a crashed node has
 * no inside); one observation per network packet (the runner keeps packets for the timeline if it wants them).
 */
import type { LeaseId, LogIndex, PeerId, ScopeKey, Term } from '../src/base/index.ts'
import type { Entry, RaftStatus } from '../src/raft/index.ts'
import type { WorkFact } from './work-facts.ts'

/** Of an entry's data, of a state: equal digests mean equal bytes. Hex; length is the world's choice. */
export type Digest = string

/** Who votes, as a configuration entry or the base of a compacted log says it. */
export interface VotersFact {
  readonly voters: readonly PeerId[]
  /** The old voters of a joint configuration; else empty. */
  readonly votersOutgoing: readonly PeerId[]
}

/** One log entry. `configuration` exactly when `kind` is `configuration`. */
export interface EntryFact {
  readonly index: LogIndex
  readonly term: Term
  readonly kind: Entry['kind']
  /** Of kind and data; not of index and term. */
  readonly digest: Digest
  readonly configuration?: VotersFact
}

export interface HardStateFact {
  readonly term: Term
  readonly vote: PeerId | undefined
  readonly commitIndex: LogIndex
}

/** Where a compacted log begins; index 0 and term 0 for one that never was. */
export interface BaseFact {
  readonly index: LogIndex
  readonly term: Term
  /** `undefined` only with index 0. */
  readonly configuration: VotersFact | undefined
}

/** One durable step handed to the disk: entries replace everything from the first one's index on. */
export interface LogWriteFact {
  readonly hardState?: HardStateFact | undefined
  readonly entries: readonly EntryFact[]
}

/** What a disk holds of a log. */
export interface SavedLogFact {
  readonly hardState: HardStateFact | undefined
  readonly base: BaseFact
  /** Contiguous from `base.index + 1`. */
  readonly entries: readonly EntryFact[]
}

// ── the machine ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** A machine of this run, told once before anything else about it. Every other `node` names such a peer. */
interface NodeDeclared {
  readonly type: 'node-declared'
  readonly node: PeerId
  /** For people. */
  readonly name: string
}

/** From now on the node's boot clock advances `rate` ms per real ms (also while it is suspended or dead). Told at the start too. */
interface ClockRate {
  readonly type: 'clock-rate'
  readonly node: PeerId
  readonly rate: number
}

/** A process of the node started and read its disk. A node that refuses its disk emits `fault` instead. */
interface LifeBegan {
  readonly type: 'life-began'
  readonly node: PeerId
  /** 1, 2, 3, … per node. */
  readonly life: number
  readonly log: SavedLogFact
  /** The state machine's applied index as its disk has it, and the digest of that state if it is known. */
  readonly appliedIndex: LogIndex
  readonly stateDigest?: Digest | undefined
}

/**
 * `crash`: at any instant, unsynced writes may be lost; `stop`: orderly; `failed`: it left consensus by itself (failed fsync).
 * Executions do not end with it by themselves: their `execution-ended` comes when nothing of them runs any more.
 */
interface LifeEnded {
  readonly type: 'life-ended'
  readonly node: PeerId
  readonly how: 'crash' | 'stop' | 'failed'
}

/** The node's log and state are gone on purpose (rejoin, or a lost disk). What it has sent before still counts against it. */
interface Wiped {
  readonly type: 'wiped'
  readonly node: PeerId
}

// ── the disk ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A write was handed to the disk. At most one per node is outstanding. */
interface LogWriting extends LogWriteFact {
  readonly type: 'log-writing'
  readonly node: PeerId
}

/** The outstanding write was reported as fsynced to the node. */
interface LogWritten {
  readonly type: 'log-written'
  readonly node: PeerId
}

/** Entries up to the base may be gone from the disk from now on (deferred: a crash may bring them back). */
interface LogCompacted {
  readonly type: 'log-compacted'
  readonly node: PeerId
  readonly base: BaseFact
}

/**
 * `installing`: handed to the disk; `installed`: reported as fsynced. The whole log is dropped, the state replaced, and
 * the applied index is `base.index`.
 */
interface SnapshotInstall<Type extends 'snapshot-installing' | 'snapshot-installed'> {
  readonly type: Type
  readonly node: PeerId
  readonly hardState: HardStateFact
  readonly base: BaseFact
  readonly stateDigest?: Digest | undefined
}

// ── consensus ────────────────────────────────────────────────────────────────────────────────────────────────────────

interface RoleChanged {
  readonly type: 'role-changed'
  readonly node: PeerId
  readonly role: RaftStatus['role']
  readonly term: Term
  readonly leader: PeerId | undefined
}

/** A granted vote (no pre-vote) left the node; also a candidate's vote for itself, when it begins to count. */
interface VoteSent {
  readonly type: 'vote-sent'
  readonly node: PeerId
  readonly term: Term
  readonly candidate: PeerId
}

/** A follower's acknowledgement that it has the leader's log up to `index` left the node. */
interface AppendAccepted {
  readonly type: 'append-accepted'
  readonly node: PeerId
  readonly term: Term
  readonly index: LogIndex
}

/** The node's commit index rose, within a life. */
interface CommitAdvanced {
  readonly type: 'commit-advanced'
  readonly node: PeerId
  readonly index: LogIndex
}

/** The state machine took an entry. Contiguous within a life, from `life-began.appliedIndex + 1`. */
interface EntryApplied {
  readonly type: 'entry-applied'
  readonly node: PeerId
  readonly entry: EntryFact
  /** Of the whole state after it, where the world computed one (every entry, or now and then). */
  readonly stateDigest?: Digest | undefined
}

/** A node answered a client on the strength of the committed entry at `index`. */
interface Acknowledged {
  readonly type: 'acknowledged'
  readonly node: PeerId
  readonly index: LogIndex
}

// ── leases: what was asked, what was applied ─────────────────────────────────────────────────────────────────────────

/** What a client asks for. */
export type LeaseCall =
  | { readonly kind: 'grant'; readonly key: ScopeKey; readonly holder: PeerId; readonly ttlMs: number }
  | { readonly kind: 'renew'; readonly key: ScopeKey; readonly leaseId: LeaseId }
  | { readonly kind: 'release'; readonly key: ScopeKey; readonly leaseId: LeaseId }
  | { readonly kind: 'revoke'; readonly key: ScopeKey; readonly leaseId: LeaseId; readonly force: boolean }
  /** A linearizable read of one key. */
  | { readonly kind: 'view'; readonly key: ScopeKey }

export type LeaseOutcome =
  /** `leaseId`: of a grant, the lease; of a view, who holds the key (absent: free). */
  | { readonly ok: true; readonly leaseId?: LeaseId | undefined; readonly holder?: PeerId | undefined }
  /** `code` of the error registry. A refusal is an answer: the operation took place and changed nothing. */
  | { readonly ok: false; readonly code: string }

/** A client at `node` sent its operation for the first time. Retries under the same request id are not told. */
interface OpInvoked {
  readonly type: 'op-invoked'
  readonly node: PeerId
  /** One client has any number of operations under way. */
  readonly client: string
  /** Unique per client. */
  readonly op: number
  readonly call: LeaseCall
}

interface OpAnswered {
  readonly type: 'op-answered'
  readonly node: PeerId
  readonly client: string
  readonly op: number
  readonly outcome: LeaseOutcome
}

/** The client gave up, or died: the operation may have taken effect, may take effect at any later time, or never. */
interface OpLost {
  readonly type: 'op-lost'
  readonly node: PeerId
  readonly client: string
  readonly op: number
}

/**
 * What an applied entry did. Every node may emit it when it applies the entry: the first one counts, which `index` tells
 * (the log index of the entry; several of them may come from one entry). What a snapshot brings is not told again.
 * `lease-revoked`: it cannot be renewed any more, and its key cools until it ends.
 */
interface LeaseGranted {
  readonly type: 'lease-granted'
  readonly node: PeerId
  readonly index: LogIndex
  readonly key: ScopeKey
  readonly leaseId: LeaseId
  readonly holder: PeerId
  readonly ttlMs: number
}

interface LeaseTouched<Type extends 'lease-renewed' | 'lease-revoked'> {
  readonly type: Type
  readonly node: PeerId
  readonly index: LogIndex
  readonly key: ScopeKey
  readonly leaseId: LeaseId
}

interface LeaseEnded {
  readonly type: 'lease-ended'
  readonly node: PeerId
  readonly index: LogIndex
  readonly key: ScopeKey
  readonly leaseId: LeaseId
  /** `revoked`: taken back before its holder had begun; `forced`: while it may still execute (the promise is waived). */
  readonly how: 'released' | 'expired' | 'revoked' | 'forced'
}

// ── the run ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** `heal`: all faults have ended, clocks keep their bound, every node that shall live does; `end`: the workload was told to stop before, and had its time. */
interface Phase {
  readonly type: 'phase'
  readonly phase: 'safety' | 'heal' | 'end'
}

/** Something the scenario did to the world (a partition, a torn write, a node that refused its disk): for the timeline and the trace, no checker judges it. */
interface Fault {
  readonly type: 'fault'
  readonly node?: PeerId | undefined
  readonly what: string
}

/** A fact without its time. */
export type ObservedFact =
  | NodeDeclared
  | ClockRate
  | LifeBegan
  | LifeEnded
  | Wiped
  | LogWriting
  | LogWritten
  | LogCompacted
  | SnapshotInstall<'snapshot-installing'>
  | SnapshotInstall<'snapshot-installed'>
  | RoleChanged
  | VoteSent
  | AppendAccepted
  | CommitAdvanced
  | EntryApplied
  | Acknowledged
  | OpInvoked
  | OpAnswered
  | OpLost
  | LeaseGranted
  | LeaseTouched<'lease-renewed'>
  | LeaseTouched<'lease-revoked'>
  | LeaseEnded
  | WorkFact
  | Phase
  | Fault

export type Observation = ObservedFact & { readonly atMs: number }

/** The observation of one type, for handlers. */
export type Observed<Type extends ObservedFact['type']> = Extract<Observation, { type: Type }>

/** Whoever listens to a run. */
export interface Observer {
  observe(observation: Observation): void
}
