/**
 * What the model says of itself: hyper-parameters out of GGUF metadata or config.json, under one set of names.
 *
 * A new spelling of a fact is one more key in a row. Sources: gguf-py constants.py (GGUF keys), the configuration classes
 * of transformers (config.json keys).
 */
import type { Checkpoint, JsonObject, JsonValue, LazyArray, MetadataScalar } from "@checkpoint-inspect/parser";

export interface ModelFacts {
  readonly architecture?: string;
  readonly name?: string;
  /** Blocks of the (text) stack, without MTP blocks. */
  readonly layers?: number;
  readonly mtpLayers?: number;
  readonly contextLength?: number;
  readonly hiddenSize?: number;
  readonly vocabularySize?: number;
  /** One number, or one a layer. */
  readonly attentionHeads?: number | readonly number[];
  readonly kvHeads?: number | readonly number[];
  readonly headDim?: number;
  readonly feedForwardSize?: number | readonly number[];
  readonly experts?: number;
  readonly expertsPerToken?: number;
  readonly sharedExperts?: number;
  readonly slidingWindow?: number;
  /** Input table and output head are one tensor, by config. */
  readonly tiedEmbeddings?: boolean;
}

type NumberFact =
  | "layers"
  | "mtpLayers"
  | "contextLength"
  | "hiddenSize"
  | "vocabularySize"
  | "headDim"
  | "experts"
  | "expertsPerToken"
  | "sharedExperts"
  | "slidingWindow";
type PerLayerFact = "attentionHeads" | "kvHeads" | "feedForwardSize";

/** Facts that may differ from layer to layer. Any other is a number; a list of equal ones counts as that number. */
const PER_LAYER: ReadonlySet<string> = new Set<PerLayerFact>(["attentionHeads", "kvHeads", "feedForwardSize"]);

interface FactRow {
  readonly fact: NumberFact | PerLayerFact;
  /** Behind `{architecture}.` in GGUF metadata. */
  readonly gguf: readonly string[];
  /** In config.json: in the text part of a multimodal config first, then at the root. */
  readonly config: readonly string[];
}

const FACTS: readonly FactRow[] = [
  {
    fact: "layers",
    gguf: ["block_count"],
    config: ["num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers"],
  },
  { fact: "mtpLayers", gguf: ["nextn_predict_layers"], config: ["num_nextn_predict_layers"] },
  {
    fact: "contextLength",
    gguf: ["context_length"],
    config: [
      "max_position_embeddings",
      "n_positions",
      "max_seq_len",
      "max_sequence_length",
      "seq_length",
      "n_ctx",
      "max_target_positions",
    ],
  },
  { fact: "hiddenSize", gguf: ["embedding_length"], config: ["hidden_size", "n_embd", "d_model", "dim"] },
  { fact: "vocabularySize", gguf: ["vocab_size"], config: ["vocab_size", "padded_vocab_size"] },
  { fact: "headDim", gguf: ["attention.key_length"], config: ["head_dim", "d_kv", "attention_head_dim"] },
  {
    fact: "attentionHeads",
    gguf: ["attention.head_count"],
    config: ["num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads"],
  },
  {
    fact: "kvHeads",
    gguf: ["attention.head_count_kv"],
    config: ["num_key_value_heads", "n_head_kv", "num_kv_heads", "multi_query_group_num"],
  },
  {
    fact: "feedForwardSize",
    gguf: ["feed_forward_length"],
    config: ["intermediate_size", "n_inner", "ffn_hidden_size", "d_ff", "ffn_dim", "decoder_ffn_dim"],
  },
  {
    fact: "experts",
    gguf: ["expert_count"],
    config: ["num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts", "num_routed_experts"],
  },
  {
    fact: "expertsPerToken",
    gguf: ["expert_used_count"],
    config: [
      "num_experts_per_tok",
      "num_experts_per_token",
      "moe_top_k",
      "moe_topk",
      "moe_k",
      "num_selected_experts",
      "experts_per_token",
      "top_k_experts",
    ],
  },
  {
    fact: "sharedExperts",
    gguf: ["expert_shared_count"],
    config: ["n_shared_experts", "num_shared_experts", "moe_num_shared_experts"],
  },
  { fact: "slidingWindow", gguf: ["attention.sliding_window"], config: ["sliding_window"] },
];

