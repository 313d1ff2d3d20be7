/** From what was saved to a running server, and what is saved before the first run. */
import { CodedError, type LogIndex, logIndex, type PeerId, type Random, term } from '../base/index.ts'
import { encodeConfiguration } from './configuration-codec.ts'
import type { Entry, HardState } from './entry.ts'
import { RaftLog } from './log.ts'
import type { LogWrite, SavedLog } from './log-store.ts'
import type { RaftOptions } from './options.ts'
import { RaftState } from './state.ts'

const NEVER_WRITTEN: HardState = { term: term(0), vote: undefined, commitIndex: logIndex(0) }

interface RestoreInit {
  readonly self: PeerId
  readonly saved: SavedLog
  readonly options: RaftOptions
  readonly random: Random
  readonly appliedIndex: LogIndex
}

/** @throws CodedError `store.corrupt` when the parts contradict each other. */
export function restore(init: RestoreInit): RaftState {
  const { self, saved, options, random, appliedIndex } = init
  const hardState = saved.hardState ?? NEVER_WRITTEN
  checkSaved(saved, hardState, appliedIndex)
  // The saved commit index may be older than what was applied: it is written only together with something else.
  const commitIndex = logIndex(Math.max(hardState.commitIndex, appliedIndex))
  const log = new RaftLog(saved.entries, commitIndex, appliedIndex)
  const state = new RaftState({ self, options, random, log, term: hardState.term, vote: hardState.vote })
  // The newest configuration counts, committed or not; those after the last committed one may have to be undone.
  let from: number = commitIndex
  while (from > 0 && log.entryAt(from).kind !== 'configuration') from--
  for (const entry of saved.entries.slice(Math.max(from - 1, 0))) noteSaved(state, entry)
  state.configurations.commitTo(commitIndex)
  return state
}

function noteSaved(state: RaftState, entry: Entry): void {
  try {
    state.noteAppended(entry)
  } catch (cause) {
    throw damaged(`the configuration at index ${entry.index} cannot be read`, cause)
  }
}

/**
 * What `populi init` writes into an empty store: a group whose only voter is `self`. Term 1 counts as a term in
 * which nobody led, and the entry as committed by its only voter.
 */
export function bootstrapLog(self: PeerId): LogWrite {
  const data = encodeConfiguration({ voters: [self], votersOutgoing: [] })
  return {
    hardState: { term: term(1), vote: undefined, commitIndex: logIndex(1) },
    entries: [{ index: logIndex(1), term: term(1), kind: 'configuration', data }],
  }
}

function checkSaved(saved: SavedLog, hardState: HardState, appliedIndex: LogIndex): void {
  const { entries } = saved
  for (const [at, entry] of entries.entries()) {
    if (entry.index !== at + 1) throw damaged(`entry ${entry.index} stands where ${at + 1} should`)
    if (entry.term < (entries[at - 1]?.term ?? 0)) throw damaged(`the term falls at index ${entry.index}`)
  }
  if ((entries.at(-1)?.term ?? 0) > hardState.term) throw damaged('the log is newer than the term')
  if (hardState.commitIndex > entries.length) throw damaged('the log ends before its commit index')
  if (appliedIndex > entries.length) throw damaged('the log ends before what was applied')
}

function damaged(what: string, cause?: unknown): CodedError {
  return new CodedError('store.corrupt', { path: 'the raft log', what }, { cause })
}
