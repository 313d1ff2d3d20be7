/**
 * How any node asks the authority: finds the leader, follows its redirects, repeats a request over changes of leader
 * until its deadline, under one (session, sequence), so that a repetition is not a second command.
 *
 * The time that counts for a lease is when the *first* try was sent: a later try may be answered from memory for a
 * command that the first one already brought about.
 */
import {
  type Answer,
  type ClientCommand,
  type ClientRequest,
  encodeClientRequest,
  unwrap,
} from '../authority/index.ts'
import {
  type BootMs,
  type Clock,
  CodedError,
  type ErrorCode,
  LIMITS,
  type LogIndex,
  logIndex,
  type PeerId,
  type Random,
  type Term,
  term,
  toCodedError,
} from '../base/index.ts'
import { AuthorityForwarding } from './authority-forwarding.ts'
import {
  AUTHORITY_METHODS,
  type AuthorityReply,
  type AuthorityViewBody,
  decodeReply,
} from './authority-protocol.ts'
import type { Scheduler, Transport } from './ports.ts'
import type { Rpc } from './rpc.ts'

/** One try: a commit takes two round trips and two disk writes; a leader that needs longer than this is asked again. */
const TRY_TIMEOUT_MS = 2000
/** Pause before the next try when nobody leads: an election takes some hundred milliseconds. */
const PAUSE_MS_MIN = 20
const PAUSE_MS_MAX = 120
const REDIRECTS_MAX = 2

/** Another try may succeed; everything else is an answer. */
const RETRIED: ReadonlySet<ErrorCode> = new Set([
  'authority.no_leader',
  'authority.not_leader',
  'authority.dropped',
  'authority.overloaded',
  'net.disconnected',
  'net.peer_unreachable',
  'net.queue_full',
  'operation.timeout',
])

interface AuthorityClientInit {
  readonly rpc: Rpc
  readonly transport: Transport
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly random: Random
  /** The leader as this node's own Raft core knows it. */
  readonly knownLeader: () => PeerId | undefined
  /** As `AuthorityDriver.leaderNews`. */
  readonly leaderNews: (notLeader: PeerId | undefined, patienceMs: number) => Promise<void>
}

interface Granted {
  readonly answer: Extract<Answer, { ok: true }>
  /** When the request was first sent: a lease counts from here. */
  readonly sentAt: BootMs
}

interface Session {
  /** Index of its `session.open` entry, once that is known. */
  readonly id: Promise<number>
  nextSequence: number
  /** Added in rising order, so the first is the lowest. */
  readonly inFlight: Set<number>
}

export class AuthorityClient {
  private readonly init: AuthorityClientInit
  private readonly forwarding: AuthorityForwarding
  private session: Session | undefined
  private hint: PeerId | undefined
  private stopped = false

  constructor(init: AuthorityClientInit) {
    this.init = init
    this.forwarding = new AuthorityForwarding(init.rpc)
  }

  /**
   * @param deadlineMs how long to keep trying, from now.
   * @throws CodedError the state machine's refusal; `authority.no_leader` when no leader was found in time.
   */
  async execute(command: ClientCommand, deadlineMs: number): Promise<Granted> {
    const until = this.init.clock.now() + deadlineMs
    const session = this.openSession(until)
    const id = await session.id
    if (session.inFlight.size >= LIMITS.sessionInFlightMax) throw new CodedError('authority.overloaded')
    const sequence = session.nextSequence++
    session.inFlight.add(sequence)
    try {
      const sentAt = this.init.clock.now()
      const answer = await this.ask(until, () => ({
        request: { session: id, sequence, answeredBelow: lowest(session, sequence) },
        command,
      }))
      if (!answer.ok && answer.code === 'authority.session_expired') this.forget(session)
      return { answer: unwrap(answer), sentAt }
    } finally {
      session.inFlight.delete(sequence)
    }
  }

  /** The leader's view of leases and voters. @throws CodedError `authority.no_leader` */
  async view(deadlineMs: number): Promise<AuthorityViewBody> {
    const until = this.init.clock.now() + deadlineMs
    const reply = await this.tryUntil(until, async (leader, timeoutMs) =>
      decodeReply(await this.init.rpc.request(leader, AUTHORITY_METHODS.view, new Uint8Array(), timeoutMs)),
    )
    if (reply.type !== 'view')
      throw new CodedError('wire.malformed', { what: 'authority reply', reason: 'no view' })
    return reply.view
  }

