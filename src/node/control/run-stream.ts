/**
 * One `run` on the side of the node: its events become frames of the answer, the end of the connection becomes the
 * abort of the task. Back-pressure: an event counts as taken when the connection has room again, so what
 * waits here for a slow reader is one event and the connection's own buffer.
 */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { type CodedError, LIMITS, unreachable } from '../../base/index.ts'
import { toJson } from './control-messages.ts'
import type { RunEvent } from './node-control.ts'
import { encodeFrame } from './run-frames.ts'

export class RunStream {
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

  /** Settles when there is room for the next event. When the caller went away, events are dropped. */
  async report(event: RunEvent): Promise<void> {
    switch (event.type) {
      case 'state':
      case 'result':
        return this.write(encodeFrame('event', toJson(event)))
      case 'output':
        for (let start = 0; start < event.chunk.length; start += LIMITS.controlOutputChunkBytesMax) {
          const part = event.chunk.subarray(start, start + LIMITS.controlOutputChunkBytesMax)
          await this.write(encodeFrame(event.stream, part))
        }
        return
      default:
        return unreachable(event)
    }
  }

  end(): void {
    this.response.end()
  }

  fail(error: CodedError): void {
    this.response.end(encodeFrame('error', toJson(error.toShape())))
  }

  private async write(frame: Uint8Array): Promise<void> {
    if (this.gone.signal.aborted || this.response.write(frame)) return
    try {
      await once(this.response, 'drain', { signal: this.gone.signal })
    } catch {
      // The caller went away while we waited: the signal says so to whom it concerns.
    }
  }
}
