import type { Clock, Logger, PeerId, Random, ScopeId } from '../base/index.ts'
import type { NetSettings } from './settings.ts'

export interface MeshNetworkInit {
  /** 32 bytes: the node's Ed25519 key. */
  readonly privateKeySeed: Uint8Array
  readonly scopeId: ScopeId
  /** TCP multiaddrs, e.g. `/ip4/127.0.0.1/tcp/0`. */
  readonly listen: readonly string[]
  /** What others are told instead of the addresses listened on. */
  readonly announce?: readonly string[]
  /** Asked at each connection, in both directions, right after Noise. Must not throw. */
  readonly isAdmitted: (peer: PeerId) => boolean
  readonly logger: Logger
  readonly random: Random
  readonly clock: Clock
  /** Lower bounds and shorter times, for tests. */
  readonly settings?: Partial<NetSettings>
}
