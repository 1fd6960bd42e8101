// Tables for a terminal: columns as wide as their widest cell, numbers to the right. Plain text, no colours.

export interface Column {
  readonly head: string
  readonly align?: 'left' | 'right'
}

/** Rows of cells under heads; a missing cell is empty. Ends without a line break. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map(({ head }) => head), ...rows]
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => width(line[index] ?? ''))))
  const format = (line: readonly string[]): string =>
    columns
      .map(({ align }, index) => {
        const cell = line[index] ?? ''
        const space = ' '.repeat((widths[index] ?? 0) - width(cell))
        return align === 'right' ? space + cell : cell + space
      })
      .join('  ')
      .trimEnd()
  const rule = widths.map((count) => '─'.repeat(count)).join('  ')
  const [head = [], ...body] = lines
  return [format(head), rule, ...body.map(format)].join('\n')
}

/** `label   value` lines. */
export function formatFacts(facts: readonly (readonly [label: string, value: string])[]): string {
  const widest = Math.max(...facts.map(([label]) => width(label)))
  return facts.map(([label, value]) => `${label}${' '.repeat(widest - width(label))}  ${value}`).join('\n')
}

/** Code points; good enough for the names and units that stand here. */
const width = (text: string): number => [...text].length
