import type { ExecutionId, Logger } from '../base/index.ts'
import type { ExecutionJournal, StartedExecution } from './journal.ts'
import type { ProcessIdentity } from './linux-processes.ts'
import { executionMarker, ownerMarker } from './markers.ts'
import { endProcesses, Hunt } from './quiet.ts'

/** An execution that its guardian did not see through to the end. */
export interface Leftover {
  readonly executionId: ExecutionId
  /** Whether it is proven that no process of it is left. */
  readonly quiet: boolean
  /** Of which it is known that they belonged to it. */
  readonly processes: readonly ProcessIdentity[]
}

export interface LeftoversInit {
  readonly journal: ExecutionJournal
  readonly owner: string
  readonly logger: Logger
}

/**
 * Ends all that guardians of this node have started, and such a guardian itself: after a guardian was lost, and when
 * the node starts. Each execution is looked for by its record, its process group and its mark; all together once
 * more by the owner's mark, which finds those that no record names.
 *
 * @param traces what the node still remembers, beyond the journal.
 */
export async function endLeftovers(
  { journal, owner, logger }: LeftoversInit,
  traces: readonly { executionId: ExecutionId; leader: StartedExecution['leader'] | undefined }[],
): Promise<Leftover[]> {
  const recorded = journal.load((path) => logger.warn({ path }, 'a damaged execution record is removed'))
  const byId = new Map(traces.map((trace) => [trace.executionId, trace]))
  for (const record of recorded) byId.set(record.executionId, record)
  // This hunt looks first: while the parents live, it also finds children that cleared their environment.
  const everything = endProcesses(
    new Hunt({ leader: undefined, marker: ownerMarker(owner), groupOutlivesLeader: false }),
  )
  const hunts = [...byId.values()].map(
    ({ executionId, leader }) =>
      new Hunt({ leader, marker: executionMarker(executionId), groupOutlivesLeader: false }),
  )
  const each = hunts.map(endProcesses)
  // Whose the rest is that only the owner's mark found, nobody knows: then none is proven quiet.
  const nothingElse = await everything
  const quiet = (await Promise.all(each)).map((proven) => proven && nothingElse)
  return [...byId.keys()].map((executionId, index) => {
    const processes = hunts[index]?.members ?? []
    const leftover = { executionId, quiet: quiet[index] === true, processes }
    if (leftover.quiet) journal.remove(executionId)
    return leftover
  })
}
