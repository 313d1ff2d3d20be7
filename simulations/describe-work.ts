/** Facts about work as sentences for people. */
import { unreachable } from '../src/base/index.ts'
import type { Observation } from './observation.ts'
import type { LeaseOrNone, TaskWord, WorkFact } from './work-facts.ts'

const WORK = {
  'execution-started': true,
  'execution-ended': true,
  'command-spawned': true,
  'command-exited': true,
  'journal-loaded': true,
  'task-recorded': true,
  'offer-recorded': true,
  'offer-forgotten': true,
  'journal-lost': true,
  'output-logged': true,
  'output-found': true,
  'task-said': true,
  'result-judged': true,
  'task-accepted': true,
  'task-told': true,
  'output-told': true,
  'task-settled': true,
  'task-finished': true,
} as const satisfies Record<WorkFact['type'], true>

export function isWork(observation: Observation): observation is Observation & WorkFact {
  return observation.type in WORK
}

export function describeWork(fact: WorkFact): string {
  switch (fact.type) {
    case 'execution-started':
      return `▶ ${fact.execution} for ${fact.key} under ${leaseText(fact.leaseId)}`
    case 'execution-ended':
      return `■ ${fact.execution}`
    case 'command-spawned':
      return `spawns ${fact.mark} for ${fact.key} under ${leaseText(fact.leaseId)}`
    case 'command-exited':
      return `the command of ${fact.key} under ${leaseText(fact.leaseId)} exits: ${fact.exitCode}, ${fact.printedBytes} bytes printed`
    case 'journal-lost':
      return 'its journals are gone'
    case 'journal-loaded':
    case 'task-recorded':
    case 'offer-recorded':
    case 'offer-forgotten':
    case 'output-logged':
    case 'output-found':
      return describeDisk(fact)
    case 'task-said':
      return `→ ${fact.to}: task ${fact.task}, ${leaseText(fact.leaseId)}: ${wordText(fact.word)}`
    case 'result-judged': {
      const verdict = fact.accepted ? 'accepts' : 'refuses'
      return `${verdict} a result of ${fact.key} under token ${fact.leaseId}`
    }
    case 'task-accepted':
      return `task ${fact.task} accepted`
    case 'task-told':
      return `task ${fact.task} is ${fact.state} (${fact.reason ?? 'no reason'}; ${fact.detail ?? leaseText(fact.leaseId)})`
    case 'output-told':
      return `task ${fact.task}: output of ${fact.mark}, bytes ${fact.from} to ${fact.to}`
    case 'task-settled':
      return `task ${fact.task} ends: ${fact.state} (${fact.reason ?? 'no reason'}), ${leaseText(fact.leaseId)}, ${fact.cause ?? 'nothing ran'} ${fact.exitCode ?? ''}`
    case 'task-finished':
      return `task ${fact.task} finished: ${fact.result}`
    default:
      return unreachable(fact)
  }
}

type DiskFact = Extract<
  WorkFact,
  {
    type:
      | 'journal-loaded'
      | 'task-recorded'
      | 'offer-recorded'
      | 'offer-forgotten'
      | 'output-logged'
      | 'output-found'
  }
>

function describeDisk(fact: DiskFact): string {
  switch (fact.type) {
    case 'journal-loaded':
      return `reads ${fact.keys.length} records from the journal of its ${fact.of}`
    case 'task-recorded':
      return `on disk: task ${fact.task} ${fact.state}, ${leaseText(fact.leaseId)}`
    case 'offer-recorded':
      return `on disk: attempt ${fact.key} ${fact.state}`
    case 'offer-forgotten':
      return `gone from disk: attempt ${fact.key}`
    case 'output-logged':
      return `on disk: task ${fact.task}, output of ${fact.mark}, bytes ${fact.from} to ${fact.to}`
    case 'output-found':
      return `finds output of task ${fact.task}, bytes ${fact.begin} to ${fact.end} of its log`
    default:
      return unreachable(fact)
  }
}

function wordText(word: TaskWord): string {
  switch (word.kind) {
    case 'renew':
    case 'renewed':
      return `${word.kind} ${word.sequence}`
    case 'output':
      return `output ${word.from} to ${word.to}`
    case 'output-ack':
      return `has ${word.bytes} bytes of output`
    case 'result':
      return `result ${word.outcome}`
    case 'offer':
      return word.attachedTtlMs === undefined ? 'offer' : `offer, attached for ${word.attachedTtlMs} ms`
    case 'accept':
    case 'refuse':
    case 'started':
    case 'cancel':
    case 'result-ack':
      return word.kind
    default:
      return unreachable(word)
  }
}

const leaseText = (leaseId: LeaseOrNone): string => (leaseId === 0 ? 'no lease' : `lease ${leaseId}`)
