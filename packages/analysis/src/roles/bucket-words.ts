/** What each bucket and part of a model does, in one plain line of at most 62 characters. */
import type { ModelKind } from "../kind.ts";
import { BUCKETS, type Bucket } from "./role.ts";

interface Words {
  /** One line, at most 62 characters. */
  readonly line: string;
  /** The same where room is short: at most 34 characters, for a table at 80 columns. */
  readonly tag: string;
}

/** As it is in a model that writes text, and where the kind makes no difference. */
const BUCKET_WORDS: Readonly<Record<Bucket, Words>> = {
  embedding: { line: "turns each token id into a vector", tag: "token ids become vectors" },
  position: { line: "tells the model where in the text a token stands", tag: "where in the text a token stands" },
  attention: { line: "lets each token read from the tokens before it", tag: "tokens read from earlier tokens" },
  ffn: { line: "works on each token alone; holds much of what is known", tag: "each token alone; holds knowledge" },
  expert: { line: "FFNs of which a router picks a few for each token", tag: "FFNs; a router picks few a token" },
  norm: { line: "keeps the vectors at a steady size between the steps", tag: "keeps vectors at a steady size" },
  head: { line: "turns the last vector into scores for the next token", tag: "scores every possible next token" },
  vision: { line: "turns images into vectors", tag: "images become vectors" },
  audio: { line: "turns sound into vectors, or vectors into sound", tag: "sound becomes vectors, or back" },
  projector: {
    line: "fits image or sound vectors to the width of the text model",
    tag: "fits images or sound to the text",
  },
  mtp: { line: "drafts further tokens ahead, for speed; can be left out", tag: "drafts further tokens, for speed" },
  "quant-side": { line: "scales and tables that unpack the quantized weights", tag: "scales that unpack the weights" },
  other: { line: "whatever fits none of the other groups", tag: "fits none of the other groups" },
};

interface KindRow extends Words {
  readonly bucket: Bucket;
  /** Any kind where absent. */
  readonly kinds?: readonly ModelKind[];
  /** Some part of the bucket matches. */
  readonly has?: RegExp;
  /** No part of the bucket matches. */
  readonly lacks?: RegExp;
}

const TEXT_READERS = ["encoder", "embedding", "reranker"] as const;
const TOKEN = /^(?:token|per_layer_token)$/;
/** Where a time step, a prompt or noise come in. */
const INPUT = /^(?:input|conditioning|patch)$/;

