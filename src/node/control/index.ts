/**
 * node/control: the channel between a running node and its owner on the same machine: a unix socket in the data
 * directory. `NodeControl` is what a node offers, the server exposes it, the client calls it.
 */
export { ControlClient } from './control-client.ts'
export { fromJson, toJson } from './control-messages.ts'
export { type ControlServer, type ControlServerInit, createControlServer } from './control-server.ts'
export { controlSocketPath } from './control-socket.ts'
export type * from './node-control.ts'
