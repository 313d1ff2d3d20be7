/** node/config: the settings of a node, read from flags, environment, `populi.toml` and defaults, checked as a whole. */
export { type ConfigFlags, loadConfig, type NodeConfig } from './load-config.ts'
export { SETTINGS } from './settings.ts'
export { PRESETS } from './timings.ts'
export { flagsOf, type NodeSettings } from './typed-settings.ts'
