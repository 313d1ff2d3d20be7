/**
 * Unary gRPC calls over HTTP/2, plain text: all that the benches need of gRPC. Rejected: `@grpc/grpc-js`, 24 packages, which takes
 * twice the CPU per call (docs/benchmarks.md): CPU that a load generator takes is missing to the servers beside it, and
 * whoever doubts a figure against etcd should find etcd's client favoured.
 */
import { type ClientHttp2Session, connect, constants } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { BenchFailure } from './bench-failure.ts'

/** Compressed-flag (never set) and length before each message. */
const PREFIX_BYTES = 5

/** `NOT_FOUND` of gRPC. */
const NOT_FOUND = '5'

/** The server refused; `status` is gRPC's number. */
export class GrpcRefusal extends BenchFailure {
  readonly status: string

  constructor(path: string, status: string, message: string) {
    super(`${path}: ${status} ${message}`)
    this.status = status
  }

  get isNotFound(): boolean {
    return this.status === NOT_FOUND
  }
}

export class GrpcChannel {
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>
  private readonly session: ClientHttp2Session

  /** @param server `host:port` */
  constructor(server: string) {
    const [host = '', port = ''] = server.split(':')
    this.session = connect(`http://${server}`, {
      createConnection: () => connectTcp({ host, port: Number(port), noDelay: true }),
    })
    this.closed = new Promise((resolve) => {
      this.session.once('close', resolve)
    })
    // Told again by every call that was under way.
    this.session.on('error', () => undefined)
  }

  get usable(): boolean {
    return !this.session.closed && !this.session.destroyed
  }

  /** @throws GrpcRefusal when the server refuses; BenchFailure when the connection breaks or `timeoutMs` is over. */
  call(path: string, message: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const stream = this.session.request({
        [constants.HTTP2_HEADER_METHOD]: 'POST',
        [constants.HTTP2_HEADER_PATH]: path,
        [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
        [constants.HTTP2_HEADER_TE]: 'trailers',
      })
      const chunks: Buffer[] = []
      let outcome: 'ok' | BenchFailure = new BenchFailure(`${path}: the connection broke`)
      const timer = setTimeout(() => {
        reject(new BenchFailure(`${path}: no answer within ${timeoutMs} ms`))
        stream.close(constants.NGHTTP2_CANCEL)
      }, timeoutMs)
      const takeStatus = (headers: Readonly<Record<string, unknown>>): void => {
        const status = headers['grpc-status']
        if (status === undefined) return
        const text = String(headers['grpc-message'] ?? '')
        outcome = status === '0' ? 'ok' : new GrpcRefusal(path, String(status), text)
      }
      // A refusal without a body carries its status in the headers.
      stream.on('response', takeStatus)
      stream.on('trailers', takeStatus)
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('error', (cause) => reject(new BenchFailure(`${path}: ${cause.message}`)))
      stream.once('close', () => {
        clearTimeout(timer)
        if (outcome === 'ok') resolve(Buffer.concat(chunks).subarray(PREFIX_BYTES))
        else reject(outcome)
      })
      const frame = Buffer.alloc(PREFIX_BYTES + message.length)
      frame.writeUInt32BE(message.length, 1)
      frame.set(message, PREFIX_BYTES)
      stream.end(frame)
    })
  }

  close(): Promise<void> {
    this.session.destroy()
    return this.closed
  }
}
