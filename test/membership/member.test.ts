import { describe, expect, test } from 'vitest'
import { bootMs, incarnation, nodeId } from '../../src/base/index.ts'
import {
  ATTIC,
  Driven,
  heartbeat,
  INTERVAL_MS,
  LAN,
  leave,
  ROSTER,
  record,
  SELF,
  STRANGER,
} from './support.ts'

const SUSPECT_MS = LAN.suspectAfterBeats * INTERVAL_MS
const DEAD_MS = LAN.deadAfterBeats * INTERVAL_MS

describe('what a member says', () => {
  test('a peer of the roster that was never heard of is unseen, however long it is silent', () => {
    const node = new Driven()
    node.run(10 * DEAD_MS)
    expect(node.member(ATTIC)).toMatchObject({
      status: 'unseen',
      incarnation: 0,
      record: undefined,
      lastSeen: undefined,
    })
  })

  test('the first heartbeat makes it alive', () => {
    const node = new Driven()
    node.taken()
    node.hear(ATTIC, heartbeat({ incarnation: 3 }))
    expect(node.changes()).toEqual([
      {
        type: 'changed',
        peer: ATTIC,
        nodeId: 'attic',
        from: 'unseen',
        to: 'alive',
        cause: 'heartbeat',
        incarnation: 3,
      },
    ])
    expect(node.member(ATTIC)).toMatchObject({ status: 'alive', incarnation: 3, lastSeen: node.now })
  })

  test('a repeated or overtaken heartbeat is no sign of life', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat({ sequence: 5 }))
    const heardAt = node.now
    node.run(SUSPECT_MS)
    expect(node.member(ATTIC).status).toBe('suspect')
    node.hear(ATTIC, heartbeat({ sequence: 5 }))
    node.hear(ATTIC, heartbeat({ sequence: 4 }))
    expect(node.member(ATTIC)).toMatchObject({ status: 'suspect', lastSeen: heardAt })
    expect(node.core.ignored().stale).toBe(2)
  })

  test('a heartbeat of an older incarnation is ignored, whatever its sequence and record', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat({ incarnation: 2, sequence: 1 }))
    node.hear(
      ATTIC,
      heartbeat({ incarnation: 1, sequence: 99, record: record('attic', { record_version: 9 }) }),
    )
    expect(node.member(ATTIC)).toMatchObject({ incarnation: 2, record: undefined })
    expect(node.core.ignored().stale).toBe(1)
  })

  test('a restart of a member that was never missed is told as a change of its incarnation', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat({ incarnation: 1, sequence: 7 }))
    node.taken()
    node.hear(ATTIC, heartbeat({ incarnation: 2, sequence: 1 }))
    expect(node.changes()).toMatchObject([{ from: 'alive', to: 'alive', cause: 'heartbeat', incarnation: 2 }])
  })

  test('the record of an earlier life says nothing about the new one', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat({ record: record('attic', { record_version: 4, remote_execute: true }) }))
    node.hear(ATTIC, heartbeat({ incarnation: 2 }))
    expect(node.member(ATTIC).record).toBeUndefined()
    node.hear(
      ATTIC,
      heartbeat({ incarnation: 2, sequence: 2, record: record('attic', { record_version: 1 }) }),
    )
    expect(node.member(ATTIC).record).toMatchObject({ record_version: 1 })
  })

  test('an overtaken heartbeat still brings a newer record, never an older one', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat({ sequence: 8 }))
    node.hear(ATTIC, heartbeat({ sequence: 7, record: record('attic', { record_version: 2 }) }))
    node.hear(ATTIC, heartbeat({ sequence: 3, record: record('attic', { record_version: 1 }) }))
    expect(node.member(ATTIC).record).toMatchObject({ record_version: 2 })
  })

  test('left is not dead: it says so at once, and silence does not change it', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat())
    node.taken()
    node.hear(ATTIC, leave())
    expect(node.changes()).toMatchObject([{ from: 'alive', to: 'left', cause: 'leave' }])
    node.run(2 * DEAD_MS)
    expect(node.member(ATTIC).status).toBe('left')
  })

  test('left sticks for that incarnation and ends with a higher one', () => {
    const node = new Driven()
    node.hear(ATTIC, leave(2))
    node.hear(ATTIC, heartbeat({ incarnation: 2, sequence: 50 }))
    node.hear(ATTIC, heartbeat({ incarnation: 1, sequence: 99 }))
    node.step({ type: 'connection_opened', peer: ATTIC })
    expect(node.member(ATTIC)).toMatchObject({ status: 'left', incarnation: 2 })
    node.hear(ATTIC, heartbeat({ incarnation: 3, sequence: 1 }))
    expect(node.member(ATTIC)).toMatchObject({ status: 'alive', incarnation: 3 })
  })

  test('a leave of an earlier life does not end the present one', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat({ incarnation: 2 }))
    node.hear(ATTIC, leave(1))
    expect(node.member(ATTIC)).toMatchObject({ status: 'alive', incarnation: 2 })
  })

  test('a dead member that leaves late is left', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat())
    node.run(DEAD_MS)
    node.hear(ATTIC, leave())
    expect(node.member(ATTIC).status).toBe('left')
  })
})

