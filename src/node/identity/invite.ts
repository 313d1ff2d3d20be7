/**
 * An invite is one string that carries everything a new machine needs, so that it can be pasted:
 *
 *     populi1.<base64url of: length (2 bytes), content (CBOR), checksum (4 bytes)>
 *
 * The content is [URLs, root fingerprint, invite id, secret, expiry]; the scope id follows from the fingerprint.
 * Length and checksum are for the honest mistake: they tell a paste that was cut off from one that was mistyped. Against
 * an attacker they do nothing; the secret (256 bits) does.
 *
 * The authority stores a key *derived* from the secret (HKDF-SHA256, RFC 5869), bound to invite and scope. See ADR 0005.
 */
import { createHash, hkdfSync, randomBytes } from 'node:crypto'
import { z } from 'zod'
import {
  bytesSchema,
  CodedError,
  decode,
  encode,
  type InviteId,
  LIMITS,
  type ScopeId,
  type UnixMs,
  unixMs,
} from '../../base/index.ts'
import { fromBase64url, toBase64url } from '../../contract/index.ts'
import { base32, rootFingerprintOf, scopeIdOfFingerprint } from './scope.ts'

const PREFIX = /^populi(\d{1,4})\./
const VERSION = '1'
const LENGTH_BYTES = 2
const CHECKSUM_BYTES = 4
const ID_BYTES = 16
const SECRET_BYTES = 32

/** What an invite says to the joiner. Holds a secret: not to be logged. */
export interface Invite {
  readonly urls: readonly string[]
  readonly scopeId: ScopeId
  /** SHA-256 of the root public key. */
  readonly rootFingerprint: Uint8Array
  readonly inviteId: InviteId
  /** 32 bytes; what the authority's record holds too. */
  readonly derivedKey: Uint8Array
  readonly expiresUnixMs: UnixMs
}

/** What the authority keeps of an invite. The key is confidential, but the secret cannot be computed from it. */
export interface InviteRecord {
  readonly inviteId: string
  readonly derivedKey: Uint8Array
  readonly expiresUnixMs: number
  /** The peer that used it up. */
  readonly usedBy?: string | undefined
}

interface CreatedInvite {
  /** The string for `populi join`: a secret, shown once, never logged. */
  readonly text: string
  /** The URLs that are in it: the first ones when there were more than `LIMITS.inviteUrlsMax`. */
  readonly urls: readonly string[]
  readonly record: InviteRecord
}

const digest = bytesSchema.refine((bytes) => bytes.length === 32)
const content = z.tuple([
  z.array(z.string().max(LIMITS.inviteUrlCharsMax)).min(1).max(LIMITS.inviteUrlsMax),
  digest,
  bytesSchema.refine((bytes) => bytes.length === ID_BYTES),
  digest,
  z.number().int().nonnegative().max(8.64e15),
])

/**
 * @param init.urls façade URLs, the best first; scheme, host and port count, the rest is dropped.
 * @throws CodedError `input.invalid` when there is no URL, one is not http(s), or the time to live is out of range.
 */
export function createInvite(init: {
  readonly rootPublicKey: Uint8Array
  readonly urls: readonly string[]
  readonly ttlMs: number
  readonly nowUnixMs: number
}): CreatedInvite {
  const urls = [...new Set(init.urls.map(originOf))].slice(0, LIMITS.inviteUrlsMax)
  if (urls.length === 0) throw invalidUrl('')
  if (!(init.ttlMs >= LIMITS.inviteTtlMsMin && init.ttlMs <= LIMITS.inviteTtlMsMax)) {
    const accepts = `${LIMITS.inviteTtlMsMin} to ${LIMITS.inviteTtlMsMax} ms`
    throw new CodedError('input.invalid', { field: 'time to live of the invite', got: init.ttlMs, accepts })
  }
  const fingerprint = rootFingerprintOf(init.rootPublicKey)
  const id = randomBytes(ID_BYTES)
  const secret = randomBytes(SECRET_BYTES)
  const expiresUnixMs = Math.round(init.nowUnixMs + init.ttlMs)
  const inviteId = inviteIdOf(id)
  return {
    text: pack(encode([urls, fingerprint, id, secret, expiresUnixMs] satisfies z.input<typeof content>)),
    urls,
    record: {
      inviteId,
      derivedKey: deriveKey(secret, inviteId, scopeIdOfFingerprint(fingerprint)),
      expiresUnixMs,
    },
  }
}

