/**
 * Where peers can be dialled: what they announce themselves, else what the roster said. Kept on disk, because a node
 * that was away must find somebody again; the network's own peer store forgets after hours (libp2p-notes).
 */
import { z } from 'zod'
import { decode, encode, LIMITS, type Logger, type PeerId } from '../base/index.ts'
import type { NodeRecord } from '../membership/index.ts'
import type { MetaStore } from '../store/index.ts'
import type { RosterBook } from './roster-book.ts'

const KEY = 'addresses'
const bookSchema = z.record(
  z.string(),
  z.array(z.string().max(LIMITS.addressBytesMax)).max(LIMITS.addressesMax),
)

export class AddressBook {
  private readonly meta: MetaStore
  private readonly roster: RosterBook
  private readonly logger: Logger
  private readonly known: Map<PeerId, readonly string[]>
  private readonly listeners: (() => void)[] = []
  private saving: Promise<void> = Promise.resolve()

  constructor(init: { meta: MetaStore; roster: RosterBook; logger: Logger }) {
    this.meta = init.meta
    this.roster = init.roster
    this.logger = init.logger
    const saved = init.meta.get(KEY)
    const entries = saved === undefined ? [] : Object.entries(decode(bookSchema, saved, 'address book'))
    this.known = new Map(entries.map(([peer, addresses]) => [peer as PeerId, addresses]))
    init.roster.onAdded(() => this.changed())
  }

  onChanged(listener: () => void): void {
    this.listeners.push(listener)
  }

  addressesOf(peer: PeerId): readonly string[] {
    const announced = this.known.get(peer) ?? []
    const enrolled = this.roster.list().find((entry) => entry.peer === peer)?.addresses ?? []
    return [...new Set([...announced, ...enrolled])].slice(0, LIMITS.addressesMax)
  }

  /** A member's record: what it says of its own addresses replaces what it said before. */
  learn(peer: PeerId, record: NodeRecord): void {
    const addresses = record.addresses ?? []
    const before = this.known.get(peer) ?? []
    if (addresses.length === 0 || addresses.join() === before.join()) return
    this.known.set(peer, [...addresses])
    this.changed()
    this.saving = this.saving
      .then(() => this.meta.put(KEY, encode(Object.fromEntries(this.known))))
      .catch((error: unknown) => this.logger.error({ err: error }, 'the address book could not be saved'))
  }

  /** Resolves when everything learnt so far is on disk. */
  saved(): Promise<void> {
    return this.saving
  }

  private changed(): void {
    for (const listener of this.listeners) listener()
  }
}
