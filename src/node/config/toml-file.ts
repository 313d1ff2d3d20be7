/** `populi.toml` as dotted keys: `[peer]` with `port = 9846` becomes `peer.port` → `9846`. */
import { readFileSync } from 'node:fs'
import { parse, TomlError, type TomlTable } from 'smol-toml'
import { CodedError } from '../../base/index.ts'

/** A value before it is checked; a list only from an array. */
export type RawValue = string | readonly string[]

/**
 * The settings in the file at `path`; none when there is no file.
 * @throws CodedError `config.invalid` when it cannot be read or is not TOML, `config.unknown_key` for a key that is not in `known`.
 */
export function readTomlFile(path: string, known: ReadonlySet<string>): ReadonlyMap<string, RawValue> {
  const values = new Map<string, RawValue>()
  for (const [key, value] of leaves(parsed(path), '')) {
    if (!known.has(key))
      throw new CodedError('config.unknown_key', { key, path, known: [...known].sort().join(', ') })
    values.set(key, value)
  }
  return values
}

function parsed(path: string): TomlTable {
  const text = fileText(path)
  try {
    return parse(text)
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause
    const line = text.split('\n')[cause.line - 1] ?? ''
    throw new CodedError(
      'config.invalid',
      {
        key: `line ${cause.line} of ${path}`,
        got: line.trim(),
        // The first line of the message; the others draw the place, which `got` already shows.
        source: cause.message.split('\n', 1).join(),
        accepts: 'TOML 1.0, such as: peer.port = 9846',
      },
      { cause },
    )
  }
}

function fileText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    if (reason === 'ENOENT') return ''
    throw new CodedError(
      'config.invalid',
      { key: path, got: reason, source: 'cannot be read', accepts: 'a file that this user can read' },
      { cause },
    )
  }
}

function* leaves(table: TomlTable, prefix: string): Generator<readonly [key: string, value: RawValue]> {
  for (const [name, value] of Object.entries(table)) {
    const key = prefix + name
    if (Array.isArray(value)) yield [key, value.map(scalarText)]
    else if (isTable(value)) yield* leaves(value, `${key}.`)
    else yield [key, scalarText(value)]
  }
}

function isTable(value: TomlTable[string]): value is TomlTable {
  return Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null
}

/** Dates and nested values become a text that no schema accepts, so that the error shows what was there. */
function scalarText(value: TomlTable[string]): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
