/** The people of one run: who asks for leases, who gives tasks, who brings a new machine; and whether all is done. */
import type { Random } from '../../src/base/index.ts'
import type { Plan } from '../scenarios/scenario.ts'
import { inviteFor, rosterEntryOf } from '../world/foundation.ts'
import type { Machine } from '../world/machine.ts'
import type { World } from '../world/world.ts'
import { LeaseClient } from './lease-client.ts'
import { TaskClient } from './task-client.ts'

const INVITE_DEADLINE_MS = 3000
const PROBE_AGAIN_MS = 200
/** Between two tries of an admin to give an order. */
const ORDER_AGAIN_MS = 200
const LIFT_AGAIN_MS = 500

export class Household {
  private readonly world: World
  private readonly plan: Plan
  private readonly random: Random
  private readonly leases: LeaseClient[] = []
  private readonly tasks: TaskClient[] = []
  /** Clients that were told to probe and have no lease yet. */
  private probing = 0
  private guests = 0
  /** Machines about which an order is to be given, and which. */
  private readonly orders = new Map<Machine, boolean>()
  private isStopped = false

  constructor(world: World, plan: Plan, random: Random) {
    this.world = world
    this.plan = plan
    this.random = random
  }

  start(): void {
    for (const machine of this.world.machines) this.movesIn(machine)
  }

  stop(): void {
    this.isStopped = true
    for (const client of [...this.leases, ...this.tasks]) client.stop()
  }

  /** Tasks that were taken on. */
  get lives(): number {
    return this.tasks.reduce((sum, client) => sum + client.lives, 0)
  }

  /** Whether nothing of the workload is left: no operation, no lease, no task, and every node knows it. */
  get isAtRest(): boolean {
    return (
      this.probing === 0 &&
      this.orders.size === 0 &&
      this.world.machines.every((machine) => machine.openOperations === 0) &&
      this.leases.every((client) => client.isAtRest) &&
      this.tasks.every((client) => client.isAtRest) &&
      this.agree
    )
  }

  /** Every client asks for one lease, one time after another until it gets it; and admins lift what they find ordered. */
  probe(): void {
    for (const client of this.leases) void this.probeWith(client)
    this.liftOrders()
  }

  /** A new machine is invited by one that runs, admitted, and started. */
  invite(): void {
    const { world, random } = this
    const machine = world.machine(random.integer(0, world.machines.length - 1))
    const host = machine.running
    if (host === undefined || this.isStopped) return
    this.guests += 1
    const name = `guest${this.guests}`
    const entry = rosterEntryOf(name)
    void host.client
      .execute(inviteFor(name), INVITE_DEADLINE_MS)
      .then(() => host.client.execute({ type: 'roster.admit', inviteId: name, entry }, INVITE_DEADLINE_MS))
      .then(() => world.add(name, [...new Set([...machine.known, name])]))
      .then((guest) => this.movesIn(guest))
      // An invitation that did not get through: a person would try again.
      .catch(() => undefined)
  }

  /** An admin sees to it that all work stops on the machine, or may go on: at whichever machine runs, until it is done. */
  quarantine(machine: Machine, on: boolean): void {
    this.orders.set(machine, on)
    this.order(machine, on)
  }

  /** Switched off for good, with its journal. */
  left(machine: Machine): void {
    this.world.observe({ type: 'journal-lost', node: machine.peer })
    const client = this.tasks.find((one) => one.machine === machine)
    client?.stop()
    client?.journalLost()
  }

  private isQuarantined({ peer }: Machine): boolean {
    return this.world.machines.some(({ running }) => running?.orders.standing(peer).isQuarantined)
  }

  /** An order that was given beside a later one of a clock that is ahead holds no more than that one lets it. */
  private liftOrders(): void {
    for (const machine of this.world.machines)
      if (!this.orders.has(machine) && this.isQuarantined(machine)) this.quarantine(machine, false)
    this.world.queue.after(LIFT_AGAIN_MS, () => this.liftOrders())
  }

  private order(machine: Machine, on: boolean): void {
    if (this.orders.get(machine) !== on) return
    const { world } = this
    // Whoever knows of the order that is to be lifted, so that what is given there is later.
    const desk =
      world.machines.find(({ running }) => running?.orders.standing(machine.peer).isQuarantined === !on) ??
      world.machines.find(({ running }) => running !== undefined)
    const again = (): void => {
      world.queue.after(ORDER_AGAIN_MS, () => this.order(machine, on))
    }
    if (desk?.running === undefined) return again()
    const order = { field: 'quarantine', subject: machine.peer, on, reason: 'an admin says so' } as const
    void desk.running.orders.give(order).then(
      () => this.orders.delete(machine),
      () => undefined,
    )
    // Also when its machine dies before it has answered.
    again()
  }

  private async probeWith(client: LeaseClient): Promise<void> {
    this.probing += 1
    const isThere = await client.probe()
    if (isThere) this.probing -= 1
    else
      this.world.queue.after(PROBE_AGAIN_MS, () => {
        this.probing -= 1
        void this.probeWith(client)
      })
  }

  private movesIn(machine: Machine): void {
    const { world, plan, random } = this
    const tasks =
      plan.tasks && new TaskClient({ world, machine, workload: plan.tasks, random: random.fork() })
    const { driftRatio } = plan.config
    const leases =
      plan.leases &&
      new LeaseClient({ world, machine, workload: plan.leases, random: random.fork(), driftRatio })
    machine.onRunning = (node) => tasks?.nodeRuns(node)
    machine.onEmptied = () => tasks?.journalLost()
    machine.start()
    if (tasks !== undefined) this.tasks.push(tasks)
    if (leases !== undefined) this.leases.push(leases)
    if (this.isStopped) return
    tasks?.start()
    leases?.start()
  }

  private get agree(): boolean {
    const nodes = this.world.machines.flatMap(({ running }) => running ?? [])
    const indexes = new Set(nodes.map(({ authority }) => authority.machine.appliedIndex))
    const last = Math.max(...nodes.map(({ core }) => core.status.lastIndex))
    return (
      indexes.size === 1 &&
      indexes.has(last as never) &&
      nodes.every(({ authority }) => authority.machine.leases().length === 0) &&
      !this.world.machines.some((machine) => this.isQuarantined(machine))
    )
  }
}