describe('silence', () => {
  test('a silent member is suspected first and declared dead later, each by its threshold', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat())
    node.taken()
    node.run(SUSPECT_MS - 1)
    expect(node.changes()).toEqual([])
    node.run(1)
    expect(node.changes()).toMatchObject([{ from: 'alive', to: 'suspect', cause: 'silence' }])
    node.run(DEAD_MS - SUSPECT_MS - 1)
    expect(node.changes()).toEqual([])
    node.run(1)
    expect(node.changes()).toMatchObject([{ from: 'suspect', to: 'dead', cause: 'silence' }])
  })

  test('silence is judged by the interval that the member announced', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat({ intervalMs: 10 * INTERVAL_MS }))
    node.run(10 * SUSPECT_MS - 1)
    expect(node.member(ATTIC).status).toBe('alive')
    node.run(1)
    expect(node.member(ATTIC).status).toBe('suspect')
  })

  test.each([1, 2])('a dead member is alive again by a later heartbeat (incarnation %i)', (life) => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat({ incarnation: 1, sequence: 1 }))
    node.run(DEAD_MS)
    expect(node.member(ATTIC).status).toBe('dead')
    node.hear(ATTIC, heartbeat({ incarnation: 1, sequence: 1 }))
    expect(node.member(ATTIC).status).toBe('dead')
    node.hear(ATTIC, heartbeat({ incarnation: life, sequence: 2 }))
    expect(node.member(ATTIC)).toMatchObject({ status: 'alive', incarnation: life })
  })
})

describe('connections are hints', () => {
  test('a closed connection is suspected at once and never a verdict: dead still takes the whole silence', () => {
    const node = new Driven()
    node.run(INTERVAL_MS)
    node.hear(ATTIC, heartbeat())
    node.taken()
    node.step({ type: 'connection_closed', peer: ATTIC })
    expect(node.changes()).toMatchObject([{ from: 'alive', to: 'suspect', cause: 'connection_closed' }])
    node.run(DEAD_MS - 1)
    expect(node.member(ATTIC).status).toBe('suspect')
    node.run(1)
    expect(node.member(ATTIC).status).toBe('dead')
  })

  test('a later heartbeat through others ends the suspicion of a closed connection', () => {
    const node = new Driven()
    node.run(INTERVAL_MS)
    node.hear(ATTIC, heartbeat({ sequence: 1 }))
    node.step({ type: 'connection_closed', peer: ATTIC })
    node.hear(ATTIC, heartbeat({ sequence: 2 }))
    expect(node.member(ATTIC).status).toBe('alive')
  })

  test('an opened connection ends a suspicion and counts as a sign of life', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat())
    node.run(SUSPECT_MS)
    node.taken()
    node.step({ type: 'connection_opened', peer: ATTIC })
    expect(node.changes()).toMatchObject([{ from: 'suspect', to: 'alive', cause: 'connection_opened' }])
    node.run(SUSPECT_MS - 1)
    expect(node.member(ATTIC).status).toBe('alive')
  })

  test('a connection alone resurrects nobody: not the dead, not the unseen', () => {
    const node = new Driven()
    node.step({ type: 'connection_opened', peer: ATTIC })
    expect(node.member(ATTIC).status).toBe('unseen')
    node.hear(ATTIC, heartbeat())
    node.run(DEAD_MS)
    node.step({ type: 'connection_opened', peer: ATTIC })
    expect(node.member(ATTIC).status).toBe('dead')
  })

  test('hints about strangers change nothing', () => {
    const node = new Driven()
    node.taken()
    node.step({ type: 'connection_opened', peer: STRANGER })
    node.step({ type: 'connection_closed', peer: STRANGER })
    expect(node.taken()).toEqual([])
  })
})

