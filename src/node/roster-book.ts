/**
 * Who is admitted, as this node knows it: the gate's answer and the address book of the network. Every entry carries a
 * credential signed with the scope's root key, so it is as good from any peer as from the authority: an entry is
 * checked once when it comes in, and the book only grows (revocation comes with the security work).
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

  private save(): void {
    this.saving = this.saving
      .then(() => this.init.save(this.list()))
      .catch((error: unknown) => this.init.logger.error({ err: error }, 'the roster could not be saved'))
  }
}
