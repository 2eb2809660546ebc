/** `inspect <target>`: one screen that says what the model is made of. */
import {
  type Bucket,
  bucketTag,
  bucketWords,
  formatBytes,
  formatCount,
  formatExact,
  formatShare,
  type LayerGroup,
  plural,
  type Report,
  type ReportBucket,
  splitParts,
} from "@checkpoint-inspect/analysis";

import { countBySeverity, countWords } from "../severities.ts";
import type { Style } from "../terminal.ts";
import { bars } from "./bars.ts";
import { differInType, kindNames, shortRanges } from "./layer-rows.ts";
import { adapterLines, componentLines, kindWords } from "./overview-kinds.ts";
import { memoryLines } from "./overview-memory.ts";
import { parameterRows } from "./overview-parameters.ts";
import { bucketColor } from "./palette.ts";
import { findingLines, heading, patternLines, title, typesByBytes } from "./parts.ts";
import { excludedLines, labelLine, schemeTable, typeTable } from "./quant.ts";
import { rowLines } from "./rows.ts";
import { table } from "./table.ts";
import { padEnd, safe, width, wrap, wrapList } from "./text.ts";

/** How much of a long list the overview shows; the commands of their own show all. */
const GROUPS_SHOWN = 6;
const TYPES_SHOWN = 6;
const FINDINGS_SHOWN = 3;
const PATTERNS_SHOWN = 6;

/** From here on there is room for longer bars and whole sentences. */
const WIDE = 100;
/** And below this, less room for bars. */
const NARROW = 60;

export function overview(report: Report, style: Style): string {
  const sections = [
    title(report, style),
    parameterLines(report, style),
    adapterLines(report, style),
    componentLines(report, style),
    bucketLines(report, style),
    layerLines(report, style),
    storageLines(report, style),
    memoryLines(report, style),
    findingSection(report, style),
    hintLines(report, style),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

function parameterLines(report: Report, style: Style): string[] {
  const { parameters } = report;
  const special = kindWords(report);
  if (special) return wrap(special, style.width);
  if (parameters.stored === 0) return wrap("No tensors: the header holds metadata only.", style.width);
  if (parameters.total === 0) {
    const stored = formatExact(parameters.stored);
    return wrap(`No parameters: ${stored} integers or derived values, nothing learned.`, style.width);
  }
  return rowLines(parameterRows(report, style), style);
}

function bucketLines(report: Report, style: Style): string[] {
  const { parameters, buckets, model } = report;
  // What an adapter changes says more than that its factors are none of the model's own parts.
  if (parameters.total === 0 || kindWords(report) || model.kind === "adapter") return [];
  const shown = buckets.filter((bucket) => bucket.parameters > 0);
  const drawn = bars(
    shown.map((bucket) => bucket.parameters),
    style.width >= WIDE ? 20 : style.width >= NARROW ? 14 : 10,
    style,
  );
  const bar = new Map(shown.map((bucket, i) => [bucket, drawn[i] ?? ""]));
  const note = bucketNotes(shown, report, style.width - figureColumns(shown, drawn));
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
        cell: note,
        stretch: true,
        optional: 1,
        paint: (text) => style.color.dim(text),
      },
    ],
    style,
    { header: false, stretchMin: TAG_COLUMNS },
  );
  // From the last row up, so that the places of those above stay.
  for (const [i, bucket] of [...shown.entries()].reverse()) {
    lines.splice(i + 1, 0, ...partLines(bucket, style));
  }
  if (model.tiedEmbeddings) {
    const indent = "  head        ";
    for (const [i, line] of wrap(TIED, style.width - indent.length).entries())
      lines.push(style.color.dim((i === 0 ? indent : padEnd("", indent.length)) + line));
  }
  return [heading("Where the parameters are", style), ...lines];
}

