import { join } from 'node:path'
import { CodedError } from '../../base/index.ts'
import { createPrivateFile, readPrivateFile } from './private-file.ts'
import { SEED_BYTES, SigningKey } from './signing-key.ts'

/** The node's own key: 32 bytes of seed, nothing else. */
export const nodeKeyPath = (dataDir: string): string => join(dataDir, 'identity.key')
/** The scope's root key, on the machines that hold it. */
export const rootKeyPath = (dataDir: string): string => join(dataDir, 'scope-root.key')

/**
 * The key in the file; `undefined` when there is none.
 * @throws CodedError `store.corrupt`, `store.not_private`, `store.unreadable`
 */
export async function loadKey(path: string): Promise<SigningKey | undefined> {
  const seed = await readPrivateFile(path, SEED_BYTES)
  if (seed === undefined) return undefined
  if (seed.length !== SEED_BYTES) {
    throw new CodedError('store.corrupt', { path, what: `${seed.length} bytes instead of ${SEED_BYTES}` })
  }
  return SigningKey.fromSeed(seed)
}

/** The key in the file, made and written first when there is none. Never replaces a key. */
export async function loadOrCreateKey(path: string): Promise<SigningKey> {
  const existing = await loadKey(path)
  if (existing !== undefined) return existing
  const created = SigningKey.generate()
  if (await createPrivateFile(path, created.exportSeed())) return created
  // Another process was faster: its key counts.
  return loadOrCreateKey(path)
}

/** Keeps the root key that another voter sent. One that is there already stays: it can only be the same. */
export async function keepRootKey(dataDir: string, rootKey: SigningKey): Promise<void> {
  await createPrivateFile(rootKeyPath(dataDir), rootKey.exportSeed())
}
