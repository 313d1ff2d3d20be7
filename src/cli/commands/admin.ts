import { type Command, Option } from 'commander'
import { CodedError, LIMITS } from '../../base/index.ts'
import type { OrderRequest, OrderView } from '../../node/control/index.ts'
import { addCommand, type Cli } from '../command.ts'
import { durationOption, reasonOption, timeOption } from '../options.ts'
import { type Column, renderTable } from '../render/table.ts'
import { printable } from '../render/text.ts'
import { ago, moment } from '../render/time.ts'

interface OrderOptions {
  readonly off?: boolean
  readonly reason?: string
}

interface MaintenanceOptions extends OrderOptions {
  readonly until?: number
  readonly for?: number
  readonly deadline?: number
}

export function addAdmin(cli: Cli, program: Command): void {
  const admin = program.command('admin').description('give orders to the nodes of the mesh')
  addQuarantine(cli, admin)
  addMaintenance(cli, admin)
  addRetire(cli, admin)
  addOrders(cli, admin)
}

const REACH =
  'The order is signed by this node, whose credential must have the role admin or mesh. It counts at once here and at every node that can be reached, whether or not the authority has a leader, and at the others when they are back.'

function addQuarantine(cli: Cli, admin: Command): void {
  const command = addCommand<OrderOptions>(
    cli,
    admin,
    'quarantine',
    {
      summary: 'stop all new work on a node, and let its leases run out',
      description: `${REACH}\n\nWhat runs there is not renewed any more, so it ends within the TTL of its lease.`,
      examples: [
        'populi admin quarantine attic --reason "smells of smoke"',
        'populi admin quarantine attic --off',
      ],
    },
    async (options, [node = '']) => give(cli, { ...orderOf(node, options), field: 'quarantine' }),
  )
  orderOptions(command)
}

function addMaintenance(cli: Cli, admin: Command): void {
  const command = addCommand<MaintenanceOptions>(
    cli,
    admin,
    'maintenance',
    {
      summary: 'give a node no new work, and let what runs there finish',
      description: `${REACH}\n\nWith a deadline, what still runs then is ended: TERM, its grace, KILL. \`populi drain\` does the same and can wait for it.`,
      examples: [
        'populi admin maintenance attic --for 2h --deadline 30m',
        'populi admin maintenance attic --off',
      ],
    },
    async (options, [node = '']) => {
      const { until, deadline } = options
      if (options.off === true && [until, options.for, deadline].some((value) => value !== undefined))
        throw new CodedError('input.invalid', {
          field: '--off',
          got: 'with an end or a deadline',
          accepts: '--off alone: it lifts the order at once',
        })
      const end = endOf(until, options.for)
      await give(cli, { ...orderOf(node, options), field: 'maintenance', until: end, drainMs: deadline })
    },
  )
  const span = LIMITS.orderSpanMsMax
  orderOptions(command)
    .addOption(
      new Option('--until <time>', 'over at this time, such as 2026-11-22T08:00 (local) or …T08:00Z')
        .argParser(timeOption('--until'))
        .conflicts('for'),
    )
    .option('--for <duration>', 'over after this time, such as 2h', durationOption('--for', span))
    .option(
      '--deadline <duration>',
      'end after this time what still runs there, such as 30m (default: let it finish)',
      durationOption('--deadline', span),
    )
}

function addRetire(cli: Cli, admin: Command): void {
  const command = addCommand<OrderOptions & { readonly yes?: boolean }>(
    cli,
    admin,
    'retire',
    {
      summary: 'take a node out of service for good',
      description: `${REACH}\n\nAs quarantine; besides, the node loses its vote, and the others rule without it. \`--off\` takes it back.`,
      examples: ['populi admin retire attic --yes', 'populi admin retire attic --off'],
    },
    async (options, [node = '']) => {
      if (options.off !== true && options.yes !== true)
        throw new CodedError('input.invalid', {
          field: 'retire',
          got: node,
          accepts: '--yes as well: the node stops working and loses its vote',
        })
      await give(cli, { ...orderOf(node, options), field: 'retire' })
    },
  )
  orderOptions(command).option('--yes', 'it is meant')
}

function addOrders(cli: Cli, admin: Command): void {
  addCommand(
    cli,
    admin,
    'orders',
    {
      summary: 'list the orders that this node knows',
      description: 'The last one for each node and kind, those that lift another included.',
      examples: ['populi admin orders'],
    },
    async () =>
      cli.answer(await cli.client.orders(), (orders) =>
        orders.length === 0 ? 'No orders.\n' : renderTable(columns(cli.io.now()), orders, cli.look),
      ),
  )
}

function orderOptions(command: Command): Command {
  return command
    .argument('<node>', 'as `populi nodes` lists it')
    .option('--off', 'lift the order')
    .option('--reason <text>', 'for the people who will ask why', reasonOption)
}

function orderOf(node: string, { off, reason }: OrderOptions): Omit<OrderRequest, 'field'> {
  return { node, on: off !== true, reason, until: undefined, drainMs: undefined }
}

function endOf(until: number | undefined, inMs: number | undefined): OrderRequest['until'] {
  if (until !== undefined) return { atUnixMs: until }
  return inMs === undefined ? undefined : { inMs }
}

async function give(cli: Cli, request: OrderRequest): Promise<void> {
  await cli.answer(await cli.client.order(request), (order) => `${sentence(order)}.\n`)
}

/** What holds now, in the words of the commands. */
export function sentence(order: OrderView): string {
  const { node, field, on, untilUnixMs, drainDeadlineUnixMs } = order
  if (field === 'quarantine')
    return on
      ? `${node} is quarantined: no new work, and no lease is renewed`
      : `${node} is not quarantined any more`
  if (field === 'retire')
    return on ? `${node} is retired: no work, and no vote` : `${node} is in service again`
  if (!on) return `${node} is not in maintenance any more`
  const until = untilUnixMs === undefined ? '' : ` until ${moment(untilUnixMs)}`
  const rest =
    drainDeadlineUnixMs === undefined
      ? 'what runs there may finish'
      : `what still runs at ${moment(drainDeadlineUnixMs)} is ended`
  return `${node} is in maintenance${until}: no new work, and ${rest}`
}

const columns = (now: number): readonly Column<OrderView>[] => [
  { title: 'NODE', cell: (order) => order.node },
  { title: 'ORDER', cell: (order) => order.field },
  {
    title: 'STATE',
    cell: stateOf(now),
    colour: (order) => (stateOf(now)(order) === 'on' ? 'yellow' : 'dim'),
  },
  {
    title: 'UNTIL',
    cell: (order) => (order.untilUnixMs === undefined ? undefined : moment(order.untilUnixMs)),
  },
  {
    title: 'DEADLINE',
    cell: (order) =>
      order.drainDeadlineUnixMs === undefined ? undefined : moment(order.drainDeadlineUnixMs),
  },
  { title: 'BY', cell: (order) => order.issuer },
  { title: 'GIVEN', cell: (order) => ago(now - order.givenUnixMs) },
  { title: 'REASON', cell: (order) => (order.reason === undefined ? undefined : printable(order.reason)) },
]

const stateOf =
  (now: number) =>
  ({ on, untilUnixMs }: OrderView): string => {
    if (!on) return 'lifted'
    return untilUnixMs !== undefined && now >= untilUnixMs ? 'over' : 'on'
  }
