import { expect, test } from 'vitest'
import { detectRatio, figuresOf } from '../../../bootstrap/bench/detect.ts'
import { aliveIn, failedIn } from '../../../bootstrap/bench/serf-cluster.ts'

const noticed = (...ms: readonly number[]) => new Map(ms.map((at, observer) => [observer, at]))

test('each round counts with its first and its last observer, and the figures are the medians of the rounds', () => {
  const kills = [noticed(300, 100, 200), noticed(500, 400, 900), noticed(50, 60, 70)]
  const stops = [noticed(4000, 3000, 5000)]
  expect(figuresOf(kills, stops)).toEqual({
    killFirstMs: 100,
    killAllMs: 300,
    stopFirstMs: 3000,
    stopAllMs: 5000,
  })
})

test('a ratio below 1 is sooner than the peer', () => {
  const ours = { killFirstMs: 100, killAllMs: 400, stopFirstMs: 3000, stopAllMs: 3000 }
  const peer = { killFirstMs: 4000, killAllMs: 4000, stopFirstMs: 3000, stopAllMs: 6000 }
  expect(detectRatio(ours, peer)).toEqual({
    killFirstMs: 0.025,
    killAllMs: 0.1,
    stopFirstMs: 1,
    stopAllMs: 0.5,
  })
})

test('of a log of serf only the verdict counts, and no suspicion or late report of it', () => {
  const log = [
    '    2026/11/21 05:57:45 [INFO] memberlist: Suspect serf-2 has failed, no acks received',
    '    2026/11/21 05:57:49 [INFO] memberlist: Marking serf-2 as failed, suspect timeout reached (0 peer confirmations)',
    '    2026/11/21 05:57:49 [INFO] serf: EventMemberFailed: serf-2 127.0.0.1',
    '    2026/11/21 05:57:50 [INFO] agent: Received event: member-failed',
    '    2026/11/21 05:57:51 [INFO] serf: EventMemberJoin: serf-2 127.0.0.1',
  ]
  expect(log.map(failedIn)).toEqual([undefined, undefined, 'serf-2', undefined, undefined])
})

test('of the members of serf the living are counted', () => {
  const member = (name: string, status: string) => ({ name, addr: '127.0.0.1:1', tags: {}, status })
  const members = [member('serf-0', 'alive'), member('serf-1', 'failed'), member('serf-2', 'alive')]
  expect(aliveIn(JSON.stringify({ members }))).toBe(2)
})
