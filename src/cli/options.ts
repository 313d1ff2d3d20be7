/** Values of options, from text. Each throws CodedError `input.invalid` (exit code 2) with what it accepts. */
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { CodedError, KiB, LIMITS, MiB } from '../base/index.ts'
import { EVENT_KINDS, type EventKind } from '../node/control/index.ts'
import type { CliIo } from './io.ts'

const UNIT_BYTES = { B: 1, KiB, MiB } as const
const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `90s`, `15m`, `2h`: from 1 ms to `maxMs`. */
export function durationOption(flag: string, maxMs: number): (text: string) => number {
  return (text) => {
    const match = /^(\d{1,12})(ms|s|m|h|d)$/.exec(text)
    const unit = match?.[2] as keyof typeof UNIT_MS | undefined
    const ms = unit === undefined ? 0 : Number(match?.[1]) * UNIT_MS[unit]
    if (ms >= 1 && ms <= maxMs) return ms
    throw new CodedError('input.invalid', {
      field: flag,
      got: text,
      accepts: `a number and a unit (ms, s, m, h, d) such as 30s or 15m, at most ${Math.floor(maxMs / UNIT_MS.h)}h`,
    })
  }
}

/** `2026-11-22`, with `T08:00` or `T08:00:30` and `Z` or `+01:00`; without a zone it is local time. Milliseconds since 1970. */
export function timeOption(flag: string): (text: string) => number {
  return (text) => {
    const isIso = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?)?$/.test(text)
    // A date alone would be taken for midnight in Greenwich.
    const unixMs = isIso ? Date.parse(text.includes('T') ? text : `${text}T00:00`) : Number.NaN
    if (!Number.isNaN(unixMs)) return unixMs
    throw new CodedError('input.invalid', {
      field: flag,
      got: text,
      accepts: 'a time such as 2026-11-22T08:00 (local) or 2026-11-22T08:00Z',
    })
  }
}

/** A time as `timeOption` takes it, or a span from now on as `durationOption` does; in the future. */
export function deadlineOption(flag: string, maxMs: number): (text: string) => Deadline {
  const duration = durationOption(flag, maxMs)
  const time = timeOption(flag)
  return (text) => (/^\d+[a-z]+$/.test(text) ? { inMs: duration(text) } : { atUnixMs: time(text) })
}

export type Deadline = { readonly inMs: number } | { readonly atUnixMs: number }

/** `100`: so many lines; `64KiB`: so many bytes. */
export function tailOption(text: string): { lines: number } | { bytes: number } {
  const [, digits, unit] = /^(\d{1,9})(B|KiB|MiB)?$/.exec(text) ?? []
  const count = Number(digits)
  if (unit !== undefined) return { bytes: count * UNIT_BYTES[unit as keyof typeof UNIT_BYTES] }
  if (digits !== undefined && count <= LIMITS.tailLinesMax) return { lines: count }
  throw new CodedError('input.invalid', {
    field: '--tail',
    got: text,
    accepts: `a number of lines, at most ${LIMITS.tailLinesMax}, or of bytes with a unit (B, KiB, MiB) such as 64KiB`,
  })
}

/** One of `choices`. */
export function choiceOption<Choice extends string>(
  flag: string,
  choices: readonly Choice[],
): (text: string) => Choice {
  return (text) => {
    const chosen = choices.find((choice) => choice === text)
    if (chosen !== undefined) return chosen
    throw new CodedError('input.invalid', { field: flag, got: text, accepts: `one of ${choices.join(', ')}` })
  }
}

/** A whole number from 0 to `max`. */
export function numberOption(flag: string, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : max + 1
    if (value <= max) return value
    throw new CodedError('input.invalid', {
      field: flag,
      got: text,
      accepts: `a whole number from 0 to ${max}`,
    })
  }
}

/** Why an order is given. */
export function reasonOption(text: string): string {
  if (text.length >= 1 && text.length <= LIMITS.orderReasonCharsMax) return text
  throw new CodedError('input.invalid', {
    field: '--reason',
    got: text.slice(0, 20),
    accepts: `1 to ${LIMITS.orderReasonCharsMax} characters`,
  })
}

/** Collects `--kind member`, given any number of times. */
export function kindOption(text: string, before: readonly EventKind[] = []): readonly EventKind[] {
  if (Object.hasOwn(EVENT_KINDS, text)) return [...before, text as EventKind]
  const accepts = `one of ${Object.keys(EVENT_KINDS).join(', ')}`
  throw new CodedError('input.invalid', { field: '--kind', got: text, accepts })
}

/** Collects `--env K=V`, given any number of times. The last value of a name counts. */
export function envOption(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const at = text.indexOf('=')
  if (at > 0) return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
  // What was typed could be a value, and that a secret: it is not repeated.
  throw new CodedError('input.invalid', { field: '--env', got: '…', accepts: 'NAME=VALUE' })
}

/** Where this user's node keeps its data unless told otherwise (XDG base directories). */
export function dataDirectory(given: string | undefined, io: CliIo): string {
  const set = (value: string | undefined): string | undefined => (value === '' ? undefined : value)
  const chosen = set(given) ?? set(io.env['POPULI_DATA_DIR'])
  if (chosen !== undefined) return resolve(io.cwd, chosen)
  const share = set(io.env['XDG_DATA_HOME']) ?? join(set(io.env['HOME']) ?? homedir(), '.local', 'share')
  return join(share, 'populi')
}
