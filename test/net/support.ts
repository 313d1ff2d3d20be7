/** Real nodes on loopback, and a plain libp2p peer that misbehaves. Everything made here is stopped by `stopAll`. */
import { gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { expect, vi } from 'vitest'
import {
  LIMITS,
  type PeerId,
  present,
  Random,
  type ScopeId,
  SystemClock,
  scopeId,
  silentLogger,
} from '../../src/base/index.ts'
import { CreditAccount, encodeCredit } from '../../src/net/frame.ts'
import { peerIdOfSeed, privateKeyOfSeed } from '../../src/net/identity.ts'
import {
  MeshNetwork,
  type MeshNetworkInit,
  type NetSettings,
  type PeerEvent,
  type Protocol,
} from '../../src/net/index.ts'
import { muxer } from '../../src/net/muxer.ts'
import { gossipTopic, PROTOCOLS, protocolName, servicePrefix } from '../../src/net/protocols.ts'

export const SCOPE: ScopeId = scopeId('testscopetestscope')
export const WAIT = { timeout: 30_000, interval: 20 }

const stops: (() => Promise<void>)[] = []

export async function stopAll(): Promise<void> {
  for (const stop of stops.splice(0)) await stop()
}

/** Seeds whose peer ids rise, so that a test can say who dials. */
export function seeds(count: number): Uint8Array[] {
  const all = Array.from({ length: count }, (_, index) => new Uint8Array(32).fill(index + 1))
  return all.sort((a, b) => (peerIdOfSeed(a) < peerIdOfSeed(b) ? -1 : 1))
}

export interface Received {
  readonly from: PeerId
  readonly text: string
}

/** A node and all that it was told. */
export interface TestNode {
  readonly network: MeshNetwork
  readonly peer: PeerId
  readonly seed: Uint8Array
  readonly messages: Record<Protocol, Received[]>
  readonly gossip: Received[]
  readonly events: PeerEvent[]
  /** What the handlers do besides noting the message; replace it to be slow or to fail. */
  onMessage: (protocol: Protocol, from: PeerId, message: Uint8Array) => void | Promise<void>
  listening(): string[]
}

export interface NodeOptions {
  readonly seed: Uint8Array
  readonly roster: ReadonlySet<PeerId>
  readonly listen?: readonly string[]
  readonly settings?: Partial<NetSettings>
  readonly init?: Partial<MeshNetworkInit>
}

export async function startNode(options: NodeOptions): Promise<TestNode> {
  const node = makeNode(options)
  await node.network.start()
  return node
}

export function makeNode({ seed, roster, listen, settings, init }: NodeOptions): TestNode {
  const network = new MeshNetwork({
    privateKeySeed: seed,
    scopeId: SCOPE,
    listen: listen ?? ['/ip4/127.0.0.1/tcp/0'],
    isAdmitted: (peer) => roster.has(peer),
    logger: silentLogger,
    random: new Random(seed[0] ?? 0),
    clock: new SystemClock(),
    settings: { dialGraceMs: 300, redialMsMin: 20, redialMsMax: 500, ...settings },
    ...init,
  })
  stops.push(() => network.stop())
  const node: TestNode = {
    network,
    seed,
    peer: network.self,
    messages: { raft: [], rpc: [], snapshot: [], task: [], membership: [] },
    gossip: [],
    events: [],
    onMessage: () => undefined,
    listening: () => network.addresses(),
  }
  for (const protocol of PROTOCOLS)
    network.onMessage(protocol, (from, message) => {
      node.messages[protocol].push({ from, text: text(message) })
      return node.onMessage(protocol, from, message)
    })
  network.onGossip((from, message) => node.gossip.push({ from, text: text(message) }))
  network.onPeer((event) => node.events.push(event))
  return node
}

/** `count` started nodes in rising order of peer id that admit each other and are connected. */
export async function startMesh(count: number, options: Partial<NodeOptions> = {}): Promise<TestNode[]> {
  const keys = seeds(count)
  const roster = new Set(keys.map(peerIdOfSeed))
  const nodes: TestNode[] = []
  for (const seed of keys) nodes.push(await startNode({ roster, ...options, seed }))
  await connectAll(nodes)
  return nodes
}

export async function startPair(options: Partial<NodeOptions> = {}): Promise<{ a: TestNode; b: TestNode }> {
  const [a, b] = await startMesh(2, options)
  return { a: present(a, 'the first node'), b: present(b, 'the second node') }
}

/** Makes every node know every other one, and waits until all are connected. */
export async function connectAll(nodes: readonly TestNode[]): Promise<void> {
  for (const node of nodes) {
    const others = nodes.filter((other) => other !== node)
    node.network.setPeers(others.map((other) => ({ peer: other.peer, addresses: other.listening() })))
  }
  for (const node of nodes)
    await vi.waitFor(() => expect(node.network.connectedPeers()).toHaveLength(nodes.length - 1), WAIT)
}

/** The libp2p host inside a node: for breaking things from below, which the public face rightly cannot do. */
export function hostOf(node: TestNode): Libp2p {
  const { running } = node.network as unknown as { running: { host: Libp2p } | undefined }
  return present(running, 'a started node').host
}

/** A peer that speaks libp2p, Noise and gossipsub, but is not our code. */
export async function startRaw(seed: Uint8Array) {
  const host = await createLibp2p({
    privateKey: privateKeyOfSeed(seed),
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [muxer],
    connectionGater: { denyDialMultiaddr: () => false },
    connectionMonitor: { enabled: false },
    services: {
      identify: identify({ protocolPrefix: servicePrefix(SCOPE) }),
      gossipsub: gossipsub({ allowPublishToZeroTopicPeers: true }),
    },
  })
  stops.push(async () => host.stop())
  host.services.gossipsub.subscribe(gossipTopic(SCOPE))
  return host
}

export const dial = (host: Libp2p, node: TestNode): Promise<Connection> =>
  host.dial(node.listening().map((address) => multiaddr(address)))

/** A raw peer that admits whoever opens our streams, as a node does. */
export async function startFriendlyRaw(seed: Uint8Array) {
  const host = await startRaw(seed)
  for (const protocol of PROTOCOLS)
    await host.handle(protocolName(SCOPE, protocol), (stream) => {
      stream.send(encodeCredit(LIMITS.peerWindowBytesMax))
    })
  return host
}

/** Opens a protocol's stream and waits for the first credit word. */
export async function openRaw(connection: Connection, protocol: Protocol) {
  const stream = await connection.newStream(protocolName(SCOPE, protocol))
  const account = new CreditAccount(LIMITS.peerCreditBytesMax)
  await new Promise<void>((resolve, reject) => {
    stream.addEventListener('message', ({ data }) => {
      account.push(data.subarray())
      resolve()
    })
    stream.addEventListener('close', () => reject(new Error('the stream closed before it was answered')))
  })
  return { stream, account }
}

/** Resolves when the stream has ended, for whatever reason. */
export function ended(stream: Stream): Promise<void> {
  if (stream.status !== 'open') return Promise.resolve()
  return new Promise((resolve) => stream.addEventListener('close', () => resolve()))
}

export const bytes = (content: string): Uint8Array => new TextEncoder().encode(content)
export const text = (content: Uint8Array): string => new TextDecoder().decode(content)
