/**
 * SWIM's incarnation number: raised by a member alone, to refute what others say of it, and higher in each new life than in
 * all before. Only lives are counted on disk; each has room for a million refutations.
 */
import { type Incarnation, incarnation } from '../base/index.ts'

const REFUTATIONS_PER_LIFE = 2 ** 20

/** @param life 1 or more, kept on disk. Seconds since 1970 fit as well. */
export const firstIncarnation = (life: number): Incarnation => incarnation(life * REFUTATIONS_PER_LIFE)

/** 0 for what nobody has heard of. */
export const lifeOf = (value: Incarnation): number => Math.floor(value / REFUTATIONS_PER_LIFE)
