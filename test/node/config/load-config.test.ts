import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CodedError } from '../../../src/base/index.ts'
import { type ConfigFlags, loadConfig, type NodeConfig } from '../../../src/node/config/load-config.ts'
import { PRESETS } from '../../../src/node/config/timings.ts'
import { flagsOf, type NodeSettings } from '../../../src/node/config/typed-settings.ts'

let dataDir: string
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'populi-config-'))
})
afterEach(() => {
  rmSync(dataDir, { recursive: true, force: true })
})

interface Given {
  readonly flags?: ConfigFlags
  readonly env?: Record<string, string>
  readonly toml?: string
}

function load(given: Given = {}): NodeConfig {
  if (given.toml !== undefined) writeFileSync(join(dataDir, 'populi.toml'), given.toml)
  return loadConfig({ dataDir, env: given.env ?? {}, flags: given.flags ?? {} })
}

function refusal(given: Given): CodedError {
  try {
    load(given)
  } catch (error) {
    if (error instanceof CodedError) return error
    throw error
  }
  return expect.fail('the configuration was accepted')
}

describe('layers', () => {
  test('without flags, environment and file a node listens on loopback only and executes nothing remotely', () => {
    expect(load()).toEqual({
      peerHost: '127.0.0.1',
      peerPort: 9846,
      announce: [],
      facadeHost: '127.0.0.1',
      facadePort: 9847,
      announceUrls: [],
      preset: 'lan',
      timings: PRESETS.lan,
      leaseTtlMs: 120_000,
      driftRatio: 0.01,
      stopGraceMs: 2000,
      voterPolicy: 'auto',
      witness: false,
      remoteExecute: false,
      leaseGating: false,
      logLevel: 'info',
    })
  })

  test('a flag beats the environment, the environment the file, the file the default', () => {
    const toml = '[peer]\nport = 1001\n[log]\nlevel = "warn"\n[timing]\npreset = "wan"\n'
    const env = { POPULI_PEER_PORT: '1002', POPULI_LOG_LEVEL: 'error' }
    const config = load({ toml, env, flags: { peerPort: '1003' } })
    expect(config.peerPort).toBe(1003)
    expect(config.logLevel).toBe('error')
    expect(config.timings).toBe(PRESETS.wan)
    expect(config.facadePort).toBe(9847)
  })

  test('a variable that is set but blank counts as not set', () => {
    expect(load({ toml: 'peer.port = 1001', env: { POPULI_PEER_PORT: '  ' } }).peerPort).toBe(1001)
  })

  test('the new name of a variable beats its legacy name, and the legacy name works alone', () => {
    const legacy = { VOX_MESH_A2A_LEASE_MS: '3000' }
    expect(load({ env: legacy }).leaseTtlMs).toBe(3000)
    expect(load({ env: { ...legacy, POPULI_LEASE_TTL_MS: '4000' } }).leaseTtlMs).toBe(4000)
    expect(load({ env: { ...legacy, POPULI_LEASE_TTL_MS: '' } }).leaseTtlMs).toBe(3000)
  })
})

describe('values', () => {
  test.each([
    ['1', true],
    ['true', true],
    ['TRUE', true],
    ['0', false],
    ['false', false],
    ['False', false],
  ])('the switch of remote execution set to %s means %s', (text, means) => {
    const env = {
      VOX_ORCHESTRATOR_MESH_REMOTE_EXECUTE_EXPERIMENTAL: text,
      VOX_ORCHESTRATOR_MESH_REMOTE_LEASE_GATING_ENABLED: text,
    }
    // The file says the opposite, so that a switch that is not read shows.
    const config = load({ env, toml: `[remote]\nexecute = ${!means}\nleaseGating = ${!means}` })
    expect(config.remoteExecute).toBe(means)
    expect(config.leaseGating).toBe(means)
  })

  test('a list is an array in the file and separated by commas elsewhere', () => {
    const both = ['/ip4/10.0.0.1/tcp/9846', '/dns4/nas.lan/tcp/1']
    expect(load({ toml: `peer.announce = ${JSON.stringify(both)}` }).announce).toEqual(both)
    expect(load({ env: { POPULI_PEER_ANNOUNCE: both.join(', ') } }).announce).toEqual(both)
    expect(load({ flags: { announceUrls: 'http://10.0.0.1:9847' } }).announceUrls).toEqual([
      'http://10.0.0.1:9847',
    ])
  })

  test.each(Object.keys(PRESETS))('the preset %s can be chosen', (preset) => {
    expect(load({ flags: { preset } }).preset).toBe(preset)
  })

  test('a lease TTL of the environment outside the range of the older populi moves to its nearest end', () => {
    expect(load({ env: { VOX_MESH_A2A_LEASE_MS: '1' } }).leaseTtlMs).toBe(1000)
    expect(load({ env: { VOX_MESH_A2A_LEASE_MS: '99999999' } }).leaseTtlMs).toBe(3_600_000)
    expect(refusal({ flags: { leaseTtlMs: '1' } }).code).toBe('config.invalid')
    expect(refusal({ env: { VOX_MESH_A2A_LEASE_MS: 'soon' } }).code).toBe('config.invalid')
  })

  test('the grace between TERM and KILL shrinks with a short lease and is refused when it was chosen too long', () => {
    expect(load({ flags: { leaseTtlMs: '4000' } }).stopGraceMs).toBe(1000)
    expect(load({ flags: { leaseTtlMs: '4000', stopGraceMs: '1000' } }).stopGraceMs).toBe(1000)
    const error = refusal({ flags: { leaseTtlMs: '4000', stopGraceMs: '1001' } })
    expect(error.message).toBe('lease.stopGraceMs is "1001" (with a lease.ttlMs of 4000)')
    expect(error.hint).toContain('here 1000')
  })

  test.each<[string, Given]>([
    ['a port that is too high', { flags: { peerPort: '65536' } }],
    ['a port with a sign', { flags: { peerPort: '-1' } }],
    ['a port in hexadecimal', { flags: { peerPort: '0x10' } }],
    ['an empty flag', { flags: { facadePort: '' } }],
    ['a name instead of an address', { flags: { peerHost: 'localhost' } }],
    ['a switch that says yes', { flags: { remoteExecute: 'yes' } }],
    ['a preset that does not exist', { flags: { preset: 'moon' } }],
    ['a voter policy that does not exist', { flags: { voterPolicy: 'maybe' } }],
    ['a witness that must not vote', { flags: { witness: '1', voterPolicy: 'never' } }],
    ['a witness that executes', { flags: { witness: '1', remoteExecute: '1' } }],
    ['a drift bound above a tenth', { flags: { driftRatio: '0.2' } }],
    ['a drift bound of nothing', { flags: { driftRatio: '0' } }],
    ['an announced address that is no multiaddr', { flags: { announce: '10.0.0.1:9846' } }],
    ['an announced URL of another protocol', { flags: { announceUrls: 'ftp://10.0.0.1' } }],
    ['a list where one value is meant', { toml: 'peer.port = [1, 2]' }],
    ['a date where a number is meant', { toml: 'peer.port = 2026-11-20' }],
    ['a number with a fraction where a whole one is meant', { toml: 'peer.port = 1.5' }],
    ['too many announced addresses', { flags: { announce: Array(17).fill('/ip4/10.0.0.1/tcp/1').join() } }],
  ])('%s is refused', (_, given) => {
    expect(refusal(given).code).toBe('config.invalid')
  })
})

