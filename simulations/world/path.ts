import type { Random } from '../../src/base/index.ts'

/** What the way between two machines is like when nothing is wrong with it. */
export interface PathQuality {
  readonly delayMsMin: number
  readonly delayMsMax: number
  /** Part of the messages that need up to `SPIKE_TIMES` as long: a repeated packet, a busy access point. */
  readonly spikePart: number
  /** Parts of gossip deliveries that do not come, and that come twice. */
  readonly gossipLostPart: number
  readonly gossipTwicePart: number
}

const SPIKE_TIMES = 20
/** Slower than this is not slow but silent. */
const DELAY_MS_MAX = 2000

/** One direction between two machines. Faults overlap: each is counted, and ends for itself. */
export class Path {
  private readonly quality: PathQuality
  private readonly random: Random
  private blocks = 0
  private cuts = 0
  private readonly slow = new Set<{ readonly times: number }>()

  constructor(quality: PathQuality, random: Random) {
    this.quality = quality
    this.random = random
  }

  /** Swallows everything; nobody is told. */
  get isBlocked(): boolean {
    return this.blocks > 0
  }

  /** Refuses connections, and says so. */
  get isCut(): boolean {
    return this.cuts > 0
  }

  block(): void {
    this.blocks += 1
  }

  unblock(): void {
    this.blocks -= 1
  }

  cut(): () => void {
    this.cuts += 1
    return () => {
      this.cuts -= 1
    }
  }

  /** Everything takes `times` as long until the returned function is called; of several, the worst counts. */
  slowDown(times: number): () => void {
    const slowness = { times }
    this.slow.add(slowness)
    return () => this.slow.delete(slowness)
  }

  /** Drawn for each message. */
  delayMs(): number {
    const { delayMsMin, delayMsMax, spikePart } = this.quality
    const usual = delayMsMin + this.random.float() * (delayMsMax - delayMsMin)
    const spike = this.random.float() < spikePart ? 1 + this.random.float() * (SPIKE_TIMES - 1) : 1
    return Math.min(DELAY_MS_MAX, usual * spike * Math.max(1, ...[...this.slow].map(({ times }) => times)))
  }

  gossipCopies(): number {
    const draw = this.random.float()
    if (draw < this.quality.gossipLostPart) return 0
    return draw < this.quality.gossipLostPart + this.quality.gossipTwicePart ? 2 : 1
  }
}
