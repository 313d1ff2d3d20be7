/** One setting from its layers: flag > environment > `populi.toml` > default (design §13). */
import { CodedError } from '../../base/index.ts'
import type { Setting } from './settings.ts'
import type { RawValue } from './toml-file.ts'

export interface Layers {
  /** Who gives what `flag` of `readSetting` says: a person on the command line, or the program that embeds the node. */
  readonly flagsFrom: 'command line' | 'program'
  readonly env: Readonly<Record<string, string | undefined>>
  readonly file: ReadonlyMap<string, RawValue>
  readonly filePath: string
}

interface Found {
  readonly raw: RawValue
  readonly source: string
}

/**
 * Nothing is guessed: a value that does not fit is refused with its key, what it got and what it accepts.
 * @throws CodedError `config.invalid`
 */
export function readSetting<Value>(setting: Setting<Value>, flag: string | undefined, layers: Layers): Value {
  const found = find(setting, flag, layers)
  if (found === undefined) return setting.default
  const result = setting.schema.safeParse(found.raw)
  if (result.success) return result.data
  throw new CodedError('config.invalid', {
    key: setting.key,
    got: typeof found.raw === 'string' ? found.raw : found.raw.join(', '),
    source: found.source,
    accepts: setting.accepts,
  })
}

function find(setting: Setting<unknown>, flag: string | undefined, layers: Layers): Found | undefined {
  if (flag !== undefined)
    return {
      raw: flag,
      source: layers.flagsFrom === 'program' ? 'setting of createNode' : `flag --${setting.flag}`,
    }
  for (const name of setting.env) {
    const raw = layers.env[name]
    // Set but blank is how shells and unit files say "not set".
    if (raw !== undefined && raw.trim() !== '')
      return { raw: clamped(raw, setting.environmentClamp), source: `environment ${name}` }
  }
  const raw = layers.file.get(setting.key)
  return raw === undefined ? undefined : { raw, source: layers.filePath }
}

function clamped(raw: string, range: readonly [number, number] | undefined): string {
  if (range === undefined || !/^\d+$/.test(raw.trim())) return raw
  return String(Math.min(Math.max(Number(raw), range[0]), range[1]))
}