test('a witness is a voter before others', () => {
  expect(load({ env: { POPULI_WITNESS: '1' } })).toMatchObject({ witness: true, voterPolicy: 'always' })
})

describe('errors', () => {
  test.each<[string, Given, string]>([
    ['flag', { flags: { peerPort: 'x' } }, 'peer.port is "x" (flag --peer-port)'],
    ['variable', { env: { POPULI_PEER_PORT: 'x' } }, 'peer.port is "x" (environment POPULI_PEER_PORT)'],
  ])('a bad value names its key, what it got and the %s it came from', (_, given, message) => {
    const error = refusal(given)
    expect(error.message).toBe(message)
    expect(error.hint).toContain('0 to 65535')
    expect(error.exitCode).toBe(2)
  })

  test('a bad value of the file names the file', () => {
    const error = refusal({ toml: '[peer]\nport = "x"' })
    expect(error.message).toBe(`peer.port is "x" (${join(dataDir, 'populi.toml')})`)
  })

  test.each([
    ['a key', '[peer]\nprot = 1', 'peer.prot'],
    ['a key outside of its table', 'port = 1', 'port'],
    ['a value where a table is meant', 'peer = 1', 'peer'],
    ['a table inside of a setting', '[peer.port]\nx = 1', 'peer.port.x'],
  ])('%s that nothing reads is an error that lists the known ones', (_, toml, key) => {
    const error = refusal({ toml })
    expect(error.code).toBe('config.unknown_key')
    expect(error.details['key']).toBe(key)
    expect(error.hint).toContain('peer.port')
  })

  test('broken TOML is shown with its line', () => {
    const error = refusal({ toml: '[peer]\nport = = 1\n' })
    expect(error.code).toBe('config.invalid')
    expect(error.message).toContain(`line 2 of ${join(dataDir, 'populi.toml')} is "port = = 1"`)
  })

  test('a configuration file that cannot be read is refused, not passed over', () => {
    // A folder in place of the file: unreadable for root as well.
    mkdirSync(join(dataDir, 'populi.toml'))
    const error = refusal({})
    expect(error.code).toBe('config.invalid')
    expect(error.message).toContain('EISDIR')
  })
})

describe('settings of a program', () => {
  const fromProgram = (settings: NodeSettings): NodeConfig =>
    loadConfig({ dataDir, env: {}, flags: flagsOf(settings), flagsFrom: 'program' })

  test('are values, checked like text, and win like flags', () => {
    writeFileSync(join(dataDir, 'populi.toml'), 'lease.ttlMs = 9000\npeer.port = 1')
    const config = fromProgram({
      peerPort: 0,
      announce: ['/ip4/100.64.0.7/tcp/1', '/ip4/100.64.0.8/tcp/2'],
      remoteExecute: true,
      driftRatio: 0.02,
      stopGraceMs: undefined,
    })
    expect(config).toMatchObject({ peerPort: 0, remoteExecute: true, driftRatio: 0.02, leaseTtlMs: 9000 })
    expect(config.announce).toEqual(['/ip4/100.64.0.7/tcp/1', '/ip4/100.64.0.8/tcp/2'])
    expect(config.stopGraceMs).toBe(2000)
  })

  test('that do not fit are refused with where they came from', () => {
    expect(() => fromProgram({ leaseTtlMs: 1 })).toThrow('lease.ttlMs is "1" (setting of createNode)')
  })
})
