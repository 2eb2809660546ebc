/** Rows of a label, a figure and what to know about it; the words wrap under themselves and are never cut. */
import type { Style } from "../terminal.ts";
import { cut, padEnd, padStart, width, wrap } from "./text.ts";

export type Row = readonly [label: string, figure: string, words: string];

const GAP = 2;
/** Words in a column narrower than this read as a list of syllables: they go on lines of their own. */
const LEAST_WORDS = 24;

export function rowLines(rows: readonly Row[], style: Style): string[] {
  const widest = (column: 0 | 1) => Math.max(...rows.map((row) => width(row[column])));
  const [labels, figures] = [widest(0), widest(1)];
  const indent = labels + GAP + figures + GAP;
  const room = style.width - indent;
  return rows.flatMap(([label, figure, words]) => {
    const head = `${style.color.bold(padEnd(label, labels))}  ${padStart(figure, figures)}`;
    if (room < LEAST_WORDS) {
      const first = label === "" && figure === "" ? [] : [head.trimEnd()];
      return [...first, ...lines(words, style.width - GAP).map((line) => style.color.dim(`  ${line}`))];
    }
    const [first = "", ...more] = lines(words, room);
    return [
      `${head}  ${style.color.dim(first)}`.trimEnd(),
      ...more.map((line) => style.color.dim(" ".repeat(indent) + line)),
    ];
  });

  /** A word longer than the line (a tensor's name) loses its middle. */
  function lines(words: string, columns: number): string[] {
    return wrap(words, columns).map((line) => cut(line, columns, "middle", style.glyphs.ellipsis));
  }
}
