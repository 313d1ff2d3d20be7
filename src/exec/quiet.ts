/**
 * Proof of quiet: end every process of an execution, and know that none is left (design §7).
 *
 * A signal to the process group reaches most of them at once, and a command that forks cannot outrun it. Out of its
 * reach are processes that made a group or session of their own, daemons above all. So all processes are looked at,
 * and one is ours when it
 *   - is in the group or session that the command was started with,
 *   - carries the execution's mark in its environment (inherited across fork, exec, setsid and adoption),
 *   - descends from one that is ours (it may have cleared its environment), or
 *   - was ours at an earlier look.
 * Whatever is ours is killed, and looked for again, until a look finds nothing alive.
 *
 * A pid proves nothing, since it is reused. A process that started before the command cannot be ours, and the group is
 * ours only while its leader is the process that we started, or is gone and `groupOutlivesLeader`.
 *
 * Not found: a process that left group and session, cleared its environment, *and* whose parent ended, all before the
 * first look. Only a control group of its own would hold it: ADR 0006.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { assert, LIMITS } from '../base/index.ts'
import { type ProcessIdentity, type ProcessInfo, sendSignal } from './linux-processes.ts'
import { type ProcessTable, takeProcessTable } from './process-table.ts'

/** What shall be quiet. */
export interface Quarry {
  /** The main process that was started, leader of its group and session; `undefined` when only the mark is known. */
  readonly leader: ProcessIdentity | undefined
  /** `NAME=value`, see `markers.ts`. */
  readonly marker: string
  /**
   * Whether the group is still ours when its leader is gone. It is right after the leader's end. Long after, the number
   * may name another group whose leader is gone too: then only the mark counts.
   */
  readonly groupOutlivesLeader: boolean
}

interface Look {
  /** The living processes of the quarry; never this process itself. */
  readonly found: readonly ProcessInfo[]
  /** Nothing found, and nothing overlooked. */
  readonly isQuiet: boolean
}

/** Looks at all processes for those of one quarry; remembers what it has found. */
export class Hunt {
  private readonly quarry: Quarry
  private readonly known = new Map<number, number>()
  /** As of the last look. */
  private groupIsOurs = false

  constructor(quarry: Quarry) {
    assert(quarry.leader === undefined || quarry.leader.pid > 1, 'kill(-1) and kill(-0) mean everybody')
    this.quarry = quarry
  }

  async look(): Promise<Look> {
    const table = await takeProcessTable()
    this.groupIsOurs = this.isGroupOurs(table)
    const ours = new Set(table.processes.filter((info) => this.isOurs(info, table)))
    // A set that grows while it is walked: children of children come in turn.
    for (const info of ours) for (const child of table.childrenOf(info.pid)) ours.add(child)
    const found = [...ours].filter((info) => info.alive && info.pid !== process.pid)
    for (const info of found) this.known.set(info.pid, info.startTicks)
    return { found, isQuiet: found.length === 0 && table.isComplete }
  }

  /** Who was found to be of the quarry so far, its leader first; at most `execProcessesToldMax`. */
  get members(): readonly ProcessIdentity[] {
    const { leader } = this.quarry
    const others = [...this.known].flatMap(([pid, startTicks]) =>
      pid === leader?.pid ? [] : [{ pid, startTicks }],
    )
    return [...(leader === undefined ? [] : [leader]), ...others].slice(0, LIMITS.execProcessesToldMax)
  }

  /** KILL to the group as a whole, which no fork can escape, and to the found ones outside of it. */
  kill(found: readonly ProcessInfo[]): void {
    const group = this.groupIsOurs ? this.quarry.leader?.pid : undefined
    if (group !== undefined && found.some((info) => info.group === group)) sendSignal(-group, 'SIGKILL')
    for (const info of found) if (info.group !== group) sendSignal(info.pid, 'SIGKILL')
  }

  private isOurs(info: ProcessInfo, table: ProcessTable): boolean {
    const { leader, marker } = this.quarry
    if (leader !== undefined && info.startTicks < leader.startTicks) return false
    if (this.known.get(info.pid) === info.startTicks) return true
    if (this.groupIsOurs && (info.group === leader?.pid || info.session === leader?.pid)) return true
    return info.alive && table.carries(info.pid, marker)
  }

  private isGroupOurs(table: ProcessTable): boolean {
    const { leader, groupOutlivesLeader } = this.quarry
    if (leader === undefined) return false
    const now = table.get(leader.pid)
    return now === undefined ? groupOutlivesLeader : now.startTicks === leader.startTicks
  }
}

/** Kills until nothing of the quarry is left. @returns whether that is proven. */
export async function endProcesses(hunt: Hunt): Promise<boolean> {
  for (let round = 0; round < LIMITS.execQuietRoundsMax; round++) {
    const { found, isQuiet } = await hunt.look()
    if (isQuiet) return true
    hunt.kill(found)
    await pause(Math.min(2 ** round, ROUND_MS))
  }
  return false
}

/** A killed process is gone within a millisecond, unless a driver is freeing its memory. */
const ROUND_MS = 50
