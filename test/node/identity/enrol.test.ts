import { describe, expect, it } from 'vitest'
import { CodedError, type NodeId, nodeId } from '../../../src/base/index.ts'
import type { EnrolAnswer, EnrolRequest } from '../../../src/contract/index.ts'
import { createEnrolAnswer, verifyEnrolAnswer } from '../../../src/node/identity/enrol-answer.ts'
import { createEnrolRequest } from '../../../src/node/identity/enrol-request.ts'
import { createInvite, issueCredential, parseInvite, SigningKey } from '../../../src/node/identity/index.ts'
import { peerIdOfPublicKey } from '../../../src/node/identity/signing-key.ts'
import { codeOf, HOUR, NOW, TestMesh, withWrongSecret } from './fixtures.ts'

const ADDRESSES = ['/ip4/192.168.1.9/tcp/9846']

function joinerOf(text: string, name = 'laptop', key = SigningKey.generate()) {
  const invite = parseInvite(text)
  const request = createEnrolRequest(invite, key, { nodeId: nodeId(name), addresses: ADDRESSES })
  const verify = (answer: EnrolAnswer, nowUnixMs = NOW) =>
    verifyEnrolAnswer(invite, request, answer, { url: 'http://mesh', nowUnixMs })
  return { invite, key, request, verify }
}

/** The parts of an answer as the mesh would make it, to be made wrong one at a time. */
function answerOf(mesh: TestMesh, request: EnrolRequest, change: object = {}): EnrolAnswer {
  const record = mesh.invites.get(request.inviteId)
  if (record === undefined) throw new CodedError('enrol.invite_unknown')
  const fields = { peerId: request.peerId, nodeId: request.nodeId, roles: ['mesh' as const], nowUnixMs: NOW }
  const credential = issueCredential(mesh.rootKey, fields)
  const roster = [...mesh.roster.values()]
  return createEnrolAnswer({
    record,
    request,
    rootKey: mesh.rootKey,
    credential,
    roster,
    nowUnixMs: NOW,
    ...change,
  })
}

