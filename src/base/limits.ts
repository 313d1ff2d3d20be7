/**
 * Every bound of the system, with its unit and its reason. What happens at a limit is said where the limit is
 * used; nothing is ever dropped silently. Rooms add their own block; names end in a unit and `Max`.
 */
const KiB = 1024
const MiB = 1024 * KiB

export const LIMITS = {
  /** The legacy contract's `maxLength` of `scope_key`. */
  scopeKeyBytesMax: 2048,
  /** Peer ids have 52 characters, invite ids 26: room for both, none for abuse. */
  idBytesMax: 128,
  /** A multiaddr with a relay in it has about 200 bytes. */
  addressBytesMax: 512,
  /** Addresses kept per peer: interfaces of one machine, overlays included. */
  addressesMax: 16,

  // authority
  /** Clamp of the legacy contract (`VOX_MESH_A2A_LEASE_MS`). */
  leaseTtlMsMin: 1000,
  /** Clamp of the legacy contract: an hour. */
  leaseTtlMsMax: 3_600_000,
  /** Live leases in a scope: above the tasks that a personal mesh can have; about 3 MiB of state. Beyond: `lease.too_many`. */
  leasesMax: 10_000,
  /** Leases that one entry can expire: bounds the entry at about 8 KiB. The rest goes into the next entry. */
  expireBatchMax: 256,
  /** Requesters whose answers are remembered, one per life of a node. Beyond: the longest unused is forgotten. */
  sessionsMax: 1024,
  /** Unanswered requests of one session: what a client may have in flight, and so what a session must remember. */
  sessionInFlightMax: 256,
  /** Answers remembered for all sessions: 32 with everything in flight that they may have; about 20 MiB if each repeats a scope key at its limit, 1 MiB as a rule. Beyond: the longest unused session is forgotten. */
  answersRememberedMax: 8192,
  /** Why somebody took a lease back: a sentence. */
  revokeReasonBytesMax: 512,
  /** A credential's statement, which has about 250 bytes, or its signature. */
  credentialBytesMax: 1024,
  /** Key derived from an invite's secret: 32 bytes, with room for a longer one. */
  inviteKeyBytesMax: 64,
  /** The state at all its limits: 10,000 leases of 3 KiB, 8192 answers of 2.5 KiB, 1000 roster entries of 10 KiB. Beyond: `limit.exceeded` at the receiver. */
  snapshotBytesMax: 64 * MiB,
  /** Unexpired invites. Beyond: `limit.exceeded`. */
  invitesMax: 256,
  /** Machines of one person. Beyond: `limit.exceeded`. */
  rosterMax: 1000,

  // store
  /** LevelDB's memtable and its log file: replayed at open in well under a second, and held twice while one is flushed. */
  storeWriteBufferBytesMax: 4 * MiB,
  /** Cache of table blocks. Records are read at start only, so small. */
  storeBlockCacheBytesMax: 4 * MiB,
  /** Tables of 2 MiB each that LevelDB keeps open: 256 MiB of history without reopening a file. */
  storeOpenFilesMax: 128,
  /** Bytes of records that wait for the disk. Beyond: `limit.exceeded`, nothing is queued. */
  storeQueueBytesMax: 64 * MiB,
  /** Effects of applied entries that wait for the next synced batch. Beyond: they get a batch of their own. */
  storeDeferredBytesMax: MiB,
  /** From an acknowledgement to the write of the high-water mark: what a killed process may forget of it. */
  storeMarkWritePauseMs: 10,
  /** Between two syncs of the high-water mark, which compete with those of the batches. */
  storeMarkSyncPauseMs: 100,

  /** Output of one task on disk: what a person may want to look back at. Beyond: its oldest segment goes, and readers are told. */
  outputLogBytesMax: 64 * MiB,
  /** Output of all tasks that one end keeps (submitter or worker): 32 logs at their bound, thousands of usual ones. Beyond: of the log that was written to longest ago, the oldest segment goes. */
  outputLogsBytesMax: 2048 * MiB,
  /** A segment file of an output log, which goes as a whole. A sixteenth of the log. */
  outputSegmentBytesMax: 4 * MiB,
  /** Output under one check: what a damaged byte costs at most is this and the rest of its segment. Longer output is split. */
  outputFrameBytesMax: 64 * KiB,
  /** Output in one write and sync: at 3 ms a sync, 300 MB/s. The rest goes into the next. */
  outputWriteBytesMax: MiB,
  /** Read from an output log at once; at least one frame. */
  outputReadBytesMax: 256 * KiB,
  /** Files of output logs that stay open: more commands than a machine runs at once. Beyond: the longest unused is closed. */
  outputOpenFilesMax: 64,

  /** Damages that `populi store check` lists for people; `--json` has them all. Two dozen lines say that much is wrong. */
  damageShownMax: 24,

  // telemetry
  /** Log lines that wait for a reader who does not read. Beyond: left out and counted in the next line that gets through. */
  logBufferBytesMax: MiB,

  // node control
  /** Path of a unix socket: the kernel takes 107 bytes on Linux and 103 on macOS. Longer: the socket lies elsewhere. */
  controlSocketPathBytesMax: 100,
  /** A task envelope (`envelopeBytesMax`) as JSON with its escapes. Beyond: `limit.exceeded`. */
  controlRequestBytesMax: MiB,
  /** An event of `run` that repeats the request. Longer output is split; a longer frame is `wire.malformed`. */
  controlFrameBytesMax: 2 * MiB,
  /** Output per frame: large enough that its 5 bytes of header and one write do not matter. */
  controlOutputChunkBytesMax: 64 * KiB,
  /** An answer that a caller reads: every lease and task at their limits. Beyond: `limit.exceeded` at the caller. */
  controlAnswerBytesMax: 64 * MiB,
  /** Calls that one node answers at once, running commands included. Beyond: `limit.exceeded`. */
  controlCallsMax: 256,
  /** Readers of `populi logs` at once: each holds one read of a log (`outputReadBytesMax`). Beyond: `limit.exceeded`. */
  logReadersMax: 64,
  /** Lines that `populi logs --tail` looks back for: 8 MB of offsets. Beyond: `input.invalid`. */
  tailLinesMax: 1_000_000,
  /** W3C Trace Context: 55 characters, and room for what a later version of it appends. Beyond: refused. */
  traceparentCharsMax: 256,
  /** A node that says nothing for so long hangs (or is suspended): asking it for a list takes milliseconds. */
  controlSilenceMsMax: 10_000,
  /** Timeout of a command, 24.8 days: a longer timer of the runtime (32 bits) would fire at once. */
  commandTimeoutMsMax: 2_147_483_647,
  /** Time that calls under way get when the node stops; then their connections are closed. */
  controlStopMsMax: 5_000,

  // events
  /** Events of the mesh, and as many of work, that a node keeps in memory (2 MB each) and on disk: months of a quiet mesh, an hour of a busy one. Beyond: the oldest go. */
  eventsKept: 10_000,
  /** Events in one write to the disk: 256 KiB of usual ones. The rest goes into the next. */
  eventBatchMax: 1000,
  /** A text in an event: a sentence, or a scope key as tasks have them. Longer: cut. */
  eventTextCharsMax: 512,

  // node configuration
  /** Clock rates of healthy machines differ by less than 0.1 %; a bound above a tenth would eat the lease's stop budget. */
  driftRatioMax: 0.1,

  // membership
  /** A node record with 16 addresses and every field of the contract has about 2 KiB. Beyond: `limit.exceeded` at its owner. */
  nodeRecordBytesMax: 6 * KiB,
  /** A node record and room for the rest of the message: gossip is for small announcements. Beyond: `limit.exceeded`. */
  gossipMessageBytesMax: 8 * KiB,
  /** Lists and objects within each other in the unknown fields of a node record; the contract's own need 3. Beyond: `wire.malformed`. */
  nodeRecordDepthMax: 8,
  // admin orders
  /** Orders that hold: one for each of three fields of each machine of the roster. Beyond: refused, and counted. */
  ordersMax: 3000,
  /** Statement of one order: ids and times have about 300 bytes, a reason at its limit 600. Beyond: `limit.exceeded` at the issuer, `wire.malformed` elsewhere. */
  orderBytesMax: KiB,
  /** Why an order was given: a sentence. Beyond: `input.invalid` at the issuer. */
  orderReasonCharsMax: 200,
  /** Orders in one gossip message: 6.7 KiB at their limit, below `gossipMessageBytesMax`. The rest goes into the next. */
  ordersPerGossipMax: 6,
  /** Orders in one message between two peers: 280 KiB at their limit. The rest goes into the next. */
  ordersPerMessageMax: 256,
  /** The year 2100: an order of a later time is refused, for nobody with a clock that is right could give a later one. */
  orderTimeUnixMsMax: 4_102_444_800_000,
  /** Orders that one millisecond of hybrid time tells apart. Beyond: the next millisecond is begun. */
  orderCounterMax: 2_147_483_647,
  /** An order from so far ahead of this node's clock is believed, with a warning: one of the two clocks is wrong. */
  orderClockAheadMs: 600_000,
  /** How far ahead the end of a maintenance or of a drain may lie: a year; what is meant for longer has no end. Beyond: `input.invalid`. */
  orderSpanMsMax: 366 * 24 * 3_600_000,

  /** Rows, ids or records in one message of anti-entropy: 400 records of 2 KiB fit into a message between peers. */
  syncRowsMax: 256,
  /** Members that one gossip message accuses: about 3 KiB. The rest goes into the next. */
  accusationsMax: 32,
  /** Fields that one change takes out of a node record: it has about 50. */
  recordFieldsMax: 128,
  /** Time that a member may be given to answer a probe for somebody else. */
  probeMsMax: 30_000,
  /** Probes for others under way: 32 neighbours that each doubt 32 of theirs. Beyond: answered with a nack at once. */
  relaysMax: 1024,
  /** Records in one message of anti-entropy, encoded: half of what a message between peers may have. The rest goes into the next. */
  syncRecordsBytesMax: 512 * KiB,

  // task
  /** A command with arguments and environment: the kernel's own limit is 2 MiB for both; larger things are data. */
  envelopeBytesMax: 256 * 1024,
  /** An error sentence that travels with a result. */
  errorTextBytesMax: 4096,

  // node
  /** Requests of this node in flight, to all peers: 64 clients times some calls, with room. Beyond: `net.queue_full`. */
  rpcPendingMax: 4096,
  /** Messages of one protocol that wait until a peer which this node is not always connected to is dialled. Beyond: `net.queue_full`. */
  demandQueueMessagesMax: 64,
  /** Requests of one peer being served at a time: above a session's in-flight limit. Beyond: `net.queue_full`. */
  rpcServingPerPeerMax: 512,
  /** Requests that one node forwards to the leader in one message: a session's in-flight limit. The rest goes into the next. */
  forwardBatchMax: 256,
  /** Bytes of such a message, one larger request excepted: far below `peerMessageBytesMax`, so that an admission fits besides. */
  forwardBatchBytesMax: 256 * KiB,
  /** Requests that a node without a leader holds until it knows one: as many as it may serve of two peers. Beyond: answered at once. */
  leaderWaitsMax: 1024,
  /** Proposals at the leader that wait for their commit. Beyond: `authority.overloaded`. */
  proposalsPendingMax: 8192,
  // net
  /** One message between two peers: a Raft append of 1 MiB of entries and its frame. Beyond: `net.frame_too_large` at the sender. */
  peerMessageBytesMax: MiB + 64 * KiB,
  /** Unhandled messages of one peer and protocol that a receiver holds, counted with overhead; three quarters of it must hold the largest message. Beyond: the sender has no credit. */
  peerWindowBytesMax: 2 * MiB,
  /** Unsent bytes for one peer and protocol: two full windows. Beyond: `send` says `full`. */
  peerQueueBytesMax: 4 * MiB,
  /** Unsent messages for one peer and protocol: bounds the overhead of small ones. Beyond: `send` says `full`. */
  peerQueueMessagesMax: 8192,
  /** Small messages that go out in one write: one Noise record. */
  peerWriteBytesMax: 64 * KiB,
  /** Credit that a receiver may give in all; room for a later version with larger windows. Beyond: the stream is reset. */
  peerCreditBytesMax: 64 * MiB,
  /** Streams of one protocol that one connection may negotiate at once; one is used, the second replaces it after a reset. Beyond: libp2p resets the newest. */
  peerStreamsMax: 2,
  /** Streams of all protocols on one connection: ours, gossip's, and those of Kad-DHT queries. Beyond: Yamux resets the newest. */
  connectionStreamsMax: 256,
  /** Window of one Yamux stream that its reader has freed and not yet told of: half of what a sender starts with (256 KiB). */
  windowUpdateHeldBytesMax: 128 * KiB,
  /** Connections of a node; libp2p closes the least valued beyond it. Above 32 neighbours and the next two together, so that it never has to. */
  connectionsMax: 300,
  /** Peers beyond its neighbours that a node wants a connection to: the 71 of the authority's group, and whom it sends something to. Beyond: not dialled, `send` says `disconnected`. */
  wantedPeersMax: 160,
  /** Connections that a node neither wants nor needs for its neighbours: others wanted them. Beyond: the longest unused is closed; who needs it dials again. */
  spareLinksMax: 64,
  /** Connections per second and address that are let in before Noise; a household behind one NAT, or many nodes on one machine, restart together. */
  inboundConnectionsPerSecondMax: 100,
  /** Connections under way through Noise. Beyond: refused, the dialler tries again. */
  pendingConnectionsMax: 64,
  /** One gossip frame, with as many messages as fit. Beyond: the stream is reset and the watchdog makes the connection anew. */
  gossipFrameBytesMax: 256 * KiB,
  /** Gossip that waits for a slow peer. Beyond: the stream is reset and the watchdog makes the connection anew. */
  gossipQueueBytesMax: MiB,
  /** Leases in one answer: about 400 KiB with scope keys of usual length; the total is told beside them. */
  leaseViewRowsMax: 2000,

  /** Part of a snapshot in one frame: small beside the windows, large beside its header. */
  snapshotChunkBytesMax: 256 * KiB,
  /** From the last chunk of a snapshot that was queued until its acknowledgement: a full queue at 1 Mbit/s takes as long. Then it is sent again. */
  snapshotAnswerMsMax: 30_000,
  /** Snapshots that a leader sends at once: bounds their memory. The next follower waits. */
  snapshotsSentAtOnceMax: 2,

  // raft
  /** Voters of one group. Each write waits for more than half of them; above 7 it only gets slower. */
  raftVotersMax: 7,
  /** Machines that follow without a vote. The leader sends each of them every entry; more than a household has. Beyond: the rest hears of leases when it asks. */
  raftLearnersMax: 64,
  /** Answers that wait for one disk write. A disk that hangs must not let them grow without end. */
  raftWaitingAnswersMax: 4096,
  /** Reads that wait for a heartbeat round: above the requests that a node serves. Beyond: refused with `too-many-reads`. */
  raftReadsPendingMax: 8192,
  /** Bytes of committed entries handed out at once: a restart with a long log must not stall the process. */
  raftReadyBytesMax: 4 * MiB,
  /** Times that a leader with nothing to do may stretch heartbeats and timeouts: a server that says more would make the others miss no leader for minutes. */
  raftIdlePaceMax: 16,

  // exec
  /** Commands that run under one guardian: far above what one machine can use. Beyond: `limit.exceeded`. */
  executionsMax: 256,
  /** Output of one execution that the guardian may have sent unacknowledged: fills a local pipe, and is what a stalled reader costs each of the two processes. At the limit the command's writes block. */
  execWindowBytesMax: 256 * KiB,
  /** Pairs of pipes made ahead, for commands that start in one burst; half of them gone, `mkfifo` makes more. Each holds four file descriptors. */
  execReadyPipePairsMax: 16,
  /** A frame between node and guardian. Linux takes 2 MiB of arguments and environment; the rest is for their encoding. Beyond: the command is refused. */
  execFrameBytesMax: 4 * MiB,
  /** Unsent bytes for the guardian: a guardian that reads nothing for that long is taken for lost. */
  execCommandQueueBytesMax: 16 * MiB,
  /** Rounds of KILL and look again, 50 ms apart but for the first: 5 s for a driver to let go of a dying process. Beyond: not quiet. */
  execQuietRoundsMax: 105,
  /** Looks at a silent, open pipe of which every known writer is dead, 50 ms apart: half a second. Then a stranger holds it, and it is closed. */
  execIdleLooksMax: 10,
  /** After a kill: what can be delivered of the output in that time is. The rest is dropped, for whoever killed it waits. */
  execDrainMsMax: 2000,
  /** Functions that one node offers: with their names at the limit 1.6 KiB of its record, which may have 6 KiB. Beyond: `limit.exceeded`. */
  functionsMax: 32,
  /** Name of a function: two or three words. Beyond: `input.invalid`. */
  functionNameCharsMax: 48,
  /** Function hosts of one node, of about 45 MiB each: more calls of modules at once wait for one. */
  functionHostsMax: 16,
  /** A function host without a call leaves after this: it costs memory, and to start one costs 100 ms. */
  functionHostIdleMs: 60_000,
  /** Lines that a function logged and nobody has taken yet. Beyond: left out and counted in the next line. */
  functionLogBytesMax: 256 * KiB,
  /** Processes of one execution that its end names, so that the GPUs' driver can be asked for them. Beyond: the first ones found. */
  execProcessesToldMax: 1024,
  /** Output of one attempt on its way without acknowledgement, and so kept for a repetition: a tenth of a second at LAN speed. */
  outputWindowBytesMax: 256 * KiB,
  /** Attempts at one worker that have not ended. Beyond: the offer is refused with `worker_full`. */
  workerTasksMax: 64,
  /** Unfinished tasks of one submitter. Beyond: `task.too_many`. */
  submitterTasksMax: 256,
  /** Attempts of one task, at home included: then it is the task that brings its nodes down. Beyond: it fails with the reason of the last one. */
  taskAttemptsMax: 10,
  /** Changes in the history of one task: ten attempts with all their states and waits. Beyond: the first and the newest are kept. */
  taskHistoryMax: 100,
  /** Ended tasks that `populi tasks` still knows; the oldest go first. */
  endedTasksKeptMax: 500,
  /** Results that a worker keeps until somebody comes for them: four submitters away with all the tasks that they may have. Beyond: the oldest is given up, and that is an event. */
  endedOffersKeptMax: 1000,
  /** For how long a worker keeps the lease of a detached task that has ended, so that nobody runs it again before its submitter has the result: a link that is down for longer between two nodes which both reach the authority is broken. One renewal per third of the TTL. */
  resultLeaseKeptMs: 3_600_000,
  /** For how long a worker knows that an attempt is finished, so that a late repetition of its offer starts nothing: longer than any queue holds one, and longer than the longest lease, which refuses it as well. */
  finishedOfferKeptMs: 24 * 3_600_000,
  /** Keys of finished attempts: 150 bytes each, in memory and on disk. Beyond: the oldest goes; its lease has ended long ago. */
  finishedOffersKeptMax: 10_000,

  // gpu
  /** GPUs of one machine that are looked at; the largest servers have 16. Beyond: the driver's first ones. */
  gpuDevicesMax: 16,
  /** Processes on one GPU; the driver itself serves 48 clients of MPS, or a few hundred without. Beyond: what the device tells is `failed`. */
  gpuProcessesMax: 1024,
  /** A name, a version, or why there is none. Longer: cut. */
  gpuTextCharsMax: 512,
  /** One look at the driver. Opening it takes seconds per device where nothing keeps the devices awake. Beyond: it is silent, and its probe is killed. */
  gpuAnswerMsMax: 10_000,
  /** From the end of an execution until the driver must have let go of it: as long as a dying process gets (`execQuietRoundsMax`); the lease may leave less. Beyond: not quiet, and the GPU is withheld. */
  gpuQuietMsMax: 5_000,

  // identity and enrolment
  /** URLs in an invite: LAN, overlay, a name; more would make the string too long to pass on. The first ones are taken, and shown. */
  inviteUrlsMax: 8,
  /** One URL of an invite: scheme, host and port. */
  inviteUrlCharsMax: 200,
  /** A whole invite: eight URLs at their limit are 2400 characters in base64. */
  inviteTextCharsMax: 4096,
  /** Shorter cannot be carried to another machine by hand. */
  inviteTtlMsMin: 1000,
  /** A week: an open invite is a door. */
  inviteTtlMsMax: 7 * 24 * 3_600_000,
  /** Ten years, the life of a machine: there is no renewal yet, and what ends a credential is that it is taken back. */
  credentialValidityMs: 10 * 365 * 24 * 3_600_000,
  /** Clocks of two machines may be apart by a day before a new credential looks like one of the future. */
  credentialClockSkewMs: 24 * 3_600_000,
  /** An enrolment with 16 addresses at their limit is below 10 KiB. Beyond: `limit.exceeded`. */
  enrolRequestBytesMax: 16 * KiB,
  /** The roster at its limit: 1000 machines with 16 addresses of 512 bytes each, in base64. Beyond: `limit.exceeded` at the joiner. */
  enrolAnswerBytesMax: 16 * MiB,
  /** One address of the invite: a commit of the authority, a lost leader included. Then the next address is tried. */
  enrolAttemptMsMax: 10_000,
  /** The roster at its limit, and the node's own part. Beyond: `store.corrupt`. */
  identityFileBytesMax: 16 * MiB,

  // facade
  /** Enrolments per minute and address: a person with a script, not a guesser. Beyond: `enrol.rate_limited`. */
  enrolPerMinuteMax: 30,
  /** Addresses whose enrolments are counted; beyond: the longest unused is forgotten. */
  enrolAddressesMax: 1024,
  /** Wrong proofs for one invite from one address within the window. Beyond: `enrol.rate_limited`, also for a right one. */
  enrolWrongProofsMax: 5,
  /** For how long they are counted: ten minutes, the patience of a person with a mistyped invite. */
  enrolWrongProofWindowMs: 10 * 60_000,
  /** Pairs of invite and address that are counted; beyond: the oldest is forgotten. */
  enrolWrongProofKeysMax: 1024,
  /** Connections of the façade: every node of a mesh twice, with room. Beyond: closed at once. */
  facadeConnectionsMax: 256,
  /** Until the headers are there; slower is somebody who holds a connection open on purpose. */
  facadeHeadersMsMax: 5_000,
  /** Until the body is there. */
  facadeRequestMsMax: 10_000,
  /** Until the answer is there: below `enrolAttemptMsMax`, so that the caller is told why. Beyond: `operation.timeout`. */
  facadeHandlerMsMax: 8_000,
  /** A connection on which nothing moves. */
  facadeIdleMsMax: 30_000,
  /** Requests under way get this long when the node stops; then their connections are closed. */
  facadeStopMsMax: 3_000,
} as const

export { KiB, MiB }
