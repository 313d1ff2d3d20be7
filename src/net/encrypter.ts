/**
 * Noise whose messages leave in one piece. `@libp2p/noise` 17.0.3 hands the connection each message as a list of two parts, the
 * length and the ciphertext, and `@libp2p/tcp` writes each part by itself: two packets and two wake-ups of the peer for
 * each message. Joining them costs a copy of at most 64 KiB and saves three quarters of a leader's writes.
 */
import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'

const makeNoise = noise()

export function encrypter(...components: Parameters<typeof makeNoise>): ConnectionEncrypter {
  const inner = makeNoise(...components)
  const { secureInbound, secureOutbound } = inner
  inner.secureInbound = (connection, options) => secureInbound.call(inner, inOnePiece(connection), options)
  inner.secureOutbound = (connection, options) => secureOutbound.call(inner, inOnePiece(connection), options)
  return inner
}

function inOnePiece<Connection extends MessageStream>(connection: Connection): Connection {
  const send = connection.send.bind(connection)
  connection.send = (data) => send(data.subarray())
  return connection
}
