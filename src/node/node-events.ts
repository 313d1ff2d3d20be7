/** What happens to a node, for its owner: written to a ring on disk, read with `populi events`. */
import type { NodeId, UnixMs } from '../base/index.ts'
import type { EventKind, EventType, KindOf } from './event-types.ts'

export interface NodeEvent {
  /** Rises by one with each event of this node, over restarts. */
  readonly sequence: number
  /** When it happened here. */
  readonly atUnixMs: UnixMs
  readonly kind: EventKind
  /** What happened, `kind:verb`, e.g. `member:dead`: a key of `EVENT_TYPES`, or of a newer version's. */
  readonly type: string
  /** Whom it is about. */
  readonly node: NodeId | undefined
  /** A code: of the reason vocabulary, an error, or a cause that the kind's documentation lists. */
  readonly reason: string | undefined
  /** Plain facts: ids, counts, names. Never a secret. Texts are cut at `LIMITS.eventTextCharsMax`. */
  readonly detail: Readonly<Record<string, string | number | boolean>>
}

/** Without what the log adds. `node`, `reason`, `detail` may be left out. */
export type NewEvent = {
  [Type in EventType]: { readonly kind: KindOf<Type>; readonly type: Type }
}[EventType] & {
  readonly node?: NodeId | undefined
  readonly reason?: string | undefined
  /** What is `undefined` is left out. */
  readonly detail?: Readonly<Record<string, string | number | boolean | undefined>>
}

export interface EventSink {
  /** Does not throw and does not wait. */
  record(event: NewEvent): void
}
