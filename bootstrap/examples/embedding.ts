/**
 * The node as a library, from nothing to a result: `node bootstrap/examples/embedding.ts`.
 *
 * Two programs on two machines are two nodes in one process here, each with a folder of its own; nothing else differs. What the
 * calls mean is told in docs/embedding.md.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createNode,
  type EmbeddedNode,
  initNode,
  joinNode,
  silentLogger,
  TaskError,
} from '../../src/index.ts'

const folder = await mkdtemp(join(tmpdir(), 'populi-embedding-'))
const settings = { peerPort: 0, facadePort: 0, remoteExecute: true, leaseGating: true } as const

async function attic(invite: string): Promise<EmbeddedNode> {
  const dataDir = join(folder, 'attic')
  await joinNode({ dataDir, invite, nodeId: 'attic' })
  const node = await createNode({ dataDir, settings, logger: silentLogger })
  node.handle('count-words', new URL('./count-words.ts', import.meta.url))
  // In this process: for what is quick and obeys its signal.
  node.handle('add', ({ a, b }: { a: number; b: number }) => a + b)
  node.handle('parse', (text: string) => JSON.parse(text))
  return node
}

async function desk(): Promise<EmbeddedNode> {
  const dataDir = join(folder, 'desk')
  await initNode({ dataDir, nodeId: 'desk' })
  return createNode({ dataDir, settings, logger: silentLogger })
}

const nodes: EmbeddedNode[] = []
try {
  const submitter = await desk()
  nodes.push(submitter)
  const { invite } = await submitter.invite(60_000)
  nodes.push(await attic(invite))

  // Right after its start a node knows nobody yet.
  for (const name of ['count-words', 'add', 'parse']) await submitter.whenProvided(name, 30_000)

  const text = 'the mesh runs what the mesh is given'
  const count = await submitter.submit({
    function: 'count-words',
    input: { text },
    on: 'attic',
    onOutput: async (_stream, chunk) => void process.stdout.write(`attic says: ${Buffer.from(chunk)}`),
  })
  for await (const { state, node, reason } of count.states())
    console.log(`task ${count.id}: ${state}`, node ?? '', reason ?? '')
  console.log('words:', await count.result)

  const sum = await submitter.submit<number>({ function: 'add', input: { a: 2, b: 3 } })
  console.log('sum:', await sum.result)

  const parsed = await submitter.submit({ function: 'parse', input: 'no JSON at all' })
  await parsed.result.catch((error: unknown) => {
    if (error instanceof TaskError) console.log('parsed:', error.reason, error.message)
  })

  const command = await submitter.submit({ command: ['uname', '-s'], on: 'attic' })
  for await (const { chunk } of command.output()) process.stdout.write(chunk)
  console.log('command:', await command.result)
} finally {
  for (const node of nodes.toReversed()) await node.close()
  await rm(folder, { recursive: true, force: true })
}
