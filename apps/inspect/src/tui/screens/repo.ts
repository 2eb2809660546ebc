/** Repository: the checkpoints of a Hub repo or a folder; open one, mark two. */
import { fileTypeWords, formatBytes, formatExact, plural } from "@checkpoint-inspect/analysis";

import { cut, safe, wrap } from "../../views/text.ts";
import type { CollectionRow } from "../collection.ts";
import type { CommandId } from "../keymap.ts";
import { beside, bold, cell, dim, ends, type Line, line, lineText, toned } from "../line.ts";
import { type Common, inSight, moved, type Screen, type Step, TOP, type Window } from "../screen.ts";

interface RepoState {
  readonly window: Window;
  readonly order: Order;
  readonly reverse: boolean;
}

const ORDERS = ["listed", "size", "name"] as const;
type Order = (typeof ORDERS)[number];

/** Beside the list from so many columns on. */
const SIDE = { from: 110, columns: 40 };

const ALONE =
  "This is a checkpoint alone. Open a folder with several, a file that lies beside others, or a Hugging Face repo (inspect -i org/name), and they are listed here: Enter opens one, m marks two for the diff.";

export const repoScreen: Screen<RepoState, Common> = {
  id: "repo",
  title: "Repository",
  initial: { window: TOP, order: "listed", reverse: false },
  view,
  act,
  arrive(own, context) {
    const rows = rowsOf(own, context);
    const at = own.window === TOP ? rows.findIndex(({ target }) => target === context.target) : -1;
    return { ...own, window: inSight(at > 0 ? { cursor: at, offset: 0 } : own.window, rows.length, listRows(context)) };
  },
  why(own, context) {
    const row = here(own, context);
    return {
      title: row ? safe(row.name) : "Repository",
      lines: ({ columns }) => {
        const text = (words: string): Line[] => wrap(words, Math.min(90, columns - 2)).map((one) => line(one));
        if (!row) return text(ALONE);
        const words = row.quant === null ? undefined : fileTypeWords(row.quant);
        return [
          ...(row.quant === null
            ? []
            : text(`${safe(row.quant)}: ${words ?? "a label that this version has no words for"}.`)),
          ...text(`${formatExact(row.sizeBytes)} bytes in ${plural(row.parts, "file")}.`),
          ...(row.bits === null
            ? text("Its bits per weight are known when it is opened.")
            : text(
                row.bits.exact
                  ? `${row.bits.bitsPerWeight.toFixed(2)} bits per weight, measured: 8 x bytes of weights / parameters.`
                  : `About ${row.bits.bitsPerWeight.toFixed(2)} bits per weight, an estimate: 8 x (its size - the header of the one that was read) / the parameters of the one that was read.`,
              )),
        ];
      },
    };
  },
  row: (own, context) => here(own, context)?.target ?? "",
  text: (own, context) =>
    view(own, { ...context, size: { columns: 100, rows: rowsOf(own, context).length + 4 } })
      .map((spans) => lineText(spans).trimEnd())
      .join("\n"),
  json: (_, { collection, target }) => ({ schemaVersion: 1, target, repository: collection }),
};

function rowsOf({ order, reverse }: RepoState, { collection, shared }: Common): readonly CollectionRow[] {
  const filter = (shared.filters.repo ?? "").toLowerCase();
  const rows = (collection?.rows ?? []).filter(({ name, quant }) =>
    `${name} ${quant ?? ""}`.toLowerCase().includes(filter),
  );
  if (order === "size") rows.sort((a, b) => b.sizeBytes - a.sizeBytes);
  if (order === "name") rows.sort((a, b) => (a.name < b.name ? -1 : 1));
  return reverse ? rows.reverse() : rows;
}

/** Of a repo that was asked for as a whole, the one that was measured. */
function isOpen({ target, bits }: CollectionRow, context: Common): boolean {
  const isNamed = context.collection?.rows.some((row) => row.target === context.target);
  return isNamed ? target === context.target : (bits?.exact ?? false);
}

function here(own: RepoState, context: Common): CollectionRow | undefined {
  return rowsOf(own, context)[own.window.cursor];
}

function listRows({ size }: Common): number {
  return Math.max(1, size.rows - 3);
}

