/**
 * A group of servers under everything that Raft promises to survive: messages lost, repeated and reordered, links
 * cut, connections that close, servers that crash with their write done or not, disks and state machines that are slow,
 * state machines that are behind their log after a crash, logs that are cut, snapshots that get lost, voters and learners
 * that change, leadership handed over, and a server that loses its store and joins again. One seed gives everything; fault
 * rates are drawn per seed. Safety is judged by `Checker` all the time; `heal` then demands progress.
 */
import { type PeerId, present, Random } from '../../../src/base/index.ts'
import { members } from '../../../src/raft/configuration.ts'
import {
  type Entry,
  RAFT_DEFAULTS,
  type RaftMessage,
  type RaftOptions,
  type ReadId,
  type Ready,
} from '../../../src/raft/index.ts'
import { Checker, Violation } from './checker.ts'
import { EMPTY, Machine, rebuiltLog, savedGroup } from './machine.ts'
import { nameOf } from './names.ts'

export interface SimulationInit {
  readonly seed: number
  /** Members at the start. */
  readonly voters: number
  /** Servers in all; those that are no members begin with empty stores. */
  readonly machines: number
  readonly changesMembers: boolean
  /** Now and then a server that was removed from the group begins again with a rebuilt store. */
  readonly losesStores: boolean
}

/** Small enough that proposals meet them. */
const OPTIONS: RaftOptions = {
  ...RAFT_DEFAULTS,
  maxAppendBytes: 1024,
  maxUncommittedBytes: 4096,
  maxInflightAppends: 3,
  maxInflightBytes: 2048,
  compactEntriesMax: 12,
  compactBytesMax: 3000,
  idlePace: 3,
  idleAfterTicks: 10,
}
const ROUNDS_TO_HEAL_MAX = 400
const PASSES_TO_SETTLE_MAX = 1000

/** What happened in a run: one in which nothing happens proves nothing. */
export interface Tally {
  snapshots: number
  compactions: number
  transfers: number
  reads: number
  rebuilt: number
  writesOverlapped: number
}

export class Simulation {
  readonly machines: readonly Machine[]
  readonly checker: Checker
  readonly tally: Tally = {
    snapshots: 0,
    compactions: 0,
    transfers: 0,
    reads: 0,
    rebuilt: 0,
    writesOverlapped: 0,
  }
  private readonly init: SimulationInit
  private readonly random: Random
  private readonly down = new Set<Machine>()
  private readonly cut = new Set<string>()
  private readonly applying = new Map<Machine, readonly Entry[]>()
  /** By server and read: what was applied anywhere when it was asked for. */
  private readonly reads = new Map<string, number>()
  private readonly rates: {
    readonly lose: number
    readonly repeat: number
    readonly reorder: number
    readonly crash: number
    readonly cut: number
    readonly slowDisk: number
    readonly slowApply: number
    readonly disconnect: number
  }
  private network: RaftMessage[] = []
  private proposals = 0

  constructor(init: SimulationInit) {
    const { seed, voters, machines, changesMembers } = init
    this.init = init
    this.random = new Random(seed)
    this.checker = new Checker(changesMembers ? undefined : Math.floor(voters / 2) + 1)
    const names = Array.from({ length: machines }, (_, at) => `n${at + 1}`)
    const saved = savedGroup(names.slice(0, voters))
    this.machines = names.map(
      (name, at) =>
        new Machine({ name, options: OPTIONS, saved: at < voters ? saved : EMPTY, seed: seed + at }),
    )
    const upTo = (max: number): number => this.random.float() ** 2 * max
    this.rates = {
      lose: upTo(0.3),
      repeat: upTo(0.3),
      reorder: upTo(1),
      crash: upTo(0.01),
      cut: upTo(0.01),
      slowDisk: upTo(0.9),
      slowApply: upTo(0.9),
      disconnect: upTo(0.02),
    }
  }

