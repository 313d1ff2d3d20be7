/** The devices that get no work, why and since when: in memory, and on disk for the next life of the node. */
import { z } from 'zod'
import { decode, encode, LIMITS, type NodeId, type UnixMs } from '../base/index.ts'
import type { ProcessIdentity } from '../exec/index.ts'
import type { NodeRecord } from '../membership/index.ts'
import type { MetaStore } from '../store/index.ts'
import type { WithheldGpuView } from './control/node-control.ts'
import type { Finding, WithholdReason } from './device-findings.ts'
import type { EventSink } from './node-events.ts'

const KEY = 'withheld-devices'

/** In the place of a uuid, when the driver stopped answering before it had told of any device. */
export const EVERY_DEVICE = 'every device'

/** A driver that has told of all devices, and one entry for those that it has not. */
const ENTRIES_MAX = LIMITS.gpuDevicesMax + 1

const reasons = [
  'gpu_not_quiet',
  'gpu_driver_silent',
  'gpu_lost',
  'gpu_unreadable',
] as const satisfies readonly WithholdReason[]

const entrySchema = z.strictObject({
  uuid: z.string(),
  reason: z.enum(reasons),
  detail: z.string(),
  sinceUnixMs: z.number().transform((value) => value as UnixMs),
  /** The device is free when the driver lists none of these. */
  processes: z
    .array(z.strictObject({ pid: z.number().int(), startTicks: z.number().int() }))
    .max(LIMITS.execProcessesToldMax),
})
const savedSchema = z.array(entrySchema).max(ENTRIES_MAX)

export type WithheldDevice = Readonly<z.output<typeof entrySchema>>

interface WithheldDevicesInit {
  readonly meta: MetaStore
  readonly events: EventSink
  readonly self: NodeId
  readonly wall: () => UnixMs
  /** A store that failed. */
  readonly failed: (thrown: unknown) => void
}

export class WithheldDevices {
  private readonly init: WithheldDevicesInit
  private readonly entries: Map<string, WithheldDevice>

  /** With what an earlier life of this node withheld. */
  constructor(init: WithheldDevicesInit) {
    this.init = init
    const saved = init.meta.get(KEY)
    const entries = saved === undefined ? [] : decode(savedSchema, saved, 'saved list of withheld devices')
    this.entries = new Map(entries.map((entry) => [entry.uuid, entry]))
  }

  list(): readonly WithheldDevice[] {
    return [...this.entries.values()]
  }

  /** The newest finding about a device counts, and every process that was found on it. Beyond the limit: no more devices. */
  withhold({ uuid, reason, detail }: Finding, processes: readonly ProcessIdentity[]): void {
    const before = this.entries.get(uuid)
    if (before === undefined && this.entries.size >= ENTRIES_MAX) return
    const all = new Map([...(before?.processes ?? []), ...processes].map((one) => [one.pid, one]))
    const isNews = before?.reason !== reason || before.detail !== detail
    if (!isNews && all.size === before.processes.length) return
    this.entries.set(uuid, {
      uuid,
      reason,
      detail,
      sinceUnixMs: before?.sinceUnixMs ?? this.init.wall(),
      processes: [...all.values()].slice(-LIMITS.execProcessesToldMax),
    })
    if (before?.reason !== reason) this.record('gpu:withheld', uuid, reason, detail)
    this.save()
  }

  release(uuid: string): void {
    const entry = this.entries.get(uuid)
    if (entry === undefined) return
    this.entries.delete(uuid)
    this.record('gpu:released', uuid, entry.reason, undefined)
    this.save()
  }

  private record(
    type: 'gpu:withheld' | 'gpu:released',
    uuid: string,
    reason: WithholdReason,
    detail: string | undefined,
  ): void {
    this.init.events.record({ kind: 'gpu', type, node: this.init.self, reason, detail: { uuid, detail } })
  }

  private save(): void {
    this.init.meta.put(KEY, encode(this.list())).catch(this.init.failed)
  }
}

/** For the owner of this node. */
export const withheldView = ({ uuid, reason, detail, sinceUnixMs }: WithheldDevice): WithheldGpuView => ({
  uuid,
  reason,
  detail,
  sinceUnixMs,
})

/** For the record that the others see; nothing while nothing is withheld. */
export function withheldFields(withheld: readonly WithheldDevice[]): Pick<NodeRecord, 'gpus_withheld'> {
  if (withheld.length === 0) return {}
  const told = withheld.slice(0, LIMITS.gpuDevicesMax)
  return {
    gpus_withheld: told.map(({ uuid, reason, sinceUnixMs }) => ({
      uuid,
      reason,
      since_unix_ms: sinceUnixMs,
    })),
  }
}
