/** `npm run drill`: see `options.ts` for what can be asked, docs/drills.md for what it found. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DrillFailure } from './drill-failure.ts'
import { isInside, prepareWorld, runInside } from './isolation.ts'
import type { Verdict } from './judge.ts'
import { type DrillOptions, readOptions } from './options.ts'
import { writePage } from './report.ts'
import { runCells } from './run-cells.ts'

function sayer(json: boolean) {
  const stream = json ? process.stderr : process.stdout
  return (text: string): void => void stream.write(`${text}\n`)
}

async function drill(options: DrillOptions): Promise<boolean> {
  const say = sayer(options.json)
  const cells = options.steps.flatMap((step) =>
    options.faults.flatMap((fault) => Array.from({ length: options.repeat }, () => ({ step, fault }))),
  )
  await prepareWorld()
  const folder = await mkdtemp(join(tmpdir(), 'populi-drill-'))
  const startedAt = performance.now()
  const verdicts = await runCells({
    cells,
    folder,
    lanes: options.lanes,
    ttlMs: options.ttlMs,
    isIsolated: true,
    onVerdict: (verdict) => say(lineOf(verdict)),
  })
  const failed = verdicts.filter(({ ok }) => !ok)
  const seconds = Math.round((performance.now() - startedAt) / 1000)
  say(`${verdicts.length} cells in ${seconds} s, ${failed.length} failed`)
  if (failed.length > 0 || options.keep) say(`the logs of the nodes are in ${folder}`)
  else await rm(folder, { recursive: true, force: true })
  if (options.docs) writePage(verdicts)
  if (options.json) process.stdout.write(`${JSON.stringify({ cells: verdicts.map(cellOf) })}\n`)
  return failed.length === 0
}

function lineOf({ ok, step, fault, outcome, starts, turns, violations, tookMs }: Verdict): string {
  const again = turns === 1 ? '' : `, turn ${turns}`
  const head = `${ok ? 'ok  ' : 'FAIL'} ${step} × ${fault}: ${outcome}, ${starts} started, ${tookMs} ms${again}`
  return [head, ...violations.map((text) => `       ${text}`)].join('\n')
}

const cellOf = ({ step, fault, outcome, starts, finalResults, ok }: Verdict) => ({
  step,
  fault,
  outcome,
  starts,
  finalResults,
  ok,
})

try {
  const options = readOptions(process.argv.slice(2))
  if (isInside()) process.exitCode = (await drill(options)) ? 0 : 1
  else process.exitCode = await runInside()
} catch (failure) {
  if (!(failure instanceof DrillFailure)) throw failure
  process.stderr.write(`drill: ${failure.message}\n`)
  process.exitCode = 2
}
