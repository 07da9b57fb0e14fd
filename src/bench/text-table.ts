export interface TextColumn<Row> {
  /** Two lines; the upper one may stand for several columns. */
  readonly head: readonly [upper: string, lower: string];
  readonly cell: (row: Row) => string;
  /** Texts stand at the left, figures at the right. */
  readonly text?: true;
}

/** Lines of a table for people. */
export function textTable<Row>(columns: readonly TextColumn<Row>[], rows: readonly Row[]): readonly string[] {
  const cells = [
    columns.map(({ head }) => head[0]),
    columns.map(({ head }) => head[1]),
    ...rows.map((row) => columns.map(({ cell }) => cell(row))),
  ];
  const widths = columns.map((_, at) => Math.max(...cells.map((line) => line[at]?.length ?? 0)));
  return cells.map((line) =>
    line
      .map((cell, at) => {
        const width = widths[at] ?? 0;
        return columns[at]?.text === true ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ")
      .trimEnd(),
  );
}

/** With three digits that count; nothing for what was not measured. */
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined) return "";
  if (value >= 100) return Math.round(value).toLocaleString("en-GB");
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
