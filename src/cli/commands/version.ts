import type { Command } from 'commander'
import { addCommand, type Cli } from '../command.ts'

export function addVersion(cli: Cli, program: Command): void {
  addCommand(
    cli,
    program,
    'version',
    { summary: 'print the version of this program', examples: ['populi version'] },
    async () =>
      cli.answer(
        { version: cli.deps.version, runtime: process.version },
        ({ version }) => `populi ${version}\n`,
      ),
  )
}
