import type { RunEvent } from '../node/control/index.ts'

/** Output is bytes, which JSON does not have. */
export function jsonOutput({ type, stream, chunk }: Extract<RunEvent, { type: 'output' }>): unknown {
  return { type, stream, base64: Buffer.from(chunk).toString('base64') }
}
