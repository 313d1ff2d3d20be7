/** Does to a world what a schedule says, and can make everything good again. */
import { unreachable } from '../../src/base/index.ts'
import type { Machine } from '../world/machine.ts'
import type { World } from '../world/world.ts'
import type { Fault, MachineChoice, TimedFault } from './fault.ts'

type Named<Kind extends Fault['kind']> = Extract<Fault, { kind: Kind }>

/** Coming and going takes people. */
interface MeshChanges {
  /** A new machine is to be invited. */
  join(): void
  /** The machine is off for good. */
  left(machine: Machine): void
  /** An admin gives or lifts the order that stops all work on it. */
  quarantine(machine: Machine, on: boolean): void
}

export class FaultInjector {
  private readonly world: World
  /** What ends the faults that still last. */
  private readonly lasting = new Set<() => void>()
  private readonly left = new Set<Machine>()
  private readonly rateSpreadMax: number
  private readonly mesh: MeshChanges
  private isHealed = false

  /**
   * @param rateSpreadMax by how much the rate of a healthy clock differs from 1.
   */
  constructor(world: World, rateSpreadMax: number, mesh: MeshChanges) {
    this.world = world
    this.rateSpreadMax = rateSpreadMax
    this.mesh = mesh
  }

  schedule(faults: readonly TimedFault[]): void {
    for (const { atMs, fault } of faults) {
      this.world.queue.after(atMs, () => {
        if (!this.isHealed) this.inject(fault)
      })
    }
  }

  /** All faults end; every machine that belongs to the mesh is on and awake, and clocks keep their bound. */
  heal(): void {
    this.isHealed = true
    for (const end of [...this.lasting]) end()
    for (const machine of this.world.machines) {
      if (Math.abs(machine.clock.rate - 1) > this.rateSpreadMax) this.setRate(machine, 1)
      machine.wake()
      machine.disk.heal()
      machine.process?.heal()
      if (!this.left.has(machine)) machine.start()
    }
  }

  private inject(fault: Fault): void {
    const { kind, ...details } = fault
    const machine = 'machine' in fault ? this.choose(fault.machine) : undefined
    this.world.observe({ type: 'fault', node: machine?.peer, what: `${kind} ${JSON.stringify(details)}` })
    switch (fault.kind) {
      case 'crash':
      case 'stop':
      case 'sleep':
      case 'stall':
      case 'slow-machine':
      case 'leave':
        return this.onMachine(fault, this.choose(fault.machine))
      case 'wall-jump':
      case 'clock-rate':
        return this.onClock(fault, this.choose(fault.machine))
      case 'disk-stall':
      case 'disk-slow':
      case 'disk-fail':
      case 'disk-damage':
        return this.onDisk(fault, this.choose(fault.machine))
      case 'isolate':
      case 'split':
      case 'move':
        return this.onGroup(fault)
      case 'reset':
      case 'cut':
      case 'block':
      case 'slow-path':
      case 'stall-stream':
      case 'congest':
      case 'echo':
        return this.onPath(fault)
      case 'quarantine': {
        const one = this.choose(fault.machine)
        this.mesh.quarantine(one, true)
        return this.during(fault.forMs, () => this.mesh.quarantine(one, false))
      }
      case 'join':
        return this.mesh.join()
      default:
        return unreachable(fault)
    }
  }

  private onMachine(
    fault: Named<'crash' | 'stop' | 'sleep' | 'stall' | 'slow-machine' | 'leave'>,
    machine: Machine,
  ): void {
    switch (fault.kind) {
      case 'crash':
        machine.kill(fault.how)
        return this.startLater(machine, fault.forMs)
      case 'stop':
        machine.stop()
        return this.startLater(machine, fault.forMs)
      case 'sleep':
        machine.suspend()
        return this.during(fault.forMs, () => machine.wake())
      case 'stall':
        machine.process?.stall(fault.forMs)
        return
      case 'slow-machine':
        return this.slow(machine, fault.stallMs, this.world.queue.nowMs + fault.forMs)
      case 'leave':
        this.left.add(machine)
        machine.kill('power')
        return this.mesh.left(machine)
      default:
        return unreachable(fault)
    }
  }

  private onClock(fault: Named<'wall-jump' | 'clock-rate'>, machine: Machine): void {
    if (fault.kind === 'wall-jump') return machine.clock.jumpWall(fault.byMs)
    this.setRate(machine, fault.rate)
  }

  private setRate(machine: Machine, rate: number): void {
    machine.clock.setRate(rate)
    this.world.observe({ type: 'clock-rate', node: machine.peer, rate })
  }

