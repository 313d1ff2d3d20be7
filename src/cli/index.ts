/**
 * cli: the program `populi`. One file per command; `main.ts` is what the shell starts, and the only file here that
 * touches the process. The commands talk to the running node through its control socket; only `init`, `join`, `up` and `store` load
 * the node itself.
 */
export { main } from './cli.ts'
export type { CliDeps, CliNode, StoreReport } from './deps.ts'
export { type CliIo, type Sink, streamSink } from './io.ts'
