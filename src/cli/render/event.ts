/** An event on one line: when, what type, about whom, what happened and why, and the facts. */
import { EVENT_TYPES, type NodeEvent } from '../../node/control/index.ts'
import type { Colour, Paint } from './paint.ts'
import { printable } from './text.ts'

/** As wide as most types and names are; a longer one pushes its line to the right. */
const TYPE_WIDTH = 24
const NODE_WIDTH = 8

/** Only what somebody should look at stands out. */
const COLOURS: Readonly<Record<string, Colour>> = {
  'node:failed': 'red',
  'member:suspect': 'yellow',
  'member:dead': 'red',
  'member:alive': 'green',
  'authority:leader_lost': 'yellow',
  'lease:expired': 'yellow',
  'lease:revoked': 'yellow',
  'lease:forced': 'red',
  'task:fallback': 'yellow',
  'task:failed': 'red',
  'task:completed': 'green',
}

export function renderEvent(event: NodeEvent, paint: Paint): string {
  const { atUnixMs, type, node, reason, detail } = event
  const colour = COLOURS[type]
  const name = printable(type).padEnd(TYPE_WIDTH)
  const facts = Object.entries(detail).map(([key, value]) => `${key}=${value}`)
  const why = reason === undefined ? '' : ` (${reason})`
  return [
    paint('dim', new Date(atUnixMs).toISOString()),
    colour === undefined ? name : paint(colour, name),
    printable(node ?? '-').padEnd(NODE_WIDTH),
    printable(`${sentence(type)}${why}`),
    ...(facts.length === 0 ? [] : [paint('dim', printable(facts.join(' ')))]),
  ].join('  ')
}

/** A type of a newer version has no sentence here. */
function sentence(type: string): string {
  return Object.hasOwn(EVENT_TYPES, type) ? EVENT_TYPES[type as keyof typeof EVENT_TYPES] : ''
}
