/**
 * What the commands of a simulation print: lines of 16 bytes, each with the command's mark and its own number. So whoever
 * finds a piece of output somewhere can say what it is, and a piece that is missing, doubled or out of place shows.
 */
import type { Printed } from '../work-facts.ts'
import { digestOf } from './facts.ts'

export const LINE_BYTES = 16
const MARK_CHARS = 8
const LINE = /^([0-9a-f]{8})(\d{7})\n$/
/** The longest sentence about a gap. */
const GAP_BYTES_MAX = 80

/** Of a command, by what it is run for. */
export const markOf = (execution: string): string => digestOf(Buffer.from(execution)).slice(0, MARK_CHARS)

export function printed(mark: string, firstLine: number, lines: number): Uint8Array {
  const text = Array.from({ length: lines }, (_, at) => `${mark}${String(firstLine + at).padStart(7, '0')}\n`)
  return Buffer.from(text.join(''))
}

/** As the submitter says that something is missing. */
const GAP = /^\n\[populi: (\d+) bytes of output are missing here\]\n/
export const GAP_MARK = 'gap'

/** What a piece of output consists of; what is no whole line of any command has the mark `?`. */
export function readPrinted(bytes: Uint8Array): readonly Printed[] {
  const pieces: Printed[] = []
  const text = Buffer.from(bytes).toString('latin1')
  for (let at = 0; at < text.length; ) {
    const gap = text[at] === '\n' ? GAP.exec(text.slice(at, at + GAP_BYTES_MAX)) : null
    const line = LINE.exec(text.slice(at, at + LINE_BYTES))
    at += gap?.[0].length ?? LINE_BYTES
    const mark = gap === null ? (line?.[1] ?? '?') : GAP_MARK
    const from = Number(line?.[2] ?? 0) * LINE_BYTES
    const to = gap === null ? from + LINE_BYTES : Number(gap[1])
    const last = pieces.at(-1)
    if (last !== undefined && last.mark === mark && last.to === from)
      pieces[pieces.length - 1] = { ...last, to }
    else pieces.push({ mark, from, to })
  }
  return pieces
}
