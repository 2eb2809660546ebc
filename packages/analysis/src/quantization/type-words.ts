/**
 * What storage types and quantization labels mean, each in one plain line, for people who meet its name for the first
 * time; and what the labels were measured to cost.
 *
 * Sources: ggml/src/ggml-common.h (block structures), the safetensors format (`dtype`), ik_llama.cpp's pull requests;
 * for the labels llama.cpp src/llama-quant.cpp (`llama_tensor_get_type`), for `_L` and `UD-` the model cards.
 */

// GGUF and safetensors types; where both have a name, it means the same.
const TYPE_WORDS = {
  // Plain numbers
  F64: "64-bit float",
  F32: "32-bit float: full precision",
  F16: "16-bit float: fine steps, narrow range",
  BF16: "16-bit float: range of F32, coarser steps",
  F8_E4M3: "8-bit float: 4 exponent bits, 3 fraction bits",
  F8_E5M2: "8-bit float: 5 exponent bits, 2 fraction bits",
  F8_E8M0: "8-bit power of two: the scales of MX formats",
  F6_E2M3: "6-bit float: 2 exponent bits, 3 fraction bits",
  F6_E3M2: "6-bit float: 3 exponent bits, 2 fraction bits",
  F4: "4-bit float: 2 exponent bits, 1 fraction bit",
  C64: "complex number of two 32-bit floats",
  I64: "64-bit integer",
  I32: "32-bit integer: a table or packed weights",
  I16: "16-bit integer",
  I8: "8-bit integer",
  U64: "64-bit unsigned integer",
  U32: "32-bit integer: often packed weights",
  U16: "16-bit unsigned integer",
  U8: "8-bit integer: often packed weights",
  BOOL: "true or false, a byte each",

  // Legacy blocks of 32
  Q8_0: "8-bit: one scale per 32; almost lossless",
  Q8_1: "8-bit with block sums: for computing, not for files",
  Q6_0: "6-bit: one scale per 32",
  Q5_0: "5-bit: one scale per 32",
  Q5_1: "5-bit: scale and minimum per 32",
  Q4_0: "4-bit: one scale per 32",
  Q4_1: "4-bit: scale and minimum per 32",
  Q4_2: "4-bit: one scale per 16; long removed",
  Q4_3: "4-bit: scale and minimum per 16; long removed",
  Q2_0: "2-bit: one scale per 64",
  Q1_0: "1-bit: signs only, one scale per 128",
  Q4_0_4_4: "Q4_0 rearranged for ARM; removed, use Q4_0",
  Q4_0_4_8: "Q4_0 rearranged for ARM i8mm; removed, use Q4_0",
  Q4_0_8_8: "Q4_0 rearranged for ARM SVE; removed, use Q4_0",

  // k-quants: super-blocks of 256
  Q2_K: "2-bit k-quant: scale and minimum per 16",
  Q3_K: "3-bit k-quant: a 6-bit scale per 16",
  Q4_K: "4-bit k-quant: scale and minimum per 32",
  Q5_K: "5-bit k-quant: scale and minimum per 32",
  Q6_K: "6-bit k-quant: an 8-bit scale per 16",
  Q8_K: "8-bit with block sums: for computing, not for files",

  // Codebooks and value tables
  IQ1_S: "1.6-bit codebook: groups of 8 weights from a list",
  IQ1_M: "1.75-bit codebook: groups of 8, finer scales",
  IQ2_XXS: "2.1-bit codebook: groups of 8 weights from a list",
  IQ2_XS: "2.3-bit codebook: groups of 8, larger list",
  IQ2_S: "2.6-bit codebook: groups of 8, largest list",
  IQ3_XXS: "3.1-bit codebook: groups of 4 weights from a list",
  IQ3_S: "3.4-bit codebook: groups of 4, larger list",
  IQ4_NL: "4-bit: uneven 16-value table, one scale per 32",
  IQ4_XS: "4-bit: uneven 16-value table, 6-bit scales",
  IQ4_NL_4_4: "IQ4_NL rearranged for ARM; removed, use IQ4_NL",
  IQ4_NL_4_8: "IQ4_NL rearranged for ARM i8mm; removed, use IQ4_NL",
  IQ4_NL_8_8: "IQ4_NL rearranged for ARM SVE; removed, use IQ4_NL",

  // Ternary and the 4-bit floats of hardware
  TQ1_0: "ternary (-1, 0, 1): five weights in a byte",
  TQ2_0: "ternary (-1, 0, 1): four weights in a byte",
  MXFP4: "4-bit float: a power-of-two scale per 32",
  NVFP4: "4-bit float: an 8-bit float scale per 16",

  // ik_llama.cpp
  IQ1_BN: "ternary (-1, 0, 1): 1.6 bits, one scale a row",
  IQ2_BN: "ternary (-1, 0, 1): 2 bits, one scale a row",
  IQ2_K: "2-bit: uneven values, one scale per 16",
  IQ3_K: "3-bit: uneven values, one scale per 16",
  IQ4_K: "4-bit: uneven values, one scale per 16",
  IQ5_K: "5-bit: uneven values, one scale per 16",
  IQ6_K: "6-bit: uneven values, one scale per 16",
  IQ2_KS: "2-bit: uneven values, scales a row and block",
  IQ3_KS: "3-bit: uneven values, scales a row and block",
  IQ4_KS: "4-bit: uneven values, scales a row and block",
  IQ5_KS: "5-bit: uneven values, scales a row and block",
  IQ4_KSS: "4 bits in all: uneven value tables, one scale a row",
  IQ2_KL: "2.7-bit: pairs of weights from a list, one scale a row",
  IQ1_KT: "1.75-bit trellis: weights follow a computed path",
  IQ2_KT: "2.1-bit trellis: weights follow a computed path",
  IQ3_KT: "3.1-bit trellis: weights follow a computed path",
  IQ4_KT: "4-bit trellis: weights follow a computed path",
  Q8_KV: "8-bit: one scale for a whole row",
  Q8_0_X4: "four Q8_0 blocks together: for computing, not for files",
  Q8_1_X4: "four Q8_1 blocks together: for computing, not for files",
  Q8_2_X4: "8-bit with sums, by four: for computing, not for files",
  Q8_K16: "8-bit, scales a row: for computing, not for files",
  Q8_K32: "8-bit, blocks of 32: for computing, not for files",
  Q8_K64: "8-bit, blocks of 64: for computing, not for files",
  Q8_K128: "8-bit, blocks of 128: for computing, not for files",
  Q8_KR8: "8-bit, eight rows together: for computing, not for files",
  Q8_K_R8: "8-bit k-quant with 8 rows interleaved for CPUs",
  Q8_K_R16: "8-bit k-quant with 16 rows interleaved for CPUs",
  IQ1_S_R4: "1.5-bit codebook: one scale a row, 4 rows interleaved",
  IQ1_M_R4: "1.75-bit codebook: one scale a row, 4 rows interleaved",
} as const satisfies Readonly<Record<string, string>>;

