/**
 * Tells the observers what one life of a node does, by standing between the node and what is handed to it: its stores and its
 * transport. What no border shows (role and commit index, messages as values, applied entries, answers to clients) is taken from the
 * core's status and by wrapping methods of this one node object; nothing of production knows of it.
 */
import type { AuthorityEvent, ClientCommand, SavedState } from '../../src/authority/index.ts'
import {
  type LeaseId,
  logIndex,
  type PeerId,
  present,
  type ScopeKey,
  type Term,
  toCodedError,
  unreachable,
} from '../../src/base/index.ts'
import type { MeshNode } from '../../src/node/index.ts'
import type { Entry, LogWrite, RaftMessage, SavedLog } from '../../src/raft/index.ts'
import type { NodeStores } from '../../src/store/index.ts'
import type { LeaseCall, LeaseOutcome, ObservedFact } from '../observation.ts'
import { baseFact, entryFact, hardStateFact, StateDigest, savedLogFact } from './facts.ts'

interface TapInit {
  readonly node: PeerId
  readonly observe: (fact: ObservedFact) => void
  /** Which key each lease is of, as far as any node of this world has applied its grant. */
  readonly keyOfLease: Map<LeaseId, ScopeKey>
  /** Numbers the operations of this machine's client, over all its lives. */
  readonly nextOp: () => number
}

/** The word of the state machine; any other error leaves open what became of the operation. */
const REFUSALS: ReadonlySet<string> = new Set([
  'lease.held',
  'lease.unknown',
  'lease.not_holder',
  'lease.too_many',
  'credential.invalid',
])

export class NodeTap {
  private readonly node: PeerId
  private readonly tell: (fact: ObservedFact) => void
  private readonly init: TapInit
  /** Operations that this life has asked for and knows no answer to. */
  private readonly open = new Set<number>()
  private over = false
  private mesh: MeshNode | undefined
  private state = new StateDigest(new Map())
  /** Facts of entries that are being applied: told when their effects are handed to the store, with the state's digest. */
  private applied: ObservedFact[] = []
  private applying: readonly Entry[] = []
  private role = ''
  private commitIndex = logIndex(0)
  private votedForItselfIn: Term | undefined

  constructor(init: TapInit) {
    const { node, observe } = init
    this.init = init
    this.node = node
    this.tell = (fact) => (this.over ? undefined : observe(fact))
  }

  /** Operations of this life that wait for an answer. */
  get openOperations(): number {
    return this.open.size
  }

  /** The process is gone: what its promises still do never happened. */
  end(): void {
    for (const op of [...this.open]) this.lost(op)
    this.over = true
  }

  began(life: number, log: SavedLog, saved: SavedState): void {
    this.state = new StateDigest(saved.records)
    const { node } = this
    const { appliedIndex } = saved
    this.tell({
      type: 'life-began',
      node,
      life,
      log: savedLogFact(log),
      appliedIndex,
      stateDigest: this.state.digest,
    })
  }

  stores(stores: NodeStores): NodeStores {
    const { log, state } = stores
    const { node } = this
    return {
      ...stores,
      log: {
        load: () => log.load(),
        append: (write) => this.written(write, () => log.append(write)),
        compact: (base) => {
          this.tell({ type: 'log-compacted', node, base: baseFact(base) })
          return log.compact(base)
        },
      },
      state: {
        load: () => state.load(),
        commit: (appliedIndex, changes) => {
          for (const { key, value } of changes) this.state.set(key, value)
          this.tellApplied(this.state.digest)
          return state.commit(appliedIndex, changes)
        },
      },
      rejoin: {
        get isPending() {
          return stores.rejoin.isPending
        },
        done: (hardState) => this.written({ hardState, entries: [] }, () => stores.rejoin.done(hardState)),
      },
      installSnapshot: async (snapshot) => {
        this.poll()
        const after = new StateDigest(snapshot.records)
        const fact = {
          node,
          hardState: hardStateFact(snapshot.hardState),
          base: baseFact(snapshot.base),
          stateDigest: after.digest,
        }
        this.tell({ type: 'snapshot-installing', ...fact })
        await stores.installSnapshot(snapshot)
        this.state = after
        this.tell({ type: 'snapshot-installed', ...fact })
      },
    }
  }

