import { REASONS } from '../base/index.ts'
import type { PlacementPlan } from './plan.ts'

/** The plan in sentences: the decision, then one line for each candidate. For people; the shape may change. */
export function explain(plan: PlacementPlan): string {
  const where = plan.surface === 'none' ? 'not placed' : `${plan.nodeId} (${plan.surface})`
  const width = Math.max(0, ...plan.verdicts.map((verdict) => verdict.nodeId.length))
  const lines = plan.verdicts.map(({ nodeId, eligible, reasons }) => {
    const sentences = reasons.map((reason) => REASONS[reason]).join('; ')
    return `  ${nodeId.padEnd(width)}  ${eligible ? 'yes:' : 'no: '} ${sentences}`
  })
  return [`${where}: ${REASONS[plan.reason]}`, ...lines].join('\n')
}