  /** One random event. */
  step(): void {
    if (this.happens(this.rates.crash)) this.crashOrRestart()
    if (this.happens(this.rates.cut)) this.cutOrMend()
    if (this.happens(this.rates.disconnect)) this.disconnect()
    const dice = this.random.float()
    if (dice < 0.45) this.deliver()
    else if (dice < 0.8) this.work(this.anyUp())
    else if (dice < 0.93) this.tick(this.anyUp())
    else if (dice < 0.965) this.propose()
    else if (dice < 0.978) this.read()
    else if (dice < 0.982) this.transfer()
    else if (dice < 0.984) this.failSnapshot()
    else if (this.init.changesMembers) this.changeMembers()
    for (const machine of this.machines) if (!this.down.has(machine)) this.checker.looked(machine)
  }

  /**
   * Everything is repaired: within a bounded time there is one leader, it commits a new entry, and all members have
   * everything.
   */
  heal(): void {
    this.cut.clear()
    for (const machine of [...this.down]) this.restart(machine)
    let proposed: number | undefined
    for (let round = 0; round < ROUNDS_TO_HEAL_MAX; round++) {
      for (const machine of this.machines) machine.core.tick()
      this.settle()
      const leader = this.leader()
      if (leader === undefined) continue
      const { term, configuration, commitIndex, configurationIndex } = leader.core.status
      if (proposed !== term) {
        const result = leader.core.propose(new TextEncoder().encode('healed'))
        if (result.accepted) proposed = term
        continue
      }
      const { voters, votersOutgoing, learners } = configuration
      // An explicit joint configuration waits for somebody to end it.
      if (votersOutgoing.length > 0) leader.core.leaveJoint()
      const members = this.machines.filter(({ id }) => voters.includes(id) || learners.includes(id))
      const isEven = members.every((machine) => machine.state.index === commitIndex)
      const isOver = votersOutgoing.length === 0 && configurationIndex <= commitIndex
      if (isEven && isOver && this.checker.committed.at(-1)?.term === term) return
    }
    throw new Violation(`liveness: no progress in ${ROUNDS_TO_HEAL_MAX} rounds without faults`)
  }

  /** A tick before the one that the driver is told to wait for may pass unseen. */
  private tick(machine: Machine | undefined): void {
    if (machine === undefined) return
    const { core } = machine
    const due = core.ticksUntilDue
    const before = { ready: core.hasReady(), role: core.status.role, leader: core.status.leader }
    core.tick()
    const { role, leader } = core.status
    if (due === 1 || (core.hasReady() === before.ready && role === before.role && leader === before.leader))
      return
    throw new Violation(`${machine.name} had something to do ${due} ticks before it said so`)
  }

  private deliver(): void {
    if (this.network.length === 0) return
    const at = this.happens(this.rates.reorder) ? this.random.integer(0, this.network.length - 1) : 0
    const message = present(this.network[at], 'a message')
    if (!this.happens(this.rates.repeat)) this.network.splice(at, 1)
    if (this.happens(this.rates.lose) || this.cut.has(link(message))) {
      this.lost(message)
      return
    }
    this.receive(message)
  }

  /** A driver notices when a snapshot could not be delivered: its connection closed. */
  private lost(message: RaftMessage): void {
    if (message.type !== 'install-snapshot') return
    const sender = this.machine(message.from)
    if (!this.down.has(sender)) sender.core.snapshotFailed(message.to)
  }

  private receive(message: RaftMessage): void {
    const machine = this.machine(message.to)
    if (this.down.has(machine)) {
      this.lost(message)
      return
    }
    const result = machine.core.step(message)
    this.checker.stepped(message, result)
    if (result.outcome === 'ignored') this.lost(message)
  }

  /** What a driver does: takes a Ready, or brings a write or an apply to its end. */
  private work(machine: Machine | undefined): void {
    if (machine === undefined) return
    if (machine.core.hasReady() && this.happens(0.7)) {
      this.take(machine)
      return
    }
    if (this.happens(0.5)) this.finishApply(machine)
    else if (machine.held !== undefined && !this.happens(this.rates.slowDisk)) this.finishWrite(machine)
  }

