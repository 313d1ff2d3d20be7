/** The order in which a driver does what the core asks for, and what leaves for the peers. */
import { expect, test } from 'vitest'
import { CodedError, LIMITS } from '../../src/base/index.ts'
import { chunkAt, encodeSnapshotFrame, type SnapshotFrame } from '../../src/node/snapshot-frames.ts'
import { SnapshotReceiver } from '../../src/node/snapshot-receiver.ts'
import { decodeMessages } from '../../src/raft/index.ts'
import { type Frame, gate, ids, RaftGroup } from './support/raft-group.ts'

const texts = (count: number, from = 0): readonly string[] =>
  Array.from({ length: count }, (_, at) => `text ${at + from}`)
const SMALL = { compactEntriesMax: 20 }

function appendsIn(frames: readonly Frame[]): readonly number[] {
  return frames
    .filter(({ protocol }) => protocol === 'raft')
    .map(({ bytes }) => decodeMessages(bytes).filter(({ type }) => type === 'append-request').length)
    .filter((count) => count > 0)
}

test('3 nodes: what is proposed in one turn is one frame per peer and one write, and is applied everywhere in order', async () => {
  const group = new RaftGroup()
  const leader = await group.start()
  const framesBefore = group.frames.length
  const writesBefore = leader.writes.length
  for (const text of texts(100)) leader.propose(text)
  await group.time.run(1)
  expect(appendsIn(group.frames.slice(framesBefore))).toEqual([1, 1])
  expect(leader.writes.slice(writesBefore).map(({ entries }) => entries.length)).toEqual([100])
  await group.time.run(200)
  for (const member of group.members) expect(member.texts).toEqual(texts(100))
})

test('3 nodes: while the leader’s disk works it replicates, commits with the others, and applies when its own write is done', async () => {
  const group = new RaftGroup()
  const leader = await group.start()
  const write = gate()
  leader.disk = write.opens
  leader.propose('a')
  await group.time.run(5)
  leader.propose('b')
  await group.time.run(20)
  expect(leader.driver.core.status.commitIndex).toBe(4)
  expect(leader.texts).toEqual([])
  leader.disk = Promise.resolve()
  write.open()
  await group.time.run(20)
  expect(leader.texts).toEqual(['a', 'b'])
})

test('3 nodes: a leader whose disk hangs is replaced; a follower whose disk hangs acknowledges nothing', async () => {
  const group = new RaftGroup()
  const leader = await group.start()
  const [first, second] = group.followers()
  if (first === undefined || second === undefined) throw new Error('two followers')
  const write = gate()
  leader.disk = write.opens
  leader.propose('a')
  await group.time.run(1000)
  expect(group.leader()).not.toBe(leader)
  const from = group.frames.length
  await group.time.run(500)
  expect(group.frames.slice(from).filter((frame) => frame.from === leader.self)).toEqual([])
})

test('one apply at a time, in order, however slow the state machine is', async () => {
  const group = new RaftGroup()
  const leader = await group.start()
  const apply = gate()
  leader.machine = apply.opens
  for (const text of texts(50)) {
    leader.propose(text)
    await group.time.run(3)
  }
  expect(leader.texts).toEqual([])
  apply.open()
  await group.time.run(50)
  expect(leader.texts).toEqual(texts(50))
  expect(leader.fatal).toEqual([])
})

test('a failed write ends the part in consensus for good, and says why, once', async () => {
  const group = new RaftGroup()
  const leader = await group.start()
  const write = gate()
  leader.disk = write.opens
  leader.propose('a')
  await group.time.run(5)
  write.fail(new CodedError('store.write_failed', { path: 'disk', reason: 'full' }))
  await group.time.run(5)
  const from = group.frames.length
  await group.time.run(2000)
  expect(leader.fatal.map(({ code }) => code)).toEqual(['store.write_failed'])
  expect(group.frames.slice(from).filter((frame) => frame.from === leader.self)).toEqual([])
  expect(group.leader()).not.toBe(leader)
})

