/** Plots as SVG text: lines with points, one per profile. Small on purpose: a page with three plots needs no library. */

export interface Series {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface Plot {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  readonly isLogX: boolean
  readonly isLogY: boolean
  readonly series: readonly Series[]
  /** A line to stay below. */
  readonly limits?: readonly (readonly [x: number, y: number])[]
}

const WIDTH = 560
const HEIGHT = 320
const MARGIN = { left: 64, right: 16, top: 32, bottom: 44 } as const
const TICKS = 5

export function plotSvg(plot: Plot): string {
  const measured = plot.series.flatMap(({ points }) => points)
  if (measured.length === 0) return ''
  const drawn = [...measured, ...(plot.limits ?? [])]
  const x = scale(
    drawn.map(([value]) => value),
    plot.isLogX,
    [MARGIN.left, WIDTH - MARGIN.right],
  )
  const y = scale([plot.isLogY ? [] : [0], drawn.map(([, value]) => value)].flat(), plot.isLogY, [
    HEIGHT - MARGIN.bottom,
    MARGIN.top,
  ])
  return [
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(plot.title)}">`,
    `<text class="title" x="${MARGIN.left}" y="18">${escaped(plot.title)}</text>`,
    ...x.ticks.map((value) => xTick(x.at(value), value)),
    ...y.ticks.map((value) => yTick(y.at(value), value)),
    `<text x="${(MARGIN.left + WIDTH - MARGIN.right) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${escaped(plot.xLabel)}</text>`,
    `<text x="14" y="${HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 14 ${HEIGHT / 2})">${escaped(plot.yLabel)}</text>`,
    ...(plot.limits === undefined
      ? []
      : [`<polyline class="limit" points="${path(plot.limits, x.at, y.at)}"/>`]),
    ...plot.series.map((series, index) => seriesSvg(series, index, x.at, y.at)),
    '</svg>',
  ].join('\n')
}

interface Scale {
  readonly at: (value: number) => number
  readonly ticks: readonly number[]
}

/** A logarithm of 0 is drawn a decade below the smallest value that has one. */
function scale(values: readonly number[], isLog: boolean, [from, to]: readonly [number, number]): Scale {
  const floor = Math.min(...values.filter((value) => value > 0)) / 10
  const warp = (value: number): number =>
    isLog ? Math.log10(Math.max(value, Number.isFinite(floor) ? floor : 1)) : value
  const warped = values.map(warp)
  const min = isLog ? Math.floor(Math.min(...warped)) : Math.min(...warped)
  const max = isLog ? Math.ceil(Math.max(...warped)) : Math.max(...warped)
  const span = max - min || 1
  const ticks = isLog
    ? Array.from({ length: span + 1 }, (_, at) => 10 ** (min + at))
    : Array.from({ length: TICKS + 1 }, (_, at) => min + (span * at) / TICKS)
  return { at: (value) => from + ((warp(value) - min) / span) * (to - from), ticks }
}

const xTick = (x: number, value: number): string =>
  `<line class="grid" x1="${round(x)}" x2="${round(x)}" y1="${MARGIN.top}" y2="${HEIGHT - MARGIN.bottom}"/><text x="${round(x)}" y="${HEIGHT - MARGIN.bottom + 16}" text-anchor="middle">${label(value)}</text>`

const yTick = (y: number, value: number): string =>
  `<line class="grid" x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${round(y)}" y2="${round(y)}"/><text x="${MARGIN.left - 6}" y="${round(y + 4)}" text-anchor="end">${label(value)}</text>`

function seriesSvg(
  { name, points }: Series,
  index: number,
  x: (value: number) => number,
  y: (value: number) => number,
): string {
  const dots = points.map(
    ([atX, atY]) =>
      `<circle cx="${round(x(atX))}" cy="${round(y(atY))}" r="3.5"><title>${escaped(name)}: ${label(atY)}</title></circle>`,
  )
  const legend = `<text x="${WIDTH - MARGIN.right - 4}" y="${MARGIN.top + 14 + 15 * index}" text-anchor="end">${escaped(name)}</text>`
  return `<g class="series-${index}"><polyline points="${path(points, x, y)}"/>${dots.join('')}${legend}</g>`
}

const path = (
  points: readonly (readonly [number, number])[],
  x: (value: number) => number,
  y: (value: number) => number,
): string => points.map(([atX, atY]) => `${round(x(atX))},${round(y(atY))}`).join(' ')

const round = (value: number): string => value.toFixed(1)

const label = (value: number): string =>
  value !== 0 && (Math.abs(value) >= 10_000 || Math.abs(value) < 0.01)
    ? value.toExponential(0)
    : String(Number(value.toPrecision(3)))

export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
