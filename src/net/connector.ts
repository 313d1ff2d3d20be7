/**
 * Keeps the node connected to its neighbours, and connects it to others while they are wanted.
 *
 * libp2p gives up on a peer after some tries and forgets addresses after an hour (issue 3019); a person's laptop may be
 * away for a month. So the addresses and the loop are ours: back-off with jitter, for a neighbour without ever giving up,
 * for a wanted peer as long as it is wanted. Every peer of the roster is known here with its addresses; a mesh of
 * hundreds would need too many connections to keep them all (libp2p's default is 300).
 *
 * The lower peer id of a pair dials first, the higher one only after a grace without a connection, so that as a rule only
 * one side dials; on demand there is no grace, because the other side does not know that it is wanted. When the other side ended
 * a connection that was good, it is dialled again at once: it restarts, or it is dead and that should be known soon. After
 * some failures the Kad-DHT is asked where the peer is now, beside the dials: without an answer it takes
 * seconds, in which a peer that only restarted would not be found.
 */
import { type BootMs, type Clock, LIMITS, type Logger, type PeerId, type Random } from '../base/index.ts'
import { addressOfPeer } from './addresses.ts'
import { isChooser } from './arbitration.ts'
import { backoffMs } from './backoff.ts'
import type { Counters } from './counters.ts'
import { reasonOf } from './failure.ts'
import type { LastLink } from './link-table.ts'
import type { NetSettings } from './settings.ts'

/** With a back-off of 100 ms doubling from here, whoever waits for a wanted peer sees a dial each second. */
const DEMAND_FAILURES_MAX = 4

interface ConnectorInit {
  readonly self: PeerId
  readonly settings: NetSettings
  readonly clock: Clock
  readonly random: Random
  readonly counters: Counters
  readonly logger: Logger
  /** Whether there is any connection to the peer, confirmed or not. */
  readonly hasConnection: (peer: PeerId) => boolean
  readonly dial: (peer: PeerId, addresses: readonly string[], signal: AbortSignal) => Promise<void>
  /** Does not reject. */
  readonly findAddresses: (peer: PeerId, signal: AbortSignal) => Promise<string[]>
}

/** A peer that can be dialled. */
interface Target {
  readonly peer: PeerId
  /** As the roster has them. */
  given: readonly string[]
  /** As the peer itself or the Kad-DHT last said; the newest first. */
  learned: readonly string[]
  failures: number
  timer: NodeJS.Timeout | undefined
  dialling: AbortController | undefined
  lookingUp: AbortController | undefined
}

export class Connector {
  private readonly init: ConnectorInit
  private readonly targets = new Map<PeerId, Target>()
  /** `undefined`: every target. */
  private neighbours: ReadonlySet<PeerId> | undefined
  /** Until when somebody here wants a connection, whether there is one or not. */
  private readonly wanted = new Map<PeerId, BootMs>()
  private isRunning = false

  constructor(init: ConnectorInit) {
    this.init = init
  }

  start(): void {
    this.isRunning = true
    for (const target of this.targets.values()) this.schedule(target)
  }

  stop(): void {
    this.isRunning = false
    for (const target of this.targets.values()) this.cancel(target)
  }

  setPeers(peers: readonly { peer: PeerId; addresses: readonly string[] }[]): void {
    const known = new Set<PeerId>()
    for (const { peer, addresses } of peers) {
      if (peer === this.init.self) continue
      known.add(peer)
      this.know(peer, this.usable(peer, addresses))
    }
    for (const [peer, target] of this.targets) {
      if (known.has(peer)) continue
      this.cancel(target)
      this.targets.delete(peer)
      this.wanted.delete(peer)
    }
  }

  setNeighbours(peers: readonly PeerId[]): void {
    this.neighbours = new Set(peers)
    for (const target of this.targets.values()) {
      if (this.keeps(target.peer)) this.schedule(target)
      else this.cancel(target)
    }
  }

  /** Whether it is connected to when that is asked for, as far as one can tell before: it is not being dialled in vain. */
  isOnDemand(peer: PeerId): boolean {
    const target = this.targets.get(peer)
    if (target === undefined || this.isNeighbour(peer)) return false
    return target.failures === 0 || !this.isWanted(peer)
  }

  isNeighbour(peer: PeerId): boolean {
    return this.targets.has(peer) && (this.neighbours?.has(peer) ?? true)
  }

  /** Whether this side wants the connection to be there, used or not. */
  keeps(peer: PeerId): boolean {
    return this.isNeighbour(peer) || this.isWanted(peer)
  }

  /**
   * Keeps or makes a connection for the next `forMs`.
   * @returns false when the peer is not known, or too many are wanted already.
   */
  want(peer: PeerId, forMs: number): boolean {
    const target = this.targets.get(peer)
    if (target === undefined) return false
    const now = this.init.clock.now()
    const wantedUntil = this.wanted.get(peer) ?? now
    if (!this.isWanted(peer) && !this.hasRoom()) {
      this.init.counters.count('demandRefused')
      return false
    }
    const wasKept = this.keeps(peer)
    this.wanted.set(peer, Math.max(wantedUntil, now + forMs) as BootMs)
    if (!wasKept) {
      target.failures = Math.min(target.failures, DEMAND_FAILURES_MAX)
      this.schedule(target)
    }
    return true
  }

  /** The peer itself says where it listens. */
  learn(peer: PeerId, addresses: readonly string[]): void {
    const target = this.targets.get(peer)
    if (target !== undefined && addresses.length > 0) target.learned = this.usable(peer, addresses)
  }

