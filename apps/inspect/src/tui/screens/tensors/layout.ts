/** The columns of the tensor table: which there is room for, and what stands in them. */
import { formatBytes, formatCount, type PlacedTensor } from "@checkpoint-inspect/analysis";

import { safe } from "../../../views/text.ts";
import { cell } from "../../line.ts";
import type { Context } from "../../screen.ts";
import type { Order } from "./rows.ts";

interface Column {
  readonly title: string;
  readonly columns: number;
  readonly align: "left" | "right";
  /** The order that sorts by it. */
  readonly order?: Order;
  readonly text: (placed: PlacedTensor, total: Totals, context: Context) => string;
}

export interface Totals {
  readonly bytes: number;
  readonly parameters: number;
}

/** The first come first; those on the right go where there isn't room. */
const COLUMNS: readonly Column[] = [
  { title: "dtype", columns: 8, align: "left", order: "type", text: ({ tensor }) => safe(tensor.type) },
  { title: "bytes", columns: 8, align: "right", order: "size", text: ({ tensor }) => formatBytes(tensor.sizeBytes) },
  { title: "shape", columns: 16, align: "right", text: ({ tensor }) => shapeText(tensor.shape) },
  { title: "params", columns: 8, align: "right", order: "elements", text: ({ parameters }) => formatCount(parameters) },
  { title: "%", columns: 4, align: "right", text: shareText },
  {
    title: "role",
    columns: 20,
    align: "left",
    order: "role",
    text: ({ role }) => safe(`${role.bucket} ${role.part}${role.bias ? " bias" : ""}`),
  },
  { title: "bits", columns: 6, align: "right", text: bitsText },
  { title: "layer", columns: 5, align: "right", order: "layer", text: ({ role }) => String(role.layer ?? "") },
  { title: "offset", columns: 14, align: "right", text: ({ tensor }) => `0x${tensor.offset.toString(16)}` },
  {
    title: "file",
    columns: 34,
    align: "left",
    text: ({ tensor }, _, { subject }) => safe(subject.checkpoint.parts[tensor.part]?.name ?? ""),
  },
];

export const MOST_COLUMNS = COLUMNS.length;

/** `128x768x2048`; of what has more dimensions than any layer, the first. */
export function shapeText(shape: readonly number[]): string {
  if (shape.length === 0) return "scalar";
  return shape.length > 6 ? `${shape.slice(0, 3).join("x")}x...` : shape.join("x");
}

function shareText({ tensor, parameters }: PlacedTensor, total: Totals, { shared }: Context): string {
  const share =
    shared.unit === "parameters" ? parameters / (total.parameters || 1) : tensor.sizeBytes / (total.bytes || 1);
  const percent = 100 * share;
  return percent > 0 && percent < 0.5 ? "<1" : String(Math.round(percent));
}

function bitsText({ tensor }: PlacedTensor): string {
  return tensor.elements === 0
    ? ""
    : String(Math.round((8 * tensor.sizeBytes * 10_000) / tensor.elements) / 10_000).slice(0, 6);
}

export interface Layout {
  readonly name: number;
  readonly shown: readonly Column[];
}

/** Shorter names say nothing. */
const LEAST_NAME = 24;

/** @param most columns beside the name that the user wants */
export function layoutOf(columns: number, longest: number, most: number): Layout {
  const shown: Column[] = [];
  // Cursor and scroll bar.
  let left = columns - 3;
  const wanted = Math.max(LEAST_NAME, Math.min(longest, Math.floor(columns * 0.5)));
  for (const column of COLUMNS.slice(0, most)) {
    if (left - column.columns - 1 < wanted) break;
    shown.push(column);
    left -= column.columns + 1;
  }
  return { name: left, shown };
}

export function headText({ name, shown }: Layout, order: Order, reverse: boolean, ascii: boolean): string {
  const mark = ascii ? (reverse ? "^" : "v") : reverse ? "\u25b4" : "\u25be";
  const title = (text: string, own?: Order) => (own !== undefined && own === order ? `${text}${mark}` : text);
  const cells = shown.map(({ title: text, columns, align, order: own }) => cell(title(text, own), columns, align));
  return [cell(title("name", "name"), name), ...cells].join(" ");
}

export function rowText(
  placed: PlacedTensor,
  label: string,
  { name, shown }: Layout,
  total: Totals,
  context: Context,
): string {
  return [
    cell(label, name),
    ...shown.map(({ columns, align, text }) => cell(text(placed, total, context), columns, align)),
  ].join(" ");
}

/** A branch of the tree has sums alone. */
export function branchText(
  label: string,
  sums: Totals & { readonly tensors: number },
  { name, shown }: Layout,
): string {
  const figures: Readonly<Record<string, string>> = {
    bytes: formatBytes(sums.bytes),
    params: formatCount(sums.parameters),
    shape: `${sums.tensors} tensors`,
  };
  return [
    cell(label, name),
    ...shown.map(({ title, columns, align }) => cell(figures[title] ?? "", columns, align)),
  ].join(" ");
}
