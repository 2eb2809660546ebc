/** Tensors: every one in a table of which only the rows in sight are laid out; filtered as one types, sorted, or as a tree. */
import { formatBytes, formatCount, formatExact, type PlacedTensor } from "@checkpoint-inspect/analysis";

import { tensorsDocument } from "../../commands/tensors.ts";
import { tensorsView } from "../../views/tensors.ts";
import { safe } from "../../views/text.ts";
import type { CommandId } from "../keymap.ts";
import { letter } from "../letters.ts";
import { bold, dim, ends, type Line, line, toned } from "../line.ts";
import { type Context, inSight, moved, type Screen, type Step, TOP, type Window } from "../screen.ts";
import { textStyle } from "../text-screen.ts";
import { detailLines, tensorPage, whyPage } from "./tensors/detail.ts";
import { branchText, headText, layoutOf, MOST_COLUMNS, rowText } from "./tensors/layout.ts";
import { type Entry, ORDERS, type Order, readFilter, type Selected, select, treeEntries } from "./tensors/rows.ts";

interface TensorsState {
  readonly window: Window;
  readonly order: Order;
  readonly reverse: boolean;
  /** Beside the name. */
  readonly columns: number;
  readonly selected: Selected;
  /** What the rows were selected by. */
  readonly key: string;
  /** What is wrong with a term of the filter; the rows are those of the others. */
  readonly problem: string | null;
  /** Lines of the pane under the table. */
  readonly detail: number;
  readonly pinned: readonly number[];
  /** The tree with its open branches; null for the table. */
  readonly tree: { readonly open: ReadonlySet<string>; readonly entries: readonly Entry[] } | null;
}

const NOTHING: Selected = { rows: [], bytes: 0, parameters: 0, longest: 0 };
const MOST_PINNED = 5;
const DETAIL = { initial: 3, most: 6 };
/** Where the terminal is small the table has it all. */
const DETAIL_ROWS = 15;

export const tensorsScreen: Screen<TensorsState> = {
  id: "tensors",
  title: "Tensors",
  initial: {
    window: TOP,
    order: "file",
    reverse: false,
    columns: MOST_COLUMNS,
    selected: NOTHING,
    key: "",
    problem: null,
    detail: DETAIL.initial,
    pinned: [],
    tree: null,
  },
  view,
  act,
  arrive: (own, context) => withCursor(reselected(own, context), context),
  why: (own, context) => {
    const placed = here(own, context);
    return placed ? whyPage(placed) : { title: "Tensors", lines: () => [line("No tensor passes the filter.")] };
  },
  row(own, context) {
    const placed = here(own, context);
    if (!placed) return "";
    const { tensor, parameters } = placed;
    return `${tensor.name} ${tensor.shape.join("x")} ${tensor.type} ${parameters} parameters ${tensor.sizeBytes} bytes`;
  },
  text: (own, context) =>
    tensorsView(placedRows(own, context), context.subject.tensors.length, textStyle(context.ascii)),
  json: (own, context) => tensorsDocument(context.subject.checkpoint, placedRows(own, context)),
};

function placedRows({ selected }: TensorsState, { subject }: Context): PlacedTensor[] {
  return selected.rows.map((row) => subject.tensors[row] as PlacedTensor);
}

/** How many lines the list has: tensors, or lines of the tree. */
function count({ tree, selected }: TensorsState): number {
  return tree ? tree.entries.length : selected.rows.length;
}

/** The tensor under the cursor; of a branch its first one. */
function rowAt({ tree, selected, window }: TensorsState, cursor = window.cursor): number | undefined {
  return tree ? tree.entries[cursor]?.row : selected.rows[cursor];
}

function here(own: TensorsState, { subject }: Context): PlacedTensor | undefined {
  const row = rowAt(own);
  return row === undefined ? undefined : subject.tensors[row];
}

/** Rows selected anew where the filter, the bucket or the order has changed. */
function reselected(own: TensorsState, { subject, shared }: Context): TensorsState {
  const filter = shared.filters.tensors ?? "";
  const key = JSON.stringify([filter, shared.bucket, own.order, own.reverse, subject.tensors.length]);
  if (key === own.key) return own;
  const { tests, problem } = readFilter(filter);
  const selected = select(subject, tests, shared.bucket, own.order, own.reverse);
  const tree = own.tree && { open: own.tree.open, entries: treeEntries(subject, selected.rows, own.tree.open) };
  return { ...own, key, problem, selected, tree };
}

/** The cursor on what is chosen elsewhere, where it is among the rows. */
function withCursor(own: TensorsState, context: Context): TensorsState {
  if (rowAt(own) === context.shared.tensor) return { ...own, window: sight(own, own.window, context) };
  const at = own.tree
    ? own.tree.entries.findIndex(({ path, row }) => path === null && row === context.shared.tensor)
    : own.selected.rows.indexOf(context.shared.tensor);
  return { ...own, window: sight(own, at < 0 ? TOP : { cursor: at, offset: Math.max(0, at - 3) }, context) };
}

