/**
 * identity: who this node is and how a machine becomes one of the scope. Keys and their files, credentials, invites, and
 * the two halves of enrolment. It talks to no other peer but the one it enrols with, and knows no database:
 * `node/` stores what is to be replicated. States, failures and attacks: docs/decisions/0005-enrolment.md.
 */
export { type Credential, issueCredential, type SignedCredential, verifyCredential } from './credential.ts'
export { createEnrolAnswer, type RosterPeer } from './enrol-answer.ts'
export { verifyEnrolRequest } from './enrol-request.ts'
export { type Identity, loadIdentity } from './identity-file.ts'
export { initScope, type Prepare } from './init-scope.ts'
export { createInvite, type InviteRecord, parseInvite } from './invite.ts'
export { joinScope } from './join-scope.ts'
export { keepRootKey } from './key-file.ts'
export { orderKeysOf } from './order-keys.ts'
export { type RecordSigner, recordSigner } from './record-signer.ts'
export { RootKeyRequest, sealRootKey } from './sealed-root-key.ts'
export { SigningKey } from './signing-key.ts'
