/** `inspect layers <target>`: a row a layer or a run of like layers, by bucket. */
import {
  BUCKETS,
  type Bucket,
  formatBytes,
  formatCount,
  formatRanges,
  type Layer,
  type LayerGroup,
  plural,
  type Report,
} from "@checkpoint-inspect/analysis";

import type { Style } from "../terminal.ts";
import { differInType, kindNames, rangeLines } from "./layer-rows.ts";
import { bucketColor } from "./palette.ts";
import { heading, patternLines, title, typesByBytes } from "./parts.ts";
import { type Column, table } from "./table.ts";
import { safe, wrapList } from "./text.ts";

/** @param all a row for every layer, alike or not */
export function layersView(report: Report, style: Style, all: boolean): string {
  if (report.layers.length === 0) return [...title(report, style), "", "This checkpoint has no layers."].join("\n");
  const groups: readonly LayerGroup[] = all
    ? report.layers.map((layer) => ({ stack: layer.stack, ranges: [[layer.index, layer.index]], count: 1, layer }))
    : report.layerGroups;
  const stacks = [...new Set(groups.map((group) => group.stack))];
  const sections = stacks.map((stack) => {
    const rows = groups.filter((group) => group.stack === stack);
    const layerCount = report.layers.filter((layer) => layer.stack === stack).length;
    const patterns = report.layerPatterns.filter((pattern) => pattern.stack === stack);
    return [
      heading(
        plural(layerCount, stack === "text" ? "layer" : `${safe(stack)} layer`),
        style,
        all || layerCount === 1 ? undefined : alike(rows),
      ),
      ...patternLines(patterns, false, style),
      ...table(rows, columns(rows, style), style, { stretchMin: 16 }),
    ].join("\n");
  });
  const footer = wrapList(outsideWords(report), style.width).map((line) => style.color.dim(line));
  return [title(report, style).join("\n"), ...sections, footer.join("\n")].filter(Boolean).join("\n\n");
}

/** What stands in no layer, by bucket, the largest first; nothing where all parameters are in layers. */
function outsideWords({ parameters, buckets, layers }: Report): string[] {
  if (parameters.outsideLayers === 0) return [];
  const rest = buckets
    .map(({ bucket, parameters: all }) => ({
      bucket,
      left: layers.reduce((sum, layer) => sum - (layer.buckets[bucket]?.parameters ?? 0), all),
    }))
    .filter(({ left }) => left !== 0)
    .sort((a, b) => b.left - a.left);
  const sum = `${formatCount(parameters.outsideLayers)} parameters stand outside of the layers`;
  // The halves of a fused tensor count in two buckets, but in its layer as one: then the differences say nothing.
  if (rest.some(({ left }) => left < 0)) return [`${sum}.`];
  const words = rest.map(({ bucket, left }) => `${bucket} ${formatCount(left)}`);
  return [`${sum}: ${words[0]}`, ...words.slice(1)].map((word, i, all) => (i < all.length - 1 ? word : `${word}.`));
}

function alike(groups: readonly LayerGroup[]): string | undefined {
  if (groups.length === 1) return "all alike";
  return `${groups.length} kinds; layers alike share a row (--all: one each)`;
}

function columns(groups: readonly LayerGroup[], style: Style): Column<LayerGroup>[] {
  const count = (layer: Layer, bucket: Bucket) => layer.buckets[bucket]?.parameters ?? 0;
  const sum = (bucket: Bucket) => groups.reduce((total, group) => total + group.count * count(group.layer, bucket), 0);
  const buckets = BUCKETS.filter((bucket) => sum(bucket) > 0);
  // Where room is short the norms go first, then the smallest.
  const bySize = [...buckets].sort((a, b) => sum(b) - sum(a));
  return [
    { title: "layer", cell: ({ ranges }) => formatRanges(ranges), stretch: true, fold: rangeLines },
    { title: "kind", cell: kindNames(groups), optional: 0.3 },
    {
      title: "alike",
      cell: ({ count: alikes }) => (alikes > 1 ? String(alikes) : ""),
      align: "right",
      optional: 0.5,
    },
    { title: "params", cell: ({ layer }) => formatCount(layer.parameters), align: "right" },
    { title: "bytes", cell: ({ layer }) => formatBytes(layer.bytes), align: "right" },
    ...buckets.map((bucket) => ({
      title: bucket,
      cell: ({ layer }: LayerGroup) => (count(layer, bucket) > 0 ? formatCount(count(layer, bucket)) : "-"),
      align: "right" as const,
      optional: bucket === "norm" ? 99 : 2 + bySize.indexOf(bucket),
      paint: (text: string) => bucketColor(style, bucket)(text),
    })),
    {
      title: "types",
      cell: ({ layer }) => typesByBytes(layer),
      optional: differInType(groups) ? 1 : 100,
      paint: (text) => style.color.dim(text),
    },
  ];
}
