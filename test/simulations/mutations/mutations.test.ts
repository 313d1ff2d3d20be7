import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { MUTATIONS } from '../../../simulations/mutations/catalogue.ts'
import { type Mutation, mutate } from '../../../simulations/mutations/mutation.ts'
import { type RunBatch, runMutations } from '../../../simulations/mutations/run-mutations.ts'
import { SCENARIOS } from '../../../simulations/scenarios/index.ts'

const ROOT = join(import.meta.dirname, '../../..')
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

const mutation = (name: string, ...edits: Mutation['edits']): Mutation => ({
  name,
  why: 'for this test',
  edits,
  scenarios: ['first', 'second'],
})

describe('the catalogue', () => {
  test.each(MUTATIONS.map((one) => [one.name, one] as const))(
    '%s fits the source, and what comes of it can be parsed',
    (_, one) => {
      for (const file of new Set(one.edits.map((edit) => edit.file)))
        expect(() => stripTypeScriptTypes(mutate(one, file, read(file)))).not.toThrow()
    },
  )

  test('has the bugs of the issue and more, each with a name and a reason of its own, in production code or its guardian', () => {
    expect(MUTATIONS.length).toBeGreaterThanOrEqual(16)
    expect(new Set(MUTATIONS.map(({ name }) => name)).size).toBe(MUTATIONS.length)
    expect(new Set(MUTATIONS.map(({ why }) => why)).size).toBe(MUTATIONS.length)
    for (const { name, edits } of MUTATIONS) {
      expect(name).toMatch(/^[a-z]+(-[a-z]+)+$/)
      for (const { file } of edits) expect(file).toMatch(/^(src|simulations\/world)\//)
    }
  })

  test('uses no name that its file does not know: that would be caught for the wrong reason', () => {
    const words = (text: string): readonly string[] =>
      text.replace(/'[^'\n]*'/g, '').match(/(?<![.\w])[A-Za-z_]\w*/g) ?? []
    const unknown = MUTATIONS.flatMap(({ name, edits }) =>
      edits.flatMap(({ file, replace }) => {
        const known = new Set(words(read(file)))
        return words(replace).flatMap((word) => (known.has(word) ? [] : `${name}: ${word}`))
      }),
    )
    // Fields of what the file has, the language's own, and what the replacement itself names.
    const fine = /: (Math|undefined|void|messages|key)$/
    expect(unknown.filter((one) => !fine.test(one))).toEqual([])
  })

  test('names scenarios that exist', () => {
    const known = SCENARIOS.map(({ name }) => name)
    for (const { scenarios } of MUTATIONS) {
      expect(scenarios).not.toEqual([])
      for (const scenario of scenarios) expect(known).toContain(scenario)
    }
  })
})

describe('a mutation', () => {
  const edit = { file: 'src/a.ts', find: 'a < b', replace: 'a <= b' }

  test('changes its place and nothing else, whatever stands in the replacement', () => {
    expect(mutate(mutation('m', edit), 'src/a.ts', 'if (a < b) f()')).toBe('if (a <= b) f()')
    const odd = { ...edit, replace: "$& $' $$" }
    expect(mutate(mutation('m', odd), 'src/a.ts', 'if (a < b) f()')).toBe("if ($& $' $$) f()")
  })

  test('may have several places, also in one file, and only those of the file count', () => {
    const other = { file: 'src/a.ts', find: 'f()', replace: 'g()' }
    const elsewhere = { file: 'src/b.ts', find: 'x', replace: 'y' }
    expect(mutate(mutation('m', edit, other, elsewhere), 'src/a.ts', 'if (a < b) f()')).toBe(
      'if (a <= b) g()',
    )
  })

  test.each([
    ['is not there', 'if (a > b) f()', 'stands 0 times'],
    ['is there twice', 'a < b, a < b', 'stands 2 times'],
  ])('is stale when its text %s', (_, source, message) => {
    expect(() => mutate(mutation('m', edit), 'src/a.ts', source)).toThrow(
      `mutation m is stale: its text ${message} in src/a.ts, not once`,
    )
  })

  test('that changes nothing is none', () => {
    const idle = { ...edit, replace: edit.find }
    expect(() => mutate(mutation('m', idle), 'src/a.ts', 'a < b')).toThrow('changes nothing')
  })
})

describe('a process with a mutation', () => {
  const PRELOAD = join(ROOT, 'simulations/mutations/preload.ts')
  const run = (name: string | undefined, script: string): string =>
    execFileSync(process.execPath, ['--import', PRELOAD, '--input-type=module', '-e', script], {
      env: { ...process.env, ...(name === undefined ? {} : { POPULI_MUTATION: name }) },
      encoding: 'utf8',
      stdio: 'pipe',
    }).trim()
  const EXPIRY = `
    const { LeaseExpiry } = await import('${pathToFileURL(join(ROOT, 'src/authority/index.ts'))}')
    const expiry = new LeaseExpiry(0)
    expiry.begin([{ leaseId: 1, renewals: 0, ttlMs: 100 }], 0)
    console.log(expiry.due(100).length)`

  test('runs the mutated production code, and the true one without', () => {
    expect(run(undefined, EXPIRY)).toBe('1')
    expect(run('new-leader-starts-no-spans', EXPIRY)).toBe('0')
  })

  test('runs it in its worker threads, too', () => {
    const script = `
      import { Worker } from 'node:worker_threads'
      new Worker(new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(EXPIRY)})))
      ${EXPIRY}`
    expect(run('new-leader-starts-no-spans', script).split('\n')).toEqual(['0', '0'])
  })

  test('fails when it never loads what is mutated, or when there is no such mutation', () => {
    expect(() => run('new-leader-starts-no-spans', 'console.log(1)')).toThrow(/not loaded/)
    expect(() => run('no-such-mutation', 'console.log(1)')).toThrow(/mutation no-such-mutation/)
  })
})

describe('the hunt', () => {
  const hunt = async (...names: readonly string[]) => {
    const asked: string[] = []
    const told: string[] = []
    const runBatch: RunBatch = async ({ mutation, scenario, from, seeds }) => {
      asked.push(`${mutation?.name ?? 'none'} ${scenario} ${from}+${seeds}`)
      const failed = (seed: number) => ({ checker: 'single-owner', scenario, seed })
      if (mutation === undefined) return from === 6 ? [failed(6)] : []
      if (mutation.name === 'missed' || scenario === 'first') return []
      return mutation.name === 'unclear'
        ? [failed(6)]
        : [6, 7].map(failed).filter(({ seed }) => seed >= from + 1)
    }
    const report = await runMutations({
      mutations: names.map((name) => mutation(name)),
      runBatch,
      onResult: ({ name }, by) => told.push(`${name} ${by?.checker} ${by?.seed}`),
    })
    return { asked, told, report }
  }

  test('reports who is caught, by which checker, and who is not', async () => {
    const { told, report } = await hunt('caught', 'missed')
    expect(told).toEqual(['caught single-owner 7', 'missed undefined undefined'])
    expect(report).toEqual({
      mutations: [
        { name: 'caught', caughtBy: 'single-owner' },
        { name: 'missed', caughtBy: null },
      ],
      uncaught: ['missed'],
    })
  })

  test('tries few seeds of every scenario before many of any', async () => {
    const { asked } = await hunt('missed')
    expect(asked).toEqual([
      'missed first 1+4',
      'missed second 1+4',
      'missed first 5+12',
      'missed second 5+12',
      'missed first 17+48',
      'missed second 17+48',
      'missed first 65+192',
      'missed second 65+192',
    ])
  })

  test('takes no seed for evidence that fails without the mutation as well', async () => {
    const { asked, report } = await hunt('caught', 'unclear')
    expect(asked.slice(0, 4)).toEqual([
      'caught first 1+4',
      'caught second 1+4',
      'none second 6+1',
      'none second 7+1',
    ])
    expect(report.uncaught).toEqual(['unclear'])
  })
})
