/** mutations: deliberate bugs, and the command that shows which checker finds each. */
import type { Mutation } from './mutation.ts'
import { type Caught, runBatchInProcess, runMutations } from './run-mutations.ts'

/** `npm run sim -- --mutations [--only NAME,…] [--json]`. Returns the exit code: 0 when every one of them was caught. */
export async function showMutations(asked: readonly Mutation[], isJson: boolean): Promise<number> {
  const width = Math.max(...asked.map(({ name }) => name.length))
  const onResult = ({ name, why }: Mutation, caught: Caught | undefined, elapsedMs: number): void => {
    const by =
      caught === undefined ? 'NOT CAUGHT' : `${caught.checker}, ${caught.scenario} seed ${caught.seed}`
    const line = `${name.padEnd(width)}  ${by}  (${(elapsedMs / 1000).toFixed(0)} s)\n${' '.repeat(width)}  ${why}\n`
    if (isJson) process.stderr.write(line)
    else process.stdout.write(line)
  }
  const report = await runMutations({ mutations: asked, runBatch: runBatchInProcess, onResult })
  const { mutations, uncaught } = report
  process.stdout.write(
    isJson
      ? `${JSON.stringify(report)}\n`
      : `${mutations.length - uncaught.length} of ${mutations.length} mutations were caught\n`,
  )
  return uncaught.length === 0 ? 0 : 1
}
