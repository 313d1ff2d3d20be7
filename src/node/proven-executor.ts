/**
 * The guardian's executions, with the devices' part of the proof of quiet: an execution has ended when its processes are gone, and
 * then the driver has let go of them, or its time for that is over. Around the guardian and not in the worker, so that whoever
 * waits for the end of an execution waits for all of it, and the lease is renewed until then.
 */
import { type BootMs, bootMs } from '../base/index.ts'
import type {
  Execution,
  ExecutionDeadline,
  ExecutionEnd,
  ExecutionSpec,
  Leftover,
  OutputReader,
  ProcessIdentity,
} from '../exec/index.ts'
import type { Executor } from './worker-context.ts'

/** See `DeviceWatch`. */
interface DeviceQuiet {
  prove(processes: readonly ProcessIdentity[], by: BootMs | undefined): Promise<boolean>
}

export class ProvenExecutor implements Executor {
  private readonly executor: Executor
  private readonly devices: DeviceQuiet
  private readonly proofMs: number

  /** @param proofMs between KILL and the end of the lease: what the lease's plan leaves for the proof. */
  constructor(executor: Executor, devices: DeviceQuiet, proofMs: number) {
    this.executor = executor
    this.devices = devices
    this.proofMs = proofMs
  }

  run(spec: ExecutionSpec, onOutput: OutputReader): Execution {
    const execution = this.executor.run(spec, onOutput)
    let { deadline } = spec
    return {
      executionId: execution.executionId,
      started: execution.started,
      ended: execution.ended.then((end) => this.proven(end, deadline)),
      extend: (next) => {
        deadline = next
        execution.extend(next)
      },
      end: (reason) => execution.end(reason),
    }
  }

  /** What an earlier life left running: quiet only when the devices are, too. */
  proveLeftovers(leftovers: readonly Leftover[]): Promise<readonly Leftover[]> {
    return Promise.all(
      leftovers.map(async (leftover) => {
        const isQuiet = await this.devices.prove(leftover.processes, undefined)
        return { ...leftover, quiet: leftover.quiet && isQuiet }
      }),
    )
  }

  private async proven(end: ExecutionEnd, { killAt }: ExecutionDeadline): Promise<ExecutionEnd> {
    const isQuiet = await this.devices.prove(end.processes ?? [], bootMs(killAt + this.proofMs))
    return isQuiet ? end : { ...end, quiet: false }
  }
}
