/**
 * Splits tensors that hold several matrices in one, so that a view by role can show q, k and v of a model that stores them
 * together. Units are elements, never bytes: a quantization block may cross the seam.
 *
 * Only how many elements belong to each part is worked out, not which: whether the heads are interleaved (GPT-NeoX, BLOOM),
 * grouped (InternLM2, Falcon-40B) or apart (Phi), and whether the matrix is stored as [out, in] or as [in, out] (GPT-2's
 * Conv1D), the counts are the same.
 *
 * A tensor is split only if the model's own sizes add up to its width exactly. Left whole, because these facts don't hold
 * their sizes: the latent projections of MLA (`mla.kv_a`, `mla.kv_b`), the input projections of Mamba and of linear
 * attention. Towers, projectors and MTP blocks stay whole too: the facts are the text model's.
 *
 * Sources: the modelling files of transformers, one per model named below; diffusers' transformer_flux.py
 * and transformer_flux2.py.
 */
import { asideStack, type Bucket, type Role } from "./role.ts";

/** What one part holds of a fused tensor. */
export interface FusedShare {
  readonly bucket: Bucket;
  readonly part: string;
  /** Elements. */
  readonly parameters: number;
}

/** The sizes of the text model; `ModelFacts` fits. A list has one value a layer. */
export interface FusedFacts {
  readonly architecture?: string;
  readonly hiddenSize?: number;
  readonly attentionHeads?: number | readonly number[];
  readonly kvHeads?: number | readonly number[];
  readonly headDim?: number;
  readonly feedForwardSize?: number | readonly number[];
  readonly layers?: number;
}

/** Sizes in one layer, in elements. NaN where unknown, so that no width made of it fits a tensor. */
interface Sizes {
  readonly hidden: number;
  readonly heads: number;
  readonly headDim: number;
  /** How many heads k and v may have; the width of the tensor decides. */
  readonly kvHeads: readonly number[];
  readonly feedForward: number;
}

type Piece = readonly [bucket: Bucket, part: string, width: number];

interface Fusion {
  readonly bucket: Bucket;
  readonly part: string;
  /** Confined to these, where other models have a plain tensor under the same role. */
  readonly architectures?: RegExp;
  readonly stack?: string;
  /** Ways in which the pieces may make up the fused width. At most one of them fits. */
  readonly layouts: (sizes: Sizes) => readonly (readonly Piece[])[];
}

function qkv(prefix: string): Fusion["layouts"] {
  return ({ heads, headDim, kvHeads }) =>
    kvHeads.map((kv) => [
      ["attention", `${prefix}q`, heads * headDim],
      ["attention", `${prefix}k`, kv * headDim],
      ["attention", `${prefix}v`, kv * headDim],
    ]);
}

function gateUp(bucket: Bucket, prefix: string): Fusion["layouts"] {
  return ({ feedForward }) => [
    [
      [bucket, `${prefix}gate`, feedForward],
      [bucket, `${prefix}up`, feedForward],
    ],
  ];
}

function backOf(hidden: number, times: number): readonly Piece[] {
  return [
    ["attention", "o", hidden],
    ["ffn", "down", times * hidden],
  ];
}

const FUSIONS: readonly Fusion[] = [
  // Phi-3, GPT-2, GPT-NeoX, BLOOM, Falcon, MPT, DBRX, ChatGLM, InternLM2, ModernBERT.
  { bucket: "attention", part: "qkv", layouts: qkv("") },
  // CogVLM's second set of weights, for image tokens.
  { bucket: "attention", part: "visual_expert.qkv", layouts: qkv("visual_expert.") },
  {
    bucket: "attention",
    part: "kv",
    layouts: ({ headDim, kvHeads }) =>
      kvHeads.map((kv) => [
        ["attention", "k", kv * headDim],
        ["attention", "v", kv * headDim],
      ]),
  },
  // The full-attention layers of Qwen3-Next and Qwen3.5: each head's query, then its output gate.
  {
    bucket: "attention",
    part: "q",
    architectures: /^qwen3(?:_?next|_?5)/,
    layouts: ({ heads, headDim }) => [
      [
        ["attention", "q", heads * headDim],
        ["attention", "out_gate", heads * headDim],
      ],
    ],
  },
  // Phi-3, ModernBERT, Granite, OpenELM, ChatGLM: halves. gpt-oss interleaves them.
  { bucket: "ffn", part: "gate_up", layouts: gateUp("ffn", "") },
  // One matrix, or a stack of one an expert.
  { bucket: "expert", part: "routed.gate_up", layouts: gateUp("expert", "routed.") },
  { bucket: "expert", part: "shared.gate_up", layouts: gateUp("expert", "shared.") },
  // FLUX's single blocks: q, k, v and what widens the feed-forward, then both ways back. The feed-forward is four times as
  // wide as the model in FLUX.1; three times in FLUX.2, with a gate.
  {
    bucket: "attention",
    part: "fused_qkv_mlp",
    layouts: ({ hidden }) => [
      [
        ["attention", "q", hidden],
        ["attention", "k", hidden],
        ["attention", "v", hidden],
        ["ffn", "up", 4 * hidden],
      ],
      [
        ["attention", "q", hidden],
        ["attention", "k", hidden],
        ["attention", "v", hidden],
        ["ffn", "gate", 3 * hidden],
        ["ffn", "up", 3 * hidden],
      ],
    ],
  },
  {
    bucket: "ffn",
    part: "fused_o_down",
    layouts: ({ hidden }) => [backOf(hidden, 4), backOf(hidden, 3)],
  },
  // FLUX.2 in diffusers calls it `attn.to_out`.
  {
    bucket: "attention",
    part: "o",
    stack: "single_transformer_blocks",
    layouts: ({ hidden }) => [backOf(hidden, 3)],
  },
];

