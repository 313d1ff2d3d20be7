/**
 * base: what every room may use and that uses no room. Branded ids, the two clocks, seeded randomness,
 * invariants, the error registry, the codec, named limits.
 */
export { assert, InvariantError, present, unreachable } from './assert.ts'
export { type Clock, type ClockSource, SystemClock } from './clock.ts'
export { decode, encode } from './codec.ts'
export {
  CodedError,
  type ErrorCode,
  type ErrorDetails,
  type ErrorShape,
  errorEntries,
  isErrorCode,
  toCodedError,
} from './errors.ts'
export * from './ids.ts'
export { KiB, LIMITS, MiB } from './limits.ts'
export { Random } from './random.ts'
