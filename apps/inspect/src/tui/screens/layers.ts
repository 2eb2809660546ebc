/** Layers: a heat strip of all of them, and what the chosen one is made of as a treemap and a list. */
import {
  formatBytes,
  formatCount,
  formatRanges,
  type Layer,
  type LayerGroup,
  plural,
} from "@checkpoint-inspect/analysis";

import { layersDocument } from "../../commands/layers.ts";
import { layersView } from "../../views/layers.ts";
import { strip } from "../../views/strip.ts";
import { safe, width } from "../../views/text.ts";
import { treemap } from "../../views/treemap.ts";
import { type LayerPart, layerParts } from "../layer-parts.ts";
import { letter, letterOf } from "../letters.ts";
import { beside, bold, cell, dim, ends, fitLine, type Line, line, lineWidth, type Span, toned } from "../line.ts";
import { type Context, inSight, moved, type Page, type Screen, type Step, TOP, type Window } from "../screen.ts";
import { textStyle } from "../text-screen.ts";
import { layersWhy } from "./layers/why.ts";

interface LayersState {
  /** In the list of parts. */
  readonly window: Window;
  /** Columns of the treemap, of a hundred. */
  readonly split: number;
}

const SPLIT = { initial: 45, least: 20, most: 70, step: 10 };
/** Below this there is no room for the treemap beside the list. */
const BESIDE_COLUMNS = 76;
/** Smaller rectangles have no room for a name. */
const LEAST_CELLS = 4;
/** Lines above the parts: title, strip, cursor, sentence, a blank one, heading. */
const ABOVE = 6;

export const layersScreen: Screen<LayersState> = {
  id: "layers",
  title: "Layers",
  initial: { window: TOP, split: SPLIT.initial },
  view,
  act,
  arrive: (own, context) => ({ ...own, window: inSight(own.window, partsOf(context).length, listRows(context)) }),
  why: (own, context): Page => layersWhy(context, chosen(context), partsOf(context)[own.window.cursor]),
  row(own, context) {
    const layer = chosen(context);
    const part = partsOf(context)[own.window.cursor];
    if (!layer) return "no layers";
    if (!part) return layerName(layer, context);
    return `${layerName(layer, context)} ${part.bucket} ${part.part} ${part.types.join(" ")} ${part.parameters} ${part.bytes}`;
  },
  text: (_, { subject, ascii }) => layersView(subject.report, textStyle(ascii), false),
  json: (_, { subject }) => layersDocument(subject.report),
};

function chosen({ subject, shared }: Context): Layer | undefined {
  const { layers } = subject.report;
  return layers[Math.min(shared.layer, layers.length - 1)];
}

function partsOf(context: Context): readonly LayerPart[] {
  const layer = chosen(context);
  const parts = layer ? layerParts(context.subject, layer) : [];
  const { bucket } = context.shared;
  return bucket === null ? parts : parts.filter((part) => part.bucket === bucket);
}

function listRows({ size }: Context): number {
  return Math.max(1, size.rows - ABOVE - 1);
}

/** What the strip and the list are about. */
function amount(layer: Layer, { shared: { unit, bucket } }: Context): number {
  const of = bucket === null ? layer : (layer.buckets[bucket] ?? { parameters: 0, bytes: 0 });
  if (unit === "bits") return of.parameters === 0 ? 0 : (8 * of.bytes) / of.parameters;
  return unit === "bytes" ? of.bytes : of.parameters;
}

function amountWords(value: number, { shared: { unit } }: Context): string {
  if (unit === "bits") return `${value.toFixed(2)} bits`;
  return unit === "bytes" ? formatBytes(value) : formatCount(value);
}

const UNIT_NAMES = { bytes: "bytes", parameters: "parameters", bits: "bits per weight" } as const;

function layerName({ stack, index }: Layer, { subject }: Context): string {
  const stacks = new Set(subject.report.layers.map((layer) => layer.stack));
  return stacks.size > 1 ? `${safe(stack)} layer ${index}` : `layer ${index}`;
}

function view(own: LayersState, context: Context): readonly Line[] {
  const layer = chosen(context);
  const { columns } = context.size;
  if (!layer) return [[], line("  This checkpoint has no layers: 3 lists its tensors.")];
  const parts = partsOf(context);
  const rows = listRows(context);
  const map = context.size.columns >= BESIDE_COLUMNS ? Math.floor((columns * own.split) / 100) : 0;
  const list = listLines(own, parts, columns - map - (map > 0 ? 2 : 0), rows, context);
  const block =
    map > 0
      ? beside([
          { lines: mapLines(parts, map, rows, own.window.cursor, context), columns: map },
          { lines: [], columns: 2 },
          { lines: list, columns: columns - map - 2 },
        ])
      : list;
  return [...stripLines(layer, context), ...sentences(layer, context), headLine(layer, context), ...block];
}

