/** `inspect layers <target>`: a row a layer or a run of like layers, by bucket. */
import {
  type Bucket,
  formatBytes,
  formatCount,
  type Layer,
  type LayerGroup,
  type Report,
} from "@checkpoint-inspect/analysis";

import type { Style } from "../terminal.ts";
import { bucketColor } from "./palette.ts";
import { formatRanges, heading, patternLines, title, typesByBytes } from "./parts.ts";
import { type Column, table } from "./table.ts";
import { safe, wrap } from "./text.ts";

/** @param all a row for every layer, alike or not */
export function layersView(report: Report, style: Style, all: boolean): string {
  const lines = [...title(report, style), ""];
  if (report.layers.length === 0) return [...lines, "This checkpoint has no layers."].join("\n");
  const groups: readonly LayerGroup[] = all
    ? report.layers.map((layer) => ({ stack: layer.stack, ranges: [[layer.index, layer.index]], count: 1, layer }))
    : report.layerGroups;
  const stacks = [...new Set(groups.map((group) => group.stack))];
  for (const stack of stacks) {
    const rows = groups.filter((group) => group.stack === stack);
    const layerCount = report.layers.filter((layer) => layer.stack === stack).length;
    lines.push(
      heading(
        stack === "text" ? `${layerCount} layers` : `${layerCount} ${safe(stack)} layers`,
        style,
        all ? undefined : alike(rows),
      ),
    );
    const patterns = report.layerPatterns.filter((pattern) => pattern.stack === stack);
    lines.push(...patternLines(patterns, false, style));
    lines.push(...table(rows, columns(rows, style), style, { stretchMin: 16 }), "");
  }
  const { outsideLayers } = report.parameters;
  const outside = `${formatCount(outsideLayers)} parameters stand outside of the layers (tables, final norm, head).`;
  lines.push(...wrap(outside, style.width).map((line) => style.color.dim(line)));
  return lines.join("\n");
}

/** Rows of like layers that hold as much, and so differ in how it is stored. */
function differInType(groups: readonly LayerGroup[]): boolean {
  return new Set(groups.map(({ layer }) => layer.parameters)).size < groups.length;
}

function alike(groups: readonly LayerGroup[]): string | undefined {
  if (groups.length === 1) return "all alike";
  return `${groups.length} kinds; layers alike share a row (--all: one each)`;
}

function columns(groups: readonly LayerGroup[], style: Style): Column<LayerGroup>[] {
  const buckets = [...new Set(groups.flatMap(({ layer }) => Object.keys(layer.buckets) as Bucket[]))];
  const count = (layer: Layer, bucket: Bucket) => layer.buckets[bucket]?.parameters ?? 0;
  return [
    { title: "layer", cell: ({ ranges }) => formatRanges(ranges, style.glyphs.ellipsis), stretch: true },
    ...(groups.some((group) => group.count > 1)
      ? [{ title: "alike", cell: ({ count }: LayerGroup) => (count > 1 ? String(count) : ""), align: "right" as const }]
      : []),
    { title: "params", cell: ({ layer }) => formatCount(layer.parameters), align: "right" },
    { title: "bytes", cell: ({ layer }) => formatBytes(layer.bytes), align: "right" },
    ...buckets
      .filter((bucket) => groups.some(({ layer }) => count(layer, bucket) > 0))
      .map((bucket, place) => ({
        title: bucket,
        cell: ({ layer }: LayerGroup) => (count(layer, bucket) > 0 ? formatCount(count(layer, bucket)) : "-"),
        align: "right" as const,
        optional: bucket === "norm" ? 99 : 2 + place,
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
