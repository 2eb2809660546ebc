/** `inspect <target>`: one screen that says what the model is made of. */
import {
  bucketTag,
  bucketWords,
  formatBytes,
  formatCount,
  formatExact,
  formatShare,
  type LayerGroup,
  type Report,
  type ReportBucket,
} from "@checkpoint-inspect/analysis";

import type { Style } from "../terminal.ts";
import { bars } from "./bars.ts";
import { bucketColor } from "./palette.ts";
import { countFindings, findingLines, formatRanges, heading, plural, title, typesByBytes } from "./parts.ts";
import { labelLine, typeTable } from "./quant.ts";
import { table } from "./table.ts";
import { cut, safe, wrap } from "./text.ts";

/** How much of a long list the overview shows; the commands of their own show all. */
const GROUPS_SHOWN = 6;
const TYPES_SHOWN = 6;
const FINDINGS_SHOWN = 5;

/** From here on there is room for longer bars and whole sentences. */
const WIDE = 100;

export function overview(report: Report, style: Style): string {
  const sections = [
    title(report, style),
    parameterLines(report, style),
    bucketLines(report, style),
    layerLines(report, style),
    storageLines(report, style),
    findingSection(report, style),
    [hint(report, style)],
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

/** A label, a figure, and what to know about it. */
type Row = readonly [label: string, figure: string, words: string];

function parameterLines(report: Report, style: Style): string[] {
  const { parameters, model } = report;
  const special = SPECIAL[model.kind];
  if (special) return wrap(special(report), style.width);
  if (parameters.stored === 0) return ["No tensors: the header holds metadata only."];
  if (parameters.total === 0) {
    const stored = formatExact(parameters.stored);
    return wrap(`No parameters: ${stored} integers or derived values, nothing learned.`, style.width);
  }
  const total = formatExact(parameters.total);
  const rows: Row[] = [
    [
      "Parameters",
      formatCount(parameters.total),
      parameters.logicalKnown ? total : `${total} stored words; packing not worked out`,
    ],
    ...expertRows(report),
    biasRow(report),
    ...parameters.excluded.filter((excluded) => excluded.parameters > 0).map(excludedRow),
    ...shapeRows(model),
  ];
  return table<Row>(
    rows,
    [
      { title: "", cell: ([label]) => label, paint: (text) => style.color.bold(text) },
      { title: "", cell: ([, figure]) => figure, align: "right" },
      { title: "", cell: ([, , words]) => words, stretch: true, paint: (text) => style.color.dim(text) },
    ],
    style,
    { indent: 0, header: false },
  );
}

function expertRows({ parameters, experts }: Report): Row[] {
  if (!experts) return [];
  const { active, activeMissing = "a fact", total } = parameters;
  const { perLayer, usedPerToken, layers, sharedParameters } = experts;
  const used = usedPerToken === null ? "unknown number used" : `${usedPerToken} used per token`;
  const shared = sharedParameters > 0 ? ", plus shared ones" : "";
  return [
    active === null
      ? ["Active", "?", `per token: not known, ${activeMissing} is missing`]
      : ["Active", formatCount(active), `${formatExact(active)} per token, ${formatShare(active / total)} of all`],
    ["Experts", formatExact(perLayer), `per layer in ${plural(layers, "layer")}; ${used}${shared}`],
  ];
}

function biasRow({ parameters: { biases, weights } }: Report): Row {
  if (biases === 0) return ["Biases", "none", "every parameter is a weight"];
  return ["Biases", formatCount(biases), `${formatExact(biases)}; the other ${formatExact(weights)} are weights`];
}

function excludedRow({ reason, parameters, tensors, examples }: Report["parameters"]["excluded"][number]): Row {
  const many = tensors > 1 ? `, ${formatExact(tensors)} tensors` : "";
  return ["Not counted", formatCount(parameters), `${EXCLUSION_WORDS[reason]}${many}: ${safe(examples[0] ?? "")}`];
}

function shapeRows(model: Report["model"]): Row[] {
  const { contextLength, slidingWindow, hiddenSize } = model;
  const window = slidingWindow ? `; a window of ${formatExact(slidingWindow)} in its sliding layers` : "";
  const shape = shapeWords(model);
  return [
    ...(contextLength ? [["Context", formatExact(contextLength), `tokens it was made for${window}`] as const] : []),
    ...(hiddenSize && shape ? [["Width", formatExact(hiddenSize), shape] as const] : []),
  ];
}

/** The numbers that people compare models by: heads, their groups and width, FFN width, vocabulary. */
function shapeWords({ attentionHeads, kvHeads, headDim, feedForwardSize, vocabularySize }: Report["model"]): string {
  const heads = one(attentionHeads);
  const kv = one(kvHeads);
  const ffn = one(feedForwardSize);
  const groups = kv && kv !== heads ? ` (${formatExact(kv)} KV)` : "";
  return [
    heads && plural(heads, "head") + (headDim ? ` of ${formatExact(headDim)}` : "") + groups,
    ffn && `FFN ${formatExact(ffn)}`,
    vocabularySize && `vocabulary ${formatExact(vocabularySize)}`,
  ]
    .filter(Boolean)
    .join(", ");
}

/** A fact that is the same in every layer; where layers differ, no one number says it. */
function one(value: number | readonly number[] | null): number | undefined {
  if (typeof value === "number") return value;
  return value?.every((count) => count === value[0]) ? value[0] : undefined;
}

const EXCLUSION_WORDS = {
  buffer: "not learned (integers, derived values)",
  duplicate: "stored twice",
  "quant-side": "scales of the quantization",
  statistics: "statistics",
} as const;

/** Kinds that are no models: what they are for, in place of parameter counts. */
const SPECIAL: Partial<Record<Report["model"]["kind"], (report: Report) => string>> = {
  vocab: ({ model }) => `A tokenizer without a model: ${formatExact(model.vocabularySize ?? 0)} tokens, no tensors.`,
  imatrix: ({ parameters }) => {
    const tensors = parameters.excluded.find(({ reason }) => reason === "statistics")?.tensors ?? 0;
    return (
      `An importance matrix: statistics of ${plural(Math.ceil(tensors / 2), "weight matrix", "weight matrices")}, from which a ` +
      "quantizer tells the weights that matter most. It holds no parameters."
    );
  },
  "control-vector": ({ parameters, layers }) =>
    `A control vector: one direction for each of ${plural(layers.length, "layer")}, ${formatExact(parameters.total)} numbers in all. ` +
    "Added to the layers' outputs, it steers what a model writes.",
};

function bucketLines(report: Report, style: Style): string[] {
  const { parameters, buckets, model } = report;
  if (parameters.total === 0 || SPECIAL[model.kind]) return [];
  const shown = buckets.filter((bucket) => bucket.parameters > 0);
  const drawn = bars(
    shown.map((bucket) => bucket.parameters),
    style.width >= WIDE ? 20 : 14,
    style,
  );
  const bar = new Map(shown.map((bucket, i) => [bucket, drawn[i] ?? ""]));
  const lines = table<ReportBucket>(
    shown,
    [
      { title: "", cell: ({ bucket }) => bucket },
      {
        title: "",
        cell: (bucket) => bar.get(bucket) ?? "",
        paint: (text, { bucket }) => bucketColor(style, bucket)(text),
      },
      { title: "", cell: (bucket) => formatCount(bucket.parameters), align: "right" },
      { title: "", cell: (bucket) => formatShare(bucket.share), align: "right" },
      {
        title: "",
        cell: (bucket) => bucketNote(bucket, style),
        stretch: true,
        optional: 1,
        paint: (text) => style.color.dim(text),
      },
    ],
    style,
    { header: false, stretchMin: 28 },
  );
  if (model.tiedEmbeddings) lines.push(style.color.dim(cut(TIED, style.width, "end", style.glyphs.ellipsis)));
  return [heading("Where the parameters are", style), ...lines];
}

const TIED = "  head        none of its own: the embedding table is used again (tied)";

/** What a bucket does; for mixed attention, what share of it isn't attention. */
function bucketNote({ bucket, parts, parameters }: ReportBucket, style: Style): string {
  if (bucket === "attention") {
    const other = parts
      .filter(({ part }) => /^(ssm|linattn|rwkv|shortconv)\./.test(part))
      .reduce((sum, part) => sum + part.parameters, 0);
    if (other === parameters) return "all of it recurrent, no attention";
    if (other > 0) return `${formatShare(other / parameters)} of it recurrent mixers`;
  }
  if (bucket === "head" && !parts.some(({ part }) => part === "lm_head")) return "pools or classifies the text";
  // What lands here has little in common, so its parts say more than the bucket.
  if (bucket === "other" && parameters > 0) {
    return parts
      .filter((part) => part.parameters > 0)
      .slice(0, 3)
      .map(({ part }) => safe(part))
      .join(", ");
  }
  return style.width >= WIDE ? bucketWords(bucket) : bucketTag(bucket);
}

function layerLines(report: Report, style: Style): string[] {
  const { layerGroups, layers, parameters } = report;
  if (layers.length === 0 || SPECIAL[report.model.kind]) return [];
  const stacks = [...new Set(layers.map((layer) => layer.stack))];
  const counts = stacks.map(
    (stack) => `${layers.filter((layer) => layer.stack === stack).length}${stacks.length > 1 ? ` ${safe(stack)}` : ""}`,
  );
  // Layers of one stack that hold as many parameters differ in how they are stored.
  const differInType =
    new Set(layerGroups.map(({ stack, layer }) => `${stack} ${layer.parameters}`)).size < layerGroups.length;
  const lines = table<LayerGroup>(
    layerGroups.slice(0, GROUPS_SHOWN),
    [
      {
        title: "",
        cell: ({ stack, ranges }) =>
          `${stacks.length > 1 ? `${safe(stack)} ` : ""}${formatRanges(ranges, style.glyphs.ellipsis)}`,
        stretch: true,
        cutAt: "end",
      },
      { title: "", cell: ({ count }) => (count === 1 ? "" : `${count} alike`), align: "right" },
      { title: "", cell: ({ layer }) => formatCount(layer.parameters), align: "right" },
      { title: "", cell: ({ layer }) => formatBytes(layer.bytes), align: "right" },
      {
        title: "",
        cell: ({ layer }) => (differInType ? typesByBytes(layer) : mainBuckets(layer)),
        optional: 1,
        paint: (text) => style.color.dim(text),
      },
    ],
    style,
    { header: false, stretchMin: 32 },
  );
  const more = layerGroups.length - GROUPS_SHOWN;
  if (more > 0) lines.push(style.color.dim(`  and ${more} more kinds of layers`));
  const outside =
    parameters.outsideLayers > 0
      ? `${formatCount(parameters.outsideLayers)} parameters stand outside of them`
      : undefined;
  return [heading(`Layers: ${counts.join(", ")}`, style, outside), ...lines];
}

function mainBuckets({ buckets }: LayerGroup["layer"]): string {
  return Object.entries(buckets)
    .filter(([, { parameters }]) => parameters > 0)
    .sort((a, b) => b[1].parameters - a[1].parameters)
    .slice(0, 2)
    .map(([bucket, { parameters }]) => `${bucket} ${formatCount(parameters)}`)
    .join(", ");
}

function storageLines(report: Report, style: Style): string[] {
  const { quantization } = report;
  if (quantization.types.length === 0) return [];
  const more = quantization.types.length - TYPES_SHOWN;
  return [
    heading("How they are stored", style),
    ...wrap(labelLine(report), style.width - 2).map((line) => `  ${line}`),
    ...typeTable(report, style, TYPES_SHOWN),
    ...(more > 0 ? [style.color.dim(`  and ${more} more types`)] : []),
  ];
}

function findingSection(report: Report, style: Style): string[] {
  const { findings } = report;
  if (findings.length === 0) return [];
  return [heading(`Findings: ${countFindings(findings)}`, style), ...findingLines(findings, style, FINDINGS_SHOWN)];
}

function hint(report: Report, style: Style): string {
  const more = report.parameters.stored === 0 ? "inspect meta" : "inspect layers, tensors, quant, meta";
  return style.color.dim(
    cut(`More: ${more} (same target); --json for scripts`, style.width, "end", style.glyphs.ellipsis),
  );
}
