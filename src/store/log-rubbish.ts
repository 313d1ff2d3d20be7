interface Range {
  readonly from: number
  readonly to: number
}

/** Which entries below the base may still be stored. Usually one range; a snapshot leaves a gap behind it. */
export class LogRubbish {
  private ranges: Range[] = []

  /** @param from, to both included; above everything that is there. */
  add(from: number, to: number): void {
    const last = this.ranges.at(-1)
    if (from > to) return
    if (last !== undefined && last.to + 1 === from) this.ranges.splice(-1, 1, { from: last.from, to })
    else this.ranges.push({ from, to })
  }

  /** The `count` lowest indexes. */
  lowest(count: number): readonly number[] {
    const indexes: number[] = []
    for (const { from, to } of this.ranges)
      for (let index = from; index <= to && indexes.length < count; index += 1) indexes.push(index)
    return indexes
  }

  /** Everything up to `index` is gone. */
  removeTo(index: number): void {
    this.ranges = this.ranges
      .filter(({ to }) => to > index)
      .map(({ from, to }) => ({ from: Math.max(from, index + 1), to }))
  }
}
