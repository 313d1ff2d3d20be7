import { describe, expect, it } from 'vitest'
import { addUp, figuresOf, type Outcome } from '../../../simulations/membership/figures.ts'
import { plotSvg } from '../../../simulations/membership/plots.ts'
import { reportPage } from '../../../simulations/membership/report.ts'
import { type CaseFigures, verdicts } from '../../../simulations/membership/targets.ts'

const outcome: Outcome = {
  nodes: 10,
  memberHours: 2,
  errors: { falseSuspicions: 4, falseDeaths: 2, falseDeathViews: 6 },
  traffic: {
    messages: 7200,
    payloadBytes: 720_000,
    gossipPayloadBytes: 72_000,
    wireBytes: 1_440_000,
    payloadBytesMax: 80_000,
  },
  degreeMax: 9,
  startDegreeMax: 9,
  firstSuspicionMs: [2, 1, 3],
  firstDeadMs: [5, 4],
  everywhereMs: [6],
  missed: 2,
  convergedMs: [],
  unconverged: 0,
  steps: 100,
  traces: ['a'],
  busiestBytesPerSecond: 120,
}

const figures = (name: string, profile: string, change: Partial<CaseFigures> = {}): CaseFigures => ({
  name,
  profile,
  nodes: 10,
  ...figuresOf(outcome),
  ...change,
})

describe('figures', () => {
  it('are rates per member-hour and per member and second, and percentiles by nearest rank', () => {
    expect(figuresOf(outcome)).toMatchObject({
      falseDeathsPerMemberHour: 1,
      payloadBytesPerNodeSecond: 100,
      messagesPerNodeSecond: 1,
      firstSuspicionMs: { samples: 3, p50: 2, p99: 3 },
      firstDeadMs: { samples: 2, p50: 4, p99: 5 },
      missed: 2,
    })
    expect(figuresOf(outcome)).not.toHaveProperty('convergedMs')
  })

  it('of several runs are those of their sums', () => {
    const other: Outcome = { ...outcome, memberHours: 6, degreeMax: 8, everywhereMs: [1, 9], traces: ['b'] }
    const both = addUp([outcome, other])
    expect(both).toMatchObject({ memberHours: 8, degreeMax: 9, everywhereMs: [6, 1, 9], traces: ['a', 'b'] })
    expect(both.errors).toEqual({ falseSuspicions: 8, falseDeaths: 4, falseDeathViews: 12 })
  })
})

describe('targets', () => {
  const missed = (all: readonly CaseFigures[]): string[] =>
    verdicts(all).flatMap(({ what, isMet }) => (isMet ? [] : [what]))

  it('are missed with a false death, too many bytes, slow detection, views that stay apart', () => {
    const late = { samples: 1, p50: 6001, p99: 6001 }
    expect(missed([figures('steady-5', 'ours', { payloadBytesPerNodeSecond: 1501 })])).toHaveLength(2)
    expect(missed([figures('crash-silent', 'ours', { everywhereMs: late, missed: 0 })])).toHaveLength(1)
    expect(missed([figures('crash-silent', 'ours')])).toEqual(['crash-silent, 10 members: never found out'])
    expect(
      missed([
        figures('partition', 'ours', { convergedMs: { samples: 1, p50: 1, p99: 30_001 }, unconverged: 1 }),
      ]),
    ).toHaveLength(2)
  })

  it('are missed with no measurement at all', () => {
    expect(missed([figures('partition', 'ours')])).toHaveLength(1)
  })

  it('do not ask anything of the others', () => {
    expect(verdicts([figures('steady-5', 'plain-swim')])).toEqual([])
  })

  it('are not decided by too few deaths of plain SWIM', () => {
    const plain = figures('slow-observers', 'plain-swim', { falseDeaths: 49 })
    expect(verdicts([figures('slow-observers', 'ours', { falseDeaths: 0 }), plain])).toEqual([])
  })

  it('of false deaths with slow observers are relative to plain SWIM, and none counts as one', () => {
    const against = (ours: number, plain: number): string[] =>
      missed([
        figures('slow-observers', 'ours', { falseDeaths: ours }),
        figures('slow-observers', 'plain-swim', { falseDeaths: plain, falseDeathsPerMemberHour: plain / 2 }),
      ])
    expect(against(0, 50)).toEqual([])
    expect(against(1, 49)).toHaveLength(1)
    expect(against(2, 100)).toEqual([])
    expect(against(3, 100)).toHaveLength(1)
  })
})

describe('the report', () => {
  it('shows plots of what was run, and its table', () => {
    const page = reportPage([
      figures('crash-silent', 'ours'),
      figures('steady-0', 'ours', { falseDeathsPerMemberHour: 0 }),
      figures('steady-5', 'plain-swim'),
    ])
    expect(page.match(/<svg/g)).toHaveLength(4)
    expect(page).not.toContain('NaN')
    expect(page).toContain('plain-swim')
    expect(page).toContain('MISSED')
  })

  it('has no plot of nothing', () => {
    expect(reportPage([figures('churn', 'ours')])).not.toContain('<svg')
  })

  it('draws points in their places, on a logarithmic scale too, and escapes names', () => {
    const svg = plotSvg({
      title: 'a < b',
      xLabel: 'x',
      yLabel: 'y',
      isLogX: true,
      isLogY: false,
      series: [
        {
          name: 's',
          points: [
            [10, 0],
            [1000, 10],
          ],
        },
      ],
    })
    expect(svg).toContain('a &lt; b')
    // The corners of the plot, and the same distance between 10, 100 and 1000.
    expect(svg).toContain('points="64.0,276.0 544.0,32.0"')
    expect(svg).toContain('x1="304.0" x2="304.0"')
  })
})
