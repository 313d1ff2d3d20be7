/** What happens to a node, for its owner: written to a ring on disk, read with `populi events`. */
import type { NodeId, UnixMs } from '../base/index.ts'

export type EventKind = 'node' | 'member' | 'link' | 'authority' | 'lease' | 'task' | 'admin'

export interface NodeEvent {
  /** Rises by one with each event of this node, over restarts. */
  readonly sequence: number
  readonly atUnixMs: UnixMs
  readonly kind: EventKind
  /** What happened, `noun:verb` within its kind, e.g. `member:dead`. */
  readonly type: string
  /** Whom it is about. */
  readonly node: NodeId | undefined
  /** A code: of the reason vocabulary, an error, or a cause that the kind's documentation lists. */
  readonly reason: string | undefined
  /** Plain facts: ids, counts, names. Never a secret. */
  readonly detail: Readonly<Record<string, string | number | boolean>>
}

/** Without what the log adds. `node`, `reason`, `detail` may be left out. */
export type NewEvent = Pick<NodeEvent, 'kind' | 'type'> & Partial<Pick<NodeEvent, 'node' | 'reason' | 'detail'>>

export interface EventSink {
  /** Does not throw and does not wait. */
  record(event: NewEvent): void
}
