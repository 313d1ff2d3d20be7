/**
 * What can go wrong, as data: a schedule is drawn before a run begins, so it can be written down, taken apart and played again
 * without the randomness that it came from. Times are real ms since the world began; `forMs` is how long it lasts.
 */
import { z } from 'zod'

const ms = z.number().nonnegative()
/** Position of a machine in the world; `leader` is whichever leads when the fault strikes. */
const machine = z.union([z.int().nonnegative(), z.literal('leader')])
const protocol = z.enum(['raft', 'rpc', 'task', 'snapshot'])
const path = { from: machine, to: machine }
/** `out`: what the machine sends is swallowed; `in`: what is sent to it. */
const ways = z.enum(['both', 'out', 'in'])

const fault = z.discriminatedUnion('kind', [
  // processes and machines
  /** `process`: SIGKILL, the kernel closes the connections. `power`: nobody is told anything. */
  z.object({ kind: z.literal('crash'), machine, how: z.enum(['process', 'power']), forMs: ms }),
  z.object({ kind: z.literal('stop'), machine, forMs: ms }),
  /** Suspended: the lid is closed. */
  z.object({ kind: z.literal('sleep'), machine, forMs: ms }),
  /** The node's process stands still; its guardian does not. */
  z.object({ kind: z.literal('stall'), machine, forMs: ms }),
  /** Stands still for `stallMs`, again and again, with as long pauses between. */
  z.object({ kind: z.literal('slow-machine'), machine, stallMs: ms, forMs: ms }),
  // clocks
  z.object({ kind: z.literal('wall-jump'), machine, byMs: z.number() }),
  z.object({ kind: z.literal('clock-rate'), machine, rate: z.number().positive() }),
  // disks
  z.object({ kind: z.literal('disk-stall'), machine, forMs: ms }),
  z.object({ kind: z.literal('disk-slow'), machine, times: z.number().positive(), forMs: ms }),
  /** The next write fails: an I/O error, or no space left. */
  z.object({ kind: z.literal('disk-fail'), machine, how: z.enum(['failing', 'full']) }),
  /** The power goes, and when it is back the disk is not what it was; the node must refuse it and begin anew. */
  z.object({
    kind: z.literal('disk-damage'),
    machine: z.int().nonnegative(),
    damage: z.enum(['torn', 'lied', 'flipped', 'emptied']),
    forMs: ms,
  }),
  // network
  z.object({ kind: z.literal('reset'), ...path }),
  /** No connection between the two, and both know. */
  z.object({ kind: z.literal('cut'), ...path, forMs: ms }),
  /** One direction swallows everything, and nobody is told. */
  z.object({ kind: z.literal('block'), ...path, forMs: ms }),
  /** The machine reaches nobody, or nobody reaches it; silently. */
  z.object({ kind: z.literal('isolate'), machine, ways, forMs: ms }),
  /** The machines in `group` and the others do not reach each other. */
  z.object({
    kind: z.literal('split'),
    group: z.array(z.int().nonnegative()),
    isLoud: z.boolean(),
    forMs: ms,
  }),
  z.object({ kind: z.literal('slow-path'), ...path, times: z.number().positive(), forMs: ms }),
  /** Head-of-line blocking: this stream waits, others do not. */
  z.object({ kind: z.literal('stall-stream'), ...path, protocol, forMs: ms }),
  /** The receiver gives credit for so few messages. */
  z.object({ kind: z.literal('congest'), ...path, protocol, messages: z.int().positive(), forMs: ms }),
  /** The machine changes its address: all its connections are dead, and it is found again later. */
  z.object({ kind: z.literal('move'), machine, forMs: ms }),
  /** A message about a task that came in before, so many ago, comes in once more: what a peer sends that is unsure, or was restored. */
  z.object({ kind: z.literal('echo'), ...path, back: z.int().nonnegative() }),
  // the mesh
  /** An admin stops all work on the machine. */
  z.object({ kind: z.literal('quarantine'), machine, forMs: ms }),
  /** A new machine is invited, admitted and started. */
  z.object({ kind: z.literal('join') }),
  /** Switched off for good. */
  z.object({ kind: z.literal('leave'), machine }),
])

export type Fault = z.output<typeof fault>
export type FaultKind = Fault['kind']
export type MachineChoice = z.output<typeof machine>

export const timedFaultSchema = z.object({ atMs: ms, fault })
export type TimedFault = z.output<typeof timedFaultSchema>

export function describeFault({ atMs, fault: { kind, ...details } }: TimedFault): string {
  const rest = Object.entries(details).map(([name, value]) => `${name} ${JSON.stringify(value)}`)
  return `${(atMs / 1000).toFixed(3)} s  ${[kind, ...rest].join(', ')}`
}
