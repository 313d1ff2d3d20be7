/** Runs cells on one mesh after another cell, and several meshes beside each other. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { runCell } from './cell.ts'
import { DrillMesh } from './drill-mesh.ts'
import type { Fault } from './faults.ts'
import { judge, type Verdict } from './judge.ts'
import type { Step } from './steps.ts'

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

  async run(plan: CellPlan, index: number): Promise<Verdict> {
    const folder = join(this.init.folder, `cell-${index}`)
    mkdirSync(folder, { recursive: true })
    try {
      this.mesh ??= await this.form()
      const verdict = judge(await runCell({ ...plan, mesh: this.mesh, ttlMs: this.init.ttlMs, folder }))
      return verdict
    } catch (thrown) {
      // What state it is in nobody knows: the next cell gets another one.
      await this.end()
      return broken(plan, thrown)
    }
  }

  async end(): Promise<void> {
    await this.mesh?.end()
    this.mesh = undefined
  }

  private form(): Promise<DrillMesh> {
    const { folder, ttlMs, isIsolated } = this.init
    this.meshes += 1
    const own = join(folder, `mesh-${this.number}-${this.meshes}`)
    mkdirSync(own, { recursive: true })
    return DrillMesh.form({ folder: own, lane: this.number, ttlMs, isIsolated })
  }
}

function broken({ step, fault }: CellPlan, thrown: unknown): Verdict {
  const why = thrown instanceof Error ? thrown.message : String(thrown)
  return {
    step: step.name,
    fault: fault.name,
    outcome: 'not carried out',
    starts: 0,
    finalResults: 0,
    ok: false,
    violations: [why],
    tookMs: 0,
  }
}
