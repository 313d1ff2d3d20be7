import type { CliIo, Sink } from '../io.ts'

export type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

/** Puts text in a colour, or leaves it as it is. */
export type Paint = (colour: Colour, text: string) => string

/** SGR codes (ECMA-48): on and off. */
const CODES: Readonly<Record<Colour, readonly [on: number, off: number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
}

/** Colour only on a terminal that has it, and never where `NO_COLOR` is set (no-color.org). */
export function paintFor(io: CliIo, sink: Sink): Paint {
  const colourless = (io.env['NO_COLOR'] ?? '') !== '' || io.env['TERM'] === 'dumb'
  if (!sink.isTerminal || colourless) return (_, text) => text
  return (colour, text) => `\u001b[${CODES[colour][0]}m${text}\u001b[${CODES[colour][1]}m`
}
