import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { z } from 'zod'

const MAIN = fileURLToPath(new URL('../../../bootstrap/bench/main.ts', import.meta.url))

/** A hung bench is reported then; a slow machine takes half a minute. */
const HUNG_MS = 180_000

const positive = z.number().positive()
const report = z.strictObject({
  bench: z.literal('leases'),
  ours: z.looseObject({
    voters: z.literal(1),
    clients: z.literal(2),
    grantsPerSecond: positive,
    p50Ms: positive,
    p99Ms: positive,
  }),
  peer: z.null(),
  ratio: z.null(),
  machine: z.looseObject({ cores: positive, fsyncP50Ms: positive }),
})

test(
  '1 voter: bench leases --json ends with one line that holds the figures',
  async () => {
    const argv = ['leases', '--voters', '1', '--clients', '2', '--rounds', '1', '--seconds', '1', '--json']
    const child = spawn(process.execPath, [MAIN, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString()
    })
    const [code] = await once(child, 'close')
    expect(code, err).toBe(0)
    expect(report.safeParse(JSON.parse(out)).error, out).toBeUndefined()
  },
  HUNG_MS,
)