/**
 * Reads an invite. White space anywhere is ignored: terminals and mail programs break long lines. Whether it has
 * expired is for the inviting mesh to say: this machine's clock may be wrong.
 * @throws CodedError `enrol.invite_malformed` with what is wrong; the text itself is never repeated.
 */
export function parseInvite(text: string): Invite {
  const [urls, rootFingerprint, id, secret, expiresUnixMs] = parseContent(unpack(text.replace(/\s+/g, '')))
  const inviteId = inviteIdOf(id)
  const scopeId = scopeIdOfFingerprint(rootFingerprint)
  return {
    urls: urls.map(originOf),
    scopeId,
    rootFingerprint,
    inviteId,
    derivedKey: deriveKey(secret, inviteId, scopeId),
    expiresUnixMs: unixMs(expiresUnixMs),
  }
}

function pack(bytes: Uint8Array): string {
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt16BE(bytes.length)
  const body = Buffer.concat([length, bytes])
  return `populi${VERSION}.${toBase64url(Buffer.concat([body, checksum(body)]))}`
}

function unpack(text: string): Uint8Array {
  if (text === '') throw malformed('it is empty')
  if (text.length > LIMITS.inviteTextCharsMax) {
    throw malformed(
      `${text.length} characters are too many, an invite has at most ${LIMITS.inviteTextCharsMax}`,
    )
  }
  const version = PREFIX.exec(text)?.[1]
  if (version === undefined) throw malformed(`it does not begin with "populi${VERSION}."`)
  if (version !== VERSION) throw malformed(`it has format ${version}, this program reads format ${VERSION}`)
  const tail = text.slice(text.indexOf('.') + 1)
  const stranger = tail.search(/[^A-Za-z0-9_-]/)
  if (stranger >= 0) throw malformed(`character ${text.length - tail.length + stranger + 1} cannot be in one`)

  // Lenient on the last bits: whether the text was cut off shall be told before whether it is canonical.
  const bytes = Buffer.from(tail, 'base64url')
  const bodyBytes = bytes.length < LENGTH_BYTES ? undefined : LENGTH_BYTES + bytes.readUInt16BE(0)
  if (bodyBytes === undefined || bytes.length < bodyBytes + CHECKSUM_BYTES) throw malformed('it is cut off')
  if (bytes.length > bodyBytes + CHECKSUM_BYTES) throw malformed('something follows its end')
  const body = bytes.subarray(0, bodyBytes)
  if (fromBase64url(tail) === undefined || !checksum(body).equals(bytes.subarray(bodyBytes))) {
    throw malformed('a character in it was changed')
  }
  return Uint8Array.from(body.subarray(LENGTH_BYTES))
}

function parseContent(bytes: Uint8Array): z.output<typeof content> {
  try {
    const parsed = decode(content, bytes, 'invite')
    for (const url of parsed[0]) originOf(url)
    return parsed
  } catch (cause) {
    if (cause instanceof CodedError) throw malformed('its content does not fit')
    throw cause
  }
}

/** `http://10.0.0.2:9847` of any URL of that server. */
function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const web = url?.protocol === 'http:' || url?.protocol === 'https:'
  if (url === undefined || !web || url.origin.length > LIMITS.inviteUrlCharsMax) throw invalidUrl(text)
  return url.origin
}

function deriveKey(secret: Uint8Array, inviteId: InviteId, scopeId: ScopeId): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, inviteId, `populi-mesh/invite/v1 ${scopeId}`, 32))
}

const inviteIdOf = (id: Uint8Array): InviteId => base32(id) as InviteId

const checksum = (body: Uint8Array): Buffer =>
  createHash('sha256').update(`populi${VERSION}`).update(body).digest().subarray(0, CHECKSUM_BYTES)

const malformed = (reason: string): CodedError => new CodedError('enrol.invite_malformed', { reason })

const invalidUrl = (got: string): CodedError =>
  new CodedError('input.invalid', {
    field: 'façade URL',
    got,
    accepts: `http://HOST:PORT or https://HOST:PORT, at most ${LIMITS.inviteUrlCharsMax} characters`,
  })
