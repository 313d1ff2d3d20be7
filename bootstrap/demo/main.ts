/**
 * `npm run demo`: the main job on one machine. `--json` makes the last line of stdout one JSON object; `--keep` leaves the
 * mesh running.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DemoNode } from './demo-node.ts'
import { formMesh, loseWorker, workRemotely } from './scenario.ts'

const { values: options } = parseArgs({
  options: { json: { type: 'boolean', default: false }, keep: { type: 'boolean', default: false } },
})

const startedAt = performance.now()
const elapsedMs = (): number => Math.round(performance.now() - startedAt)

/** With `--json` people's lines go to stderr, so that stdout is for the program that reads it. */
function say(line: string): void {
  const stream = options.json ? process.stderr : process.stdout
  stream.write(`${String(elapsedMs()).padStart(6)} ms  ${line}\n`)
}

async function show(node: DemoNode): Promise<void> {
  for (const command of ['status', 'nodes', 'leases']) {
    const stream = options.json ? process.stderr : process.stdout
    stream.write(`\n$ populi ${command}\n${await node.cli([command])}`)
  }
}

async function demo(nodes: readonly [DemoNode, DemoNode, DemoNode]): Promise<boolean> {
  const [desk, attic, nas] = nodes
  const leader = await formMesh(desk, [attic, nas], say)
  const tasks = await workRemotely(desk, [attic, nas], say)
  const { ok: fellBack, ...fallback } = await loseWorker(desk, attic, say)
  await show(desk)
  const ok = fellBack && tasks.every((task) => task.ok)
  const report = { ok, nodes: nodes.map(({ name }) => name), leader, tasks, fallback, elapsedMs: elapsedMs() }
  if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`)
  else say(ok ? 'done: everything held' : 'FAILED: see above')
  return ok
}

const folder = await mkdtemp(join(tmpdir(), 'populi-demo-'))
const nodes = [
  new DemoNode(folder, 'desk'),
  new DemoNode(folder, 'attic'),
  new DemoNode(folder, 'nas'),
] as const

async function cleanUp(): Promise<void> {
  await Promise.all(nodes.map((node) => node.end('SIGTERM')))
  await rm(folder, { recursive: true, force: true })
}

process.once('SIGINT', () => void cleanUp().then(() => process.exit(130)))

try {
  process.exitCode = (await demo(nodes)) ? 0 : 1
  if (options.keep) {
    for (const node of nodes) node.release()
    say(`kept: npm run populi -- --data-dir ${nodes[0].dataDir} status`)
    say(
      `end it with: kill ${nodes
        .map(({ pid }) => pid)
        .filter(Boolean)
        .join(' ')}; rm -r ${folder}`,
    )
  } else await cleanUp()
} catch (failure) {
  process.stderr.write(`demo: ${failure instanceof Error ? failure.message : String(failure)}\n`)
  process.stderr.write(`the logs of the nodes are in ${folder}\n`)
  await Promise.all(nodes.map((node) => node.end('SIGTERM')))
  process.exitCode = 1
}
