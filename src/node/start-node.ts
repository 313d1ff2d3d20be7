/**
 * Starts a node in a data directory: opens what is on disk, composes the node over libp2p, LevelDB and the guardian, and
 * lets its owner and legacy clients in. What was started is stopped in reverse order, also when a later step fails.
 */
import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import {
  type Clock,
  CodedError,
  LIMITS,
  type Logger,
  type NodeId,
  Random,
  SystemClock,
  toCodedError,
} from '../base/index.ts'
import type { FunctionHandler, FunctionRegistry } from '../exec/index.ts'
import { createFacade, type EnrolHandler, type Facade } from '../http/index.ts'
import type { NodeRecord } from '../membership/index.ts'
import { MeshNetwork } from '../net/index.ts'
import { type MetaStore, type NodeStores, openStores } from '../store/index.ts'
import { createLogger } from '../telemetry/index.ts'
import { type ConfigFlags, loadConfig, type NodeConfig } from './config/index.ts'
import { createControlServer, type NodeControl, type StatusView } from './control/index.ts'
import { Enrolment } from './enrolment.ts'
import { EventLog } from './event-log.ts'
import { createExecutionParts, type ExecutionParts } from './execution-parts.ts'
import { credentialOf, eventsPath, storePath } from './folder.ts'
import { type Identity, keepRootKey, loadIdentity, recordSigner } from './identity/index.ts'
import { LocalControl } from './local-control.ts'
import { MeshNode } from './mesh-node.ts'
import { type Scheduler, SystemScheduler } from './ports.ts'
import { RosterBook } from './roster-book.ts'
import { loadRoster, saveRoster } from './roster-store.ts'
import { unpredictableTaskIds } from './task-ids.ts'
import { VERSION } from './version.ts'
import { type WithheldDevice, withheldFields } from './withheld-devices.ts'

/** Of the count of this node's lives, of which its incarnations are made. */
const LIFE_KEY = 'incarnation'

/** What a program that embeds the node brings along. */
interface Program {
  /** Registered before the node takes any work. */
  readonly functions: Readonly<Record<string, FunctionHandler | URL>>
  /** Instead of the node's own log. */
  readonly logger: Logger | undefined
}

export interface RunningNode {
  readonly control: NodeControl
  /** As it was when everything was up. */
  readonly ready: StatusView
  /** Resolves after `stop`; rejects with the `CodedError` that made the node stop by itself. */
  readonly stopped: Promise<void>
  stop(): Promise<void>
}

/** A running node with what only a program in the same process may have. */
export interface EmbeddableNode extends RunningNode {
  readonly node: MeshNode
  readonly functions: FunctionRegistry
  readonly config: NodeConfig
  readonly book: RosterBook
}

/**
 * @throws CodedError `store.absent`, `store.in_use`, `store.corrupt`, `net.port_in_use`, `config.*`, …
 */
export async function startNode(options: {
  dataDir: string
  flags: ConfigFlags
  program?: Program
}): Promise<EmbeddableNode> {
  const { program } = options
  const dataDir = resolve(options.dataDir)
  const flagsFrom = program === undefined ? 'command line' : 'program'
  const config = loadConfig({ dataDir, env: process.env, flags: options.flags, flagsFrom })
  const lifecycle = new Lifecycle(config)
  try {
    const up = await bringUp(dataDir, config, lifecycle, program)
    return { ...up, stopped: lifecycle.stopped, stop: () => lifecycle.stop() }
  } catch (thrown) {
    await lifecycle.unwind()
    throw thrown
  }
}

/** What has to be undone, and whether it was. */
class Lifecycle {
  readonly stopped: Promise<void>
  readonly patience: () => Promise<void>
  private readonly undo: (() => Promise<void>)[] = []
  private stopping: Promise<void> | undefined
  private settle: (failure: CodedError | undefined) => void = () => undefined

  constructor(config: NodeConfig) {
    this.stopped = new Promise((resolve, reject) => {
      this.settle = (failure) => (failure === undefined ? resolve() : reject(failure))
    })
    this.stopped.catch(() => undefined)
    // TERM, grace, KILL and proof of what runs here, and a commit or two to give leases back.
    this.patience = () => new Promise((resolve) => setTimeout(resolve, config.stopGraceMs + 3000).unref())
  }

  onStop(undo: () => Promise<void>): void {
    this.undo.push(undo)
  }

  async unwind(): Promise<void> {
    for (const undo of this.undo.splice(0).reverse()) await undo()
  }

  stop(failure?: CodedError): Promise<void> {
    this.stopping ??= this.unwind().then(
      () => this.settle(failure),
      (thrown: unknown) => this.settle(failure ?? toCodedError(thrown)),
    )
    return this.stopping
  }
}

