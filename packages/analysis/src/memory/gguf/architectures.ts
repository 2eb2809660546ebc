/**
 * What sets architectures apart in what llama.cpp keeps of a text: a row each.
 *
 * Source: llama.cpp v0.5.0 src/llama-arch.cpp (llm_arch_is_recurrent, llm_arch_is_hybrid), src/llama-model.cpp (create_memory),
 * src/models/*.cpp (load_arch_hparams).
 */

/** `no-cache`: read as a whole, nothing is kept between tokens. */
export type Family = "attention" | "recurrent" | "hybrid" | "no-cache";

const FAMILIES: Readonly<Record<Exclude<Family, "attention">, readonly string[]>> = {
  "no-cache": [
    ...["bert", "jina-bert-v2", "jina-bert-v3", "nomic-bert", "nomic-bert-moe", "neo-bert", "eurobert", "modern-bert"],
    ...["gemma-embedding", "wavtokenizer-dec", "dream", "llada", "llada-moe", "rnd1"],
  ],
  recurrent: ["mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"],
  hybrid: [
    ...["jamba", "falcon-h1", "plamo2", "granitehybrid", "lfm2", "lfm2moe", "nemotron_h", "nemotron_h_moe"],
    ...["qwen3next", "qwen35", "qwen35moe", "qwen4exp", "kimi-linear", "kimi-k3", "bailingmoe3", "minimax-01"],
  ],
};

const NAMES = new Map(
  Object.entries(FAMILIES).flatMap(([family, names]) => names.map((name) => [name, family as Family] as const)),
);

export function familyOf(architecture: string): Family {
  return NAMES.get(architecture) ?? "attention";
}

export interface Traits {
  /** Reads the keys that turn latent attention on. */
  readonly mla: boolean;
  /** Which layers recur: those without KV heads, those that also have no FFN, all, or all but every n-th unless a key says. */
  readonly recurrence: "no-kv-heads" | "no-kv-heads-no-ffn" | "every" | number | undefined;
  /** Every layer attends as well as it recurs. */
  readonly both: boolean;
  /** Where an indexer of sparse attention keeps keys of its own. */
  readonly indexer: "every-layer" | "full-layers" | "behind-dense" | "attention-layers" | undefined;
  /** DeepSeek-V4: a window on every layer and compressed keys beyond it. */
  readonly compressed: boolean;
  /** Layers from here on own no keys and values; `key`: as many of the last ones as a key says. */
  readonly sharesKv: number | "key" | undefined;
  /** MTP blocks keep keys and values in the main context too. */
  readonly keepsNextn: boolean;
  /** The cached value is as wide as the latent. */
  readonly latentValues: boolean;
  /** Head widths are read even where the first layer has no heads. */
  readonly ownLengths: boolean;
  /** The blocks are run several times, each time with a cache of their own. */
  readonly loops: boolean;
  /** One block more, with one head, that chooses among adapters. */
  readonly router: boolean;
  /** Embeddings of n-grams go into some layers, which keep the last few. */
  readonly ngrams: boolean;
}

const PLAIN: Traits = {
  mla: false,
  recurrence: undefined,
  both: false,
  indexer: undefined,
  compressed: false,
  sharesKv: undefined,
  keepsNextn: false,
  latentValues: false,
  ownLengths: false,
  loops: false,
  router: false,
  ngrams: false,
};

const TRAITS: Readonly<Record<string, Partial<Traits>>> = {
  deepseek2: { mla: true },
  mistral4: { mla: true },
  deepseek32: { mla: true, indexer: "every-layer" },
  "glm-dsa": { mla: true, indexer: "full-layers" },
  hy_v4: { mla: true, indexer: "full-layers", keepsNextn: true },
  dots3note: { mla: true, indexer: "full-layers" },
  "minimax-m3": { indexer: "behind-dense", keepsNextn: true },
  deepseek4: { compressed: true, keepsNextn: true },
  gemma3n: { sharesKv: 20 },
  gemma4: { sharesKv: "key" },
  jamba: { recurrence: "no-kv-heads" },
  granitehybrid: { recurrence: "no-kv-heads" },
  plamo2: { recurrence: "no-kv-heads", ownLengths: true },
  lfm2: { recurrence: "no-kv-heads" },
  lfm2moe: { recurrence: "no-kv-heads" },
  "kimi-linear": { mla: true, recurrence: "no-kv-heads" },
  "kimi-k3": { mla: true, recurrence: "no-kv-heads", latentValues: true },
  bailingmoe3: { mla: true, recurrence: "no-kv-heads" },
  "falcon-h1": { recurrence: "every", both: true },
  nemotron_h: { recurrence: "no-kv-heads-no-ffn" },
  nemotron_h_moe: { recurrence: "no-kv-heads-no-ffn" },
  qwen3next: { recurrence: 4 },
  qwen35: { recurrence: 4 },
  qwen35moe: { recurrence: 4 },
  qwen4exp: { recurrence: 4, indexer: "attention-layers", ngrams: true },
  "minimax-01": { recurrence: 8 },
  nanbeige: { loops: true },
  graniteswitch: { router: true, keepsNextn: true },
};

export function traitsOf(architecture: string): Traits {
  return { ...PLAIN, ...(Object.hasOwn(TRAITS, architecture) ? TRAITS[architecture] : undefined) };
}
