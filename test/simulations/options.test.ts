import { describe, expect, it } from 'vitest'
import { corpus, readRecordedRun } from '../../simulations/corpus.ts'
import { MUTATIONS } from '../../simulations/mutations/catalogue.ts'
import { parseOptions } from '../../simulations/runner/options.ts'

describe('npm run sim', () => {
  it('runs seeds of a scenario from a number on', () => {
    expect(parseOptions(['--scenario', 'disks', '--seeds', '20', '--from', '7', '--json'])).toEqual({
      mode: 'seeds',
      scenario: 'disks',
      from: 7,
      count: 20,
      isTwice: false,
      isJson: true,
    })
  })

  it('runs one seed, a run that was written down, or the mutations', () => {
    expect(parseOptions(['--seed', '9'])).toEqual({
      mode: 'one',
      scenario: 'authority',
      seed: 9,
      isJson: false,
    })
    expect(parseOptions(['--replay', 'x.json'])).toEqual({ mode: 'replay', file: 'x.json', isJson: false })
    expect(parseOptions(['--mutations', '--json'])).toEqual({
      mode: 'mutations',
      mutations: MUTATIONS,
      isJson: true,
    })
    const [first] = MUTATIONS
    expect(parseOptions(['--mutations', '--only', first?.name ?? ''])).toMatchObject({ mutations: [first] })
    expect(() => parseOptions(['--mutations', '--only', 'no-such-bug'])).toThrow(/no-such-bug/)
  })

  it('runs cases of the failure detector', () => {
    const asked =
      '--scenario membership --nodes 10,100 --case steady-5,churn --profile all --hours 0.5 --seeds 2'
    expect(parseOptions(asked.split(' '))).toEqual({
      mode: 'membership',
      isJson: false,
      plan: {
        nodes: [10, 100],
        cases: ['steady-5', 'churn'],
        profiles: ['ours', 'plain-swim', 'memberlist'],
        hours: 0.5,
        seeds: [1, 2],
        isTwice: false,
        reportFile: undefined,
      },
    })
  })

  it.each([
    [['--scenario', 'membership', '--nodes', '1'], /--nodes/],
    [['--scenario', 'membership', '--nodes', '1001'], /--nodes/],
    [['--scenario', 'membership', '--case', 'steady-5,nope'], /--case is "steady-5,nope"/],
    [['--scenario', 'membership', '--profile', 'serf'], /--profile is "serf"/],
    [['--scenario', 'membership', '--hours', '0'], /--hours/],
    [['--scenario', 'nope'], /--scenario is "nope"/],
    [['--seeds', 'many'], /--seeds is "many"/],
    [['--seeds', '0'], /--seeds is "0"/],
    [['--seed', '-1'], /arguments/],
    [['--from', '4294967296'], /--from/],
    [['--bogus'], /arguments is "--bogus"/],
  ])('says what is wrong with %j', (argv, message) => {
    expect(() => parseOptions(argv)).toThrow(message)
  })

  it('says that a file is no run', () => {
    expect(() => readRecordedRun('package.json')).toThrow(/the run is "package.json"/)
    expect(() => readRecordedRun('nowhere.json')).toThrow(/the run is "nowhere.json"/)
  })

  it('has a reason for every run of the corpus', () => {
    for (const { why } of corpus()) expect(why.length).toBeGreaterThan(20)
  })
})
