import { expect, test } from 'vitest'
import { cli, SOUND } from './support.ts'

test('store check: what is there, and that it is sound', async () => {
  expect(await cli(['store', 'check'])).toMatchObject({
    code: 0,
    out: `store      /data/db
size       4096 bytes
batches    12 written, 12 known to be acknowledged
log        7 entries up to 7, after 0 compacted
term       3
committed  6
applied    6
records    state 2, submitterJournal 0, workerJournal 1, meta 3
result     sound
`,
  })
})

test('store check: damage is named, all of it for programs, and the exit code says so', async () => {
  const damage = Array.from({ length: 30 }, (_, at) => `raft entry ${at + 1}`)
  const deps = { checkStore: async () => ({ ...SOUND, damage }) }
  const { code, out } = await cli(['store', 'check'], { deps })
  expect(code).toBe(6)
  expect(out).toContain('damage     raft entry 1\n')
  expect(out).toContain('damage     and 6 more\n')
  expect(out).toContain('result     damaged: `populi store rejoin` begins anew\n')
  const json = await cli(['store', 'check', '--json'], { deps })
  expect(JSON.parse(json.out)).toMatchObject({ damage })
  expect(json.code).toBe(6)
})

test('store rejoin: where the old store is, what was lost, and what comes next', async () => {
  const lost = ['damaged record in /data/db: worker journal record']
  const deps = { rejoinStore: async () => ({ movedTo: '/data/db.damaged', store: SOUND, lost }) }
  const { out, err } = await cli(['store', 'rejoin'], { deps })
  expect(out).toBe(
    'The store was made anew.\nThe old store lies in /data/db.damaged.\nLost: damaged record in /data/db: worker journal record\n',
  )
  expect(err).toContain('populi up')
})

test('store without a command, or with an unknown one, is wrong use', async () => {
  expect((await cli(['store'])).code).toBe(2)
  expect((await cli(['store', 'mend'])).code).toBe(2)
})
