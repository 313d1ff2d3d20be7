/**
 * Draws a schedule of faults. Each seed first draws how much of each kind it gets, often none: a run with one kind of fault
 * reaches states that a run with all of them never does, because another fault always comes in between (swarm testing:
 * Groce et al., ISSTA 2012).
 */
import { present, type Random, unreachable } from '../../src/base/index.ts'
import { ECHOES_MAX } from '../world/machine.ts'
import type { Fault, FaultKind, MachineChoice, TimedFault } from './fault.ts'

/** How often a kind is drawn beside the others, at most. A kind that is not named does not occur. */
export type FaultMix = Readonly<Partial<Record<FaultKind, number>>>

export interface DrawInit {
  readonly random: Random
  readonly mix: FaultMix
  readonly machines: number
  readonly fromMs: number
  readonly untilMs: number
  /** Mean time between two faults, at the busiest. */
  readonly everyMsMin: number
}

/** Part of the seeds that leave a kind out. */
const LEFT_OUT_PART = 0.4
/** Part of the machines chosen as "whoever leads": faults of followers are many and mostly harmless. */
const LEADER_PART = 0.35

export function drawFaults(init: DrawInit): TimedFault[] {
  const { random, mix, fromMs, untilMs, everyMsMin } = init
  const weights = Object.entries(mix).map(([kind, weight]) => {
    const part = random.float() < LEFT_OUT_PART ? 0 : random.float()
    return { kind: kind as FaultKind, weight: weight * part }
  })
  const total = weights.reduce((sum, { weight }) => sum + weight, 0)
  const everyMs = everyMsMin * (1 + 4 * random.float())
  const faults: TimedFault[] = []
  if (total === 0) return faults
  for (let atMs = fromMs; ; ) {
    atMs += Math.round(-Math.log(1 - random.float()) * everyMs)
    if (atMs >= untilMs) return faults
    let draw = random.float() * total
    const kind = weights.find(({ weight }) => {
      draw -= weight
      return draw < 0
    })?.kind
    if (kind !== undefined) faults.push({ atMs, fault: drawFault(kind, init) })
  }
}

function drawFault(kind: FaultKind, { random, machines }: DrawInit): Fault {
  const index = (): number => random.integer(0, machines - 1)
  const machine: MachineChoice = random.float() < LEADER_PART ? 'leader' : index()
  const path = { from: machine, to: (index() + 1) % machines }
  const protocol = pick(random, ['raft', 'rpc', 'task', 'snapshot'] as const)
  const isLong = random.float() < 0.2
  const forMs = random.integer(50, isLong ? 8000 : 1500)
  switch (kind) {
    case 'crash':
      return { kind, machine, how: pick(random, ['process', 'power'] as const), forMs }
    case 'stop':
    case 'sleep':
    case 'stall':
    case 'disk-stall':
    case 'move':
    case 'quarantine':
      return { kind, machine, forMs }
    case 'slow-machine':
      return { kind, machine, stallMs: random.integer(5, 150), forMs }
    case 'wall-jump':
      return { kind, machine, byMs: random.integer(-3_600_000, 3_600_000) }
    case 'clock-rate':
      return { kind, machine, rate: Math.round(100 * 4 ** (2 * random.float() - 1)) / 100 }
    case 'disk-slow':
      return { kind, machine, times: random.integer(2, 50), forMs }
    case 'disk-fail':
      return { kind, machine, how: pick(random, ['failing', 'full'] as const) }
    case 'disk-damage':
      return {
        kind,
        // Always the same ones: a group survives the loss of a minority of its logs, and no more.
        machine: random.integer(0, minority(machines) - 1),
        damage: pick(random, ['torn', 'lied', 'flipped', 'emptied'] as const),
        forMs,
      }
    case 'reset':
      return { kind, ...path }
    case 'echo':
      return { kind, ...path, back: random.integer(0, ECHOES_MAX - 1) }
    case 'cut':
    case 'block':
      return { kind, ...path, forMs }
    case 'isolate':
      return { kind, machine, ways: pick(random, ['both', 'out', 'in'] as const), forMs }
    case 'split':
      return { kind, group: drawGroup(random, machines), isLoud: random.float() < 0.5, forMs }
    case 'slow-path':
      return { kind, ...path, times: random.integer(2, 100), forMs }
    case 'stall-stream':
      return { kind, ...path, protocol, forMs }
    case 'congest':
      return { kind, ...path, protocol, messages: random.integer(1, 8), forMs }
    case 'join':
      return { kind }
    case 'leave':
      return { kind, machine: index() }
    default:
      return unreachable(kind)
  }
}

const minority = (machines: number): number => Math.max(1, Math.floor((machines - 1) / 2))

function drawGroup(random: Random, machines: number): number[] {
  const size = random.integer(1, Math.max(1, machines - 1))
  const rest = Array.from({ length: machines }, (_, at) => at)
  return Array.from({ length: size }, () =>
    present(rest.splice(random.integer(0, rest.length - 1), 1)[0], 'a machine'),
  ).sort()
}

function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[random.integer(0, items.length - 1)] as Item
}
