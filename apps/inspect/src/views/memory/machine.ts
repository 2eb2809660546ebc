/** Whether a model fits on the GPUs that were named: what lies where, and what would fit. */
import {
  type DeviceNeed,
  type Engine,
  formatExact,
  formatMemory,
  type Hardware,
  type MachineAnswer,
  type MemoryAnswer,
  type Offload,
  plural,
  type QuantRow,
  type Verdict,
} from "@checkpoint-inspect/analysis";

import type { MemoryView } from "../../memory/room.ts";
import type { Style } from "../../terminal.ts";
import { heading } from "../parts.ts";
import { table } from "../table.ts";
import { safe, width, wrap } from "../text.ts";
import { marked, needs, paintVerdict, typeName, verdictWords } from "./marks.ts";

export function machineLines({ answer, hardware, model }: MemoryView, style: Style): string[] {
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
  const free = freeBytes(devices.devices, model.engine);
  const room = free >= 0 ? `${formatMemory(free)} to spare` : `${formatMemory(-free)} too much`;
  const on = `On ${names} (${formatMemory(all)})`;
  const fitsBeside = width(on) + 2 + width(verdictWords(devices.verdict)) + 2 + width(room) <= style.width;
  return [
    ...(fitsBeside
      ? [`${heading(on, style)}  ${verdict}, ${room}`]
      : [heading(on, style), `  ${verdict},`, `  ${room}`]),
    ...sizeLines(hardware, style),
    ...allDeviceLines(devices.devices, model.engine, style),
    ...otherTypeLines(answer, devices.verdict, style),
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
function freeBytes(devices: readonly DeviceNeed[], engine: Engine): number {
  // vLLM never takes what its share leaves out.
  const left = ({ gpu, needBytes, cushionBytes }: DeviceNeed) =>
    gpu ? [gpu.bytes - needBytes - (engine === "vllm" ? cushionBytes : 0)] : [];
  return Math.min(...devices.flatMap(left));
}

/** A line a device; many that differ in a table, and those that are alike once. */
function allDeviceLines(devices: readonly DeviceNeed[], engine: Engine, style: Style): string[] {
  const gpus = devices.filter(({ gpu }) => gpu);
  const [first] = gpus;
  if (!first) return [];
  const host = devices.filter(({ gpu, needBytes }) => !gpu && needBytes > 0);
  const areAlike = gpus.every(
    ({ needBytes, blocks, gpu }) =>
      needBytes === first.needBytes && blocks.length === first.blocks.length && gpu?.bytes === first.gpu?.bytes,
  );
  if (areAlike || gpus.length < 3) {
    const shown = areAlike ? [first] : gpus;
    const label = (need: DeviceNeed) =>
      gpus.length === 1 ? "GPU" : areAlike ? `each of ${gpus.length} GPUs` : need.name;
    return [
      ...shown.map((need) => [label(need), need] as const),
      ...host.map((need) => [need.name, need] as const),
    ].flatMap(([name, need]) => deviceLines(name, need, engine, style));
  }
  return table<DeviceNeed>(
    [...gpus, ...host],
    [
      { title: "", cell: ({ name }) => safe(name) },
      { title: "layers", cell: ({ blocks }) => `${blocks.length}`, align: "right", optional: 2 },
      { title: "weights", cell: ({ weightBytes }) => formatMemory(weightBytes), align: "right", optional: 1 },
      { title: "KV cache", cell: ({ cacheBytes }) => formatMemory(cacheBytes), align: "right", optional: 1 },
      { title: "compute", cell: ({ computeBytes }) => formatMemory(computeBytes), align: "right", optional: 3 },
      {
        title: "driver, copies",
        cell: ({ copyBytes, contextBytes }) =>
          copyBytes + contextBytes > 0 ? formatMemory(copyBytes + contextBytes) : "",
        align: "right",
        optional: 4,
      },
      {
        title: "total  ",
        cell: ({ needBytes, verdict, gpu }) => marked(formatMemory(needBytes), gpu ? verdict : "fits"),
        align: "right",
        paint: (text, { verdict, gpu }) => (gpu ? paintVerdict(text, verdict, style) : text),
      },
    ],
    style,
  );
}

/** What lies on one device, in words. */
function deviceLines(name: string, need: DeviceNeed, engine: Engine, style: Style): string[] {
  const { gpu, weightBytes, cacheBytes, computeBytes, copyBytes, contextBytes, cushionBytes, needBytes, blocks } = need;
  const parts: (readonly [number, string])[] = [
    [weightBytes, "weights"],
    [cacheBytes, "KV cache"],
    [computeBytes, "compute"],
    [copyBytes, "copies of a step"],
    [contextBytes, "driver"],
  ];
  const words = parts.flatMap(([bytes, part]) => (bytes > 0 ? [`${part} ${formatMemory(bytes)}`] : []));
  const layers = engine === "llama.cpp" && blocks.length > 0 ? ` (${plural(blocks.length, "layer")})` : "";
  const cushion = gpu
    ? `; ${formatMemory(cushionBytes)} ${engine === "vllm" ? "kept free by --gpu-memory-utilization" : "kept free as a cushion"}`
    : "";
  return wrap(`${safe(name)}${layers} ${formatMemory(needBytes)}: ${words.join(", ")}${cushion}`, style.width - 4).map(
    (line, i) => `  ${i === 0 ? line : `  ${line}`}`,
  );
}

/** Of other types of the cache, the one of most bits with which it fits. */
function otherTypeLines({ contexts }: MemoryAnswer, verdict: Verdict, style: Style): string[] {
  if (verdict !== "no") return [];
  const asked = contexts.find(({ isAsked }) => isAsked);
  const other = asked?.cells.find((cell) => cell.verdict === "fits");
  if (!other) return [];
  const name = typeName(other);
  return wrap(`It fits with the cache in ${name} (--kv-type ${name}).`, style.width - 2).map((line) => `  ${line}`);
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
  { settings, plan }: MemoryAnswer,
  style: Style,
): string[] {
  const words = [
    ...(largest.length > 0 ? [largestWords(largest)] : []),
    ...(sequences !== null && sequences > 1
      ? [`Sequences at once with ${formatExact(settings.context)} tokens each: ${formatExact(sequences)}.`]
      : []),
    ...(bestQuant ? [bestWords(bestQuant, settings.context, plan.weights.bytes)] : []),
  ];
  return words.flatMap((text) => wrap(text, style.width - 2).map((line) => `  ${line}`));
}

/** A file of few bits can't be made into a better one. */
function bestWords({ label, bytes, isThis }: QuantRow, context: number, weights: number): string {
  const tokens = `${formatExact(context)} tokens`;
  if (isThis) return `No larger quantization of it fits with ${tokens}.`;
  const it = `${safe(label)}, ${formatMemory(bytes)}`;
  return bytes > weights
    ? `Larger quantizations of it would fit with ${tokens} too, up to ${it}; they are made from the full weights.`
    : `Largest quantization of it that fits with ${tokens}: ${it}.`;
}

/** In a sentence; only where there is one at least. */
export function largestWords(largest: MachineAnswer["largest"]): string {
  if (largest.every(({ tokens }) => tokens === 0))
    return "Whole on the GPU no context fits, whatever the type of the cache.";
  const [first] = largest;
  if (first && largest.every(({ all }) => all)) {
    const types = largest.map(typeName).join(", ");
    return `All of the ${formatExact(first.tokens)} tokens that it was trained for fit, with a cache of ${types}.`;
  }
  const found = largest.map((row) => {
    const { tokens, all } = row;
    const name = typeName(row);
    if (tokens === 0) return `none at ${name}`;
    return `${formatExact(tokens)} at ${name}${all ? " (all that it was trained for)" : ""}`;
  });
  return `Largest context that fits: ${found.join(", ")}.`;
}