  attach(mesh: MeshNode): void {
    this.mesh = mesh
    this.watchCore(mesh.core)
    this.watchAuthority(mesh)
    this.watchClient(mesh.client)
  }

  /** A read of `key` at the authority, told as one operation. */
  async view(key: ScopeKey, deadlineMs: number): Promise<void> {
    const op = this.invoked({ kind: 'view', key })
    try {
      const { leases } = await present(this.mesh, 'a node that runs').client.view(deadlineMs)
      const lease = leases.find(({ scopeKey }) => scopeKey === key)
      this.answered(op, { ok: true, leaseId: lease?.leaseId, holder: lease?.holder })
    } catch {
      this.lost(op)
    }
  }

  private watchCore(core: MeshNode['core']): void {
    const ready = core.ready.bind(core)
    core.ready = () => {
      const now = ready()
      this.poll()
      for (const message of now.messages) this.leaving(message)
      return now
    }
  }

  private watchAuthority(mesh: MeshNode): void {
    this.commitIndex = mesh.core.status.commitIndex
    const { authority } = mesh
    const { machine } = authority
    const [apply, applyOne, skip, propose] = [
      authority.apply.bind(authority),
      machine.apply.bind(machine),
      machine.skip.bind(machine),
      authority.propose.bind(authority),
    ]
    authority.apply = (entries) => {
      this.poll()
      this.applying = entries
      return apply(entries)
    }
    machine.apply = (index, term, data) => {
      const result = applyOne(index, term, data)
      this.noteApplied(index)
      for (const event of result.events) this.noteEvent(index, event)
      return result
    }
    machine.skip = (index) => {
      skip(index)
      this.noteApplied(index)
    }
    authority.propose = (requester, request, command) => {
      const before = mesh.core.status.lastIndex
      const answer = propose(requester, request, command)
      const index = mesh.core.status.lastIndex
      if (index === before) return answer
      return answer.then((given) => {
        this.tell({ type: 'acknowledged', node: this.node, index })
        return given
      })
    }
  }

  /** Every operation on leases that this node asks for, whoever on it does. */
  private watchClient(client: MeshNode['client']): void {
    const execute = client.execute.bind(client)
    client.execute = async (command, deadlineMs) => {
      const call = this.callOf(command)
      if (call === undefined) return execute(command, deadlineMs)
      const op = this.invoked(call)
      try {
        const granted = await execute(command, deadlineMs)
        this.answered(op, {
          ok: true,
          ...(call.kind === 'grant' ? { leaseId: granted.answer.id as LeaseId } : {}),
        })
        return granted
      } catch (thrown) {
        const { code } = toCodedError(thrown)
        if (REFUSALS.has(code)) this.answered(op, { ok: false, code })
        else this.lost(op)
        throw thrown
      }
    }
  }

  private callOf(command: ClientCommand): LeaseCall | undefined {
    switch (command.type) {
      case 'lease.grant':
        return { kind: 'grant', key: command.scopeKey, holder: command.holder, ttlMs: command.ttlMs }
      case 'lease.renew':
      case 'lease.release': {
        const { leaseId } = command
        const key = this.init.keyOfLease.get(leaseId)
        const kind = command.type === 'lease.renew' ? 'renew' : 'release'
        return key === undefined ? undefined : { kind, key, leaseId }
      }
      case 'lease.revoke': {
        const { leaseId, force } = command
        const key = this.init.keyOfLease.get(leaseId)
        return key === undefined ? undefined : { kind: 'revoke', key, leaseId, force }
      }
      case 'session.open':
      case 'invite.create':
      case 'roster.admit':
        return undefined
      default:
        return unreachable(command)
    }
  }