  private onDisk(
    fault: Named<'disk-stall' | 'disk-slow' | 'disk-fail' | 'disk-damage'>,
    machine: Machine,
  ): void {
    const { disk } = machine
    switch (fault.kind) {
      case 'disk-stall':
        return disk.stall(fault.forMs)
      case 'disk-slow':
        return this.during(fault.forMs, disk.slowDown(fault.times))
      case 'disk-fail':
        return disk.fail(fault.how)
      case 'disk-damage':
        if (this.mayLoseItsLog(machine)) machine.damage(fault.damage)
        else machine.kill('power')
        return this.startLater(machine, fault.forMs)
      default:
        return unreachable(fault)
    }
  }

  /**
   * A group survives the loss of the logs of a minority of its voters: of one that is still small, or that has not yet taken
   * a rebuilt machine back, nobody promises that.
   */
  private mayLoseItsLog(machine: Machine): boolean {
    const newest = this.world.newestConfiguration()
    if (newest === undefined) return false
    const bearable = Math.floor((newest.voters.length - 1) / 2)
    const mending = this.world.machines.filter((one) => one !== machine && one.isWithoutLog)
    return mending.length < bearable
  }

  private onGroup(fault: Named<'isolate' | 'split' | 'move'>): void {
    const { machines } = this.world
    switch (fault.kind) {
      case 'isolate': {
        const one = this.choose(fault.machine)
        for (const other of machines) {
          if (other === one) continue
          if (fault.ways !== 'in') this.block(one, other, fault.forMs)
          if (fault.ways !== 'out') this.block(other, one, fault.forMs)
        }
        return
      }
      case 'split': {
        const isInside = (machine: Machine): boolean => fault.group.includes(machines.indexOf(machine))
        for (const one of machines.filter(isInside)) {
          for (const other of machines.filter((machine) => !isInside(machine))) {
            if (fault.isLoud) this.cut(one, other, fault.forMs)
            else for (const [from, to] of bothWays(one, other)) this.block(from, to, fault.forMs)
          }
        }
        return
      }
      case 'move': {
        const one = this.choose(fault.machine)
        for (const other of machines) {
          if (other === one) continue
          // The moving machine sees its own interface go; the others hear nothing.
          for (const [from, to] of bothWays(one, other)) this.block(from, to, fault.forMs)
          this.world.network.hangUp(one.peer, other.peer)
        }
        return
      }
      default:
        return unreachable(fault)
    }
  }

  private onPath(
    fault: Named<'reset' | 'cut' | 'block' | 'slow-path' | 'stall-stream' | 'congest' | 'echo'>,
  ): void {
    const [one, other] = [this.choose(fault.from), this.choose(fault.to)]
    if (one === other) return
    const { network } = this.world
    switch (fault.kind) {
      case 'reset':
        return network.reset(one.peer, other.peer)
      case 'echo': {
        const message = other.heard(one.peer, fault.back)
        if (message !== undefined) other.take(() => void other.deliver(one.peer, 'task', message))
        return
      }
      case 'cut':
        return this.cut(one, other, fault.forMs)
      case 'block':
        return this.block(one, other, fault.forMs)
      case 'slow-path':
        return this.during(fault.forMs, network.path(one.peer, other.peer).slowDown(fault.times))
      case 'stall-stream': {
        const stream = network.endAt(one.peer, other.peer)?.stream(fault.protocol)
        if (stream !== undefined) this.during(fault.forMs, stream.stall())
        return
      }
      case 'congest': {
        const stream = network.endAt(one.peer, other.peer)?.stream(fault.protocol)
        if (stream !== undefined) this.during(fault.forMs, stream.congest(fault.messages))
        return
      }
      default:
        return unreachable(fault)
    }
  }

  private block(from: Machine, to: Machine, forMs: number): void {
    this.during(forMs, this.world.network.block(from.peer, to.peer))
  }

  private cut(one: Machine, other: Machine, forMs: number): void {
    const { network } = this.world
    for (const [from, to] of bothWays(one, other)) this.during(forMs, network.path(from.peer, to.peer).cut())
    network.reset(one.peer, other.peer)
  }

  private slow(machine: Machine, stallMs: number, untilMs: number): void {
    if (this.isHealed || this.world.queue.nowMs >= untilMs) return
    machine.process?.stall(stallMs)
    this.world.queue.after(2 * stallMs + 1, () => this.slow(machine, stallMs, untilMs))
  }

  private startLater(machine: Machine, forMs: number): void {
    this.world.queue.after(forMs, () => {
      if (!this.left.has(machine)) machine.start()
    })
  }

  /** Calls `end` after `forMs`, or when all is healed. */
  private during(forMs: number, end: () => void): void {
    const once = (): void => {
      if (this.lasting.delete(once)) end()
    }
    this.lasting.add(once)
    this.world.queue.after(forMs, once)
  }

  private choose(choice: MachineChoice): Machine {
    return choice === 'leader' ? (this.world.leader() ?? this.world.machine(0)) : this.world.machine(choice)
  }
}

const bothWays = (one: Machine, other: Machine) =>
  [
    [one, other],
    [other, one],
  ] as const
