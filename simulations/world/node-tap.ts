/**
 * Tells the observers what one life of a node does, by standing between the node and what is handed to it: its stores and its
 * transport. Three things no border shows (role and commit index, applied entries, answers to clients) are taken from the
 * core's status and by wrapping two methods of this one node object; nothing of production knows of it.
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
import {
  decodeMessage,
  type Entry,
  encodeMessage,
  type LogWrite,
  type RaftMessage,
  type SavedLog,
} from '../../src/raft/index.ts'
import type { NodeStores } from '../../src/store/index.ts'
import type { LeaseCall, LeaseOutcome, ObservedFact } from '../observation.ts'
import { entryFact, hardStateFact, StateDigest, savedLogFact } from './facts.ts'

/** Where the code of a message's type stands in its bytes: only few types are worth decoding twice. */
const CODE_AT = 1
const code = (message: Omit<RaftMessage, 'from' | 'to' | 'term'>): number =>
  present(
    encodeMessage({ from: 'a', to: 'b', term: 1, ...message } as unknown as RaftMessage)[CODE_AT],
    'code',
  )
const TOLD_CODES = new Set([
  code({ type: 'vote-request', lastIndex: 0, lastTerm: 0 } as never),
  code({ type: 'vote-response', granted: true } as never),
  code({ type: 'append-accepted', matchIndex: 0 } as never),
])

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
    return {
      ...stores,
      close: () => stores.close(),
      log: {
        load: () => log.load(),
        append: async (write) => {
          this.writing(write)
          await log.append(write)
          this.tell({ type: 'log-written', node: this.node })
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
    }
  }

  attach(mesh: MeshNode): void {
    this.mesh = mesh
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

  /** A message leaves the node. */
  sending(protocol: string, bytes: Uint8Array): void {
    if (protocol !== 'raft') return
    this.poll()
    if (!TOLD_CODES.has(bytes[CODE_AT] ?? -1)) return
    const message = decodeMessage(bytes)
    const { node } = this
    const { term } = message
    if (message.type === 'vote-request') this.votesForItself(term)
    else if (message.type === 'vote-response' && message.granted)
      this.tell({ type: 'vote-sent', node, term, candidate: message.to })
    else if (message.type === 'append-accepted')
      this.tell({ type: 'append-accepted', node, term, index: message.matchIndex })
  }

  /** Role and commit index, as they are now. */
  poll(): void {
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

  private writing({ hardState, entries }: LogWrite): void {
    this.poll()
    this.tell({
      type: 'log-writing',
      node: this.node,
      hardState: hardState === undefined ? undefined : hardStateFact(hardState),
      entries: entries.map(entryFact),
    })
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
      case 'lease-renewed': {
        const { scopeKey: key, leaseId } = event.lease
        this.applied.push({ type: 'lease-renewed', ...at, key, leaseId })
        return
      }
      case 'lease-ended': {
        const { scopeKey: key, leaseId } = event.lease
        this.applied.push({ type: 'lease-ended', ...at, key, leaseId, how: event.how })
        return
      }
      case 'peer-admitted':
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
