import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CodedError, LIMITS } from '../../../src/base/index.ts'
import { createInvite, parseInvite, SigningKey } from '../../../src/node/identity/index.ts'
import { rootFingerprintOf, scopeIdOfRoot } from '../../../src/node/identity/scope.ts'
import { codeOf, forgeInvite, HOUR, NOW, packInvite } from './fixtures.ts'

const rootPublicKey = SigningKey.generate().publicKey
const create = (urls: readonly string[] = ['http://192.168.1.5:9847'], ttlMs = HOUR) =>
  createInvite({ rootPublicKey, urls, ttlMs, nowUnixMs: NOW })

/** What is wrong with a text, which the error must never repeat. */
function reasonOf(text: string): string {
  try {
    parseInvite(text)
  } catch (cause) {
    if (!(cause instanceof CodedError) || cause.code !== 'enrol.invite_malformed') throw cause
    if (text.length > 12) expect(`${cause.message} ${cause.hint}`).not.toContain(text.slice(8, 40))
    return String(cause.details.reason)
  }
  return 'accepted'
}

describe('invite', () => {
  it('tells the joiner what the inviting mesh put in', () => {
    const { text, record } = create(['http://192.168.1.5:9847', 'https://mesh.example/ignored?x=1'])
    expect(parseInvite(text)).toEqual({
      urls: ['http://192.168.1.5:9847', 'https://mesh.example'],
      scopeId: scopeIdOfRoot(rootPublicKey),
      rootFingerprint: rootFingerprintOf(rootPublicKey),
      inviteId: record.inviteId,
      derivedKey: record.derivedKey,
      expiresUnixMs: NOW + HOUR,
    })
    expect(text).toMatch(/^populi1\.[A-Za-z0-9_-]{150,250}$/)
  })

  it('its record does not hold the secret, and no two invites share anything', () => {
    const { text, record } = create()
    let secret: unknown
    forgeInvite(text, (content) => {
      secret = content[3]
      return content
    })
    expect(record.derivedKey).not.toEqual(secret)
    const other = create().record
    expect(other.inviteId).not.toBe(record.inviteId)
    expect(other.derivedKey).not.toEqual(record.derivedKey)
  })

  it('may be broken over lines', () => {
    const { text } = create()
    const broken = `  ${text.slice(0, 40)}\n   ${text.slice(40, 90)}\r\n${text.slice(90)}\t`
    expect(parseInvite(broken)).toEqual(parseInvite(text))
  })

  it('is known to be cut off wherever it is cut off', () => {
    const { text } = create()
    for (let length = 'populi1.'.length; length < text.length; length += 1) {
      expect(reasonOf(text.slice(0, length))).toBe('it is cut off')
    }
  })

  it('is refused when any one character was changed', () => {
    const { text } = create()
    for (let index = 0; index < text.length; index += 1) {
      const other = text[index] === 'A' ? 'B' : 'A'
      expect(reasonOf(text.slice(0, index) + other + text.slice(index + 1))).not.toBe('accepted')
    }
    const last = text.length - 1
    expect(reasonOf(`${text.slice(0, 60)}${text[60] === 'x' ? 'y' : 'x'}${text.slice(61)}`)).toContain(
      'changed',
    )
    expect(reasonOf(`${text.slice(0, last)}!`)).toContain(`character ${last + 1}`)
  })

  it.each([
    ['', 'it is empty'],
    ['   ', 'it is empty'],
    ['hello', 'does not begin with "populi1."'],
    ['https://example.org/', 'does not begin with "populi1."'],
    ['populi2.AAAA', 'format 2, this program reads format 1'],
    ['populi1.', 'it is cut off'],
    [`populi1.${'A'.repeat(5000)}`, 'too many'],
  ])('"%.20s" is told apart', (text, reason) => {
    expect(reasonOf(text)).toContain(reason)
  })

  it('is refused when something follows its end', () => {
    expect(reasonOf(`${create().text}AAAA`)).toBe('something follows its end')
  })

  it.each([
    ['no URL', 0, []],
    ['a URL of another kind', 0, ['file:///etc/passwd']],
    ['a URL that is none', 0, ['nonsense']],
    ['nine URLs', 0, Array(9).fill('http://a')],
    ['a short fingerprint', 1, new Uint8Array(31)],
    ['a text for an id', 2, 'id'],
    ['a short secret', 3, new Uint8Array(16)],
    ['an expiry that is no number', 4, 'soon'],
    ['an expiry that no calendar has', 4, 9e15],
  ])('content with %s does not fit', (_, position, value) => {
    const forged = forgeInvite(create().text, (content) => content.with(position, value))
    expect(reasonOf(forged)).toBe('its content does not fit')
  })

  it('whatever the text, the only failure is a malformed invite', () => {
    const anything = fc.oneof(
      fc.string({ maxLength: 300 }),
      fc.string({ maxLength: 300 }).map((text) => `populi1.${text}`),
      fc.base64String({ maxLength: 300 }).map((text) => `populi1.${text.replaceAll('=', '')}`),
      fc.uint8Array({ maxLength: 300 }).map(packInvite),
      fc.tuple(fc.nat(4), fc.anything({ maxDepth: 1 })).map(([position, value]) => {
        const plain = typeof value === 'string' || typeof value === 'number' ? value : null
        return forgeInvite(create().text, (content) => content.with(position, plain))
      }),
    )
    fc.assert(
      fc.property(anything, (text) => {
        reasonOf(text)
      }),
      { numRuns: 1000 },
    )
  })

  it('is not made without a URL, with a URL of another kind, or for a time that makes no sense', async () => {
    expect(await codeOf(() => create([]))).toBe('input.invalid')
    expect(await codeOf(() => create(['ftp://example.org']))).toBe('input.invalid')
    expect(await codeOf(() => create(['nonsense']))).toBe('input.invalid')
    expect(await codeOf(() => create([`http://${'a'.repeat(300)}`]))).toBe('input.invalid')
    for (const ttlMs of [0, -1, Number.NaN, LIMITS.inviteTtlMsMax + 1]) {
      expect(await codeOf(() => create(['http://a'], ttlMs))).toBe('input.invalid')
    }
  })

  it('carries each URL once, and says which of too many it carries', () => {
    const many = Array.from({ length: 12 }, (_, index) => `http://10.0.0.${index}:9847`)
    const { urls, text } = create(['http://10.0.0.0:9847/', ...many])
    expect(urls).toEqual(many.slice(0, LIMITS.inviteUrlsMax))
    expect(parseInvite(text).urls).toEqual(urls)
  })

  it('with every URL at its limit still fits', () => {
    const long = Array.from({ length: LIMITS.inviteUrlsMax }, (_, index) => {
      const label = `${index}${'a'.repeat(59)}`
      return `http://${label}.${label}.${label}:65535`
    })
    const { text } = create(long)
    expect(text.length).toBeLessThan(LIMITS.inviteTextCharsMax)
    expect(parseInvite(text).urls).toEqual(long)
  })
})
