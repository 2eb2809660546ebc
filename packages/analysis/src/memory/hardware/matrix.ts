/**
 * FP16 operations a second of a GPU's matrix units, which prompts are worked on with. @huggingface/tasks lists what shaders do; NVIDIA's
 * tensor cores do a multiple of that (dense, FP16 sums: its architecture papers for Turing, Ampere, Ada and Blackwell).
 */
import type { Efficiency } from "./hardware.ts";

export interface MatrixFlops {
  readonly flops: number;
  readonly source: string;
}

const STATED: Readonly<Record<string, number>> = {
  B200: 2250e12,
  H200: 989e12,
  H100: 989e12,
  H800: 989e12,
  A100: 312e12,
  A800: 312e12,
  A30: 165e12,
  V100: 125e12,
  MI300: 1307e12,
};

/** GPUs whose listed figure isn't of shaders, or that have no matrix units. */
const AS_LISTED = /^(T4|T10|H20|P40|P100|GTX|Quadro|Apple|RX|PRO W|R9700|MI|Ryzen|Radeon)/;
const FOUR_TIMES = /^(RTX|A40|A10|A2|L40s|L40|L4|GB10)( |$)/;

/** `flops` as @huggingface/tasks lists them; undefined where we don't know how they relate to the matrix units. */
export function matrixFlops(name: string, flops: number): MatrixFlops | undefined {
  if (!Number.isFinite(flops) || flops <= 0) return undefined;
  const stated = STATED[name];
  if (stated !== undefined) return { flops: stated, source: "dense FP16, the maker's datasheet" };
  if (FOUR_TIMES.test(name))
    return { flops: 4 * flops, source: "4 x FP16 without tensor cores, as @huggingface/tasks lists it" };
  return AS_LISTED.test(name) ? { flops, source: "FP16 as @huggingface/tasks lists it" } : undefined;
}

/** Macs come closer to their listed peak, which is FP32's. */
export const APPLE_PREFILL: Efficiency = { low: 0.5, high: 0.8, from: "published llama.cpp runs on Macs, widened" };
