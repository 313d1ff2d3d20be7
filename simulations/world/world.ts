/**
 * The world of one run: machines, the network between them, real time, and whoever observes. Everything in it comes from one
 * seed, by a stream of randomness of its own for the network, each disk, each machine; so what one of them draws does
 * not shift what another one does.
 */
import { type LeaseId, present, type Random, type ScopeKey, type TaskId } from '../../src/base/index.ts'
import type { NodeConfig } from '../../src/node/config/index.ts'
import type { Configuration, RaftOptions, RaftStatus } from '../../src/raft/index.ts'
import type { Observation, ObservedFact, Observer } from '../observation.ts'
import { EventQueue } from './event-queue.ts'
import { founderLog } from './foundation.ts'
import { HardwareClock } from './hardware-clock.ts'
import { Machine } from './machine.ts'
import { Network } from './network.ts'
import type { PathQuality } from './path.ts'
import { type DiskQuality, VirtualDisk } from './virtual-disk.ts'

/** Boot clocks of machines differ: each has been on for another time. */
const UPTIME_MS_MAX = 100_000_000

export interface WorldInit {
  readonly random: Random
  /** The first founds the mesh; all of them are admitted. */
  readonly names: readonly string[]
  readonly config: NodeConfig
  /** Of machines that are carried about: they never vote. */
  readonly neverVote: readonly string[]
  readonly raftOptions: Partial<RaftOptions>
  readonly paths: PathQuality
  readonly disks: DiskQuality
  /** Rates of boot clocks are drawn from 1 ± this. */
  readonly clockRateSpread: number
  readonly observers: readonly Observer[]
}

export class World {
  readonly queue = new EventQueue()
  readonly network: Network
  readonly machines: Machine[] = []
  /** What nodes did that no fault excuses. */
  readonly defects: string[] = []
  private readonly keyOfLease = new Map<LeaseId, ScopeKey>()
  private readonly taskOfKey = new Map<string, TaskId>()
  private readonly init: WorldInit
  private readonly random: Random

  private constructor(init: WorldInit) {
    this.init = init
    this.random = init.random
    this.network = new Network(this.queue, this.random.fork(), init.paths)
  }

  static async create(init: WorldInit): Promise<World> {
    const world = new World(init)
    for (const name of init.names) await world.add(name, init.names)
    return world
  }

  observe(fact: ObservedFact): void {
    const observation: Observation = { ...fact, atMs: this.queue.nowMs }
    for (const observer of this.init.observers) observer.observe(observation)
  }

  machine(index: number): Machine {
    return present(this.machines[index % this.machines.length], 'a machine of this world')
  }

  /** The machine whose node leads, as the world sees it: of two that believe so, the one in the newer term. */
  leader(): Machine | undefined {
    let newest: { machine: Machine; term: number } | undefined
    for (const machine of this.machines) {
      const status = machine.running?.core.status
      if (status?.role === 'leader' && status.term > (newest?.term ?? 0))
        newest = { machine, term: status.term }
    }
    return newest?.machine
  }

  /** The last one that any running node knows; `undefined` while a change is not final there, or nobody leads. */
  newestConfiguration(): Configuration | undefined {
    const known = this.machines.flatMap(({ running }) => running?.core.status ?? [])
    const newest = known.reduce<RaftStatus | undefined>(
      (best, one) => (one.configurationIndex > (best?.configurationIndex ?? 0) ? one : best),
      undefined,
    )
    const isFinal = newest !== undefined && newest.configurationIndex <= newest.commitIndex
    return isFinal && newest.configuration.votersOutgoing.length === 0 ? newest.configuration : undefined
  }

  /** A machine with a disk of its own, switched off. @param knows of the others, as from its enrolment. */
  async add(name: string, knows: readonly string[]): Promise<Machine> {
    const { random, queue, network } = this
    const { config, neverVote, raftOptions, disks, clockRateSpread } = this.init
    const own = random.fork()
    const rate = 1 + (2 * own.float() - 1) * clockRateSpread
    const disk = new VirtualDisk(queue, own.fork(), disks, `the disk of ${name}`)
    await disk.prepare(async (stores) => {
      if (this.machines.length === 0) await stores.log.append(founderLog(knows))
    })
    const machine = new Machine({
      name,
      queue,
      network,
      random: own.fork(),
      clock: new HardwareClock(queue, rate, own.integer(0, UPTIME_MS_MAX)),
      disk,
      config: neverVote.includes(name) ? { ...config, voterPolicy: 'never' } : config,
      raftOptions,
      knows,
      observe: (fact) => this.observe(fact),
      keyOfLease: this.keyOfLease,
      taskOfKey: this.taskOfKey,
      defect: (message) => this.defects.push(message),
    })
    this.machines.push(machine)
    network.add(machine)
    this.observe({ type: 'node-declared', node: machine.peer, name })
    this.observe({ type: 'clock-rate', node: machine.peer, rate })
    return machine
  }

  /** @param isOver asked after each event; `true` ends the run there. */
  async run(untilMs: number, isOver: () => boolean): Promise<void> {
    await this.queue.run(untilMs, isOver)
  }
}
