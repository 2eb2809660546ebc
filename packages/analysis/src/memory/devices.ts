/**
 * What lies on which device, and whether it fits.
 *
 * On a GPU there is more than weights, cache and compute: the driver's own memory, copies that a kernel needs, and a part that is better
 * left free. Each is a line of its own, with its source, so that nobody takes it for measured.
 */
import type { CacheSize, GroupSize } from "./cache/size.ts";
import { CUDA_CONTEXT_BYTES, CUSHION_SHARE, quantizedKvCopyBytes } from "./compute/gpu-overhead.ts";
import type { ComputeEstimate } from "./compute/llama-compute.ts";
import type { MemoryModel } from "./model.ts";
import { memoryNeeds } from "./plan.ts";
import type { MemorySettings } from "./settings.ts";
import { placeWeights } from "./weights/placement.ts";

export interface Gpu {
  readonly name: string;
  /** What a program can take of its memory. */
  readonly bytes: number;
  /** CUDA keeps a context of its own in the GPU's memory. */
  readonly backend: "cuda" | "metal" | "other";
}

export interface RunOptions {
  readonly gpus: readonly Gpu[];
  /** `-ngl`; all layers unless told. llama.cpp alone. */
  readonly gpuLayers?: number;
  /** `--n-cpu-moe`: the first so many layers keep their routed experts on the host. llama.cpp alone. */
  readonly cpuMoeLayers?: number;
  /** The share of a GPU that vLLM takes (`--gpu-memory-utilization`). */
  readonly utilization?: number;
}

/** vLLM's own default (vllm/config/cache.py, gpu_memory_utilization). */
export const VLLM_UTILIZATION = 0.9;

export interface DeviceNeed {
  /** Undefined for the host. */
  readonly gpu?: Gpu;
  readonly name: string;
  readonly weightBytes: number;
  /** Of the weights, routed experts, and tables that only rows are looked up in. */
  readonly routedBytes: number;
  readonly lookupBytes: number;
  readonly cacheBytes: number;
  readonly computeBytes: number;
  /** Copies that a step makes: a layer's quantized cache in F16 (CUDA), a tensor of experts that lie in RAM. */
  readonly copyBytes: number;
  /** The driver's own. */
  readonly contextBytes: number;
  /** Left free: by advice on llama.cpp, by `--gpu-memory-utilization` on vLLM. */
  readonly cushionBytes: number;
  /** All of it, without the cushion. */
  readonly needBytes: number;
  /** Blocks that run here; of tensor parallel runs all of them. */
  readonly blocks: readonly number[];
  readonly verdict: Verdict;
}

/** `tight`: it fits, and less than the cushion is left. */
export type Verdict = "fits" | "tight" | "no";

export interface DevicePlan {
  readonly devices: readonly DeviceNeed[];
  /** The worst of the GPUs. */
  readonly verdict: Verdict;
}

/** Where everything lies and whether it fits; undefined where the model's needs aren't known. */
export function planDevices(model: MemoryModel, settings: MemorySettings, options: RunOptions): DevicePlan | undefined {
  const { cacheSize, computeEstimate } = memoryNeeds(model, settings);
  if (!cacheSize || !computeEstimate || options.gpus.length === 0) return undefined;
  const devices =
    model.engine === "llama.cpp"
      ? llamaDevices(model, settings, cacheSize, computeEstimate, options)
      : servingDevices(model, cacheSize, computeEstimate, options);
  return { devices, verdict: worst(devices.flatMap(({ gpu, verdict }) => (gpu ? [verdict] : []))) };
}

const ORDER: readonly Verdict[] = ["fits", "tight", "no"];

function worst(verdicts: readonly Verdict[]): Verdict {
  return ORDER[Math.max(0, ...verdicts.map((verdict) => ORDER.indexOf(verdict)))] ?? "fits";
}

function verdictOf(need: number, cushion: number, bytes: number): Verdict {
  return need + cushion <= bytes ? "fits" : need <= bytes ? "tight" : "no";
}

