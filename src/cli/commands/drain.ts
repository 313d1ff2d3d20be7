/**
 * `populi drain`: maintenance with a word on how far it is. The node's own record tells how many tasks are left, and only counts
 * from when it also says that it is in maintenance: before that, another task may be on its way to it.
 */
import type { Command } from 'commander'
import { CodedError, LIMITS } from '../../base/index.ts'
import type { NodeView, OrderView } from '../../node/control/index.ts'
import { addCommand, type Cli } from '../command.ts'
import { durationOption, reasonOption } from '../options.ts'
import { duration } from '../render/time.ts'
import { sentence } from './admin.ts'

/** A record follows a change within a second or so. */
const LOOK_EVERY_MS = 1000

interface DrainOptions {
  readonly deadline?: number
  readonly wait?: boolean
  readonly reason?: string
}

export function addDrain(cli: Cli, program: Command): void {
  addCommand<DrainOptions>(
    cli,
    program,
    'drain',
    {
      summary: 'give a node no new work, and wait until what runs there has finished',
      description:
        'The same order as `populi admin maintenance`, which with --off also lifts it. With --wait, progress is told on standard error, and the command ends with 0 when nothing runs there any more, with 1 when the deadline came first: then the node ends what is left. Ctrl-C ends the waiting, not the order.',
      examples: ['populi drain attic --wait', 'populi drain attic --deadline 30m --wait && ssh attic reboot'],
    },
    async ({ deadline, wait, reason }, [node = '']) => {
      const request = {
        node,
        field: 'maintenance',
        on: true,
        reason,
        until: undefined,
        drainMs: deadline,
      } as const
      const order = await cli.client.order(request)
      if (wait === true) {
        await cli.say(`${sentence(order)}.\n`)
        await untilDrained(cli, order)
      }
      await cli.answer(order, () => (wait === true ? `${order.node} is drained.\n` : `${sentence(order)}.\n`))
    },
  )
    .argument('<node>', 'as `populi nodes` lists it')
    .option(
      '--deadline <duration>',
      'end after this time what still runs there, such as 30m (default: let it finish)',
      durationOption('--deadline', LIMITS.orderSpanMsMax),
    )
    .option('--reason <text>', 'for the people who will ask why', reasonOption)
    .option('--wait', 'until nothing runs there any more')
}

/** @throws CodedError `drain.unfinished` */
async function untilDrained(cli: Cli, { node: name, drainDeadlineUnixMs }: OrderView): Promise<void> {
  let said = ''
  for (;;) {
    const node = (await cli.client.nodes()).find(({ nodeId }) => nodeId === name)
    if (node === undefined) throw new CodedError('task.no_such_node', { node: name })
    if (!node.orders.maintenance)
      throw new CodedError('operation.cancelled', { what: `the drain of ${name}` })
    if (isDrained(node)) return
    const now = cli.io.now()
    if (drainDeadlineUnixMs !== undefined && now >= drainDeadlineUnixMs)
      throw new CodedError('drain.unfinished', { node: name, state: stateOf(node) })
    const state = stateOf(node)
    if (state !== said) await cli.say(`${name}: ${state}${timeLeft(drainDeadlineUnixMs, now)}.\n`)
    said = state
    await cli.io.pause(LOOK_EVERY_MS)
  }
}

const isThere = ({ status }: NodeView): boolean => status === 'alive' || status === 'suspect'

const isDrained = (node: NodeView): boolean =>
  isThere(node) && node.orders.isFollowed && node.runningTasks === 0

function stateOf(node: NodeView): string {
  const { status, orders, runningTasks } = node
  if (!isThere(node)) return `${status}; the order reaches it when it is back`
  if (!orders.isFollowed) return 'no answer yet'
  return `${runningTasks} ${runningTasks === 1 ? 'task' : 'tasks'} still running`
}

function timeLeft(deadlineUnixMs: number | undefined, now: number): string {
  if (deadlineUnixMs === undefined) return ''
  return `, ${duration(deadlineUnixMs - now)} until the deadline`
}
