/**
 * ReadIndex for the drivers (thesis §6.4): before a leader answers from its own state, a quorum confirms that it still
 * leads. All who ask while a confirmation can still begin share one round of heartbeats.
 */
import { CodedError } from '../base/index.ts'
import type { RaftCore } from '../raft/index.ts'

interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: CodedError) => void
}

export class ReadConfirmations {
  private readonly core: RaftCore
  private readonly kick: () => void
  private readonly waiting = new Map<number, Waiting>()
  /** Shared by everyone who asks in one turn. */
  private current: Promise<void> | undefined

  constructor(core: RaftCore, kick: () => void) {
    this.core = core
    this.kick = kick
  }

  /**
   * Resolves when this node was the leader at some instant after the call, and everything that was committed before
   * the call is committed here.
   * @throws CodedError `authority.not_leader`
   */
  confirm(): Promise<void> {
    if (this.current !== undefined) return this.current
    const current = this.begin()
    this.current = current
    queueMicrotask(() => {
      this.current = undefined
    })
    return current
  }

  /** From a `Ready`. */
  confirmed(ids: readonly number[]): void {
    for (const id of ids) {
      this.waiting.get(id)?.resolve()
      this.waiting.delete(id)
    }
  }

  /** This node leads no more. */
  lost(): void {
    const waiting = [...this.waiting.values()]
    this.waiting.clear()
    for (const { reject } of waiting) reject(this.notLeader())
  }

  private async begin(): Promise<void> {
    const result = this.core.readIndex()
    if (!result.accepted) throw this.notLeader()
    await new Promise<void>((resolve, reject) => {
      this.waiting.set(result.id, { resolve, reject })
      this.kick()
    })
  }

  private notLeader(): CodedError {
    return new CodedError('authority.not_leader', { peer: this.core.status.self })
  }
}