/** The strip of the chosen layer's stack, and a mark under the chosen cell. */
function stripLines(layer: Layer, context: Context): Line[] {
  const { size, shared, ascii, subject } = context;
  const { layers } = subject.report;
  const stack = layers.filter((other) => other.stack === layer.stack);
  const at = stack.indexOf(layer);
  const label = `${String(stack[0]?.index ?? 0).padStart(4)} `;
  const cells = strip(
    stack.map((one) => amount(one, context)),
    size.columns - 12,
    ascii,
  );
  const here = cells.findIndex(({ first, count }) => at >= first && at < first + count);
  // Small models have room for cells of several columns.
  const wide = Math.max(1, Math.min(4, Math.floor((size.columns - 12) / Math.max(1, cells.length))));
  const unit = `${UNIT_NAMES[shared.unit]}${shared.bucket === null ? "" : ` of ${shared.bucket}`} per layer`;
  const scale = ascii ? "higher digit = more" : "darker = more";
  const total = `${plural(stack.length, layer.stack === "text" ? "layer" : `${safe(layer.stack)} layer`)}`;
  const spans: Span[] = cells.map(({ glyph }, i) => {
    const tone = shared.bucket === null ? "accent" : (`bucket.${shared.bucket}` as const);
    return { ...toned(glyph.repeat(wide), tone), ...(i === here && { inverse: true }) };
  });
  const mark = " ".repeat(label.length + here * wide) + (ascii ? "^" : "\u25b4");
  const group = groupOf(layer, layers.length > 0 ? subject.report.layerGroups : []);
  const alike = !group || group.count === 1 ? "none like it" : `${group.count - 1} like it`;
  const words = `${layerName(layer, context)} \u00b7 ${amountWords(amount(layer, context), context)} \u00b7 ${alike}`;
  const said = ascii ? words.replaceAll(" \u00b7 ", " - ") : words;
  // Under the right end the words stand before the mark.
  const under =
    mark.length + 1 + width(said) <= size.columns
      ? line(mark, " ", bold(said))
      : line(" ".repeat(Math.max(0, mark.length - width(said) - 2)), bold(said), " ", mark.trim());
  return [
    ends(line(bold("Layers"), dim(`  ${unit}, ${scale}`)), line(dim(total)), size.columns),
    line(label, ...spans, ` ${stack.at(-1)?.index ?? ""}`),
    under,
  ];
}

/** Which are the heaviest. */
function sentences({ stack }: Layer, { subject, size }: Context): Line[] {
  const { layers, layerGroups } = subject.report;
  const heaviest = heaviestOf(layers.filter((layer) => layer.stack === stack));
  const each = formatBytes(heaviest[0]?.bytes ?? 0);
  const kinds = layerGroups.filter((group) => group.stack === stack).length;
  const words =
    kinds === 1
      ? `All are alike, ${each} each.`
      : `Heaviest: ${rangesOf(heaviest)}${heaviest.length > 1 ? `, ${each} each` : `, ${each}`}.`;
  return [fitLine(line("     ", words), size.columns), []];
}

/** The layers with the most bytes. */
function heaviestOf(layers: readonly Layer[]): Layer[] {
  const most = layers.reduce((largest, { bytes }) => Math.max(largest, bytes), 0);
  return layers.filter(({ bytes }) => bytes === most);
}

function rangesOf(layers: readonly Layer[]): string {
  if (layers.length === 1) return `layer ${layers[0]?.index}`;
  const ranges: [number, number][] = [];
  for (const { index } of layers) {
    const last = ranges.at(-1);
    if (last && last[1] === index - 1) last[1] = index;
    else ranges.push([index, index]);
  }
  return `layers ${formatRanges(ranges)}`;
}

function groupOf({ stack, index }: Layer, groups: readonly LayerGroup[]): LayerGroup | undefined {
  return groups.find(
    (group) => group.stack === stack && group.ranges.some(([first, last]) => index >= first && index <= last),
  );
}

function headLine(layer: Layer, context: Context): Line {
  const { ascii, size } = context;
  const dot = ascii ? " - " : " \u00b7 ";
  const left = line(
    bold(layerName(layer, context)),
    dim(
      `${dot}${formatCount(layer.parameters)} parameters${dot}${formatBytes(layer.bytes)}${dot}${plural(layer.tensors, "tensor")}`,
    ),
  );
  return ends(left, line(dim("Enter its tensors")), size.columns);
}

/** Rectangles as large as the parts, each with its name and the letter of its bucket. */
function mapLines(
  parts: readonly LayerPart[],
  columns: number,
  rows: number,
  cursor: number,
  context: Context,
): Line[] {
  const byParameters = context.shared.unit === "parameters";
  const shares = parts.map(({ bytes, parameters }) => (byParameters ? parameters : bytes));
  const cellShare = shares.reduce((sum, share) => sum + share, 0) / (columns * rows);
  // What is smaller than a few cells stands in the list alone.
  const boxes = treemap(
    shares.map((share) => (share < LEAST_CELLS * cellShare ? 0 : share)),
    columns,
    rows,
  );
  const grid: Span[][] = Array.from({ length: rows }, () => []);
  const sorted = [...boxes].sort((a, b) => a.left - b.left);
  for (let row = 0; row < rows; row++) {
    for (const { item, left, top, columns: wide, rows: tall } of sorted) {
      if (row < top || row >= top + tall || left >= columns) continue;
      const part = parts[item];
      if (!part) continue;
      const fill = letterOf(part.bucket, part.part);
      // A rectangle's last column and row stay free, so that neighbours of one bucket are told apart.
      const inner = Math.max(1, wide - 1);
      const isLast = row === top + tall - 1 && tall > 1;
      const name = row === top ? cell(safe(part.part), Math.min(inner, width(safe(part.part)) + 1), "left") : "";
      const body = isLast ? " ".repeat(inner) : (name + fill.repeat(Math.max(0, inner - width(name)))).slice(0, inner);
      const text = cell(body, inner) + " ".repeat(wide - inner);
      grid[row]?.push({ text, tone: `bucket.${part.bucket}`, ...(item === cursor && !isLast && { inverse: true }) });
    }
  }
  return grid;
}

