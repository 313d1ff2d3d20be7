/** What happens in a world, as it tells whoever looks on (`judge.ts`). Members are numbers, from 0. */
import type { Incarnation } from '../../src/base/index.ts'
import type { MemberStatus } from '../../src/membership/index.ts'

/** How a process can end. `closed`: its kernel closes its connections. `silent`: the machine lost its power. */
export type Ending = 'closed' | 'silent' | 'leave'

export interface Facts {
  started(node: number, life: number, atMs: number): void
  ended(node: number, how: Ending, atMs: number): void
  /** It cannot answer for now, through no fault of a process: stopped, asleep, off the network. */
  impaired(node: number, atMs: number): void
  unimpaired(node: number, atMs: number): void
  /** By member, the part of the network that it is in. */
  partitioned(parts: Uint8Array, atMs: number): void
  healed(atMs: number): void
  /** `observer` thinks otherwise of `subject` from now on. */
  thinks(
    observer: number,
    subject: number,
    status: MemberStatus,
    incarnation: Incarnation,
    atMs: number,
  ): void
}
