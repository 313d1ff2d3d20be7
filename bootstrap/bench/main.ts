/** `npm run bench`: see `options.ts` for what can be asked, docs/benchmarks.md for what is measured and why so. */
import { rm } from 'node:fs/promises'
import type { Bench, Report } from './bench.ts'
import { reportFailover, reportHistory, reportLeases } from './lock-benches.ts'
import { benchFolder, describeMachine } from './machine.ts'
import { reportDetect, reportIdle } from './mesh-benches.ts'
import { type BenchName, type BenchOptions, readOptions } from './options.ts'
import { reportCancel, reportTasks } from './task-benches.ts'

const REPORTS: Record<BenchName, (bench: Bench) => Promise<Report>> = {
  leases: reportLeases,
  failover: reportFailover,
  history: reportHistory,
  idle: reportIdle,
  detect: reportDetect,
  tasks: reportTasks,
  cancel: reportCancel,
}

/** What the bench has started, to be ended in reverse order. */
const undo: (() => Promise<void>)[] = []

async function cleanUp(): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step()
}

/** With `--json` people's lines go to standard error, so that standard output is for the program that reads it. */
const sayer = (json: boolean) => (line: string) => {
  const stream = json ? process.stderr : process.stdout
  stream.write(`${line}\n`)
}

async function run(options: BenchOptions): Promise<void> {
  const say = sayer(options.json)
  const folder = await benchFolder(options.dir)
  undo.push(() => rm(folder, { recursive: true, force: true }))
  const machine = await describeMachine(folder)
  say(
    `${machine.cores} cores of ${machine.cpu}; a block is on disk after ${machine.fsyncP50Ms} ms (p99 ${machine.fsyncP99Ms} ms)`,
  )
  const started: Bench['started'] = async (group) => {
    undo.push(() => group.end())
    await group.start()
    return group
  }
  const report = await REPORTS[options.bench]({ options, folder, say, started })
  if (options.json) process.stdout.write(`${JSON.stringify({ bench: options.bench, ...report, machine })}\n`)
}

process.once('SIGINT', () => void cleanUp().then(() => process.exit(130)))

try {
  await run(readOptions(process.argv.slice(2)))
} catch (failure) {
  process.stderr.write(`bench: ${failure instanceof Error ? failure.message : String(failure)}\n`)
  process.exitCode = 1
} finally {
  await cleanUp()
}
