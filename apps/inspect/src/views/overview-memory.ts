/** What it takes to run, in two lines of the overview. `inspect memory` has the rest. */
import { formatExact, formatMemory, type Report } from "@checkpoint-inspect/analysis";

import type { Style } from "../terminal.ts";
import { heading } from "./parts.ts";
import { safe, wrap } from "./text.ts";

export function memoryLines({ memory }: Report, style: Style): string[] {
  if (!memory) return [];
  const { engine, context, weightsBytes, kvCacheBytes, kvBytesPerToken, computeBytes, totalBytes, missing, cache } =
    memory;
  const weights = `weights ${formatMemory(weightsBytes)}`;
  const kept = kvCacheBytes === null || kvCacheBytes === 0 ? [] : [`KV cache ${formatMemory(kvCacheBytes)}`];
  const compute = computeBytes === null ? [] : [`compute ${formatMemory(computeBytes)}`];
  const name = engine === "llama.cpp" ? "llama.cpp" : "vLLM or Transformers";
  const first =
    totalBytes === null
      ? `${weights}; the rest needs ${missing.map(safe).join(", ")}`
      : `${formatMemory(totalBytes)} with ${name} at ${formatExact(context)} tokens: ${[weights, ...kept, ...compute].join(", ")}`;
  const kinds = [...new Set(cache.map(({ kind }) => safe(kind)))].join(" + ");
  const token = kvBytesPerToken !== null && kvBytesPerToken > 0 ? `, ${formatMemory(kvBytesPerToken)} a token` : "";
  const second = kinds === "" ? undefined : `kept of the text: ${kinds}${token}`;
  return [
    heading("What it takes to run", style),
    ...wrap(first, style.width - 2).map((line) => `  ${line}`),
    ...(second ? wrap(second, style.width - 2).map((line) => style.color.dim(`  ${line}`)) : []),
  ];
}
