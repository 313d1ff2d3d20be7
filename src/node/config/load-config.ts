/** The configuration of one node, checked as a whole before anything starts. */
import { join } from 'node:path'
import { CodedError } from '../../base/index.ts'
import type { LogLevel } from '../../telemetry/index.ts'
import { type Layers, readSetting } from './read-setting.ts'
import { SETTINGS, type Setting, STOP_GRACE_PART_MAX } from './settings.ts'
import { PRESETS, type Preset, type Timings } from './timings.ts'
import { readTomlFile } from './toml-file.ts'

export interface NodeConfig {
  readonly peerHost: string
  readonly peerPort: number
  /** Multiaddrs without the peer id. */
  readonly announce: readonly string[]
  readonly facadeHost: string
  readonly facadePort: number
  readonly announceUrls: readonly string[]
  /** Name of the timing preset; `timings` is what it means for raft. */
  readonly preset: Preset
  readonly timings: Timings
  readonly leaseTtlMs: number
  /** ρ of the timing argument. */
  readonly driftRatio: number
  /** Between TERM and KILL. */
  readonly stopGraceMs: number
  readonly remoteExecute: boolean
  readonly leaseGating: boolean
  readonly logLevel: LogLevel
}

type SettingName = keyof typeof SETTINGS

/** Values from the command line, as they were typed. */
export type ConfigFlags = Readonly<Partial<Record<SettingName, string>>>

const CONFIG_FILE = 'populi.toml'

const DEFAULT_STOP_GRACE_MS = 2000

/** @throws CodedError `config.invalid`, `config.unknown_key` */
export function loadConfig(init: {
  /** Where `populi.toml` may be. */
  readonly dataDir: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly flags: ConfigFlags
}): NodeConfig {
  const filePath = join(init.dataDir, CONFIG_FILE)
  const keys = new Set(Object.values(SETTINGS).map((setting) => setting.key))
  const layers: Layers = { env: init.env, file: readTomlFile(filePath, keys), filePath }
  const { flags } = init
  const leaseTtlMs = readSetting(SETTINGS.leaseTtlMs, flags.leaseTtlMs, layers)
  const preset = readSetting(SETTINGS.preset, flags.preset, layers)
  return {
    peerHost: readSetting(SETTINGS.peerHost, flags.peerHost, layers),
    peerPort: readSetting(SETTINGS.peerPort, flags.peerPort, layers),
    announce: readSetting(SETTINGS.announce, flags.announce, layers),
    facadeHost: readSetting(SETTINGS.facadeHost, flags.facadeHost, layers),
    facadePort: readSetting(SETTINGS.facadePort, flags.facadePort, layers),
    announceUrls: readSetting(SETTINGS.announceUrls, flags.announceUrls, layers),
    preset,
    timings: PRESETS[preset],
    leaseTtlMs,
    driftRatio: readSetting(SETTINGS.driftRatio, flags.driftRatio, layers),
    stopGraceMs: fittingGrace(readSetting(SETTINGS.stopGraceMs, flags.stopGraceMs, layers), leaseTtlMs),
    remoteExecute: readSetting(SETTINGS.remoteExecute, flags.remoteExecute, layers),
    leaseGating: readSetting(SETTINGS.leaseGating, flags.leaseGating, layers),
    logLevel: readSetting(SETTINGS.logLevel, flags.logLevel, layers),
  }
}

/** The grace must leave room for renewals and for the proof of quiet inside the lease (`STOP_GRACE_PART_MAX`). */
function fittingGrace(chosenMs: number | undefined, leaseTtlMs: number): number {
  const maxMs = Math.floor(leaseTtlMs * STOP_GRACE_PART_MAX)
  if (chosenMs === undefined) return Math.min(DEFAULT_STOP_GRACE_MS, maxMs)
  if (chosenMs <= maxMs) return chosenMs
  const setting: Setting<number | undefined> = SETTINGS.stopGraceMs
  throw new CodedError('config.invalid', {
    key: setting.key,
    got: chosenMs,
    source: `with a lease.ttlMs of ${leaseTtlMs}`,
    accepts: `at most a quarter of lease.ttlMs, here ${maxMs}: otherwise renewals and the end of the work do not fit into one lease`,
  })
}
