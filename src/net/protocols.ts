/** Names on the wire. Each carries the scope, so that two meshes on one machine cannot meet, and a version. */
import type { ScopeId } from '../base/index.ts'

/** One long-lived stream per peer, protocol and direction. */
export const PROTOCOLS = ['raft', 'snapshot', 'rpc', 'task', 'membership'] as const
export type Protocol = (typeof PROTOCOLS)[number]

export const protocolName = (scope: ScopeId, protocol: Protocol): string => `/populi/${scope}/${protocol}/1`

export const gossipTopic = (scope: ScopeId): string => `/populi/${scope}/gossip/1`

export const kadProtocol = (scope: ScopeId): string => `/populi/${scope}/kad/1`

/** Identify and ping are named `/<prefix>/id/1.0.0`, `/<prefix>/ping/1.0.0` by their packages. */
export const servicePrefix = (scope: ScopeId): string => `populi/${scope}`
