/**
 * Bounds and times of the network, in one record so that a test can lower them. Bounds of memory stand with
 * their reason in `LIMITS`; the times are here.
 */
import { LIMITS } from '../base/index.ts'

export interface NetSettings {
  readonly messageBytesMax: number
  readonly windowBytesMax: number
  readonly queueBytesMax: number
  readonly queueMessagesMax: number
  readonly gossipBytesMax: number
  /** One address may hang for this long before the next is tried: a round trip of 300 ms needs about a second. */
  readonly addressDialTimeoutMs: number
  /** All addresses of one peer together. */
  readonly dialTimeoutMs: number
  /** A connection that the other side does not confirm within this time is closed: its gate refused us, or it hangs. */
  readonly confirmTimeoutMs: number
  /** Two connections of one pair that opened within this time were dialled at once from both sides. */
  readonly simultaneousMs: number
  /** The higher peer id leaves the lower this long to dial first. */
  readonly dialGraceMs: number
  /** First pause between two attempts to reach a peer; doubles, with jitter. */
  readonly redialMsMin: number
  /** Longest pause: a machine that comes back is found within this time, whatever it missed. */
  readonly redialMsMax: number
  /** First pause after the other side, or the network, ended a connection: whoever restarted is back soon, and whoever died is found out soon. The lower peer id takes the first half. */
  readonly quickRedialMsMax: number
  /** How long something that was sent to a peer without a connection keeps it dialled. */
  readonly demandMs: number
  /** A connection that neither side keeps, and over which no message of ours went for so long, is closed. */
  readonly idleCloseMs: number
  /** Peers wanted beyond the neighbours. */
  readonly wantedPeersMax: number
  /** Connections that nothing here keeps. */
  readonly spareLinksMax: number
  /** How often the node's own addresses are looked at. */
  readonly addressCheckMs: number
  /** A connection that lived shorter counts as one more failed attempt, so that a flapping peer is not dialled in a loop. */
  readonly stableMs: number
  /** Failed attempts after which the Kad-DHT is asked where the peer is now. */
  readonly lookupAfterFailures: number
  readonly lookupTimeoutMs: number
  /** First pause before a stream is opened again after a reset; doubles, with jitter. */
  readonly reopenMsMin: number
  readonly reopenMsMax: number
  /** Failed attempts to open one stream after which the connection is given up and dialled anew. */
  readonly reopenAttemptsMax: number
  /** How often gossip's streams are looked at. */
  readonly gossipCheckMs: number
  /** How long a connected peer may lack gossip before identify is run again: the first one and the subscription take a few round trips. */
  readonly gossipRenewMs: number
  /** How long a connected peer may lack gossip before its connection is made anew. */
  readonly gossipHangUpMs: number
  /** Broken frames within `abuseWindowMs` after which a peer is shut out for a while. */
  readonly violationsMax: number
  readonly abuseWindowMs: number
  /** First time that a peer is shut out; doubles up to the second each time. */
  readonly barredMsMin: number
  readonly barredMsMax: number
}

export const DEFAULT_SETTINGS: NetSettings = {
  messageBytesMax: LIMITS.peerMessageBytesMax,
  windowBytesMax: LIMITS.peerWindowBytesMax,
  queueBytesMax: LIMITS.peerQueueBytesMax,
  queueMessagesMax: LIMITS.peerQueueMessagesMax,
  gossipBytesMax: LIMITS.gossipMessageBytesMax,
  addressDialTimeoutMs: 1500,
  dialTimeoutMs: 10_000,
  confirmTimeoutMs: 10_000,
  simultaneousMs: 5000,
  dialGraceMs: 1000,
  redialMsMin: 100,
  redialMsMax: 15_000,
  quickRedialMsMax: 100,
  demandMs: 10_000,
  // Far above the time that a neighbour's probes take to come round (20 neighbours, one probe per second).
  idleCloseMs: 120_000,
  wantedPeersMax: LIMITS.wantedPeersMax,
  spareLinksMax: LIMITS.spareLinksMax,
  addressCheckMs: 2000,
  stableMs: 5000,
  lookupAfterFailures: 3,
  lookupTimeoutMs: 5000,
  reopenMsMin: 50,
  reopenMsMax: 2000,
  reopenAttemptsMax: 6,
  gossipCheckMs: 2000,
  gossipRenewMs: 4000,
  gossipHangUpMs: 12_000,
  violationsMax: 5,
  abuseWindowMs: 60_000,
  barredMsMin: 5000,
  barredMsMax: 300_000,
}
