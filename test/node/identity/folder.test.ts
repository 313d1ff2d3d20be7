import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encode as encodeCbor } from 'cborg'
import { describe, expect, it } from 'vitest'
import { CodedError, LIMITS } from '../../../src/base/index.ts'
import { initScope, loadIdentity, SigningKey } from '../../../src/node/identity/index.ts'
import { nodeIdOfHost } from '../../../src/node/identity/init-scope.ts'
import { loadOrCreateKey, nodeKeyPath, rootKeyPath } from '../../../src/node/identity/key-file.ts'
import { createPrivateFile } from '../../../src/node/identity/private-file.ts'
import { codeOf, NOW, temporaryFolder } from './fixtures.ts'

const prepare = async () => undefined
const init = (dataDir: string, nodeId = 'desktop') => initScope({ dataDir, nodeId, nowUnixMs: NOW, prepare })
const load = (dataDir: string) => loadIdentity(dataDir, NOW)
const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)

describe('the folder of an identity', () => {
  it('after init holds what load finds again, for its owner only', async () => {
    const dataDir = join(await temporaryFolder(), 'deep', 'populi')
    const made = await init(dataDir)
    const found = await load(dataDir)
    const { key, rootKey, ...rest } = found
    expect(made).toMatchObject(rest)
    expect(key.exportSeed()).toEqual(made.key.exportSeed())
    expect(rootKey?.exportSeed()).toEqual(made.rootKey?.exportSeed())
    expect(found).toMatchObject({ nodeId: 'desktop', credential: { roles: ['mesh'] } })

    expect(await modeOf(dataDir)).toBe('700')
    expect((await readdir(dataDir)).sort()).toEqual(['identity.cbor', 'identity.key', 'scope-root.key'])
    for (const name of await readdir(dataDir)) expect(await modeOf(join(dataDir, name))).toBe('600')
    expect((await stat(nodeKeyPath(dataDir))).size).toBe(32)
  })

  it('that belongs to a scope is not taken for another', async () => {
    const dataDir = await temporaryFolder()
    const { scopeId } = await init(dataDir)
    const second = init(dataDir, 'other')
    await expect(second).rejects.toMatchObject({ code: 'store.exists' })
    await expect(second).rejects.toThrow(`scope ${scopeId} as node desktop`)
  })

  it('that is empty or absent belongs to no scope', async () => {
    const dataDir = await temporaryFolder()
    expect(await codeOf(() => load(dataDir))).toBe('store.absent')
    expect(await codeOf(() => load(join(dataDir, 'absent')))).toBe('store.absent')
  })

  it('init that was interrupted before its last step is run again with the same keys', async () => {
    const dataDir = await temporaryFolder()
    const seen: string[] = []
    const crash = initScope({
      dataDir,
      nowUnixMs: NOW,
      prepare: async ({ scopeId, peerId }) => {
        seen.push(scopeId, peerId)
        throw new CodedError('store.write_failed', { path: dataDir, reason: 'ENOSPC' })
      },
    })
    await expect(crash).rejects.toMatchObject({ code: 'store.write_failed' })
    expect(await codeOf(() => load(dataDir))).toBe('store.absent')
    const { scopeId, peerId } = await init(dataDir)
    expect([scopeId, peerId]).toEqual(seen)
  })

  it('init that was interrupted between the two keys is run again', async () => {
    const dataDir = await temporaryFolder()
    const key = await loadOrCreateKey(nodeKeyPath(dataDir))
    await writeFile(join(dataDir, 'scope-root.key.new-0123'), new Uint8Array(7), { mode: 0o600 })
    expect((await init(dataDir)).key.publicKey).toEqual(key.publicKey)
  })

  it('two inits at once: one scope, one winner', async () => {
    const dataDir = await temporaryFolder()
    const outcomes = await Promise.all([1, 2, 3, 4].map((n) => codeOf(() => init(dataDir, `node-${n}`))))
    const winner = outcomes.indexOf('no error') + 1
    expect(outcomes.sort()).toEqual(['no error', 'store.exists', 'store.exists', 'store.exists'])
    expect((await load(dataDir)).nodeId).toBe(`node-${winner}`)
  })

  it('a key that many ask for at once is made once', async () => {
    const path = nodeKeyPath(await temporaryFolder())
    const keys = await Promise.all(Array.from({ length: 16 }, () => loadOrCreateKey(path)))
    expect(new Set(keys.map((key) => Buffer.from(key.publicKey).toString('hex'))).size).toBe(1)
    expect(Uint8Array.from(await readFile(path))).toEqual(keys[0]?.exportSeed())
  })

  it('a file is never replaced', async () => {
    const dataDir = await temporaryFolder()
    const path = join(dataDir, 'file')
    expect(await createPrivateFile(path, Buffer.from('first'))).toBe(true)
    expect(await createPrivateFile(path, Buffer.from('second'))).toBe(false)
    expect(await readFile(path, 'utf8')).toBe('first')
    expect(await readdir(dataDir)).toEqual(['file'])
  })

  it.each([0o640, 0o604, 0o660, 0o644])('a file with mode %o is refused', async (mode) => {
    const dataDir = await temporaryFolder()
    await init(dataDir)
    for (const name of ['identity.key', 'scope-root.key', 'identity.cbor']) {
      await chmod(join(dataDir, name), mode)
      const failure = load(dataDir)
      await expect(failure).rejects.toMatchObject({ code: 'store.not_private' })
      await expect(failure).rejects.toThrow(name)
      await chmod(join(dataDir, name), 0o600)
    }
    await load(dataDir)
  })

  it('a folder into which others can put files is refused', async () => {
    const dataDir = await temporaryFolder()
    await chmod(dataDir, 0o777)
    expect(await codeOf(() => init(dataDir))).toBe('store.not_private')
    expect(await readdir(dataDir)).toEqual([])
  })

  it('a folder that cannot be made says so', async () => {
    const file = join(await temporaryFolder(), 'file')
    await writeFile(file, '')
    expect(await codeOf(() => init(join(file, 'below')))).toBe('store.write_failed')
  })

  it.each([0, 31, 33, 4096])('a key of %d bytes is damaged', async (size) => {
    const dataDir = await temporaryFolder()
    await init(dataDir)
    await writeFile(nodeKeyPath(dataDir), new Uint8Array(size))
    expect(await codeOf(() => load(dataDir))).toBe('store.corrupt')
  })

  it('files that do not fit each other are damaged', async () => {
    const dataDir = await temporaryFolder()
    await init(dataDir)
    const [key, rootKey] = [await readFile(nodeKeyPath(dataDir)), await readFile(rootKeyPath(dataDir))]
    await writeFile(nodeKeyPath(dataDir), SigningKey.generate().exportSeed())
    expect(await codeOf(() => load(dataDir))).toBe('store.corrupt')
    await rm(nodeKeyPath(dataDir))
    expect(await codeOf(() => load(dataDir))).toBe('store.corrupt')
    await writeFile(nodeKeyPath(dataDir), key, { mode: 0o600 })
    await writeFile(rootKeyPath(dataDir), SigningKey.generate().exportSeed())
    expect(await codeOf(() => load(dataDir))).toBe('store.corrupt')
    await writeFile(rootKeyPath(dataDir), rootKey)
    await load(dataDir)
    await rm(rootKeyPath(dataDir))
    expect((await load(dataDir)).rootKey).toBeUndefined()
  })

  it('an identity file with any byte changed, or cut off, is damaged', async () => {
    const dataDir = await temporaryFolder()
    await init(dataDir)
    const path = join(dataDir, 'identity.cbor')
    const good = await readFile(path)
    for (let index = 0; index < good.length; index += 3) {
      const bad = Uint8Array.from(good)
      bad[index] = (bad[index] ?? 0) ^ 0x20
      await writeFile(path, bad)
      expect(await codeOf(() => load(dataDir))).toMatch(/^store\.(corrupt|version)$/)
    }
    for (const length of [0, 1, good.length - 1]) {
      await writeFile(path, good.subarray(0, length))
      expect(await codeOf(() => load(dataDir))).toBe('store.corrupt')
    }
    await writeFile(path, new Uint8Array(LIMITS.identityFileBytesMax + 1))
    expect(await codeOf(() => load(dataDir))).toBe('store.corrupt')
  })

  it('an identity file of a newer format names both', async () => {
    const dataDir = await temporaryFolder()
    await init(dataDir)
    const newer = encodeCbor({ format: 2, sha256: new Uint8Array(32), body: new Uint8Array(0) })
    await writeFile(join(dataDir, 'identity.cbor'), newer)
    expect(await codeOf(() => load(dataDir))).toBe('store.version')
  })

  it('an identity whose credential has ended is not loaded', async () => {
    const dataDir = await temporaryFolder()
    await init(dataDir)
    const late = NOW + LIMITS.credentialValidityMs
    expect(await codeOf(() => loadIdentity(dataDir, late))).toBe('credential.invalid')
  })

  it('a directory in the place of a file is unreadable, not absent', async () => {
    const dataDir = await temporaryFolder()
    await mkdir(join(dataDir, 'identity.cbor'), { mode: 0o700 })
    expect(await codeOf(() => load(dataDir))).toBe('store.unreadable')
  })
})

describe('the name of a node', () => {
  it.each([
    ['desktop', 'desktop'],
    ["Anna's-MacBook.local", 'anna-s-macbook'],
    ['GPU_BOX--1', 'gpu-box-1'],
    ['-x-', 'x'],
    ['Büro', 'b-ro'],
    ['日本', 'node'],
    ['', 'node'],
    [`${'a'.repeat(62)}-${'b'.repeat(9)}`, 'a'.repeat(62)],
  ])('of the host %s is %s', (host, name) => {
    expect(nodeIdOfHost(host)).toBe(name)
  })

  it('that was asked for and cannot be is refused before anything is written', async () => {
    const dataDir = await temporaryFolder()
    expect(await codeOf(() => init(dataDir, 'No Such Name'))).toBe('input.invalid')
    expect(await readdir(dataDir)).toEqual([])
  })
})
