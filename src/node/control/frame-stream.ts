/**
 * An answer that goes on: frames for as long as there is something to say. The end of the connection becomes an abort. A frame
 * counts as taken when the connection has room again, so what waits here for a slow reader is one frame and the connection's own
 * buffer.
 */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { CodedError } from '../../base/index.ts'
import { toJson } from './control-messages.ts'
import { encodeFrame, type FrameKind } from './run-frames.ts'

export class FrameStream {
  /** Aborts when the caller went away or the node stops. (Also after the end, when nobody listens any more.) */
  readonly signal: AbortSignal
  private readonly response: ServerResponse
  private readonly gone = new AbortController()

  /** Takes over `response` and answers at once, so that the caller knows that it was heard. */
  constructor(response: ServerResponse, stopping: AbortSignal) {
    this.response = response
    this.signal = AbortSignal.any([this.gone.signal, stopping])
    response.once('close', () => this.gone.abort())
    response.on('error', () => this.gone.abort())
    response.writeHead(200, { 'content-type': 'application/octet-stream' })
    response.flushHeaders()
  }

  /** Settles when there is room for the next frame. When the caller went away, frames are dropped. */
  async write(kind: FrameKind, payload: string | Uint8Array): Promise<void> {
    if (this.gone.signal.aborted || this.response.write(encodeFrame(kind, payload))) return
    try {
      await once(this.response, 'drain', { signal: this.gone.signal })
    } catch {
      // The caller went away while we waited: the signal says so to whom it concerns.
    }
  }

  end(): void {
    this.response.end()
  }

  fail(error: CodedError): void {
    this.response.end(encodeFrame('error', toJson(error.toShape())))
  }
}