function llamaDevices(
  model: MemoryModel,
  settings: MemorySettings,
  size: CacheSize,
  compute: ComputeEstimate,
  options: RunOptions,
): DeviceNeed[] {
  const { gpus, gpuLayers, cpuMoeLayers } = options;
  const places = placeWeights(model.weights, model.blocks, {
    gpus: gpus.map(({ bytes }) => bytes),
    ...(gpuLayers !== undefined && { gpuLayers }),
    ...(cpuMoeLayers !== undefined && { cpuMoeLayers }),
  });
  const ofBlock = cacheByBlock(size);
  const onGpus = places.slice(0, -1);
  const offloaded = onGpus.some(({ blocks, hasHead }) => blocks.length > 0 || hasHead);
  const onHost = places.at(-1);
  // A prompt's experts are worked on by the GPU also where they lie in RAM: one of their tensors at a time is copied there.
  const expertCopy = offloaded && (onHost?.routedBytes ?? 0) > 0 ? widestExperts(model) : 0;
  return places.map(({ weightBytes, routedBytes, lookupBytes, blocks, hasHead }, i) => {
    const weights = { weightBytes, routedBytes, lookupBytes };
    const gpu = gpus[i];
    const works = blocks.length > 0 || hasHead;
    const cacheBytes = blocks.reduce((sum, block) => sum + (ofBlock.get(block) ?? 0), 0);
    if (!gpu) {
      // Layers that run here need their own room; else the tokens and masks of a step are all that is made here.
      const computeBytes = offloaded && !works ? compute.hostBytes : compute.hostOnlyBytes;
      const needBytes = weightBytes + cacheBytes + computeBytes;
      return { name: "RAM", ...ZERO, ...weights, cacheBytes, computeBytes, needBytes, blocks };
    }
    const computeBytes = works ? (hasHead ? compute.gpuBytes : compute.gpuLayersBytes) : 0;
    const quantizedCopy = gpu.backend === "cuda" ? quantizedKvCopyBytes(size, settings) : 0;
    const copyBytes = works ? quantizedCopy + expertCopy : 0;
    const contextBytes = gpu.backend === "cuda" ? CUDA_CONTEXT_BYTES.typical : 0;
    const needBytes = weightBytes + cacheBytes + computeBytes + copyBytes + contextBytes;
    const cushionBytes = Math.round(gpu.bytes * CUSHION_SHARE);
    const verdict = verdictOf(needBytes, cushionBytes, gpu.bytes);
    return {
      gpu,
      name: gpu.name,
      ...weights,
      cacheBytes,
      computeBytes,
      copyBytes,
      contextBytes,
      cushionBytes,
      needBytes,
      blocks,
      verdict,
    };
  });
}

const ZERO = { copyBytes: 0, contextBytes: 0, cushionBytes: 0, verdict: "fits" } as const;

/** One of the three tensors (gate, up, down) that hold a block's routed experts. */
function widestExperts({ weights }: MemoryModel): number {
  return Math.ceil(Math.max(0, ...weights.blocks.map(({ routedBytes }) => routedBytes)) / EXPERT_TENSORS);
}

const EXPERT_TENSORS = 3;

/** Layers of a group keep the same, so each has its share. */
function cacheByBlock(size: CacheSize): Map<number, number> {
  const bytes = new Map<number, number>();
  for (const { group, bytes: all } of size.groups) {
    for (const layer of group.layers) bytes.set(layer, (bytes.get(layer) ?? 0) + all / group.layers.length);
  }
  return bytes;
}

/**
 * What one of several GPUs holds of a group: its share of the KV heads, at least one of them; a latent or an index key whole, for all heads
 * look at it; of a recurrent state its share (vLLM: parallel_state, get_total_num_kv_heads).
 */
export function shardBytes({ group, bytes }: GroupSize, gpus: number): number {
  if (group.rule === "state") return bytes / gpus;
  return group.kvHeads ? (bytes / group.kvHeads) * Math.ceil(group.kvHeads / gpus) : bytes;
}

/** Tensor parallel: each GPU holds its share of every matrix and of every layer's heads. */
function servingDevices(
  model: MemoryModel,
  size: CacheSize,
  compute: ComputeEstimate,
  { gpus, utilization = VLLM_UTILIZATION }: RunOptions,
): DeviceNeed[] {
  const share = (bytes: number) => Math.ceil(bytes / gpus.length);
  return gpus.map((gpu) => {
    const weightBytes = share(model.weights.bytes);
    const cacheBytes = Math.ceil(size.groups.reduce((sum, group) => sum + shardBytes(group, gpus.length), 0));
    const computeBytes = compute.gpuBytes;
    const contextBytes = gpu.backend === "metal" ? 0 : CUDA_CONTEXT_BYTES.typical;
    const needBytes = weightBytes + cacheBytes + computeBytes + contextBytes;
    const cushionBytes = Math.round(gpu.bytes * (1 - utilization));
    return {
      gpu,
      name: gpu.name,
      weightBytes,
      routedBytes: share(model.weights.routedBytes),
      lookupBytes: share(model.weights.inputBytes - model.weights.tiedBytes),
      cacheBytes,
      computeBytes,
      copyBytes: 0,
      contextBytes,
      cushionBytes,
      needBytes,
      blocks: model.weights.blocks.map(({ index }) => index),
      // What utilization leaves out vLLM never takes: it is no cushion but a cap.
      verdict: needBytes + cushionBytes <= gpu.bytes ? "fits" : "no",
    };
  });
}
