/** A new machine against a real façade on loopback, and against everything else that may answer there. */
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { CodedError, type ErrorCode } from '../../../src/base/index.ts'
import { createFacade, type EnrolHandler, type Facade } from '../../../src/http/index.ts'
import { tryEachUrl } from '../../../src/node/identity/enrol-attempts.ts'
import {
  createEnrolAnswer,
  initScope,
  joinScope,
  loadIdentity,
  type Prepare,
} from '../../../src/node/identity/index.ts'
import { LogCapture } from '../../http/fixtures.ts'
import { codeOf, forgeInvite, HOUR, NOW, TestMesh, temporaryFolder, withWrongSecret } from './fixtures.ts'

const DEAD = 'http://127.0.0.1:1'
const prepare: Prepare = async () => undefined
const facades: Facade[] = []
const servers: Server[] = []
afterEach(async () => {
  await Promise.all(facades.splice(0).map((facade) => facade.close()))
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function serve(mesh: TestMesh, enrol: EnrolHandler = mesh.enrol) {
  const logger = new LogCapture()
  const facade = createFacade({ enrol, clock: mesh.clock, logger })
  facades.push(facade)
  await facade.listen({ host: '127.0.0.1', port: 0 })
  return { urls: facade.urls(), logger }
}

/** Another program on the address of the invite. */
async function stranger(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
}

type Options = Parameters<typeof joinScope>[0]
const joinWith = (mesh: TestMesh, dataDir: string, inviteText: string, more: Partial<Options> = {}) =>
  joinScope({ dataDir, inviteText, nodeId: 'laptop', addresses: [], clock: mesh.clock, prepare, ...more })

const joinCode = async (mesh: TestMesh, inviteText: string, more: Partial<Options> = {}) => {
  const dataDir = await temporaryFolder()
  return codeOf(() => joinWith(mesh, dataDir, inviteText, more))
}

describe('join', () => {
  it('gives the folder an identity of the mesh, with its roster and without its root key', async () => {
    const mesh = new TestMesh()
    const { urls } = await serve(mesh)
    const dataDir = join(await temporaryFolder(), 'new')
    const addresses = ['/ip4/192.168.1.9/tcp/9846']
    const made = await joinWith(mesh, dataDir, mesh.invite(urls), { addresses })
    const found = await loadIdentity(dataDir, NOW)
    expect(found).toMatchObject({ nodeId: 'laptop', scopeId: mesh.scopeId, peerId: made.peerId })
    expect(found.rootKey).toBeUndefined()
    expect(found.rootPublicKey).toEqual(mesh.rootKey.publicKey)
    expect(found.roster).toEqual([...mesh.roster.values()])
    expect(mesh.roster.get(made.peerId)?.addresses).toEqual(addresses)
    expect((await readdir(dataDir)).sort()).toEqual(['identity.cbor', 'identity.key'])
    expect(await codeOf(() => joinWith(mesh, dataDir, mesh.invite(urls)))).toBe('store.exists')
  })

  it('prepares the rest of the folder before the folder belongs to the mesh', async () => {
    const mesh = new TestMesh()
    const { urls } = await serve(mesh)
    const dataDir = await temporaryFolder()
    const seen: string[] = []
    await joinWith(mesh, dataDir, mesh.invite(urls), {
      prepare: async (identity) => {
        seen.push(identity.nodeId, await codeOf(() => loadIdentity(dataDir, NOW)))
      },
    })
    expect(seen).toEqual(['laptop', 'store.absent'])
  })

  it('with a wrong secret, a used, an expired and an unknown invite says which it is', async () => {
    const mesh = new TestMesh()
    const { urls } = await serve(mesh)
    const text = mesh.invite(urls)
    expect(await joinCode(mesh, withWrongSecret(text))).toBe('enrol.wrong_proof')
    expect(await joinCode(mesh, text)).toBe('no error')
    expect(await joinCode(mesh, text)).toBe('enrol.invite_used')
    const late = mesh.invite(urls)
    mesh.clock.wallMs += HOUR
    expect(await joinCode(mesh, late)).toBe('enrol.invite_expired')
    mesh.invites.clear()
    expect(await joinCode(mesh, late)).toBe('enrol.invite_unknown')
    expect(await joinCode(mesh, late.slice(0, -9))).toBe('enrol.invite_malformed')
    const [url = ''] = urls
    expect(await joinCode(mesh, new TestMesh().invite([url]))).toBe('enrol.wrong_scope')
  })

  it('whose answer was lost is repeated with the same invite and the same key', async () => {
    const mesh = new TestMesh()
    let lose = true
    const { urls } = await serve(mesh, async (request) => {
      const answer = await mesh.enrol(request)
      if (lose) throw new CodedError('authority.no_leader')
      return answer
    })
    const dataDir = await temporaryFolder()
    const text = mesh.invite(urls)
    expect(await codeOf(() => joinWith(mesh, dataDir, text))).toBe('authority.no_leader')
    expect(await codeOf(() => loadIdentity(dataDir, NOW))).toBe('store.absent')
    const [, admitted] = [...mesh.roster.keys()]
    lose = false
    expect((await joinWith(mesh, dataDir, text)).peerId).toBe(admitted)
    expect(mesh.roster.size).toBe(2)
  })

  it('that was interrupted after the answer is repeated with the same invite', async () => {
    const mesh = new TestMesh()
    const { urls } = await serve(mesh)
    const dataDir = await temporaryFolder()
    const text = mesh.invite(urls)
    const full = async () => {
      throw new CodedError('store.write_failed', { path: dataDir, reason: 'ENOSPC' })
    }
    expect(await codeOf(() => joinWith(mesh, dataDir, text, { prepare: full }))).toBe('store.write_failed')
    const renamed = joinWith(mesh, dataDir, text, { nodeId: 'notebook' })
    await expect(renamed).rejects.toMatchObject({ code: 'enrol.other_node_id', details: { node: 'laptop' } })
    await joinWith(mesh, dataDir, text)
    expect((await loadIdentity(dataDir, NOW)).nodeId).toBe('laptop')
  })

  it('that was overtaken by another in the same folder touches nothing of it', async () => {
    const mesh = new TestMesh()
    const dataDir = await temporaryFolder()
    let overtake = async (): Promise<unknown> => undefined
    const { urls } = await serve(mesh, async (request) => {
      const answer = await mesh.enrol(request)
      await overtake()
      return answer
    })
    const text = mesh.invite(urls)
    overtake = () => {
      overtake = async () => undefined
      return joinWith(mesh, dataDir, text)
    }
    const prepared: string[] = []
    const slow = joinWith(mesh, dataDir, text, { prepare: async ({ nodeId }) => void prepared.push(nodeId) })
    await expect(slow).rejects.toMatchObject({ code: 'store.exists' })
    expect(prepared).toEqual([])
  })

  it('keeps away from a folder with the root key of an unfinished mesh', async () => {
    const mesh = new TestMesh()
    const dataDir = await temporaryFolder()
    const crash = async () => {
      throw new CodedError('store.write_failed', { path: dataDir, reason: 'ENOSPC' })
    }
    await expect(initScope({ dataDir, nowUnixMs: NOW, prepare: crash })).rejects.toThrow()
    expect(await codeOf(() => joinWith(mesh, dataDir, mesh.invite()))).toBe('store.unfinished_init')
    expect(await readdir(dataDir)).toContain('scope-root.key')
  })

  it('can be cancelled', async () => {
    const mesh = new TestMesh()
    const asked = Promise.withResolvers<void>()
    const url = await stranger(() => asked.resolve())
    const abort = new AbortController()
    const joined = joinCode(mesh, mesh.invite([url, url]), { signal: abort.signal })
    await asked.promise
    abort.abort()
    expect(await joined).toBe('operation.cancelled')
  })

  it('neither logs nor tells a secret, whatever goes wrong', async () => {
    const mesh = new TestMesh()
    const { urls, logger } = await serve(mesh)
    const text = mesh.invite(urls)
    const told: string[] = []
    for (const invite of [withWrongSecret(text), text, text, text.slice(0, -5), `${text}x`]) {
      const dataDir = await temporaryFolder()
      await joinWith(mesh, dataDir, invite).catch((cause: CodedError) => {
        told.push(cause.message, cause.hint, String(cause.stack), JSON.stringify(cause.details))
      })
    }
    const everything = [...logger.lines, ...told].join('\n')
    expect(everything).toContain('enrol.invite_used')
    const secrets: Uint8Array[] = [...mesh.invites.values()].map(({ derivedKey }) => derivedKey)
    for (const invite of [text, withWrongSecret(text)]) {
      forgeInvite(invite, (content) => {
        secrets.push(content[3] as Uint8Array)
        return content
      })
    }
    expect(everything).not.toContain(text.slice(8, 40))
    for (const secret of secrets) {
      for (const spelling of ['hex', 'base64url', 'base64'] as const) {
        expect(everything).not.toContain(Buffer.from(secret).toString(spelling).slice(2, 18))
      }
    }
  })
})

describe('join, when something else answers', () => {
  it('goes on to the next address after one that is dead, foreign, or forged', async () => {
    const mesh = new TestMesh()
    const other = new TestMesh()
    const [url = ''] = (await serve(mesh)).urls
    const [foreign = ''] = (await serve(other)).urls
    const html = await stranger((_, response) => response.end('<html>router login</html>'))
    expect(await joinCode(mesh, mesh.invite([DEAD, html, foreign, url]))).toBe('no error')
  })

  it('with nobody there names each address and what happened', async () => {
    const mesh = new TestMesh()
    const html = await stranger((_, response) => response.writeHead(404).end('<html>'))
    const hangUp = await stranger((request) => request.socket.destroy())
    const joined = joinWith(mesh, await temporaryFolder(), mesh.invite([html, hangUp]))
    await expect(joined).rejects.toMatchObject({ code: 'enrol.unreachable' })
    await expect(joined).rejects.toThrow(`${html}: answered 404`)
    await expect(joined).rejects.toThrow(hangUp)
    expect(await joinCode(mesh, mesh.invite([DEAD]))).toBe('enrol.unreachable')
  })

  it('does not follow a redirect', async () => {
    const mesh = new TestMesh()
    const [url = ''] = (await serve(mesh)).urls
    const redirect = await stranger((_, response) => {
      response.writeHead(307, { location: `${url}/v1/populi/enrol` }).end()
    })
    expect(await joinCode(mesh, mesh.invite([redirect]))).toBe('enrol.unreachable')
    expect(mesh.roster.size).toBe(1)
  })

  it('a machine in the middle with its own root is found out', async () => {
    const mesh = new TestMesh()
    const attacker = new TestMesh()
    const text = mesh.invite()
    // It cannot compute the key of the invite, so it answers as well as it can with one of its own.
    const { urls } = await serve(attacker, async (request) => {
      const [credential] = [...attacker.roster.values()]
      if (credential === undefined) throw new CodedError('enrol.invite_unknown')
      const { rootKey, clock } = attacker
      const record = { derivedKey: new Uint8Array(32) }
      return createEnrolAnswer({ record, request, rootKey, credential, roster: [], nowUnixMs: clock.wallMs })
    })
    const through = forgeInvite(text, (content) => content.with(0, urls))
    expect(await joinCode(mesh, through)).toBe('enrol.wrong_root')
  })

  it('an answer of the right mesh to somebody else, played back, is found out', async () => {
    const mesh = new TestMesh()
    const answers: object[] = []
    const { urls } = await serve(mesh, async (request) => {
      const answer = await mesh.enrol(request)
      answers.push(answer)
      return answer
    })
    expect(await joinCode(mesh, mesh.invite(urls))).toBe('no error')
    const replay = await serve(mesh, async () => answers[0] as Awaited<ReturnType<EnrolHandler>>)
    expect(await joinCode(mesh, mesh.invite(replay.urls))).toBe('enrol.answer_invalid')
  })

  it('an answer without end is cut off', async () => {
    const mesh = new TestMesh()
    const chunk = Buffer.alloc(1024 * 1024, ' ')
    const url = await stranger((_, response) => {
      const pour = (): void => {
        while (!response.destroyed && response.write(chunk));
      }
      response.on('drain', pour)
      pour()
    })
    expect(await joinCode(mesh, mesh.invite([url]))).toBe('limit.exceeded')
  })

  it('a stranger cannot move the cursor, claim to be unreachable, or invent a code', async () => {
    const mesh = new TestMesh()
    const say = (code: string, message: string) =>
      stranger((_, response) => {
        response.writeHead(400, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ error: { code, message, hint: '\u001b[2Jx' } }))
      })
    const loud = joinWith(
      mesh,
      await temporaryFolder(),
      mesh.invite([await say('enrol.invite_used', 'a\u001b[31mb')]),
    )
    await expect(loud).rejects.toMatchObject({ code: 'enrol.invite_used', message: 'a [31mb', hint: ' [2Jx' })
    const odd = mesh.invite([await say('enrol.unreachable', 'gone')])
    await expect(joinWith(mesh, await temporaryFolder(), odd)).rejects.toThrow('gone')
    expect(await joinCode(mesh, mesh.invite([await say('operation.cancelled', 'no')]))).toBe(
      'operation.cancelled',
    )
    expect(await joinCode(mesh, mesh.invite([await say('no.such_code', 'no')]))).toBe('peer.failed')
  })
})

describe('of several failures', () => {
  const told = (codes: ErrorCode[]) => {
    const left = [...codes]
    return codeOf(() =>
      tryEachUrl(
        codes,
        async () => {
          throw new CodedError(left.shift() ?? 'internal', { reason: 'r' })
        },
        undefined,
      ),
    )
  }

  it.each<[ErrorCode[], ErrorCode]>([
    [['enrol.unreachable', 'enrol.invite_used', 'authority.no_leader'], 'enrol.invite_used'],
    [['enrol.unreachable', 'authority.no_leader', 'enrol.unreachable'], 'authority.no_leader'],
    [['enrol.rate_limited', 'enrol.wrong_root'], 'enrol.wrong_root'],
    [['enrol.unreachable', 'enrol.unreachable'], 'enrol.unreachable'],
    [['operation.cancelled', 'enrol.invite_used'], 'enrol.invite_used'],
  ])('%j is told as %s', async (codes, expected) => {
    expect(await told(codes)).toBe(expected)
  })
})