describe('enrolment: the request', () => {
  it('with the right secret is admitted and gets credential and roster', async () => {
    const mesh = new TestMesh()
    const { key, request, verify } = joinerOf(mesh.invite())
    const enrolled = verify(await mesh.enrol(request))
    expect(enrolled.credential).toMatchObject({ nodeId: 'laptop', scopeId: mesh.scopeId, roles: ['mesh'] })
    expect(enrolled.credential.peerId).toBe(peerIdOfPublicKey(key.publicKey))
    expect(enrolled.roster.map(({ addresses }) => addresses)).toEqual([
      ['/ip4/192.168.7.7/tcp/9846'],
      ADDRESSES,
    ])
  })

  it('with a wrong secret is refused, and the right one still works', async () => {
    const mesh = new TestMesh()
    const text = mesh.invite()
    for (let attempt = 0; attempt < 20; attempt += 1) {
      expect(await codeOf(() => mesh.enrol(joinerOf(withWrongSecret(text)).request))).toBe(
        'enrol.wrong_proof',
      )
    }
    const { request, verify } = joinerOf(text)
    expect(verify(await mesh.enrol(request)).credential.nodeId).toBe('laptop')
  })

  it('for another scope is refused, whatever its invite', async () => {
    const mesh = new TestMesh()
    const { request } = joinerOf(new TestMesh().invite())
    expect(await codeOf(() => mesh.enrol(request))).toBe('enrol.wrong_scope')
  })

  it('with an invite that this mesh does not know is refused', async () => {
    const mesh = new TestMesh()
    const rootPublicKey = mesh.rootKey.publicKey
    const made = createInvite({ rootPublicKey, urls: ['http://a'], ttlMs: HOUR, nowUnixMs: NOW })
    expect(await codeOf(() => mesh.enrol(joinerOf(made.text).request))).toBe('enrol.invite_unknown')
  })

  it('with an invite that was used is refused to another peer', async () => {
    const mesh = new TestMesh()
    const text = mesh.invite()
    await mesh.enrol(joinerOf(text).request)
    expect(await codeOf(() => mesh.enrol(joinerOf(text, 'other').request))).toBe('enrol.invite_used')
  })

  it('of the same peer gets the same credential again, even after the expiry: its answer was lost', async () => {
    const mesh = new TestMesh()
    const text = mesh.invite()
    const first = joinerOf(text)
    const before = first.verify(await mesh.enrol(first.request))
    mesh.clock.wallMs += 2 * HOUR
    const again = joinerOf(text, 'laptop', first.key)
    const after = again.verify(await mesh.enrol(again.request))
    expect(after.credential.serial).toBe(before.credential.serial)
  })

  it('is refused at the moment of expiry', async () => {
    const mesh = new TestMesh()
    const { request } = joinerOf(mesh.invite())
    mesh.clock.wallMs += HOUR
    expect(await codeOf(() => mesh.enrol(request))).toBe('enrol.invite_expired')
    mesh.clock.wallMs -= 1
    expect(await codeOf(() => mesh.enrol(request))).toBe('no error')
  })

  it('tells only who knows the secret that the invite was used or has expired', async () => {
    const mesh = new TestMesh()
    const text = mesh.invite()
    await mesh.enrol(joinerOf(text).request)
    mesh.clock.wallMs += 2 * HOUR
    expect(await codeOf(() => mesh.enrol(joinerOf(withWrongSecret(text)).request))).toBe('enrol.wrong_proof')
  })

  it('is refused when any field was changed on the way', async () => {
    const mesh = new TestMesh()
    const { request } = joinerOf(mesh.invite())
    const changes: Partial<EnrolRequest>[] = [
      { peerId: peerIdOfPublicKey(SigningKey.generate().publicKey) },
      { nodeId: 'desktop-2' as NodeId },
      { nonce: new Uint8Array(32) },
      { addresses: ['/ip4/6.6.6.6/tcp/1'] },
      { addresses: [] },
      { proof: new Uint8Array(32) },
      { proof: new Uint8Array(0) },
    ]
    for (const change of changes) {
      expect(await codeOf(() => mesh.enrol({ ...request, ...change }))).toBe('enrol.wrong_proof')
    }
    const keyProof = new Uint8Array(64)
    expect(await codeOf(() => mesh.enrol({ ...request, keyProof }))).toBe('enrol.key_not_held')
  })

  it('of somebody who knows the secret but not the key of the peer id is refused', async () => {
    const mesh = new TestMesh()
    const text = mesh.invite()
    const victim = joinerOf(text)
    // Holds the invite and puts the victim's peer id into a request of its own, signed with its own key.
    const posing = SigningKey.fromSeed(SigningKey.generate().exportSeed())
    Object.defineProperty(posing, 'publicKey', { value: victim.key.publicKey })
    const { request } = joinerOf(text, 'laptop', posing)
    expect(request.peerId).toBe(victim.request.peerId)
    expect(await codeOf(() => mesh.enrol(request))).toBe('enrol.key_not_held')
  })
})

