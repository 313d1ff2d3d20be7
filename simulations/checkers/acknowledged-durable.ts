/**
 * What is committed is durable on a quorum of the configuration in force, at the moment at which somebody says so; what a
 * client was told rests on a committed entry; what a follower acknowledges is on its own disk; and a disk still holds
 * after a restart what it was reported to hold before. Together: an acknowledged operation survives the crash of any
 * minority (P3).
 */
import type { PeerId } from '../../src/base/index.ts'
import type { Observation, Observed } from '../observation.ts'
import type { Checker, Sink } from './checker.ts'
import type { Commitments } from './commitments.ts'
import { NodeLog, type NodeLogs } from './node-logs.ts'

export class AcknowledgedDurable implements Checker {
  readonly name = 'acknowledged-durable'
  private readonly sink: Sink
  private readonly logs: NodeLogs
  private readonly commitments: Commitments

  constructor(sink: Sink, logs: NodeLogs, commitments: Commitments) {
    this.sink = sink
    this.logs = logs
    this.commitments = commitments
  }

  observe(observation: Observation): void {
    switch (observation.type) {
      case 'commit-advanced':
        return this.commits(observation)
      case 'acknowledged':
        if (observation.index > this.commitments.lastIndex)
          this.report(
            `answered a client for entry ${observation.index}, which is not committed`,
            observation.node,
            observation.atMs,
          )
        return
      case 'append-accepted':
        return this.accepts(observation)
      case 'life-began':
        if (this.logs.knows(observation.node)) this.rises(observation)
        return
      default:
        return
    }
  }

  finish(): void {
    // Everything was said when it happened.
  }

  private commits({ node, index, atMs }: Observed<'commit-advanced'>): void {
    for (let at = this.commitments.lastIndex + 1; at <= index; at++) {
      if (this.commitments.quorumEntry(node, at) !== undefined) continue
      const held = this.commitments
        .configurationsInForce(node, at)
        .flatMap(({ voters, votersOutgoing }) => [...voters, ...votersOutgoing])
        .filter((peer) => this.logs.of(peer).durable.termAt(at) !== undefined)
      const holders = held.length === 0 ? 'no voter' : [...new Set(held)].sort().join(', ')
      this.report(`takes entry ${at} for committed; durable on ${holders} only`, node, atMs)
      return
    }
  }

  /**
   * An answer of a term that is over speaks of the past: what it acknowledges may have been replaced in memory, by the leader
   * of a later term, before any write began. It leaves only when the later term is on the disk, so it is no more than
   * an answer that was long on its way: whoever elected the later leader either had not accepted those entries or
   * gave it a vote that took them into account.
   */
  private accepts({ node, index, term, atMs }: Observed<'append-accepted'>): void {
    const { durable } = this.logs.of(node)
    if (term < (durable.hardState?.term ?? 0)) return
    if (index > durable.lastIndex)
      this.report(
        `acknowledged entries up to ${index} in term ${term}; its disk has them up to ${durable.lastIndex}`,
        node,
        atMs,
      )
  }

  /** A write that was under way may be there whole, or not at all. */
  private rises(observation: Observed<'life-began'>): void {
    const { node, atMs, log } = observation
    const found = new NodeLog(log.base, log.entries, log.hardState)
    const disk = this.logs.of(node)
    const lost = difference(disk.durable, found)
    if (lost === undefined) return
    if (disk.pending !== undefined) {
      const { durable, pending } = disk
      const after = new NodeLog(durable.base, durable.entries, durable.hardState)
      if (pending.kind === 'write') after.replaceFrom(pending.write)
      const whole = pending.kind === 'write' ? after : new NodeLog(pending.base, [], pending.hardState)
      if (difference(whole, found) === undefined) return
    }
    this.report(`its disk was reported to be written, and after the restart ${lost}`, node, atMs)
  }

  private report(message: string, node: PeerId, atMs: number): void {
    this.sink.violation({ checker: this.name, message, node, atMs })
  }
}

/** What `found` lacks of `expected`. An older base is none: compaction is deferred. */
function difference(expected: NodeLog, found: NodeLog): string | undefined {
  if (hardText(found) !== hardText(expected))
    return `its hard state is another one (${hardText(expected)}, then ${hardText(found)})`
  if (found.base.index > expected.base.index) return `its log begins at ${found.base.index}`
  for (const { index, term, digest } of expected.entries) {
    const there = found.entryAt(index)
    if (there === undefined) return `entry ${index} is missing`
    if (there.term !== term || there.digest !== digest) return `entry ${index} is another one`
  }
  return found.lastIndex > expected.lastIndex ? `entry ${found.lastIndex} was never written` : undefined
}

function hardText({ hardState }: NodeLog): string {
  if (hardState === undefined) return 'none'
  return `term ${hardState.term}, vote ${hardState.vote ?? 'none'}, commit ${hardState.commitIndex}`
}
