/**
 * Who is admitted, as this node knows it: the gate's answer and the address book of the network. Every entry carries a
 * credential signed with the scope's root key, so it is as good from any peer as from the authority: an entry is
 * checked once when it comes in, and the book only grows (revocation comes with the security work).
 *
 * A node id belongs to the key that had it first here. The authority admits no second one, so another entry with the same id means
 * that the root key was used beside the authority, or that its state was lost: such a peer is refused, and named.
 */
import type { RosterEntry } from '../authority/index.ts'
import { CodedError, LIMITS, type Logger, type NodeId, nodeId, type PeerId } from '../base/index.ts'

interface RosterBookInit {
  /**
   * Checks the credential and that it names this peer and node.
   * @returns whether its bearer may give orders that concern others: role `admin`, or `mesh`, which stands for all.
   * @throws CodedError `credential.invalid`
   */
  readonly verify: (entry: RosterEntry) => { readonly isAdmin: boolean }
  /** Keeps the whole roster on disk. */
  readonly save: (entries: readonly RosterEntry[]) => Promise<void>
  readonly logger: Logger
}

export class RosterBook {
  private readonly init: RosterBookInit
  private readonly entries = new Map<PeerId, RosterEntry>()
  private readonly admins = new Set<PeerId>()
  private readonly conflictListeners: ((refused: RosterEntry, holder: PeerId) => void)[] = []
  /** Peers refused because their node id is another's: each is named once. */
  private readonly conflicts = new Set<PeerId>()
  private readonly listeners: ((added: readonly RosterEntry[]) => void)[] = []
  private saving: Promise<void> = Promise.resolve()

  constructor(init: RosterBookInit) {
    this.init = init
  }

  isAdmitted(peer: PeerId): boolean {
    return this.entries.has(peer)
  }

  /** By its credential; nobody else's word counts. */
  isAdmin(peer: PeerId): boolean {
    return this.admins.has(peer)
  }

  list(): readonly RosterEntry[] {
    return [...this.entries.values()]
  }

  nodeIdOf(peer: PeerId): NodeId | undefined {
    const entry = this.entries.get(peer)
    return entry === undefined ? undefined : nodeId(entry.nodeId)
  }

  peerOf(node: string): PeerId | undefined {
    return this.list().find((entry) => entry.nodeId === node)?.peer
  }

  /** Called with entries that are new, after they count. */
  onAdded(listener: (added: readonly RosterEntry[]) => void): void {
    this.listeners.push(listener)
  }

  /** Called once for each peer that is refused because `holder` has its node id. */
  onConflict(listener: (refused: RosterEntry, holder: PeerId) => void): void {
    this.conflictListeners.push(listener)
  }

  /** Takes over entries that are new and valid; an invalid one is logged and left out, whoever sent it. */
  add(candidates: readonly RosterEntry[]): void {
    const added: RosterEntry[] = []
    for (const entry of candidates) {
      if (this.entries.has(entry.peer) || this.entries.size >= LIMITS.rosterMax) continue
      let isAdmin: boolean
      try {
        isAdmin = this.init.verify(entry).isAdmin
      } catch (thrown) {
        if (!(thrown instanceof CodedError)) throw thrown
        this.init.logger.warn({ peer: entry.peer, err: thrown }, 'roster entry refused')
        continue
      }
      const holder = this.peerOf(entry.nodeId)
      if (holder !== undefined) {
        this.refuseSecond(entry, holder)
        continue
      }
      this.entries.set(entry.peer, entry)
      if (isAdmin) this.admins.add(entry.peer)
      added.push(entry)
    }
    if (added.length === 0) return
    this.save()
    for (const listener of this.listeners) listener(added)
  }

  /** Resolves when everything added so far is on disk. */
  saved(): Promise<void> {
    return this.saving
  }

  private refuseSecond(entry: RosterEntry, holder: PeerId): void {
    if (this.conflicts.has(entry.peer) || this.conflicts.size >= LIMITS.rosterMax) return
    this.conflicts.add(entry.peer)
    const error = new CodedError('enrol.node_id_taken', { node: entry.nodeId })
    this.init.logger.warn({ peer: entry.peer, holder, err: error }, 'a second key for one node id is refused')
    for (const listener of this.conflictListeners) listener(entry, holder)
  }

  private save(): void {
    this.saving = this.saving
      .then(() => this.init.save(this.list()))
      .catch((error: unknown) => this.init.logger.error({ err: error }, 'the roster could not be saved'))
  }
}
