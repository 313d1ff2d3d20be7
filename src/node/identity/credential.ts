/**
 * A credential says, over the root key's signature, that one peer id belongs to the scope under one node id with some
 * roles for some time. Any peer that knows the root's public key can check it offline. The signature is
 * over the statement's bytes as they stand: they are kept and passed on as they are, never encoded again.
 */
import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import {
  bytesSchema,
  CodedError,
  decode,
  encode,
  LIMITS,
  type NodeId,
  nodeId,
  type PeerId,
  peerId,
  type ScopeId,
} from '../../base/index.ts'
import { scopeIdOfRoot } from './scope.ts'
import { type SigningKey, verifySignature } from './signing-key.ts'

const role = z.enum(['admin', 'worker', 'submitter', 'mesh'])
/** `mesh` stands for all of them. */
type Role = z.output<typeof role>

/** A date that `Date` can express. */
const unixMsSchema = z.number().int().nonnegative().max(8.64e15)

const statement = z.object({
  version: z.literal(1),
  scopeId: z.string(),
  peerId: z.string().transform(peerId),
  nodeId: z.string().transform(nodeId),
  roles: z.array(role).min(1).max(role.options.length),
  /** 128 random bits in hex; a revocation names it. */
  serial: z.string().regex(/^[0-9a-f]{32}$/),
  notBeforeUnixMs: unixMsSchema,
  notAfterUnixMs: unixMsSchema,
})
export type Credential = z.output<typeof statement>

export const signedCredentialSchema = z.object({ statement: bytesSchema, signature: bytesSchema })
export type SignedCredential = z.output<typeof signedCredentialSchema>

interface CredentialFields {
  readonly peerId: PeerId
  readonly nodeId: NodeId
  readonly roles: readonly Role[]
  /** Wall clock of the issuer. The credential counts from a day earlier, for machines whose clock is behind. */
  readonly nowUnixMs: number
}

/** A statement has about 250 bytes. */
const STATEMENT_BYTES_MAX = 1024

export function issueCredential(rootKey: SigningKey, fields: CredentialFields): SignedCredential {
  const encoded = encode({
    version: 1,
    scopeId: scopeIdOfRoot(rootKey.publicKey),
    peerId: fields.peerId,
    nodeId: fields.nodeId,
    roles: [...fields.roles],
    serial: randomBytes(16).toString('hex'),
    notBeforeUnixMs: Math.max(0, fields.nowUnixMs - LIMITS.credentialClockSkewMs),
    notAfterUnixMs: fields.nowUnixMs + LIMITS.credentialValidityMs,
  } satisfies z.input<typeof statement>)
  const bytes = Uint8Array.from(encoded)
  return { statement: bytes, signature: rootKey.sign('credential', bytes) }
}

/**
 * What the credential says, once it is proved. The signature comes first: nothing that it does not cover is parsed.
 * @throws CodedError `credential.invalid`
 */
export function verifyCredential(
  rootPublicKey: Uint8Array,
  scopeId: ScopeId,
  signed: SignedCredential,
  nowUnixMs: number,
): Credential {
  if (signed.statement.length > STATEMENT_BYTES_MAX) throw invalid('a peer', 'it is too long')
  if (!verifySignature(rootPublicKey, 'credential', signed.statement, signed.signature)) {
    throw invalid('a peer', 'the signature is not by the root key of this mesh')
  }
  const credential = parse(signed.statement)
  if (credential.scopeId !== scopeId)
    throw invalid(credential.peerId, `it is for scope ${credential.scopeId}`)
  if (nowUnixMs < credential.notBeforeUnixMs) {
    throw invalid(credential.peerId, `it begins at ${date(credential.notBeforeUnixMs)}; is the clock right?`)
  }
  if (nowUnixMs >= credential.notAfterUnixMs) {
    throw invalid(credential.peerId, `it ended at ${date(credential.notAfterUnixMs)}`)
  }
  return credential
}

function parse(bytes: Uint8Array): Credential {
  try {
    return decode(statement, bytes, 'credential')
  } catch (cause) {
    if (!(cause instanceof CodedError)) throw cause
    throw new CodedError('credential.invalid', { peer: 'a peer', reason: cause.message }, { cause })
  }
}

function invalid(peer: string, reason: string): CodedError {
  return new CodedError('credential.invalid', { peer, reason })
}

const date = (unixMs: number): string => new Date(unixMs).toISOString()
