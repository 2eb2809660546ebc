/** Hardware by name, made of a table of models (names, sizes, FLOPS) and the bandwidth table. */

import { TWO_DIE_EFFICIENCY } from "../speed.ts";
import { BANDWIDTHS, bandwidthOf } from "./bandwidth.ts";
import type { Hardware } from "./hardware.ts";
import { APPLE_PREFILL, matrixFlops } from "./matrix.ts";

/** A model as @huggingface/tasks lists it. */
export interface ListedModel {
  readonly name: string;
  readonly maker: "nvidia" | "amd" | "intel" | "apple";
  /** GB as sold. */
  readonly memory: readonly number[];
  readonly tflops?: number;
  readonly aliases?: readonly string[];
}

/** GPUs are sold by GB and have GiB: an RTX 4090's "24 GB" are 24 x 2^30 bytes, before what its driver and ECC take. */
export const GIB = 2 ** 30;

/** Macs of less lend their GPU two thirds, others three quarters: what Metal's recommendedMaxWorkingSetSize says unless it is changed. */
const LARGE_MAC_GB = 36;

/** Models with bandwidth that no list of models has. */
export function unlistedModels(): ListedModel[] {
  return BANDWIDTHS.flatMap(({ name, unlisted, source }) =>
    unlisted
      ? [{ name, maker: source.includes("AMD") ? ("amd" as const) : ("nvidia" as const), memory: unlisted }]
      : [],
  );
}

/** The model with so many GB. */
export function hardwareOf(model: ListedModel, gigabytes: number): Hardware {
  const { name, maker, memory, tflops } = model;
  const speed = bandwidthOf(name, gigabytes);
  const flops = tflops === undefined ? undefined : tflops * 1e12;
  const matrix = flops === undefined ? undefined : matrixFlops(name, flops);
  const memoryBytes = gigabytes * GIB;
  const apple = maker === "apple";
  return {
    name,
    kind: apple ? "apple" : "gpu",
    backend: maker === "nvidia" ? "cuda" : apple ? "metal" : "other",
    memoryBytes,
    ...(apple && usableOfMac(gigabytes)),
    ...(speed && { bandwidth: speed.bytesPerSecond, bandwidthSource: speed.source }),
    ...(flops !== undefined && { flops }),
    ...(matrix && { matrixFlops: matrix.flops, matrixFlopsSource: matrix.source }),
    ...(apple && { prefillEfficiency: APPLE_PREFILL }),
    ...(apple && name.endsWith("Ultra") && { decodeEfficiency: TWO_DIE_EFFICIENCY }),
    ...(memory.length > 1 && { sizes: memory.map((size) => size * GIB) }),
  };
}

function usableOfMac(gigabytes: number): Pick<Hardware, "usableBytes" | "usableReason"> {
  const large = gigabytes >= LARGE_MAC_GB;
  return {
    usableBytes: Math.floor(gigabytes * GIB * (large ? 3 / 4 : 2 / 3)),
    usableReason:
      `macOS lends the GPU ${large ? "three quarters" : "two thirds"} of unified memory unless told otherwise ` +
      "(sysctl iogpu.wired_limit_mb)",
  };
}

/** A GPU of which only the size is known; taken for an NVIDIA one, which needs the most beside the model. */
export function plainSize(bytes: number, words: string): Hardware {
  return { name: words, kind: "size", backend: "cuda", memoryBytes: bytes };
}
