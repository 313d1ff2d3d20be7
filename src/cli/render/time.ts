const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

const UNITS = [
  ['d', DAY_MS],
  ['h', HOUR_MS],
  ['min', MINUTE_MS],
  ['s', SECOND_MS],
] as const

/** How long ago, for people: `now`, `3 s ago`, `5 min ago`, `30 h ago`, `2 d ago`. Clocks of two machines may differ: the future is `now`. */
export function ago(ms: number): string {
  if (ms < SECOND_MS) return 'now'
  // Hours stay hours for two days: "1 d ago" would say less than it seems to.
  const [unit, unitMs] = (ms < 2 * DAY_MS ? UNITS.slice(1) : UNITS).find(([, size]) => ms >= size) ?? UNITS[3]
  return `${Math.floor(ms / unitMs)} ${unit} ago`
}

/** A point in time, to the minute, in UTC: `2026-11-22 08:00 UTC`. */
export function moment(unixMs: number): string {
  return `${new Date(unixMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** A span in its two largest units: `400 ms`, `12 s`, `3 min 5 s`, `1 h 4 min`, `2 d 3 h`. */
export function duration(ms: number): string {
  if (ms < SECOND_MS) return `${Math.max(0, Math.floor(ms))} ms`
  const first = UNITS.findIndex(([, size]) => ms >= size)
  let rest = ms
  const parts: string[] = []
  for (const [unit, size] of UNITS.slice(first, first + 2)) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count} ${unit}`)
  }
  return parts.join(' ')
}

/** A short span with two figures that say something: `0.42 ms`, `7.1 ms`, `240 ms`. */
export function milliseconds(ms: number): string {
  if (ms < 1) return `${ms.toFixed(2)} ms`
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
}
