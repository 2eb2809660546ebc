/**
 * Which weights lie where: on GPUs layer by layer, in host memory what isn't offloaded.
 *
 * llama.cpp counts the head as the layer behind the last block and offloads from there: `-ngl 1` moves the head alone, `-ngl L+1` all. With
 * several GPUs the offloaded layers are dealt out in order, in proportion to the memory that is free on each.
 * Source: llama.cpp v0.5.0 src/llama-model.cpp (load_tensors), common/common.h (LLM_FFN_EXPS_REGEX).
 */
import type { WeightInventory } from "./inventory.ts";

export interface PlacementOptions {
  /** `-ngl`: how many layers go to GPUs, the head counted as the last; all unless told. */
  readonly gpuLayers?: number;
  /** `--n-cpu-moe`: the routed experts of the first so many blocks stay on the host. */
  readonly cpuMoeLayers?: number;
  /** Bytes that are free on each GPU. */
  readonly gpus: readonly number[];
}

export interface DevicePlacement {
  readonly weightBytes: number;
  /** Of them, routed experts, and tables that only rows are looked up in. */
  readonly routedBytes: number;
  readonly lookupBytes: number;
  /** Blocks that run here, and whose caches lie here. */
  readonly blocks: readonly number[];
  readonly hasHead: boolean;
}

/** One entry a GPU, in their order, and the host as the last. */
export function placeWeights(
  inventory: WeightInventory,
  blockCount: number,
  { gpuLayers = blockCount + 1, cpuMoeLayers = 0, gpus }: PlacementOptions,
): readonly DevicePlacement[] {
  const host = gpus.length;
  const offloaded = gpus.length === 0 ? 0 : Math.min(gpuLayers, blockCount + 1);
  const start = blockCount + 1 - offloaded;
  const splits = cumulativeShares(gpus);
  const deviceOf = (layer: number): number => {
    if (layer < start || offloaded === 0) return host;
    const share = (layer - start) / offloaded;
    const gpu = splits.findIndex((end) => share < end);
    return gpu < 0 ? host - 1 : gpu;
  };
  const places = Array.from({ length: host + 1 }, () => ({
    weightBytes: 0,
    routedBytes: 0,
    lookupBytes: 0,
    blocks: [] as number[],
    hasHead: false,
  }));
  const at = (device: number) => places[device] as (typeof places)[number];
  for (let layer = 0; layer < blockCount; layer++) {
    const place = at(deviceOf(layer));
    place.blocks.push(layer);
    const { bytes, routedBytes } = inventory.blocks[layer] ?? { bytes: 0, routedBytes: 0 };
    const left = layer < cpuMoeLayers ? routedBytes : 0;
    place.weightBytes += bytes - left;
    place.routedBytes += routedBytes - left;
    at(host).weightBytes += left;
    at(host).routedBytes += left;
  }
  const head = at(deviceOf(blockCount));
  head.hasHead = true;
  head.weightBytes += inventory.headBytes;
  // A tied table works on both ends: rows are looked up on the host, and the head has a copy.
  if (head !== at(host)) head.weightBytes += inventory.tiedBytes;
  at(host).weightBytes += inventory.inputBytes;
  // A tied table that also scores on the host is read whole.
  at(host).lookupBytes += inventory.inputBytes - (head === at(host) ? inventory.tiedBytes : 0);
  const placed = inventory.blocks.slice(0, blockCount).reduce((sum, { bytes }) => sum + bytes, 0);
  // What stands in no block goes where the last layers go: an encoder's blocks, blocks that a runtime doesn't count.
  head.weightBytes += inventory.bytes - placed - inventory.headBytes - inventory.inputBytes;
  return places;
}

/** Where each GPU's share of the layers ends: 24 and 8 GB give 0.75 and 1. */
function cumulativeShares(gpus: readonly number[]): number[] {
  const all = gpus.reduce((sum, bytes) => sum + bytes, 0);
  let sum = 0;
  return gpus.map((bytes) => {
    sum += bytes;
    return all > 0 ? sum / all : 0;
  });
}
