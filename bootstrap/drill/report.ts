/**
 * The part of docs/drills.md that runs write: every cell with what became of its task, and what may. A run of a part of the table changes
 * the lines of that part.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { present } from '../../src/base/index.ts'
import { endingText, expectedOf } from './expectations.ts'
import { FAULTS, type Fault } from './faults.ts'
import type { Verdict } from './judge.ts'
import { STEPS, type Step } from './steps.ts'

const PAGE = fileURLToPath(new URL('../../docs/drills.md', import.meta.url))
const MARK = '<!-- written by npm run drill -- tasks --docs -->'
const HEAD = '| step | outcome | started | right |\n| --- | --- | --- | --- |'

export function writePage(verdicts: readonly Verdict[]): void {
  const [prose = '', before = ''] = readFileSync(PAGE, 'utf8').split(MARK)
  writeFileSync(PAGE, `${prose}${MARK}\n${tables(before, verdicts)}`)
}

/** @param before the same part of the page as it was. */
export function tables(before: string, verdicts: readonly Verdict[]): string {
  return FAULTS.map((fault) => {
    const old = before.split('### ').find((section) => section.startsWith(`${titleOf(fault)}\n`))
    const rows = STEPS.map((step) => {
      const now = verdicts.filter((one) => one.step === step.name && one.fault === fault.name)
      const cells = now.length > 0 ? cellsOf(now) : cellsIn(old, step)
      return `| ${step.name} | ${cells} | ${expectedOf(step, fault).map(endingText).join(' or ')} |`
    })
    return `\n### ${titleOf(fault)}\n\n${HEAD}\n${rows.join('\n')}\n`
  }).join('')
}

const titleOf = ({ name }: Fault): string => `${present(name[0], 'a name').toUpperCase()}${name.slice(1)}`

/** Outcome and number of processes, each once. */
function cellsOf(verdicts: readonly Verdict[]): string {
  const outcomes = new Set(verdicts.map(({ outcome }) => outcome))
  const starts = new Set(verdicts.map((one) => one.starts))
  return `${[...outcomes].join('; or ')} | ${[...starts].join(' or ')}`
}

function cellsIn(section: string | undefined, { name }: Step): string {
  const line = section?.split('\n').find((one) => one.startsWith(`| ${name} |`))
  const [, , outcome, starts] = line?.split('|') ?? []
  return outcome === undefined || starts === undefined ? ' | ' : `${outcome.trim()} | ${starts.trim()}`
}