/** Where a kind's buckets do something else than a language model's. The first row that fits counts. */
const BY_KIND: readonly KindRow[] = [
  {
    bucket: "embedding",
    kinds: ["diffusion"],
    has: TOKEN,
    line: "turns words of the prompt and the time step into vectors",
    tag: "prompt and time become vectors",
  },
  {
    bucket: "embedding",
    kinds: ["diffusion"],
    line: "brings image, prompt and time step to the model's width",
    tag: "image, prompt, time: one width",
  },
  {
    bucket: "embedding",
    kinds: ["speech"],
    has: TOKEN,
    line: "turns sound and token ids into vectors",
    tag: "sound, token ids become vectors",
  },
  { bucket: "embedding", kinds: ["speech"], line: "turns sound into vectors", tag: "sound becomes vectors" },
  {
    bucket: "embedding",
    kinds: ["vision", "projector"],
    has: TOKEN,
    line: "turns patches of the image and token ids into vectors",
    tag: "patches, token ids become vectors",
  },
  {
    bucket: "embedding",
    kinds: ["vision", "projector"],
    line: "turns each patch of the image into a vector",
    tag: "patches of the image: vectors",
  },
  { bucket: "embedding", has: INPUT, lacks: TOKEN, line: "turns the input into vectors", tag: "input becomes vectors" },

  {
    bucket: "position",
    kinds: ["vision", "projector"],
    line: "tells the model where in the image a patch stands",
    tag: "where in the image a patch stands",
  },
  {
    bucket: "position",
    kinds: ["speech"],
    line: "tells the model where in the sound or text a vector stands",
    tag: "where in sound or text it stands",
  },
  {
    bucket: "position",
    kinds: ["diffusion"],
    line: "tells the model where in the image or prompt a vector stands",
    tag: "where in image or prompt it is",
  },

  {
    bucket: "attention",
    kinds: ["encoder"],
    line: "lets each token read from all others, before and after it",
    tag: "tokens read from all others",
  },
  {
    // Some of them are language models, which look back only.
    bucket: "attention",
    kinds: TEXT_READERS,
    line: "lets the tokens of a text read from each other",
    tag: "tokens read from each other",
  },
  {
    bucket: "attention",
    kinds: ["encoder-decoder"],
    line: "lets tokens read from each other, and output from input",
    tag: "output and input tokens are read",
  },
  {
    bucket: "attention",
    kinds: ["speech"],
    line: "lets sounds and tokens read from each other",
    tag: "sounds and tokens read each other",
  },
  {
    bucket: "attention",
    kinds: ["vision", "projector"],
    line: "lets each patch of the image read from all others",
    tag: "patches read from each other",
  },
  {
    bucket: "attention",
    kinds: ["diffusion"],
    line: "lets places of the image and the prompt read from each other",
    tag: "image and prompt read each other",
  },
  {
    bucket: "attention",
    kinds: ["unknown"],
    line: "lets vectors at different places read from each other",
    tag: "places read from each other",
  },

  {
    bucket: "ffn",
    kinds: ["vision", "projector"],
    line: "works on each patch alone; holds much of what is known",
    tag: "each patch alone; holds knowledge",
  },
  {
    bucket: "ffn",
    kinds: ["diffusion", "speech", "unknown"],
    line: "works on each place alone; holds much of what is known",
    tag: "each place alone; holds knowledge",
  },

  {
    bucket: "head",
    kinds: ["reranker"],
    line: "turns what was read of a pair of texts into one score",
    tag: "one score for a pair of texts",
  },
  {
    bucket: "head",
    kinds: ["diffusion"],
    line: "turns the last vectors into the image, or the noise in it",
    tag: "vectors become image or noise",
  },
  {
    bucket: "head",
    kinds: ["vision", "projector"],
    line: "pools the image into one vector, or scores its classes",
    tag: "pools or classifies the image",
  },
  {
    bucket: "head",
    kinds: ["encoder"],
    has: /^lm_head$/,
    line: "turns vectors into scores for the tokens that were masked",
    tag: "scores for masked tokens",
  },
  {
    bucket: "head",
    kinds: ["speech"],
    lacks: /^lm_head$/,
    line: "turns the last vectors into scores or sound",
    tag: "scores or sound from vectors",
  },
  {
    bucket: "head",
    kinds: ["embedding"],
    line: "makes one vector of the whole text",
    tag: "one vector for the whole text",
  },
  {
    bucket: "head",
    lacks: /^lm_head$/,
    line: "pools the text into one vector, or scores its classes",
    tag: "pools or classifies the text",
  },
];

type Parts = readonly { readonly part: string; readonly parameters?: number }[];

function wordsFor(bucket: Bucket, kind: ModelKind | undefined, parts: Parts | undefined): Words {
  const named = parts?.filter(({ parameters }) => parameters !== 0);
  const fits = (row: KindRow) =>
    row.bucket === bucket &&
    (!row.kinds || (kind !== undefined && row.kinds.includes(kind))) &&
    (!row.has || (named?.some(({ part }) => row.has?.test(part)) ?? false)) &&
    (!row.lacks || (named !== undefined && !named.some(({ part }) => row.lacks?.test(part))));
  return BY_KIND.find(fits) ?? BUCKET_WORDS[bucket];
}

/**
 * What a bucket does in a few words, at most 34 characters.
 * @param kind of the checkpoint; as in a language model unless told
 * @param parts of the bucket, by which embeddings and heads differ
 */
export function bucketTag(bucket: Bucket, kind?: ModelKind, parts?: Parts): string {
  return wordsFor(bucket, kind, parts).tag;
}

/** One plain line on what a bucket does, at most 62 characters; otherwise as {@link bucketTag}. */
export function bucketWords(bucket: Bucket, kind?: ModelKind, parts?: Parts): string {
  return wordsFor(bucket, kind, parts).line;
}

