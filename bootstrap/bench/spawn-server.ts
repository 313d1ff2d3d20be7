/**
 * The peer of `bench tasks`: what anybody would write in an afternoon. An HTTP server that starts the command it is sent, answers with
 * headers when it runs, with its output as it comes, and with its exit code at the end. No lease, no journal, no guardian, no
 * encryption: the floor that a task can be measured against.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { z } from 'zod'

const request = z.object({ argv: z.tuple([z.string()], z.string()) })

/** Trailer with the exit code. */
export const EXIT_CODE = 'x-exit-code'

export async function startSpawnServer(): Promise<{ readonly port: number; readonly close: () => void }> {
  const server = createServer((asked, answer) => void serve(asked, answer))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { port, close: () => server.close() }
}

async function serve(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
  let body = ''
  for await (const piece of asked) body += String(piece)
  const [program, ...args] = request.parse(JSON.parse(body)).argv
  const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  child.once('spawn', () => {
    answer.writeHead(200, { trailer: EXIT_CODE })
    answer.flushHeaders()
  })
  child.stdout.pipe(answer, { end: false })
  child.stderr.resume()
  child.once('close', (code) => {
    answer.addTrailers({ [EXIT_CODE]: String(code) })
    answer.end()
  })
}
