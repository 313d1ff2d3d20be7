import type { Command } from 'commander'
import { CodedError, LIMITS } from '../../base/index.ts'
import { addCommand, type Cli } from '../command.ts'
import type { CliIo } from '../io.ts'
import { enrolled } from './init.ts'

export function addJoin(cli: Cli, program: Command): void {
  addCommand<{ nodeId?: string }>(
    cli,
    program,
    'join',
    {
      summary: 'enrol this machine in a mesh, with an invite of one of its nodes',
      description:
        'With `-` the invite is read from standard input. Prefer that: arguments are visible to every user of the machine and stay in the history of the shell.',
      examples: ['populi join -', 'ssh desk populi invite | populi join - --node-id attic'],
    },
    async ({ nodeId }, [given = '']) => {
      const invite = given === '-' ? await readLine(cli.io) : given
      const joined = await cli.deps.join({ dataDir: cli.dataDir, invite, nodeId })
      await cli.answer(joined, () => enrolled(cli, joined))
      if (!cli.json) await cli.say('Start the node with `populi up`.\n')
    },
  )
    .argument('<invite>', 'what `populi invite` printed, or - to read it from standard input')
    .option('--node-id <name>', 'name of this machine in the mesh (default: its host name)')
}

/** The first line of standard input. What comes after it is not waited for: on a terminal there is no end. */
async function readLine(io: CliIo): Promise<string> {
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of io.stdin) {
    text += decoder.decode(chunk, { stream: true })
    if (text.trimStart().includes('\n')) break
    if (text.length > LIMITS.inviteTextCharsMax)
      throw new CodedError('enrol.invite_malformed', { reason: 'it is too long' })
  }
  return text.trim().split('\n', 1)[0]?.trim() ?? ''
}
