import type { OutputPiece } from '../task/index.ts'

/**
 * Output of one attempt on its way to the submitter, of which so much is under way without acknowledgement at a time
 * (`LIMITS.outputWindowBytesMax`). How it is kept until then is what attached and detached attempts differ in.
 */
export interface AttemptOutput {
  /** Bytes that the command has printed, those included that had to be dropped: a gap shows in the offsets. */
  readonly totalBytes: number
  /** Takes a piece in; resolves when the command may go on. @throws CodedError when it cannot be kept */
  take(stream: OutputPiece['stream'], chunk: Uint8Array): Promise<void>
  /** The submitter has so many bytes in all. */
  acknowledge(bytes: number): void
  /** The submitter is back: what it may have missed is sent again. Who waits with `whenSent` asks again. */
  repeat(): void
  /** Calls `done` once all that is kept was sent: at once, or as soon as it is. The last `done` counts. */
  whenSent(done: () => void): void
  /** The execution is being stopped: the command waits for nobody any more. */
  close(): void
  /** The submitter wants none of it: nothing is sent any more, and what waits for it to be sent need not. */
  giveUp(): void
}

/** Sends one piece. Without a connection nothing happens: it is repeated when there is one. */
export type SendOutput = (piece: OutputPiece) => void
