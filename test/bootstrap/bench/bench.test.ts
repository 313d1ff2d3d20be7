import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { z } from 'zod'

const MAIN = fileURLToPath(new URL('../../../bootstrap/bench/main.ts', import.meta.url))

/** A hung bench is reported then; a slow machine takes half a minute. */
const HUNG_MS = 180_000

const positive = z.number().positive()
const machine = z.looseObject({ cores: positive, fsyncP50Ms: positive })
const latency = z.looseObject({ samples: positive, startP50Ms: positive, p50Ms: positive, p99Ms: positive })
const figures = z.looseObject({ alone: latency, together: latency })

const leases = z.strictObject({
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
  machine,
})

const tasks = z.strictObject({
  bench: z.literal('tasks'),
  ours: z.strictObject({
    voters: z.literal(3),
    clients: z.literal(4),
    p50OverheadMs: z.number(),
    noopTasksPerSecond: positive,
    commands: figures,
    functions: figures,
  }),
  peer: z.strictObject({ name: z.literal('http'), commands: figures }),
  ratio: z.strictObject({ p50Ms: positive, tasksPerSecond: positive }),
  machine,
})

const cancel = z.strictObject({
  bench: z.literal('cancel'),
  ours: z.looseObject({
    voters: z.literal(3),
    samples: positive,
    p50Ms: positive,
    p95Ms: positive,
    maxMs: positive,
    stubborn: z.strictObject({
      samples: positive,
      graceMs: positive,
      goneAfterGraceMsMax: z.number(),
      acknowledgedAfterGraceMsMax: z.number(),
    }),
  }),
  peer: z.null(),
  ratio: z.null(),
  machine,
})

test.each([
  ['1 voter', leases, 'leases --voters 1 --clients 2 --rounds 1 --seconds 1'],
  ['3 voters', tasks, 'tasks --clients 4 --rounds 1 --seconds 1'],
  ['3 voters', cancel, 'cancel --rounds 1'],
])(
  '%s: a bench with --json ends with one line that holds the figures: %#',
  async (_, report, line) => {
    const argv = [...line.split(' '), '--json']
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
