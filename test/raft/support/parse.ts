/** Commands and messages from their text. */
import { encode, logIndex, present, term } from '../../../src/base/index.ts'
import { NO_CONFIGURATION } from '../../../src/raft/configuration.ts'
import { encodeConfiguration } from '../../../src/raft/configuration-codec.ts'
import type { Entry, RaftMessage, Snapshot } from '../../../src/raft/index.ts'
import { peer } from './names.ts'

export interface Arguments {
  readonly words: readonly string[]
  /** What is written `key=value`. */
  readonly options: ReadonlyMap<string, string>
}

export function parseArguments(text: string): Arguments {
  const all = text.split(/\s+/).filter((word) => word !== '')
  const words = all.filter((word) => !word.includes('='))
  const options = all.filter((word) => word.includes('=')).map((word) => word.split('=') as [string, string])
  return { words, options: new Map(options) }
}

/** `n2 > n1 TYPE` and the fields much as they are printed: `term=5 prev=3/2 entries=4/5,5/5`. */
export function parseMessage({ words, options }: Arguments): RaftMessage {
  const [from = '', , to = '', type] = words
  const number = (key: string): number => Number(options.get(key) ?? 0)
  const pair = (key: string): readonly [number, number] => {
    const [index, entryTerm] = (options.get(key) ?? '0/0').split('/').map(Number)
    return [index ?? 0, entryTerm ?? 0]
  }
  const envelope = { from: peer(from), to: peer(to), term: term(number('term')) }
  const granted = options.get('granted') === 'yes'
  const [lastIndex, lastTerm] = pair('last')
  const logEnd = { lastIndex: logIndex(lastIndex), lastTerm: term(lastTerm) }
  const [prevIndex, prevTerm] = pair('prev')
  const [hintIndex, hintTerm] = pair('hint')
  switch (type) {
    case 'pre-vote-request':
      return { type, ...envelope, ...logEnd }
    case 'vote-request':
      return { type, ...envelope, ...logEnd, isTransfer: options.get('transfer') === 'yes' }
    case 'pre-vote-response':
    case 'vote-response':
      return { type, ...envelope, granted }
    case 'append-request':
      return {
        type,
        ...envelope,
        prevIndex: logIndex(prevIndex),
        prevTerm: term(prevTerm),
        commitIndex: logIndex(number('commit')),
        entries: parseEntries(options.get('entries'), options.get('kind') === 'configuration'),
      }
    case 'append-accepted':
      return { type, ...envelope, matchIndex: logIndex(number('match')) }
    case 'append-rejected':
      return {
        type,
        ...envelope,
        rejectedIndex: logIndex(number('rejected')),
        hintIndex: logIndex(hintIndex),
        hintTerm: term(hintTerm),
      }
    case 'heartbeat-request':
      return {
        type,
        ...envelope,
        commitIndex: logIndex(number('commit')),
        round: number('round'),
        pace: Number(options.get('pace') ?? 1),
      }
    case 'heartbeat-response':
      return { type, ...envelope, round: number('round') }
    case 'install-snapshot':
      return { type, ...envelope, snapshot: parseSnapshot(pair('snapshot'), options) }
    case 'timeout-now':
      return { type, ...envelope }
    default:
      throw new Error(`no message type "${type}"`)
  }
}

/** `snapshot=7/3 voters=n1,n2 learners=n3`, of a state machine that has seen nothing. Without voters it cannot be read. */
function parseSnapshot(
  [index, snapshotTerm]: readonly [number, number],
  options: Arguments['options'],
): Snapshot {
  const voters = parseList(options.get('voters')).map(peer)
  const learners = parseList(options.get('learners')).map(peer)
  return {
    index: logIndex(index),
    term: term(snapshotTerm),
    configuration: encodeConfiguration({ ...NO_CONFIGURATION, voters, learners }),
    data: encode({ index, digest: 0 }),
  }
}

export const parseList = (text: string | undefined): readonly string[] =>
  text === undefined || text === '' ? [] : text.split(',')

/** With `isConfiguration` the (unreadable) text is the data of configuration entries. */
function parseEntries(text: string | undefined, isConfiguration: boolean): readonly Entry[] {
  if (text === undefined || text === '') return []
  return text.split(',').map((place) => {
    const [index, entryTerm] = place.split('/').map(Number)
    return {
      index: logIndex(present(index, 'index')),
      term: term(present(entryTerm, 'term')),
      kind: isConfiguration ? 'configuration' : 'command',
      data: new TextEncoder().encode(place),
    }
  })
}
