/** How messages, entries and Readys read in transcripts and failure reports. */
import { unreachable } from '../../../src/base/index.ts'
import { decodeConfiguration } from '../../../src/raft/configuration-codec.ts'
import type { Configuration, Entry, RaftMessage, Ready, StepResult } from '../../../src/raft/index.ts'
import { nameOf } from './machine.ts'

export function printConfiguration(configuration: Configuration): string {
  const half = (peers: Configuration['voters']): string => `(${peers.map(nameOf).join(' ')})`
  const incoming = half(configuration.voters)
  return configuration.votersOutgoing.length === 0
    ? incoming
    : `${incoming}&&${half(configuration.votersOutgoing)}`
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
    case 'vote-request':
      return `${head} last=${message.lastIndex}/${message.lastTerm}`
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
      return `${head} commit=${message.commitIndex}`
    case 'heartbeat-response':
      return head
    default:
      return unreachable(message)
  }
}

export function printStep(result: StepResult): string {
  return result.outcome === 'handled' ? 'handled' : `${result.outcome}: ${result.reason}`
}

export function printReady(ready: Ready): readonly string[] {
  const lines: string[] = []
  const { hardState, roleChange } = ready
  if (roleChange !== undefined)
    lines.push(`${roleChange.role} in term ${roleChange.term}, leader ${nameOf(roleChange.leader)}`)
  for (const message of ready.messages) lines.push(`send ${printMessage(message)}`)
  if (hardState !== undefined)
    lines.push(`write term=${hardState.term} vote=${nameOf(hardState.vote)} commit=${hardState.commitIndex}`)
  if (ready.entries.length > 0) lines.push(`write ${printEntries(ready.entries)}`)
  for (const message of ready.messagesAfterPersist) lines.push(`then send ${printMessage(message)}`)
  if (ready.committedEntries.length > 0) lines.push(`apply ${printEntries(ready.committedEntries)}`)
  if (ready.configuration !== undefined)
    lines.push(`configuration ${printConfiguration(ready.configuration)}`)
  return lines
}
