import type { Command } from 'commander'
import { CodedError, type LeaseId } from '../../base/index.ts'
import { addCommand, type Cli } from '../command.ts'

export function addRevoke(cli: Cli, program: Command): void {
  addCommand<{ force?: boolean }>(
    cli,
    program,
    'revoke',
    {
      summary: 'take a lease back from its holder',
      description:
        'The lease is not renewed any more and its holder is told to end the work. What it was for can be leased again when the holder is quiet, or when its span is over.',
      examples: ['populi revoke 4711'],
    },
    async ({ force = false }, [id = '']) => {
      const leaseId = leaseIdOf(id)
      await cli.client.revoke({ leaseId, force })
      const how = force ? ': free at once, whatever its holder does' : '; its holder is ending the work'
      await cli.answer({ leaseId, force }, () => `Lease ${leaseId} revoked${how}.\n`)
    },
  )
    .argument('<id>', 'as `populi leases` lists it')
    .option(
      '--force',
      'free it at once, although its holder may still be running (single ownership is waived)',
    )
}

function leaseIdOf(text: string): LeaseId {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text) as LeaseId
  throw new CodedError('input.invalid', {
    field: 'lease id',
    got: text,
    accepts: 'a number as `populi leases` lists it',
  })
}
