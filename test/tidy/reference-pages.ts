/**
 * The pages of docs that list what the repository holds. They are written from the code and kept in the
 * repository, so that they can be read there and a change of the code shows as a change of the page.
 */
import { type ErrorCode, errorEntries, LIMITS, REASONS } from '../../src/base/index.ts'
import { SETTINGS, type Setting } from '../../src/node/config/settings.ts'
import { EVENT_KINDS, EVENT_TYPES } from '../../src/node/event-types.ts'
import type { TextFile } from './repository.ts'

const WRITTEN = '`npm run rewrite` writes this page from what it lists; a test compares.'

export function errorsPage(entries = errorEntries()): string {
  const groups = Map.groupBy(entries, ([code]) => code.split('.', 1).join())
  const sections = [...groups].map(([group, members]) =>
    [`## ${group}`, '', table(['code', 'message', 'HTTP', 'exit', 'what to do'], members.map(errorRow))].join(
      '\n',
    ),
  )
  return page('Errors', [
    'What a node can tell a person, a program or a peer. A program matches on the code, which never changes its meaning; a',
    'person reads the message and what to do. `{words}` are filled in. In the JSON of the façade and of the CLI an error is',
    '`{"error": {"code", "message", "hint"}}`.',
    '',
    'Exit codes of the CLI: 1 failed, 2 wrong use, 3 not found, 4 refused, 5 unavailable (trying again can help),',
    '6 damaged data.',
    '',
    ...sections.flatMap((section) => [section, '']),
  ])
}

function errorRow([code, entry]: readonly [ErrorCode, ReturnType<typeof errorEntries>[number][1]]): string[] {
  return [`\`${code}\``, entry.sentence, String(entry.httpStatus), String(entry.exitCode), entry.hint]
}

/** One entry of a registry that is an object literal with a `/** … *\/` before each member. */
export interface Documented {
  readonly name: string
  /** Empty when the member has none. */
  readonly doc: string
}

/** The members of the object literal in `source`, by their documentation. */
export function documentedMembers(source: string): readonly Documented[] {
  const body = source.slice(source.indexOf('= {'))
  return [...body.matchAll(/(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*)?^ {2}(\w+):/gm)].map(([, doc, name]) => ({
    name: name ?? '',
    doc: (doc ?? '').replace(/\s*\n\s*\*\s*/g, ' ').trim(),
  }))
}

export function limitsPage(source: string, values: Readonly<Record<string, number>> = LIMITS): string {
  const rows = documentedMembers(source).map(({ name, doc }) => [
    `\`${name}\``,
    String(values[name] ?? 'no such limit'),
    doc === '' ? 'without a reason' : doc,
  ])
  return page('Limits', [
    'Every bound of the system with its reason. Nothing is dropped silently at a limit: a request beyond it is refused with a code of',
    '[errors.md](errors.md), a stream beyond it waits. Names end in unit and `Max` (or `Min`).',
    '',
    table(['limit', 'value', 'reason'], rows),
    '',
  ])
}

export function reasonsPage(reasons: Readonly<Record<string, string>> = REASONS): string {
  return page('Reasons', [
    'Why a task was placed where it is, refused, lost or fell back: one vocabulary for placement, tasks, CLI and logs. A code never',
    'changes its meaning. The sentence follows the name of a node or of a task.',
    '',
    table(
      ['code', 'meaning'],
      Object.entries(reasons).map(([code, sentence]) => [`\`${code}\``, sentence]),
    ),
    '',
  ])
}

export function eventsPage(
  kinds: Readonly<Record<string, string>> = EVENT_KINDS,
  types: Readonly<Record<string, string>> = EVENT_TYPES,
): string {
  const sections = Object.entries(kinds).map(([kind, about]) => {
    const rows = Object.entries(types).filter(([type]) => type.startsWith(`${kind}:`))
    const list = table(
      ['type', 'the node …'],
      rows.map(([type, sentence]) => [`\`${type}\``, sentence]),
    )
    return [`## ${kind}`, '', about, ...(rows.length === 0 ? [] : ['', list])].join('\n')
  })
  return page('Events', [
    'What happens on a node, and what it sees of the others: `populi events`, with `--follow` as it happens, with `--json` as one object',
    'per line: `{"sequence", "atUnixMs", "kind", "type", "node", "reason", "detail"}`, where `node` and `reason` can be null. `sequence`',
    'rises by one with each event of the node, over restarts; `atUnixMs` is when the node saw it, by its own clock. A type never changes',
    'its meaning; new types and new facts in `detail` may come. Instead of an event a line can be `{"missed": 12}`: so many were',
    'overwritten before a slow reader came to them.',
    '',
    `A node keeps the newest ${LIMITS.eventsKept} events of the mesh and as many of work (\`lease\`, \`task\`), in the folder \`events\` beside its store. They are for`,
    'people and their tools: nothing in a node depends on them, a killed process loses none that is a moment old, a power cut the last seconds.',
    '',
    ...sections.flatMap((section) => [section, '']),
  ])
}

export function configurationPage(settings: readonly Setting<unknown>[] = Object.values(SETTINGS)): string {
  const sections = settings.map((setting) =>
    [
      `### \`${setting.key}\``,
      '',
      setting.doc,
      '',
      `- Accepts: ${setting.accepts}`,
      `- Default: ${setting.defaultText ?? `\`${String(setting.default)}\``}`,
      `- Flag of \`populi up\`: \`--${setting.flag}\``,
      `- Environment: ${setting.env.map((name) => `\`${name}\``).join(', then ')}`,
      '',
    ].join('\n'),
  )
  return page('Configuration', [
    'A setting is taken from the first place that has it: flag, environment, `populi.toml` in the data directory, default. A variable',
    'that is set but blank counts as not set. A value that does not fit stops the start with an error that names the',
    'setting, what it got, where from, and what it accepts; so does an unknown key in the file.',
    '',
    '```toml',
    '# populi.toml',
    '[peer]',
    'host = "0.0.0.0"',
    'announce = ["/ip4/100.64.0.7/tcp/9846"]',
    '',
    '[timing]',
    'preset = "wan"',
    '```',
    '',
    '## Settings',
    '',
    ...sections,
  ])
}

/** The list of decisions from their headings, `# 0002: what was decided`. */
export function decisionsPage(files: readonly TextFile[]): string {
  const rows = files.flatMap((file) => {
    const name = /^docs\/decisions\/(\d{4}-.*\.md)$/.exec(file.path)?.[1]
    const [, number, title] = /^# (\d{4}): (.+)$/m.exec(file.text) ?? []
    return name === undefined ? [] : [[`[${number ?? 'no number'}](${name})`, title ?? 'no title']]
  })
  return page('Decisions', [
    'A decision that someone could argue with has a short record here: context, decision, what was rejected, consequences.',
    'A record is not rewritten when the decision changes: a new one says which it replaces, and the old one which replaced it.',
    '',
    table(['record', 'decision'], rows),
    '',
  ])
}

function page(title: string, lines: readonly string[]): string {
  return `# ${title}\n\n${WRITTEN}\n\n${lines.join('\n').trimEnd()}\n`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('<', '&lt;')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
