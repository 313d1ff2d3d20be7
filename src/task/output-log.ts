/** Port: output of tasks on disk, bounded, both streams of one task in the order of their arrival. */

export interface OutputPiece {
  readonly stream: 'stdout' | 'stderr'
  /** Bytes of output before this piece. */
  readonly offset: number
  readonly chunk: Uint8Array
}

export interface OutputLog {
  /** The first byte that is still kept: older ones were trimmed, or had to go for newer ones (`LIMITS.outputLogBytesMax`). */
  readonly begin: number
  /** Bytes appended in all: the offset of the next one. */
  readonly end: number
  /** Durable when it resolves; appends of one turn share a sync. @throws CodedError `store.write_failed` */
  append(stream: OutputPiece['stream'], chunk: Uint8Array): Promise<void>
  /** Pieces from the one that holds `from` (cut to begin there) on, of about `bytesMax` together; none at the end. */
  read(from: number, bytesMax: number): Promise<readonly OutputPiece[]>
  /** What is before this offset is not needed any more. Frees what can be freed whole. */
  trim(before: number): Promise<void>
}

export interface OutputLogs {
  /** Opens the log of this key, or makes it; the same object while it is open. What a crash cut off at its end is gone. */
  open(key: string): Promise<OutputLog>
  /** Closes and removes it; without effect when there is none. */
  remove(key: string): Promise<void>
  /** Of all logs on disk. */
  keys(): Promise<readonly string[]>
}
