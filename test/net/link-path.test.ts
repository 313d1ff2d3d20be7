import type { NetworkInterfaceInfo } from 'node:os'
import { expect, test } from 'vitest'
import { isWorsePath, LINK_PATHS, pathOf } from '../../src/net/link-path.ts'

const on = (address: string, cidr: string): NetworkInterfaceInfo => {
  const family = address.includes(':') ? { family: 'IPv6' as const, scopeid: 0 } : { family: 'IPv4' as const }
  return { address, cidr, netmask: '', mac: '00:00:00:00:00:00', internal: false, ...family }
}

const INTERFACES = {
  lo: [on('127.0.0.1', '127.0.0.1/8'), on('::1', '::1/128')],
  eth0: [
    on('192.168.1.5', '192.168.1.5/24'),
    on('fe80::5', 'fe80::5/64'),
    on('2001:db8:1::5', '2001:db8:1::5/64'),
  ],
  eth1: [on('203.0.113.5', '203.0.113.5/24')],
  wg0: [on('10.8.0.5', '10.8.0.5/24'), on('fd00:8::5', 'fd00:8::5/64')],
  tailscale0: [on('100.101.102.103', '100.101.102.103/32')],
  ztabcdef: [on('10.147.17.5', '10.147.17.5/24')],
}

const path = (remote: string, local?: string, isRelayed = false) =>
  pathOf({ remote, local, isRelayed }, INTERFACES)

test.each([
  ['loopback', '127.0.0.2', '127.0.0.1'],
  ['loopback', '::1', '::1'],
  ['loopback', '::ffff:127.0.0.1', undefined],
  ['lan', '192.168.1.9', '192.168.1.5'],
  ['lan', '192.168.1.9', undefined],
  ['lan', 'fe80::9%eth0', 'fe80::5%eth0'],
  ['overlay', '100.64.0.1', undefined],
  ['overlay', '100.127.255.254', '100.101.102.103'],
  ['overlay', 'fd7a:115c:a1e0::9', undefined],
  ['internet', '100.128.0.1', undefined],
  ['internet', '100.63.255.255', undefined],
  ['internet', '198.51.100.7', '192.168.1.5'],
  ['internet', '2001:db8:2::9', '2001:db8:1::5'],
])('%s: %s from %s', (expected, remote, local) => {
  expect(path(remote, local)).toBe(expected)
})

test('an own address, whatever it looks like, is on this machine', () => {
  expect(path('192.168.1.5')).toBe('loopback')
  expect(path('203.0.113.5', '203.0.113.5')).toBe('loopback')
})

test('private addresses are an overlay when they go out through one', () => {
  expect(path('10.8.0.9')).toBe('overlay')
  expect(path('fd00:8::9', 'fd00:8::5')).toBe('overlay')
  expect(path('10.147.17.9')).toBe('overlay')
  // Behind the other end of a tunnel: only the own end tells.
  expect(path('192.168.77.9', '10.8.0.5')).toBe('overlay')
  expect(path('192.168.77.9', '::ffff:10.8.0.5')).toBe('overlay')
  expect(path('192.168.77.9')).toBe('lan')
})

test('public addresses on the same link are a LAN', () => {
  expect(path('203.0.113.9', '203.0.113.5')).toBe('lan')
  expect(path('2001:db8:1::9')).toBe('lan')
})

test('a relay counts, wherever it stands', () => {
  expect(path('192.168.1.9', '192.168.1.5', true)).toBe('relayed')
})

test('paths have an order: later is worse, the same is not', () => {
  for (const [at, better] of LINK_PATHS.entries()) {
    expect(isWorsePath(better, better)).toBe(false)
    for (const worse of LINK_PATHS.slice(at + 1)) {
      expect([isWorsePath(worse, better), isWorsePath(better, worse)]).toEqual([true, false])
    }
  }
})
