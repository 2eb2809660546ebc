/**
 * What stands in a file and is no parameter, in words: the answer to "why is your number smaller than the Hub's?".
 * An ordered table: the first row whose pattern fits the tensor's name decides.
 */
import type { PlacedTensor } from "./placed-tensor.ts";

const BUFFER_WORDS: readonly (readonly [name: RegExp, words: string])[] = [
  // GPT-2, GPT-NeoX: `h.0.attn.bias` is a lower triangle of ones, saved with the weights.
  [/att(?:entio)?n\.(?:masked_)?bias$|attn_mask$/, "causal masks"],
  [/inv_freq$|rope[._]freqs|rope_factors|rotary/, "rotary frequencies"],
  [/(?:position|token_type)_ids$/, "position ids"],
  [/running_(?:mean|var)$|num_batches_tracked$/, "running statistics of norms"],
  [/pos_embed$|embed_positions/, "fixed position tables"],
  [/relative_position_index|relative_coords/, "index tables of positions"],
  [/mel_filters|mel_scale|window$/, "filters of the audio input"],
  [/tid2eid/, "hash tables of the router"],
  [/alphas_cumprod|betas$|sqrt_|posterior_|logvar|log_one_minus/, "noise schedule"],
  [/model_ema/, "averaged copy from training"],
];

const REASON_WORDS = {
  duplicate: "a second copy of the tied table",
  "quant-side": "scales and maps of the quantization",
  statistics: "statistics of activations",
} as const;

/** Of one excluded tensor: `causal masks`, `rotary frequencies`, `scales and maps of the quantization`. */
export function exclusionWords({ tensor, excluded }: PlacedTensor): string {
  if (excluded === undefined) return "";
  if (excluded !== "buffer") return REASON_WORDS[excluded];
  return BUFFER_WORDS.find(([name]) => name.test(tensor.name))?.[1] ?? "tables of integers or derived values";
}
