/** The words of a comparison that the screen and the markdown share. */
import {
  type Diff,
  type DiffCount,
  type DiffGroup,
  type DiffKind,
  type DiffRow,
  type FactValue,
  formatBytes,
  formatCount,
  formatExact,
  formatRanges,
  plural,
} from "@checkpoint-inspect/analysis";

import { safe } from "./text.ts";

/** One sign a kind, so that no meaning hangs on a colour. */
export const MARKS: Readonly<Record<DiffKind, string>> = {
  same: "=",
  type: "~",
  layout: "~",
  shape: "!",
  tied: "~",
  "only-a": "-",
  "only-b": "+",
};

/** Kinds in the order in which they are shown, each with its heading. */
export const SECTIONS: readonly (readonly [kind: DiffKind, title: string])[] = [
  ["shape", "Other shapes"],
  ["only-a", "Only in A"],
  ["only-b", "Only in B"],
  ["tied", "Tied tables"],
  ["layout", "Arranged otherwise"],
  ["type", "Other types"],
];

/** As much of a list of layers as fits on a line or two; one of single layers may have hundreds. */
const LAYERS_SHOWN = 60;
/** More ranges than any list shows, before they are made words. */
const MOST_RANGES = 500;

/** "3 layers: 0-2", "layer 3", "vision layer 3"; nothing for what stands outside of layers. */
export function layerWords({ layers, layerCount, role: { stack } }: DiffGroup): string {
  if (layerCount === 0) return "";
  const all = formatRanges(layers.slice(0, MOST_RANGES));
  const isCut = all.length > LAYERS_SHOWN || layers.length > MOST_RANGES;
  const text = isCut ? `${all.slice(0, all.lastIndexOf(", ", LAYERS_SHOWN))}, ...` : all;
  const noun = stack === "text" ? "layer" : `${safe(stack)} layer`;
  return layerCount === 1 ? `${noun} ${text}` : `${plural(layerCount, noun)}: ${text}`;
}

/** `ffn down`, `attention q bias`; a stack besides the text's in front, unless the bucket says it. */
export function partName({ stack, bucket, part, bias }: DiffRow["role"] | DiffGroup["role"]): string {
  const other = stack === "text" || stack === bucket ? "" : `${stack} `;
  return safe(`${other}${bucket} ${part}${bias ? " bias" : ""}`);
}

/** `F16 -> Q4_K`, or what the one side has. */
export function typeWords(a: string, b: string): string {
  if (a === "" || b === "" || a === b) return safe(a || b);
  return `${safe(a)} -> ${safe(b)}`;
}

/** What differs in one line. */
export function summaryWords(diff: Diff): readonly string[] {
  const { totals, matched } = diff;
  const figure = (words: string, count: number) => `${words} ${formatExact(count)}`;
  return [
    figure("matched", matched),
    figure("type differs", totals.type.rows),
    figure("shape", totals.shape.rows),
    ...(totals.layout.rows > 0 ? [figure("layout", totals.layout.rows)] : []),
    figure("only A", totals["only-a"].rows),
    figure("only B", totals["only-b"].rows),
    ...(totals.tied.rows > 0 ? [figure("tied", totals.tied.rows)] : []),
    figure("metadata", metadataCount(diff)),
  ];
}

/** Facts, keys that no fact says already, and the chat template. */
export function metadataCount({ facts, metadata, chatTemplate }: Diff): number {
  const keys = metadata.filter(({ covered }) => !covered).length;
  return facts.length + keys + (chatTemplate === "differs" ? 1 : 0);
}

export function hasDifferences(diff: Diff): boolean {
  return diff.totals.same.rows < diff.rows.length || metadataCount(diff) > 0;
}

/** "197 tensors, 3.44 GB -> 1.10 GB"; of what one side has alone, its own figures. */
export function totalWords(kind: DiffKind, a: DiffCount, b: DiffCount): string {
  const [own] = [a, b].filter(({ tensors }) => tensors > 0);
  if (kind === "only-a" || kind === "only-b" || kind === "tied") return own ? ownWords(own) : "";
  const tensors =
    a.tensors === b.tensors
      ? plural(a.tensors, "tensor")
      : `${plural(a.tensors, "tensor")} in A, ${formatExact(b.tensors)} in B`;
  return `${tensors}, ${bytesWords(a, b)}`;
}

function ownWords({ tensors, parameters, bytes }: DiffCount): string {
  return `${plural(tensors, "tensor")}, ${formatCount(parameters)} ${parameters === 1 ? "parameter" : "parameters"}, ${formatBytes(bytes)}`;
}

export function bytesWords(a: DiffCount, b: DiffCount): string {
  const [inA, inB] = [formatBytes(a.bytes), formatBytes(b.bytes)];
  if (a.tensors === 0 || b.tensors === 0) return a.tensors === 0 ? inB : inA;
  return inA === inB ? inA : `${inA} -> ${inB}`;
}

export function factText(value: FactValue): string {
  if (typeof value === "number") return Number.isInteger(value) ? formatExact(value) : String(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "string" ? safe(value) : safe(value.join(", "));
}

const TEMPLATES: Readonly<Record<NonNullable<Diff["chatTemplate"]>, string>> = {
  equal: "Chat templates are equal.",
  differs: "Chat templates differ: inspect meta FILE chat_template",
  "only-a": "Only A comes with a chat template.",
  "only-b": "Only B comes with a chat template.",
};

export function templateWords({ chatTemplate }: Diff): string {
  return chatTemplate === null ? "" : TEMPLATES[chatTemplate];
}