test('a leader that is gone is replaced within a few ticks of the closed connection', async () => {
  const group = new RaftGroup()
  const leader = await group.start()
  group.disconnect(leader)
  await group.time.run(60)
  expect(group.leader()).not.toBe(leader)
})

test('a node that was away while the log was cut gets a snapshot in chunks, at the pace of the queue', async () => {
  const group = new RaftGroup(SMALL)
  const leader = await group.start()
  const [away] = group.followers()
  if (away === undefined) throw new Error('a follower')
  group.disconnect(away)
  for (const text of texts(100)) leader.propose(text)
  await group.time.run(200)
  expect(leader.driver.core.status.baseIndex).toBeGreaterThan(50)
  group.paddingBytes = 3 * LIMITS.snapshotChunkBytesMax
  group.snapshotFramesMax = 2
  group.connect(away)
  await group.time.run(1000)
  const chunks = group.frames.filter(({ protocol }) => protocol === 'snapshot')
  expect(chunks).toHaveLength(4)
  for (const { bytes } of chunks) expect(bytes.byteLength).toBeLessThan(LIMITS.peerMessageBytesMax)
  expect(away.texts).toEqual(texts(100))
  leader.propose('after')
  await group.time.run(100)
  expect(away.texts.at(-1)).toBe('after')
})

test('a connection that closes in the middle of a snapshot: it comes again', async () => {
  const group = new RaftGroup(SMALL)
  const leader = await group.start()
  const [away] = group.followers()
  if (away === undefined) throw new Error('a follower')
  group.disconnect(away)
  for (const text of texts(100)) leader.propose(text)
  await group.time.run(200)
  group.paddingBytes = 5 * LIMITS.snapshotChunkBytesMax
  group.snapshotFramesMax = 1
  group.connect(away)
  const chunksSent = (): number => group.frames.filter(({ protocol }) => protocol === 'snapshot').length
  while (chunksSent() < 2) await group.time.run(1)
  group.disconnect(away)
  expect(away.texts).toEqual([])
  group.connect(away)
  await group.time.run(2000)
  expect(away.texts).toEqual(texts(100))
})

test('a follower that swallowed a snapshot without a word gets it again', async () => {
  const group = new RaftGroup(SMALL)
  const leader = await group.start()
  const [away] = group.followers()
  if (away === undefined) throw new Error('a follower')
  group.disconnect(away)
  for (const text of texts(100)) leader.propose(text)
  await group.time.run(200)
  const handler = away.handlers.get('snapshot')
  away.handlers.delete('snapshot')
  group.connect(away)
  await group.time.run(500)
  if (handler !== undefined) away.handlers.set('snapshot', handler)
  await group.time.run(LIMITS.snapshotAnswerMsMax / 2)
  expect(away.texts).toEqual([])
  await group.time.run(LIMITS.snapshotAnswerMsMax / 2 + 500)
  expect(away.texts).toEqual(texts(100))
})

test('a snapshot beyond its limit is not sent, and the leader goes on', async () => {
  const group = new RaftGroup(SMALL)
  const leader = await group.start()
  const [away] = group.followers()
  if (away === undefined) throw new Error('a follower')
  group.disconnect(away)
  for (const text of texts(100)) leader.propose(text)
  await group.time.run(200)
  group.paddingBytes = LIMITS.snapshotBytesMax
  group.connect(away)
  await group.time.run(500)
  expect(group.frames.filter(({ protocol }) => protocol === 'snapshot')).toEqual([])
  leader.propose('still here')
  await group.time.run(100)
  expect(leader.texts.at(-1)).toBe('still here')
})

test('a read waits for its round and for the apply; when leadership is lost it fails at once', async () => {
  const group = new RaftGroup()
  const leader = await group.start()
  const apply = gate()
  leader.machine = apply.opens
  leader.propose('a')
  await group.time.run(20)
  let isDone = false
  const read = leader.driver.readBarrier().then(() => {
    isDone = true
  })
  await group.time.run(20)
  expect(isDone).toBe(false)
  apply.open()
  await group.time.run(1)
  await read
  expect(leader.texts).toEqual(['a'])
  group.disconnect(leader)
  const lost = leader.driver.readBarrier()
  const outcome = expect(lost).rejects.toMatchObject({ code: 'authority.not_leader' })
  await group.time.run(500)
  await outcome
  const [follower] = group.followers()
  expect(() => follower?.driver.readBarrier()).toThrow(CodedError)
})

