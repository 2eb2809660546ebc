/** Overview: what it is, where its parameters are, and which key leads to the rest. */
import {
  bucketTag,
  findTerm,
  formatBytes,
  formatCount,
  formatShare,
  ownNumbers,
  type ReportBucket,
} from "@checkpoint-inspect/analysis";

import { apportion } from "../../views/bars.ts";
import { explainView } from "../../views/explain.ts";
import { overview } from "../../views/overview.ts";
import type { CommandId } from "../keymap.ts";
import { letter, letterOf } from "../letters.ts";
import { bold, cell, dim, ends, type Line, line, linesOf, type Span, toned } from "../line.ts";
import { type Context, inSight, moved, type Screen, type Step } from "../screen.ts";
import { screenStyle, textStyle, viewLines } from "../text-screen.ts";

interface OverviewState {
  /** A bucket, or a line of what stands below them. */
  readonly cursor: number;
  readonly offset: number;
}

export const overviewScreen: Screen<OverviewState> = {
  id: "overview",
  title: "Overview",
  initial: { cursor: 0, offset: 0 },
  view,
  act,
  why: ({ cursor }, { subject, ascii }) => {
    const { buckets } = subject.report;
    const bucket = buckets[cursor]?.bucket;
    const term = (bucket && (findTerm(bucket) ?? findTerm(TERMS[bucket] ?? ""))) ?? findTerm("parameter");
    return {
      title: term?.title ?? "Parameters",
      lines: ({ columns }) =>
        term
          ? viewLines(
              (style) => explainView(term, style, { report: subject.report, own: ownNumbers(term, subject.report) }),
              columns,
              ascii,
            )
          : [],
    };
  },
  row({ cursor }, { subject }) {
    const row = subject.report.buckets[cursor];
    return row ? `${row.bucket}: ${row.parameters} parameters, ${row.bytes} bytes` : subject.report.source.label;
  },
  text: (_, { subject, ascii }) => overview(subject.report, textStyle(ascii)),
  json: (_, { subject }) => subject.report,
};

/** What the guide calls a bucket, where it isn't the bucket's own name. */
const TERMS: Readonly<Record<string, string>> = { expert: "moe", head: "output head", position: "rope", mtp: "mtp" };

/** From so many columns on, the words fit. */
const WORDS_FROM = 80;

/** The text view's section that the table here takes the place of, and the hint at commands of the shell. */
const REPLACED = /^(?:Where the parameters are|More: )/;

interface Parts {
  readonly above: readonly Line[];
  readonly table: readonly Line[];
  readonly below: readonly Line[];
}

function partsOf(cursor: number, context: Context): Parts {
  const { subject, size, ascii } = context;
  const { report } = subject;
  const style = screenStyle(Math.max(40, size.columns), ascii);
  const [, facts = "", ...sections] = overview(report, style)
    .split("\n\n")
    .filter((section) => !REPLACED.test(plain(section)));
  const findings = report.findings.length;
  const leads = line(
    dim("  keys: "),
    ...(
      [
        ["2", "layers"],
        ["3", "tensors"],
        ["4", "storage"],
        ["5", "what fits"],
        ["9", findings === 0 ? "no findings" : `${findings} findings`],
      ] as const
    ).flatMap(([key, words]): Span[] => [toned(key, "accent"), dim(` ${words}  `)]),
  );
  const tableHead = ends(
    line(bold("Where the parameters are")),
    line(dim(`${UNITS[context.shared.unit]}; Enter: its tensors`)),
    size.columns,
  );
  return {
    above: [...linesOf(facts), leads, [], tableHead, stackLine(report.buckets, context)],
    table: report.buckets.map((row, i) => bucketLine(row, i === cursor, context)),
    below: [[], ...linesOf(sections.join("\n\n"))],
  };
}

/** Without colour codes. */
function plain(text: string): string {
  return linesOf(text.split("\n")[0] ?? "")
    .flat()
    .map(({ text: piece }) => piece)
    .join("");
}