  private invoked(call: LeaseCall): number {
    const op = this.init.nextOp()
    this.open.add(op)
    this.tell({ type: 'op-invoked', node: this.node, client: this.node, op, call })
    return op
  }

  private answered(op: number, outcome: LeaseOutcome): void {
    if (this.open.delete(op))
      this.tell({ type: 'op-answered', node: this.node, client: this.node, op, outcome })
  }

  private lost(op: number): void {
    if (this.open.delete(op)) this.tell({ type: 'op-lost', node: this.node, client: this.node, op })
  }

  /** A message that the core gave out: the driver sends it in this same step. */
  private leaving(message: RaftMessage): void {
    const { node } = this
    const { term } = message
    if (message.type === 'vote-response' && message.granted)
      this.tell({ type: 'vote-sent', node, term, candidate: message.to })
    else if (message.type === 'append-accepted')
      this.tell({ type: 'append-accepted', node, term, index: message.matchIndex })
  }

  /** Role and commit index, as they are now. (Whatever changes them, the core has something ready.) */
  private poll(): void {
    if (this.mesh === undefined || this.over) return
    const { node } = this
    const { role, term, leader, commitIndex } = this.mesh.core.status
    const now = `${role} ${term} ${leader}`
    if (now !== this.role) {
      this.role = now
      if (role === 'leader') this.votesForItself(term)
      this.tell({ type: 'role-changed', node, role, term, leader })
    }
    if (commitIndex > this.commitIndex) {
      this.commitIndex = commitIndex
      this.tell({ type: 'commit-advanced', node, index: commitIndex })
    }
  }

  private votesForItself(term: Term): void {
    if (this.votedForItselfIn === term) return
    this.votedForItselfIn = term
    this.tell({ type: 'vote-sent', node: this.node, term, candidate: this.node })
  }

  private async written({ hardState, entries }: LogWrite, write: () => Promise<void>): Promise<void> {
    this.poll()
    this.tell({
      type: 'log-writing',
      node: this.node,
      hardState: hardState === undefined ? undefined : hardStateFact(hardState),
      entries: entries.map(entryFact),
    })
    await write()
    this.tell({ type: 'log-written', node: this.node })
    // From now on the core counts its own vote.
    if (hardState?.vote === this.node) this.votesForItself(hardState.term)
  }

  private noteApplied(index: number): void {
    const first = present(this.applying[0], 'the entries that are applied')
    const entry = present(this.applying[index - first.index], 'the entry that is applied')
    this.applied.push({ type: 'entry-applied', node: this.node, entry: entryFact(entry) })
  }

  private noteEvent(index: number, event: AuthorityEvent): void {
    const at = { node: this.node, index: logIndex(index) }
    switch (event.type) {
      case 'lease-granted': {
        const { scopeKey: key, leaseId, holder, ttlMs } = event.lease
        this.init.keyOfLease.set(leaseId, key)
        this.applied.push({ type: 'lease-granted', ...at, key, leaseId, holder, ttlMs })
        return
      }
      case 'lease-renewed':
      case 'lease-revoked': {
        const { scopeKey: key, leaseId } = event.lease
        this.applied.push({ type: event.type, ...at, key, leaseId })
        return
      }
      case 'lease-ended': {
        const { scopeKey: key, leaseId } = event.lease
        // What ended unseen is told by the nodes that applied its end.
        if (event.how !== 'unseen')
          this.applied.push({ type: 'lease-ended', ...at, key, leaseId, how: event.how })
        return
      }
      case 'peer-admitted':
      case 'state-installed':
        return
      default:
        return unreachable(event)
    }
  }

  private tellApplied(stateDigest: string): void {
    const facts = this.applied
    this.applied = []
    const last = facts.findLastIndex(({ type }) => type === 'entry-applied')
    for (const [at, fact] of facts.entries())
      this.tell(at === last && fact.type === 'entry-applied' ? { ...fact, stateDigest } : fact)
  }
}
