/** The columns of the table: what goes wrong, and how it is put right again. */
import { setTimeout as sleep } from 'node:timers/promises'
import { present } from '../../src/base/index.ts'
import type { Roles } from './drill-mesh.ts'
import type { DrillNode } from './drill-node.ts'
import type { Machine } from './isolation.ts'
import { becomes } from './waiting.ts'

export interface FaultScene extends Roles {
  readonly ttlMs: number
  /** The task goes on from the step that it was held at. Without effect where the process is dead or stopped. */
  readonly release: () => void
}

export interface Fault {
  readonly name: string
  /** Networks are cut or disks filled: not on plain loopback. */
  readonly needsIsolation: boolean
  /** From before the fault until everybody is back. The task may still be unfinished then. */
  readonly happens: (scene: FaultScene) => Promise<void>
}

/** As long as a service manager takes to start a process again. */
const RESTART_MS = 200
/** Parts of the TTL. Long enough that every lease in the story has run out, with the leader's own margin. */
const LONG = 1.5

/** A disk is full for so long, or until the node has ended. */
const FULL_MS = 4000

const fault = (name: string, happens: Fault['happens'], needsIsolation = false): Fault => ({
  name,
  needsIsolation,
  happens,
})

/** SIGKILL, and up again while the leases still live. */
async function crash(node: DrillNode, { release }: FaultScene, awayMs = RESTART_MS): Promise<void> {
  await node.end('SIGKILL')
  release()
  await sleep(awayMs)
  await node.up()
}

async function stall(node: DrillNode, { release, ttlMs }: FaultScene): Promise<void> {
  node.stop()
  release()
  await sleep(ttlMs * LONG)
  node.continue()
}

/** In good order, as an update does it. */
async function restart(node: DrillNode, { release }: FaultScene): Promise<void> {
  const ended = node.end('SIGTERM')
  release()
  await ended
  await node.up()
}

type Cut = readonly [from: DrillNode, to: DrillNode]

/** Nothing comes through in these directions for longer than the lease. */
async function cut(ways: readonly Cut[], { release, ttlMs }: FaultScene): Promise<void> {
  for (const [from, to] of ways) await machine(to).deafen(machine(from))
  release()
  await sleep(ttlMs * LONG)
  for (const [, to] of ways) await machine(to).healNetwork()
}

/** Somebody else fills the disk, and clears it up. A node that could not write ends itself, and is started again (`cell.ts`). */
async function fill(node: DrillNode, { release }: FaultScene): Promise<void> {
  machine(node).fillDisk()
  release()
  await becomes(() => node.hasEnded, FULL_MS)
  machine(node).freeDisk()
}

/** Both others at once: nobody can be asked, and nobody answers. */
async function loseQuorum({ worker, third, release, ttlMs }: FaultScene): Promise<void> {
  await Promise.all([worker.end('SIGKILL'), third.end('SIGKILL')])
  release()
  await sleep(ttlMs * LONG)
  await Promise.all([worker.up(), third.up()])
}

export const FAULTS: readonly Fault[] = [
  fault('kill -9 of the submitter', (scene) => crash(scene.submitter, scene)),
  fault('kill -9 of the submitter, back after the lease', (scene) =>
    crash(scene.submitter, scene, scene.ttlMs * LONG),
  ),
  fault('kill -9 of the worker', (scene) => crash(scene.worker, scene)),
  fault("kill -9 of the worker's guardian", async ({ worker, release }) => {
    worker.killGuardian()
    release()
  }),
  fault('kill -9 of the leader', (scene) => crash(scene.third, scene)),
  fault('kill -STOP of the submitter', (scene) => stall(scene.submitter, scene)),
  fault('kill -STOP of the worker', (scene) => stall(scene.worker, scene)),
  fault('restart of the submitter', (scene) => restart(scene.submitter, scene)),
  fault('restart of the worker', (scene) => restart(scene.worker, scene)),
  fault('quorum lost', (scene) => loseQuorum(scene)),
  fault('submitter and worker cut off from each other', (scene) => cut(bothWays(scene), scene), true),
  fault(
    'submitter no longer heard by the worker',
    (scene) => cut([[scene.submitter, scene.worker]], scene),
    true,
  ),
  fault(
    'worker no longer heard by the submitter',
    (scene) => cut([[scene.worker, scene.submitter]], scene),
    true,
  ),
  fault(
    'worker cut off from everybody',
    (scene) => cut([...bothWays(scene), [scene.third, scene.worker], [scene.worker, scene.third]], scene),
    true,
  ),
  fault('disk full at the submitter', (scene) => fill(scene.submitter, scene), true),
  fault('disk full at the worker', (scene) => fill(scene.worker, scene), true),
]

function bothWays({ submitter, worker }: Roles): readonly Cut[] {
  return [
    [submitter, worker],
    [worker, submitter],
  ]
}

const machine = (node: DrillNode): Machine => present(node.machine, 'a machine of its own')
