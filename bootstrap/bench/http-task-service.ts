/** The peer's client: one connection per piece of work under way, kept alive between them. */
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { BenchFailure } from './bench-failure.ts'
import { EXIT_CODE } from './spawn-server.ts'
import type { TaskService } from './task-service.ts'

export function openHttpTaskService(port: number): TaskService {
  const agent = new Agent({ keepAlive: true })
  return {
    run: async (work, onOutput) => {
      if (work.kind === 'function') throw new BenchFailure('the peer has no functions')
      const from = performance.now()
      const asking = request({ agent, host: '127.0.0.1', port, method: 'POST' })
      asking.end(JSON.stringify({ argv: work.argv }))
      const [answer] = (await once(asking, 'response')) as [IncomingMessage]
      const startedMs = performance.now() - from
      answer.on('data', (piece: Buffer) => onOutput?.(piece.length))
      await once(answer, 'end')
      if (answer.trailers[EXIT_CODE] !== '0')
        throw new BenchFailure(`http: it ended with ${answer.trailers[EXIT_CODE]}`)
      return { startedMs, endedMs: performance.now() - from }
    },
    close: async () => agent.destroy(),
  }
}
