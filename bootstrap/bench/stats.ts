/** Figures of a handful of rounds, or of all latencies of one. */
import { present } from '../../src/base/index.ts'

/** Nearest rank, so always a value that was measured. @param part above 0, at most 1 */
export function percentile(values: Iterable<number>, part: number): number {
  const sorted = Float64Array.from(values).sort()
  return present(sorted[Math.ceil(sorted.length * part) - 1], 'at least one value')
}

/** The middle one, or halfway between the two in the middle. */
export function median(values: readonly number[]): number {
  const descending = values.map((value) => -value)
  return (percentile(values, 0.5) - percentile(descending, 0.5)) / 2
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

/** How steep the line is that lies closest to the points (least squares), in y per x. @param points at least two, not all above each other */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const x0 = mean(points.map(([x]) => x))
  const y0 = mean(points.map(([, y]) => y))
  const spread = mean(points.map(([x]) => (x - x0) ** 2))
  return mean(points.map(([x, y]) => (x - x0) * (y - y0))) / spread
}

export const rounded = (value: number, digits = 2): number => Number(value.toFixed(digits))