function view(own: RepoState, context: Common): readonly Line[] {
  const { collection, size, ascii, shared } = context;
  if (!collection) return [[], ...wrap(ALONE, Math.min(90, size.columns - 4)).map((text) => line("  ", text))];
  const rows = rowsOf(own, context);
  const { cursor, offset } = inSight(own.window, rows.length, listRows(context));
  const side = size.columns >= SIDE.from ? SIDE.columns : 0;
  const columns = size.columns - side - (side > 0 ? 2 : 0);
  const filter = shared.filters.repo ?? "";
  const head = ends(
    line(
      bold(cut(safe(collection.title), Math.max(10, columns - 40), "middle")),
      ...(filter === "" ? [] : [dim("  filter: "), toned(safe(filter), "accent")]),
    ),
    line(
      dim(
        `${plural(collection.rows.length, "checkpoint")}, ${formatBytes(collection.rows.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))}`,
      ),
    ),
    size.columns,
  );
  const most = Math.max(4, ...rows.map(({ name }) => name.length));
  const name = Math.min(most, Math.max(16, columns - 2 - 2 - 11 - 13 - 8 - 20));
  const title = line(
    dim(
      `    ${cell("checkpoint", name)}${cell(`size${own.order === "size" ? (ascii ? "v" : "\u25be") : ""}`, 11, "right")}${cell("bits/weight", 13, "right")}${cell("files", 8, "right")}`,
    ),
  );
  const list = rows.slice(offset, offset + listRows(context)).map((row, i) => {
    const isHere = offset + i === cursor;
    const mark = isHere ? (ascii ? "> " : "\u25b8 ") : "  ";
    const marked = shared.marks.includes(row.target) ? "* " : "  ";
    const bits =
      row.bits === null ? "" : `${row.bits.exact ? "" : ascii ? "~" : "\u2248"}${row.bits.bitsPerWeight.toFixed(2)}`;
    const spans = line(
      mark,
      toned(marked, "warn"),
      cell(safe(row.name), name),
      cell(formatBytes(row.sizeBytes), 11, "right"),
      cell(bits, 13, "right"),
      cell(String(row.parts), 8, "right"),
      "  ",
      toned(isOpen(row, context) ? "open" : "", "ok"),
      dim(row.words === "" ? "" : ` ${safe(row.words)}`),
    );
    return isHere ? spans.map((span) => ({ ...span, inverse: true })) : spans;
  });
  const body = [
    title,
    ...list,
    ...(rows.length === 0 ? [line(dim("  no name has that in it; Esc clears the filter"))] : []),
  ];
  const marks =
    shared.marks.length === 0
      ? "Enter opens one; m marks two for the diff"
      : `marked for the diff: ${shared.marks.length} of 2`;
  const notes = [...collection.notes, marks].flatMap((note) =>
    wrap(safe(note), Math.max(20, side - 2)).map((text) => line(dim(text))),
  );
  if (side === 0) return [head, ...body.slice(0, size.rows - 2), line(dim(`  ${marks}`))];
  return [
    head,
    ...beside([
      { lines: body, columns },
      { lines: [], columns: 2 },
      { lines: notes, columns: side },
    ]),
  ].slice(0, size.rows);
}

function act(own: RepoState, command: CommandId, context: Common): Step<RepoState> | undefined {
  const { shared, collection } = context;
  if (!collection) return undefined;
  const rows = rowsOf(own, context);
  const window = moved(own.window, command, rows.length, listRows(context));
  if (window) return { own: { ...own, window } };
  const row = rows[own.window.cursor];
  switch (command) {
    case "next-match":
    case "previous-match": {
      if (rows.length === 0) return { toast: "no name has that in it" };
      const cursor = (own.window.cursor + (command === "next-match" ? 1 : -1) + rows.length) % rows.length;
      return { own: { ...own, window: inSight({ ...own.window, cursor }, rows.length, listRows(context)) } };
    }
    case "sort": {
      const order = ORDERS[(ORDERS.indexOf(own.order) + 1) % ORDERS.length] as Order;
      return {
        own: { window: TOP, order, reverse: false },
        toast: `sorted by ${order === "listed" ? "the order of the listing" : order}`,
      };
    }
    case "reverse":
      return { own: { ...own, reverse: !own.reverse }, toast: "the other way round" };
    case "enter":
      return row ? { open: row.target } : { toast: "nothing to open" };
    case "mark":
      return row ? mark(row, shared.marks) : { toast: "nothing to mark" };
    default:
      return undefined;
  }
}

/** Two marks are a diff; a third takes the place of the first. */
function mark({ target }: CollectionRow, marks: readonly string[]): Step<RepoState> {
  if (marks.includes(target))
    return { shared: { marks: marks.filter((other) => other !== target) }, toast: "no longer marked" };
  const [a, b] = [...marks, target].slice(-2);
  if (a === undefined || b === undefined)
    return { shared: { marks: [target] }, toast: "marked; mark another one for the diff" };
  return { shared: { marks: [a, b] }, compare: [a, b] };
}
