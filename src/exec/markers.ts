import { createHash } from 'node:crypto'
import { realpathSync } from 'node:fs'
import type { ExecutionId } from '../base/index.ts'
import { folderIdentity } from './linux-processes.ts'

/**
 * Marks in the environment: a process inherits them, whatever session or group it moves to and whoever adopts it.
 * The execution's mark finds what escaped from its group. The owner's mark is in the guardian's environment too, and
 * so in that of a child between fork and exec: it finds all that a node has ever started, also when both it and its
 * guardian died between the start of a command and the record of it.
 */
export const MARK_PREFIX = 'POPULI_EXECUTION_'
const EXECUTION_ID = `${MARK_PREFIX}ID`
const EXECUTION_OWNER = `${MARK_PREFIX}OWNER`

/**
 * Secrets of the node: its tokens and keys, by the names of the contract and by our own. A command runs for whoever
 * submitted it, and must not be able to speak for the node.
 */
const SECRET = /^(VOX_MESH|VOX_ORCHESTRATOR|POPULI)_(.*_)?(TOKEN|SECRET|KEY|PASSWORD|PASSPHRASE|INVITE)$/

/** What a service manager gave to the node alone: with these a command could report in its name or take its sockets. */
const OF_THE_SERVICE = [
  'NOTIFY_SOCKET',
  'WATCHDOG_PID',
  'WATCHDOG_USEC',
  'LISTEN_PID',
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
]

/** The owner's mark of the node that keeps its executions in `directory`, which exists. */
export function ownerOf(directory: string): string {
  const folder = `${realpathSync(directory)}\0${folderIdentity(directory)}`
  return createHash('sha256').update(folder).digest('hex').slice(0, 32)
}

export function ownerMarker(owner: string): string {
  return `${EXECUTION_OWNER}=${owner}`
}

export function executionMarker(executionId: ExecutionId): string {
  return `${EXECUTION_ID}=${executionId}`
}

/** The environment of the guardian, from the node's: its commands inherit it. */
export function guardianEnvironment(node: NodeJS.ProcessEnv, owner: string): NodeJS.ProcessEnv {
  const kept = Object.entries(node).filter(([name]) => !SECRET.test(name) && !OF_THE_SERVICE.includes(name))
  return { ...Object.fromEntries(kept), [EXECUTION_OWNER]: owner }
}

/** The environment of a command, from the guardian's. The marks come last: `extra` cannot take them away. */
export function commandEnvironment(
  guardian: NodeJS.ProcessEnv,
  extra: Readonly<Record<string, string>>,
  executionId: ExecutionId,
): NodeJS.ProcessEnv {
  return { ...guardian, ...extra, [EXECUTION_ID]: executionId, [EXECUTION_OWNER]: guardian[EXECUTION_OWNER] }
}
