/** `inspect meta <target> [key]`: metadata with value types; one key whole. */
import { formatExact } from "@checkpoint-inspect/analysis";
import type { MetadataElement, MetadataEntry } from "@checkpoint-inspect/parser";

import type { Style } from "../terminal.ts";
import { table } from "./table.ts";
import { cut, safe, safeBlock } from "./text.ts";

/** Elements of an array that the list shows. */
const PREVIEW = 5;

export interface MetaRow {
  readonly entry: MetadataEntry;
  /** First elements, for arrays. */
  readonly preview: readonly MetadataElement[];
}

export const PREVIEW_ELEMENTS = PREVIEW;

/** `u32`, `string[151,936]`. */
export function typeName({ type, value }: MetadataEntry): string {
  return typeof value === "object" ? `${value.elementType}[${formatExact(value.length)}]` : type;
}

export function metaView(rows: readonly MetaRow[], style: Style): string {
  if (rows.length === 0) return "This checkpoint has no metadata.";
  return table<MetaRow>(
    rows,
    [
      {
        title: "key",
        cell: ({ entry }) => cut(safe(entry.key), Math.floor(style.width / 2), "middle", style.glyphs.ellipsis),
      },
      { title: "type", cell: ({ entry }) => typeName(entry), optional: 1, paint: (text) => style.color.dim(text) },
      { title: "value", cell: (row) => oneLine(row), stretch: true },
    ],
    style,
    { indent: 0, stretchMin: 12 },
  ).join("\n");
}

/** Longest text that is worth cutting to a line; the rest of it can't be seen anyway. */
const LINE_LENGTH = 400;

/** The value in short, made harmless. */
export function oneLine({ entry: { value }, preview }: MetaRow): string {
  if (typeof value === "object") {
    const shown = preview.map((element) => formatElement(element)).join(", ");
    return value.length > preview.length ? `[${shown}, ...]` : `[${shown}]`;
  }
  return typeof value === "string" ? safe(value.slice(0, LINE_LENGTH)) : formatNumber(value);
}

function formatElement(element: MetadataElement): string {
  if (Array.isArray(element)) return `[${element.map(formatElement).join(", ")}]`;
  return typeof element === "string"
    ? JSON.stringify(safe(element.slice(0, LINE_LENGTH)))
    : formatNumber(element as number);
}

/** A 32-bit float prints as it was meant (1e-6), not with the digits of its 64-bit neighbour. */
function formatNumber(value: number | bigint | boolean): string {
  if (typeof value !== "number" || Number.isInteger(value)) return String(value);
  const short = Number(value.toPrecision(7));
  return Math.fround(short) === value ? String(short) : String(value);
}

/** One value whole: text over its own lines, an array an element a line. */
export function valueView(
  entry: MetadataEntry,
  elements: readonly MetadataElement[],
  first: number,
  style: Style,
): string {
  const { value } = entry;
  if (typeof value === "string") return safeBlock(value);
  if (typeof value !== "object") return formatNumber(value);
  if (first >= value.length && value.length > 0)
    return `The array has ${formatExact(value.length)} elements; --from counts from 0.`;
  const digits = String(first + elements.length).length;
  const lines = elements.map(
    (element, i) => `${style.color.dim(String(first + i).padStart(digits))}  ${formatElement(element)}`,
  );
  const left = value.length - first - elements.length;
  if (left > 0)
    lines.push(
      style.color.dim(
        `${formatExact(left)} more of ${formatExact(value.length)}; --from and --limit move on, --limit 0 shows all`,
      ),
    );
  return lines.join("\n");
}
