import type { Command } from 'commander'
import type { NodeView } from '../../node/control/index.ts'
import { addCommand, type Cli } from '../command.ts'
import type { Colour } from '../render/paint.ts'
import { type Column, renderTable } from '../render/table.ts'
import { ago, milliseconds, moment } from '../render/time.ts'

export function addNodes(cli: Cli, program: Command): void {
  addCommand(
    cli,
    program,
    'nodes',
    {
      summary: 'list the nodes of the mesh and how they are; ! marks a link that became worse or fails',
      examples: ['populi nodes'],
    },
    async () => cli.answer(await cli.client.nodes(), (nodes) => renderTable(columns(nodes), nodes, cli.look)),
  )
}

const STATUS_COLOURS: Readonly<Record<NodeView['status'], Colour>> = {
  alive: 'green',
  suspect: 'yellow',
  dead: 'red',
  left: 'dim',
  unseen: 'dim',
}

/** There only when an order holds, or a GPU is withheld: on most days none does, and none is. */
const SELDOM: readonly Column<NodeView>[] = [
  { title: 'ORDERS', cell: ordersOf, colour: () => 'yellow' },
  { title: 'GPUS', cell: gpusOf, colour: () => 'yellow' },
]

function columns(nodes: readonly NodeView[]): readonly Column<NodeView>[] {
  const needed = SELDOM.filter(({ cell }) => nodes.some((node) => cell(node) !== undefined))
  return COLUMNS.flatMap((column) => (column.title === 'REMOTE' ? [column, ...needed] : [column]))
}

/** `1 withheld (gpu_not_quiet)`: `populi status` on that node says of which. */
function gpusOf({ gpusWithheld }: NodeView): string | undefined {
  if (gpusWithheld.length === 0) return undefined
  const reasons = new Set(gpusWithheld.map(({ reason }) => reason))
  return `${gpusWithheld.length} withheld (${[...reasons].join(', ')})`
}

function ordersOf({ orders }: NodeView): string | undefined {
  const { quarantined, retired, maintenance, maintenanceUntilUnixMs: until, isFollowed } = orders
  const end = until === undefined ? '' : ` until ${moment(until)}`
  const held = [
    ...(quarantined ? ['quarantined'] : []),
    ...(retired ? ['retired'] : []),
    ...(maintenance ? [`maintenance${end}`] : []),
  ]
  if (held.length === 0) return undefined
  return `${held.join(', ')}${isFollowed ? '' : ' (not confirmed)'}`
}

const COLUMNS: readonly Column<NodeView>[] = [
  { title: 'NODE', cell: (node) => (node.self ? `${node.nodeId} (here)` : node.nodeId) },
  { title: 'STATUS', cell: (node) => node.status, colour: (node) => STATUS_COLOURS[node.status] },
  { title: 'SEEN', cell: (node) => (node.lastSeenAgoMs === undefined ? 'never' : ago(node.lastSeenAgoMs)) },
  { title: 'AUTHORITY', cell: (node) => (node.authority === 'none' ? undefined : node.authority) },
  { title: 'REMOTE', cell: (node) => (node.remoteExecute ? 'on' : 'off') },
  { title: 'RUNNING', align: 'right', cell: (node) => node.runningTasks },
  { title: 'LINK', cell: linkText, colour: (node) => (isTroubled(node) ? 'yellow' : undefined) },
  { title: 'VERSION', cell: (node) => node.version },
  {
    title: 'ADDRESSES',
    cell: (node) => (node.addresses.length === 0 ? undefined : node.addresses.join(' ')),
  },
]

/** `lan 0.4 ms`, `overlay! 30 ms`. */
function linkText(node: NodeView): string | undefined {
  const { link } = node
  if (link === undefined) return undefined
  const path = `${link.path ?? 'none'}${isTroubled(node) ? '!' : ''}`
  return link.rttMs === undefined ? path : `${path} ${milliseconds(link.rttMs)}`
}

/** What it is, `--json` and `populi events` say. */
const isTroubled = ({ link }: NodeView): boolean =>
  link?.fault !== undefined || link?.downgradedFrom !== undefined
