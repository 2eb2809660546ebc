/** `inspect memory A B C`: models or quantizations side by side. */
import { formatCount, formatExact, formatMemory } from "@checkpoint-inspect/analysis";

import type { MemoryView } from "../../memory/room.ts";
import type { Style } from "../../terminal.ts";
import { heading } from "../parts.ts";
import { table } from "../table.ts";
import { safe, wrap } from "../text.ts";
import { MARK_WORDS, marked, paintVerdict } from "./marks.ts";

export function compareView(views: readonly MemoryView[], style: Style): string {
  const gpu = views.some(({ answer }) => answer.machine);
  const fast = views.some(({ speed }) => speed && !("missing" in speed));
  const rows = table<MemoryView>(
    views,
    [
      { title: "", cell: ({ report }) => safe(report.source.label), stretch: true, cutAt: "middle" },
      { title: "params", cell: ({ model }) => formatCount(model.parameters.total), align: "right" },
      { title: "active", cell: active, align: "right", optional: 2 },
      { title: "bits", cell: ({ report }) => report.quantization.bitsPerWeight?.toFixed(2) ?? "?", align: "right" },
      { title: "weights", cell: ({ answer }) => formatMemory(answer.plan.weights.bytes), align: "right", optional: 1 },
      { title: "KV cache", cell: ({ answer }) => figure(answer.plan.cache?.bytes), align: "right", optional: 3 },
      {
        title: gpu ? "total  " : "total",
        cell: ({ answer }) => marked(figure(answer.plan.totalBytes), answer.machine?.devices.verdict),
        align: "right",
        paint: (text, { answer }) => paintVerdict(text, answer.machine?.devices.verdict, style),
      },
      ...(gpu
        ? [
            { title: "most context", cell: mostContext, align: "right" as const },
            ...(fast ? [{ title: "tokens/s", cell: speedOf, align: "right" as const }] : []),
          ]
        : []),
    ],
    style,
    { stretchMin: 24 },
  );
  const [first] = views;
  const contexts = [...new Set(views.map(({ answer }) => answer.settings.context))];
  const context =
    contexts.length === 1 && first
      ? `${formatExact(first.answer.settings.context)} tokens`
      : "8,192 tokens, or as many as each was trained for";
  const names =
    first && first.hardware.length > 0 ? ` on ${first.hardware.map(({ name }) => safe(name)).join(" + ")}` : "";
  const note =
    "Bits are measured. A larger model in 4 bits mostly answers better than one of half its size in 8, at the same memory; below 3 bits that ends (arXiv:2212.09720).";
  return [
    heading(`Side by side${names}`, style, `with ${context}`),
    ...rows,
    ...(gpu ? [style.color.dim(`  ${MARK_WORDS}`)] : []),
    ...wrap(note, style.width - 2).map((line) => style.color.dim(`  ${line}`)),
  ].join("\n");
}

function figure(bytes: number | null | undefined): string {
  return bytes === null || bytes === undefined ? "?" : formatMemory(bytes);
}

function active({ model }: MemoryView): string {
  const { active: used, total } = model.parameters;
  return used === null ? "?" : used === total ? "all" : formatCount(used);
}

/** With the cache as it was asked for. */
function mostContext({ answer }: MemoryView): string {
  const { machine, settings } = answer;
  const found = machine?.largest.find(
    (row) => row.keyType === settings.keyType && row.valueType === settings.valueType,
  );
  if (!found) return "?";
  return found.tokens === 0 ? "none" : `${formatExact(found.tokens)}${found.all ? " (all)" : ""}`;
}

function speedOf({ speed }: MemoryView): string {
  if (!speed || "missing" in speed) return "?";
  const { low, high } = speed.empty.tokensPerSecond;
  return `${Math.round(low)}-${Math.round(high)}`;
}
