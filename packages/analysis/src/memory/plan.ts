/**
 * What a model takes to run with given settings: weights, cache, compute, each with its formula.
 *
 * Weights and cache are exact; the compute buffer is an estimate with a stated band. What a GPU takes beside them is in devices.ts.
 */
import { formatExact, plural } from "../units.ts";
import { type CacheSize, cacheBytes, groupSteps } from "./cache/size.ts";
import { type ComputeEstimate, llamaCompute } from "./compute/llama-compute.ts";
import { servingCompute } from "./compute/serving-compute.ts";
import type { MemoryModel } from "./model.ts";
import type { MemorySettings } from "./settings.ts";
import { settingsFor } from "./settings-for.ts";
import type { Sourced, Why } from "./sourced.ts";

export interface MemoryItem {
  readonly bytes: number;
  readonly basis: "exact" | "estimate";
  /** The share by which an estimate may be off either way. */
  readonly band?: number;
  readonly why: Why;
}

export interface MemoryPlan {
  readonly settings: MemorySettings;
  readonly weights: MemoryItem;
  /** null where facts are missing, which `missing` names. */
  readonly cache: MemoryItem | null;
  readonly compute: MemoryItem | null;
  readonly cacheSize: CacheSize | null;
  readonly computeEstimate: ComputeEstimate | null;
  /** The three together; null where one of them isn't known. */
  readonly totalBytes: number | null;
  /** In words: "the KV heads (config.json num_key_value_heads)". */
  readonly missing: readonly string[];
}

/** The figures of a plan without the words, for searches. */
export interface MemoryNeeds {
  /** null where facts are missing, or the settings don't work. */
  readonly cacheSize: CacheSize | null;
  readonly computeEstimate: ComputeEstimate | null;
  readonly problem?: string;
}

/** What cache and compute take with these settings. */
export function memoryNeeds(model: MemoryModel, settings: MemorySettings): MemoryNeeds {
  const known = model.cache.missing.length === 0;
  const size = known ? cacheBytes(model.cache, settings, model.engine) : null;
  const computeEstimate = computeOf(model, settings);
  return size?.problem === undefined
    ? { cacheSize: size, computeEstimate }
    : { cacheSize: null, computeEstimate, problem: size.problem };
}

/** Weights, cache and compute, wherever they lie. */
export function planMemory(model: MemoryModel, settings: MemorySettings): MemoryPlan {
  const weights = weightItem(model);
  const { cacheSize, computeEstimate, problem } = memoryNeeds(model, settings);
  const cache = cacheSize ? cacheItem(model, settings, cacheSize) : null;
  const compute = computeEstimate
    ? {
        bytes: computeEstimate.hostOnlyBytes,
        basis: "estimate" as const,
        band: computeEstimate.band,
        why: computeEstimate.why,
      }
    : null;
  return {
    settings,
    weights,
    cache,
    compute,
    cacheSize,
    computeEstimate,
    totalBytes: cache && compute ? weights.bytes + cache.bytes + compute.bytes : null,
    missing: [...new Set([...model.cache.missing, ...(problem ? [problem] : []), ...model.shapeMissing])],
  };
}

function computeOf({ shape }: MemoryModel, settings: MemorySettings): ComputeEstimate | null {
  if (shape === null) return null;
  return "layersAll" in shape ? llamaCompute(shape, settings) : servingCompute(shape, settings);
}

function weightItem({ weights, tensors }: MemoryModel): MemoryItem {
  const { bytes, inputBytes, headBytes, tiedBytes, routedBytes, asideBytes, duplicateBytes, otherBytes, blocks } =
    weights;
  const part = (value: number, words: string) => (value > 0 ? [`${formatExact(value)} ${words}`] : []);
  const inBlocks = blocks.reduce((sum, block) => sum + block.bytes, 0);
  return {
    bytes,
    basis: "exact",
    why: {
      formula: ["the bytes of all tensors, as the header lists them"],
      inputs: [{ name: "tensors", value: tensors, from: "the header" }],
      steps: [
        ...part(inBlocks, `in ${plural(blocks.length, "block")}`),
        ...part(routedBytes, "of these in routed experts"),
        ...part(inputBytes, "in tables that rows are looked up in (llama.cpp keeps them in host memory)"),
        ...part(tiedBytes, "of these in a table that works as the head too"),
        ...part(headBytes, "in the head and the norm before it"),
        ...part(asideBytes, "in towers and blocks that a text token doesn't pass"),
        ...part(otherBytes, "elsewhere"),
        `${formatExact(bytes)} bytes in all`,
        ...part(duplicateBytes, "bytes more are copies that no runtime loads"),
      ],
      source: "each tensor's type and shape in the header",
    },
  };
}

const FLAGS = { context: "--context", sequences: "--batch", keyType: "--kv-type", valueType: "--kv-type" } as const;

/** A setting that is as it would be unless told is a default, whoever named it. */
function settingSource(model: MemoryModel, settings: MemorySettings, name: keyof typeof FLAGS): string {
  return settings[name] === settingsFor(model)[name] ? `default (${FLAGS[name]})` : FLAGS[name];
}

function cacheItem(model: MemoryModel, settings: MemorySettings, size: CacheSize): MemoryItem {
  const inputs = new Map<string, Sourced<number | string>>();
  for (const { group } of size.groups)
    for (const input of group.inputs) inputs.set(`${input.name} ${input.value} ${input.from}`, input);
  const { cache, engine } = model;
  const rounding =
    engine === "llama.cpp"
      ? ["cells = context rounded up to 256, for each sequence"]
      : ["cells = tokens of context x sequences"];
  const { none } = cache;
  return {
    bytes: size.bytes,
    basis: "exact",
    why: {
      formula: none ? [none] : ["each layer: cells x (bytes of a row of keys + bytes of a row of values)", ...rounding],
      inputs: [
        { name: "context", value: settings.context, from: settingSource(model, settings, "context") },
        { name: "sequences", value: settings.sequences, from: settingSource(model, settings, "sequences") },
        { name: "keys stored as", value: settings.keyType, from: settingSource(model, settings, "keyType") },
        { name: "values stored as", value: settings.valueType, from: settingSource(model, settings, "valueType") },
        ...inputs.values(),
      ],
      steps: [...size.groups.flatMap((group) => groupSteps(group, settings, engine)), ...cache.notes],
      source:
        engine === "llama.cpp"
          ? "llama.cpp src/llama-kv-cache.cpp, llama-memory-recurrent.cpp and the caches beside them (v0.5.0)"
          : "vLLM's KV cache specifications; the cache classes of transformers",
    },
  };
}
