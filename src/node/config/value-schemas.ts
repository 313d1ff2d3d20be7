/**
 * From text to a checked value, one schema per kind of setting. Input is what flags, environment and file have in
 * common: a text, or (from an array of the file) a list of texts.
 */
import { multiaddr } from '@multiformats/multiaddr'
import { z } from 'zod'
import { LIMITS } from '../../base/index.ts'

const text = z.string().trim()

/** `0`, `1`, `true` and `false` in any case mean what they say, under legacy names too. */
export const booleanText = text
  .toLowerCase()
  .pipe(z.enum(['0', '1', 'true', 'false']))
  .transform((word) => word === '1' || word === 'true')

export const integerText = (min: number, max: number) =>
  text.regex(/^\d+$/).transform(Number).pipe(z.int().min(min).max(max))

export const decimalText = (min: number, max: number) =>
  text
    .regex(/^\d+(\.\d+)?$/)
    .transform(Number)
    .pipe(z.number().min(min).max(max))

export const portText = integerText(0, 65_535)

/** Names are not accepted: what is listened on must not depend on a resolver. */
export const ipText = text.pipe(z.union([z.ipv4(), z.ipv6()]))

/** The loader's own business is whether it exists: the setting may be for a driver that comes later. */
export const pathText = text.min(1)

export const oneOfText = <const Words extends readonly [string, ...string[]]>(words: Words) =>
  text.pipe(z.enum(words))

const listOf = (item: z.ZodType<string, string>) =>
  z
    .union([z.array(text), text.transform((all) => all.split(/[\s,]+/).filter((part) => part !== ''))])
    .pipe(z.array(item).max(LIMITS.addressesMax))

export const multiaddrList = listOf(z.string().refine(isMultiaddr))

export const httpUrlList = listOf(z.url({ protocol: /^https?$/ }))

function isMultiaddr(candidate: string): boolean {
  try {
    return multiaddr(candidate).getComponents().length > 0
  } catch {
    return false
  }
}