  private take(machine: Machine): void {
    const wasWriting = machine.held !== undefined
    const ready = machine.take()
    if (wasWriting && ready.write === undefined && ready.messages.length > 0) this.tally.writesOverlapped++
    if (ready.compaction !== undefined) this.tally.compactions++
    this.send(ready.messages)
    this.noteReads(machine, ready)
    if (ready.committedEntries.length > 0) {
      this.checker.applies(machine, ready.committedEntries, this.machines)
      this.applying.set(machine, ready.committedEntries)
      if (!this.happens(this.rates.slowApply)) this.finishApply(machine)
    }
    for (const id of machine.wanted) if (this.happens(0.7)) machine.provide(id)
    if (machine.held !== undefined && !this.happens(this.rates.slowDisk)) this.finishWrite(machine)
  }

  private finishApply(machine: Machine): void {
    machine.apply(this.applying.get(machine) ?? [])
    this.applying.delete(machine)
  }

  private finishWrite(machine: Machine): void {
    const write = present(machine.held, 'a write that was begun')
    machine.finish()
    if (write.snapshot !== undefined) this.tally.snapshots++
    this.checker.wrote(machine, write)
  }

  private send(messages: readonly RaftMessage[]): void {
    for (const message of messages) {
      this.checker.sent(message)
      if (message.type === 'timeout-now') this.tally.transfers++
    }
    this.network.push(...messages)
  }

  private propose(): void {
    const text = `${++this.proposals}`.padEnd(this.random.integer(1, 400))
    this.proposer()?.core.propose(new TextEncoder().encode(text))
  }

  private read(): void {
    const machine = this.proposer()
    const result = machine?.core.readIndex()
    if (machine !== undefined && result?.accepted === true)
      this.reads.set(readKey(machine, result.id), this.checker.committed.length)
  }

  private noteReads(machine: Machine, ready: Ready): void {
    for (const { id, index } of ready.reads) {
      this.tally.reads++
      this.checker.read(machine, index, present(this.reads.get(readKey(machine, id)), 'a read'))
    }
  }

  private transfer(): void {
    this.proposer()?.core.transferLeadership(this.anyMachine().id)
  }

  private failSnapshot(): void {
    this.proposer()?.core.snapshotFailed(this.anyMachine().id)
  }

  private changeMembers(): void {
    const leader = this.proposer()
    if (leader === undefined) return
    if (this.happens(0.2)) {
      leader.core.leaveJoint()
      return
    }
    if (this.init.losesStores) this.rebuildOne(leader)
    const voters: PeerId[] = []
    const learners: PeerId[] = []
    for (const { id, disk, core } of this.machines) {
      const dice = this.random.float()
      // Who may not vote yet is no voter: as a voter it could be the one whose vote is missing.
      const { votesFrom = 0 } = disk.load().hardState ?? {}
      const mayVote = core.status.persistedIndex >= votesFrom
      if (dice < 0.5 && mayVote) voters.push(id)
      else if (dice < 0.75) learners.push(id)
    }
    const leave = this.happens(0.3) ? 'explicit' : 'auto'
    leader.core.proposeConfiguration({ voters, learners, leave })
  }

  /**
   * A server that is out of the committed configuration lost its store. The leader tells it a committed index of its own
   * term; before it reaches that, it votes for nobody.
   */
  private rebuildOne(leader: Machine): void {
    const { configuration, configurationIndex, commitIndex, appliedInTerm, appliedIndex, term } =
      leader.core.status
    if (!appliedInTerm || configurationIndex > appliedIndex || commitIndex === 0) return
    const stays = members(configuration)
    const machine = this.machines.find(({ id, core }) => !stays.has(id) && core.status.lastIndex > 0)
    // The leader must really be one: what it says is confirmed by its quorum.
    if (machine === undefined || leader !== this.leader()) return
    machine.wipe(rebuiltLog(term, appliedIndex))
    this.checker.forgot(machine)
    this.connectAnew(machine)
    // Its connections are new.
    this.network = this.network.filter(({ from, to }) => from !== machine.id && to !== machine.id)
    this.applying.delete(machine)
    this.down.delete(machine)
    this.tally.rebuilt++
  }

