/**
 * The deadline of the node itself, kept by the guardian. A function that runs in the node's own process cannot be ended from
 * outside, so the process is what has to end when a call outlives its lease (ADR 0014).
 *
 * The guardian knows one time, the earliest of all calls under way. It must have it *before* a call begins, for a
 * handler may block the event loop from its first line; so `hold` writes it at once, and only if it is earlier than what the
 * guardian has. That it may be later now, or that no call is left, is said at the end of the turn: a thousand
 * calls that begin and end within one turn cost two messages.
 */
import type { BootMs } from '../base/index.ts'
import { NO_DEADLINE } from './execution.ts'
import type { GuardianCommand } from './protocol.ts'

interface Held {
  readonly killAt: BootMs
  readonly label: string
}

export class NodeGuard {
  private readonly send: (command: GuardianCommand) => Promise<void> | undefined
  private readonly calls = new Map<object, Held>()
  /** What the guardian has: a time, none, or nobody knows, because it is still on its way. */
  private told: BootMs | undefined | 'unknown'
  private isUpdateDue = false
  private readonly waiting: (() => void)[] = []

  /** @param send `undefined` when what is sent reaches the guardian whatever happens to this process. */
  constructor(send: (command: GuardianCommand) => Promise<void> | undefined) {
    this.send = send
  }

  /**
   * Before `call` begins, and when its deadline changes. Nothing may begin before the promise, if there is one, has resolved.
   * @throws (rejects) CodedError `exec.guardian_lost`
   */
  hold(call: object, held: Held): Promise<void> | undefined {
    this.calls.set(call, held)
    if (typeof this.told === 'number' && this.told <= held.killAt) {
      this.updateSoon()
      return undefined
    }
    return this.tell(held)
  }

  release(call: object): void {
    if (this.calls.delete(call)) this.updateSoon()
    if (this.waiting.length > 0 && !this.isOwed) for (const resolve of this.waiting.splice(0)) resolve()
  }

  /** Resolves when no call is left that has a deadline: until then the guardian may not go. */
  released(): Promise<void> {
    if (!this.isOwed) return Promise.resolve()
    return new Promise((resolve) => this.waiting.push(resolve))
  }

  /** There is a call to guard. */
  get isHeld(): boolean {
    return this.calls.size > 0
  }

  /** The new one knows nothing yet. */
  guardianChanged(): void {
    this.told = undefined
    this.update()
  }

  private get isOwed(): boolean {
    return [...this.calls.values()].some(({ killAt }) => killAt < NO_DEADLINE.killAt)
  }

  private updateSoon(): void {
    if (this.isUpdateDue) return
    this.isUpdateDue = true
    setImmediate(() => {
      this.isUpdateDue = false
      this.update()
    })
  }

  private update(): void {
    const next = this.earliest()
    if (next?.killAt === this.told) return
    // Without a guardian there is nobody to correct; the next one is told when it is there.
    this.tell(next)?.catch(() => undefined)
  }

  private tell(next: Held | undefined): Promise<void> | undefined {
    const sent = this.send({ kind: 'guard-node', killAt: next?.killAt, label: next?.label ?? '' })
    this.told = sent === undefined ? next?.killAt : 'unknown'
    return sent?.then(() => {
      // Another guardian may have come meanwhile, and got an older time after a newer one.
      this.told = 'unknown'
      this.updateSoon()
    })
  }

  private earliest(): Held | undefined {
    let first: Held | undefined
    for (const held of this.calls.values())
      if (first === undefined || held.killAt < first.killAt) first = held
    return first
  }
}
