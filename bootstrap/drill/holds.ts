/** The drill's end of `hold.ts`: asks one node to stand still at a step, and lets it go on. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { HookName } from './hooks.ts'

type HoldState = 'armed' | 'reached' | 'released'

/** The name of the file that says so. */
export const holdFile = (step: string, state: HoldState): string => `${step.replaceAll(' ', '-')}.${state}`

export class Holds {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
    mkdirSync(folder, { recursive: true })
  }

  /** The next time that this step is reached here. */
  arm(step: HookName): void {
    this.clear()
    writeFileSync(join(this.folder, holdFile(step, 'armed')), '')
  }

  isReached(step: HookName): boolean {
    return existsSync(join(this.folder, holdFile(step, 'reached')))
  }

  release(step: HookName): void {
    writeFileSync(join(this.folder, holdFile(step, 'released')), '')
  }

  clear(): void {
    for (const name of readdirSync(this.folder)) rmSync(join(this.folder, name))
  }
}