describe('a process that was away', () => {
  test('suspended for an hour: nobody is accused before a fresh period has passed', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat())
    node.beAway(3_600_000)
    node.run(SUSPECT_MS)
    expect(node.member(ATTIC).status).toBe('alive')
    node.run(LAN.tickMs)
    expect(node.member(ATTIC).status).toBe('suspect')
  })

  test('a suspicion from before the absence does not become a verdict by it', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat())
    node.run(SUSPECT_MS)
    node.beAway(3_600_000)
    node.run(DEAD_MS)
    expect(node.member(ATTIC).status).toBe('suspect')
    node.run(LAN.tickMs)
    expect(node.member(ATTIC).status).toBe('dead')
  })

  test('the absence is noticed when the first call after it is a message about somebody else', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat())
    node.beAway(3_600_000)
    node.hear(STRANGER, heartbeat())
    node.run(SUSPECT_MS - 1)
    expect(node.member(ATTIC).status).toBe('alive')
  })

  test('connections that broke meanwhile cast no doubt on the peers', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat())
    node.beAway(3_600_000)
    node.step({ type: 'connection_closed', peer: ATTIC })
    expect(node.member(ATTIC).status).toBe('alive')
  })
})

describe('the roster', () => {
  test('heartbeats of strangers are ignored and counted', () => {
    const node = new Driven()
    node.taken()
    node.hear(STRANGER, heartbeat())
    expect(node.taken()).toEqual([])
    expect(node.core.ignored()).toEqual({ stranger: 1, stale: 0, foreignRecord: 0, own: 0 })
    expect(node.core.members().map((member) => member.nodeId)).toEqual(['self', 'attic', 'desk'])
  })

  test('an admitted peer is unseen until it speaks', () => {
    const node = new Driven()
    node.taken()
    node.step({ type: 'roster', roster: new Map([...ROSTER, [STRANGER, nodeId('new')]]) })
    expect(node.changes()).toMatchObject([{ nodeId: 'new', from: undefined, to: 'unseen', cause: 'roster' }])
    node.hear(STRANGER, heartbeat())
    expect(node.member(STRANGER).status).toBe('alive')
  })

  test('a removed peer is gone, and its later heartbeats are those of a stranger', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat())
    node.taken()
    node.step({ type: 'roster', roster: new Map([...ROSTER].filter(([peer]) => peer !== ATTIC)) })
    expect(node.changes()).toMatchObject([{ nodeId: 'attic', from: 'alive', to: undefined, cause: 'roster' }])
    node.hear(ATTIC, heartbeat({ sequence: 2 }))
    expect(node.core.members().map((member) => member.nodeId)).toEqual(['self', 'desk'])
    expect(node.core.ignored().stranger).toBe(1)
  })

  test('a peer that was enrolled again under another node id is a new member', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat({ incarnation: 5 }))
    node.taken()
    node.step({ type: 'roster', roster: new Map([...ROSTER, [ATTIC, nodeId('loft')]]) })
    expect(node.changes()).toMatchObject([
      { nodeId: 'attic', from: 'alive', to: undefined, cause: 'roster' },
      { nodeId: 'loft', from: undefined, to: 'unseen', cause: 'roster', incarnation: 0 },
    ])
  })

  test('a roster that did not change forgets nobody', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat())
    node.taken()
    node.step({ type: 'roster', roster: new Map(ROSTER) })
    expect(node.changes()).toEqual([])
    expect(node.member(ATTIC).status).toBe('alive')
  })

  test('a roster that its owner changes later does not change the table behind its back', () => {
    const roster = new Map(ROSTER)
    const node = new Driven(roster)
    roster.delete(ATTIC)
    expect(node.core.members()).toHaveLength(3)
  })

  test.each([
    ['node id', record('desk')],
    ['peer id', record('attic', { peer_id: STRANGER })],
  ])('a record under the %s of another is refused with its whole message', (_, foreign) => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat({ record: { ...foreign, record_version: 1 } }))
    expect(node.member(ATTIC).status).toBe('unseen')
    expect(node.core.ignored().foreignRecord).toBe(1)
  })

  test('gossip under the own identity is ignored and counted', () => {
    const node = new Driven()
    node.hear(SELF, leave(9))
    expect(node.member(SELF)).toMatchObject({ self: true, status: 'alive', incarnation: incarnation(1) })
    expect(node.core.ignored().own).toBe(1)
  })

  test('a clock that goes back stops the node', () => {
    const node = new Driven()
    expect(() => node.core.tick(bootMs(node.now - 1))).toThrow('the clock does not go back')
  })
})
