/** What commands run under on a real machine: the guardian, and around it the devices' part of the proof of quiet. */
import { join } from 'node:path'
import { type Clock, type CodedError, type Logger, type NodeId, toCodedError } from '../base/index.ts'
import { FunctionRegistry, GuardianClient, readProcess } from '../exec/index.ts'
import { DriverClient } from '../gpu/index.ts'
import type { MetaStore } from '../store/index.ts'
import type { NodeConfig } from './config/index.ts'
import { DeviceWatch } from './device-watch.ts'
import { PROOF_MS } from './mesh-node.ts'
import type { EventSink } from './node-events.ts'
import type { Scheduler } from './ports.ts'
import { ProvenExecutor } from './proven-executor.ts'

export interface ExecutionParts {
  readonly guardian: GuardianClient
  readonly devices: DeviceWatch
  readonly executor: ProvenExecutor
  /** Those of the program that the node is embedded in. */
  readonly functions: FunctionRegistry
}

interface ExecutionPartsInit {
  readonly dataDir: string
  readonly config: NodeConfig
  readonly identity: { readonly nodeId: NodeId }
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly logger: Logger
  readonly stores: { readonly meta: MetaStore }
  readonly events: EventSink
  readonly fatal: (error: CodedError) => void
}

/** Starts nothing. */
export function createExecutionParts(init: ExecutionPartsInit): ExecutionParts {
  const { config, clock, scheduler, events, identity } = init
  const execLogger = init.logger.child({ room: 'exec' })
  const guardian = new GuardianClient({
    directory: join(init.dataDir, 'exec'),
    logger: execLogger,
    stopGraceMs: config.stopGraceMs,
  })
  const logger = init.logger.child({ room: 'gpu' })
  const devices = new DeviceWatch({
    driver: new DriverClient({ library: config.nvmlLibrary, logger }),
    clock,
    scheduler,
    logger,
    meta: init.stores.meta,
    events,
    self: identity.nodeId,
    livesAs: (pid) => readProcess(pid)?.startTicks,
    failed: (thrown) => init.fatal(toCodedError(thrown)),
  })
  return {
    guardian,
    devices,
    executor: new ProvenExecutor(guardian, devices, PROOF_MS),
    functions: new FunctionRegistry({ guardian, clock, logger: execLogger }),
  }
}
