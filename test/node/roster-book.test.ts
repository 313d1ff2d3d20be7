import { expect, test } from 'vitest'
import type { RosterEntry } from '../../src/authority/index.ts'
import { CodedError, type NodeId, type PeerId, silentLogger } from '../../src/base/index.ts'
import { RosterBook } from '../../src/node/roster-book.ts'

const entry = (peer: string, nodeId: string): RosterEntry => ({
  peer: peer as PeerId,
  nodeId: nodeId as NodeId,
  statement: new Uint8Array(1),
  signature: new Uint8Array(1),
  addresses: [],
})

function book(verify: (entry: RosterEntry) => { isAdmin: boolean } = () => ({ isAdmin: true })) {
  const roster = new RosterBook({ verify, save: () => Promise.resolve(), logger: silentLogger })
  const conflicts: [string, string][] = []
  roster.onConflict(({ peer }, holder) => conflicts.push([peer, holder]))
  return { roster, conflicts }
}

test('a node id with another key is refused, whatever its credential says, and named once', () => {
  const { roster, conflicts } = book()
  roster.add([entry('first', 'desk'), entry('other', 'attic')])
  for (let time = 0; time < 3; time++) roster.add([entry('second', 'desk')])
  expect(conflicts).toEqual([['second', 'first']])
  expect([roster.isAdmitted('first' as PeerId), roster.isAdmitted('second' as PeerId)]).toEqual([true, false])
  expect([roster.peerOf('desk'), roster.isAdmin('second' as PeerId)]).toEqual(['first', false])
  expect(roster.list()).toHaveLength(2)
})

test('of two in one message, too, the first holds the id', () => {
  const { roster, conflicts } = book()
  roster.add([entry('first', 'desk'), entry('second', 'desk')])
  expect(conflicts).toEqual([['second', 'first']])
})

test('whose credential is no good takes no id from anybody, and is no conflict', () => {
  const { roster, conflicts } = book(({ peer }) => {
    if (peer === 'forger') throw new CodedError('credential.invalid', { peer, reason: 'test' })
    return { isAdmin: false }
  })
  roster.add([entry('forger', 'desk'), entry('first', 'desk'), entry('forger', 'desk')])
  expect(roster.peerOf('desk')).toBe('first')
  expect(conflicts).toEqual([])
})
