/**
 * The diagrams of docs/task-states.md against the cores: long random walks over all events give the set of changes that a core really
 * makes, and each diagram has them all, and no other.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { bootMs, type LeaseId, type NodeId, present, Random, unixMs } from '../../src/base/index.ts'
import type { Outcome, SubmitterEvent, WorkerEvent } from '../../src/task/index.ts'
import { HOME, L1, output, refusal, renew, result, SubmitterScript, started, WORKER } from './support.ts'
import { offer } from './worker-script.ts'

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/task-states.md'), 'utf8')
const WALKS = 2000
const STEPS = 30

/** `from --> to`, of the states of one diagram. */
function diagram(title: string): ReadonlySet<string> {
  const section = present(
    PAGE.split('\n## ').find((part) => part.startsWith(title)),
    `section ${title}`,
  )
  const [, drawn] = section.split('```mermaid\nstateDiagram-v2\n')
  const lines = present(drawn?.split('```')[0], `diagram of ${title}`).split('\n')
  const changes = lines.flatMap((line) => /^ {4}(\S+ --> \S+)/.exec(line)?.[1] ?? [])
  return new Set(changes.filter((change) => !change.includes('[*]')))
}

const CAUSES: readonly Outcome['cause'][] = [
  'exited',
  'spawn-failed',
  'timeout',
  'cancelled',
  'lease-lost',
  'submitter-lost',
  'node-stopping',
  'quarantined',
  'drain-deadline',
  'worker-restarted',
  'guardian-lost',
]

class Draw {
  private readonly random: Random

  constructor(seed: number) {
    this.random = new Random(seed)
  }

  chance(part: number): boolean {
    return this.random.float() < part
  }

  of<Item>(items: readonly Item[]): Item {
    return present(items[this.random.integer(0, items.length - 1)], 'something to draw')
  }

  outcome(): Outcome {
    const cause = this.of(CAUSES)
    const exitCode = cause === 'exited' ? this.of([0, 1]) : undefined
    return { cause, exitCode, quiet: this.chance(0.8), outputBytes: 0 }
  }
}

function submitterEvent(draw: Draw, script: SubmitterScript): SubmitterEvent {
  const { attempt } = script.task.record
  const leaseId = attempt?.leaseId ?? L1
  const peer = draw.of([WORKER, HOME])
  const from = attempt?.peer ?? WORKER
  const say = (message: ReturnType<typeof result>): SubmitterEvent => ({ type: 'message', from, message })
  const ownLease = attempt?.leaseId
  return draw.of<() => SubmitterEvent>([
    () => ({ type: 'placed', peer, nodeId: peer as string as NodeId, reason: 'requested_node' }),
    () => ({ type: 'placed', peer, nodeId: peer as string as NodeId, reason: 'requested_node' }),
    () => ({ type: 'unplaceable', reason: 'no_eligible_node', detail: 'nobody' }),
    () => ({ type: 'lease-granted', leaseId: (script.now + 100) as LeaseId, ttlMs: 3000 }),
    () => ({ type: 'lease-granted', leaseId: (script.now + 100) as LeaseId, ttlMs: 3000 }),
    () => ({ type: 'lease-unavailable', detail: 'no leader' }),
    () => ({ type: 'lease-held' }),
    () => ({ type: 'holder-barred', reason: 'maintenance', detail: 'in maintenance' }),
    () => ({ type: 'lease-expired', leaseId }),
    () => ({ type: 'peer-connected', peer: from }),
    () => ({ type: 'peer-lost', peer: from }),
    () => ({ type: 'span-over' }),
    () => (draw.chance(0.2) ? { type: 'cancel-requested' } : { type: 'span-over' }),
    () => (draw.chance(0.2) ? { type: 'recovered', outputEnd: 0 } : { type: 'span-over' }),
    () => say({ ...started(leaseId), exec_lease_id: ownLease }),
    () => say({ ...renew(leaseId), exec_lease_id: ownLease }),
    () => say({ ...output(leaseId, 0, 1), exec_lease_id: ownLease }),
    () => say({ ...refusal(leaseId, 'worker_full'), exec_lease_id: ownLease }),
    () => {
      const outcome = draw.outcome()
      return say(result(ownLease, outcome, outcome.cause === 'exited' ? 1 : draw.of([0, 1])))
    },
  ])()
}

