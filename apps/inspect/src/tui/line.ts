/**
 * What a screen is made of: lines of spans, plain values without a terminal. A span carries what it means (a bucket, a warning), and
 * only the last step turns that into colour; so a screen can be tested, copied as text and read aloud as it is.
 */
import type { Bucket } from "@checkpoint-inspect/analysis";

import { cut, padEnd, width } from "../views/text.ts";

/** Meanings that have a colour of the terminal's own sixteen; each also stands in words or marks. */
export type Tone = "accent" | "ok" | "warn" | "bad" | "plan" | `bucket.${Bucket}`;

export interface Span {
  readonly text: string;
  readonly tone?: Tone;
  readonly dim?: boolean;
  readonly bold?: boolean;
  readonly inverse?: boolean;
}

export type Line = readonly Span[];

export type Piece = Span | string;

export function line(...pieces: readonly Piece[]): Line {
  return pieces.map((piece) => (typeof piece === "string" ? { text: piece } : piece)).filter(({ text }) => text !== "");
}

export function dim(text: string): Span {
  return { text, dim: true };
}

export function bold(text: string): Span {
  return { text, bold: true };
}

export function toned(text: string, tone: Tone): Span {
  return { text, tone };
}

export function inverse(text: string): Span {
  return { text, inverse: true };
}

export function lineText(spans: Line): string {
  return spans.map(({ text }) => text).join("");
}

export function lineWidth(spans: Line): number {
  return spans.reduce((sum, { text }) => sum + width(text), 0);
}

/** A line of exactly so many columns: cut with an ellipsis, or filled with blanks. */
export function fitLine(spans: Line, columns: number, ellipsis = "\u2026"): Line {
  let left = columns;
  const fitted: Span[] = [];
  for (const [i, span] of spans.entries()) {
    const own = width(span.text);
    const isLast = i === spans.length - 1;
    if (own < left || (own === left && isLast)) {
      fitted.push(span);
      left -= own;
      continue;
    }
    // What comes behind is lost too, so there is a mark even where this span would just have fitted.
    const rest = spans.slice(i + 1).some(({ text }) => text.trim() !== "");
    if (left > 0) {
      const text =
        own > left
          ? cut(span.text, left, "end", ellipsis)
          : rest
            ? cut(`${span.text} `, left, "end", ellipsis)
            : span.text;
      fitted.push({ ...span, text });
      left -= width(text);
    }
    break;
  }
  if (left > 0) fitted.push({ text: " ".repeat(left) });
  return fitted;
}

/** Both ends of a line; the right one goes where there isn't room for both. */
export function ends(left: Line, right: Line, columns: number): Line {
  const gap = columns - lineWidth(left) - lineWidth(right);
  return gap >= 1 ? [...left, { text: " ".repeat(gap) }, ...right] : left;
}

/** Blocks of lines beside each other, each as wide as it says. */
export function beside(blocks: readonly { readonly lines: readonly Line[]; readonly columns: number }[]): Line[] {
  const rows = Math.max(0, ...blocks.map(({ lines }) => lines.length));
  return Array.from({ length: rows }, (_, row) =>
    blocks.flatMap(({ lines, columns }) => fitLine(lines[row] ?? [], columns)),
  );
}

/** Pads text to columns; for cells. */
export function cell(text: string, columns: number, align: "left" | "right" = "left"): string {
  const fitted = cut(text, columns);
  return align === "left" ? padEnd(fitted, columns) : " ".repeat(Math.max(0, columns - width(fitted))) + fitted;
}

/** SGR codes that our own views write, and what they mean. */
const CODES: Readonly<Record<string, Partial<Span> | "reset">> = {
  "0": "reset",
  "1": { bold: true },
  "2": { dim: true },
  "22": { bold: false, dim: false },
  "31": { tone: "bad" },
  "32": { tone: "ok" },
  "33": { tone: "warn" },
  "34": { tone: "bucket.attention" },
  "35": { tone: "bucket.expert" },
  "36": { tone: "accent" },
  "90": { dim: true },
  "92": { tone: "bucket.vision" },
  "95": { tone: "bucket.audio" },
  "96": { tone: "bucket.position" },
};

/** Text of one of the other views, with the colours that it has, as lines. */
export function linesOf(text: string): Line[] {
  return text.split("\n").map((row) => {
    const spans: Span[] = [];
    let style: Omit<Span, "text"> = {};
    for (const [i, piece] of row.split(/\u001b\[([\d;]*)m/).entries()) {
      if (i % 2 === 0) {
        if (piece !== "") spans.push({ text: piece, ...style });
      } else for (const code of piece.split(";")) style = after(style, code);
    }
    return spans;
  });
}

function after(style: Omit<Span, "text">, code: string): Omit<Span, "text"> {
  const { tone: _, ...toneless } = style;
  if (code === "39") {
    const { dim: __, ...plain } = toneless;
    return plain;
  }
  const change = CODES[code];
  if (change === "reset" || change === undefined) return {};
  return { ...style, ...change } as Omit<Span, "text">;
}
