/** The part of docs/drills.md that a run writes: every cell with what became of its task, and what may. */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { endingText, expectedOf } from './expectations.ts'
import { FAULTS } from './faults.ts'
import type { Verdict } from './judge.ts'
import { STEPS } from './steps.ts'

const PAGE = fileURLToPath(new URL('../../docs/drills.md', import.meta.url))
const MARK = '<!-- written by npm run drill -- tasks --docs -->'

export function writePage(verdicts: readonly Verdict[]): void {
  const [prose = ''] = readFileSync(PAGE, 'utf8').split(MARK)
  writeFileSync(PAGE, `${prose}${MARK}\n${tables(verdicts)}`)
}

function tables(verdicts: readonly Verdict[]): string {
  return FAULTS.map((fault) => {
    const rows = STEPS.map((step) => {
      const here = verdicts.filter((one) => one.step === step.name && one.fault === fault.name)
      const found = [...new Set(here.map(({ outcome }) => outcome))].join('; or ')
      const starts = [...new Set(here.map((one) => one.starts))].join(' or ')
      const expected = expectedOf(step, fault).map(endingText).join(' or ')
      return `| ${step.name} | ${found} | ${starts} | ${expected} |`
    })
    const head = ['| step | outcome | started | right |', '| --- | --- | --- | --- |']
    return `\n### ${fault.name[0]?.toUpperCase()}${fault.name.slice(1)}\n\n${[...head, ...rows].join('\n')}\n`
  }).join('')
}
