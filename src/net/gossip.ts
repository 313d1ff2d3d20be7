/**
 * The scope's gossip topic: small, rare, signed announcements to everybody.
 *
 * js-libp2p's gossipsub can stop for good, silently, while the connection lives (issues 3531, 3598, 2771): its stream is
 * reset, or was on a duplicate connection that closed. The watchdog compares, for each confirmed link, what
 * gossip needs with what there is: one open stream each way and the peer's subscription. What is missing for a while
 * is healed in two steps, both counted: identify is run again, which makes gossipsub open a stream that it knows to be
 * gone; if that does not help, the connection is made anew.
 */

import { type GossipSub, type Message, TopicValidatorResult } from '@libp2p/gossipsub'
import type { Connection, Stream } from '@libp2p/interface'
import { type Clock, CodedError, type PeerId, type ScopeId } from '../base/index.ts'
import type { Counters } from './counters.ts'
import { peerIdOf } from './identity.ts'
import type { Link } from './link.ts'
import { gossipTopic } from './protocols.ts'
import type { NetSettings } from './settings.ts'

const GOSSIPSUB_PREFIX = '/meshsub/'

interface GossipInit {
  readonly gossipsub: GossipSub
  readonly scopeId: ScopeId
  readonly settings: NetSettings
  readonly clock: Clock
  readonly counters: Counters
  readonly isAdmitted: (peer: PeerId) => boolean
  readonly links: () => readonly Link[]
  /** Never throws. */
  readonly deliver: (from: PeerId, message: Uint8Array) => void
  /** Makes gossipsub look at the connection again. Does not reject. */
  readonly identify: (link: Link) => Promise<void>
  readonly hangUp: (link: Link, reason: string) => void
}

/** A link on which gossip lacks something. */
interface Silence {
  readonly sinceMs: number
  isRenewed: boolean
}

export class Gossip {
  private readonly init: GossipInit
  private readonly topic: string
  private readonly silences = new WeakMap<Link, Silence>()
  private timer: NodeJS.Timeout | undefined

  constructor(init: GossipInit) {
    this.init = init
    this.topic = gossipTopic(init.scopeId)
  }

  start(): void {
    const { gossipsub, settings } = this.init
    gossipsub.topicValidators.set(this.topic, (_relay, message) => this.validate(message))
    gossipsub.addEventListener('gossipsub:message', ({ detail }) => this.onMessage(detail.msg))
    gossipsub.subscribe(this.topic)
    this.timer = setInterval(() => this.check(), settings.gossipCheckMs)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  /** Resolves when the message was handed to the streams of the peers; with no peer it reaches nobody and resolves too. */
  async publish(message: Uint8Array): Promise<void> {
    const { gossipBytesMax } = this.init.settings
    if (message.byteLength > gossipBytesMax) {
      const details = { what: 'a gossip message in bytes', got: message.byteLength, max: gossipBytesMax }
      throw new CodedError('limit.exceeded', details)
    }
    await this.init.gossipsub.publish(this.topic, message)
    this.init.counters.count('gossipPublished')
  }

  /** The author's signature is already checked (strict signing); who relayed it passed the gate. */
  private validate(message: Message): TopicValidatorResult {
    const author = authorOf(message)
    // A roster that is behind may not know the author yet: ignored without blame for who relayed it.
    if (author === undefined || !this.init.isAdmitted(author))
      return this.refused(TopicValidatorResult.Ignore)
    const isTooLong = message.data.byteLength > this.init.settings.gossipBytesMax
    return isTooLong ? this.refused(TopicValidatorResult.Reject) : TopicValidatorResult.Accept
  }

  private refused(result: TopicValidatorResult): TopicValidatorResult {
    this.init.counters.count('gossipRefused')
    return result
  }

  private onMessage(message: Message): void {
    const author = authorOf(message)
    if (message.topic !== this.topic || author === undefined) return
    this.init.counters.count('gossipReceived')
    this.init.deliver(author, message.data)
  }

  private check(): void {
    const subscribers = new Set(this.init.gossipsub.getSubscribers(this.topic).map(String))
    for (const link of this.init.links()) {
      const missing = missingPart(link.connection, subscribers.has(link.peer))
      if (missing === undefined) this.silences.delete(link)
      else this.heal(link, missing)
    }
  }

  private heal(link: Link, missing: string): void {
    const { clock, settings, counters, identify, hangUp } = this.init
    const now = clock.now()
    const silence = this.silences.get(link) ?? { sinceMs: now, isRenewed: false }
    this.silences.set(link, silence)
    const silentMs = now - silence.sinceMs
    if (silentMs >= settings.gossipHangUpMs) {
      hangUp(link, `gossip stopped: no ${missing}`)
    } else if (silentMs >= settings.gossipRenewMs && !silence.isRenewed) {
      silence.isRenewed = true
      counters.count('gossipHeals')
      void identify(link)
    }
  }
}

/** What gossip lacks on this connection; undefined when nothing. */
function missingPart(connection: Connection, isSubscriber: boolean): string | undefined {
  const streams = connection.streams.filter(
    ({ protocol, status }) => protocol.startsWith(GOSSIPSUB_PREFIX) && status === 'open',
  )
  const canWrite = (stream: Stream) => stream.direction === 'outbound' && stream.writeStatus === 'writable'
  const canRead = (stream: Stream) =>
    stream.direction === 'inbound' && stream.remoteWriteStatus === 'writable'
  if (!streams.some(canWrite)) return 'outbound stream'
  if (!streams.some(canRead)) return 'inbound stream'
  return isSubscriber ? undefined : 'subscription'
}

function authorOf(message: Message): PeerId | undefined {
  return message.type === 'signed' ? peerIdOf(message.from) : undefined
}