function sight(own: TensorsState, window: Window, context: Context): Window {
  return inSight(window, count(own), listRows(own, context));
}

function detailRows({ detail }: TensorsState, { size }: Context): number {
  return size.rows < DETAIL_ROWS ? 0 : Math.min(detail, Math.floor(size.rows / 3));
}

/** Rows of the list: what title, head, pins and the pane leave. */
function listRows(own: TensorsState, context: Context): number {
  return Math.max(1, context.size.rows - 2 - own.pinned.length - detailRows(own, context));
}

function view(own: TensorsState, context: Context): readonly Line[] {
  const { size, subject, ascii } = context;
  const { selected, window, tree } = own;
  const layout = layoutOf(size.columns, selected.longest, own.columns);
  const rows = listRows(own, context);
  const { cursor, offset } = inSight(window, count(own), rows);
  const bar = scrollBar(offset, rows, count(own), ascii);
  const total = selected;
  const tensorLine = (row: number, mark: string, label?: string): Line => {
    const placed = subject.tensors[row] as PlacedTensor;
    return line(
      mark,
      letter(placed.role.bucket, placed.role.part),
      rowText(placed, ` ${label ?? safe(placed.tensor.name)}`, layout, total, context),
    );
  };
  const list: Line[] = [];
  for (let i = offset; i < Math.min(offset + rows, count(own)); i++) {
    const isHere = i === cursor;
    const mark = isHere ? (ascii ? ">" : "\u25b8") : " ";
    const entry = tree?.entries[i];
    const spans = entry ? entryLine(entry, mark, layout, ascii, tensorLine) : tensorLine(selected.rows[i] ?? 0, mark);
    const shown = isHere ? spans.map((span) => ({ ...span, inverse: true })) : spans;
    list.push([...shown, dim(bar[i - offset] ?? "")]);
  }
  const empty = list.length === 0 ? [line(dim("  no tensor passes the filter; Esc clears it"))] : [];
  const pinned = own.pinned.map((row) => tensorLine(row, ascii ? "*" : "\u2022"));
  const placed = here(own, context);
  const pane = placed ? detailLines(placed, detailRows(own, context), context) : [];
  const filled = [
    ...list,
    ...empty,
    ...Array.from({ length: Math.max(0, rows - Math.max(1, list.length)) }, (): Line => []),
  ];
  return [
    titleLine(own, context),
    line(dim(`  ${headText(layout, own.order, own.reverse, ascii)}`)),
    ...pinned,
    ...filled,
    ...pane,
  ];
}

function titleLine({ selected, problem, tree }: TensorsState, { subject, shared, size }: Context): Line {
  const all = subject.tensors.length;
  const some = selected.rows.length;
  const filter = shared.filters.tensors ?? "";
  const left = line(
    bold(tree ? "Tensors by name " : "Tensors "),
    some === all ? formatExact(all) : `${formatExact(some)}/${formatExact(all)}`,
    ...(filter === "" ? [] : [dim("  filter: "), toned(safe(filter), "accent")]),
    ...(shared.bucket === null ? [] : [dim("  bucket: "), toned(shared.bucket, `bucket.${shared.bucket}`)]),
    ...(problem === null ? [] : [toned(`  ${safe(problem)}`, "bad")]),
  );
  return ends(
    left,
    line(dim(`${formatCount(selected.parameters)} params, ${formatBytes(selected.bytes)}`)),
    size.columns,
  );
}

function entryLine(
  entry: Entry,
  mark: string,
  layout: ReturnType<typeof layoutOf>,
  ascii: boolean,
  tensorLine: (row: number, mark: string, label?: string) => Line,
): Line {
  const indent = "  ".repeat(entry.depth);
  if (entry.path === null) return tensorLine(entry.row, mark, `${indent}  ${safe(entry.label)}`);
  const sign = ascii ? (entry.isOpen ? "-" : "+") : entry.isOpen ? "\u25be" : "\u25b8";
  return line(mark, " ", branchText(` ${indent}${sign} ${safe(entry.label)}`, entry, layout));
}

/** A cell for each row of the list; nothing where all of it is in sight. */
function scrollBar(offset: number, rows: number, all: number, ascii: boolean): readonly string[] {
  if (all <= rows) return [];
  const thumb = Math.max(1, Math.round((rows * rows) / all));
  const top = Math.round(((rows - thumb) * offset) / (all - rows));
  const [on, off] = ascii ? ["#", "|"] : ["\u2590", "\u2591"];
  return Array.from({ length: rows }, (_, row) => (row >= top && row < top + thumb ? on : off) as string);
}