// Of parts that come in families (`mla.`, `ssm.`), the line with the dot at its end serves for every other member.
const PART_WORDS = {
  // Embeddings and positions
  token: "one vector for each token of the vocabulary",
  token_type: "tells first from second text of a pair",
  per_layer_token: "a small extra vector for each token and layer",
  per_layer_proj: "makes every layer's small extra vector from the first",
  per_layer_gate: "lets a layer's extra vector in",
  per_layer_out: "adds a layer's extra vector to the stream",
  learned: "a learned vector for each position",
  relative_bias: "how much distance counts between two tokens",
  rope_freq_factors: "stretches the rotary positions for longer texts",

  // Attention
  q: "query: what a token looks for",
  k: "key: what a token offers to be found by",
  v: "value: what a token hands over when found",
  o: "output: brings the heads together again",
  qkv: "query, key and value in one matrix",
  kv: "key and value in one matrix",
  fused_qkv_mlp: "query, key, value and the FFN's way up in one matrix",
  fused_o_down: "attention's output and the FFN's way down in one matrix",
  q_norm: "steadies the queries",
  k_norm: "steadies the keys",
  sink: "a score that a head may spend on no token",
  out_gate: "weighs what attention adds to the stream",
  "cross.": "attention from the decoder to the encoder's text",
  "mla.q_a": "squeezes the queries through a narrow vector",
  "mla.q_b": "widens the narrow vector to all queries",
  "mla.kv_a": "squeezes keys and values into what the cache keeps",
  "mla.kv_b": "widens what the cache keeps to keys and values",
  "mla.k_b": "widens what the cache keeps to keys",
  "mla.v_b": "widens what the cache keeps to values",
  "mla.": "attention over narrow cached vectors (MLA)",
  "indexer.": "chooses which earlier tokens attention reads",
  "compressor.": "shortens the cached keys and values",
  "visual_expert.": "the same step with weights of its own for image tokens",

  // Mixers in place of attention
  "ssm.in": "feeds the state-space mixer and its gate",
  "ssm.conv": "mixes each token with a few before it",
  "ssm.x_proj": "chooses step, input and output of the state, by token",
  "ssm.dt": "how far each token moves the state",
  "ssm.dt_bias": "the usual length of a step",
  "ssm.a": "how fast the state forgets",
  "ssm.d": "lets the input pass beside the state",
  "ssm.out": "brings the mixer's result back to the stream",
  "ssm.": "state-space mixer (Mamba): a running state, no cache",
  "linattn.": "linear attention: a running state in place of a cache",
  "rwkv.": "RWKV mixer: a running state in place of attention",
  "shortconv.": "short convolution: mixes a few neighbouring tokens",

  // Feed-forward and experts
  gate: "decides which inner units of the FFN open",
  up: "widens each token's vector inside the FFN",
  down: "brings the FFN's inner vector back to model width",
  gate_up: "gate and up in one matrix",
  router: "scores the experts for each token",
  router_correction: "evens out how often each expert is picked",
  router_scale: "scales the router's input",
  router_hash: "a fixed table from token id to experts",
  "routed.gate": "gates of the experts that the router picks from",
  "routed.up": "up matrices of the experts that the router picks from",
  "routed.down": "down matrices of the experts that the router picks from",
  "routed.gate_up": "gate and up of the experts that the router picks from",
  "routed_chunk.": "smaller experts that groups of experts share",
  "shared.": "an expert that every token passes through",
  shared_gate: "weighs what the shared expert adds",
  expert_scale: "a weight for what each expert adds",
  latent: "narrows the stream for the experts and widens it again",

  // Norms and heads
  attn_pre: "steadies the vector before attention",
  attn_post: "steadies what attention gives",
  ffn_pre: "steadies the vector before the FFN",
  ffn_post: "steadies what the FFN gives",
  final: "steadies the last vector before the head",
  lm_head: "a score for each token of the vocabulary",
  classifier: "scores for a few classes in place of tokens",
  embedding_dense: "shapes the vector that stands for the whole text",

  // Next-token prediction, projectors, files that aren't models
  "nextn.": "joins the last vector and the next token for a draft",
  "draft.": "part of a small model that drafts tokens ahead",
  "deepstack.": "hands image details to the early text layers",
  "qformer.": "a few learned queries that read the image or sound",
  special_token: "a learned sign between pieces of an image",
  tensor_scale: "one more scale over a whole quantized tensor",
  input_scale: "scale for quantizing the inputs of a tensor",
  hyper_connection: "several residual streams and how they are mixed",
  altup: "updates part of a wide residual stream at a time",
  laurel: "a low-rank path beside the residual stream",
  layer_scale: "a learned factor on what a layer gives",
  control_vector: "a direction that steers a model when added",
  imatrix: "how strongly each input mattered, for quantizing",
  lora_a: "first half of a low-rank change to a tensor",
  lora_b: "second half of a low-rank change to a tensor",
} as const satisfies Readonly<Record<string, string>>;

const BY_PART: ReadonlyMap<string, string> = new Map(Object.entries(PART_WORDS));
// `block.` marks a next-token-prediction block that stands in the list of text layers.
const WRAPPING: ReadonlySet<string> = new Set([...BUCKETS, "block"]);

/**
 * One plain line on what a part does, or undefined where there is none. A part inside a tower or MTP block
 * (`attention.q`, `block.attention.q`) is described as the part alone.
 */
export function partWords(part: string): string | undefined {
  const words = BY_PART.get(part);
  if (words) return words;
  const dot = part.indexOf(".");
  if (dot < 0) return undefined;
  if (WRAPPING.has(part.slice(0, dot))) return partWords(part.slice(dot + 1));
  return BY_PART.get(part.slice(0, dot + 1));
}
