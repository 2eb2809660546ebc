/** What a GPU holds beside weights, cache and compute: ranges that people measured, each with its source. */
import type { CacheSize } from "../cache/size.ts";
import type { MemorySettings } from "../settings.ts";

/**
 * The context of CUDA or ROCm on each GPU, with the kernels that are loaded: outside of all that a program allocates. Between 0.3 and
 * 0.6 GB on current drivers (ggml-org/llama.cpp logs; modelinfo-cli reckons with 600 MB).
 */
export const CUDA_CONTEXT_BYTES = { low: 0.3e9, typical: 0.45e9, high: 0.6e9 } as const;

/** Left free on a GPU: 3% was enough in unslothai/unsloth#6718. */
export const CUSHION_SHARE = 0.03;

/**
 * With flash attention CUDA turns one layer's quantized keys and values into F16, and llama.cpp reserves the room for the widest layer
 * beforehand (llama.cpp#23907). 0 for a cache that isn't quantized.
 */
export function quantizedKvCopyBytes(
  { groups }: CacheSize,
  { keyType, valueType, flashAttention }: MemorySettings,
): number {
  if (!flashAttention) return 0;
  const isPlain = (type: string) => type === "F16" || type === "BF16" || type === "F32";
  const copies = groups.map(({ group, rows }) =>
    group.cells.per === "sequence"
      ? 0
      : 2 * rows * ((isPlain(keyType) ? 0 : group.keyElements) + (isPlain(valueType) ? 0 : group.valueElements)),
  );
  return Math.max(0, ...copies);
}
