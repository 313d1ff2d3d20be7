/** A mesh that can admit machines, as `node/` puts it together from the authority's tables. */
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decode as decodeCbor, encode as encodeCbor } from 'cborg'
import { afterEach } from 'vitest'
import { bootMs, type Clock, CodedError, nodeId, type PeerId, unixMs } from '../../../src/base/index.ts'
import type { EnrolAnswer, EnrolRequest } from '../../../src/contract/index.ts'
import { createEnrolAnswer, type RosterPeer } from '../../../src/node/identity/enrol-answer.ts'
import {
  createInvite,
  type InviteRecord,
  issueCredential,
  SigningKey,
  verifyEnrolRequest,
} from '../../../src/node/identity/index.ts'
import { scopeIdOfRoot } from '../../../src/node/identity/scope.ts'
import { peerIdOfPublicKey } from '../../../src/node/identity/signing-key.ts'

export const NOW = Date.UTC(2026, 10, 20)
export const HOUR = 3_600_000

/** Stands still until it is moved. */
export class TestClock implements Clock {
  wallMs = NOW
  now() {
    return bootMs(this.wallMs - NOW)
  }
  wall() {
    return unixMs(this.wallMs)
  }
}

export class TestMesh {
  readonly rootKey = SigningKey.generate()
  readonly clock: TestClock
  readonly invites = new Map<string, InviteRecord>()
  readonly roster = new Map<PeerId, RosterPeer>()

  constructor(clock = new TestClock()) {
    this.clock = clock
    const peerId = peerIdOfPublicKey(SigningKey.generate().publicKey)
    this.admit(peerId, 'desktop', ['/ip4/192.168.7.7/tcp/9846'])
  }

  get scopeId() {
    return scopeIdOfRoot(this.rootKey.publicKey)
  }

  invite(urls: readonly string[] = ['http://127.0.0.1:1'], ttlMs = HOUR): string {
    const { rootPublicKey, nowUnixMs } = {
      rootPublicKey: this.rootKey.publicKey,
      nowUnixMs: this.clock.wallMs,
    }
    const { text, record } = createInvite({ rootPublicKey, urls, ttlMs, nowUnixMs })
    this.invites.set(record.inviteId, record)
    return text
  }

  readonly enrol = async (request: EnrolRequest): Promise<EnrolAnswer> => {
    const record = this.invites.get(request.inviteId)
    const nowUnixMs = this.clock.wallMs
    verifyEnrolRequest(record, request, { scopeId: this.scopeId, nowUnixMs })
    if (record === undefined) throw new CodedError('enrol.invite_unknown')
    const credential =
      this.roster.get(request.peerId) ?? this.admit(request.peerId, request.nodeId, request.addresses)
    this.invites.set(record.inviteId, { ...record, usedBy: request.peerId })
    const roster = [...this.roster.values()]
    return createEnrolAnswer({ record, request, rootKey: this.rootKey, credential, roster, nowUnixMs })
  }

  private admit(peerId: PeerId, name: string, addresses: readonly string[]): RosterPeer {
    const fields = { peerId, nodeId: nodeId(name), roles: ['mesh' as const], nowUnixMs: this.clock.wallMs }
    const entry = { ...issueCredential(this.rootKey, fields), addresses: [...addresses] }
    this.roster.set(peerId, entry)
    return entry
  }
}

/** The invite's text with its content changed and length and checksum made right again. */
export function forgeInvite(text: string, change: (content: unknown[]) => unknown): string {
  const bytes = Buffer.from(text.slice('populi1.'.length), 'base64url')
  return packInvite(encodeCbor(change(decodeCbor(bytes.subarray(2, -4)))))
}

export function packInvite(content: Uint8Array): string {
  const body = Buffer.concat([Buffer.from([content.length >> 8, content.length & 255]), content])
  const checksum = createHash('sha256').update('populi1').update(body).digest().subarray(0, 4)
  return `populi1.${Buffer.concat([body, checksum]).toString('base64url')}`
}

/** The same invite with one bit of its secret changed. */
export const withWrongSecret = (text: string): string =>
  forgeInvite(text, ([urls, fingerprint, id, secret, expires]) => [
    urls,
    fingerprint,
    id,
    (secret as Uint8Array).map((byte, index) => (index === 0 ? byte ^ 1 : byte)),
    expires,
  ])

/** A folder of its own per call, removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'populi-identity-'))
  folders.push(path)
  return path
}

const folders: string[] = []
afterEach(async () => {
  await Promise.all(folders.splice(0).map((path) => rm(path, { recursive: true, force: true })))
})

/** The code of the error that `call` ends with; anything but a `CodedError` fails the test. */
export async function codeOf(call: () => unknown): Promise<string> {
  try {
    await call()
  } catch (cause) {
    if (cause instanceof CodedError) return cause.code
    throw cause
  }
  return 'no error'
}
