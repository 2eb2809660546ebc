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
  type Report,
  type ReportBucket,
  splitParts,
} from "@checkpoint-inspect/analysis";

import type { Style } from "../terminal.ts";
import { bars } from "./bars.ts";
import { adapterLines, componentLines, kindWords } from "./overview-kinds.ts";
import { parameterRows } from "./overview-parameters.ts";
import { bucketColor } from "./palette.ts";
import { countFindings, findingLines, formatRanges, heading, patternLines, title, typesByBytes } from "./parts.ts";
import { labelLine, schemeTable, typeTable } from "./quant.ts";
import { rowLines } from "./rows.ts";
import { table } from "./table.ts";
import { cut, safe, wrap } from "./text.ts";

/** How much of a long list the overview shows; the commands of their own show all. */
const GROUPS_SHOWN = 6;
const TYPES_SHOWN = 6;
const FINDINGS_SHOWN = 5;
const PATTERNS_SHOWN = 6;

/** From here on there is room for longer bars and whole sentences. */
const WIDE = 100;

export function overview(report: Report, style: Style): string {
  const sections = [
    title(report, style),
    parameterLines(report, style),
    adapterLines(report, style),
    componentLines(report, style),
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

function parameterLines(report: Report, style: Style): string[] {
  const { parameters } = report;
  const special = kindWords(report);
  if (special) return wrap(special, style.width);
  if (parameters.stored === 0) return ["No tensors: the header holds metadata only."];
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
  // From the last row up, so that the places of those above stay.
  for (const [i, bucket] of [...shown.entries()].reverse()) {
    const inside = partsLine(bucket, style);
    if (inside) lines.splice(i + 1, 0, style.color.dim(inside));
  }
  if (model.tiedEmbeddings) lines.push(style.color.dim(cut(TIED, style.width, "end", style.glyphs.ellipsis)));
  return [heading("Where the parameters are", style), ...lines];
}

/** Buckets whose parts people ask for by name, and how these are grouped and called in a line. */
const NAMED_PARTS: Partial<Record<Bucket, readonly (readonly [name: string, parts: RegExp])[]>> = {
  attention: [
    ["Q", /^(?:cross\.)?q$/],
    ["K", /^(?:cross\.)?k$/],
    ["V", /^(?:cross\.)?v$/],
    ["QKV fused", /^(?:visual_expert\.|fused_)?qkv/],
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
  ],
  ffn: [
    ["gate", /^gate$/],
    ["up", /^up$/],
    ["down", /^down$/],
    ["gate+up fused", /^gate_up$/],
  ],
  expert: [
    ["routed", /^routed/],
    ["shared", /^shared/],
    ["router", /^router/],
    ["latent", /^latent/],
  ],
};

/** `Q 537 M, K 134 M, V 134 M, O 537 M`; fused tensors are split where the model's sizes tell. */
function partsLine(bucket: ReportBucket, style: Style): string | undefined {
  const names = NAMED_PARTS[bucket.bucket];
  if (!names) return undefined;
  const sums = new Map<string, number>();
  for (const { part, parameters } of splitParts(bucket)) {
    const name = names.find(([, pattern]) => pattern.test(part))?.[0];
    if (name && parameters > 0) sums.set(name, (sums.get(name) ?? 0) + parameters);
  }
  if (sums.size < 2) return undefined;
  const words = names.flatMap(([name]) => (sums.has(name) ? `${name} ${formatCount(sums.get(name) ?? 0)}` : []));
  return cut(`    ${words.join(", ")}`, style.width, "end", style.glyphs.ellipsis);
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
  if (layers.length === 0 || kindWords(report) || report.adapter) return [];
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
  return [
    heading(`Layers: ${counts.join(", ")}`, style, outside),
    ...patternLines(report.layerPatterns.slice(0, PATTERNS_SHOWN), stacks.length > 1, style),
    ...lines,
  ];
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
    ...schemeTable(report, style),
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
