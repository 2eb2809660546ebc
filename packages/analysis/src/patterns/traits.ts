/**
 * What a layer is, from the parts of its tensors: which mixers it has, what its feed-forward is, how each part is stored.
 *
 * Rests on the part names that the classifiers give (roles/). A part speaks for a mixer only where that mixer can't do
 * without it, so norms, gates, indexers and short convolutions beside attention don't make a mixer of their own.
 */
import type { Tensor } from "@checkpoint-inspect/parser";

import type { Bucket } from "../roles/role.ts";

/** What mixes the tokens in a layer. */
export type Mixer = "attention" | "mla" | "cross" | "ssm" | "linattn" | "rwkv" | "shortconv";

/** `both`: a dense feed-forward beside the experts (Arctic, Gemma 4). */
export type FeedForward = "dense" | "moe" | "both" | "none";

/** Tensors of a layer that don't differ in role, shape or storage are one kind. */
export interface TensorKind {
  readonly bucket: Bucket;
  readonly part: string;
  readonly bias: boolean;
  /** Not a parameter: scales of a quantization, buffers. */
  readonly excluded: boolean;
  /** Storage type in words: `Q4_K`, `BF16`, `4-bit in I32`. */
  readonly stored: string;
  readonly dimensions: number;
  /** Logical parameters of one tensor. */
  readonly parameters: number;
  readonly bytes: number;
  /** Row-major logical shape of each: unpacked where that is known. */
  readonly shape: readonly number[];
  /** The first of its kind in the checkpoint: for a name, and for what else a rule may ask. */
  readonly first: Tensor;
}

export interface StoredPart {
  readonly bucket: Bucket;
  readonly part: string;
  /** Storage types, sorted; nearly always one. */
  readonly types: readonly string[];
  readonly bytes: number;
}

/** What the sentences need of a layer beyond what the report shows. */
export interface LayerTraits {
  readonly mixers: readonly Mixer[];
  readonly feedForward: FeedForward;
  /** A Mamba of the first kind: it chooses step, input and output of the state by one projection (`x_proj`). */
  readonly mamba1: boolean;
  readonly relativePositions: boolean;
  /** Has a compressor that shortens the cached keys and values. */
  readonly compressed: boolean;
  /** Parameters of the matrix that widens a token's vector in the dense feed-forward: model width * FFN width. */
  readonly ffnUp: number | undefined;
  /** The weights, by bucket and part: no norms, no biases, nothing that is a vector. */
  readonly weights: ReadonlyMap<string, StoredPart>;
}

const MIXER_PARTS: readonly (readonly [Mixer, RegExp])[] = [
  ["attention", /^(?:q|k|v|qkv|kv|fused_qkv_mlp)$/],
  // Latents that are widened again; DeepSeek-V4 attends to its latent as it is, which is another kind.
  ["mla", /^mla\.(?:kv_b|k_b|v_b)$/],
  ["attention", /^mla\.kv(?:_a)?$/],
  ["cross", /^cross\.(?:q|k|v|qkv|kv)$/],
  // Every convolution in a layer may be called ssm.conv: it takes more to be a state-space mixer.
  ["ssm", /^ssm\.(?!conv|norm|key_decay|query_decay|diagonal_decay)/],
  ["linattn", /^linattn\./],
  ["rwkv", /^rwkv\./],
  ["shortconv", /^shortconv\.(?:in|out|in_proj|out_proj)$/],
];

/**
 * Mixers whose own query, key and value (or decay) go by the common names, so that those don't mean a second mixer:
 * DeepSeek-V2-Lite's `q_proj` is part of latent attention, Kimi's and RWKV-7's `k_proj` part of theirs.
 */
const OWNS: readonly (readonly [Mixer, readonly Mixer[]])[] = [
  ["mla", ["attention"]],
  ["linattn", ["attention", "ssm", "mla"]],
  ["rwkv", ["attention", "ssm"]],
];

/** Fixed tables that only lightning attention has: MiniMax names its projections as attention does. */
const DECAY = /^(?:linattn\.slope_rate|ssm\.(?:key|query|diagonal)_decay)$/;

/** Parts of the feed-forward that only stand beside its matrices. */
const FFN_ASIDE = /^(?:act|adapter|shortconv)/;

/** Buckets that keep the role of an inner tensor as `bucket.part`. */
const OUTER: ReadonlySet<Bucket> = new Set<Bucket>(["vision", "audio", "mtp"]);

/** Bucket and part of a tensor inside a tower or MTP block as they'd be in the text stack. */
function innerRole({ bucket, part }: TensorKind): readonly [bucket: string, part: string] {
  if (!OUTER.has(bucket)) return [bucket, part];
  const dot = part.indexOf(".");
  return dot < 0 ? [bucket, part] : [part.slice(0, dot), part.slice(dot + 1)];
}

/** Reads a layer's traits out of its kinds of tensors; their order doesn't matter. */
export function traitsOf(kinds: Iterable<TensorKind>): LayerTraits {
  const mixers = new Set<Mixer>();
  const weights = new Map<string, { bucket: Bucket; part: string; types: Set<string>; bytes: number }>();
  let [dense, moe, mamba1, relativePositions, compressed] = [false, false, false, false, false];
  let ffnUp: number | undefined;
  const widest = (parameters: number) => {
    ffnUp = Math.max(ffnUp ?? 0, parameters);
  };
  for (const kind of kinds) {
    const [bucket, part] = innerRole(kind);
    if (bucket === "attention" && DECAY.test(part)) mixers.add("linattn");
    if (kind.excluded) continue;
    if (bucket === "attention" && !kind.bias) {
      for (const [mixer, pattern] of MIXER_PARTS) if (pattern.test(part)) mixers.add(mixer);
      if (/^ssm\.x/.test(part)) mamba1 = true;
      if (part.startsWith("compressor.")) compressed = true;
      if (part === "fused_qkv_mlp") dense = true;
    } else if (bucket === "ffn" && !kind.bias && !FFN_ASIDE.test(part)) {
      dense = true;
      if (kind.dimensions === 2 && part === "up") widest(kind.parameters);
      if (kind.dimensions === 2 && part === "gate_up") widest(kind.parameters / 2);
    } else if (bucket === "expert") moe = true;
    else if (bucket === "position" && part === "relative_bias") relativePositions = true;
    if (kind.bias || kind.dimensions < 2 || bucket === "norm" || bucket === "position") continue;
    const key = `${kind.bucket}|${kind.part}`;
    const stored = weights.get(key) ?? { bucket: kind.bucket, part: kind.part, types: new Set(), bytes: 0 };
    stored.types.add(kind.stored);
    stored.bytes += kind.bytes;
    weights.set(key, stored);
  }
  for (const [owner, owned] of OWNS) if (mixers.has(owner)) for (const mixer of owned) mixers.delete(mixer);
  return {
    mixers: [...mixers].sort(),
    feedForward: moe ? (dense ? "both" : "moe") : dense ? "dense" : "none",
    mamba1,
    relativePositions,
    compressed,
    ffnUp,
    weights: new Map([...weights].map(([key, { types, ...rest }]) => [key, { ...rest, types: [...types].sort() }])),
  };
}
