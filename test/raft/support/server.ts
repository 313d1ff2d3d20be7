/** One server under test, with a disk that works, and the words of its peers put into their mouths. */
import { RAFT_DEFAULTS, type RaftMessage, type RaftOptions } from '../../../src/raft/index.ts'
import { Machine, savedGroup, savedLog } from './machine.ts'
import { parseArguments, parseMessage } from './parse.ts'
import { printEntry, printMessage } from './print.ts'

const THREE = ['n1', 'n2', 'n3']

export interface Setup {
  readonly terms?: readonly number[]
  readonly term?: number
  readonly vote?: string
  readonly commit?: number
  readonly voters?: readonly string[]
  readonly learners?: readonly string[]
  readonly options?: Partial<RaftOptions>
}

/** n1, with its configuration at index 1 and commands of `terms` from index 2 on. */
export function server(setup: Setup = {}): Machine {
  const { terms = [], term = 1, vote, commit = 1, voters = THREE, learners = [], options } = setup
  const saved = savedLog(savedGroup(voters, learners), terms, { term, vote, commit })
  return new Machine({ name: 'n1', options: { ...RAFT_DEFAULTS, ...options }, saved, seed: 1 })
}

/** Everything there is to do, with a disk that works; what left, in order. */
export function settle(machine: Machine): readonly string[] {
  const sent: string[] = []
  while (machine.core.hasReady()) {
    const ready = machine.take()
    machine.apply(ready.committedEntries)
    sent.push(...ready.messages.map(printMessage))
    if (machine.held !== undefined) machine.finish()
  }
  return sent
}

export const message = (text: string): RaftMessage => parseMessage(parseArguments(text))

/** Tells n1 a message and returns what it answers. */
export function tell(machine: Machine, text: string): readonly string[] {
  machine.core.step(message(text))
  return settle(machine)
}

export function ticks(machine: Machine, count: number): void {
  for (let left = count; left > 0; left--) machine.core.tick()
}

/** Ticks until n1 is a pre-candidate, or, needing nobody, campaigns already. */
export function askForPreVotes(machine: Machine): void {
  const { term } = machine.core.status
  for (let left = 2 * RAFT_DEFAULTS.electionTicks; left > 0; left--) {
    machine.core.tick()
    const { status } = machine.core
    if (status.role === 'pre-candidate' || status.term > term) return
  }
}

/** Ticks until n1 asks for pre-votes, and gets one: it is a candidate, and what it sent as one is returned. */
export function becomeCandidate(machine: Machine): readonly string[] {
  askForPreVotes(machine)
  settle(machine)
  return tell(machine, `n2 > n1 pre-vote-response term=${machine.core.status.term} granted=yes`)
}

/** Elects n1, and returns what it sent on election. */
export function becomeLeader(machine: Machine): readonly string[] {
  becomeCandidate(machine)
  return tell(machine, `n2 > n1 vote-response term=${machine.core.status.term} granted=yes`)
}

export const logOf = (machine: Machine): readonly string[] =>
  machine.disk.load().entries.slice(1).map(printEntry)
export const command = (text: string): Uint8Array => new TextEncoder().encode(text)
