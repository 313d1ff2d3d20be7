/**
 * Yamux whose failures stay where they belong, and that does not answer every frame.
 *
 * *Failures.* `@libp2p/yamux` 8.0.3 announces a new stream in a microtask of its own (`onCreateStream`). When the socket's error
 * comes between the call and that microtask (Node delivers it in `nextTick`, so a peer that was killed while we
 * open a stream is enough), the write throws outside every promise and ends the process. So a write to a connection that
 * is closed or closing is dropped here: its `close` event, which comes in any case, ends the muxer and its streams.
 *
 * *Answers.* The same version sends a window update for every data frame that it has read, however small: half of all frames, each
 * with its encryption, its write and its wake-up of the peer. Here updates add up per stream until they are worth a
 * message. A sender starts with 256 KiB of window (yamux specification, "Flow control"), so one that runs dry has sent more than
 * is held back, and gets its update.
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
  const updates = new WindowUpdates()
  connection.send = (data) => {
    try {
      // What is larger stays the list of parts that it came as: Noise takes it so, and joining 64 KiB is a copy.
      if (data.byteLength !== HEADER_BYTES) return send(data)
      const frame = updates.hold(data.subarray())
      return frame === undefined || send(frame)
    } catch {
      return false
    }
  }
  return connection
}

/** A yamux header: version, type, flags (2), stream (4), length or window delta (4). */
const HEADER_BYTES = 12
const TYPE_WINDOW_UPDATE = 1
const TYPE_AT = 1
const FLAGS_AT = 2
const STREAM_AT = 4
const DELTA_AT = 8

/** Window updates of one connection that are not worth a message yet. */
export class WindowUpdates {
  private readonly held = new Map<number, number>()

  /** The frame to send now; `undefined` when it is held back. */
  hold(frame: Uint8Array): Uint8Array | undefined {
    if (frame.byteLength !== HEADER_BYTES) return frame
    const view = new DataView(frame.buffer, frame.byteOffset, HEADER_BYTES)
    // Updates with flags open or close a stream.
    if (view.getUint8(TYPE_AT) !== TYPE_WINDOW_UPDATE || view.getUint16(FLAGS_AT) !== 0) return frame
    const stream = view.getUint32(STREAM_AT)
    const delta = view.getUint32(DELTA_AT) + (this.held.get(stream) ?? 0)
    this.held.delete(stream)
    if (delta >= LIMITS.windowUpdateHeldBytesMax) return windowUpdate(stream, delta)
    this.held.set(stream, delta)
    return this.held.size > LIMITS.connectionStreamsMax ? this.oldest() : undefined
  }

  /** Most likely of a stream that has ended: then the other side has no use for it, and no harm of it. */
  private oldest(): Uint8Array | undefined {
    for (const [stream, delta] of this.held) {
      this.held.delete(stream)
      return windowUpdate(stream, delta)
    }
    return undefined
  }
}

function windowUpdate(stream: number, delta: number): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES)
  const view = new DataView(frame.buffer)
  view.setUint8(TYPE_AT, TYPE_WINDOW_UPDATE)
  view.setUint32(STREAM_AT, stream)
  view.setUint32(DELTA_AT, delta)
  return frame
}