const BY_TYPE: ReadonlyMap<string, string> = new Map(Object.entries(TYPE_WORDS));

/** One plain line on a storage type, at most 60 characters; never empty. */
export function typeWords(type: string): string {
  const words = BY_TYPE.get(type);
  if (words) return words;
  const [, base, rows] = /^(\w+)_R(4|8|16)$/.exec(type) ?? [];
  if (base && BY_TYPE.has(base)) return `${base} with ${rows} rows interleaved for CPUs`;
  return "a type that this version has no words for";
}

// A label names a recipe: most matrices get the type of its name, a few that matter more get a better one. The output
// matrix gets Q6_K or better in almost all, so the lines don't repeat it.
const LABEL_WORDS = {
  F32: "not quantized: 32-bit floats",
  F16: "not quantized: 16-bit floats",
  BF16: "not quantized: 16-bit bfloats",
  Q8_0: "8-bit throughout; almost lossless",
  Q6_K: "6-bit throughout; very near to lossless",
  Q5_K_M: "5-bit mix: half of attention V and FFN down in Q6_K",
  Q5_K_S: "5-bit throughout",
  Q5_0: "5-bit throughout, older scheme",
  Q5_1: "5-bit throughout, older scheme with minimums",
  Q4_K_M: "4-bit mix: half of attention V and FFN down in Q6_K",
  Q4_K_S: "4-bit mix: first layers' attention V and FFN down in Q5_K",
  Q4_0: "4-bit throughout, older scheme",
  Q4_1: "4-bit throughout, older scheme with minimums",
  Q3_K_L: "3-bit mix: attention V, output and FFN down in Q5_K",
  Q3_K_M: "3-bit mix: attention V, output and FFN down in Q4_K, Q5_K",
  Q3_K_S: "3-bit throughout",
  Q2_K: "2-bit mix: attention V, output and FFN down in Q3_K, Q4_K",
  Q2_K_S: "2-bit mix: attention V and first FFN down in Q4_K",
  IQ4_XS: "4-bit with an uneven value table; smaller than Q4_K_S",
  IQ4_NL: "4-bit with an uneven value table",
  IQ3_M: "3-bit codebook mix: attention V and output in Q4_K",
  IQ3_S: "3-bit codebook; attention V often in Q4_K",
  IQ3_XS: "3-bit codebook mix: IQ3_S and IQ3_XXS",
  IQ3_XXS: "3-bit codebook mix, small",
  IQ2_M: "2-bit codebook mix around IQ2_S",
  IQ2_S: "2-bit codebook mix around IQ2_XS",
  IQ2_XS: "2-bit codebook mix, small",
  IQ2_XXS: "2-bit codebook mix, smaller",
  IQ1_M: "1.75-bit codebook mix; for very large models",
  IQ1_S: "1.6-bit codebook mix; for very large models",
  TQ1_0: "ternary weights, packed tightest",
  TQ2_0: "ternary weights, packed for speed",
  MXFP4_MOE: "experts in MXFP4, the rest in Q8_0",
  MXFP4: "experts in MXFP4, the rest in 8 or 16 bits",
  NVFP4: "4-bit floats with 8-bit float scales",
  Q1_0: "1-bit: signs and scales",
  Q2_0: "2-bit, blocks of 64",
  Q6_K_L: "Q6_K with embedding and output in Q8_0",
  Q5_K_L: "Q5_K_M with embedding and output in Q8_0",
  Q4_K_L: "Q4_K_M with embedding and output in Q8_0",
  Q3_K_XL: "Q3_K_L with embedding and output in Q8_0",
  Q2_K_L: "Q2_K with embedding and output in Q8_0",
  Q4_0_4_4: "Q4_0 rearranged for ARM; no longer read, use Q4_0",
  Q4_0_4_8: "Q4_0 rearranged for ARM i8mm; no longer read, use Q4_0",
  Q4_0_8_8: "Q4_0 rearranged for ARM SVE; no longer read, use Q4_0",
} as const satisfies Readonly<Record<string, string>>;

