/**
 * Aligned columns without borders. Numbers stand to the right; one column may stretch and is cut when room is short;
 * optional columns are left out, highest rank first, before anything is cut.
 */
import type { Style } from "../terminal.ts";
import { cut, padEnd, padStart, width } from "./text.ts";

export interface Column<Row> {
  readonly title: string;
  cell(row: Row): string;
  readonly align?: "left" | "right";
  /** Takes what room is left, and is cut where there is none. */
  readonly stretch?: boolean;
  /** Where a stretched column loses its text: names lose their middle, words their end. */
  readonly cutAt?: "middle" | "end";
  /** May be left out when the terminal is narrow; the highest rank goes first. */
  readonly optional?: number;
  /** Colour, applied after the padding. */
  paint?(text: string, row: Row): string;
}

export interface TableOptions {
  readonly indent?: number;
  readonly header?: boolean;
  /** Least columns that the stretched column must keep before optional ones go. */
  readonly stretchMin?: number;
}

const GAP = 2;

export function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  style: Style,
  options: TableOptions = {},
): string[] {
  const { indent = 2, header = true, stretchMin = 16 } = options;
  const cells = columns.map((column) => rows.map((row) => column.cell(row)));
  const widths = columns.map((column, i) =>
    Math.max(header ? width(column.title) : 0, ...(cells[i] as string[]).map(width)),
  );
  const shown = new Set(columns.keys());
  const need = () => {
    let sum = indent - GAP;
    for (const i of shown)
      sum += GAP + (columns[i]?.stretch ? Math.min(widths[i] as number, stretchMin) : (widths[i] as number));
    return sum;
  };
  const dispensable = [...columns.keys()]
    .filter((i) => columns[i]?.optional)
    .sort((a, b) => (columns[b]?.optional ?? 0) - (columns[a]?.optional ?? 0));
  for (const i of dispensable) {
    if (need() <= style.width) break;
    shown.delete(i);
  }
  const stretched = columns.findIndex((column, i) => column.stretch && shown.has(i));
  if (stretched >= 0) {
    let others = indent - GAP;
    for (const i of shown) others += GAP + (i === stretched ? 0 : (widths[i] as number));
    widths[stretched] = Math.max(4, Math.min(widths[stretched] as number, style.width - others));
  }
  const order = [...shown];
  const line = (text: (i: number) => string, paint: (i: number, padded: string) => string) =>
    `${" ".repeat(indent)}${order
      .map((i, place) => {
        const column = columns[i] as Column<Row>;
        const columnWidth = widths[i] as number;
        const fitted = cut(text(i), columnWidth, column.cutAt ?? "end");
        const last = place === order.length - 1;
        const padded =
          column.align === "right" ? padStart(fitted, columnWidth) : last ? fitted : padEnd(fitted, columnWidth);
        return paint(i, padded);
      })
      .join(" ".repeat(GAP))}`.trimEnd();
  const lines = rows.map((row, r) =>
    line(
      (i) => cells[i]?.[r] ?? "",
      (i, padded) => columns[i]?.paint?.(padded, row) ?? padded,
    ),
  );
  if (header)
    lines.unshift(
      style.color.dim(
        line(
          (i) => columns[i]?.title ?? "",
          (_, padded) => padded,
        ),
      ),
    );
  return lines;
}