/** A row a part: what it is, how it is stored, how much. */
function listLines(
  own: LayersState,
  parts: readonly LayerPart[],
  columns: number,
  rows: number,
  context: Context,
): Line[] {
  const { ascii, shared } = context;
  const { cursor, offset } = inSight(own.window, parts.length, rows);
  const total = parts.reduce((sum, part) => sum + (shared.unit === "parameters" ? part.parameters : part.bytes), 0);
  const typeColumns = Math.min(14, Math.max(4, ...parts.map(({ types }) => width(types.join(" ")))));
  const nameColumns = Math.max(8, columns - 2 - 2 - typeColumns - 1 - 9 - 1 - 9 - 5 - 1);
  return [
    fitLine(
      line(
        dim(
          `    ${cell("part", nameColumns)} ${cell("type", typeColumns)} ${cell("params", 8, "right")} ${cell("bytes", 9, "right")} ${cell("%", 4, "right")}`,
        ),
      ),
      columns,
    ),
    ...parts.slice(offset, offset + rows - 1).map((part, i): Line => {
      const isHere = offset + i === cursor;
      const share = (shared.unit === "parameters" ? part.parameters : part.bytes) / (total || 1);
      const figures = ` ${cell(safe(part.types.join(" ")), typeColumns)} ${cell(formatCount(part.parameters), 8, "right")} ${cell(formatBytes(part.bytes), 9, "right")} ${cell(share > 0 && share < 0.005 ? "<1" : String(Math.round(100 * share)), 4, "right")}`;
      const name = safe(part.part);
      // The letter says which bucket; the word too, where there is room.
      const text = cell(
        width(name) + 2 + part.bucket.length <= nameColumns ? `${name}  ${part.bucket}` : name,
        nameColumns,
      );
      const spans = line(
        isHere ? (ascii ? "> " : "\u25b8 ") : "  ",
        letter(part.bucket, part.part),
        " ",
        text,
        figures,
      );
      const fitted = lineWidth(spans) > columns ? fitLine(spans, columns) : spans;
      return isHere ? fitted.map((span) => ({ ...span, inverse: true })) : fitted;
    }),
  ];
}

function act(own: LayersState, command: string, context: Context): Step<LayersState> | undefined {
  const { layers } = context.subject.report;
  const layer = chosen(context);
  if (!layer) return undefined;
  const at = layers.indexOf(layer);
  const parts = partsOf(context);
  const rows = listRows(context) - 1;
  switch (command) {
    case "left":
    case "right": {
      const next = Math.max(0, Math.min(layers.length - 1, at + (command === "left" ? -1 : 1)));
      return { own, shared: { layer: next } };
    }
    case "layers-apart": {
      const group = groupOf(layer, context.subject.report.layerGroups);
      const order = [...layers.slice(at + 1), ...layers.slice(0, at)];
      const next = order.find((other) => groupOf(other, context.subject.report.layerGroups) !== group);
      if (!next) return { toast: "all layers are alike" };
      return { shared: { layer: layers.indexOf(next) } };
    }
    case "layer-table":
      return tensorsOf(layer, undefined, context);
    case "enter":
      return tensorsOf(layer, parts[own.window.cursor], context);
    case "wider":
      return { own: { ...own, split: Math.max(SPLIT.least, own.split - SPLIT.step) } };
    case "narrower":
      return { own: { ...own, split: Math.min(SPLIT.most, own.split + SPLIT.step) } };
    default: {
      const window = moved(own.window, command as never, parts.length, rows);
      return window && { own: { ...own, window } };
    }
  }
}

/** The tensor table with a layer's rows, or those of one part of it. */
function tensorsOf(layer: Layer, part: LayerPart | undefined, { subject, shared }: Context): Step<LayersState> {
  const several = new Set(subject.report.layers.map(({ stack }) => stack)).size > 1;
  const terms = [
    `layer:${layer.index}`,
    ...(several ? [`stack:${layer.stack}`] : []),
    ...(part ? [`bucket:${part.bucket}`, `part:${part.part}`] : []),
  ];
  return {
    go: "tensors",
    shared: {
      filters: { ...shared.filters, tensors: terms.join(" ") },
      bucket: null,
      ...(part && { tensor: part.first }),
    },
  };
}