/** Where a multimodal config keeps its language model. */
const TEXT_CONFIGS = ["text_config", "llm_config", "language_config", "thinker_config"] as const;

/** Some MoE configs keep their expert facts in an object of their own (DBRX). */
const INNER_CONFIGS = ["ffn_config", "attn_config"] as const;

/** The hyper-parameters of a checkpoint, from wherever its format keeps them. Facts that nobody states are absent. */
export function modelFacts(checkpoint: Checkpoint): ModelFacts {
  return checkpoint.format === "gguf" ? factsFromGguf(checkpoint) : factsFromConfig(checkpoint.config?.json);
}

/** The first value of a key; keys of a split set stand in its first part. */
export function metadataValue(checkpoint: Checkpoint, key: string): MetadataScalar | LazyArray | undefined {
  return checkpoint.metadata.find((entry) => entry.key === key)?.value;
}

function factsFromGguf(checkpoint: Checkpoint): ModelFacts {
  const text = (key: string) => {
    const value = metadataValue(checkpoint, key);
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const architecture = text("general.architecture");
  const values = new Map(checkpoint.metadata.map((entry) => [entry.key, entry.value] as const).reverse());
  const facts: Record<string, unknown> = { architecture, name: text("general.name") };
  for (const { fact, gguf } of FACTS) {
    for (const key of gguf) {
      const value = values.get(`${architecture}.${key}`);
      facts[fact] ??= countOf(fact, typeof value === "object" ? value.values : value);
    }
  }
  // The block count of GGUF includes the MTP blocks at its end (llama.cpp, hparams.nextn_predict_layers).
  if (typeof facts.layers === "number" && typeof facts.mtpLayers === "number" && facts.mtpLayers < facts.layers) {
    facts.layers -= facts.mtpLayers;
  }
  const tokens = values.get("tokenizer.ggml.tokens");
  if (typeof tokens === "object") facts.vocabularySize ??= tokens.length;
  return dropUndefined(facts);
}

/** A fact's value as it may stand: one count, one a layer where the fact can have that, or nothing. */
function countOf(fact: FactRow["fact"], value: unknown): number | readonly number[] | undefined {
  if (isCount(value)) return value;
  if (!Array.isArray(value) || value.length === 0 || !value.every(isCount)) return undefined;
  if (PER_LAYER.has(fact)) return value;
  return value.every((count) => count === value[0]) ? value[0] : undefined;
}

function factsFromConfig(json: JsonObject | undefined): ModelFacts {
  if (!json) return {};
  const scopes = configScopes(json);
  const find = (keys: readonly string[]): JsonValue | undefined => {
    for (const scope of scopes) {
      for (const key of keys) {
        const value = scope[key];
        if (value !== undefined && value !== null) return value;
      }
    }
    return undefined;
  };
  const facts: Record<string, unknown> = {};
  for (const { fact, config } of FACTS) {
    facts[fact] = countOf(fact, find(config));
  }
  const type = json.model_type;
  if (typeof type === "string") facts.architecture = type;
  // `_name_or_path` isn't the model's name: it is where its author loaded the base from.
  const tied = find(["tie_word_embeddings"]);
  if (typeof tied === "boolean") facts.tiedEmbeddings = tied;
  return dropUndefined(facts);
}

/** The objects of a config to look a fact up in, nearest first. */
function configScopes(json: JsonObject): JsonObject[] {
  const scopes: JsonObject[] = [];
  for (const key of TEXT_CONFIGS) {
    const inner = json[key];
    if (!isObject(inner)) continue;
    // Omni models nest once more: thinker_config.text_config.
    const deeper = inner.text_config;
    if (isObject(deeper)) scopes.push(deeper);
    scopes.push(inner);
  }
  scopes.push(json);
  for (const scope of [...scopes]) {
    for (const key of INNER_CONFIGS) {
      const inner = scope[key];
      if (isObject(inner)) scopes.push(inner);
    }
  }
  return scopes;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function dropUndefined(facts: Record<string, unknown>): ModelFacts {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as ModelFacts;
}
