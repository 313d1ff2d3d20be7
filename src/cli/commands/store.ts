import type { Command } from 'commander'
import { LIMITS } from '../../base/index.ts'
import { addCommand, type Cli } from '../command.ts'
import type { RebuildReport, StoreReport } from '../deps.ts'
import { renderFields } from '../render/table.ts'

/** Exit code for damaged data, as for the errors of that kind. */
const DAMAGED = 6

export function addStore(cli: Cli, program: Command): void {
  const store = program.command('store').description('look after the data of a stopped node')
  addCommand(
    cli,
    store,
    'check',
    {
      summary: 'read the whole store of a stopped node and name every damage',
      description: 'Nothing is repaired or changed. Ends with exit code 6 when something is damaged.',
      examples: ['populi store check'],
    },
    async () => {
      const report = await cli.deps.checkStore(cli.dataDir)
      if (report.damage.length > 0) cli.exitCode = DAMAGED
      await cli.answer(report, () => renderReport(cli, report))
    },
  )
  addCommand(
    cli,
    store,
    'rejoin',
    {
      summary: 'begin anew with a damaged store',
      description:
        'Keeps who this node is and its task journals, and leaves log, votes and replicated state behind. When the node is started, the others remove it from those who vote, and it takes everything from them as a learner. The old store is moved aside and not deleted. Needs others that have a majority without this node: the only voter of a mesh cannot rejoin.',
      examples: ['populi store rejoin'],
    },
    async () => {
      const report = await cli.deps.rejoinStore(cli.dataDir)
      await cli.answer(report, () => renderRebuild(report))
      if (!cli.json) await cli.say('Start the node with `populi up`: it asks the others to take it back.\n')
    },
  )
}

function renderReport(cli: Cli, report: StoreReport): string {
  const { log, records, damage } = report
  const shown = damage.slice(0, LIMITS.damageShownMax)
  return renderFields(
    [
      ['store', report.path],
      ['size', `${report.bytes} bytes`],
      ['batches', acknowledged(report)],
      ['log', `${log.entries} entries up to ${log.lastIndex}, after ${log.baseIndex} compacted`],
      ['term', log.term],
      ['committed', log.commitIndex],
      ['applied', report.appliedIndex],
      [
        'records',
        Object.entries(records)
          .map(([name, count]) => `${name} ${count}`)
          .join(', '),
      ],
      ['rejoining', report.isRejoining ? 'yes: it has not been taken back yet' : undefined, 'yellow'],
      ...shown.map((what) => ['damage', what, 'red'] as const),
      [
        'damage',
        damage.length > shown.length ? `and ${damage.length - shown.length} more` : undefined,
        'red',
      ],
      [
        'result',
        damage.length === 0 ? 'sound' : 'damaged: `populi store rejoin` begins anew',
        damage.length === 0 ? 'green' : 'red',
      ],
    ],
    cli.look,
  )
}

function acknowledged({ batches, acknowledgedBatches }: StoreReport): string | undefined {
  if (batches === undefined) return undefined
  return `${batches} written, ${acknowledgedBatches ?? 'an unknown number'} known to be acknowledged`
}

function renderRebuild({ movedTo, lost }: RebuildReport): string {
  const old = movedTo === undefined ? '' : `The old store lies in ${movedTo}.\n`
  const missing = lost.map((what) => `Lost: ${what}\n`).join('')
  return `The store was made anew.\n${old}${missing}`
}