describe('enrolment: the answer', () => {
  const mesh = new TestMesh()

  it('is worth nothing to another peer, nor to another request of the same peer', async () => {
    const text = mesh.invite()
    const first = joinerOf(text)
    const answer = answerOf(mesh, first.request)
    expect(await codeOf(() => joinerOf(text).verify(answer))).toBe('enrol.answer_invalid')
    expect(await codeOf(() => joinerOf(text, 'laptop', first.key).verify(answer))).toBe(
      'enrol.answer_invalid',
    )
    expect(await codeOf(() => first.verify(answer))).toBe('no error')
  })

  it('shows no name and no address to who listens', () => {
    const { request } = joinerOf(mesh.invite())
    const { sealed } = answerOf(mesh, request)
    const wire = Buffer.from(sealed).toString('latin1')
    for (const secret of ['192.168', '/tcp/', 'desktop', 'statement']) expect(wire).not.toContain(secret)
  })

  it('of another root key is refused, whoever relays it', async () => {
    const other = new TestMesh()
    const text = mesh.invite()
    const { request, verify } = joinerOf(text)
    const record = mesh.invites.get(request.inviteId)
    const foreign = answerOf(mesh, request, { record, rootKey: other.rootKey })
    expect(await codeOf(() => verify(foreign))).toBe('enrol.wrong_root')
  })

  it('of somebody who knows the root public key but not the invite is refused', async () => {
    const { request, verify } = joinerOf(mesh.invite())
    const stranger = answerOf(mesh, request, { record: { derivedKey: new Uint8Array(32) } })
    expect(await codeOf(() => verify(stranger))).toBe('enrol.answer_invalid')
  })

  it('of a member who knows the invite but not the root key is refused', async () => {
    const { request, verify } = joinerOf(mesh.invite())
    const rootPublicKey = mesh.rootKey.publicKey
    const forged = { ...answerOf(mesh, request, { rootKey: SigningKey.generate() }), rootPublicKey }
    expect(await codeOf(() => verify(forged))).toBe('enrol.answer_invalid')
  })

  it('is refused when any byte was changed or it was cut off', async () => {
    const { request, verify } = joinerOf(mesh.invite())
    const answer = answerOf(mesh, request)
    for (let index = 0; index < answer.sealed.length; index += 7) {
      const sealed = answer.sealed.map((byte, at) => (at === index ? byte ^ 1 : byte))
      expect(await codeOf(() => verify({ ...answer, sealed }))).toBe('enrol.answer_invalid')
    }
    for (const length of [0, 1, 27, 28, answer.sealed.length - 1]) {
      const sealed = answer.sealed.subarray(0, length)
      expect(await codeOf(() => verify({ ...answer, sealed }))).toBe('enrol.answer_invalid')
    }
  })

  it('with a credential for another peer, or a forged one in the roster, is refused', async () => {
    const { request, verify } = joinerOf(mesh.invite())
    const [desktop] = [...mesh.roster.values()]
    expect(await codeOf(() => verify(answerOf(mesh, request, { credential: desktop })))).toBe(
      'enrol.answer_invalid',
    )
    const forged = issueCredential(SigningKey.generate(), {
      peerId: request.peerId,
      nodeId: request.nodeId,
      roles: ['mesh'],
      nowUnixMs: NOW,
    })
    expect(await codeOf(() => verify(answerOf(mesh, request, { credential: forged })))).toBe(
      'enrol.answer_invalid',
    )
  })

  it('leaves out who is not valid any more, instead of keeping everybody out', () => {
    const { request, verify } = joinerOf(mesh.invite())
    const fields = { peerId: request.peerId, nodeId: nodeId('old'), roles: ['mesh' as const], nowUnixMs: 0 }
    const ended = { ...issueCredential(mesh.rootKey, fields), addresses: [] }
    const roster = [ended, ...mesh.roster.values()]
    expect(verify(answerOf(mesh, request, { roster })).roster).toEqual([...mesh.roster.values()])
  })

  it('for a machine that the mesh knows under another name says under which', () => {
    const text = mesh.invite()
    const first = joinerOf(text, 'laptop')
    const renamed = joinerOf(text, 'notebook', first.key)
    const credential = issueCredential(mesh.rootKey, {
      peerId: first.request.peerId,
      nodeId: nodeId('laptop'),
      roles: ['mesh'],
      nowUnixMs: NOW,
    })
    const call = () => renamed.verify(answerOf(mesh, renamed.request, { credential }))
    expect(call).toThrow(expect.objectContaining({ code: 'enrol.other_node_id' }))
    expect(call).toThrow('laptop')
  })
})
