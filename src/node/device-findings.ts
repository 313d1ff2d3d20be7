/**
 * What a look at the driver says against giving a device back, once the processes of an execution have ended. A driver
 * that still lists one of them still works for it, whatever the process table says: a kernel on the device outlives its process.
 */

import { MiB } from '../base/index.ts'
import type { ProcessIdentity } from '../exec/index.ts'
import type { Device, DriverLook } from '../gpu/index.ts'

export type WithholdReason = 'gpu_not_quiet' | 'gpu_driver_silent' | 'gpu_lost' | 'gpu_unreadable'

export interface Finding {
  readonly uuid: string
  readonly reason: WithholdReason
  /** For people: the processes, or what the driver said. */
  readonly detail: string
}

type ReadyLook = Extract<DriverLook, { state: 'ready' }>

/**
 * @param livesAs start of the process that has this pid now, if there is one: a pid is reused, and then the driver lists somebody else.
 */
export function findingsOf(
  { devices }: ReadyLook,
  processes: readonly ProcessIdentity[],
  livesAs: (pid: number) => number | undefined,
): readonly Finding[] {
  const ours = new Map(processes.map(({ pid, startTicks }) => [pid, startTicks]))
  return devices.flatMap((device) => findingOf(device, ours, livesAs) ?? [])
}

function findingOf(
  device: Device,
  ours: ReadonlyMap<number, number>,
  livesAs: (pid: number) => number | undefined,
): Finding | undefined {
  const uuid = uuidOf(device)
  const listed = device.processes
  if ('missing' in listed) {
    // Where the driver never tells, the proof through the process group is all there is.
    if (listed.missing === 'unsupported') return undefined
    const reason = listed.missing === 'lost' ? 'gpu_lost' : 'gpu_unreadable'
    return { uuid, reason, detail: listed.reason }
  }
  const held = listed.value.filter(({ pid }) => {
    const startTicks = ours.get(pid)
    if (startTicks === undefined) return false
    const lives = livesAs(pid)
    return lives === undefined || lives === startTicks
  })
  if (held.length === 0) return undefined
  const named = held.map(({ pid, usedBytes }) =>
    usedBytes === undefined ? `pid ${pid}` : `pid ${pid} with ${Math.ceil(usedBytes / MiB)} MiB`,
  )
  return { uuid, reason: 'gpu_not_quiet', detail: named.join(', ') }
}

/** A device that has not even told who it is goes by its number. */
export function uuidOf({ uuid, index }: Device): string {
  return 'value' in uuid ? uuid.value : `device ${index}`
}

/** A device that is lost executes nothing: it is withheld, and the end of the execution is proven without it. */
export const isUnproven = ({ reason }: Finding): boolean => reason !== 'gpu_lost'
