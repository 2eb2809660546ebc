/** The quantizations that llama-quantize makes, with the type that most of their weights have. */

export interface QuantLabel {
  readonly label: string;
  /** What a weight gets unless a rule says otherwise. */
  readonly type: string;
  /** In plain words. */
  readonly words: string;
  /** Shown unless all are asked for. */
  readonly usual?: true;
}

/** From large to small. Source: llama.cpp v0.5.0 tools/quantize/quantize.cpp (QUANT_OPTIONS), llama_ftype_get_default_type. */
export const QUANT_LABELS: readonly QuantLabel[] = [
  { label: "F32", type: "F32", words: "full precision; no gain over 16 bits in use" },
  { label: "BF16", type: "BF16", words: "as most models are trained", usual: true },
  { label: "F16", type: "F16", words: "half precision" },
  { label: "Q8_0", type: "Q8_0", words: "next to no loss", usual: true },
  { label: "Q6_K", type: "Q6_K", words: "very little loss", usual: true },
  { label: "Q5_1", type: "Q5_1", words: "older; Q5_K_M is better at this size" },
  { label: "Q5_K_M", type: "Q5_K", words: "little loss", usual: true },
  { label: "Q5_K_S", type: "Q5_K", words: "little loss", usual: true },
  { label: "Q5_0", type: "Q5_0", words: "older; Q5_K_S is better at this size" },
  { label: "Q4_1", type: "Q4_1", words: "older; Q4_K_M is better at this size" },
  { label: "Q4_K_M", type: "Q4_K", words: "the usual balance of size and quality", usual: true },
  { label: "Q4_K_S", type: "Q4_K", words: "a little smaller and worse", usual: true },
  { label: "IQ4_NL", type: "IQ4_NL", words: "better than Q4_0 at its size" },
  { label: "Q4_0", type: "Q4_0", words: "simple and fast, more loss" },
  { label: "IQ4_XS", type: "IQ4_XS", words: "the smallest with moderate loss", usual: true },
  { label: "MXFP4_MOE", type: "MXFP4", words: "experts in 4 bits, the rest in Q8_0" },
  { label: "Q3_K_L", type: "Q3_K", words: "noticeable loss" },
  { label: "Q3_K_M", type: "Q3_K", words: "noticeable loss", usual: true },
  { label: "IQ3_M", type: "IQ3_S", words: "better than Q3_K_M, slower on CPUs" },
  { label: "IQ3_S", type: "IQ3_S", words: "noticeable loss" },
  { label: "Q3_K_S", type: "Q3_K", words: "much loss" },
  { label: "IQ3_XS", type: "IQ3_S", words: "much loss" },
  { label: "IQ3_XXS", type: "IQ3_XXS", words: "much loss" },
  { label: "Q2_K", type: "Q2_K", words: "the last resort among the K types", usual: true },
  { label: "Q2_K_S", type: "Q2_K", words: "very much loss" },
  { label: "IQ2_M", type: "IQ2_S", words: "very much loss" },
  { label: "IQ2_S", type: "IQ2_XS", words: "very much loss" },
  { label: "IQ2_XS", type: "IQ2_XS", words: "very much loss" },
  { label: "IQ2_XXS", type: "IQ2_XXS", words: "very much loss" },
  { label: "Q2_0", type: "Q2_0", words: "for models that were trained for two bits" },
  { label: "TQ2_0", type: "TQ2_0", words: "for ternary models" },
  { label: "IQ1_M", type: "IQ1_M", words: "barely usable" },
  { label: "TQ1_0", type: "TQ1_0", words: "for ternary models" },
  { label: "IQ1_S", type: "IQ1_S", words: "barely usable" },
  { label: "Q1_0", type: "Q1_0", words: "for models that were trained for one bit" },
];

export function quantLabel(name: string): QuantLabel | undefined {
  return QUANT_LABELS.find(({ label }) => label === name);
}
