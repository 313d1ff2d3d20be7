/**
 * Anti-entropy of the roster: on every new connection a node asks the other for the entries that it lacks, and tells
 * its peers at once when it learns of somebody. A node that was away so learns new peers from any peer that it knows.
 */
import { z } from 'zod'
import { type RosterEntry, rosterEntrySchema } from '../authority/index.ts'
import { decode, encode, LIMITS, type Logger, type PeerId } from '../base/index.ts'
import type { Transport } from './ports.ts'
import type { RosterBook } from './roster-book.ts'
import type { Rpc } from './rpc.ts'

const TIMEOUT_MS = 5000
/** Entries in one message: about 1 KiB each, far below the frame limit. */
const ENTRIES_MAX = 200

const requestSchema = z.object({ known: z.array(z.string().max(LIMITS.idBytesMax)).max(LIMITS.rosterMax) })
const entriesSchema = z.object({
  entries: z.array(rosterEntrySchema).max(ENTRIES_MAX),
  /** The asked node has more that the asking one lacks. */
  more: z.boolean(),
})

export class RosterExchange {
  private readonly rpc: Rpc
  private readonly transport: Transport
  private readonly book: RosterBook
  private readonly logger: Logger

  constructor(init: { rpc: Rpc; transport: Transport; book: RosterBook; logger: Logger }) {
    this.rpc = init.rpc
    this.transport = init.transport
    this.book = init.book
    this.logger = init.logger
    init.rpc.handle('roster.list', async (_from, body) => {
      const known = new Set(decode(requestSchema, body, 'roster request').known)
      const missing = this.book.list().filter(({ peer }) => !known.has(peer))
      return encode({ entries: missing.slice(0, ENTRIES_MAX), more: missing.length > ENTRIES_MAX })
    })
    init.rpc.handle('roster.tell', async (_from, body) => {
      this.book.add(decode(entriesSchema, body, 'roster entries').entries)
      return new Uint8Array()
    })
    init.transport.onPeer(({ type, peer }) => {
      if (type === 'connected') void this.pull(peer)
    })
    init.book.onAdded((added) => this.tell(added))
  }

  private async pull(peer: PeerId): Promise<void> {
    try {
      for (let more = true; more; ) {
        const body = encode({ known: this.book.list().map((entry) => entry.peer) })
        const answer = decode(
          entriesSchema,
          await this.rpc.request(peer, 'roster.list', body, TIMEOUT_MS),
          'roster',
        )
        const before = this.book.list().length
        this.book.add(answer.entries)
        more = answer.more && this.book.list().length > before
      }
    } catch (error) {
      this.logger.debug({ peer, err: error }, 'roster not exchanged; the next connection tries again')
    }
  }

  private tell(added: readonly RosterEntry[]): void {
    const body = encode({ entries: added.slice(0, ENTRIES_MAX), more: false })
    for (const peer of this.transport.connectedPeers()) {
      // Who misses it pulls it at the next connection.
      this.rpc.request(peer, 'roster.tell', body, TIMEOUT_MS).catch((error: unknown) => {
        this.logger.debug({ peer, err: error }, 'roster news not delivered')
      })
    }
  }
}
