/**
 * Yamux whose failures stay where they belong.
 *
 * `@libp2p/yamux` 8.0.3 announces a new stream in a microtask of its own (`onCreateStream`). When the socket's error
 * comes between the call and that microtask (Node delivers it in `nextTick`, so a peer that was killed while we
 * open a stream is enough), the write throws outside every promise and ends the process. So a write to a connection that
 * is closed or closing is dropped here: its `close` event, which comes in any case, ends the muxer and its streams.
 */
import type { MessageStream, StreamMuxerFactory } from '@libp2p/interface'
import { yamux } from '@libp2p/yamux'
import { LIMITS } from '../base/index.ts'

/** Named, so that the declarations of a build need not reach into the package. */
type MakeFactory = ReturnType<typeof yamux>

const makeFactory: MakeFactory = yamux({
  maxInboundStreams: LIMITS.connectionStreamsMax,
  maxOutboundStreams: LIMITS.connectionStreamsMax,
})

export function muxer(...components: Parameters<MakeFactory>): StreamMuxerFactory {
  const factory = makeFactory(...components)
  const create = factory.createStreamMuxer.bind(factory)
  factory.createStreamMuxer = (connection) => create(withQuietSend(connection))
  return factory
}

function withQuietSend(connection: MessageStream): MessageStream {
  const send = connection.send.bind(connection)
  connection.send = (data) => {
    try {
      return send(data)
    } catch {
      return false
    }
  }
  return connection
}