/** Of one walk, every change of state, as the history of the task has it. */
function submitterWalk(seed: number): readonly string[] {
  const draw = new Draw(seed)
  const script = new SubmitterScript({
    attached: draw.chance(0.5),
    fallback: draw.of(['local', 'none']),
    on: draw.chance(0.5) ? 'worker' : undefined,
    deadlineUnixMs: draw.chance(0.2) ? unixMs(4000) : undefined,
  })
  const states: string[] = []
  const note = (event: SubmitterEvent): void => {
    const { finalResults } = script.task.record
    for (const effect of script.do(event)) if (effect.type === 'changed') states.push(effect.change.state)
    expect(script.task.record.finalResults).toBeGreaterThanOrEqual(finalResults)
    expect(script.task.record.finalResults).toBeLessThanOrEqual(1)
  }
  note({ type: 'submitted' })
  for (let step = 0; step < STEPS; step++) {
    if (draw.chance(0.1)) script.now += 1000
    note(submitterEvent(draw, script))
  }
  return changesOf(states)
}

function workerEvent(draw: Draw): WorkerEvent {
  return draw.of<() => WorkerEvent>([
    () => ({ type: 'offered' }),
    () => ({ type: 'lease-confirmed', sentAt: bootMs(1), ttlMs: 3000 }),
    () => ({ type: 'lease-refused', reason: 'lease_expired', isOpen: draw.chance(0.5) }),
    () => ({ type: 'submitter-confirmed', sentAt: bootMs(1) }),
    () => ({ type: 'started', pid: 1 }),
    () => ({ type: 'stop', cause: draw.of(['cancelled', 'lease-lost', 'timeout', 'node-stopping']) }),
    () => ({ type: 'ended', outcome: draw.outcome() }),
    () => ({ type: 'acknowledged' }),
    () => ({ type: 'submitter-connected' }),
  ])()
}

/** A worker is restarted with what is on its disk: of an attempt that is refused or new there is nothing. */
function workerWalk(seed: number): readonly string[] {
  const draw = new Draw(seed)
  let script = offer({
    ...(draw.chance(0.2) ? { exec_lease_id: undefined } : {}),
    ...(draw.chance(0.5) ? { attached_ttl_ms: 3000 } : {}),
    ...(draw.chance(0.2) ? { deadline_unix_ms: 1 } : {}),
  })
  const states = [script.state]
  for (let step = 0; step < STEPS; step++) {
    const isKept = !['new', 'refused', 'finished'].includes(script.state)
    if (isKept && draw.chance(0.1)) {
      script = script.restart()
      script.do({ type: 'recovered', quiet: draw.chance(0.8), outputBytes: 0 })
    } else script.do(workerEvent(draw))
    states.push(script.state)
  }
  return changesOf(states)
}

function changesOf(states: readonly string[]): readonly string[] {
  return states.slice(1).flatMap((to, at) => (states[at] === to ? [] : [`${states[at]} --> ${to}`]))
}

const walked = (walk: (seed: number) => readonly string[]): readonly string[] => {
  const all = new Set<string>()
  for (let seed = 1; seed <= WALKS; seed++) for (const change of walk(seed)) all.add(change)
  return [...all].sort()
}

describe('docs/task-states.md', () => {
  it.each([
    ['At the submitter', submitterWalk],
    ['At the worker', workerWalk],
  ] as const)('%s: the diagram has every change that the core makes, and no other', (title, walk) => {
    expect([...diagram(title)].sort()).toEqual(walked(walk))
  })
})