function inLayer(fact: number | readonly number[] | undefined, layer: number | undefined): number | undefined {
  if (typeof fact !== "object") return fact;
  return layer === undefined ? undefined : fact[layer];
}

/** The narrower side of FLUX's matrices is the model's width; diffusion models have no config that says it. */
function hiddenOf({ part, bias }: Role, shape: readonly number[], facts: FusedFacts): number {
  if (facts.hiddenSize !== undefined) return facts.hiddenSize;
  if (!bias) return Math.min(...shape);
  // FLUX.1: 7 = 3 + 4; FLUX.2 has no biases. The bias on the way back is added to the sum of both halves, and is neither's.
  return part === "fused_qkv_mlp" ? (shape[0] ?? Number.NaN) / 7 : Number.NaN;
}

function sizesOf(role: Role, shape: readonly number[], facts: FusedFacts): Sizes {
  const heads = inLayer(facts.attentionHeads, role.layer) ?? Number.NaN;
  const kv = facts.kvHeads === undefined ? heads : (inLayer(facts.kvHeads, role.layer) ?? Number.NaN);
  return {
    hidden: hiddenOf(role, shape, facts),
    heads,
    headDim: facts.headDim ?? (facts.hiddenSize ?? Number.NaN) / heads,
    // Falcon-7B and GPTBigCode say `multi_query` instead, or repeat the number of heads as that of the kv heads.
    kvHeads: kv === heads && heads !== 1 ? [kv, 1] : [kv],
    feedForward: inLayer(facts.feedForwardSize, role.layer) ?? Number.NaN,
  };
}

/**
 * Which dimension of the tensor is the fused one: that of the fused width, if the other side is the model's width. For a
 * bias it is the last. -1 if none is. Where both could be, it makes no difference to the counts.
 */
function fusedDimension(role: Role, shape: readonly number[], width: number, hiddenSize: number | undefined): number {
  const last = shape.length - 1;
  if (role.bias) return shape[last] === width ? last : -1;
  const other = (size: number | undefined) => hiddenSize === undefined || size === hiddenSize;
  if (shape[last - 1] === width && other(shape[last])) return last - 1;
  return shape[last] === width && other(shape[last - 1]) ? last : -1;
}

/** A matrix, a vector, or a stack of them, one an expert. */
function hasFusedRank({ bucket, bias }: Role, rank: number): boolean {
  const plain = bias ? 1 : 2;
  return rank === plain || (bucket === "expert" && rank === plain + 1);
}

/**
 * Splits a fused tensor into the parts that it holds.
 * @param role what the classifiers say of it
 * @param shape row-major logical shape: [out, in], [in, out] for a Conv1D, [out] for a bias, with the experts in front for
 * a stack of experts
 * @param facts sizes of the text model, from config.json or GGUF metadata
 * @returns elements of each part, which add up to the tensor's; undefined if the tensor isn't fused, or the facts don't give
 * the sizes of its pieces, or these don't make up the tensor exactly
 */
export function splitFused(role: Role, shape: readonly number[], facts: FusedFacts): readonly FusedShare[] | undefined {
  const fusion = FUSIONS.find(({ bucket, part }) => bucket === role.bucket && part === role.part);
  // The facts are the text model's.
  if (!fusion || asideStack(role.stack) !== undefined || !hasFusedRank(role, shape.length)) return undefined;
  if (fusion.stack !== undefined && fusion.stack !== role.stack) return undefined;
  if (fusion.architectures && !fusion.architectures.test(facts.architecture ?? "")) return undefined;
  for (const pieces of fusion.layouts(sizesOf(role, shape, facts))) {
    if (!pieces.every(([, , width]) => Number.isSafeInteger(width) && width > 0)) continue;
    const whole = pieces.reduce((sum, [, , width]) => sum + width, 0);
    const fused = fusedDimension(role, shape, whole, facts.hiddenSize);
    if (fused < 0) continue;
    const rest = shape.reduce((product, size, i) => (i === fused ? product : product * size), 1);
    // Beyond this the counts would no longer be exact.
    if (!Number.isSafeInteger(rest * whole)) return undefined;
    return pieces.map(([bucket, part, width]) => ({ bucket, part, parameters: rest * width }));
  }
  return undefined;
}
