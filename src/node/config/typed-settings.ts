import type { ConfigFlags } from './load-config.ts'
import type { SETTINGS, Setting } from './settings.ts'

type ValueOf<Of> = Of extends Setting<infer Value> ? Value : never

/**
 * The settings of `docs/reference/configuration.md` by the names of `SETTINGS`, as values instead of text. What is left out comes from the
 * environment, `populi.toml` or the default, as for `populi up`.
 */
export type NodeSettings = {
  readonly [Name in keyof typeof SETTINGS]?: ValueOf<(typeof SETTINGS)[Name]> | undefined
}

/** As if they were typed: one way in, with the same checks. */
export function flagsOf(settings: NodeSettings): ConfigFlags {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined)
  return Object.fromEntries(
    given.map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : String(value)]),
  )
}
