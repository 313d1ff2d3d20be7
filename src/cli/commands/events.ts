import type { Command } from 'commander'
import { LIMITS, toCodedError, type UnixMs, unixMs } from '../../base/index.ts'
import {
  EVENT_KINDS,
  type EventKind,
  type EventNotice,
  type EventQuery,
  toJson,
} from '../../node/control/index.ts'
import { addCommand, type Cli } from '../command.ts'
import { durationOption, kindOption, numberOption } from '../options.ts'
import { renderEvent } from '../render/event.ts'

/** Without --limit and --since: as many as fit on a screen or two, and with --follow some to begin with, as `tail` does. */
const LISTED = 100
const LISTED_BEFORE_FOLLOWING = 10
const KEPT_MAX = 2 * LIMITS.eventsKept
/** Further back than any ring reaches that somebody still looks at. */
const SINCE_MS_MAX = 366 * 24 * 3_600_000

interface EventsOptions {
  readonly follow?: boolean
  readonly kind?: readonly EventKind[]
  readonly node?: string
  readonly since?: number
  readonly limit?: number
}

export function addEvents(cli: Cli, program: Command): void {
  const kinds = Object.keys(EVENT_KINDS).join(', ')
  addCommand<EventsOptions>(
    cli,
    program,
    'events',
    {
      summary: 'show what happened, as this node saw it',
      description:
        'One line per event: time (UTC), type, node that it is about, what happened, reason, facts. With --json one object per line. --follow goes on until the node stops or Ctrl-C. docs/reference/events.md lists the types.',
      examples: ['populi events --since 10m', 'populi events --follow --kind member --kind authority --json'],
    },
    async (options) => {
      const query = queryOf(cli, options)
      if (options.follow === true) await follow(cli, query)
      else for (const event of await cli.client.events(query)) await tell(cli, { type: 'event', event })
    },
  )
    .option('-f, --follow', 'go on with events as they happen')
    .option('--kind <kind>', `only this kind (${kinds}); can be repeated`, kindOption)
    .option('--node <node>', 'only what is about this node')
    .option(
      '--since <duration>',
      'only what happened in this time before now',
      durationOption('--since', SINCE_MS_MAX),
    )
    .option(
      '--limit <count>',
      `only so many of the newest (default: ${LISTED}; with --follow ${LISTED_BEFORE_FOLLOWING}; with --since all)`,
      numberOption('--limit', KEPT_MAX),
    )
}

function queryOf(cli: Cli, { follow, kind, node, since, limit }: EventsOptions): EventQuery {
  const sinceUnixMs: UnixMs | undefined = since === undefined ? undefined : unixMs(cli.io.now() - since)
  const usual = follow === true ? LISTED_BEFORE_FOLLOWING : LISTED
  return {
    kinds: kind ?? [],
    node,
    sinceUnixMs,
    limit: limit ?? (since === undefined ? usual : KEPT_MAX),
  }
}

/** Ends when the node stops, and at an interrupt: that is how one stops looking. */
async function follow(cli: Cli, query: EventQuery): Promise<void> {
  const leave = new AbortController()
  const release = cli.io.onInterrupt(() => leave.abort())
  try {
    await cli.client.followEvents(query, (notice) => tell(cli, notice), leave.signal)
  } catch (thrown) {
    if (!leave.signal.aborted || toCodedError(thrown).code !== 'operation.cancelled') throw thrown
  } finally {
    release()
  }
}

async function tell(cli: Cli, notice: EventNotice): Promise<void> {
  switch (notice.type) {
    case 'event': {
      const { event } = notice
      return cli.io.stdout.write(cli.json ? `${toJson(event)}\n` : `${renderEvent(event, cli.look.paint)}\n`)
    }
    case 'missed':
      if (cli.json) return cli.io.stdout.write(`${toJson({ missed: notice.count })}\n`)
      return cli.say(`populi: ${notice.count} events were missed: this reader is too slow\n`)
  }
}
