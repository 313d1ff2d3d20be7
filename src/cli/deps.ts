import type { ConfigFlags } from '../node/config/index.ts'
import type { NodeControlClient, StatusView } from '../node/control/index.ts'
import type { RebuildReport, StoreReport } from '../node/index.ts'

export type { RebuildReport, StoreReport } from '../node/index.ts'

/** What the commands need of the rest of the program. `main.ts` gives the real things, tests give others. */
export interface CliDeps {
  readonly version: string
  /** @throws CodedError `store.exists`, `input.invalid` */
  init(options: { dataDir: string; nodeId: string | undefined }): Promise<EnrolledNode>
  /** @throws CodedError `enrol.…`, `store.exists`, `input.invalid` */
  join(options: { dataDir: string; invite: string; nodeId: string | undefined }): Promise<EnrolledNode>
  /** @throws CodedError `store.absent`, `store.in_use`, `net.port_in_use`, `config.…` */
  start(options: { dataDir: string; flags: ConfigFlags }): Promise<CliNode>
  /** @throws CodedError `store.absent`, `store.in_use` */
  checkStore(dataDir: string): Promise<StoreReport>
  /** @throws CodedError `store.absent`, `store.in_use`, `store.write_failed` */
  rejoinStore(dataDir: string): Promise<RebuildReport>
  /** The node that runs on `dataDir`. Connects at each call, so it does not fail here. */
  connect(dataDir: string): NodeControlClient
}

export interface EnrolledNode {
  readonly nodeId: string
  readonly scopeId: string
  readonly peerId: string
  readonly dataDir: string
}

export interface CliNode {
  readonly ready: StatusView
  /** Settles when the node has stopped, by `stop` or by itself; rejects with the reason when it had to. */
  readonly stopped: Promise<void>
  stop(): Promise<void>
}
