/** What one node is composed of: everything of it that touches the world. */
import type { SavedState } from '../authority/index.ts'
import type { Clock, CodedError, Logger, Random } from '../base/index.ts'
import type { NodeRecord } from '../membership/index.ts'
import type { RaftOptions, SavedLog } from '../raft/index.ts'
import type { NodeStores } from '../store/index.ts'
import type { NodeConfig } from './config/index.ts'
import type { Identity, RecordSigner, SigningKey } from './identity/index.ts'
import type { EventSink } from './node-events.ts'
import type { OrderKeys } from './order-judge.ts'
import type { Scheduler, Transport } from './ports.ts'
import type { RosterBook } from './roster-book.ts'
import type { TaskIds } from './task-ids.ts'
import type { Executor, FunctionExecutor } from './worker-context.ts'

export interface MeshNodeInit {
  readonly identity: Identity
  readonly config: NodeConfig
  readonly stores: NodeStores
  readonly savedLog: SavedLog
  readonly savedState: SavedState
  readonly transport: Transport
  readonly executor: Executor
  /** Absent: a node without a program around it, which has none. */
  readonly functions?: FunctionExecutor
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly random: Random
  readonly taskIds: TaskIds
  /** Instead of the defaults. A simulation lets the log be cut after a few entries. */
  readonly raftOptions?: Partial<RaftOptions>
  readonly logger: Logger
  readonly events: EventSink
  /** Higher than in any life of this node before, and on disk. */
  readonly life: number
  /** Resolves when a later life is on disk. */
  readonly keepLife: (life: number) => Promise<void>
  readonly recordSigner: RecordSigner
  readonly book: RosterBook
  readonly ownRecord: (runningTasks: number) => NodeRecord
  /** Instead of the identity's key. A simulation has no keys. */
  readonly orderKeys?: OrderKeys
  readonly keepRootKey: (rootKey: SigningKey) => Promise<void>
  /** The node cannot go on: a store failed, or an invariant is broken. */
  readonly fatal: (error: CodedError) => void
}