function act(own: TensorsState, command: CommandId, context: Context): Step<TensorsState> | undefined {
  const { subject } = context;
  const all = count(own);
  const window = moved(own.window, command, all, listRows(own, context));
  if (window) return follow({ ...own, window }, context);
  switch (command) {
    case "next-match":
    case "previous-match": {
      if (all === 0) return { toast: "no tensor passes the filter" };
      const by = command === "next-match" ? 1 : -1;
      const cursor = (own.window.cursor + by + all) % all;
      return follow({ ...own, window: sight(own, { ...own.window, cursor }, context) }, context);
    }
    case "sort": {
      const order = ORDERS[(ORDERS.indexOf(own.order) + 1) % ORDERS.length] as Order;
      return ordered({ ...own, order, reverse: false, tree: null }, context);
    }
    case "reverse":
      return ordered({ ...own, reverse: !own.reverse, tree: null }, context);
    case "columns": {
      const shown = layoutOf(context.size.columns, own.selected.longest, own.columns).shown.length;
      const columns = shown > 2 ? shown - 1 : MOST_COLUMNS;
      return {
        own: { ...own, columns },
        toast: columns === MOST_COLUMNS ? "all columns that there is room for" : `${columns + 1} columns; c for fewer`,
      };
    }
    case "wider":
      return { own: { ...own, detail: Math.max(0, own.detail - 1) } };
    case "narrower":
      return { own: { ...own, detail: Math.min(DETAIL.most, own.detail + 1) } };
    case "pin": {
      const row = rowAt(own);
      if (row === undefined) return undefined;
      const rest = own.pinned.filter((pinned) => pinned !== row);
      if (rest.length === own.pinned.length && rest.length >= MOST_PINNED)
        return { toast: `${MOST_PINNED} rows are pinned; Space on one lets it go` };
      const pinned = rest.length < own.pinned.length ? rest : [...rest, row];
      return {
        own: { ...own, pinned },
        toast: pinned.length > rest.length ? "pinned; Space again lets it go" : "no longer pinned",
      };
    }
    case "tree": {
      const open: ReadonlySet<string> = new Set();
      const tree = own.tree ? null : { open, entries: treeEntries(subject, own.selected.rows, open) };
      return { own: withCursor({ ...own, tree, window: TOP }, context) };
    }
    case "left":
    case "right":
      return own.tree
        ? branch(own, command === "right", context)
        : { toast: "h and l open and close branches of the tree: T" };
    case "enter": {
      const entry = own.tree?.entries[own.window.cursor];
      if (entry && entry.path !== null) return branch(own, !entry.isOpen, context);
      const placed = here(own, context);
      return placed && { page: tensorPage(placed, context) };
    }
    default:
      return undefined;
  }
}

/** What is under the cursor is what other screens are about. */
function follow(own: TensorsState, { subject }: Context): Step<TensorsState> {
  const row = rowAt(own);
  const role = row === undefined ? undefined : subject.tensors[row]?.role;
  if (row === undefined) return { own };
  const layer = role?.layer === undefined ? -1 : layerPlace(subject, role.stack, role.layer);
  return { own, shared: { tensor: row, ...(layer >= 0 && { layer }) } };
}

function layerPlace({ report }: Context["subject"], stack: string, index: number): number {
  return report.layers.findIndex((layer) => layer.index === index && layer.stack === stack);
}

function ordered(own: TensorsState, context: Context): Step<TensorsState> {
  const next = reselected(own, context);
  const direction = next.reverse ? "reversed" : "largest first";
  const words =
    next.order === "size" || next.order === "elements" ? `, ${direction}` : next.reverse ? ", reversed" : "";
  // The head of a new order is what one sorts for.
  return { ...follow({ ...next, window: TOP }, context), toast: `sorted by ${next.order}${words}` };
}

/** Opens or closes the branch under the cursor; closing a tensor's line closes the branch that it is in. */
function branch(own: TensorsState, opens: boolean, context: Context): Step<TensorsState> | undefined {
  const { tree, window, selected } = own;
  if (!tree) return undefined;
  let at = window.cursor;
  const entry = tree.entries[at];
  if (!opens && entry && (entry.path === null || !entry.isOpen)) {
    const parent = tree.entries.slice(0, at).findLastIndex(({ depth, path }) => path !== null && depth < entry.depth);
    if (parent < 0) return { own };
    at = parent;
  }
  const path = tree.entries[at]?.path;
  if (path === null || path === undefined) return { own };
  const open = new Set(tree.open);
  if (opens) open.add(path);
  else open.delete(path);
  const entries = treeEntries(context.subject, selected.rows, open);
  const next = { ...own, tree: { open, entries } };
  return follow({ ...next, window: sight(next, { ...window, cursor: at }, context) }, context);
}