const BY_LABEL: ReadonlyMap<string, string> = new Map(Object.entries(LABEL_WORDS));

/** One plain line on a quantization label, at most 62 characters; undefined for a label that isn't known. */
export function fileTypeWords(label: string): string | undefined {
  if (label.startsWith("UD-")) return "dynamic mix: each tensor's type chosen by its importance";
  return BY_LABEL.get(label);
}

// Added perplexity, as the help of llama.cpp's quantize tool prints it.
const PERPLEXITY_DELTAS = {
  Q2_K: 3.52,
  Q3_K_S: 1.63,
  Q3_K_M: 0.66,
  Q3_K_L: 0.56,
  Q4_0: 0.47,
  Q4_1: 0.45,
  Q4_K_S: 0.27,
  Q4_K_M: 0.175,
  Q5_0: 0.13,
  Q5_1: 0.11,
  Q5_K_S: 0.105,
  Q5_K_M: 0.057,
  Q6_K: 0.022,
  Q8_0: 0.003,
} as const satisfies Readonly<Record<string, number>>;

const DELTA_BY_LABEL: ReadonlyMap<string, number> = new Map(Object.entries(PERPLEXITY_DELTAS));

export interface PerplexityDelta {
  /** Perplexity above that of the F16 model; smaller is better. */
  readonly delta: number;
  /** The model that was measured. Others differ, small ones most: a ranking, not a forecast. */
  readonly model: string;
  readonly source: string;
}

/** What a label was measured to add to the perplexity of one model, or undefined where it wasn't measured. */
export function perplexityDelta(label: string): PerplexityDelta | undefined {
  const delta = DELTA_BY_LABEL.get(label);
  return delta === undefined ? undefined : { delta, model: "Llama-3-8B", source: "llama.cpp tools/quantize" };
}
