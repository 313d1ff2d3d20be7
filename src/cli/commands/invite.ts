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
      const left = duration(made.expiresUnixMs - cli.io.now())
      await cli.say(
        `Good for one machine, for ${left}. There, run \`populi join -\` and paste it.\n` +
          `The machine must reach ${printable(made.urls.join(' or '))}.\n`,
      )
    },
  ).option(
    '--ttl <duration>',
    'how long it is valid',
    durationOption('--ttl', LIMITS.inviteTtlMsMax),
    900_000,
  )
}