test('a driver that stops fails the reads that wait, and waits for what is under way', async () => {
  const group = new RaftGroup()
  const leader = await group.start()
  const write = gate()
  leader.disk = write.opens
  leader.propose('a')
  await group.time.run(5)
  const outcome = expect(leader.driver.readBarrier()).rejects.toMatchObject({ code: 'authority.not_leader' })
  let isStopped = false
  const stopped = leader.driver.stop().then(() => {
    isStopped = true
  })
  await outcome
  await group.time.run(5)
  expect(isStopped).toBe(false)
  write.open()
  await stopped
})

test('a frame in another’s name changes nothing', async () => {
  const group = new RaftGroup()
  const leader = await group.start()
  const [first, second] = group.followers()
  const frame = group.frames.findLast(({ from, protocol }) => from === leader.self && protocol === 'raft')
  if (first === undefined || second === undefined || frame === undefined) throw new Error('a group')
  const { status } = first.driver.core
  first.handlers.get('raft')?.(second.self, frame.bytes)
  expect(first.driver.core.status).toEqual(status)
})

const [one, other] = ids as readonly [(typeof ids)[0], (typeof ids)[0]]
type Chunk = Extract<SnapshotFrame, { type: 'chunk' }>
const CHUNK = LIMITS.snapshotChunkBytesMax
const message = new Uint8Array(3 * CHUNK).map((_, at) => at % 251)
const chunk = (at: number, transfer = 1): Chunk => chunkAt(transfer, message, at * CHUNK) as Chunk

test('chunks in order make the message again', () => {
  const receiver = new SnapshotReceiver()
  expect([0, 1].map((at) => receiver.take(one, chunk(at)))).toEqual(['incomplete', 'incomplete'])
  const whole = receiver.take(one, chunk(2))
  expect(typeof whole !== 'string' && Buffer.compare(whole, message)).toBe(0)
  expect(receiver.take(one, chunk(2))).toBe('refused')
})

test.each<[string, (receiver: SnapshotReceiver) => Chunk]>([
  ['that skips one', () => chunk(2)],
  ['of another transfer', () => chunk(1, 2)],
  ['of another length', () => ({ ...chunk(1), total: message.length + 1 })],
  ['beyond the end', () => ({ ...chunk(1), bytes: message })],
  [
    'after the connection closed',
    (receiver) => {
      receiver.forget(one)
      return chunk(1)
    },
  ],
])('a chunk %s is refused', (_, next) => {
  const receiver = new SnapshotReceiver()
  receiver.take(one, chunk(0))
  expect(receiver.take(one, next(receiver))).toBe('refused')
})

test('a snapshot that is announced as too large is refused with its first chunk; another peer’s begins anew', () => {
  const receiver = new SnapshotReceiver()
  expect(receiver.take(one, { ...chunk(0), total: LIMITS.snapshotBytesMax + 1 })).toBe('refused')
  receiver.take(one, chunk(0))
  expect(receiver.take(other, chunk(0))).toBe('incomplete')
  expect(receiver.take(one, chunk(1))).toBe('refused')
})

test('a node that cannot use a snapshot says so, and the sender tells its core', async () => {
  const group = new RaftGroup()
  const leader = await group.start()
  const [follower] = group.followers()
  if (follower === undefined) throw new Error('a follower')
  const from = group.frames.length
  follower.handlers.get('snapshot')?.(leader.self, encodeSnapshotFrame(chunk(1)))
  await group.time.run(1)
  const answers = group.frames.slice(from).filter(({ protocol }) => protocol === 'snapshot')
  expect(answers.map(({ to }) => to)).toEqual([leader.self])
})
