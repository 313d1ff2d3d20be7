/** mutations: deliberate bugs, and the command that shows which checker finds each. */
import { MUTATIONS } from './catalogue.ts'
import type { Mutation } from './mutation.ts'
import { type Caught, runBatchInProcess, runMutations } from './run-mutations.ts'

/** `npm run sim -- --mutations [--json]`. Returns the exit code: 0 when every mutation was caught. */
export async function showMutations(isJson: boolean): Promise<number> {
  const width = Math.max(...MUTATIONS.map(({ name }) => name.length))
  const onResult = ({ name, why }: Mutation, caught: Caught | undefined, elapsedMs: number): void => {
    const by =
      caught === undefined ? 'NOT CAUGHT' : `${caught.checker}, ${caught.scenario} seed ${caught.seed}`
    const line = `${name.padEnd(width)}  ${by}  (${(elapsedMs / 1000).toFixed(0)} s)\n${' '.repeat(width)}  ${why}\n`
    if (isJson) process.stderr.write(line)
    else process.stdout.write(line)
  }
  const report = await runMutations({ mutations: MUTATIONS, runBatch: runBatchInProcess, onResult })
  const { mutations, uncaught } = report
  process.stdout.write(
    isJson
      ? `${JSON.stringify(report)}\n`
      : `${mutations.length - uncaught.length} of ${mutations.length} mutations were caught\n`,
  )
  return uncaught.length === 0 ? 0 : 1
}
