import { type Clock, CodedError, LIMITS, type Logger, present } from '../../base/index.ts'
import type { Execution, OutputReader } from '../execution.ts'
import type { NodeGuard } from '../node-guard.ts'
import type { FunctionHandler, FunctionSpec } from './handler.ts'
import { HostPool } from './host-pool.ts'
import type { FunctionModule, HostRunner } from './host-process.ts'
import { InlineCall } from './inline-call.ts'

interface FunctionRegistryInit {
  /** The guardian's client. */
  readonly guardian: HostRunner & { readonly nodeGuard: Pick<NodeGuard, 'hold' | 'release'> }
  readonly clock: Clock
  readonly logger: Logger
}

type Registered = { readonly handler: FunctionHandler } | { readonly module: FunctionModule }

const NAME_FIELD = 'the name of a function'
const NAME = new RegExp(`^[A-Za-z0-9][A-Za-z0-9._-]{0,${LIMITS.functionNameCharsMax - 1}}$`)

/** The functions that a program registered at its node, and what runs them. */
export class FunctionRegistry {
  private readonly init: FunctionRegistryInit
  private readonly pool: HostPool
  private readonly functions = new Map<string, Registered>()

  constructor(init: FunctionRegistryInit) {
    this.init = init
    this.pool = new HostPool({ ...init, runner: init.guardian })
  }

  /** @throws CodedError `input.invalid`, `limit.exceeded` */
  register(name: string, handler: FunctionHandler | URL): void {
    checkFunctionName(name)
    if (this.functions.has(name))
      throw new CodedError('input.invalid', {
        field: NAME_FIELD,
        got: name,
        accepts: 'one that is not registered yet',
      })
    if (this.functions.size >= LIMITS.functionsMax)
      throw new CodedError('limit.exceeded', {
        what: 'the number of functions of this node',
        got: this.functions.size + 1,
        max: LIMITS.functionsMax,
      })
    this.functions.set(name, handler instanceof URL ? { module: { name, url: handler } } : { handler })
  }

  get names(): readonly string[] {
    return [...this.functions.keys()]
  }

  has(name: string): boolean {
    return this.functions.has(name)
  }

  /**
   * Calls one that is registered. What goes wrong in the handler is an execution that ends with an error.
   * @throws CodedError `limit.exceeded`
   */
  run(spec: FunctionSpec, reader: OutputReader): Execution {
    const registered = present(this.functions.get(spec.name), 'a registered function')
    if ('module' in registered) return this.pool.run(registered.module, spec, reader)
    const { clock, logger, guardian } = this.init
    return new InlineCall(spec, reader, {
      handler: registered.handler,
      guard: guardian.nodeGuard,
      clock,
      logger,
    })
  }
}

/** @throws CodedError `input.invalid` */
export function checkFunctionName(name: string): void {
  if (!NAME.test(name))
    throw new CodedError('input.invalid', {
      field: NAME_FIELD,
      got: name.slice(0, 2 * LIMITS.functionNameCharsMax),
      accepts: `1 to ${LIMITS.functionNameCharsMax} letters, digits, dots, hyphens and underscores`,
    })
}
