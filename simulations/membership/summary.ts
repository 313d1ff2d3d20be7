/** The figures as a table for people. */
import type { Percentiles } from './figures.ts'
import type { CaseFigures, Verdict } from './targets.ts'

type Column = readonly [head: string, cell: (one: CaseFigures) => string]

const COLUMNS: readonly Column[] = [
  ['case', ({ name }) => name],
  ['profile', ({ profile }) => profile],
  ['N', ({ nodes }) => String(nodes)],
  ['hours', ({ memberHours }) => memberHours.toFixed(memberHours < 10 ? 1 : 0)],
  ['suspected s', ({ firstSuspicionMs }) => seconds(firstSuspicionMs)],
  ['dead s', ({ firstDeadMs }) => seconds(firstDeadMs)],
  ['everywhere s', ({ everywhereMs }) => seconds(everywhereMs)],
  ['missed', ({ missed }) => missed?.toString() ?? ''],
  ['false susp./h', (one) => rate(one.falseSuspicionsPerMemberHour)],
  ['false deaths', ({ falseDeaths }) => String(falseDeaths)],
  ['believed', ({ falseDeathViews }) => String(falseDeathViews)],
  ['B/s', (one) => one.payloadBytesPerNodeSecond.toFixed(0)],
  ['max B/s', (one) => one.payloadBytesPerSecondMax.toFixed(0)],
  ['wire B/s', (one) => one.wireBytesPerNodeSecond.toFixed(0)],
  ['msg/s', (one) => one.messagesPerNodeSecond.toFixed(1)],
  ['degree', ({ degreeMax }) => String(degreeMax)],
  ['agreed s', ({ convergedMs }) => seconds(convergedMs)],
  ['never', ({ unconverged }) => unconverged?.toString() ?? ''],
]

export function tableText(all: readonly CaseFigures[]): string {
  const rows = [COLUMNS.map(([head]) => head), ...all.map((one) => COLUMNS.map(([, cell]) => cell(one)))]
  const widths = COLUMNS.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, at) => (at < 2 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

export const verdictText = ({ what, got, limit, isMet }: Verdict): string =>
  `  ${isMet ? 'met   ' : 'MISSED'}  ${what}: ${short(got)}, at most ${short(limit)}`

const seconds = (of: Percentiles | undefined): string =>
  of === undefined || of.samples === 0 ? '' : `${(of.p50 / 1000).toFixed(2)}/${(of.p99 / 1000).toFixed(2)}`

const rate = (value: number): string => (value === 0 ? '0' : value.toPrecision(2))

const short = (value: number): string => (Number.isInteger(value) ? String(value) : value.toPrecision(3))