  /** Mostly the leader, sometimes anybody (who refuses, or leads without knowing better). */
  private proposer(): Machine | undefined {
    return this.happens(0.9) ? this.leader() : this.anyUp()
  }

  private crashOrRestart(): void {
    const fallen = [...this.down][0]
    if (fallen !== undefined && this.happens(0.7)) {
      this.restart(fallen)
      return
    }
    const machine = (this.happens(0.5) ? this.leader() : undefined) ?? this.anyMachine()
    if (this.down.has(machine)) return
    this.down.add(machine)
    this.applying.delete(machine)
    if (machine.held === undefined || this.happens(0.5)) return
    // The write reached the disk, but nobody will know from this server.
    machine.reachDisk()
    this.checker.wrote(machine, machine.held)
  }

  private restart(machine: Machine): void {
    this.down.delete(machine)
    // The state machine's store is not synced: it may have lost its last steps, which are applied again.
    if (this.happens(0.5)) machine.forgetStates((count) => this.random.integer(1, count))
    machine.restart()
    this.connectAnew(machine)
  }

  /** A server that comes back has new connections; the others notice at the latest now that the old ones closed. */
  private connectAnew(machine: Machine): void {
    for (const other of this.machines)
      if (other !== machine && !this.down.has(other)) other.core.loseContact(machine.id)
  }

  /** A connection closes: both ends are told, in their time. */
  private disconnect(): void {
    const [one, other] = [this.anyMachine(), this.anyMachine()]
    if (one === other) return
    if (!this.down.has(one)) one.core.loseContact(other.id)
    if (!this.down.has(other)) other.core.loseContact(one.id)
  }

  private cutOrMend(): void {
    if (this.cut.size > 0 && this.happens(0.8)) {
      this.cut.clear()
      return
    }
    // One side of a partition may still hear the other: each direction is cut by itself.
    const isInside = new Map(this.machines.map((machine) => [machine.name, this.happens(0.5)]))
    const isOneWay = this.happens(0.3)
    for (const from of this.machines)
      for (const to of this.machines)
        if (isInside.get(from.name) !== isInside.get(to.name) && (!isOneWay || isInside.get(from.name)))
          this.cut.add(`${from.name}>${to.name}`)
  }

  private settle(): void {
    for (let moved = true, passes = 0; moved; passes++) {
      if (passes > PASSES_TO_SETTLE_MAX) throw new Violation('liveness: messages without end')
      moved = false
      for (const machine of this.machines) {
        while (machine.held !== undefined || this.applying.has(machine) || machine.core.hasReady()) {
          moved = true
          this.workReliably(machine)
        }
        this.checker.looked(machine)
      }
      const now = this.network
      this.network = []
      for (const message of now) this.receive(message)
      moved ||= now.length > 0
    }
  }

  private workReliably(machine: Machine): void {
    this.finishApply(machine)
    if (machine.held !== undefined) this.finishWrite(machine)
    for (const id of machine.wanted) machine.provide(id)
    if (machine.core.hasReady()) this.take(machine)
  }

  /** The one with the highest term, if several believe it. */
  private leader(): Machine | undefined {
    return this.machines
      .filter((machine) => !this.down.has(machine) && machine.core.status.role === 'leader')
      .sort((a, b) => b.core.status.term - a.core.status.term)[0]
  }

  private machine(id: PeerId): Machine {
    return present(
      this.machines.find((machine) => machine.id === id),
      nameOf(id),
    )
  }

  private anyMachine(): Machine {
    return present(this.machines[this.random.integer(0, this.machines.length - 1)], 'a machine')
  }

  private anyUp(): Machine | undefined {
    const machine = this.anyMachine()
    return this.down.has(machine) ? undefined : machine
  }

  private happens(probability: number): boolean {
    return this.random.float() < probability
  }
}

function link(message: RaftMessage): string {
  return `${nameOf(message.from)}>${nameOf(message.to)}`
}

function readKey(machine: Machine, id: ReadId): string {
  // Ids begin again with each life; a later read of the same id replaces the lost one.
  return `${machine.name}/${id}`
}
