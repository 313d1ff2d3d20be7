/** What happened, as numbers that only rise: `telemetry` shows them, tests assert on them. */
const NAMES = [
  /** Connections that the gate refused, in both directions. */
  'connectionsRefused',
  /** Connections closed because the pair had another one. */
  'duplicatesClosed',
  /** Connections closed because the other side did not confirm them in time. */
  'linksUnconfirmed',
  /** Connections closed because a stream could not be opened again. */
  'linksGivenUp',
  /** Connections closed because the peer is no longer admitted. */
  'linksExpelled',
  /** Connections closed because the node took the peer for dead. */
  'linksHungUp',
  /** Connections closed because neither side used them any more. */
  'linksIdledOut',
  /** Connections closed because too many that nobody here wants were open. */
  'linksEvicted',
  /** Connections that were asked for on demand, and refused because too many were wanted. */
  'demandRefused',
  /** Changes of the node's own addresses that its peers were told of. */
  'addressChanges',
  /** Connections closed after repeated broken frames. */
  'peersBarred',
  /** Streams opened again after a reset. */
  'streamsReopened',
  /** Frames of length zero, above the limit, cut off, or broken credit words: the stream was reset. */
  'malformedFrames',
  /** Frames that the sender had no credit for: the stream was reset. */
  'creditViolations',
  /** Messages refused by `send` because the queue was full. */
  'queueFull',
  /** Messages that were accepted by `send` and then lost with their stream before they were all written. */
  'messagesDropped',
  'messagesSent',
  'messagesReceived',
  /** Handlers (of messages, peers or gossip) that threw. */
  'handlerFailures',
  'dialFailures',
  /** Searches for a peer's present address in the Kad-DHT. */
  'lookups',
  /** Addresses of peers that are no multiaddr or name another peer. */
  'addressesIgnored',
  'identifyFailures',
  'gossipPublished',
  'gossipReceived',
  /** Gossip of authors that are not admitted, or above the size limit. */
  'gossipRefused',
  /** Links on which gossip had silently stopped and identify was run again to make it open its streams. */
  'gossipHeals',
  /** Connections made anew because that did not help. */
  'gossipHangUps',
] as const

export type CounterName = (typeof NAMES)[number]

export class Counters {
  readonly values: Record<CounterName, number>

  constructor() {
    this.values = Object.fromEntries(NAMES.map((name) => [name, 0])) as Record<CounterName, number>
  }

  count(name: CounterName, by = 1): void {
    this.values[name] += by
  }
}
