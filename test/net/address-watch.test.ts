import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, expect, test, vi } from 'vitest'
import { present } from '../../src/base/index.ts'
import { hostOf, startPair, stopAll, WAIT } from './support.ts'

afterEach(stopAll)

test('a change of the own addresses is pushed to the peers, who then know where to dial; without one there is nothing to say', async () => {
  const { a, b } = await startPair({ settings: { addressCheckMs: 20 } })
  const before = a.listening()
  const addresses = vi.spyOn(hostOf(a), 'getMultiaddrs')
  await vi.waitFor(() => expect(addresses.mock.calls.length).toBeGreaterThan(3), WAIT)
  expect(a.network.counters['addressChanges']).toBe(0)

  // As after a change of network: the listener's addresses are what the interfaces say.
  const [old] = hostOf(a).getMultiaddrs()
  const moved = present(old, 'an address').toString().replace('127.0.0.1', '127.0.0.7')
  const { components } = hostOf(a) as unknown as {
    components: { addressManager: { getAddresses(): unknown[] } }
  }
  vi.spyOn(components.addressManager, 'getAddresses').mockReturnValue([multiaddr(moved)])
  await vi.waitFor(() => expect(a.network.counters['addressChanges']).toBe(1), WAIT)
  expect(a.network.addresses()).not.toEqual(before)
  await vi.waitFor(async () => {
    const known = await hostOf(b).peerStore.get(present(hostOf(a).peerId, 'a peer id'))
    expect(known.addresses.map(({ multiaddr: address }) => address.toString()).join()).toContain('127.0.0.7')
  }, WAIT)
})