  /** No connection to the peer is left. */
  onGone(peer: PeerId, { livedMs, byPeer }: LastLink): void {
    const target = this.targets.get(peer)
    if (target === undefined) return
    target.failures = livedMs >= this.init.settings.stableMs ? 0 : target.failures + 1
    const isFresh = byPeer && livedMs > 0 && target.failures <= 1
    this.schedule(target, isFresh ? this.quickPauseMs(target) : undefined)
  }

  private know(peer: PeerId, given: readonly string[]): void {
    const known = this.targets.get(peer)
    if (known === undefined) {
      const idle = { timer: undefined, dialling: undefined, lookingUp: undefined }
      const target: Target = { peer, given, learned: [], failures: 0, ...idle }
      this.targets.set(peer, target)
      this.schedule(target)
      return
    }
    const hasNews = given.some((address) => !known.given.includes(address))
    known.given = given
    if (hasNews) this.hurry(known)
  }

  private isWanted(peer: PeerId): boolean {
    return this.init.clock.now() < (this.wanted.get(peer) ?? 0)
  }

  private hasRoom(): boolean {
    const { wantedPeersMax } = this.init.settings
    if (this.wanted.size < wantedPeersMax) return true
    for (const peer of this.wanted.keys()) if (!this.isWanted(peer)) this.wanted.delete(peer)
    return this.wanted.size < wantedPeersMax
  }

  /** There is a new address to try: a long pause ends. */
  private hurry(target: Target): void {
    if (target.timer === undefined) return
    clearTimeout(target.timer)
    target.timer = undefined
    target.failures = 0
    this.schedule(target)
  }

  private schedule(target: Target, pauseMs = this.pauseMs(target)): void {
    if (!this.isRunning || target.timer !== undefined || target.dialling !== undefined) return
    if (this.targets.get(target.peer) !== target || !this.keeps(target.peer)) return
    target.timer = setTimeout(() => {
      target.timer = undefined
      void this.attempt(target)
    }, pauseMs)
  }

  private pauseMs(target: Target): number {
    const { self, random, settings } = this.init
    const goesFirst = isChooser(self, target.peer) || !this.isNeighbour(target.peer)
    const graceMs = goesFirst ? 0 : settings.dialGraceMs
    if (target.failures === 0) return graceMs * (1 + random.float() / 2)
    return graceMs + backoffMs(random, target.failures, settings.redialMsMin, settings.redialMsMax)
  }

  /** Each side has a half of the span, so that a connection that broke between them is not dialled twice. */
  private quickPauseMs({ peer }: Target): number {
    const { self, random, settings } = this.init
    const halfMs = settings.quickRedialMsMax / 2
    return (isChooser(self, peer) ? 0 : halfMs) + random.float() * halfMs
  }

  /** One attempt. Its outcome is seen in the connections: a dial that resolves may still be refused. */
  private async attempt(target: Target): Promise<void> {
    const { peer } = target
    if (this.init.hasConnection(peer) || !this.keeps(peer)) return
    void this.lookUp(target)
    const controller = new AbortController()
    target.dialling = controller
    try {
      await this.dial(target, controller.signal)
    } catch (failure) {
      this.init.counters.count('dialFailures')
      this.init.logger.debug({ peer, failures: target.failures, reason: reasonOf(failure) }, 'a dial failed')
    }
    target.dialling = undefined
    if (this.init.hasConnection(peer)) return
    if (!controller.signal.aborted) target.failures += 1
    this.schedule(target)
  }

  /** Asks the Kad-DHT once at a time per peer. What it says is tried at once. */
  private async lookUp(target: Target): Promise<void> {
    const hasAddress = target.given.length + target.learned.length > 0
    const isDue = !hasAddress || target.failures >= this.init.settings.lookupAfterFailures
    if (!isDue || target.lookingUp !== undefined) return
    this.init.counters.count('lookups')
    const controller = new AbortController()
    target.lookingUp = controller
    const timeout = AbortSignal.timeout(this.init.settings.lookupTimeoutMs)
    const found = await this.init.findAddresses(target.peer, AbortSignal.any([controller.signal, timeout]))
    target.lookingUp = undefined
    if (controller.signal.aborted) return
    const usable = this.usable(target.peer, found)
    const hasNews = usable.some(
      (address) => !target.learned.includes(address) && !target.given.includes(address),
    )
    if (usable.length > 0) target.learned = usable
    if (hasNews) this.hurry(target)
  }

  private async dial(target: Target, signal: AbortSignal): Promise<void> {
    const addresses = [...new Set([...target.learned, ...target.given])].slice(0, LIMITS.addressesMax)
    if (addresses.length === 0) return
    const timeout = AbortSignal.timeout(this.init.settings.dialTimeoutMs)
    await this.init.dial(target.peer, addresses, AbortSignal.any([signal, timeout]))
  }

  private usable(peer: PeerId, addresses: readonly string[]): readonly string[] {
    const usable = addresses
      .map((text) => addressOfPeer(peer, text)?.toString())
      .filter((text) => text !== undefined)
    const ignored = addresses.length - usable.length
    if (ignored > 0) {
      this.init.counters.count('addressesIgnored', ignored)
      this.init.logger.debug({ peer, ignored }, 'addresses of a peer are malformed or name another peer')
    }
    return usable.slice(0, LIMITS.addressesMax)
  }

  private cancel(target: Target): void {
    clearTimeout(target.timer)
    target.timer = undefined
    target.dialling?.abort()
    target.lookingUp?.abort()
  }
}
