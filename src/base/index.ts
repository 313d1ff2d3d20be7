/**
 * base: what every room may use and that uses no room. Branded ids, the two clocks, seeded randomness,
 * invariants, the error registry, the codec, named limits, the reason vocabulary.
 */
export { assert, InvariantError, present, unreachable } from './assert.ts'
export { type Clock, type ClockSource, SystemClock } from './clock.ts'
export { bytesSchema, conform, decode, decodeUnchecked, encode } from './codec.ts'
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
export { type LogFields, type Logger, silentLogger } from './logger.ts'
export { Random } from './random.ts'
export { REASONS, type Reason } from './reasons.ts'
