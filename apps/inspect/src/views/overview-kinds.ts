/** What the overview says of kinds that a list of buckets doesn't explain: adapters, pipelines, and what is no model at all. */
import {
  type AdapterTarget,
  type ComponentCount,
  formatBytes,
  formatCount,
  formatExact,
  formatShare,
  plural,
  type Report,
} from "@checkpoint-inspect/analysis";

import type { Style } from "../terminal.ts";
import { detailRows } from "./overview-parameters.ts";
import { heading } from "./parts.ts";
import { type Row, rowLines } from "./rows.ts";
import { table } from "./table.ts";
import { safe } from "./text.ts";

/** Target modules that the overview lists; adapters of diffusion models have dozens. */
const TARGETS_SHOWN = 8;

const SPECIAL: Partial<Record<Report["model"]["kind"], (report: Report) => string>> = {
  vocab: (report) =>
    `A tokenizer without a model: ${formatExact(report.model.vocabularySize ?? 0)} tokens, no tensors.${told(report)}`,
  imatrix: (report) => {
    const { parameters } = report;
    const tensors = parameters.excluded.find(({ reason }) => reason === "statistics")?.tensors ?? 0;
    return (
      `An importance matrix: statistics of ${plural(Math.ceil(tensors / 2), "weight matrix", "weight matrices")}, from which a ` +
      `quantizer tells the weights that matter most. It holds no parameters.${told(report)}`
    );
  },
  "control-vector": (report) =>
    `A control vector: one direction for each of ${plural(report.layers.length, "layer")}, ${formatExact(report.parameters.total)} numbers in all. ` +
    `Added to the layers' outputs, it steers what a model writes.${told(report)}`,
};

/** What the file says of itself, as sentences: " Made from wiki.txt, 100 chunks of text." */
function told(report: Report): string {
  return detailRows(report)
    .map(([label, , words]) => ` ${label} ${words}.`)
    .join("");
}

/** What a checkpoint of this kind is for, or undefined for one whose parameters say it. */
export function kindWords(report: Report): string | undefined {
  return SPECIAL[report.model.kind]?.(report);
}

/** The models of a pipeline or of a single-file diffusion checkpoint. */
export function componentLines({ components = [], parameters }: Report, style: Style): string[] {
  if (components.length === 0) return [];
  const rows = table<ComponentCount>(
    components,
    [
      { title: "component", cell: ({ name }) => safe(name), stretch: true, cutAt: "middle" },
      { title: "params", cell: (row) => formatCount(row.parameters), align: "right" },
      { title: "share", cell: (row) => formatShare(row.parameters / Math.max(1, parameters.total)), align: "right" },
      { title: "bytes", cell: ({ bytes }) => formatBytes(bytes), align: "right" },
      { title: "what it is", cell: ({ words }) => safe(words), optional: 1, paint: (text) => style.color.dim(text) },
      {
        title: "class",
        cell: ({ className }) => safe(className ?? ""),
        optional: 2,
        paint: (text) => style.color.dim(text),
      },
    ],
    style,
    { stretchMin: 12 },
  );
  return [heading(`Components: ${components.length}`, style, "each a model of its own"), ...rows];
}

/** What an adapter changes, how strongly, and in which model. */
export function adapterLines({ adapter }: Report, style: Style): string[] {
  if (!adapter) return [];
  const { rank, targets, modulesToSave, base, baseArchitecture, layers, sources } = adapter;
  const ranks = rank === null ? "?" : typeof rank === "number" ? formatExact(rank) : rank.map(formatExact).join(", ");
  const whole = sum(modulesToSave, "parameters");
  const factors = sum(targets, "parameters");
  const rows: Row[] = [
    ["Rank", ranks, rank === null ? "not stated" : `width of the narrow matrices; from ${safe(sources.rank ?? "")}`],
    alphaRow(adapter),
    ["Targets", formatExact(sum(targets, "count")), targetWords(targets, layers)],
    // Without whole modules, the factors are all the parameters there are.
    ...(whole > 0
      ? [
          ["Factors", formatCount(factors), `${formatExact(factors)}: the change itself`] as const,
          ["Stored whole", formatCount(whole), `${formatExact(whole)}: ${targetWords(modulesToSave, 0)}`] as const,
        ]
      : []),
    ["Base", "", safe(base ?? "not stated") + (baseArchitecture ? ` (${safe(baseArchitecture)})` : "")],
  ];
  return [heading("What it changes", style), ...rowLines(rows, style)];
}

function alphaRow({ alpha, scaling, rankStabilized, sources }: NonNullable<Report["adapter"]>): Row {
  if (alpha === null && scaling === null) return ["Alpha", "?", "not stated in the file or beside it"];
  const method = rankStabilized ? " (rsLoRA: alpha / square root of the rank)" : "";
  const counts = scaling === null ? "" : `the change counts ${decimal(scaling)}-fold${method}; `;
  return ["Alpha", alpha === null ? "?" : decimal(alpha), `${counts}from ${safe(sources.alpha ?? "")}`];
}

function sum(targets: readonly AdapterTarget[], what: "count" | "parameters"): number {
  return targets.reduce((all, target) => all + target[what], 0);
}

function targetWords(targets: readonly AdapterTarget[], layers: number): string {
  const shown = targets
    .slice(0, TARGETS_SHOWN)
    .map(({ module, count }) => (count > 1 ? `${safe(module)} x${formatExact(count)}` : safe(module)))
    .join(", ");
  const more = targets.length > TARGETS_SHOWN ? `, and ${plural(targets.length - TARGETS_SHOWN, "more module")}` : "";
  return `modules${layers > 0 ? ` in ${plural(layers, "layer")}` : ""}: ${shown}${more}`;
}

function decimal(value: number): string {
  return String(Number(value.toPrecision(4)));
}
