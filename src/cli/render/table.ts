import type { Colour, Paint } from './paint.ts'
import { cutText, printable, textWidth } from './text.ts'

export interface Column<Row> {
  readonly title: string
  readonly align?: 'right'
  /** `undefined` is shown as `-`. */
  cell(row: Row): string | number | undefined
  colour?(row: Row): Colour | undefined
}

const GAP = '  '
/** Cut shorter than this, the last column says nothing; then lines wrap. */
const LAST_COLUMN_WIDTH_MIN = 12

/** Aligned columns under their titles. On a terminal (`width`) the last column is cut to fit. */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  { paint, width }: { readonly paint: Paint; readonly width: number | undefined },
): string {
  const lines = [
    columns.map(({ title }) => ({ text: title, colour: 'bold' as Colour | undefined })),
    ...rows.map((row) =>
      columns.map((column) => ({
        text: printable(String(column.cell(row) ?? '-')),
        colour: column.colour?.(row),
      })),
    ),
  ]
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => textWidth(line[at]?.text ?? ''))))
  const last = columns.length - 1
  const before = widths.slice(0, last).reduce((sum, each) => sum + each + GAP.length, 0)
  const room =
    width === undefined ? Number.POSITIVE_INFINITY : Math.max(width - before, LAST_COLUMN_WIDTH_MIN)
  const rendered = lines.map((line) =>
    line
      .map(({ text, colour }, at) => {
        const shown = at === last ? cutText(text, room) : text
        const painted = colour === undefined ? shown : paint(colour, shown)
        const padding = ' '.repeat(Math.max(0, (widths[at] ?? 0) - textWidth(shown)))
        if (columns[at]?.align === 'right') return padding + painted
        return at === last ? painted : painted + padding
      })
      .join(GAP),
  )
  return `${rendered.join('\n')}\n`
}

/** Names and values in two columns. A field without value is left out. */
export function renderFields(
  fields: readonly (readonly [name: string, value: string | number | undefined, colour?: Colour])[],
  { paint }: { readonly paint: Paint },
): string {
  const shown = fields.filter(([, value]) => value !== undefined)
  const width = Math.max(...shown.map(([name]) => name.length))
  const lines = shown.map(([name, value, colour]) => {
    const text = printable(String(value))
    return `${paint('dim', name.padEnd(width))}${GAP}${colour === undefined ? text : paint(colour, text)}\n`
  })
  return lines.join('')
}
