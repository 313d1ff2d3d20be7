/** Runs cells on one mesh after another cell, and several meshes beside each other. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { runCell } from './cell.ts'
import { DrillMesh } from './drill-mesh.ts'
import type { Fault } from './faults.ts'
import { judge, type Verdict } from './judge.ts'
import type { Step } from './steps.ts'

/**
 * A machine that has other work loses a lease now and then, or is too late for a step: a cell in which every promise was kept, and only the
 * end was another one, is played again.
 */
const TURNS_MAX = 3

export interface CellPlan {
  readonly step: Step
  readonly fault: Fault
}

interface RunInit {
  readonly cells: readonly CellPlan[]
  readonly folder: string
  readonly lanes: number
  readonly ttlMs: number
  readonly isIsolated: boolean
  readonly onVerdict: (verdict: Verdict) => void
}

/** @returns in the order of `cells`. */
export async function runCells(init: RunInit): Promise<readonly Verdict[]> {
  const waiting = init.cells.map((plan, index) => ({ ...plan, index }))
  const verdicts: Verdict[] = []
  const lanes = Math.min(init.lanes, waiting.length)
  await Promise.all(
    Array.from({ length: lanes }, async (_, index) => {
      const lane = new Lane(init, index)
      try {
        for (let cell = waiting.shift(); cell !== undefined; cell = waiting.shift()) {
          const verdict = await lane.run(cell, cell.index)
          verdicts[cell.index] = verdict
          init.onVerdict(verdict)
        }
      } finally {
        await lane.end()
      }
    }),
  )
  return verdicts
}

/** One mesh at a time. */
class Lane {
  private readonly init: RunInit
  private readonly number: number
  private meshes = 0
  private mesh: DrillMesh | undefined

  constructor(init: RunInit, number: number) {
    this.init = init
    this.number = number
  }

  /** Until the task ends as expected. A broken promise is final. */
  async run(plan: CellPlan, index: number): Promise<Verdict> {
    for (let turn = 1; ; turn += 1) {
      const folder = join(this.init.folder, `cell-${index}-${turn}`)
      mkdirSync(folder, { recursive: true })
      const verdict = { ...(await this.try(plan, folder)), turns: turn }
      if (verdict.ok || !verdict.keepsPromises || turn === TURNS_MAX) return verdict
    }
  }

  async end(): Promise<void> {
    await this.mesh?.end()
    this.mesh = undefined
  }

  private async try(plan: CellPlan, folder: string): Promise<Verdict> {
    try {
      this.mesh ??= await this.form()
      return judge(await runCell({ ...plan, mesh: this.mesh, ttlMs: this.init.ttlMs, folder }))
    } catch (thrown) {
      // What state it is in nobody knows: the next turn gets another one.
      await this.end()
      return notCarriedOut(plan, thrown)
    }
  }

  private form(): Promise<DrillMesh> {
    const { folder, ttlMs, isIsolated } = this.init
    this.meshes += 1
    const own = join(folder, `mesh-${this.number}-${this.meshes}`)
    mkdirSync(own, { recursive: true })
    return DrillMesh.form({ folder: own, lane: this.number, ttlMs, isIsolated })
  }
}

function notCarriedOut({ step, fault }: CellPlan, thrown: unknown): Verdict {
  const why = thrown instanceof Error ? thrown.message : String(thrown)
  return {
    step: step.name,
    fault: fault.name,
    outcome: 'not carried out',
    starts: 0,
    finalResults: 0,
    ok: false,
    // As far as anybody saw.
    keepsPromises: true,
    turns: 1,
    violations: [why],
    tookMs: 0,
  }
}
