/** How fast it would be, and at what cost: estimates as ranges, with what they rest on. */
import { formatBytes, formatCount, formatExact, type Range } from "@checkpoint-inspect/analysis";

import type { MemoryView } from "../../memory/room.ts";
import type { Style } from "../../terminal.ts";
import { heading } from "../parts.ts";
import { type Row, rowLines } from "../rows.ts";
import { safe, wrap } from "../text.ts";
import { inner } from "./marks.ts";

export function speedLines({ speed, answer }: MemoryView, style: Style): string[] {
  if (!speed) return [];
  const title = heading("How fast, as an estimate", style);
  if ("missing" in speed) {
    return [
      title,
      ...wrap(`unknown: needs ${safe(speed.missing)}`, style.width - 2).map((line) => style.color.dim(`  ${line}`)),
    ];
  }
  const { empty, full, prefill, experts, cost, ram } = speed;
  const { settings } = answer;
  const rows: Row[] = [
    [
      "writing",
      rate(empty.tokensPerSecond),
      `with an empty cache: ${formatBytes(empty.bytesPerStep)} read for each step`,
    ],
    [
      "",
      rate(full.tokensPerSecond),
      `behind ${formatExact(settings.context)} tokens: ${formatBytes(full.bytesPerStep)}`,
    ],
    ...(prefill ? [["reading", rate(prefill.tokensPerSecond), "the prompt, by arithmetic"] as const] : []),
    ...(cost
      ? [
          ["cost", range(cost.output), "per million tokens written, in the currency of --price"] as const,
          ...(cost.input ? [["", range(cost.input), "per million tokens of prompt"] as const] : []),
        ]
      : []),
  ];
  const notes = [
    ...full.notes,
    ...(experts ? [experts.words] : []),
    ...(ram
      ? [
          `What lies in RAM is read at ${formatBytes(ram.bytesPerSecond)} a second (${ram.source}); --ram says otherwise.`,
        ]
      : []),
  ];
  return [
    title,
    ...rowLines(rows, inner(style)).map((line) => `  ${line}`),
    ...notes.flatMap((note) => wrap(safe(note), style.width - 2).map((line) => style.color.dim(`  ${line}`))),
  ];
}

function rate(speed: Range): string {
  return `${range(speed)} tokens/s`;
}

/** 41-78, 12.4 K-24.8 K, 2.8e-6-5.7e-6: two or three digits say all that an estimate knows. */
function range({ low, high }: Range): string {
  return `${short(low)}-${short(high)}`;
}

function short(value: number): string {
  if (value >= 10_000) return formatCount(value);
  if (value >= 100) return formatExact(Math.round(value));
  return value > 0 && value < 0.001 ? value.toExponential(1) : Number(value.toPrecision(2)).toString();
}
