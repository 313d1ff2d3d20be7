/** The configuration of one node, checked as a whole before anything starts. */
import { join } from 'node:path'
import { CodedError } from '../../base/index.ts'
import type { LogLevel } from '../../telemetry/index.ts'
import { type Layers, readSetting } from './read-setting.ts'
import { SETTINGS, type Setting, STOP_GRACE_PART_MAX, type VoterPolicy } from './settings.ts'
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
  /** As the autopilot is told: a witness is `always`. */
  readonly voterPolicy: VoterPolicy
  /** Votes, and never executes. */
  readonly witness: boolean
  readonly remoteExecute: boolean
  readonly leaseGating: boolean
  /** `undefined`: the system's own, where the kernel has a driver. */
  readonly nvmlLibrary: string | undefined
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
  /** `command line` when absent. */
  readonly flagsFrom?: Layers['flagsFrom']
}): NodeConfig {
  const filePath = join(init.dataDir, CONFIG_FILE)
  const keys = new Set(Object.values(SETTINGS).map((setting) => setting.key))
  const layers: Layers = {
    flagsFrom: init.flagsFrom ?? 'command line',
    env: init.env,
    file: readTomlFile(filePath, keys),
    filePath,
  }
  const { flags } = init
  const leaseTtlMs = readSetting(SETTINGS.leaseTtlMs, flags.leaseTtlMs, layers)
  const preset = readSetting(SETTINGS.preset, flags.preset, layers)
  const remoteExecute = readSetting(SETTINGS.remoteExecute, flags.remoteExecute, layers)
  const witness = readSetting(SETTINGS.witness, flags.witness, layers)
  const voterPolicy = readSetting(SETTINGS.voterPolicy, flags.voterPolicy, layers)
  if (witness) checkWitness(voterPolicy, remoteExecute)
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
    voterPolicy: witness ? 'always' : voterPolicy,
    witness,
    remoteExecute,
    leaseGating: readSetting(SETTINGS.leaseGating, flags.leaseGating, layers),
    nvmlLibrary: readSetting(SETTINGS.nvmlLibrary, flags.nvmlLibrary, layers),
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

/** A witness that does not vote, or executes, is a contradiction: which of the two was meant is not guessed. */
function checkWitness(voterPolicy: VoterPolicy, remoteExecute: boolean): void {
  if (voterPolicy === 'never')
    throw new CodedError('config.invalid', {
      key: SETTINGS.voterPolicy.key,
      got: voterPolicy,
      source: 'together with authority.witness',
      accepts: 'auto or always: a witness is there to vote',
    })
  if (remoteExecute)
    throw new CodedError('config.invalid', {
      key: SETTINGS.remoteExecute.key,
      got: true,
      source: 'together with authority.witness',
      accepts: 'false: a witness never executes',
    })
}