/** What was on disk, and what everything else is built from. */
interface Opened {
  readonly dataDir: string
  readonly config: NodeConfig
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly random: Random
  readonly logger: Logger
  readonly identity: Identity
  readonly stores: NodeStores
  readonly events: EventLog
  /** See `nextLife`. */
  readonly life: number
  readonly book: RosterBook
  readonly fatal: (error: CodedError) => void
}

interface Composed extends ExecutionParts {
  readonly network: MeshNetwork
  readonly facade: Facade
  readonly node: MeshNode
  readonly control: LocalControl
}

async function bringUp(
  dataDir: string,
  config: NodeConfig,
  lifecycle: Lifecycle,
  program: Program | undefined,
): Promise<Omit<EmbeddableNode, 'stopped' | 'stop'>> {
  const opened = await open(dataDir, config, lifecycle, program?.logger)
  const { network, guardian, devices, executor, facade, node, functions, control } = await compose(opened)
  for (const [name, handler] of Object.entries(program?.functions ?? {})) functions.register(name, handler)
  recordStart(opened)
  lifecycle.onStop(async () => recordLife(opened, 'node:stopped'))
  devices.start()
  lifecycle.onStop(async () => devices.stop())
  const leftovers = await guardian.start()
  lifecycle.onStop(() => guardian.stop())
  await network.start()
  lifecycle.onStop(() => network.stop())
  await node.start(await executor.proveLeftovers(leftovers))
  lifecycle.onStop(() => node.stop(lifecycle.patience()))
  await facade.listen({ host: config.facadeHost, port: config.facadePort })
  lifecycle.onStop(() => facade.close())
  const { logger, fatal } = opened
  const onFatal = (error: Error): void => fatal(toCodedError(error))
  const server = createControlServer(control, { dataDir, logger, onFatal })
  await server.start()
  lifecycle.onStop(() => server.stop())
  lifecycle.onStop(async () => recordLife(opened, 'node:stopping'))
  // Nobody is connected yet, so nobody is asked.
  const ready = await control.status(0)
  return { control, node, functions, config, book: opened.book, ready }
}

async function open(
  dataDir: string,
  config: NodeConfig,
  lifecycle: Lifecycle,
  givenLogger: Logger | undefined,
): Promise<Opened> {
  const clock = new SystemClock()
  const identity = await loadIdentity(dataDir, clock.wall())
  const ofNode = { node: identity.nodeId }
  const logger = givenLogger?.child(ofNode) ?? createLogger({ level: config.logLevel, base: ofNode })
  const stores = await openStores(storePath(dataDir), {
    create: false,
    onTrouble: (error) => logger.warn({ err: error }, 'old output of tasks takes room'),
  })
  lifecycle.onStop(() => stores.close())
  const events = await EventLog.open(eventsPath(dataDir), { clock, logger })
  lifecycle.onStop(() => events.close())
  const book = createBook(identity, stores.meta, logger, clock)
  book.onConflict(({ peer, nodeId }, holder) =>
    events.record({
      kind: 'member',
      type: 'member:conflict',
      node: nodeId as NodeId,
      reason: 'enrol.node_id_taken',
      detail: { refused: peer, holder },
    }),
  )
  return {
    dataDir,
    config,
    clock,
    scheduler: new SystemScheduler(),
    random: new Random(randomBytes(4).readUInt32LE()),
    logger,
    identity,
    stores,
    events,
    life: await nextLife(stores, clock),
    book,
    fatal: (error) => {
      logger.error({ err: error }, 'the node stops')
      const { code: reason, message } = error
      events.record({ kind: 'node', type: 'node:failed', node: identity.nodeId, reason, detail: { message } })
      void lifecycle.stop(error)
    },
  }
}

