import type { Command } from 'commander'
import { addCommand, type Cli } from '../command.ts'
import type { EnrolledNode } from '../deps.ts'
import { renderFields } from '../render/table.ts'

export function addInit(cli: Cli, program: Command): void {
  addCommand<{ nodeId?: string }>(
    cli,
    program,
    'init',
    {
      summary: 'make a new mesh with this machine as its first node',
      examples: ['populi init', 'populi init --node-id desk'],
    },
    async ({ nodeId }) => {
      const made = await cli.deps.init({ dataDir: cli.dataDir, nodeId })
      await cli.answer(made, () => enrolled(cli, made))
      if (!cli.json) await cli.say('Start the node with `populi up`.\n')
    },
  ).option('--node-id <name>', 'name of this machine in the mesh (default: its host name)')
}

/** Shown by `init` and `join` alike. */
export function enrolled(cli: Cli, node: EnrolledNode): string {
  return renderFields(
    [
      ['node', node.nodeId, 'bold'],
      ['peer', node.peerId],
      ['scope', node.scopeId],
      ['data', node.dataDir],
    ],
    cli.look,
  )
}
