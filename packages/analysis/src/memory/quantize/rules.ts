/**
 * Which type each tensor gets when llama-quantize makes a mix: rules as rows, the first that fits decides.
 *
 * Sensitive tensors get more bits than the label says: the head, values, the way out of the feed-forward network, and the layers at both
 * ends. Source: llama.cpp v0.5.0 src/llama-quant.cpp (llama_tensor_get_type, tensor_allows_quantization, tensor_type_fallback).
 */

/** What a tensor is to these rules, by its name. */
export type Category = "output" | "token" | "qkv" | "kv_b" | "v" | "k" | "q" | "o" | "up" | "gate" | "down" | "other";

const CATEGORIES: readonly (readonly [part: string, Category])[] = [
  ["attn_qkv.weight", "qkv"],
  ["attn_kv_b.weight", "kv_b"],
  ["attn_v.weight", "v"],
  ["attn_k.weight", "k"],
  ["attn_q.weight", "q"],
  ["attn_output.weight", "o"],
  ["ffn_up", "up"],
  ["ffn_gate", "gate"],
  ["ffn_down", "down"],
];

export function categoryOf(name: string): Category {
  if (name === "output.weight") return "output";
  if (name === "token_embd.weight" || name === "per_layer_token_embd.weight") return "token";
  return CATEGORIES.find(([part]) => name.includes(part))?.[1] ?? "other";
}

/** Values, and what they are part of. */
export const VALUES: readonly Category[] = ["v", "qkv", "kv_b"];

/** Matrices that stay as they are: small ones, and those that decide a lot. Everything with one dimension does too. */
const KEPT: readonly string[] = [
  ...["_norm.weight", "ffn_gate_inp.weight", "ffn_gate_tid2eid.weight", "altup", "laurel", "per_layer_model_proj"],
  ...["ssm_conv1d", "shortconv.conv.weight", "indexer.k_proj.weight", "indexer.q_proj.weight", "attn_rel_b.weight"],
  ...["time_mix_first", "time_mix_w0", "time_mix_w1", "time_mix_w2", "time_mix_v0", "time_mix_v1", "time_mix_v2"].map(
    weight,
  ),
  ...["time_mix_a0", "time_mix_a1", "time_mix_a2", "time_mix_g1", "time_mix_g2", "time_mix_decay_w1"].map(weight),
  ...["time_mix_decay_w2", "time_mix_lerp_fused"].map(weight),
  ...[".position_embd", "sam.pos_embd", "sam.neck.", "sam.net_", ".rel_pos", ".patch_embd", ".patch_merger"],
  ...["a.rvq.codebook", "mm.a.code_embd"],
];

function weight(name: string): string {
  return `${name}.weight`;
}

const KEPT_WHOLE: ReadonlySet<string> = new Set(["position_embd.weight", "token_types.weight"]);

/** Whether a tensor is quantized at all. `dimensions` are those above one. */
export function isQuantized(name: string, dimensions: number): boolean {
  return (
    dimensions >= 2 && name.endsWith("weight") && !KEPT_WHOLE.has(name) && !KEPT.some((part) => name.includes(part))
  );
}

/** What the rules ask of the model. */
export interface QuantModel {
  readonly architecture: string;
  /** All blocks, MTP blocks included. */
  readonly layers: number;
  readonly experts: number;
  /** Heads that share a KV head in the first layer; 0 where it has none. */
  readonly gqa: number;
  /** A Llama of 80 layers with grouped heads. */
  readonly is70B: boolean;
  /** No `output.weight` in the file. */
  readonly tied: boolean;
  readonly imatrix: boolean;
}

/** Where a tensor stands: how many of its kind came before, and how many there are. */
export interface Place {
  readonly index: number;
  readonly count: number;
}

type When = (model: QuantModel, place: Place) => boolean;

interface Rule {
  /** Labels that it is for, separated by spaces; all unless told. */
  readonly labels?: string;
  readonly of: readonly Category[];
  readonly when?: When;
  readonly to: string;
}

/** The layers at both ends and every third between them. */
const moreBits: When = (_, { index, count }) => {
  const eighth = Math.floor(count / 8);
  return index < eighth || index >= Math.floor((7 * count) / 8) || (index - eighth) % 3 === 2;
};
const first =
  (part: number): When =>
  (_, { index, count }) =>
    index < Math.floor(count / part);
const before =
  (layers: number): When =>
  (_, { index }) =>
    index < layers;
