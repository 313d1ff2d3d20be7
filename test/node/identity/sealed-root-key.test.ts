import { describe, expect, it } from 'vitest'
import { RootKeyRequest, SigningKey, sealRootKey } from '../../../src/node/identity/index.ts'

const FROM = 'peer'

describe('the root key on its way to another voter', () => {
  const rootKey = SigningKey.generate()

  it('arrives whole at the one that asked', () => {
    const request = new RootKeyRequest()
    const opened = request.open(sealRootKey(rootKey, request.publicKey), rootKey.publicKey, FROM)
    expect(opened.exportSeed()).toEqual(rootKey.exportSeed())
  })

  it('is worth nothing to another request, and never shows in the sealed bytes', () => {
    const request = new RootKeyRequest()
    const sealed = sealRootKey(rootKey, request.publicKey)
    expect(() => new RootKeyRequest().open(sealed, rootKey.publicKey, FROM)).toThrow('root key')
    expect(Buffer.from(sealed.box).includes(Buffer.from(rootKey.exportSeed()))).toBe(false)
  })

  it('is refused when it is another key, changed on the way, or nonsense', () => {
    const request = new RootKeyRequest()
    const sealed = sealRootKey(rootKey, request.publicKey)
    expect(() => request.open(sealed, SigningKey.generate().publicKey, FROM)).toThrow('root key')
    for (let at = 0; at < sealed.box.length; at++) {
      const box = Uint8Array.from(sealed.box)
      box[at] = (box[at] ?? 0) ^ 1
      expect(() => request.open({ ...sealed, box }, rootKey.publicKey, FROM)).toThrow('root key')
    }
    const nothing = { sender: new Uint8Array(), box: new Uint8Array() }
    expect(() => request.open(nothing, rootKey.publicKey, FROM)).toThrow('root key')
    expect(() => sealRootKey(rootKey, new Uint8Array(3))).toThrow('public key')
    // The neutral element: an agreement that everybody knows.
    expect(() => sealRootKey(rootKey, new Uint8Array(32))).toThrow('public key')
  })
})