/** Connects the parts; nothing is started yet. */
async function compose(opened: Opened): Promise<Composed> {
  const { dataDir, config, clock, scheduler, random, logger, identity, stores, events, book } = opened
  const network = new MeshNetwork({
    privateKeySeed: identity.key.exportSeed(),
    scopeId: identity.scopeId,
    listen: [listenAddress(config)],
    announce: config.announce,
    isAdmitted: (peer) => book.isAdmitted(peer),
    logger,
    random: random.fork(),
    clock,
  })
  const execution = createExecutionParts(opened)
  const enrol: EnrolHandler = (request, from) => enrolment.enrol(request, from)
  const facade = createFacade({ enrol, clock, logger })
  const facadeUrls = (): readonly string[] => [...config.announceUrls, ...facade.urls()]
  const peerAddresses = (): readonly string[] => network.addresses()
  const node = new MeshNode({
    ...opened,
    savedLog: await stores.log.load(),
    savedState: await stores.state.load(),
    transport: network,
    executor: execution.executor,
    functions: execution.functions,
    random: random.fork(),
    taskIds: unpredictableTaskIds,
    keepLife: (life) => keepLife(stores.meta, life),
    recordSigner: recordSigner(identity.key),
    ownRecord: (runningTasks) =>
      describe(opened, {
        addresses: peerAddresses(),
        facadeUrls: facadeUrls(),
        functions: execution.functions.names,
        runningTasks,
        withheld: execution.devices.withheld(),
      }),
    keepRootKey: (rootKey) => keepRootKey(dataDir, rootKey),
  })
  const enrolment = new Enrolment({
    identity,
    heldRootKey: () => node.rootKeys.rootKey,
    authority: node.client,
    driver: node.authority,
    book,
    addresses: node.addresses,
    ownAddresses: peerAddresses,
    urls: facadeUrls,
    clock,
    scheduler,
    logger: logger.child({ room: 'enrolment' }),
  })
  keepConnected(network, node, opened)
  const control = new LocalControl({
    node,
    enrolment,
    book,
    events,
    devices: execution.devices,
    config,
    clock,
    self: identity,
    version: VERSION,
    dataDir,
    facadeUrls,
    peerAddresses,
  })
  return { ...execution, network, facade, node, control }
}

/** The network is told of every peer of the roster, at the addresses known best, and by membership whom of them to stay connected to. */
function keepConnected(network: MeshNetwork, node: MeshNode, { book, identity }: Opened): void {
  network.setNeighbours([])
  const tell = (): void => {
    const others = book.list().filter(({ peer }) => peer !== identity.peerId)
    network.setPeers(others.map(({ peer }) => ({ peer, addresses: node.addresses.addressesOf(peer) })))
  }
  node.addresses.onChanged(tell)
  tell()
}

function recordStart({ events, identity, life }: Opened): void {
  const before = events.query({ kinds: ['node'], node: undefined, sinceUnixMs: undefined, limit: 1 })[0]
  const afterCrash = before === undefined ? undefined : before.type !== 'node:stopped'
  const detail = { version: VERSION, life, pid: process.pid, afterCrash }
  events.record({ kind: 'node', type: 'node:started', node: identity.nodeId, detail })
}

function recordLife({ events, identity }: Opened, type: 'node:stopping' | 'node:stopped'): void {
  events.record({ kind: 'node', type, node: identity.nodeId })
}

/**
 * Higher in each life, and on disk before anyone hears it. A store that was rebuilt may have lost the last one: then it
 * goes on from the wall clock's seconds, which no count of restarts reaches.
 */
async function nextLife({ meta, rejoin }: NodeStores, clock: Clock): Promise<number> {
  const saved = meta.get(LIFE_KEY)
  const first = rejoin.isPending ? Math.floor(clock.wall() / 1000) : 1
  const next = saved === undefined ? first : Number(new TextDecoder().decode(saved)) + 1
  await keepLife(meta, next)
  return next
}

const keepLife = (meta: MetaStore, life: number): Promise<void> =>
  meta.put(LIFE_KEY, new TextEncoder().encode(String(life)))

function createBook(identity: Identity, meta: MetaStore, logger: Logger, clock: Clock): RosterBook {
  const book = new RosterBook({
    verify: (entry) => {
      const { peerId, nodeId, roles } = credentialOf(identity, entry, clock.wall())
      const isAdmin = roles.some((role) => role === 'admin' || role === 'mesh')
      if (peerId === entry.peer && nodeId === entry.nodeId) return { isAdmin }
      throw new CodedError('credential.invalid', { peer: entry.peer, reason: `it was issued to ${nodeId}` })
    },
    save: (entries) => saveRoster(meta, entries),
    logger,
  })
  book.add(loadRoster(meta))
  return book
}

const listenAddress = ({ peerHost, peerPort }: NodeConfig): string =>
  `/${peerHost.includes(':') ? 'ip6' : 'ip4'}/${peerHost}/tcp/${peerPort}`

function describe(
  { identity, config, clock }: Opened,
  now: {
    addresses: readonly string[]
    facadeUrls: readonly string[]
    functions: readonly string[]
    runningTasks: number
    withheld: readonly WithheldDevice[]
  },
): NodeRecord {
  return {
    id: identity.nodeId,
    capabilities: {},
    version: VERSION,
    last_seen_unix_ms: clock.wall(),
    scope_id: identity.scopeId,
    peer_id: identity.peerId,
    addresses: now.addresses.slice(0, LIMITS.addressesMax),
    facade_urls: now.facadeUrls.slice(0, LIMITS.addressesMax),
    remote_execute: config.remoteExecute && config.leaseGating,
    functions: now.functions,
    running_tasks: now.runningTasks,
    voter_policy: config.voterPolicy,
    witness: config.witness,
    ...withheldFields(now.withheld),
  }
}
