import { describe, expect, it, vi } from 'vitest'
import { CodedError, encode, LIMITS, type PeerId } from '../../src/base/index.ts'
import { A, B, pair } from './support/rpc-pair.ts'

const BODY = new Uint8Array([1, 2, 3])

const never = (): Promise<Uint8Array> => new Promise(() => undefined)

describe('requests between two nodes', () => {
  it('get the answer of the method, which is told who asks', async () => {
    const { asking, serving } = pair()
    serving.handle('echo', async (from, body) => encode([from, body]))
    expect(await asking.request(B, 'echo', BODY, 1000)).toEqual(encode([A, BODY]))
  })

  it('to this node itself go through the same handler', async () => {
    const { asking } = pair()
    asking.handle('self', async (from) => encode(from))
    expect(await asking.request(A, 'self', BODY, 1000)).toEqual(encode(A))
  })

  it('fail with the other side’s error, hint included', async () => {
    const { asking, serving } = pair()
    serving.handle('fail', () => Promise.reject(new CodedError('lease.unknown', { leaseId: 7 })))
    await expect(asking.request(B, 'fail', BODY, 1000)).rejects.toMatchObject({
      code: 'lease.unknown',
      message: 'lease 7 is not live',
    })
  })

  it('for an unknown method are refused, and the next one is served', async () => {
    const { asking, serving } = pair()
    await expect(asking.request(B, 'dance', BODY, 1000)).rejects.toMatchObject({ code: 'wire.unknown_type' })
    serving.handle('echo', async (_, body) => body)
    expect(await asking.request(B, 'echo', BODY, 1000)).toEqual(BODY)
  })

  it('fail at once when the connection closes, and at their deadline when nothing comes', async () => {
    const { left, asking, serving, scheduler } = pair()
    serving.handle('hang', never)
    const lost = asking.request(B, 'hang', BODY, 1000)
    left.disconnect(B)
    await expect(lost).rejects.toMatchObject({ code: 'net.disconnected' })
    const late = asking.request(B, 'hang', BODY, 1000)
    scheduler.due[0]?.()
    await expect(late).rejects.toMatchObject({ code: 'operation.timeout' })
    expect(scheduler.due).toHaveLength(1)
  })

  it('fail at once when they cannot be sent', async () => {
    const { left, asking } = pair()
    left.answer = 'disconnected'
    await expect(asking.request(B, 'x', BODY, 1000)).rejects.toMatchObject({ code: 'net.peer_unreachable' })
    left.answer = 'full'
    await expect(asking.request(B, 'x', BODY, 1000)).rejects.toMatchObject({ code: 'net.queue_full' })
  })

  it('are answered only by whom they were sent to', async () => {
    const { left, asking, serving } = pair()
    serving.handle('hang', never)
    const settled = vi.fn()
    asking.request(B, 'hang', BODY, 1000).then(settled, settled)
    left.receive('peer-c' as PeerId, encode({ kind: 'response', id: 1, body: BODY }))
    await Promise.resolve()
    expect(settled).not.toHaveBeenCalled()
    left.receive(B, encode({ kind: 'response', id: 1, body: BODY }))
    await vi.waitFor(() => expect(settled).toHaveBeenCalledWith(BODY), { timeout: 30_000 })
  })

  it('beyond what one peer may have served at a time are refused', async () => {
    const { asking, serving } = pair()
    serving.handle('hang', never)
    for (let count = 0; count < LIMITS.rpcServingPerPeerMax; count++)
      void asking.request(B, 'hang', BODY, 1000)
    await expect(asking.request(B, 'hang', BODY, 1000)).rejects.toMatchObject({ code: 'net.queue_full' })
  })

  it('garbage is refused by code, for the transport to count', () => {
    const { right } = pair()
    const line = right as unknown as { handler: (from: PeerId, message: Uint8Array) => void }
    for (const bytes of [new Uint8Array([0xff]), encode({ kind: 'dance' }), encode('text')]) {
      expect(() => line.handler(A, bytes)).toThrow(CodedError)
    }
  })

  it('an answer that is too large for the wire becomes an error', async () => {
    const { right, asking, serving } = pair()
    const send = right.send.bind(right)
    right.send = (peer, protocol, message) => {
      if (message.length > 1000)
        throw new CodedError('net.frame_too_large', { got: message.length, max: 1000 })
      return send(peer, protocol, message)
    }
    serving.handle('big', async () => new Uint8Array(5000))
    await expect(asking.request(B, 'big', BODY, 1000)).rejects.toMatchObject({ code: 'net.frame_too_large' })
  })
})
