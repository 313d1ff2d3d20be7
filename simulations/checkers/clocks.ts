/** Every node's boot clock, up to a constant: how much time passed on it between two observations. Not a checker. */
import type { PeerId } from '../../src/base/index.ts'
import type { Observation, Observer } from '../observation.ts'

interface Piece {
  readonly fromMs: number
  readonly localMs: number
  readonly rate: number
}

export class Clocks implements Observer {
  private readonly pieces = new Map<PeerId, Piece>()

  /** The node's clock at the real time `atMs`, which is not before the last change of its rate. */
  localMs(node: PeerId, atMs: number): number {
    const piece = this.pieces.get(node)
    return piece === undefined ? atMs : piece.localMs + (atMs - piece.fromMs) * piece.rate
  }

  observe(observation: Observation): void {
    if (observation.type !== 'clock-rate') return
    const { node, atMs, rate } = observation
    this.pieces.set(node, { fromMs: atMs, localMs: this.localMs(node, atMs), rate })
  }
}
