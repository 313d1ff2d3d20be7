/** One member's process: its core, when it is due, and what waits while the process does not run. */
import { type BootMs, bootMs, type PeerId, type Random } from '../../src/base/index.ts'
import {
  type MemberRoster,
  Membership,
  type MembershipEffect,
  type MembershipInput,
  type MembershipOptions,
  type MemberView,
  type NodeRecord,
} from '../../src/membership/index.ts'

/** An event that happened to a process which does not run. */
export interface Held {
  readonly kind: number
  readonly a: number
  readonly b: number
  readonly c: number
  readonly ref: unknown
}

/** Nobody forges anything here. */
const SIGNATURE = new Uint8Array(64)

export class MemberProcess {
  readonly peer: PeerId
  life = 0
  isBlocked = false
  /** When its timer goes off, as arranged; infinite: not arranged. */
  timerMs = Number.POSITIVE_INFINITY
  /** The timer went off while the process did not run. */
  isTimerHeld = false
  held: Held[] = []
  private core: Membership | undefined
  private readonly random: Random
  /** Clocks of two machines have nothing to do with each other. */
  private readonly bootOffsetMs: number

  constructor(peer: PeerId, random: Random) {
    this.peer = peer
    this.random = random
    this.bootOffsetMs = random.integer(0, 1_000_000_000)
  }

  get isRunning(): boolean {
    return this.core !== undefined
  }

  start(options: MembershipOptions, roster: MemberRoster, nowMs: number): void {
    this.life += 1
    this.isBlocked = false
    this.isTimerHeld = false
    this.timerMs = Number.POSITIVE_INFINITY
    this.held = []
    this.core = new Membership({
      self: this.peer,
      life: this.life,
      options,
      roster,
      random: this.random.fork(),
      now: this.boot(nowMs),
      signRecord: () => SIGNATURE,
      verifyRecord: () => true,
    })
  }

  end(): void {
    this.core = undefined
    this.isBlocked = false
    this.held = []
  }

  step(input: MembershipInput, nowMs: number): readonly MembershipEffect[] {
    return this.core?.step(input, this.boot(nowMs)) ?? []
  }

  tick(nowMs: number): readonly MembershipEffect[] {
    return this.core?.tick(this.boot(nowMs)) ?? []
  }

  members(): readonly MemberView[] {
    return this.core?.members() ?? []
  }

  /** When the core has something to do next. */
  dueMs(): number {
    return this.core === undefined ? Number.POSITIVE_INFINITY : this.core.dueAt - this.bootOffsetMs
  }

  private boot(nowMs: number): BootMs {
    return bootMs(nowMs + this.bootOffsetMs)
  }
}

/** What a machine of a home says of itself: about as long as a real one. */
export function recordOf(peer: PeerId, name: string, runningTasks: number): NodeRecord {
  return {
    id: name,
    peer_id: peer,
    version: '0.1.0',
    last_seen_unix_ms: 1_760_000_000_000,
    capabilities: {
      gpu_cuda: true,
      cpu_cores: 16,
      arch: 'x86_64',
      hostname: name,
      device_class: 'desktop',
      min_vram_mb: 24_576,
    },
    addresses: [`/ip4/192.168.1.23/tcp/7946/p2p/${peer}`, `/ip4/100.101.102.103/tcp/7946/p2p/${peer}`],
    facade_urls: ['http://192.168.1.23:7946'],
    remote_execute: true,
    running_tasks: runningTasks,
    voter_policy: 'auto',
    host_triple: 'x86_64-unknown-linux-gnu',
    gpu_total_count: 1,
    gpu_healthy_count: 1,
    gpu_allocatable_count: 1,
  }
}
