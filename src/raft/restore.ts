/** From what was saved to a running server, and what is saved before the first run. */
import { CodedError, type LogIndex, logIndex, type PeerId, type Random, term } from '../base/index.ts'
import { type Configuration, NO_CONFIGURATION } from './configuration.ts'
import { decodeConfiguration, encodeConfiguration } from './configuration-codec.ts'
import { ConfigurationHistory } from './configuration-history.ts'
import type { HardState } from './entry.ts'
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
  const log = new RaftLog(saved.base, saved.entries, commitIndex, appliedIndex)
  // The newest configuration counts, committed or not; those after the last committed one may have to be undone.
  const configurations = savedConfigurations(saved)
  configurations.commitTo(commitIndex)
  return new RaftState({ self, options, random, log, configurations, hardState })
}

function savedConfigurations({ base, entries }: SavedLog): ConfigurationHistory {
  const first = base.index === 0 ? NO_CONFIGURATION : read(base.index, base.configuration)
  const history = new ConfigurationHistory(base.index, first)
  for (const { index, kind, data } of entries)
    if (kind === 'configuration') history.append(index, read(index, data))
  return history
}

function read(index: LogIndex, configuration: Uint8Array): Configuration {
  try {
    return decodeConfiguration(configuration)
  } catch (cause) {
    throw damaged(`the configuration at index ${index} cannot be read`, cause)
  }
}

/**
 * What `populi init` writes into an empty store: a group whose only voter is `self`. Term 1 counts as a term in
 * which nobody led, and the entry as committed by its only voter.
 */
export function bootstrapLog(self: PeerId): LogWrite {
  const data = encodeConfiguration({ ...NO_CONFIGURATION, voters: [self] })
  return {
    hardState: { term: term(1), vote: undefined, commitIndex: logIndex(1) },
    entries: [{ index: logIndex(1), term: term(1), kind: 'configuration', data }],
  }
}

function checkSaved({ base, entries }: SavedLog, hardState: HardState, appliedIndex: LogIndex): void {
  let { index, term: lastTerm } = base
  for (const entry of entries) {
    if (entry.index !== index + 1) throw damaged(`entry ${entry.index} stands where ${index + 1} should`)
    if (entry.term < lastTerm) throw damaged(`the term falls at index ${entry.index}`)
    index = entry.index
    lastTerm = entry.term
  }
  if (lastTerm > hardState.term) throw damaged('the log is newer than the term')
  if (hardState.commitIndex > index) throw damaged('the log ends before its commit index')
  if (appliedIndex > index) throw damaged('the log ends before what was applied')
  if (appliedIndex < base.index) throw damaged('the log begins after what was applied')
}

function damaged(what: string, cause?: unknown): CodedError {
  return new CodedError('store.corrupt', { path: 'the raft log', what }, { cause })
}
