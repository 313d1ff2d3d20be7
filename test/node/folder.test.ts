import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AuthorityStateMachine } from '../../src/authority/index.ts'
import { logIndex, term } from '../../src/base/index.ts'
import { initNode, storePath } from '../../src/node/folder.ts'
import { openStores } from '../../src/store/index.ts'

describe('a data directory', () => {
  let dataDir: string

  beforeEach(async () => {
    dataDir = join(await mkdtemp(join(tmpdir(), 'populi-folder-')), 'node')
  })

  afterEach(() => rm(join(dataDir, '..'), { recursive: true, force: true }))

  it('of init is private and holds a log that begins with its founder', async () => {
    const made = await initNode({ dataDir, nodeId: 'desk' })
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700)
    const stores = await openStores(storePath(dataDir), { create: false })
    const { entries, hardState } = await stores.log.load()
    expect(entries.map(({ kind }) => kind)).toEqual(['configuration', 'command'])
    expect(hardState).toMatchObject({ term: 1, commitIndex: 2 })
    const machine = new AuthorityStateMachine(await stores.state.load())
    for (const { kind, index, term, data } of entries) {
      if (kind === 'command') machine.apply(index, term, data)
      else machine.skip(index)
    }
    expect(machine.roster()).toMatchObject([{ peer: made.peerId, nodeId: 'desk' }])
    await stores.close()
  })

  it('in which init was interrupted can be used again, with the same scope', async () => {
    const first = await initNode({ dataDir, nodeId: 'desk' })
    await rm(join(dataDir, 'identity.cbor'))
    expect(await initNode({ dataDir, nodeId: 'desk' })).toEqual(first)
    await rm(join(dataDir, 'identity.cbor'))
    await rm(join(storePath(dataDir), 'CURRENT'))
    expect(await initNode({ dataDir, nodeId: 'desk' })).toEqual(first)
  })

  it('that lost its identity file after it had voted is not made anew: what it promised would be forgotten', async () => {
    await initNode({ dataDir, nodeId: 'desk' })
    const stores = await openStores(storePath(dataDir), { create: false })
    await stores.log.append({
      hardState: undefined,
      entries: [{ index: logIndex(3), term: term(1), kind: 'empty', data: new Uint8Array() }],
    })
    await stores.close()
    await rm(join(dataDir, 'identity.cbor'))
    const before = await readdir(storePath(dataDir))
    await expect(initNode({ dataDir, nodeId: 'desk' })).rejects.toMatchObject({ code: 'store.corrupt' })
    expect(await readdir(storePath(dataDir))).toEqual(
      expect.arrayContaining(before.filter((name) => name.endsWith('CURRENT'))),
    )
    const again = await openStores(storePath(dataDir), { create: false })
    expect((await again.log.load()).entries).toHaveLength(3)
    await again.close()
  })
})
