/** What a case has in its hands: the world, whoever judges it, chance of its own, and scripts that go on in simulated time. */
import type { Random } from '../../src/base/index.ts'
import type { Detection, Judge } from './judge.ts'
import type { World } from './world.ts'

/** Each value that it yields is a pause in milliseconds. */
export type Script = Generator<number, void, void>

/** Between two looks whether something has happened. */
const LOOK_MS = 100

export class Stage {
  readonly world: World
  readonly judge: Judge
  readonly random: Random
  readonly untilMs: number
  readonly detections: Detection[] = []
  readonly convergedMs: number[] = []
  unconverged = 0

  constructor(world: World, judge: Judge, random: Random, untilMs: number) {
    this.world = world
    this.judge = judge
    this.random = random
    this.untilMs = untilMs
  }

  get nodes(): number {
    return this.world.nodes
  }

  get leftMs(): number {
    return this.untilMs - this.world.now
  }

  /** Runs beside the others, until the run is over. */
  play(script: Script, onEnd?: () => void): void {
    const { value, done } = script.next()
    if (done) onEnd?.()
    else this.world.stage(this.world.now + value, () => this.play(script, onEnd))
  }

  /** Waits for everybody to think the same, and notes how long it took. */
  *converge(withinMs: number): Script {
    const fromMs = this.world.now
    yield* this.waitFor(() => this.judge.isAgreed(), withinMs)
    if (this.judge.isAgreed()) this.convergedMs.push(this.world.now - fromMs)
    else this.unconverged += 1
  }

  *waitFor(condition: () => boolean, withinMs: number): Script {
    const untilMs = this.world.now + withinMs
    while (!condition() && this.world.now < untilMs) yield LOOK_MS
  }

  /** So many members, drawn. */
  some(count: number): number[] {
    const nodes = Array.from({ length: this.nodes }, (_, node) => node)
    return Array.from(
      { length: count },
      () => nodes.splice(this.random.integer(0, nodes.length - 1), 1)[0] as number,
    )
  }

  /** Between the two; each doubling is as frequent as the next. */
  anyMagnitude([min, max]: readonly [min: number, max: number]): number {
    return min * (max / min) ** this.random.float()
  }

  exponentialMs(meanMs: number): number {
    return -Math.log(1 - this.random.float()) * meanMs
  }
}
