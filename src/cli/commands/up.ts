import { type Command, Option } from 'commander'
import type { ConfigFlags } from '../../node/config/index.ts'
import type { StatusView } from '../../node/control/index.ts'
import { addCommand, type Cli } from '../command.ts'
import { dataDirectory } from '../options.ts'
import { renderFields } from '../render/table.ts'
import { reasonText } from '../render/task.ts'
import { commandLine } from '../render/text.ts'

const EXIT_INTERRUPTED = 130

type SettingName = keyof ConfigFlags

interface Flag {
  readonly name: SettingName
  readonly option: Option
}

export function addUp(cli: Cli, program: Command): void {
  const command = addCommand<UpOptions>(
    cli,
    program,
    'up',
    {
      summary: 'run the node of this machine, in the foreground',
      description:
        'Flags go before the environment, and that before populi.toml in the data directory. The log is JSON lines on standard error. SIGINT and SIGTERM stop the node in good order. With --json one line on standard output says when it is ready: {"event":"ready", …} and the fields of `populi status --json`.',
      examples: ['populi up', 'populi up --listen 192.168.1.5 --remote-execute --lease-gating'],
    },
    (options) => up(cli, flagsOf(options, flags)),
  ).option('--listen <address>', 'both --peer-host and --facade-host')
  let flags: readonly Flag[] = []
  program.hook('preSubcommand', async (_, called) => {
    if (called !== command) return
    flags = await settingFlags()
    for (const { option } of flags) command.addOption(option)
  })
}

/**
 * One flag per setting of the configuration, so that none can be forgotten. Loaded when `up` is called: the table of
 * settings brings parsers along that no other command should wait for.
 */
async function settingFlags(): Promise<readonly Flag[]> {
  const { SETTINGS } = await import('../../node/config/index.ts')
  return Object.entries<(typeof SETTINGS)[SettingName]>(SETTINGS).map(([name, setting]) => {
    // A switch may stand alone: `--remote-execute` means `--remote-execute true`.
    const value = typeof setting.default === 'boolean' ? '[true|false]' : '<value>'
    const usual = 'defaultText' in setting ? setting.defaultText : String(setting.default)
    return {
      name: name as SettingName,
      option: new Option(`--${setting.flag} ${value}`, `${setting.doc} Default: ${usual}.`),
    }
  })
}

type UpOptions = Readonly<Record<string, string | true | undefined>>

function flagsOf(options: UpOptions, known: readonly Flag[]): ConfigFlags {
  const flags: Partial<Record<SettingName, string>> = {}
  for (const { name, option } of known) {
    const given = options[option.attributeName()]
    if (given !== undefined) flags[name] = String(given)
  }
  const listen = options['listen']
  if (typeof listen !== 'string') return flags
  return { peerHost: listen, facadeHost: listen, ...flags }
}

async function up(cli: Cli, flags: ConfigFlags): Promise<void> {
  const interrupts = watchInterrupts(cli)
  try {
    const node = await Promise.race([cli.deps.start({ dataDir: cli.dataDir, flags }), interrupts.second])
    if (node === 'interrupted') {
      cli.exitCode = EXIT_INTERRUPTED
      return
    }
    await announce(cli, node.ready)
    // A node that stops by itself rejects with the reason.
    const cause = await Promise.race([node.stopped, interrupts.first])
    if (cause !== 'interrupted') return
    const stopped = await Promise.race([node.stop(), interrupts.second])
    if (stopped === 'interrupted') cli.exitCode = EXIT_INTERRUPTED
  } finally {
    interrupts.release()
  }
}

/** The first asks for a stop in good order, the second does not wait for it. */
function watchInterrupts(cli: Cli): {
  first: Promise<'interrupted'>
  second: Promise<'interrupted'>
  release(): void
} {
  const first = Promise.withResolvers<'interrupted'>()
  const second = Promise.withResolvers<'interrupted'>()
  let count = 0
  const release = cli.io.onInterrupt(() => {
    count += 1
    const reached = count === 1 ? first : second
    reached.resolve('interrupted')
  })
  return { first: first.promise, second: second.promise, release }
}

const NEXT_STEPS = [
  [['status'], 'what this node sees'],
  [['invite'], 'admit another machine'],
  [['run', '--', 'hostname'], 'run a command'],
] as const

async function announce(cli: Cli, ready: StatusView): Promise<void> {
  if (cli.json) return cli.answer({ event: 'ready', ...ready }, () => '')
  if (!cli.io.stdout.isTerminal) return
  const { remoteExecute } = ready
  const fields = renderFields(
    [
      ['node', ready.nodeId, 'bold'],
      ['scope', ready.scopeId],
      ['listen', ready.peerAddresses.join(' ')],
      ['http', ready.facadeUrls.join(' ')],
      ['remote', remoteExecute.enabled ? 'on' : `off: ${reasonText(remoteExecute.reason)}`],
    ],
    cli.look,
  )
  const where = cli.dataDir === dataDirectory(undefined, cli.io) ? [] : ['--data-dir', cli.dataDir]
  const next = NEXT_STEPS.map(([words, text]) => {
    const [name = '', ...rest] = words
    return [commandLine(['populi', name, ...where, ...rest]), text] as const
  })
  const width = Math.max(...next.map(([line]) => line.length))
  const steps = next.map(([line, text]) => `  ${line.padEnd(width)}   ${text}\n`)
  await cli.io.stdout.write(
    `${fields}\nThe node is up; Ctrl-C stops it. In another terminal:\n${steps.join('')}`,
  )
}
