/** What an event is, and what its three numbers are. Numbers, because an event is one row of a typed array. */

/** a: member, b: its life. Its core may have something due. */
export const TICK = 0
/** a: from, b: to, c: connection; ref: the message. */
export const MESSAGE = 1
/** a: relay, b: to, c: connection; ref: the broadcast. */
export const GOSSIP = 2
/** a: member, b: peer, c: connection. The other side, or the network, ended it. */
export const CLOSED = 3
/** a: member, b: peer, c: 0 opened, 1 closed here, 2 closed by the peer. Its core is told. */
export const TOLD = 4
/** a: member, b: peer, c: life. The pause before a dial is over. */
export const DIAL = 5
/** a: member, b: peer, c: life. A dial has come to its end. */
export const DIALLED = 6
/** a: member, b: peer, c: life. A dial that nobody answered has timed out. */
export const UNANSWERED = 7
/** a: member, b: peer, c: connection. Is it of use still? */
export const IDLE = 8
/** a: member, b: peer, c: connection. Its kernel has repeated into the void for long enough. */
export const GIVE_UP = 9
/** a: member. Its gossip looks at its mesh. */
export const MESH = 10
/** ref: what to do. For what a case stages. */
export const STAGED = 11
