import { expect, test } from 'vitest'
import { median, percentile, rounded, slope } from '../../../bootstrap/bench/stats.ts'

test('a percentile is a value that was measured', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
  expect([0.5, 0.99, 1].map((part) => percentile(hundred, part))).toEqual([50, 99, 100])
  expect(percentile([7], 0.99)).toBe(7)
})

test('a median is the middle one, or halfway between two', () => {
  expect(median([9, 1, 5])).toBe(5)
  expect(median([9, 1, 5, 6])).toBe(5.5)
  expect(median([4])).toBe(4)
})

test('a slope is that of the line which lies closest, whatever the order', () => {
  const line = [0, 1, 2, 3].map((x) => [x, 7 - 2 * x] as const)
  expect(slope(line)).toBeCloseTo(-2)
  expect(slope(line.toReversed())).toBeCloseTo(-2)
  expect(
    slope([
      [0, 5],
      [10, 5],
      [20, 5],
    ]),
  ).toBe(0)
  // Outliers on both sides of the same place leave it as it is.
  expect(
    slope([
      [0, 0],
      [5, 9],
      [5, 1],
      [10, 10],
    ]),
  ).toBeCloseTo(1)
})

test('no figure comes from nothing', () => {
  expect(() => percentile([], 0.5)).toThrow(/at least one value/)
})

test('figures are rounded, not cut', () => {
  expect([rounded(1.005), rounded(2.678, 1), rounded(2.4, 0)]).toEqual([1, 2.7, 2])
})
