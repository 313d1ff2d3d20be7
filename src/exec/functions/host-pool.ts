import { assert, type Clock, CodedError, LIMITS, type Logger, toCodedError } from '../../base/index.ts'
import type { Execution, OutputReader } from '../execution.ts'
import type { FunctionSpec } from './handler.ts'
import { type FunctionModule, HostProcess, type HostRunner } from './host-process.ts'
import { ModuleCall } from './module-call.ts'

interface HostPoolInit {
  readonly runner: HostRunner
  readonly clock: Clock
  readonly logger: Logger
}

interface Waiting {
  readonly module: FunctionModule
  readonly call: ModuleCall
}

/**
 * The function hosts of a node: as many as there are calls at once, at most `LIMITS.functionHostsMax`. Beyond that a call
 * waits, in the order of arrival; a host of another function that is idle makes room for it.
 */
export class HostPool {
  private readonly init: HostPoolInit
  private readonly hosts = new Set<HostProcess>()
  private waiting: Waiting[] = []

  constructor(init: HostPoolInit) {
    this.init = init
  }

  /** @throws CodedError `limit.exceeded`: too many calls wait already. */
  run(module: FunctionModule, spec: FunctionSpec, reader: OutputReader): Execution {
    if (this.waiting.length >= LIMITS.executionsMax)
      throw new CodedError('limit.exceeded', {
        what: 'the number of calls that wait for a function host',
        got: this.waiting.length + 1,
        max: LIMITS.executionsMax,
      })
    const call = new ModuleCall(spec, reader, this.init.logger)
    this.waiting.push({ module, call })
    this.serve()
    return call
  }

  /** Gives hosts to those who wait, as far as there are any. */
  private serve(): void {
    this.waiting = this.waiting.filter(({ module, call }) => !call.isOver && !this.place(module, call))
  }

  private place(module: FunctionModule, call: ModuleCall): boolean {
    const idle = [...this.hosts].filter((host) => host.isIdle)
    const own = idle.find((host) => host.module === module)
    if (own !== undefined) own.begin(call)
    else if (this.hosts.size < LIMITS.functionHostsMax) this.launch(module, call)
    else {
      idle[0]?.end('another function needs its place')
      return false
    }
    return true
  }

  private launch(module: FunctionModule, call: ModuleCall): void {
    const { runner, clock, logger } = this.init
    try {
      const onFree = (host: HostProcess): void => {
        this.serve()
        if (host.isIdle) host.rest()
      }
      const onEnded = (host: HostProcess): void => {
        assert(this.hosts.delete(host), 'a host ends once')
        this.serve()
      }
      this.hosts.add(new HostProcess({ runner, module, clock, logger, onFree, onEnded }, call))
    } catch (thrown) {
      const error = toCodedError(thrown).toShape()
      void call.hostEnded({
        exitCode: undefined,
        signal: undefined,
        cause: 'spawn-failed',
        quiet: true,
        error,
      })
    }
  }
}
