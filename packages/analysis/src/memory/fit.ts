/**
 * The question turned round: what fits on these GPUs. The largest context, the most sequences, how many layers, how many layers'
 * experts in RAM. Needs only grow with each of them, so each answer is found by halving.
 */
import { type DevicePlan, planDevices, type RunOptions } from "./devices.ts";
import type { MemoryModel } from "./model.ts";
import type { MemorySettings } from "./settings.ts";

/** llama.cpp rounds a context up to this many cells, so smaller steps gain nothing. */
const CONTEXT_STEP = 256;

/** Beyond it no model was trained, and a search has to end. */
const MOST_CONTEXT = 16 * 1024 * 1024;
/** llama.cpp refuses more (LLAMA_MAX_SEQ); of a serving engine it is a bound for the search. */
const MOST_SEQUENCES = { "llama.cpp": 256, vllm: 4096 } as const;

const fits = (plan: DevicePlan | undefined) => plan?.verdict === "fits";

/** The largest n from 0 to `most` for which it holds, where it holds for all below; -1 if not even for 0. */
function largest(most: number, holds: (n: number) => boolean): number {
  if (!holds(0)) return -1;
  let [yes, no] = [0, most + 1];
  while (no - yes > 1) {
    const middle = Math.floor((yes + no) / 2);
    if (holds(middle)) yes = middle;
    else no = middle;
  }
  return yes;
}

export interface LargestContext {
  /** Tokens of each sequence; 0 where not even the least fits. */
  readonly tokens: number;
  /** As many as the model was trained for: more would fit. */
  readonly all: boolean;
}

/** The largest context that fits with the other settings as they are; undefined where needs aren't known. */
export function largestContext(
  model: MemoryModel,
  settings: MemorySettings,
  options: RunOptions,
): LargestContext | undefined {
  const most = Math.min(model.contextLength ?? MOST_CONTEXT, MOST_CONTEXT);
  const at = (context: number) => planDevices(model, { ...settings, context }, options);
  if (!at(Math.min(CONTEXT_STEP, most))) return undefined;
  if (most > 0 && fits(at(most))) return { tokens: most, all: model.contextLength !== null };
  const steps = largest(Math.floor(most / CONTEXT_STEP) - 1, (n) => fits(at((n + 1) * CONTEXT_STEP)));
  return { tokens: (steps + 1) * CONTEXT_STEP, all: false };
}

/** The most sequences at once, each with the context of the settings; 0 where not even one fits. */
export function mostSequences(model: MemoryModel, settings: MemorySettings, options: RunOptions): number | undefined {
  const at = (sequences: number) => planDevices(model, { ...settings, sequences }, options);
  if (!at(1)) return undefined;
  return largest(MOST_SEQUENCES[model.engine] - 1, (n) => fits(at(n + 1))) + 1;
}

/** How many layers, the head counted as the last, go to the GPUs so that they fit; undefined where not even one does. llama.cpp alone. */
export function mostGpuLayers(model: MemoryModel, settings: MemorySettings, options: RunOptions): number | undefined {
  const found = largest(model.blocks, (n) => fits(planDevices(model, settings, { ...options, gpuLayers: n + 1 })));
  return found < 0 ? undefined : found + 1;
}

/** The fewest layers whose experts have to stay in RAM so that all the rest fits; undefined where that doesn't help. llama.cpp alone. */
export function fewestCpuMoeLayers(
  model: MemoryModel,
  settings: MemorySettings,
  options: RunOptions,
): number | undefined {
  if (model.weights.routedBytes === 0) return undefined;
  const { blocks } = model;
  const found = largest(blocks, (n) => fits(planDevices(model, settings, { ...options, cpuMoeLayers: blocks - n })));
  return found < 0 ? undefined : blocks - found;
}
