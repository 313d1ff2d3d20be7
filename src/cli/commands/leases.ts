import type { Command } from 'commander'
import type { LeaseView } from '../../node/control/index.ts'
import { addCommand, type Cli } from '../command.ts'
import { type Column, renderTable } from '../render/table.ts'
import { ago, duration } from '../render/time.ts'

export function addLeases(cli: Cli, program: Command): void {
  addCommand(
    cli,
    program,
    'leases',
    { summary: 'list the live leases of the mesh', examples: ['populi leases'] },
    async () =>
      cli.answer(await cli.client.leases(), (leases) =>
        leases.length === 0 ? 'No leases.\n' : renderTable(columns(cli.io.now()), leases, cli.look),
      ),
  )
}

const columns = (now: number): readonly Column<LeaseView>[] => [
  { title: 'LEASE', align: 'right', cell: (lease) => lease.leaseId },
  { title: 'HOLDER', cell: (lease) => lease.holder },
  { title: 'GRANTED', cell: (lease) => ago(now - lease.grantedUnixMs) },
  { title: 'TTL', cell: (lease) => duration(lease.ttlMs) },
  { title: 'STATE', cell: (lease) => (lease.revoked ? 'revoked' : 'live') },
  { title: 'RENEWALS', align: 'right', cell: (lease) => lease.renewals },
  { title: 'FOR', cell: (lease) => lease.scopeKey },
]
