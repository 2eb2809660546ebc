/**
 * Aligned columns without borders. Numbers stand to the right; one column may stretch, and is cut or folded when room is short.
 * Optional columns are left out, highest rank first, before anything is cut; columns that have nothing to say always are.
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
  /** In place of cutting: the cell in lines of at most so many columns, which stand under each other. */
  fold?(row: Row, columns: number): readonly string[];
  /** May be left out when the terminal is narrow; the highest rank goes first. */
  readonly optional?: number;
  /** Colour, applied after the padding. */
  paint?(text: string, row: Row): string;
}

export interface TableOptions {
  readonly indent?: number;
  readonly header?: boolean;
  /**
   * Least columns that the stretched column must keep before optional ones go. Those that rank above the stretched column
   * itself go before it loses anything.
   */
  readonly stretchMin?: number;
}

const GAP = 2;
/** A column that is cut keeps at least this much, or it says nothing. */
const LEAST = 4;

/** Leaves out and narrows columns until they fit into `room`; changes `widths` and `shown`. */
function fit<Row>(
  columns: readonly Column<Row>[],
  widths: number[],
  shown: Set<number>,
  room: number,
  stretchMin: number,
): void {
  const stretches = (i: number) => columns[i]?.stretch === true;
  const total = (least: (i: number) => number) => [...shown].reduce((sum, i) => sum + GAP + least(i), -GAP);
  const own = (i: number) => widths[i] ?? 0;
  const dispensable = [...columns.keys()]
    .filter((i) => columns[i]?.optional)
    .sort((a, b) => (columns[b]?.optional ?? 0) - (columns[a]?.optional ?? 0));
  const stretched = columns.find((column) => column.stretch)?.optional ?? Number.POSITIVE_INFINITY;
  for (const i of dispensable) {
    const least = (columns[i]?.optional ?? 0) > stretched ? Number.POSITIVE_INFINITY : stretchMin;
    if (total((column) => (stretches(column) ? Math.min(own(column), least) : own(column))) <= room) break;
    shown.delete(i);
  }
  // What still doesn't fit is cut: the stretched column first, then whichever is widest.
  for (let over = total(own) - room; over > 0; over = total(own) - room) {
    const cuttable = [...shown].filter((i) => own(i) > LEAST);
    const widest = cuttable.find(stretches) ?? cuttable.sort((a, b) => own(b) - own(a))[0];
    if (widest === undefined) break;
    widths[widest] = Math.max(LEAST, own(widest) - over);
  }
}

export function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  style: Style,
  options: TableOptions = {},
): string[] {
  const { indent = 2, header = true, stretchMin = 16 } = options;
  const cells = columns.map((column) => rows.map((row) => column.cell(row)));
  const widths = columns.map((column, i) =>
    (cells[i] ?? []).reduce((widest, cell) => Math.max(widest, width(cell)), header ? width(column.title) : 0),
  );
  const speaks = (i: number) => rows.length === 0 || (cells[i] ?? []).some((cell) => cell !== "");
  const shown = new Set([...columns.keys()].filter(speaks));
  fit(columns, widths, shown, style.width - indent, stretchMin);
  const order = [...shown];
  const line = (text: (i: number) => string, paint: (i: number, padded: string) => string) =>
    `${" ".repeat(indent)}${order
      .map((i, place) => {
        const column = columns[i] as Column<Row>;
        const columnWidth = widths[i] as number;
        const fitted = cut(text(i), columnWidth, column.cutAt ?? "end", style.glyphs.ellipsis);
        const last = place === order.length - 1;
        const padded =
          column.align === "right" ? padStart(fitted, columnWidth) : last ? fitted : padEnd(fitted, columnWidth);
        return paint(i, padded);
      })
      .join(" ".repeat(GAP))}`.trimEnd();
  const lines = rows.flatMap((row, r) => {
    const folded = order.map((i) => {
      const cell = cells[i]?.[r] ?? "";
      return columns[i]?.fold && width(cell) > (widths[i] as number)
        ? columns[i].fold(row, widths[i] as number)
        : [cell];
    });
    const depth = Math.max(1, ...folded.map((pieces) => pieces.length));
    return Array.from({ length: depth }, (_, piece) =>
      line(
        (i) => folded[order.indexOf(i)]?.[piece] ?? "",
        (i, padded) => columns[i]?.paint?.(padded, row) ?? padded,
      ),
    );
  });
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
