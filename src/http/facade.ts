import type { FastifyInstance } from 'fastify'
import { assert, CodedError, LIMITS } from '../base/index.ts'
import { urlsOf } from './listen-urls.ts'
import { createServer, type ServerParts } from './server.ts'

export interface Facade {
  /**
   * Listens; port 0 takes any free one.
   * @throws CodedError `net.port_in_use`, `net.cannot_listen`
   */
  listen(where: { readonly host: string; readonly port: number }): Promise<void>
  /** Where it can be reached, the best first; empty unless it listens. */
  urls(): readonly string[]
  /** Takes no new request, lets those under way end for `LIMITS.facadeStopMsMax`, closes what is left. */
  close(): Promise<void>
}

/** The HTTP server of a node. Starts nothing before `listen`. */
export function createFacade(parts: ServerParts): Facade {
  return new FastifyFacade(parts)
}

class FastifyFacade implements Facade {
  private readonly parts: ServerParts
  private server: FastifyInstance | undefined
  private listening: readonly string[] = []

  constructor(parts: ServerParts) {
    this.parts = parts
  }

  async listen({ host, port }: { readonly host: string; readonly port: number }): Promise<void> {
    assert(this.server === undefined, 'the façade listens once')
    const server = await createServer(this.parts)
    try {
      await server.listen({ host, port })
    } catch (cause) {
      await server.close()
      throw listenError(cause, `${host}:${port}`)
    }
    this.server = server
    const bound = server.server.address()
    assert(bound !== null && typeof bound === 'object', 'a server that listens on TCP has a port')
    this.listening = urlsOf(host, bound.port)
  }

  urls(): readonly string[] {
    return this.listening
  }

  async close(): Promise<void> {
    const server = this.server
    if (server === undefined) return
    this.listening = []
    const force = setTimeout(() => server.server.closeAllConnections(), LIMITS.facadeStopMsMax)
    try {
      await server.close()
    } finally {
      clearTimeout(force)
    }
  }
}

function listenError(cause: unknown, address: string): CodedError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
  if (code === 'EADDRINUSE') {
    return new CodedError('net.port_in_use', { address, flag: '--facade-port' }, { cause })
  }
  const flag = '--facade-host or --facade-port'
  return new CodedError('net.cannot_listen', { address, reason: code, flag }, { cause })
}
