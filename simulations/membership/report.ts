/** The figures as one page of HTML, with plots; no request leaves it, and it is readable by day and night. */
import { escaped, type Plot, plotSvg, type Series } from './plots.ts'
import { PROFILES } from './profiles.ts'
import { tableText, verdictText } from './summary.ts'
import { type CaseFigures, verdicts } from './targets.ts'

const LOSS = /^steady-(\d+)$/

export function reportPage(all: readonly CaseFigures[]): string {
  const plots = [
    latencyAgainstNodes(all),
    deathsAgainstLoss(all),
    suspicionsAgainstLoss(all),
    bytesAgainstNodes(all),
  ]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Membership, simulated</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Membership, simulated</h1>
<p>The core of <code>src/membership</code> under three sets of options: ${PROFILES.map(({ name, summary }, index) => `<b class="series-${index}">${escaped(name)}</b>, ${escaped(summary)}`).join('; ')}. Message loss here is harsher than what TCP makes of it.</p>
<div class="plots">
${plots
  .map(plotSvg)
  .filter((svg) => svg !== '')
  .join('\n')}
</div>
<pre>${escaped(verdicts(all).map(verdictText).join('\n'))}</pre>
<pre>${escaped(tableText(all))}</pre>
</body>
</html>
`
}

function latencyAgainstNodes(all: readonly CaseFigures[]): Plot {
  const crashes = all.filter(({ name }) => name === 'crash-silent')
  return {
    title: 'A machine loses its power: everybody knows after … (median)',
    xLabel: 'members',
    yLabel: 'seconds',
    isLogX: true,
    isLogY: false,
    series: byProfile(crashes, ({ nodes, everywhereMs }) => [nodes, (everywhereMs?.p50 ?? 0) / 1000]),
    limits: [
      [10, 6],
      [100, 10],
      [1000, 14],
    ],
  }
}

function deathsAgainstLoss(all: readonly CaseFigures[]): Plot {
  return {
    title: 'Healthy members taken for dead',
    xLabel: 'messages lost, %',
    yLabel: 'per member-hour',
    isLogX: false,
    isLogY: true,
    series: byProfile(steady(all), ({ name, falseDeathsPerMemberHour }) => [
      lossOf(name),
      falseDeathsPerMemberHour,
    ]),
  }
}

function suspicionsAgainstLoss(all: readonly CaseFigures[]): Plot {
  return {
    title: 'Healthy members suspected',
    xLabel: 'messages lost, %',
    yLabel: 'per member-hour',
    isLogX: false,
    isLogY: true,
    series: byProfile(steady(all), ({ name, falseSuspicionsPerMemberHour }) => [
      lossOf(name),
      falseSuspicionsPerMemberHour,
    ]),
  }
}

function bytesAgainstNodes(all: readonly CaseFigures[]): Plot {
  const calm = all.filter(({ name }) => name === 'steady-0')
  return {
    title: 'Payload that a member sends',
    xLabel: 'members',
    yLabel: 'bytes per second',
    isLogX: true,
    isLogY: false,
    series: byProfile(calm, ({ nodes, payloadBytesPerNodeSecond }) => [nodes, payloadBytesPerNodeSecond]),
    limits: [
      [10, 1500],
      [1000, 1500],
    ],
  }
}

/** Of the largest mesh that was simulated: one line per profile. */
function steady(all: readonly CaseFigures[]): readonly CaseFigures[] {
  const cases = all.filter(({ name }) => LOSS.test(name))
  const most = Math.max(...cases.map(({ nodes }) => nodes))
  return cases.filter(({ nodes }) => nodes === most)
}

const lossOf = (name: string): number => Number(LOSS.exec(name)?.[1])

function byProfile(
  all: readonly CaseFigures[],
  point: (one: CaseFigures) => readonly [number, number],
): Series[] {
  return PROFILES.map(({ name }) => ({
    name,
    points: all
      .filter(({ profile }) => profile === name)
      .map(point)
      .sort(([a], [b]) => a - b),
  }))
}

const STYLE = `
:root { color-scheme: light dark; --grid: #8884; --c0: #0a7; --c1: #c33; --c2: #36c; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1200px; padding: 0 1rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(460px, 1fr)); gap: 1rem; }
pre { overflow-x: auto; font-size: 12px; }
svg { width: 100%; height: auto; font: 11px system-ui, sans-serif; fill: currentColor; }
svg .title { font-weight: 600; font-size: 13px; }
svg polyline { fill: none; stroke-width: 2; }
svg .grid { stroke: var(--grid); }
svg .limit { stroke: currentColor; stroke-dasharray: 5 4; stroke-width: 1; opacity: .6; }
${[0, 1, 2].map((index) => `svg .series-${index} { fill: var(--c${index}); stroke: var(--c${index}); } svg .series-${index} text, svg .series-${index} circle { stroke: none; } b.series-${index} { color: var(--c${index}); }`).join('\n')}
`
