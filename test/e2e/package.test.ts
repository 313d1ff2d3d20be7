/** The package as it is published: what `npm run build` makes is imported by its name, and runs. */
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))
let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'populi-package-'))
  const build = ['-p', join(root, 'tsconfig.build.json'), '--outDir', join(folder, 'dist')]
  await run(join(root, 'node_modules/.bin/tsc'), build, { timeout: 300_000 })
  await cp(join(root, 'package.json'), join(folder, 'package.json'))
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  await mkdir(join(folder, 'program'))
}, 320_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

test('a program imports it by its name, and runs a function here and one in a host', async () => {
  await writeFile(join(folder, 'program/double.js'), 'export default ({ value }) => 2 * value')
  await writeFile(
    join(folder, 'program/main.js'),
    `import { createNode, initNode, silentLogger, TaskError } from 'populi-mesh'
    const dataDir = process.argv[2]
    await initNode({ dataDir, nodeId: 'alone' })
    const node = await createNode({
      dataDir,
      settings: { peerPort: 0, facadePort: 0 },
      functions: { double: new URL('./double.js', import.meta.url), half: ({ value }) => value / 2 },
      logger: silentLogger,
    })
    const value = async (call) => (await node.submit(call)).result
    const values = [
      await value({ function: 'double', input: { value: 21 } }),
      await value({ function: 'half', input: { value: 21 } }),
      await value({ command: ['true'] }),
      await value({ function: 'absent', input: null }).catch((error) => error instanceof TaskError && error.reason),
    ]
    await node.close()
    console.log(JSON.stringify(values))`,
  )
  const argv = [join(folder, 'program/main.js'), join(folder, 'data')]
  const { stdout } = await run(process.execPath, argv, { timeout: 120_000 })
  expect(JSON.parse(stdout)).toEqual([42, 10.5, { exitCode: 0 }, 'no_eligible_node'])
}, 150_000)

test('its types are those of the sources', async () => {
  await writeFile(
    join(folder, 'program/typed.ts'),
    `import { createNode, type EmbeddedNode, type FunctionContext, type MeshTask } from 'populi-mesh'
    const node: EmbeddedNode = await createNode({ dataDir: 'x', settings: { leaseTtlMs: 2000, preset: 'wan' } })
    node.handle('add', ({ a, b }: { a: number; b: number }, { signal }: FunctionContext) => (signal.aborted ? 0 : a + b))
    const sum: MeshTask<number> = await node.submit<number>({ function: 'add', input: { a: 1, b: 2 } })
    const value: number = await sum.result
    const { exitCode } = await (await node.submit({ command: ['true'] })).result
    // @ts-expect-error: a setting has a type
    await createNode({ dataDir: 'x', settings: { leaseTtlMs: '2000' } })
    export { exitCode, value }`,
  )
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--skipLibCheck']
  const { stdout } = await run(
    join(root, 'node_modules/.bin/tsc'),
    [...options, '--types', 'node', join(folder, 'program/typed.ts')],
    { cwd: folder, timeout: 120_000 },
  ).catch((failure: { stdout: string }) => failure)
  expect(stdout).toBe('')
}, 150_000)

test('the command line starts', async () => {
  const { stdout } = await run(process.execPath, [join(folder, 'dist/cli/main.js'), 'version', '--json'])
  expect(JSON.parse(stdout)).toMatchObject({ version: expect.any(String) })
}, 60_000)
