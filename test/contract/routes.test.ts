import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  allowedMethods,
  enrolRequestSchema,
  fromBase64url,
  ROUTES,
  toBase64url,
} from '../../src/contract/index.ts'

const request = {
  version: 1,
  inviteId: 'abcdefghijklmnopqrstuvwxyz',
  scopeId: 'abcdefghijklmnopqrstuvwxyz',
  peerId: '12D3KooWAHoEkEqnKzM5PXFygh2movVBCSX3k8tDsT2cneU68Gyt',
  nodeId: 'laptop',
  nonce: 'A'.repeat(43),
  addresses: ['/ip4/192.168.1.5/tcp/9846'],
  proof: 'A'.repeat(43),
  keyProof: 'A'.repeat(86),
}

describe('contract', () => {
  it('a request survives the way through JSON', () => {
    const parsed = enrolRequestSchema.parse(request)
    expect(parsed.nonce).toEqual(new Uint8Array(32))
    expect(z.encode(enrolRequestSchema, parsed)).toEqual(request)
  })

  it.each([
    ['another version', { version: 2 }],
    ['an invite id of another form', { inviteId: '../../etc/passwd' }],
    ['a scope id of another form', { scopeId: 'UPPER' }],
    ['a peer id of an RSA key', { peerId: 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N' }],
    ['a node id with a capital', { nodeId: 'Laptop' }],
    ['a number instead of a text', { nodeId: 7 }],
    ['a proof that is too short', { proof: 'AAAA' }],
    ['a proof that is too long', { proof: 'A'.repeat(44) }],
    ['padded base64', { proof: `${'A'.repeat(43)}=` }],
    ['base64 that is not canonical', { proof: `${'A'.repeat(42)}B` }],
    ['an address with a line break', { addresses: ['/ip4/1.2.3.4\n/tcp/1'] }],
    ['too many addresses', { addresses: Array(17).fill('/ip4/1.2.3.4/tcp/1') }],
    ['an address that is too long', { addresses: [`/${'a'.repeat(512)}`] }],
    ['a missing field', { keyProof: undefined }],
  ])('%s is refused', (_, change) => {
    expect(enrolRequestSchema.safeParse({ ...request, ...change }).success).toBe(false)
  })

  it('bytes have exactly one text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(fromBase64url(toBase64url(bytes))).toEqual(bytes)
      }),
    )
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), (text) => {
        const bytes = fromBase64url(text)
        expect(bytes === undefined || toBase64url(bytes) === text).toBe(true)
      }),
    )
  })

  it('says which methods a path takes, by exact match', () => {
    expect(allowedMethods(ROUTES.health.path)).toBe('GET,HEAD')
    expect(allowedMethods(ROUTES.enrol.path)).toBe('POST')
    expect(allowedMethods('/health/')).toBeUndefined()
    expect(allowedMethods('/v1/mens/nodes')).toBeUndefined()
  })
})
