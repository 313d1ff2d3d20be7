/**
 * Every bound of the system, with its unit and its reason. What happens at a limit is said where the limit is
 * used; nothing is ever dropped silently. Rooms add their own block; names end in a unit and `Max`.
 */
const KiB = 1024
const MiB = 1024 * KiB

export const LIMITS = {
  /** The legacy contract's `maxLength` of `scope_key`. */
  scopeKeyBytesMax: 2048,
} as const

export { KiB, MiB }
