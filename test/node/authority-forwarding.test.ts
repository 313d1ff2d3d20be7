import { describe, expect, it } from 'vitest'
import { CodedError, LIMITS } from '../../src/base/index.ts'
import { AuthorityForwarding } from '../../src/node/authority-forwarding.ts'
import {
  AUTHORITY_METHODS,
  type AuthorityReply,
  decodeForwardBatch,
  encodeReplyBatch,
} from '../../src/node/authority-protocol.ts'
import { B, pair } from './support/rpc-pair.ts'

const request = (tag: number, bytes = 1): Uint8Array => new Uint8Array(bytes).fill(tag)
const answer = (id: number): AuthorityReply => ({ type: 'answer', answer: { ok: true, id } })

/** A leader that answers each request by its first byte, and the batches that it got. */
function leader(answerOf: (tag: number) => AuthorityReply = answer) {
  const { asking, serving, left } = pair()
  const batches: number[][] = []
  serving.handle(AUTHORITY_METHODS.request, async (_, body) => {
    const tags = decodeForwardBatch(body).map((bytes) => bytes[0] ?? 0)
    batches.push(tags)
    return encodeReplyBatch(tags.map(answerOf))
  })
  return { forwarding: new AuthorityForwarding(asking), batches, left, asking, serving }
}

describe('batched forwarding', () => {
  it('requests of one turn travel in one message, and each gets its own answer', async () => {
    const { forwarding, batches } = leader()
    const replies = await Promise.all([1, 2, 3].map((tag) => forwarding.ask(B, request(tag), 1000)))
    expect(batches).toEqual([[1, 2, 3]])
    expect(replies).toEqual([answer(1), answer(2), answer(3)])
  })

  it('a request of a later turn waits for nobody', async () => {
    const { forwarding, batches } = leader()
    await forwarding.ask(B, request(1), 1000)
    await forwarding.ask(B, request(2), 1000)
    expect(batches).toEqual([[1], [2]])
  })

  it('one that is refused spoils no other', async () => {
    const refusal: AuthorityReply = { type: 'error', code: 'authority.overloaded', message: 'm', hint: 'h' }
    const { forwarding } = leader((tag) => (tag === 2 ? refusal : answer(tag)))
    const settled = await Promise.allSettled([1, 2, 3].map((tag) => forwarding.ask(B, request(tag), 1000)))
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(settled[1]).toMatchObject({ reason: { code: 'authority.overloaded' } })
  })

  it('more than one message may hold is split, in order', async () => {
    const { forwarding, batches } = leader()
    const count = LIMITS.forwardBatchMax + 3
    const replies = await Promise.all(
      Array.from({ length: count }, (_, at) => forwarding.ask(B, request(at % 251), 1000)),
    )
    expect(batches.map((tags) => tags.length)).toEqual([LIMITS.forwardBatchMax, 3])
    expect(replies).toHaveLength(count)
  })

  it('large requests are split by their bytes; one beyond the limit goes alone', async () => {
    const { forwarding, batches } = leader()
    const max = LIMITS.forwardBatchBytesMax
    const sizes = [max / 2, max / 2, 1, max + 1, 1]
    await Promise.all(sizes.map((bytes, at) => forwarding.ask(B, request(at + 1, bytes), 1000)))
    expect(batches).toEqual([[1, 2], [3], [4], [5]])
  })

  it('when the message is lost, all that was in it fails', async () => {
    const { forwarding, left } = leader()
    left.answer = 'disconnected'
    const settled = await Promise.allSettled([1, 2].map((tag) => forwarding.ask(B, request(tag), 1000)))
    for (const one of settled) expect(one).toMatchObject({ reason: { code: 'net.peer_unreachable' } })
  })

  it('a leader that answers too few is told from one that refuses', async () => {
    const { asking, serving } = pair()
    serving.handle(AUTHORITY_METHODS.request, async () => encodeReplyBatch([answer(1)]))
    const forwarding = new AuthorityForwarding(asking)
    const settled = await Promise.allSettled([1, 2].map((tag) => forwarding.ask(B, request(tag), 1000)))
    expect(settled[0]).toMatchObject({ value: answer(1) })
    expect(settled[1]).toMatchObject({ reason: expect.any(CodedError) })
    expect(settled[1]).toMatchObject({ reason: { code: 'wire.malformed' } })
  })
})
