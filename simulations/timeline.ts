/**
 * A run for people: what happened when on which node, violations where they were noticed. As text for a terminal and
 * as one page of HTML that needs nothing else (`timeline-page.ts`).
 *
 *       time ms   ada bob cyd
 *       151.204    │   ┃   │   bob   LEADER, term 2
 *       233.000    ·   ┃   │   ada   CRASH
 *     ✗ 301.870    ·   ┃   ✗   cyd   VIOLATION single-owner: …
 */
import type { PeerId } from '../src/base/index.ts'
import type { Violation } from './checkers/index.ts'
import { describe } from './describe.ts'
import type { Observation, Observer } from './observation.ts'

/** Newest rows that are kept: a failing run is read from its end. */
const ROWS_MAX = 20_000

/** How a node stands at a row: what its lane shows. */
export type Lane = 'down' | 'follower' | 'candidate' | 'leader'

export interface TimelineRow {
  readonly atMs: number
  readonly node: PeerId | undefined
  /** Of the observation, or `violation`. */
  readonly type: Observation['type'] | 'violation'
  readonly text: string
  /** One per declared node, in their order. */
  readonly lanes: readonly Lane[]
}

/** Every packet-like fact: shown only when asked for. */
const FINE: ReadonlySet<TimelineRow['type']> = new Set([
  'append-accepted',
  'commit-advanced',
  'entry-applied',
  'log-writing',
  'log-written',
  'acknowledged',
])

export class Timeline implements Observer {
  private readonly names = new Map<PeerId, string>()
  private lanes: readonly Lane[] = []
  private kept: TimelineRow[] = []
  private left = 0

  /** The declared nodes, in the order of the lanes. */
  get nodes(): readonly { readonly peer: PeerId; readonly name: string }[] {
    return [...this.names].map(([peer, name]) => ({ peer, name }))
  }

  get rows(): readonly TimelineRow[] {
    return this.kept.slice(-ROWS_MAX)
  }

  /** Older rows that were not kept. */
  get dropped(): number {
    return this.left + Math.max(0, this.kept.length - ROWS_MAX)
  }

  nameOf(node: PeerId | undefined): string {
    return node === undefined ? '' : (this.names.get(node) ?? node)
  }

  observe(observation: Observation): void {
    if (observation.type === 'node-declared') {
      this.names.set(observation.node, observation.name)
      this.lanes = [...this.lanes, 'down']
    }
    const lane = laneAfter(observation)
    if (lane !== undefined) this.setLane(lane.node, lane.lane)
    const node = 'node' in observation ? observation.node : undefined
    this.add({ atMs: observation.atMs, node, type: observation.type, text: describe(observation) })
  }

  violation({ checker, message, atMs, node }: Violation): void {
    this.add({ atMs, node, type: 'violation', text: `VIOLATION ${checker}: ${message}` })
  }

  /** For a terminal. `fine` also shows every write, acknowledgement and applied entry. */
  toText(options: { readonly fine?: boolean } = {}): string {
    const { nodes } = this
    const names = nodes.map(({ name }) => name)
    const widths = names.map((name) => Math.max(3, name.length))
    const nameWidth = Math.max(4, ...widths)
    const head = `${' '.repeat(2)}${'time ms'.padStart(14)}   ${names.map((name, at) => name.padEnd(widths[at] ?? 3)).join(' ')}`
    const lines = this.rows
      .filter(({ type }) => options.fine === true || !FINE.has(type))
      .map((row) => {
        const own = nodes.findIndex(({ peer }) => peer === row.node)
        const lanes = widths.map((width, at) => {
          const glyph = row.type === 'violation' && at === own ? '✗' : LANE_GLYPHS[row.lanes[at] ?? 'down']
          return glyph.padStart(Math.ceil((width + 1) / 2)).padEnd(width)
        })
        const mark = row.type === 'violation' ? '✗' : ' '
        return `${mark} ${row.atMs.toFixed(3).padStart(14)}   ${lanes.join(' ')}   ${this.nameOf(row.node).padEnd(nameWidth)}  ${row.text}`
      })
    const omitted = this.dropped === 0 ? [] : [`  (${this.dropped} earlier rows are not shown)`]
    return `${[head, ...omitted, ...lines].map((line) => line.trimEnd()).join('\n')}\n`
  }

  private add(row: Omit<TimelineRow, 'lanes'>): void {
    this.kept.push({ ...row, lanes: this.lanes })
    if (this.kept.length < 2 * ROWS_MAX) return
    this.left += this.kept.length - ROWS_MAX
    this.kept = this.kept.slice(-ROWS_MAX)
  }

  private setLane(node: PeerId, lane: Lane): void {
    const own = [...this.names.keys()].indexOf(node)
    this.lanes = this.lanes.map((before, at) => (at === own ? lane : before))
  }
}

const LANE_GLYPHS: Readonly<Record<Lane, string>> = { down: '·', follower: '│', candidate: '┆', leader: '┃' }

function laneAfter(observation: Observation): { node: PeerId; lane: Lane } | undefined {
  if (observation.type === 'life-began') return { node: observation.node, lane: 'follower' }
  if (observation.type === 'life-ended') return { node: observation.node, lane: 'down' }
  if (observation.type !== 'role-changed') return undefined
  const { node, role } = observation
  return { node, lane: role === 'pre-candidate' ? 'candidate' : role }
}
