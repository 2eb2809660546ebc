/** `inspect memory <target>`: what the model takes to run, whether it fits, how fast it would be. */
import {
  type CacheGroup,
  cacheRuleWords,
  formatExact,
  formatMemory,
  formatRanges,
  type MemoryAnswer,
  plural,
} from "@checkpoint-inspect/analysis";

import type { MemoryView } from "../../memory/room.ts";
import type { Style } from "../../terminal.ts";
import { heading, title } from "../parts.ts";
import { type Row, rowLines } from "../rows.ts";
import { safe, wrap } from "../text.ts";
import { contextLines } from "./contexts.ts";
import { machineLines } from "./machine.ts";
import { inner, needs } from "./marks.ts";
import { quantLines } from "./quants.ts";
import { speedLines } from "./speed.ts";
import { trainingLines } from "./training.ts";

export function memoryView(view: MemoryView, style: Style): string {
  const { report, answer } = view;
  const sections = [
    title(report, style),
    takesLines(view, style),
    cacheLines(view, style),
    machineLines(view, style),
    contextLines(view, style),
    quantLines(view, style),
    speedLines(view, style),
    trainingLines(view, style),
    commandLines(answer, style),
    hintLines(view, style),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

const ENGINE_WORDS = { "llama.cpp": "llama.cpp", vllm: "vLLM or Transformers" } as const;

function takesLines({ model, answer }: MemoryView, style: Style): string[] {
  const { plan, settings } = answer;
  const { sequences, context } = settings;
  const each = sequences === 1 ? "" : ` for each of ${formatExact(sequences)} sequences`;
  const where = model.cache.none ? "" : `, ${formatExact(context)} tokens of context${each}`;
  const band = plan.compute?.band ? ` within ${Math.round(plan.compute.band * 100)}%` : "";
  const rows: Row[] = [
    ["weights", formatMemory(plan.weights.bytes), "exact: every tensor in the header"],
    [
      "KV cache",
      plan.cache ? formatMemory(plan.cache.bytes) : "unknown",
      plan.cache ? cacheWords(model.cache.none, answer) : needs(plan.missing),
    ],
    [
      "compute",
      plan.compute ? formatMemory(plan.compute.bytes) : "unknown",
      plan.compute ? `estimate${band}: the buffer that one step of work takes` : needs(plan.missing),
    ],
    ["total", plan.totalBytes === null ? "unknown" : formatMemory(plan.totalBytes), totalWords(answer)],
  ];
  const beyond =
    model.contextLength !== null && model.contextLength > 0 && context > model.contextLength && !model.cache.none
      ? [
          `${formatExact(context)} tokens are more than the ${formatExact(model.contextLength)} that it was trained for.`,
        ]
      : [];
  const partly = model.complete ? [] : ["Parts of this checkpoint are missing: weights are those that are here."];
  return [
    heading(`What it takes to run with ${ENGINE_WORDS[model.engine]}${where}`, style),
    ...rowLines(rows, inner(style)).map((line) => `  ${line}`),
    ...[...beyond, ...partly].flatMap((words) =>
      wrap(words, style.width - 2).map((line) => style.color.yellow(`  ${line}`)),
    ),
  ];
}

function cacheWords(none: string | undefined, { settings, plan }: MemoryAnswer): string {
  if (none) return `none: ${safe(none)}`;
  const { keyType, valueType } = settings;
  const types =
    keyType === valueType ? keyType.toLowerCase() : `${keyType.toLowerCase()} keys, ${valueType.toLowerCase()} values`;
  const { bytesPerToken = 0, bytesPerTokenBeyondWindow = 0, stateBytes = 0 } = plan.cacheSize ?? {};
  const words = [`exact: ${types}`];
  if (bytesPerToken > 0) words.push(`${formatMemory(bytesPerToken)} a token`);
  if (bytesPerTokenBeyondWindow !== bytesPerToken)
    words.push(`${formatMemory(bytesPerTokenBeyondWindow)} once the windows are full`);
  if (stateBytes > 0) words.push(`${formatMemory(stateBytes)} of it doesn't grow with the text`);
  return words.join(", ");
}

function totalWords({ plan: { totalBytes } }: MemoryAnswer): string {
  return totalBytes === null ? "" : "beside it a driver takes 0.3 to 0.6 GiB on each GPU";
}

/** Which layers keep what: the rule of each group, named. */
function cacheLines({ model, answer }: MemoryView, style: Style): string[] {
  const { cacheSize } = answer.plan;
  if (!cacheSize || cacheSize.groups.length === 0) return [];
  const rows = cacheSize.groups.map(({ group, bytes }): Row => [group.kind, formatMemory(bytes), groupWords(group)]);
  return [
    heading("What is kept of a text", style),
    ...rowLines(rows, inner(style)).map((line) => `  ${line}`),
    ...model.cache.notes.flatMap((note) =>
      wrap(safe(note), style.width - 2).map((line) => style.color.dim(`  ${line}`)),
    ),
  ];
}

function groupWords(group: CacheGroup): string {
  const { layers, rule, keyWords, valueWords } = group;
  const which = `${plural(layers.length, "layer")} (${formatRanges(rangesOf(layers))})`;
  // A product stays on one line.
  const kept = [keyWords, valueWords].flatMap((words) =>
    words === undefined ? [] : [safe(words).replaceAll(" ", NO_BREAK)],
  );
  return `${which}, ${cacheRuleWords(rule)}: ${kept.join(" + ")}`;
}

const NO_BREAK = "\u00a0";

function rangesOf(layers: readonly number[]): (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  for (const layer of layers) {
    const last = ranges.at(-1);
    if (last && last[1] + 1 === layer) last[1] = layer;
    else ranges.push([layer, layer]);
  }
  return ranges;
}

/** A word of a shell command, quoted where it has to be. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function commandLines({ command }: MemoryAnswer, style: Style): string[] {
  if (command.length === 0) return [];
  const words = command.map((word) => safe(quoted(word)));
  return [
    heading("To run it so", style),
    ...wrap(words.join(" "), style.width - 4).map((line, i) => `  ${i === 0 ? "" : "  "}${line}`),
  ];
}

function hintLines({ answer, model }: MemoryView, style: Style): string[] {
  const gpu = answer.machine ? "" : 'whether it fits: --gpu "RTX 4090" or --gpu 24GB; ';
  const words = `More: ${gpu}--why kv, weights, compute, total (the arithmetic); --kv-type, --context, --batch; ${model.engine === "llama.cpp" ? "--quants" : "--quants, --train"}; --json`;
  return wrap(words, style.width).map((line) => style.color.dim(line));
}