/** Buckets whose parts people ask for by name, and how these are grouped and called in a line. */
const NAMED_PARTS: Partial<Record<Bucket, readonly (readonly [name: string, parts: RegExp])[]>> = {
  attention: [
    ["Q", /^(?:cross\.)?q$/],
    ["K", /^(?:cross\.)?k$/],
    ["V", /^(?:cross\.)?v$/],
    ["QKV fused", /^(?:fused_)?qkv/],
    ["KV fused", /^kv$/],
    ["latent Q", /^mla\.q/],
    ["latent KV", /^mla\.(?:kv|k|v)/],
    ["O", /^(?:cross\.)?o$|^mla\.o/],
    ["gates", /gate$/],
    ["indexer", /^indexer\./],
    ["state space", /^ssm\./],
    ["linear", /^linattn\./],
    ["RWKV", /^rwkv\./],
    ["convolution", /^shortconv\./],
    // The same step once more, with weights for the tokens of an image.
    ["for images", /^visual_expert\./],
  ],
  ffn: [
    ["gate", /^gate$/],
    ["up", /^up$/],
    ["down", /^down$/],
    ["gate+up fused", /^gate_up$/],
    ["for images", /^visual_expert\./],
  ],
  expert: [
    ["routed", /^routed/],
    ["shared", /^shared/],
    ["router", /^router/],
    ["latent", /^latent/],
  ],
};

/** Below this share of a bucket, what no name takes doesn't show in the sum. */
const VISIBLE_SHARE = 0.001;

/** `Q 537 M, K 134 M, V 134 M, O 537 M`; fused tensors are split where the model's sizes tell. The figures add up to the bucket. */
function partLines(bucket: ReportBucket, style: Style): string[] {
  const names = NAMED_PARTS[bucket.bucket];
  if (!names) return [];
  const sums = new Map<string, number>();
  let rest = bucket.parameters;
  for (const { part, parameters } of splitParts(bucket)) {
    const name = names.find(([, pattern]) => pattern.test(part))?.[0];
    if (!name || parameters === 0) continue;
    sums.set(name, (sums.get(name) ?? 0) + parameters);
    rest -= parameters;
  }
  if (sums.size > 0 && rest >= bucket.parameters * VISIBLE_SHARE) sums.set("other", rest);
  if (sums.size < 2) return [];
  const words = [...names.map(([name]) => name), "other"].flatMap((name) => {
    const sum = sums.get(name);
    return sum ? [`${name} ${formatCount(sum)}`] : [];
  });
  return wrapList(words, style.width - 4).map((line) => style.color.dim(`    ${line}`));
}

const TIED = "none of its own: the embedding table is used again (tied)";

/** What a bucket's words take in short. */
const TAG_COLUMNS = 34;

/** Columns of all that stands before the words, gaps included. */
function figureColumns(buckets: readonly ReportBucket[], drawn: readonly string[]): number {
  const columns = [
    buckets.map(({ bucket }) => bucket),
    drawn,
    buckets.map(({ parameters }) => formatCount(parameters)),
    buckets.map(({ share }) => formatShare(share)),
  ];
  return columns.reduce((sum, cells) => sum + 2 + Math.max(0, ...cells.map(width)), 2);
}

/** What each bucket does: in whole lines where all of them fit, else in short. */
function bucketNotes(
  buckets: readonly ReportBucket[],
  { model }: Report,
  room: number,
): (bucket: ReportBucket) => string {
  const long = new Map(
    buckets.map((bucket) => [bucket, ownNote(bucket, room) ?? bucketWords(bucket.bucket, model.kind, bucket.parts)]),
  );
  if ([...long.values()].every((words) => width(words) <= room)) return (bucket) => long.get(bucket) ?? "";
  return (bucket) => ownNote(bucket, room) ?? bucketTag(bucket.bucket, model.kind, bucket.parts);
}

/** Where the parts say more than the bucket: what share of mixed attention isn't attention, and what is in the rest. */
function ownNote({ bucket, parts, parameters }: ReportBucket, room: number): string | undefined {
  if (bucket === "attention") {
    const other = parts
      .filter(({ part }) => /^(ssm|linattn|rwkv|shortconv)\./.test(part))
      .reduce((sum, part) => sum + part.parameters, 0);
    if (other === parameters) return "all of it recurrent, no attention";
    if (other > 0) return `${formatShare(other / parameters)} of it recurrent mixers`;
  }
  if (bucket !== "other" || parameters === 0) return undefined;
  const named = parts
    .filter((part) => part.parameters > 0)
    .slice(0, 3)
    .map(({ part }) => safe(part));
  // Rather fewer names than a cut one.
  while (named.length > 1 && width(named.join(", ")) > Math.max(room, TAG_COLUMNS)) named.pop();
  return named.join(", ");
}

