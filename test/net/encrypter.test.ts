import crypto, { KeyObject } from 'node:crypto'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddrConnectionPair } from '@libp2p/utils'
import { expect, onTestFinished, test, vi } from 'vitest'
import { encrypter } from '../../src/net/encrypter.ts'

const silent = Object.assign(() => undefined, {
  enabled: false,
  error: () => undefined,
  trace: () => undefined,
  newScope: () => silent,
})

async function party() {
  const privateKey = await generateKeyPair('Ed25519')
  const components = {
    peerId: peerIdFromPrivateKey(privateKey),
    privateKey,
    logger: { forComponent: () => silent },
    upgrader: { getStreamMuxers: () => new Map() },
  }
  return encrypter(components as unknown as Parameters<typeof encrypter>[0])
}

/** Two ends of an encrypted connection. */
async function secured() {
  const [outbound, inbound] = multiaddrConnectionPair()
  const [dialler, listener] = await Promise.all([party(), party()])
  const ends = await Promise.all([dialler.secureOutbound(outbound), listener.secureInbound(inbound)])
  return ends.map(({ connection }) => connection)
}

test('messages of every length arrive as they were sent, in both directions', async () => {
  const [left, right] = await secured()
  for (const [from, to] of [
    [left, right],
    [right, left],
  ]) {
    const sent = [1, 2, 20, 1183, 1184, 1199, 1200, 1201, 70_000].map((length) =>
      new Uint8Array(length).fill(length % 251),
    )
    const bytes = sent.reduce((sum, each) => sum + each.length, 0)
    const got: number[] = []
    const all = Promise.withResolvers<void>()
    to?.addEventListener('message', ({ data }) => {
      got.push(...data.subarray())
      if (got.length >= bytes) all.resolve()
    })
    for (const each of sent) from?.send(each)
    await all.promise
    expect(got).toEqual(sent.flatMap((each) => [...each]))
  }
})

test('the end of what has come is no new error each time', async () => {
  for (const end of await secured()) {
    const { decoder } = end as unknown as { decoder: { lengthDecoder(bytes: unknown): number } }
    const told = [1, 2].map(() => {
      try {
        return decoder.lengthDecoder({ byteLength: 1 })
      } catch (thrown) {
        return thrown
      }
    })
    expect(told[0]).toBeInstanceOf(RangeError)
    expect(told[0]).toBe(told[1])
  }
})

test('a large message is enciphered with a key that is made once', async () => {
  const made = vi.spyOn(crypto, 'createCipheriv')
  onTestFinished(() => made.mockRestore())
  const [left] = await secured()
  for (const length of [10_000, 10_000]) left?.send(new Uint8Array(length))
  const keys = made.mock.calls.map(([, key]) => key)
  expect(keys).toHaveLength(2)
  expect(keys[0]).toBeInstanceOf(KeyObject)
  expect(keys[0]).toBe(keys[1])
})
