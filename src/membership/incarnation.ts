/**
 * SWIM's incarnation number: raised by a member alone, to refute what others say of it, and higher in each new life than in
 * all before. Only lives are counted on disk; each has room for a million refutations.
 */
import { type Incarnation, incarnation } from '../base/index.ts'

const REFUTATIONS_PER_LIFE = 2 ** 20
/** What is left of the exact integers. */
const LIVES_MAX = 2 ** 32

/** @param life 1 or more, kept on disk. Seconds since 1970 fit as well. */
export const firstIncarnation = (life: number): Incarnation => incarnation(life * REFUTATIONS_PER_LIFE)

/** 0 for what nobody has heard of. */
export const lifeOf = (value: Incarnation): number => Math.floor(value / REFUTATIONS_PER_LIFE)

/** Whether a node can have had it, and can still go beyond it: a message with another one was not made by this program. */
export const isPlausible = (value: Incarnation): boolean =>
  value >= REFUTATIONS_PER_LIFE && lifeOf(value) < LIVES_MAX - 1
