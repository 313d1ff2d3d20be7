import type { FunctionContext } from '../../../src/index.ts'

interface Input {
  readonly text: string
  readonly deaf?: boolean
}

export default async function shout({ text, deaf = false }: Input, { log }: FunctionContext) {
  log(`process ${process.pid}`)
  if (deaf) await new Promise(() => undefined)
  return { text: text.toUpperCase(), pid: process.pid }
}
