/** Members over real hosts on loopback: who moves is found again through others, without any restart of theirs. */
import { afterEach, expect, test, vi } from 'vitest'
import { type NodeId, type PeerId, Random, SystemClock, silentLogger } from '../../src/base/index.ts'
import { MEMBERSHIP_PRESETS } from '../../src/membership/index.ts'
import { MeshNetwork, peerIdOfSeed } from '../../src/net/index.ts'
import type { NetSettings } from '../../src/net/settings.ts'
import { AddressBook } from '../../src/node/address-book.ts'
import { recordSigner, SigningKey } from '../../src/node/identity/index.ts'
import { LinkWatch } from '../../src/node/link-watch.ts'
import { MembershipDriver } from '../../src/node/membership-driver.ts'
import { SystemScheduler } from '../../src/node/ports.ts'
import { RosterBook } from '../../src/node/roster-book.ts'
import type { MetaStore } from '../../src/store/index.ts'
import { SCOPE, seeds, WAIT } from '../net/support.ts'

const KEYS = seeds(3)
const PEERS = KEYS.map(peerIdOfSeed)
const NAMES = ['desk', 'attic', 'laptop'] as NodeId[]
const running: Host[] = []

afterEach(async () => {
  for (const host of running.splice(0)) await host.stop()
})

/** Nothing is kept: a restart knows no addresses. */
const forgetful = (): MetaStore =>
  ({ get: () => undefined, put: () => Promise.resolve() }) as unknown as MetaStore

class Host {
  readonly network: MeshNetwork
  readonly membership: MembershipDriver
  readonly addresses: AddressBook

  constructor(which: number, listen: string, life: number, settings: Partial<NetSettings> = {}) {
    const seed = KEYS[which] ?? new Uint8Array(32)
    const [clock, scheduler, logger] = [new SystemClock(), new SystemScheduler(), silentLogger]
    const book = new RosterBook({ verify: () => ({ isAdmin: true }), save: () => Promise.resolve(), logger })
    const network = new MeshNetwork({
      privateKeySeed: seed,
      scopeId: SCOPE,
      listen: [listen],
      isAdmitted: (peer) => book.isAdmitted(peer),
      logger,
      random: new Random(which),
      clock,
      settings: { dialGraceMs: 100, redialMsMin: 20, redialMsMax: 300, ...settings },
    })
    for (const protocol of ['raft', 'snapshot', 'rpc', 'task'] as const)
      network.onMessage(protocol, () => undefined)
    const addresses = new AddressBook({ meta: forgetful(), roster: book, logger })
    addresses.onChanged(() =>
      network.setPeers(PEERS.map((peer) => ({ peer, addresses: addresses.addressesOf(peer) }))),
    )
    book.add(
      PEERS.map((peer, at) => ({
        peer,
        nodeId: NAMES[at] ?? ('' as NodeId),
        statement: new Uint8Array(1),
        signature: new Uint8Array(1),
        addresses: [],
      })),
    )
    const events = { record: () => undefined }
    this.membership = new MembershipDriver({
      transport: network,
      book,
      clock,
      scheduler,
      random: new Random(which),
      logger,
      life,
      keepLife: () => Promise.resolve(),
      options: MEMBERSHIP_PRESETS.local,
      signer: recordSigner(SigningKey.fromSeed(seed)),
      links: new LinkWatch({ transport: network, nameOf: (peer) => book.nodeIdOf(peer), events, logger }),
      ownRecord: () => ({
        id: NAMES[which] ?? '',
        capabilities: {},
        version: '0',
        last_seen_unix_ms: 0,
        peer_id: network.self,
        addresses: network.addresses(),
      }),
      onRecord: (peer, record) => addresses.learn(peer, record),
      onOrders: () => undefined,
      onChanged: () => undefined,
      fatal: (error) => expect.unreachable(error.message),
    })
    this.network = network
    this.addresses = addresses
  }

  /** As if a person had told it where one other is, once. */
  introduce(peer: PeerId, addresses: readonly string[]): void {
    this.addresses.learn(peer, { id: '', capabilities: {}, version: '0', last_seen_unix_ms: 0, addresses })
  }

  async start(): Promise<this> {
    running.push(this)
    await this.network.start()
    this.membership.start()
    return this
  }

  async stop(): Promise<void> {
    this.membership.stop()
    await this.network.stop()
  }

  sees(peer: PeerId): string | undefined {
    return this.membership.member(peer)?.status
  }
}

const [DESK, ATTIC, LAPTOP] = PEERS as [PeerId, PeerId, PeerId]

test.each([
  // Only what the record says, which comes from a third node by anti-entropy or its gossip.
  ['records of others', { lookupAfterFailures: 1_000_000 }],
  ['records of others and the Kad-DHT', { lookupAfterFailures: 1 }],
])(
  'a node that moves to another address and port, and knows one other, is found by all (%s)',
  async (_, settings) => {
    const desk = await new Host(0, '/ip4/127.0.0.1/tcp/0', 1, settings).start()
    const attic = await new Host(1, '/ip4/127.0.0.2/tcp/0', 1, settings).start()
    const laptop = await new Host(2, '/ip4/127.0.0.3/tcp/0', 1, settings).start()
    desk.introduce(ATTIC, attic.network.addresses())
    attic.introduce(LAPTOP, laptop.network.addresses())
    await vi.waitFor(() => {
      for (const host of [desk, attic, laptop])
        for (const peer of PEERS) expect(host.sees(peer)).toBe('alive')
      for (const host of [desk, attic, laptop]) expect(host.network.connectedPeers()).toHaveLength(2)
    }, WAIT)

    // The power goes: no goodbye. It comes back elsewhere, without an address book, and is told where the attic is.
    await laptop.network.stop()
    await vi.waitFor(() => expect([desk.sees(LAPTOP), attic.sees(LAPTOP)]).toEqual(['dead', 'dead']), WAIT)
    laptop.membership.stop()
    const moved = await new Host(2, '/ip4/127.0.0.9/tcp/0', 2, settings).start()
    moved.introduce(ATTIC, attic.network.addresses())
    await vi.waitFor(() => {
      for (const host of [desk, attic, moved]) for (const peer of PEERS) expect(host.sees(peer)).toBe('alive')
      expect(desk.network.linkOf(LAPTOP)?.path).toBe('loopback')
      expect(moved.network.isConnected(DESK)).toBe(true)
      expect(desk.addresses.addressesOf(LAPTOP)).toEqual(moved.network.addresses())
    }, WAIT)
  },
)