function layerLines(report: Report, style: Style): string[] {
  const { layerGroups, layers, parameters } = report;
  if (layers.length === 0 || kindWords(report) || report.adapter) return [];
  const stacks = [...new Set(layers.map((layer) => layer.stack))];
  const named = stacks.length > 1;
  const counts = stacks.map(
    (stack) => `${layers.filter((layer) => layer.stack === stack).length}${named ? ` ${safe(stack)}` : ""}`,
  );
  const inType = differInType(layerGroups);
  const kindOf = kindNames(layerGroups);
  // Where the kind already tells a row's main parts, the largest says enough.
  const most = style.width < WIDE && layerGroups.some((group) => kindOf(group) !== "") ? 1 : 2;
  const lines = table<LayerGroup>(
    layerGroups.slice(0, GROUPS_SHOWN),
    [
      {
        title: "",
        cell: (group) => shortRanges(group, named, RANGES_MOST, style.glyphs.ellipsis),
        stretch: true,
        fold: (group, columns) => [shortRanges(group, named, columns, style.glyphs.ellipsis)],
      },
      { title: "", cell: kindOf, optional: 0.3 },
      { title: "", cell: ({ count }) => (count === 1 ? "" : `${count} alike`), align: "right", optional: 0.5 },
      { title: "", cell: ({ layer }) => formatCount(layer.parameters), align: "right" },
      { title: "", cell: ({ layer }) => formatBytes(layer.bytes), align: "right" },
      {
        title: "",
        cell: ({ layer }) => (inType ? typesByBytes(layer) : mainBuckets(layer, most)),
        optional: 1,
        paint: (text) => style.color.dim(text),
      },
    ],
    style,
    { header: false, stretchMin: named ? RANGES_MOST : RANGES_LEAST },
  );
  const more = layerGroups.length - GROUPS_SHOWN;
  if (more > 0) lines.push(...moreLines(more, "more kind of layer", "more kinds of layers", "layers", style));
  const outside =
    parameters.outsideLayers > 0
      ? `${formatCount(parameters.outsideLayers)} parameters stand outside of them`
      : undefined;
  return [
    heading(`Layers: ${counts.join(", ")}`, style, outside),
    ...patternLines(report.layerPatterns.slice(0, PATTERNS_SHOWN), named, style),
    ...lines,
  ];
}

/** Columns for a list of layers: what it needs to say something, and what is too much of it. */
const RANGES_LEAST = 18;
const RANGES_MOST = 36;

/** `and 2 more types: inspect quant`: how many are left out, and where they are. */
function moreLines(count: number, one: string, many: string, command: string, style: Style): string[] {
  const words = `and ${plural(count, one, many)}: inspect ${command}`;
  return wrap(words, style.width - 2).map((line) => style.color.dim(`  ${line}`));
}

function mainBuckets({ buckets }: LayerGroup["layer"], most: number): string {
  return Object.entries(buckets)
    .filter(([, { parameters }]) => parameters > 0)
    .sort((a, b) => b[1].parameters - a[1].parameters)
    .slice(0, most)
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
    ...schemeTable(report, style),
    ...typeTable(report, style, TYPES_SHOWN),
    ...(more > 0 ? moreLines(more, "more type", "more types", "quant", style) : []),
    ...excludedLines(report, style, false),
  ];
}

function findingSection(report: Report, style: Style): string[] {
  const { findings } = report;
  if (findings.length === 0) return [];
  return [
    heading(`Findings: ${countWords(countBySeverity(findings))}`, style),
    ...findingLines(findings, style, FINDINGS_SHOWN),
  ];
}

/** What `inspect explain` says most on, by kind; of a language model it depends on its experts. */
const TERMS: Partial<Record<Report["model"]["kind"], string>> = {
  adapter: "lora",
  vocab: "tokenizer",
  imatrix: "quantization",
  diffusion: "parameter",
};

function hintLines({ parameters, model, experts, quantization, memory }: Report, style: Style): string[] {
  const commands =
    parameters.stored === 0 ? "meta" : memory ? "layers, tensors, quant, memory, meta" : "layers, tensors, quant, meta";
  const quantized = quantization.bitsPerWeight !== null && quantization.bitsPerWeight < 12;
  const term = TERMS[model.kind] ?? (experts ? "moe" : quantized ? "quantization" : "parameter");
  const more = style.width >= WIDE ? " (plain words); --json" : "";
  const hint = `More: inspect ${commands}; inspect explain ${term} FILE${more}`;
  return wrap(hint, style.width).map((line) => style.color.dim(line));
}
