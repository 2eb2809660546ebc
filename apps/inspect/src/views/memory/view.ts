/** `inspect memory <target>`: what the model takes to run, whether it fits, how fast it would be. */
import {
  type CacheGroup,
  cacheRuleWords,
  type DeviceNeed,
  formatExact,
  formatMemory,
  formatRanges,
  type Hardware,
  type MachineAnswer,
  type MemoryAnswer,
  type Offload,
  plural,
} from "@checkpoint-inspect/analysis";

import type { MemoryView } from "../../memory/room.ts";
import type { Style } from "../../terminal.ts";
import { heading, title } from "../parts.ts";
import { type Row, rowLines } from "../rows.ts";
import { safe, width, wrap } from "../text.ts";
import { contextLines } from "./contexts.ts";
import { inner, paintVerdict, verdictWords } from "./marks.ts";
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

function needs(missing: readonly string[]): string {
  return `needs ${missing.map(safe).join(", ")}`;
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

function machineLines({ answer, hardware, model }: MemoryView, style: Style): string[] {
  const { machine } = answer;
  if (hardware.length === 0) return [];
  const names = hardwareWords(hardware);
  if (!machine) {
    const unknown = `whether it fits isn't known: ${needs(answer.plan.missing)}`;
    return [heading(`On ${names}`, style), ...wrap(unknown, style.width - 2).map((line) => `  ${line}`)];
  }
  const { devices, gpus } = machine;
  const all = gpus.reduce((sum, { bytes }) => sum + bytes, 0);
  const verdict = paintVerdict(verdictWords(devices.verdict), devices.verdict, style);
  const free = freeBytes(devices.devices);
  const room = free >= 0 ? `${formatMemory(free)} to spare` : `${formatMemory(-free)} too much`;
  const on = `On ${names} (${formatMemory(all)})`;
  const fitsBeside = width(on) + 2 + width(verdictWords(devices.verdict)) + 2 + width(room) <= style.width;
  return [
    ...(fitsBeside
      ? [`${heading(on, style)}  ${verdict}, ${room}`]
      : [heading(on, style), `  ${verdict},`, `  ${room}`]),
    ...sizeLines(hardware, style),
    ...devices.devices.flatMap((device) => deviceLines(device, devices.devices.length > 2, model.engine, style)),
    ...machine.offloads.flatMap((offload) => offloadLines(offload, model.blocks, style)),
    ...largestLines(machine, answer, style),
  ];
}

/** "2 x RTX 3090 + RTX 4090". */
function hardwareWords(hardware: readonly Hardware[]): string {
  const counts = new Map<string, number>();
  for (const { name } of hardware) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => (count > 1 ? `${count} x ${safe(name)}` : safe(name))).join(" + ");
}

/** What a reader should know of the memory that is counted with: other sizes that are sold, a part that isn't for the GPU. */
function sizeLines(hardware: readonly Hardware[], style: Style): string[] {
  const words = new Set(
    hardware.flatMap(({ name, sizes = [], memoryBytes, usableReason }) => {
      const others = sizes
        .filter((size) => size !== memoryBytes)
        .map((size) => `"${name} ${Math.round(size / 2 ** 30)}GB"`);
      return [
        ...(others.length > 0 ? [`Also sold as ${others.join(", ")}.`] : []),
        ...(usableReason ? [`${usableReason}.`] : []),
      ];
    }),
  );
  return [...words].flatMap((text) => wrap(safe(text), style.width - 2).map((line) => style.color.dim(`  ${line}`)));
}

/** Of the GPU that has least left, or is most overdrawn. */
function freeBytes(devices: readonly DeviceNeed[]): number {
  return Math.min(...devices.flatMap(({ gpu, needBytes }) => (gpu ? [gpu.bytes - needBytes] : [])));
}

function deviceLines(
  need: DeviceNeed,
  several: boolean,
  engine: MemoryView["model"]["engine"],
  style: Style,
): string[] {
  const { gpu, weightBytes, cacheBytes, computeBytes, copyBytes, contextBytes, cushionBytes, needBytes, blocks } = need;
  if (!gpu && needBytes === 0) return [];
  const parts: (readonly [number, string])[] = [
    [weightBytes, "weights"],
    [cacheBytes, "KV cache"],
    [computeBytes, "compute"],
    [copyBytes, "copies of a step"],
    [contextBytes, "driver"],
  ];
  const words = parts.flatMap(([bytes, name]) => (bytes > 0 ? [`${name} ${formatMemory(bytes)}`] : []));
  const layers = engine === "llama.cpp" && blocks.length > 0 ? ` (${plural(blocks.length, "layer")})` : "";
  const label = gpu && !several ? "GPU" : safe(need.name);
  const cushion = gpu
    ? `; ${formatMemory(cushionBytes)} ${engine === "vllm" ? "kept free by --gpu-memory-utilization" : "kept free as a cushion"}`
    : "";
  return wrap(`${label}${layers} ${formatMemory(needBytes)}: ${words.join(", ")}${cushion}`, style.width - 4).map(
    (line, i) => `  ${i === 0 ? line : `  ${line}`}`,
  );
}

function offloadLines({ gpuLayers, cpuMoeLayers, devices }: Offload, blocks: number, style: Style): string[] {
  const host = devices.devices.find(({ gpu }) => !gpu);
  const ram = host ? `, ${formatMemory(host.needBytes)} in RAM` : "";
  const words =
    cpuMoeLayers !== undefined
      ? `It fits with the experts of ${plural(cpuMoeLayers, "layer")} in RAM (--n-cpu-moe ${cpuMoeLayers})${ram}.`
      : `It fits with ${gpuLayers} of ${blocks + 1} layers on the GPU (-ngl ${gpuLayers}; the head counts as one)${ram}; slower.`;
  return wrap(words, style.width - 2).map((line) => `  ${line}`);
}

function largestLines(
  { largest, sequences, bestQuant }: MachineAnswer,
  { settings }: MemoryAnswer,
  style: Style,
): string[] {
  const words = [
    ...(largest.length > 0 ? [largestWords(largest)] : []),
    ...(sequences !== null && sequences > 1
      ? [`Sequences at once with ${formatExact(settings.context)} tokens each: ${formatExact(sequences)}.`]
      : []),
    ...(bestQuant
      ? [
          `Best quantization that fits with ${formatExact(settings.context)} tokens: ${safe(bestQuant.label)}, ${formatMemory(bestQuant.bytes)}.`,
        ]
      : []),
  ];
  return words.flatMap((text) => wrap(text, style.width - 2).map((line) => `  ${line}`));
}

function largestWords(largest: MachineAnswer["largest"]): string {
  if (largest.every(({ tokens }) => tokens === 0))
    return "Whole on the GPU it fits with no context, whatever the type of the cache.";
  const [first] = largest;
  if (first && largest.every(({ all }) => all)) {
    const types = largest.map(({ keyType }) => keyType.toLowerCase()).join(", ");
    return `All of the ${formatExact(first.tokens)} tokens that it was trained for fit, with a cache of ${types}.`;
  }
  const found = largest.map(({ keyType, tokens, all }) => {
    const name = keyType.toLowerCase();
    if (tokens === 0) return `none at ${name}`;
    return `${formatExact(tokens)} at ${name}${all ? " (all that it was trained for)" : ""}`;
  });
  return `Largest context that fits: ${found.join(", ")}.`;
}

/** A word of a shell command, quoted where it has to be. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function commandLines({ command }: MemoryAnswer, style: Style): string[] {
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
