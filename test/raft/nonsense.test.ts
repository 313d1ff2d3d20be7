/**
 * Peers that say anything: whatever arrives, in whatever role, the core refuses it, ignores it or handles it, and never throws; and what
 * it has committed stays what it was. A failure of the property names the seed.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { logIndex, type PeerId, Random, term } from '../../src/base/index.ts'
import { NO_CONFIGURATION } from '../../src/raft/configuration.ts'
import { encodeConfiguration } from '../../src/raft/configuration-codec.ts'
import { RAFT_DEFAULTS, type RaftMessage } from '../../src/raft/index.ts'
import { Machine, rebuiltLog, savedGroup, savedLog } from './support/machine.ts'
import { peer } from './support/names.ts'
import { printEntry } from './support/print.ts'

const SMALL = {
  ...RAFT_DEFAULTS,
  maxAppendBytes: 1024,
  maxUncommittedBytes: 2048,
  maxInflightBytes: 1024,
  compactEntriesMax: 6,
}

/** Everything a few random numbers can say; most of it near what is possible, so that it gets far. */
class Babble {
  private readonly random: Random

  constructor(random: Random) {
    this.random = random
  }

  pick(max: number): number {
    return this.random.integer(0, max)
  }

  private get index(): number {
    return this.pick(1) === 0 ? this.pick(12) : this.pick(3) * 1000
  }

  private get peer(): PeerId {
    return peer(`n${this.pick(4) + 1}`)
  }

  private get configuration(): Uint8Array {
    if (this.pick(4) === 0) return new Uint8Array(this.pick(5))
    const voters = [1, 2, 3, 4].filter(() => this.pick(2) > 0).map((number) => peer(`n${number}`))
    return encodeConfiguration({ ...NO_CONFIGURATION, voters })
  }

  message(): RaftMessage {
    const messageTerm = this.pick(8)
    const envelope = {
      from: this.peer,
      to: this.pick(20) === 0 ? this.peer : peer('n1'),
      term: term(messageTerm),
    }
    const end = { lastIndex: logIndex(this.index), lastTerm: term(this.pick(8)) }
    const kind = this.pick(10)
    switch (kind) {
      case 0:
        return { type: 'pre-vote-request', ...envelope, ...end }
      case 1:
        return { type: 'vote-request', ...envelope, ...end, isTransfer: this.pick(1) === 0 }
      case 2:
        return { type: 'pre-vote-response', ...envelope, granted: this.pick(3) > 0 }
      case 3:
        return { type: 'vote-response', ...envelope, granted: this.pick(3) > 0 }
      case 4:
        return { type: 'append-accepted', ...envelope, matchIndex: logIndex(this.index) }
      case 5: {
        const hint = { hintIndex: logIndex(this.index), hintTerm: term(this.pick(8)) }
        return { type: 'append-rejected', ...envelope, rejectedIndex: logIndex(this.index), ...hint }
      }
      case 6:
        return {
          type: 'heartbeat-request',
          ...envelope,
          commitIndex: logIndex(this.index),
          round: this.pick(5),
          pace: 1 + this.pick(16),
        }
      case 7:
        return { type: 'heartbeat-response', ...envelope, round: this.pick(5) }
      case 8: {
        const snapshot = { index: logIndex(this.index), term: term(this.pick(8)) }
        const data = new Uint8Array(0)
        return {
          type: 'install-snapshot',
          ...envelope,
          snapshot: { ...snapshot, configuration: this.configuration, data },
        }
      }
      case 9:
        return { type: 'timeout-now', ...envelope }
      default:
        return this.append(envelope, messageTerm)
    }
  }

  private append(envelope: Pick<RaftMessage, 'from' | 'to' | 'term'>, messageTerm: number): RaftMessage {
    const prevIndex = this.index
    let entryTerm = Math.min(messageTerm, this.pick(8))
    const prevTerm = term(this.pick(3) === 0 ? this.pick(8) : entryTerm)
    const entries = Array.from({ length: this.pick(4) }, (_, at) => {
      if (this.pick(5) === 0) entryTerm += this.pick(2)
      const isConfiguration = this.pick(6) === 0
      return {
        index: logIndex(prevIndex + 1 + at + (this.pick(30) === 0 ? 1 : 0)),
        term: term(entryTerm),
        kind: isConfiguration ? ('configuration' as const) : ('command' as const),
        data: isConfiguration ? this.configuration : new Uint8Array(this.pick(100)),
      }
    })
    const commitIndex = logIndex(this.index)
    return {
      type: 'append-request',
      ...envelope,
      prevIndex: logIndex(prevIndex),
      prevTerm,
      commitIndex,
      entries,
    }
  }
}

/** One thing a driver, a client or a clock may do. */
function act(machine: Machine, babble: Babble): void {
  const { core } = machine
  switch (babble.pick(11)) {
    case 0:
      core.propose(new Uint8Array(babble.pick(300)))
      break
    case 1:
      core.proposeConfiguration({
        voters: [1, 2, 3, 4].filter(() => babble.pick(1) === 0).map((number) => peer(`n${number}`)),
        learners: [1, 2, 3, 4].filter(() => babble.pick(2) === 0).map((number) => peer(`n${number}`)),
        leave: babble.pick(1) === 0 ? 'auto' : 'explicit',
      })
      break
    case 2:
      core.leaveJoint()
      break
    case 3:
      core.transferLeadership(peer(`n${babble.pick(4) + 1}`))
      break
    case 4:
      core.readIndex()
      break
    case 5:
      core.loseContact(peer(`n${babble.pick(4) + 1}`))
      break
    case 6:
      core.snapshotFailed(peer(`n${babble.pick(4) + 1}`))
      break
    case 7:
      for (let count = babble.pick(15); count > 0; count--) core.tick()
      break
    default:
      core.step(babble.message())
  }
}

test('whatever peers say, at whatever moment: nothing is thrown, and what was applied is never taken back', () => {
  fc.assert(
    fc.property(fc.integer(), fc.boolean(), (seed, isRebuilt) => {
      const babble = new Babble(new Random(seed))
      const group = savedLog(savedGroup(['n1', 'n2', 'n3']), [1, 1, 2], { term: 2, commit: 2 })
      const saved = isRebuilt ? rebuiltLog(2, 4) : group
      const machine = new Machine({ name: 'n1', options: SMALL, saved, seed })
      const applied = new Map<number, string>()
      for (let step = 0; step < 300; step++) {
        act(machine, babble)
        if (babble.pick(2) === 0 && machine.core.hasReady()) {
          const ready = machine.take()
          for (const entry of ready.committedEntries) {
            expect(applied.get(entry.index) ?? printEntry(entry)).toBe(printEntry(entry))
            applied.set(entry.index, printEntry(entry))
          }
          machine.apply(ready.committedEntries)
        }
        if (babble.pick(2) === 0 && machine.held !== undefined) {
          machine.disk.write(machine.held)
          // The state that a stranger invented cannot be read; its index is what counts here.
          if (machine.held.snapshot !== undefined)
            machine.states = [{ index: machine.held.snapshot.index, digest: 0 }]
          machine.held = undefined
          machine.core.writeDone()
        }
        for (const id of machine.wanted) machine.provide(id)
        if (babble.pick(100) === 0) machine.restart()
        const { baseIndex, appliedIndex, commitIndex, lastIndex } = machine.core.status
        expect(appliedIndex <= commitIndex && commitIndex <= lastIndex && baseIndex <= lastIndex).toBe(true)
      }
    }),
    { numRuns: 300 },
  )
})
