/** The small decisions, without a network. */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bootMs, Random } from '../../src/base/index.ts'
import { AbuseLedger } from '../../src/net/abuse-ledger.ts'
import { addressOfPeer, announced, listenAddress, nearestFirst } from '../../src/net/addresses.ts'
import { isChooser, replaces } from '../../src/net/arbitration.ts'
import { backoffMs } from '../../src/net/backoff.ts'
import { reasonOf } from '../../src/net/failure.ts'
import { peerIdOfSeed } from '../../src/net/index.ts'
import { DEFAULT_SETTINGS } from '../../src/net/settings.ts'

const seed = (value: number) => new Uint8Array(32).fill(value)
const [one, two] = [peerIdOfSeed(seed(1)), peerIdOfSeed(seed(2))]

test("a seed's peer id is the one that libp2p derives", async () => {
  for (const value of [0, 1, 77, 255]) {
    const key = await generateKeyPairFromSeed('Ed25519', seed(value))
    expect(peerIdOfSeed(seed(value))).toBe(peerIdFromPrivateKey(key).toString())
  }
})

describe('arbitration', () => {
  test('exactly one side of a pair chooses', () => {
    expect(isChooser(one, two)).not.toBe(isChooser(two, one))
  })

  const inUse = (direction: 'inbound' | 'outbound', ageMs: number, isOpen = true) => ({
    direction,
    ageMs,
    isOpen,
  })

  test('both dialled at once: the connection that came first stays', () => {
    expect(replaces(inUse('outbound', 10), 'inbound', 5000)).toBe(false)
    expect(replaces(inUse('inbound', 10), 'outbound', 5000)).toBe(false)
  })

  test('the other side dials later: it has lost the connection in use, which goes', () => {
    expect(replaces(inUse('outbound', 5001), 'inbound', 5000)).toBe(true)
    expect(replaces(inUse('inbound', 10), 'inbound', 5000)).toBe(true)
  })

  test('a connection that is not open never stays', () => {
    expect(replaces(inUse('outbound', 10, false), 'outbound', 5000)).toBe(true)
  })
})

describe('abuse', () => {
  const settings = {
    ...DEFAULT_SETTINGS,
    violationsMax: 3,
    abuseWindowMs: 1000,
    barredMsMin: 100,
    barredMsMax: 250,
  }
  const at = (ledger: AbuseLedger, ...times: number[]) =>
    times.map((time) => ledger.record(one, bootMs(time)))

  test('some violations within the window shut the peer out, for longer each time up to the maximum', () => {
    const ledger = new AbuseLedger(settings)
    expect(at(ledger, 0, 1, 2)).toEqual([false, false, true])
    expect(ledger.isBarred(one, bootMs(101))).toBe(true)
    expect(ledger.isBarred(one, bootMs(102))).toBe(false)
    expect(at(ledger, 200, 201, 202)).toEqual([false, false, true])
    expect(ledger.isBarred(one, bootMs(401))).toBe(true)
    expect(at(ledger, 500, 501, 502)).toEqual([false, false, true])
    expect(ledger.isBarred(one, bootMs(751))).toBe(true)
    expect(ledger.isBarred(one, bootMs(752))).toBe(false)
    expect(ledger.isBarred(two, bootMs(3))).toBe(false)
  })

  test('violations that lie far apart do not add up', () => {
    expect(at(new AbuseLedger(settings), 0, 1, 1002, 1003, 2005)).toEqual([false, false, false, false, false])
  })

  test('a peer that is no longer admitted is forgotten', () => {
    const ledger = new AbuseLedger(settings)
    at(ledger, 0, 1, 2)
    ledger.keepOnly((peer) => peer !== one)
    expect(ledger.isBarred(one, bootMs(3))).toBe(false)
  })
})

describe('addresses', () => {
  test('an address of a peer gets its id, and one that names another peer is refused', () => {
    expect(addressOfPeer(one, '/ip4/10.0.0.1/tcp/9846')?.toString()).toBe(`/ip4/10.0.0.1/tcp/9846/p2p/${one}`)
    expect(addressOfPeer(one, `/dns4/nas.lan/tcp/1/p2p/${one}`)?.toString()).toBe(
      `/dns4/nas.lan/tcp/1/p2p/${one}`,
    )
    expect(addressOfPeer(one, `/ip4/10.0.0.1/tcp/9846/p2p/${two}`)).toBeUndefined()
    for (const bad of ['', 'x', '/ip4/10.0.0.1/udp/1', '/ip4/10.0.0.1', `/ip4/${'1'.repeat(600)}/tcp/1`])
      expect(addressOfPeer(one, bad)).toBeUndefined()
  })

  test('both families and names can be listened on', () => {
    for (const good of ['/ip4/0.0.0.0/tcp/0', '/ip6/::1/tcp/9846', '/dns4/localhost/tcp/9846'])
      expect(listenAddress(good, 'listen address').toString()).toBe(good)
  })

  test('loopback and link-local are told only if there is nothing else', () => {
    const all = [
      '/ip4/127.0.0.1/tcp/1',
      '/ip4/169.254.1.1/tcp/1',
      '/ip4/10.0.0.1/tcp/1',
      '/ip4/100.64.0.1/tcp/1',
    ]
    const texts = (list: readonly string[]) => announced(list.map((each) => multiaddr(each))).map(String)
    expect(texts(all)).toEqual(all.slice(2))
    expect(texts(all.slice(0, 1))).toEqual(all.slice(0, 1))
  })

  test('this machine, then the private network, then the overlay, then the rest', () => {
    const order = [
      '/ip4/127.0.0.1/tcp/1',
      '/ip4/192.168.1.2/tcp/1',
      '/ip4/100.100.1.2/tcp/1',
      '/ip4/8.8.8.8/tcp/1',
    ]
    const sorted = [...order].reverse().map((text) => ({ multiaddr: multiaddr(text) }))
    expect(sorted.sort(nearestFirst).map(({ multiaddr: each }) => each.toString())).toEqual(order)
  })
})

test('back-off doubles up to its maximum, of which a random upper half counts', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 5000 }), (randomSeed, failures) => {
      const full = Math.min(30_000, 100 * 2 ** Math.min(failures - 1, 30))
      const pause = backoffMs(new Random(randomSeed), failures, 100, 30_000)
      expect(pause).toBeGreaterThanOrEqual(full / 2)
      expect(pause).toBeLessThanOrEqual(full)
    }),
  )
})

test('every rejection of libp2p has a reason, Events too', () => {
  const close = Object.assign(new Event('close'), { error: new RangeError('reset') })
  expect(reasonOf(close)).toBe('reset')
  expect(reasonOf(new Event('close'))).toBe('event "close"')
  expect(reasonOf(new AggregateError([new RangeError('one'), close], 'all failed'))).toBe('one; reset')
  expect(reasonOf(Object.assign(new RangeError('x'), { message: '' }))).toBe('RangeError')
  expect(reasonOf('text')).toBe('text')
})
