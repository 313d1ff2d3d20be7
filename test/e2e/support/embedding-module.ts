import type { FunctionContext } from '../../../src/index.ts'

interface Input {
  readonly text: string
  readonly deaf?: boolean
}

export default async function shout({ text, deaf = false }: Input, { log, signal }: FunctionContext) {
  log(`process ${process.pid}`)
  if (deaf) await new Promise(() => setInterval(() => signal.aborted, 1000))
  return { text: text.toUpperCase(), pid: process.pid }
}