const UNITS = { bytes: "by bytes", parameters: "by parameters", bits: "bits per weight" } as const;

/** All of it as one line of letters. */
function stackLine(buckets: readonly ReportBucket[], { size, shared }: Context): Line {
  const amounts = buckets.map((row) => amountOf(row, shared.unit));
  const cells = apportion(amounts, Math.max(1, size.columns - 4));
  return line(
    "  ",
    ...buckets.map(({ bucket }, i): Span => toned(letterOf(bucket).repeat(cells[i] ?? 0), `bucket.${bucket}`)),
  );
}

/** Shares are of parameters or of bytes; bits per weight are no share of anything. */
function amountOf({ parameters, bytes }: ReportBucket, unit: Context["shared"]["unit"]): number {
  return unit === "bytes" ? bytes : parameters;
}

function bucketLine(row: ReportBucket, isHere: boolean, { subject, size, shared, ascii }: Context): Line {
  const { report } = subject;
  const { bucket, parameters, bytes } = row;
  const total = report.buckets.reduce((sum, one) => sum + amountOf(one, shared.unit), 0);
  const share = amountOf(row, shared.unit) / (total || 1);
  const room = Math.max(6, Math.min(40, size.columns - 70));
  const full = ascii ? "#" : "\u2588";
  const cells = share > 0 ? Math.max(1, Math.round(share * room)) : 0;
  // The words in full at 80 columns.
  const wide = shared.unit === "bits" || size.columns >= 100;
  const bits = parameters > 0 ? `${((8 * bytes) / parameters).toFixed(2)} bits` : "";
  const spans = line(
    isHere ? (ascii ? "> " : "\u25b8 ") : "  ",
    letter(bucket),
    ` ${cell(bucket, 10)} `,
    toned(cell(full.repeat(cells), room), `bucket.${bucket}`),
    cell(formatCount(parameters), 7, "right"),
    cell(formatBytes(bytes), 9, "right"),
    cell(shared.unit === "bits" ? bits : formatShare(share), wide ? 11 : 7, "right"),
    dim(size.columns < WORDS_FROM ? "" : ` ${bucketTag(bucket, report.model.kind, row.parts)}`),
  );
  return isHere ? spans.map((span) => ({ ...span, inverse: true })) : spans;
}

/** The line that the cursor stands on: the table and what is below it are one list. */
function lineAt(cursor: number, { above }: Parts): number {
  return above.length + cursor;
}

function view({ cursor, offset }: OverviewState, context: Context): readonly Line[] {
  const parts = partsOf(cursor, context);
  const all = [...parts.above, ...parts.table, ...parts.below];
  const { rows } = context.size;
  const at = lineAt(cursor, parts);
  // On the first bucket all that stands above is in sight.
  const first = cursor === 0 ? 0 : inSight({ cursor: at, offset }, all.length, rows).offset;
  return all.slice(first, first + rows);
}

function act({ cursor, offset }: OverviewState, command: CommandId, context: Context): Step<OverviewState> | undefined {
  const { buckets } = context.subject.report;
  const parts = partsOf(cursor, context);
  const count = parts.table.length + parts.below.length;
  const window = moved({ cursor, offset: 0 }, command, count, context.size.rows);
  if (window) {
    const next = inSight(
      { cursor: lineAt(window.cursor, parts), offset },
      parts.above.length + count,
      context.size.rows,
    );
    return { own: { cursor: window.cursor, offset: window.cursor === 0 ? 0 : next.offset } };
  }
  if (command !== "enter") return undefined;
  const row = buckets[cursor];
  if (!row) return { toast: "Enter on a bucket shows its tensors; 2 to 9 lead on" };
  return {
    go: "tensors",
    shared: { bucket: null, filters: { ...context.shared.filters, tensors: `bucket:${row.bucket}` } },
  };
}
