/**
 * The timeline as one page of HTML: no request leaves it, it is readable by day and night, and a reader can filter it by
 * node, by kind of event and by text. Everything that comes from the run is escaped: names and reasons of a run are
 * data, whoever wrote them.
 */
import type { Timeline, TimelineRow } from './timeline.ts'

interface PageTitle {
  readonly scenario: string
  readonly seed: number
  /** How to repeat the run. */
  readonly command: string
}

export function timelinePage(timeline: Timeline, { scenario, seed, command }: PageTitle): string {
  const title = escaped(`${scenario}, seed ${seed}`)
  const types = [...new Set(timeline.rows.map(({ type }) => type))].sort()
  const omitted = timeline.dropped === 0 ? '' : `<p>${timeline.dropped} earlier rows are not shown.</p>`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${title}</h1>
<p><code>${escaped(command)}</code></p>
<form>
<label>node <select name="node">${choices(timeline.nodes.map(({ name }) => name))}</select></label>
<label>event <select name="type">${choices(types)}</select></label>
<label>text <input name="text" type="search"></label>
<output name="shown"></output>
</form>
${omitted}<table>
<thead><tr><th>ms</th>${timeline.nodes.map(({ name }) => `<th>${escaped(name)}</th>`).join('')}<th>node</th><th>event</th></tr></thead>
<tbody>
${timeline.rows.map((row) => rowHtml(timeline, row)).join('\n')}
</tbody>
</table>
<script>${SCRIPT}</script>
</body>
</html>
`
}

function rowHtml(timeline: Timeline, row: TimelineRow): string {
  const name = escaped(timeline.nameOf(row.node))
  const lanes = row.lanes.map((lane, at) => {
    const own = timeline.nodes[at]?.peer === row.node ? ' own' : ''
    return `<td class="lane ${lane}${own}"></td>`
  })
  const missing = '<td class="lane down"></td>'.repeat(timeline.nodes.length - row.lanes.length)
  return `<tr data-node="${name}" data-type="${row.type}"><td class="time">${row.atMs.toFixed(3)}</td>${lanes.join('')}${missing}<td>${name}</td><td class="text">${escaped(row.text)}</td></tr>`
}

function choices(names: readonly string[]): string {
  const options = names.map((name) => `<option>${escaped(name)}</option>`)
  return `<option value="">all</option>${options.join('')}`
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#ddd, #333); --bad: light-dark(#fdd, #511); --lead: light-dark(#27c, #7bf); }
body { font: 13px/1.5 system-ui, sans-serif; margin: 1rem; background: Canvas; color: CanvasText; }
form { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0; }
table { border-collapse: collapse; }
th { position: sticky; top: 0; background: Canvas; text-align: left; padding: 0 .5rem; }
td { padding: 0 .5rem; border-top: 1px solid var(--line); white-space: pre-wrap; }
.time, .text, code { font-family: ui-monospace, monospace; }
.time { text-align: right; }
.lane { padding: 0; border-top: 0; min-width: 2rem; background: linear-gradient(var(--mark, transparent), var(--mark, transparent)) center / var(--width, 1px) 100% no-repeat; }
.follower { --mark: GrayText; } .candidate { --mark: orange; --width: 2px; } .leader { --mark: var(--lead); --width: 5px; }
.own { outline: 1px solid var(--line); }
tr[data-type=violation] { background: var(--bad); font-weight: bold; }
tr[data-type=phase] { font-weight: bold; }
`

const SCRIPT = `
const form = document.forms[0], rows = [...document.querySelectorAll('tbody tr')]
const filter = () => {
  const { node, type, text, shown } = form.elements
  const wanted = text.value.toLowerCase()
  let count = 0
  for (const row of rows) {
    const always = row.dataset.type === 'violation' || row.dataset.type === 'phase'
    const fits = (!node.value || row.dataset.node === node.value) && (!type.value || row.dataset.type === type.value)
    row.hidden = !((always || fits) && row.textContent.toLowerCase().includes(wanted))
    if (!row.hidden) count++
  }
  shown.value = count + ' of ' + rows.length + ' events'
}
form.addEventListener('input', filter)
form.addEventListener('submit', event => event.preventDefault())
filter()
`
