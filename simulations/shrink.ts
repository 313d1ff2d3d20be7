/**
 * Makes a failing schedule small: which of its faults does the failure need? Delta debugging (Zeller and Hildebrandt, IEEE TSE
 * 2002) over the list of faults: leave out halves, quarters, eighths, as long as it still fails. A simulation is
 * deterministic for its schedule, so each question has one answer; the number of questions is bounded, because a
 * schedule that is small enough to read need not be the smallest.
 */
export interface Shrunk<Item> {
  readonly items: readonly Item[]
  /** Runs that it took. */
  readonly runs: number
}

export async function shrink<Item>(
  items: readonly Item[],
  fails: (items: readonly Item[]) => Promise<boolean>,
  runsMax: number,
): Promise<Shrunk<Item>> {
  let kept = items
  let runs = 0
  for (let parts = 2; kept.length > 0; ) {
    const size = Math.ceil(kept.length / parts)
    const smaller = await firstThatFails(chunksLeftOut(kept, size), async (candidate) => {
      if (runs >= runsMax) return false
      runs += 1
      return fails(candidate)
    })
    if (smaller !== undefined) {
      kept = smaller
      parts = Math.max(2, parts - 1)
    } else if (size === 1 || runs >= runsMax) break
    else parts = Math.min(kept.length, 2 * parts)
  }
  return { items: kept, runs }
}

/** What is left without the first chunk of `size`, without the second, and so on. */
function chunksLeftOut<Item>(items: readonly Item[], size: number): (readonly Item[])[] {
  const count = Math.ceil(items.length / size)
  return Array.from({ length: count }, (_, at) => [
    ...items.slice(0, at * size),
    ...items.slice((at + 1) * size),
  ])
}

async function firstThatFails<Candidate>(
  candidates: readonly Candidate[],
  fails: (candidate: Candidate) => Promise<boolean>,
): Promise<Candidate | undefined> {
  for (const candidate of candidates) if (await fails(candidate)) return candidate
  return undefined
}
