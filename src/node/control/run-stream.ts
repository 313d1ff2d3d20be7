/** One `run` or `logs` on the side of the node: its events become frames of the answer. */
import { LIMITS, unreachable } from '../../base/index.ts'
import { toJson } from './control-messages.ts'
import type { FrameStream } from './frame-stream.ts'
import type { LogEvent, RunEvent } from './node-control.ts'

/** Settles when there is room for the next event. When the caller went away, events are dropped. */
export async function reportEvent(stream: FrameStream, event: RunEvent | LogEvent): Promise<void> {
  switch (event.type) {
    case 'state':
    case 'result':
    case 'missing':
      return stream.write('event', toJson(event))
    case 'output':
      for (let start = 0; start < event.chunk.length; start += LIMITS.controlOutputChunkBytesMax)
        await stream.write(
          event.stream,
          event.chunk.subarray(start, start + LIMITS.controlOutputChunkBytesMax),
        )
      return
    default:
      return unreachable(event)
  }
}
