/**
 * The requests of one submitted task to the authority: at most one at a time counts, and a lease that comes for one which does not
 * count any more goes back. What takes long runs beside, and comes back as an event of the task.
 */
import {
  CodedError,
  type LeaseId,
  type Logger,
  type PeerId,
  type ScopeKey,
  toCodedError,
} from '../base/index.ts'
import type { SubmitterEvent } from '../task/index.ts'
import { obstacleOfRefusal } from './order-bars.ts'
import type { SubmitterContext } from './submitter-context.ts'

/** Longer than an election: a task that was offered to nobody may run at home after this. */
const FIRST_LEASE_DEADLINE_MS = 4000
/** The end of the lease that is waited for is seen in the local log; this is for nodes that have none. Doubled at each try. */
const RETRY_MS_MIN = 500
const RETRY_MS_MAX = 8000
const TAKE_BACK_DEADLINE_MS = 2000

interface TaskLeaseInit {
  readonly context: SubmitterContext
  readonly scopeKey: ScopeKey
  readonly logger: Logger
  readonly tell: (event: SubmitterEvent) => void
}

export class TaskLease {
  private readonly init: TaskLeaseInit
  /** The newest request: what comes of older ones does not count. */
  private request = 0
  private tries = 0
  private takenBack: Promise<void> = Promise.resolve()
  private endPause: (() => void) | undefined
  /** A lease of the key has ended since the last request was sent. */
  private isWoken = false

  constructor(init: TaskLeaseInit) {
    this.init = init
  }

  ask(holder: PeerId, again: boolean): void {
    this.tries = again ? this.tries + 1 : 0
    void this.run(++this.request, holder)
  }

  /** Whoever waits for the next try need not. */
  wake(): void {
    this.isWoken = true
    this.endPause?.()
  }

  /** No request counts any more. */
  end(): void {
    this.request++
    this.wake()
  }

  takeBack(leaseId: LeaseId): void {
    const before = this.takenBack
    this.takenBack = this.release(leaseId).then(() => before)
  }

  private async run(request: number, holder: PeerId): Promise<void> {
    await this.takenBack
    if (this.tries > 0 && !this.isWoken) await this.pause()
    if (request !== this.request) return
    this.isWoken = false
    const event = await this.grant(holder)
    if (event === undefined) return
    if (request === this.request) this.init.tell(event)
    else if (event.type === 'lease-granted') this.takeBack(event.leaseId)
  }

  private async grant(holder: PeerId): Promise<SubmitterEvent | undefined> {
    const { context, scopeKey } = this.init
    const { leaseTtlMs: ttlMs } = context
    try {
      const command = { type: 'lease.grant', scopeKey, holder, ttlMs } as const
      const { answer } = await context.authority.execute(command, FIRST_LEASE_DEADLINE_MS)
      return { type: 'lease-granted', leaseId: answer.id as LeaseId, ttlMs }
    } catch (thrown) {
      const { code, message: detail } = toCodedError(thrown)
      if (code === 'node.stopping') return undefined
      if (code === 'lease.held' || code === 'lease.cooling') return { type: 'lease-held' }
      const reason = obstacleOfRefusal(code)
      if (reason !== undefined) return { type: 'holder-barred', reason, detail }
      return { type: 'lease-unavailable', detail }
    }
  }

  private pause(): Promise<void> {
    const pauseMs = Math.min(RETRY_MS_MIN * 2 ** (this.tries - 1), RETRY_MS_MAX)
    return new Promise((resolve) => {
      const cancel = this.init.context.scheduler.after(pauseMs, resolve)
      this.endPause = () => {
        cancel()
        resolve()
      }
    })
  }

  private async release(leaseId: LeaseId): Promise<void> {
    try {
      await this.init.context.authority.execute({ type: 'lease.release', leaseId }, TAKE_BACK_DEADLINE_MS)
    } catch (thrown) {
      if (!(thrown instanceof CodedError)) throw thrown
      this.init.logger.debug({ err: thrown, leaseId }, 'lease not taken back: it was confirmed, or has ended')
    }
  }
}
