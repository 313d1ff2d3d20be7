import type { Command } from 'commander'
import type { NodeView } from '../../node/control/index.ts'
import { addCommand, type Cli } from '../command.ts'
import type { Colour } from '../render/paint.ts'
import { type Column, renderTable } from '../render/table.ts'
import { ago, milliseconds } from '../render/time.ts'

export function addNodes(cli: Cli, program: Command): void {
  addCommand(
    cli,
    program,
    'nodes',
    {
      summary: 'list the nodes of the mesh and how they are; ! marks a link that became worse or fails',
      examples: ['populi nodes'],
    },
    async () => cli.answer(await cli.client.nodes(), (nodes) => renderTable(COLUMNS, nodes, cli.look)),
  )
}

const STATUS_COLOURS: Readonly<Record<NodeView['status'], Colour>> = {
  alive: 'green',
  suspect: 'yellow',
  dead: 'red',
  left: 'dim',
  unseen: 'dim',
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
