/**
 * What both contestants are asked to do, so that one loop drives either: exclusive rights, each of which ends by itself
 * when its holder is gone.
 */
export interface LockService {
  /** Resolves when the right to `key` is committed; the result gives it back, and resolves when that is. */
  acquire(key: string): Promise<() => Promise<void>>
  /**
   * Resolves when the connection to this server is seen closed. Streams are ordered: what the server had answered has been
   * read by then, so whatever succeeds later was brought about by another one.
   */
  connectionLost(server: number): Promise<void>
  close(): Promise<void>
}

/** How a load process reaches its servers. */
export type LockServiceSpec =
  | {
      readonly kind: 'populi'
      /** Folder of an enrolled machine whose node is not running: the load process is that machine. */
      readonly dataDir: string
      readonly servers: readonly { readonly peer: string; readonly addresses: readonly string[] }[]
    }
  | {
      readonly kind: 'etcd'
      readonly form: EtcdForm
      /** `host:port` of each member. */
      readonly servers: readonly string[]
      /** Index of the server that leads: asked first. */
      readonly leader: number
    }

/**
 * How etcd does the work. `txn`: the client holds a lease already; a grant is one transaction (create the key under
 * that lease if it is absent), giving back is one delete: two proposals, as many as ours. `lease`: each grant has a lease of its
 * own, as ours do: LeaseGrant, transaction, LeaseRevoke: three proposals.
 */
export type EtcdForm = 'txn' | 'lease'

/** Outlives every bench, so that nothing expires while it runs. */
export const HELD_TTL_MS = 3_600_000
