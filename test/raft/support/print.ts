/** How messages, entries and Readys read in transcripts and failure reports. */
import { unreachable } from '../../../src/base/index.ts'
import { decodeConfiguration } from '../../../src/raft/configuration-codec.ts'
import type {
  Configuration,
  Entry,
  LogBase,
  RaftMessage,
  Ready,
  ReadyWrite,
  StepResult,
} from '../../../src/raft/index.ts'
import { nameOf } from './names.ts'

export function printConfiguration(configuration: Configuration): string {
  const { voters, votersOutgoing, learners, leave } = configuration
  const list = (peers: Configuration['voters']): string => `(${peers.map(nameOf).join(' ')})`
  const outgoing = votersOutgoing.length === 0 ? '' : `&&${list(votersOutgoing)}`
  const listeners = learners.length === 0 ? '' : ` learners${list(learners)}`
  return `${list(voters)}${outgoing}${listeners}${leave === 'explicit' ? ' explicit' : ''}`
}

/** `index/term what`. */
export function printEntry(entry: Entry): string {
  const place = `${entry.index}/${entry.term}`
  switch (entry.kind) {
    case 'empty':
      return `${place} empty`
    case 'command':
      return entry.data.byteLength > 12
        ? `${place} <${entry.data.byteLength} bytes>`
        : `${place} "${new TextDecoder().decode(entry.data)}"`
    case 'configuration':
      return `${place} ${printConfigurationData(entry.data)}`
    default:
      return unreachable(entry.kind)
  }
}

function printConfigurationData(data: Uint8Array): string {
  try {
    return printConfiguration(decodeConfiguration(data))
  } catch {
    return 'unreadable configuration'
  }
}

export function printEntries(entries: readonly Entry[]): string {
  const first = entries[0]
  const last = entries.at(-1)
  if (first === undefined || last === undefined) return 'none'
  if (entries.length > 8) return `${printEntry(first)}, ${entries.length - 2} more, ${printEntry(last)}`
  return entries.map(printEntry).join(', ')
}

export function printMessage(message: RaftMessage): string {
  const head = `${nameOf(message.from)} > ${nameOf(message.to)} ${message.type} term=${message.term}`
  switch (message.type) {
    case 'pre-vote-request':
      return `${head} last=${message.lastIndex}/${message.lastTerm}`
    case 'vote-request':
      return `${head} last=${message.lastIndex}/${message.lastTerm}${message.isTransfer ? ' transfer' : ''}`
    case 'pre-vote-response':
    case 'vote-response':
      return `${head} ${message.granted ? 'granted' : 'denied'}`
    case 'append-request':
      return `${head} prev=${message.prevIndex}/${message.prevTerm} commit=${message.commitIndex} entries: ${printEntries(message.entries)}`
    case 'append-accepted':
      return `${head} match=${message.matchIndex}`
    case 'append-rejected':
      return `${head} rejected=${message.rejectedIndex} hint=${message.hintIndex}/${message.hintTerm}`
    case 'heartbeat-request':
      return `${head} commit=${message.commitIndex}${printRound(message.round)}${message.pace === 1 ? '' : ` pace=${message.pace}`}`
    case 'heartbeat-response':
      return `${head}${printRound(message.round)}`
    case 'install-snapshot':
      return `${head} ${printBase(message.snapshot)}`
    case 'timeout-now':
      return head
    default:
      return unreachable(message)
  }
}

/** Round 0: nobody reads. */
const printRound = (round: number): string => (round === 0 ? '' : ` round=${round}`)

/** Where a snapshot ends, or a log begins. */
export function printBase({ index, term, configuration }: LogBase): string {
  return `${index}/${term} ${printConfigurationData(configuration)}`
}

export function printStep(result: StepResult): string {
  return result.outcome === 'handled' ? 'handled' : `${result.outcome}: ${result.reason}`
}

export function printReady(ready: Ready): readonly string[] {
  const lines: string[] = []
  const { write, roleChange } = ready
  if (roleChange !== undefined)
    lines.push(`${roleChange.role} in term ${roleChange.term}, leader ${nameOf(roleChange.leader)}`)
  for (const message of ready.messages) lines.push(`send ${printMessage(message)}`)
  if (write !== undefined) lines.push(...printWrite(write))
  if (ready.committedEntries.length > 0) lines.push(`apply ${printEntries(ready.committedEntries)}`)
  if (ready.compaction !== undefined) lines.push(`compact to ${printBase(ready.compaction)}`)
  for (const id of ready.snapshotsWanted) lines.push(`snapshot wanted for ${nameOf(id)}`)
  for (const read of ready.reads) lines.push(`read ${read.id} at ${read.index}`)
  if (ready.configuration !== undefined)
    lines.push(`configuration ${printConfiguration(ready.configuration)}`)
  return lines
}

function printWrite({ hardState, entries, snapshot }: ReadyWrite): readonly string[] {
  const lines: string[] = []
  if (hardState !== undefined) {
    const { term, vote, commitIndex, votesFrom } = hardState
    const from = votesFrom === undefined ? '' : ` votesFrom=${votesFrom}`
    lines.push(`write term=${term} vote=${nameOf(vote)} commit=${commitIndex}${from}`)
  }
  if (snapshot !== undefined) lines.push(`write snapshot ${printBase(snapshot)}`)
  if (entries.length > 0) lines.push(`write ${printEntries(entries)}`)
  return lines
}