const between: When = (_, { index, count }) => index >= Math.floor(count / 8) && index < Math.floor((7 * count) / 8);
const grouped: When = ({ gqa }) => gqa >= 4;
const eightExperts: When = ({ experts }) => experts === 8;
const falcon: When = ({ architecture }) => architecture === "falcon";
const plain: When = ({ imatrix }) => !imatrix;
const both =
  (...all: readonly When[]): When =>
  (model, place) =>
    all.every((when) => when(model, place));
const either =
  (...all: readonly When[]): When =>
  (model, place) =>
    all.some((when) => when(model, place));
const not =
  (when: When): When =>
  (model, place) =>
    !when(model, place);

/** Below three bits. */
const LOW = "IQ2_XXS IQ2_XS IQ2_S IQ2_M IQ1_S IQ1_M";

const TABLES: readonly Rule[] = [
  { labels: "IQ2_XXS IQ2_XS IQ1_S IQ1_M", of: ["token"], to: "Q2_K" },
  { labels: "IQ2_S IQ2_M IQ3_XXS", of: ["token"], to: "IQ3_S" },
  { labels: "TQ1_0 TQ2_0 Q2_0", of: ["token"], to: "Q4_K" },
];

const LOW_BITS: readonly Rule[] = [
  { labels: LOW, of: VALUES, when: either(grouped, ({ experts }) => experts >= 4), to: "Q4_K" },
  { labels: "IQ2_S IQ2_M", of: VALUES, to: "IQ3_S" },
  { labels: LOW, of: VALUES, to: "Q2_K" },
  { labels: LOW, of: ["k"], when: eightExperts, to: "Q4_K" },
  { labels: "IQ2_S IQ2_M", of: ["down"], when: first(8), to: "IQ3_S" },
  { labels: LOW, of: ["down"], when: first(8), to: "Q2_K" },
  { labels: LOW, of: ["o"], when: eightExperts, to: "Q5_K" },
  { labels: "IQ1_S IQ1_M", of: ["o"], to: "IQ2_XXS" },
  { labels: "IQ2_S IQ2_M", of: ["o"], to: "IQ3_S" },
];

/** The rest of them; those of the low bits have none beyond their own. */
const USUAL: readonly Rule[] = [
  { of: VALUES, when: eightExperts, to: "Q8_0" },
  { labels: "Q2_K", of: VALUES, when: grouped, to: "Q4_K" },
  { labels: "Q2_K", of: VALUES, to: "Q3_K" },
  { labels: "Q2_K_S", of: VALUES, when: grouped, to: "Q4_K" },
  { labels: "IQ3_XXS", of: VALUES, when: grouped, to: "Q4_K" },
  { labels: "IQ3_XXS", of: VALUES, when: plain, to: "IQ3_S" },
  { labels: "IQ3_XS IQ3_S", of: VALUES, when: grouped, to: "Q4_K" },
  { labels: "IQ3_M", of: VALUES, to: "Q4_K" },
  { labels: "Q3_K_M", of: VALUES, when: before(2), to: "Q5_K" },
  { labels: "Q3_K_M", of: VALUES, to: "Q4_K" },
  { labels: "Q3_K_L", of: VALUES, to: "Q5_K" },
  { labels: "IQ4_NL IQ4_XS", of: VALUES, when: grouped, to: "Q5_K" },
  { labels: "Q4_K_M Q5_K_M", of: VALUES, when: moreBits, to: "Q6_K" },
  { labels: "Q4_K_S", of: VALUES, when: before(4), to: "Q5_K" },
  { of: ["k"], when: eightExperts, to: "Q8_0" },
  { labels: "IQ3_XS", of: ["q", "k"], to: "IQ3_XXS" },
  { labels: "IQ3_XXS", of: ["q", "k"], to: "IQ2_S" },
  { labels: "Q2_K", of: ["down"], to: "Q3_K" },
  { labels: "Q2_K_S", of: ["down"], when: first(8), to: "Q4_K" },
  { labels: "IQ3_XXS", of: ["down"], when: both(plain, first(8)), to: "Q4_K" },
  { labels: "IQ3_XXS", of: ["down"], when: plain, to: "Q3_K" },
  { labels: "Q3_K_M", of: ["down"], when: first(16), to: "Q5_K" },
  { labels: "Q3_K_M", of: ["down"], when: either(not(falcon), moreBits), to: "Q4_K" },
  { labels: "IQ3_M", of: ["down"], when: either(first(8), both(eightExperts, moreBits)), to: "Q4_K" },
  { labels: "Q3_K_L", of: ["down"], when: falcon, to: "Q4_K" },
  { labels: "Q3_K_L", of: ["down"], to: "Q5_K" },
  { labels: "Q4_K_M", of: ["down"], when: both(falcon, first(16)), to: "Q6_K" },
  { labels: "Q4_K_M", of: ["down"], when: both(falcon, moreBits), to: "Q5_K" },
  { labels: "Q4_K_M", of: ["down"], when: both(not(falcon), moreBits), to: "Q6_K" },
  { labels: "IQ4_NL IQ4_XS", of: ["down"], when: both(first(8), plain), to: "Q5_K" },
  { labels: "Q5_K_M", of: ["down"], when: moreBits, to: "Q6_K" },
  { labels: "Q4_K_S", of: ["down"], when: both(not(falcon), first(8)), to: "Q5_K" },
  { labels: "Q4_0", of: ["down"], when: both(not(plain), first(8)), to: "Q4_1" },
  { labels: "Q5_0", of: ["down"], when: both(not(plain), first(8)), to: "Q5_1" },
  { labels: "Q3_K_L", of: ["o"], when: falcon, to: "Q4_K" },
  {
    labels: "Q2_K IQ3_XS IQ3_XXS Q3_K_S Q3_K_M IQ4_NL Q4_K_S Q4_K_M IQ3_S IQ3_M IQ4_XS",
    of: ["o"],
    when: both(eightExperts, not(falcon)),
    to: "Q5_K",
  },
  { labels: "Q2_K", of: ["o"], when: both(not(eightExperts), not(falcon)), to: "Q3_K" },
  { labels: "IQ3_XXS", of: ["o"], when: both(not(eightExperts), not(falcon)), to: "IQ3_S" },
  { labels: "Q3_K_M IQ3_M", of: ["o"], when: both(not(eightExperts), not(falcon)), to: "Q4_K" },
  { labels: "Q3_K_L", of: ["o"], when: both(not(eightExperts), not(falcon)), to: "Q5_K" },
  { labels: "IQ3_XS", of: ["gate", "up"], when: between, to: "IQ3_XXS" },
];

