/**
 * The paths between machines: directed, each with a delay of its own, and a probability with which what is sent is lost.
 *
 * Two models of loss. `drop`: each message is lost or arrives, as over UDP. That is harsher than what members meet, because
 * they speak over TCP, and it is what the papers measure. `resend`: as TCP does it: what is lost is repeated after 200, 400, 800 … ms,
 * and everything sent after it waits (head of line), so that loss is delay.
 *
 * A path carries nothing while one of its machines is off, asleep or off the network, while both are in different parts of a
 * partitioned network, or while it is cut, in its direction only.
 */
import type { Random } from '../../src/base/index.ts'

export interface PathQuality {
  readonly loss: 'drop' | 'resend'
  /** Of each message (`drop`) or of each try (`resend`). */
  readonly lossRatio: number
  /** Each directed pair draws its own ratio between 0 and `lossRatio`. */
  readonly isUneven: boolean
  /** Delay that a pair has always, drawn once per pair from this span. */
  readonly delayMs: readonly [min: number, max: number]
  /** Mean of what comes on top, exponentially distributed. */
  readonly jitterMs: number
}

/** A home: switches and some Wi-Fi. */
export const LAN: PathQuality = {
  loss: 'drop',
  lossRatio: 0,
  isUneven: false,
  delayMs: [0.2, 3],
  jitterMs: 1,
}

/** One message in so many meets a full queue somewhere, and waits for up to `SPIKE_MS_MAX`. */
const SPIKE_RATIO = 0.002
const SPIKE_MS_MAX = 60
/** TCP's first retransmission timeout on a short path (Linux: 200 ms at least); doubles. */
const RESEND_MS = 200
const RESENDS_MAX = 8

const ARRIVES_NEVER = -1

export class Paths {
  private readonly nodes: number
  private readonly random: Random
  private readonly quality: PathQuality
  private readonly delayMs: Float32Array
  private readonly lossRatio: Float32Array
  private readonly isCut: Uint8Array
  private readonly hasNetwork: Uint8Array
  private readonly part: Uint8Array
  /** When the last thing sent on a path arrives: nothing overtakes it. */
  private readonly lastMs: Float64Array

  constructor(nodes: number, quality: PathQuality, random: Random) {
    this.nodes = nodes
    this.quality = quality
    this.random = random
    this.delayMs = new Float32Array(nodes * nodes)
    this.lossRatio = new Float32Array(nodes * nodes)
    this.isCut = new Uint8Array(nodes * nodes)
    this.hasNetwork = new Uint8Array(nodes).fill(1)
    this.part = new Uint8Array(nodes)
    this.lastMs = new Float64Array(nodes * nodes)
    const [min, max] = quality.delayMs
    for (let path = 0; path < nodes * nodes; path += 1) {
      this.delayMs[path] = min + random.float() * (max - min)
      this.lossRatio[path] = quality.lossRatio * (quality.isUneven ? random.float() : 1)
    }
  }

  isOpen(from: number, to: number): boolean {
    return (
      this.hasNetwork[from] === 1 &&
      this.hasNetwork[to] === 1 &&
      this.part[from] === this.part[to] &&
      this.isCut[from * this.nodes + to] === 0
    )
  }

  isOpenBothWays(one: number, other: number): boolean {
    return this.isOpen(one, other) && this.isOpen(other, one)
  }

  /** When a message arrives that is sent now; negative: never. */
  arrivalMs(from: number, to: number, now: number): number {
    if (!this.isOpen(from, to)) return ARRIVES_NEVER
    const path = from * this.nodes + to
    const lossRatio = this.lossRatio[path] as number
    if (this.quality.loss === 'resend')
      return this.inOrder(path, now + this.delay(path) + this.resendMs(lossRatio))
    if (lossRatio > 0 && this.random.float() < lossRatio) return ARRIVES_NEVER
    return this.inOrder(path, now + this.delay(path))
  }

  /** The same for what a kernel repeats in either model: the opening and closing of connections. */
  signalMs(from: number, to: number, now: number): number {
    if (!this.isOpen(from, to)) return ARRIVES_NEVER
    const path = from * this.nodes + to
    return this.inOrder(path, now + this.delay(path) + this.resendMs(this.lossRatio[path] as number))
  }

  /** When something last arrived, or will, on the path. */
  usedMs(from: number, to: number): number {
    return this.lastMs[from * this.nodes + to] as number
  }

  cut(from: number, to: number, isCut: boolean): void {
    this.isCut[from * this.nodes + to] = isCut ? 1 : 0
  }

  setNetwork(node: number, hasNetwork: boolean): void {
    this.hasNetwork[node] = hasNetwork ? 1 : 0
  }

  /** Which part of the network a machine is in. All in one: no partition. */
  setPart(node: number, part: number): void {
    this.part[node] = part
  }

  private delay(path: number): number {
    const { random } = this
    const spikeMs = random.float() < SPIKE_RATIO ? random.float() * SPIKE_MS_MAX : 0
    return (this.delayMs[path] as number) - Math.log(1 - random.float()) * this.quality.jitterMs + spikeMs
  }

  private resendMs(lossRatio: number): number {
    let waitsMs = 0
    for (
      let resends = 0;
      resends < RESENDS_MAX && lossRatio > 0 && this.random.float() < lossRatio;
      resends += 1
    )
      waitsMs += RESEND_MS * 2 ** resends
    return waitsMs
  }

  private inOrder(path: number, atMs: number): number {
    const arrivalMs = Math.max(atMs, this.lastMs[path] as number)
    this.lastMs[path] = arrivalMs
    return arrivalMs
  }
}