  /**
   * Tells the authority that this node has lost its log. Resolves when no configuration names it any more.
   * @throws CodedError `authority.no_leader`
   */
  async rejoin(deadlineMs: number): Promise<{ readonly index: LogIndex; readonly term: Term }> {
    const until = this.init.clock.now() + deadlineMs
    const reply = await this.tryUntil(until, async (leader, timeoutMs) =>
      decodeReply(await this.init.rpc.request(leader, AUTHORITY_METHODS.rejoin, new Uint8Array(), timeoutMs)),
    )
    if (reply.type !== 'forgotten')
      throw new CodedError('wire.malformed', { what: 'authority reply', reason: 'not about rejoining' })
    return { index: logIndex(reply.index), term: term(reply.term) }
  }

  /** Gives up whatever is being tried. */
  stop(): void {
    this.stopped = true
  }

  private openSession(until: number): Session {
    if (this.session !== undefined) return this.session
    const id = this.ask(until, () => ({ command: { type: 'session.open' } })).then(
      (answer) => unwrap(answer).id,
    )
    const session: Session = { id, nextSequence: 1, inFlight: new Set() }
    this.session = session
    id.catch(() => this.forget(session))
    return session
  }

  private forget(session: Session): void {
    if (this.session === session) this.session = undefined
  }

  private async ask(until: number, body: () => ClientRequest): Promise<Answer> {
    const reply = await this.tryUntil(until, (leader, timeoutMs) =>
      this.forwarding.ask(leader, encodeClientRequest(body()), timeoutMs),
    )
    if (reply.type === 'answer') return reply.answer
    throw new CodedError('wire.malformed', { what: 'authority reply', reason: 'no answer' })
  }

  private async tryUntil(
    until: number,
    attempt: (leader: PeerId, timeoutMs: number) => Promise<AuthorityReply>,
  ): Promise<AuthorityReply> {
    for (let redirects = 0; ; ) {
      if (this.stopped) throw new CodedError('node.stopping')
      const left = until - this.init.clock.now()
      if (left <= 0) throw new CodedError('authority.no_leader')
      const leader = this.whomToAsk()
      try {
        if (leader === undefined) throw new CodedError('authority.no_leader')
        const reply = await attempt(leader, Math.min(TRY_TIMEOUT_MS, left))
        if (reply.type !== 'redirect') return reply
        this.hint = reply.leader === leader ? undefined : reply.leader
        throw new CodedError('authority.not_leader', { peer: leader })
      } catch (thrown) {
        const error = toCodedError(thrown)
        if (!RETRIED.has(error.code)) throw error
        const redirected = error.code === 'authority.not_leader' && this.hint !== undefined
        if (leader === this.hint && !redirected) this.hint = undefined
        redirects = redirected ? redirects + 1 : 0
        // Two nodes that each take the other for the leader must not be asked in a tight loop.
        if (!redirected || redirects > REDIRECTS_MAX) await this.pause(leader)
      }
    }
  }

  /** This node's own knowledge first, then what the last one asked said, then anyone: who does not lead redirects. */
  private whomToAsk(): PeerId | undefined {
    const { transport, random } = this.init
    const usable = (peer: PeerId | undefined): peer is PeerId =>
      peer !== undefined && (peer === transport.self || transport.canReach(peer))
    if (usable(this.hint)) return this.hint
    const known = this.init.knownLeader()
    if (usable(known)) return known
    const peers = transport.connectedPeers()
    return peers.length === 0 ? undefined : peers[random.integer(0, peers.length - 1)]
  }

  /** Until somebody else leads, as far as this node hears of it, or for a while that differs between nodes. */
  private pause(failed: PeerId | undefined): Promise<void> {
    const { random, scheduler, leaderNews } = this.init
    const pauseMs = random.integer(PAUSE_MS_MIN, PAUSE_MS_MAX)
    const waited = new Promise<void>((resolve) => scheduler.after(pauseMs, resolve))
    return Promise.race([waited, leaderNews(failed, pauseMs)])
  }
}

const lowest = ({ inFlight }: Session, own: number): number => inFlight.values().next().value ?? own
