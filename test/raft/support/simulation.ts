/**
 * A group of servers under everything that Raft promises to survive: messages lost, repeated and reordered, links
 * cut, servers that crash with their write done or not, disks that are slow, state machines that are behind their
 * log after a crash, voters that change. One seed gives everything; fault rates are drawn per seed. Safety is
 * judged by `Checker` all the time; `heal` then demands progress.
 */
import { present, Random } from '../../../src/base/index.ts'
import { RAFT_DEFAULTS, type RaftMessage, type RaftOptions } from '../../../src/raft/index.ts'
import { Checker, Violation } from './checker.ts'
import { Machine, nameOf, savedGroup } from './machine.ts'

export interface SimulationInit {
  readonly seed: number
  /** Members at the start. */
  readonly voters: number
  /** Servers in all; those that are no members begin with empty stores. */
  readonly machines: number
  readonly changesVoters: boolean
}

/** Small enough that proposals meet them. */
const OPTIONS: RaftOptions = {
  ...RAFT_DEFAULTS,
  maxAppendBytes: 1024,
  maxUncommittedBytes: 4096,
  maxInflightAppends: 3,
}
const ROUNDS_TO_HEAL_MAX = 400
const PASSES_TO_SETTLE_MAX = 1000

export class Simulation {
  readonly machines: readonly Machine[]
  readonly checker: Checker
  private readonly random: Random
  private readonly down = new Set<Machine>()
  private readonly cut = new Set<string>()
  private readonly changesVoters: boolean
  private readonly rates: {
    readonly lose: number
    readonly repeat: number
    readonly reorder: number
    readonly crash: number
    readonly cut: number
    readonly slowDisk: number
  }
  private network: RaftMessage[] = []
  private proposals = 0

  constructor({ seed, voters, machines, changesVoters }: SimulationInit) {
    this.random = new Random(seed)
    this.changesVoters = changesVoters
    this.checker = new Checker(changesVoters ? undefined : Math.floor(voters / 2) + 1)
    const names = Array.from({ length: machines }, (_, at) => `n${at + 1}`)
    const saved = savedGroup(names.slice(0, voters))
    const empty = { hardState: undefined, entries: [] }
    this.machines = names.map(
      (name, at) =>
        new Machine({ name, options: OPTIONS, saved: at < voters ? saved : empty, seed: seed + at }),
    )
    const upTo = (max: number): number => this.random.float() ** 2 * max
    this.rates = {
      lose: upTo(0.3),
      repeat: upTo(0.3),
      reorder: upTo(1),
      crash: upTo(0.01),
      cut: upTo(0.01),
      slowDisk: upTo(0.9),
    }
  }

  /** One random event. */
  step(): void {
    if (this.happens(this.rates.crash)) this.crashOrRestart()
    if (this.happens(this.rates.cut)) this.cutOrMend()
    const dice = this.random.float()
    if (dice < 0.47) this.deliver()
    else if (dice < 0.8) this.work(this.anyUp())
    else if (dice < 0.95) this.anyUp()?.core.tick()
    else if (dice < 0.995) this.propose()
    else if (this.changesVoters) this.changeVoters()
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
      const { term, configuration, commitIndex } = leader.core.status
      if (proposed !== term) {
        const result = leader.core.propose(new TextEncoder().encode('healed'))
        if (result.accepted) proposed = term
        continue
      }
      const { voters, votersOutgoing } = configuration
      const members = this.machines.filter((machine) => voters.includes(machine.id))
      const isEven = members.every((machine) => machine.applied.length === commitIndex)
      if (isEven && votersOutgoing.length === 0 && this.checker.committed.at(-1)?.term === term) return
    }
    throw new Violation(`liveness: no progress in ${ROUNDS_TO_HEAL_MAX} rounds without faults`)
  }

  private deliver(): void {
    if (this.network.length === 0) return
    const at = this.happens(this.rates.reorder) ? this.random.integer(0, this.network.length - 1) : 0
    const message = present(this.network[at], 'a message')
    if (!this.happens(this.rates.repeat)) this.network.splice(at, 1)
    if (this.happens(this.rates.lose) || this.cut.has(link(message))) return
    this.receive(message)
  }

  private receive(message: RaftMessage): void {
    const machine = present(
      this.machines.find((other) => other.id === message.to),
      'the addressee',
    )
    if (this.down.has(machine)) return
    this.checker.stepped(message, machine.core.step(message))
  }

  /** What a driver does: takes a Ready, or brings one to its end. */
  private work(machine: Machine | undefined): void {
    if (machine === undefined) return
    if (machine.held === undefined) {
      if (!machine.core.hasReady()) return
      const ready = machine.take()
      this.send(ready.messages)
      this.checker.applies(machine, ready.committedEntries, this.machines)
      if (this.happens(this.rates.slowDisk)) return
    }
    this.finish(machine)
  }

  private finish(machine: Machine): void {
    const ready = present(machine.held, 'a Ready that was taken')
    const messages = machine.finish()
    this.checker.wrote(machine, ready)
    this.send(messages)
  }

  private send(messages: readonly RaftMessage[]): void {
    for (const message of messages) this.checker.sent(message)
    this.network.push(...messages)
  }

  private propose(): void {
    const text = `${++this.proposals}`.padEnd(this.random.integer(1, 400))
    this.proposer()?.core.propose(new TextEncoder().encode(text))
  }

  private changeVoters(): void {
    const chosen = (): readonly Machine[] => this.machines.filter(() => this.happens(0.3))
    const removeVoters = chosen().map((machine) => machine.id)
    const addVoters = chosen()
      .map((machine) => machine.id)
      .filter((id) => !removeVoters.includes(id))
    this.proposer()?.core.proposeConfiguration({ addVoters, removeVoters })
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
    if (machine.held === undefined || this.happens(0.5)) return
    // The write reached the disk, but nobody will know from this server.
    machine.disk.write(machine.held)
    this.checker.wrote(machine, machine.held)
  }

  private restart(machine: Machine): void {
    this.down.delete(machine)
    // The state machine's store is not synced: it may have lost its last steps, which are applied again.
    if (this.happens(0.5)) machine.applied.length = this.random.integer(0, machine.applied.length)
    machine.restart()
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
        while (machine.held !== undefined || machine.core.hasReady()) {
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
    if (machine.held === undefined) {
      const ready = machine.take()
      this.send(ready.messages)
      this.checker.applies(machine, ready.committedEntries, this.machines)
    }
    this.finish(machine)
  }

  /** The one with the highest term, if several believe it. */
  private leader(): Machine | undefined {
    return this.machines
      .filter((machine) => !this.down.has(machine) && machine.core.status.role === 'leader')
      .sort((a, b) => b.core.status.term - a.core.status.term)[0]
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
