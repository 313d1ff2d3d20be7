import type { Command } from 'commander'
import { LIMITS } from '../../base/index.ts'
import { addCommand, type Cli } from '../command.ts'
import { durationOption } from '../options.ts'
import { printable } from '../render/text.ts'
import { duration } from '../render/time.ts'

export function addInvite(cli: Cli, program: Command): void {
  addCommand<{ ttl: number }>(
    cli,
    program,
    'invite',
    {
      summary: 'print an invite with which one more machine can join',
      description:
        'The invite is a secret: it admits one machine, once, until it expires. It alone is written to standard output, so that it can be piped.',
      examples: ['populi invite', 'populi invite --ttl 1h | ssh attic populi join -'],
    },
    async ({ ttl }) => {
      const made = await cli.client.invite({ ttlMs: ttl })
      await cli.answer(made, ({ invite }) => `${invite}\n`)
      if (cli.json) return
      const left = duration(Math.round((made.expiresUnixMs - cli.io.now()) / 1000) * 1000)
      await cli.say(
        `Good for one machine, for ${left}. There, run \`populi join -\` and paste it.\n` +
          `${reach(made.urls)}\n`,
      )
    },
  ).option(
    '--ttl <duration>',
    'how long it is valid',
    durationOption('--ttl', LIMITS.inviteTtlMsMax),
    900_000,
  )
}

const LOOPBACK = /^https?:\/\/(127\.|\[::1\])/

/** The usual mistake, and it only shows on the other machine: a node that listens on loopback invites nobody. */
function reach(urls: readonly string[]): string {
  const shown = printable(urls.join(' or '))
  if (urls.some((url) => !LOOPBACK.test(url))) return `The machine must reach ${shown}.`
  return `Only this machine reaches ${shown}: for others, start the node with \`populi up --listen <address>\`.`
}