const IN_LOW: ReadonlySet<string> = new Set(LOW.split(" "));

function ruleFor(rules: readonly Rule[], label: string, category: Category, model: QuantModel, place: Place) {
  return rules.find(
    ({ labels, of, when }) =>
      (labels === undefined || labels.split(" ").includes(label)) &&
      of.includes(category) &&
      (when === undefined || when(model, place)),
  );
}

/**
 * The type of a tensor that is quantized, before its row length is looked at.
 * @param usual the label's own type
 */
export function mixedType(label: string, usual: string, category: Category, model: QuantModel, place: Place): string {
  const rules = category === "token" ? TABLES : IN_LOW.has(label) ? LOW_BITS : USUAL;
  const type = ruleFor(rules, label, category, model, place)?.to ?? usual;
  const isValue = VALUES.includes(category) && !IN_LOW.has(label);
  // The 70B models share each key and value head among eight heads, so that more bits for them cost little.
  return isValue && model.is70B && model.experts !== 8 && (type === "Q3_K" || type === "Q4_K") ? "Q5_K" : type;
}

/** What scores the next token, which a tied table does too. */
export function headType(label: string, usual: string, rowDivides: boolean, model: QuantModel): string {
  if (label === "MXFP4_MOE" || model.architecture === "falcon" || !rowDivides) return "Q8_0";
  if (IN_LOW.has(label) || label === "IQ3_XXS") return "Q5_K";
  return usual === "Q8_0" ? usual : "Q6_K";
}

/** Where the rows of a tensor don't divide into the type's blocks. */
const FALLBACKS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    "IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S IQ3_XXS IQ3_S IQ4_XS".split(" ").map((type) => [type, "IQ4_NL"]),
  ),
  ...Object.fromEntries("Q2_0 Q2_K Q3_K TQ1_0 TQ2_0".split(" ").map((type) => [type, "Q4_0"])),
  Q4_K: "Q5_0",
  Q5_K: "Q5_1",
  Q6_K: "Q8_0",
};

export function fallbackType(type: string): string {
  return FALLBACKS[type] ?? type;
}

/** Types that llama-quantize refuses to make without an importance matrix, but for the tables. */
const NEEDS_IMATRIX: ReadonlySet<string> = new Set(["IQ3_XXS", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ1_M", "IQ1_S"]);

export function needsImatrix(type: string, category: Category, label: string): boolean {
  if (category === "token" || category === "output") return false;
  return NEEDS_IMATRIX.has(type) || (type === "Q2_K" && label === "Q2_K_S");
}
