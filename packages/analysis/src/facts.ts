/**
 * What the model says of itself: hyper-parameters out of GGUF metadata or config.json, under one set of names.
 *
 * A new spelling of a fact is one more key in a row. Sources: gguf-py constants.py (GGUF keys), the configuration classes
 * of transformers (config.json keys).
 */

import type {
  Checkpoint,
  JsonObject,
  JsonValue,
  LazyArray,
  MetadataScalar,
  ModelConfig,
} from "@checkpoint-inspect/parser";
import { isObject } from "./json.ts";

export interface ModelFacts {
  readonly architecture?: string;
  readonly name?: string;
  /** Blocks of the (text) stack, without MTP blocks. */
  readonly layers?: number;
  readonly mtpLayers?: number;
  /** Blocks of the encoder beside a decoder (Whisper, BART), and of the vision tower. */
  readonly encoderLayers?: number;
  readonly visionLayers?: number;
  readonly contextLength?: number;
  readonly hiddenSize?: number;
  readonly vocabularySize?: number;
  /** One number, or one a layer. */
  readonly attentionHeads?: number | readonly number[];
  readonly kvHeads?: number | readonly number[];
  readonly headDim?: number;
  /** Of the dense feed-forward network; in some configs the experts' where there is no dense one. */
  readonly feedForwardSize?: number | readonly number[];
  /** Of one routed expert, and of the shared ones together. */
  readonly expertFeedForwardSize?: number;
  readonly sharedExpertFeedForwardSize?: number;
  readonly experts?: number;
  readonly expertsPerToken?: number;
  readonly sharedExperts?: number;
  /** Tokens that a windowed layer looks back; absent where the config says that no layer uses it. */
  readonly slidingWindow?: number;
  /** Tokens of a chunk, where attention doesn't reach beyond its own chunk (Llama 4). */
  readonly attentionChunk?: number;
  /** Input table and output head are one tensor, by config. */
  readonly tiedEmbeddings?: boolean;

  /** Multi-head latent attention: ranks of the latents, and head sizes of its parts. */
  readonly kvLoraRank?: number;
  readonly qLoraRank?: number;
  readonly qkNopeHeadDim?: number;
  readonly qkRopeHeadDim?: number;
  readonly vHeadDim?: number;
  /** GGUF with both `*_mla` keys: llama.cpp then caches the latents; without them whole keys and values. */
  readonly latentCache?: boolean;

  /** State-space and linear-attention mixers. */
  readonly ssmInnerSize?: number;
  readonly ssmStateSize?: number;
  readonly ssmGroups?: number;
  readonly ssmTimeStepRank?: number;
  readonly ssmConvKernel?: number;
  readonly linearKeyHeads?: number;
  readonly linearValueHeads?: number;
  readonly linearKeyHeadDim?: number;
  readonly linearValueHeadDim?: number;
  readonly linearConvKernel?: number;

  /** Which layers do what, as it is written; resolved in patterns/window.ts. */
  readonly layerTypes?: readonly string[];
  /** A period, one flag a layer (true: windowed), or letters to repeat (`LLLG`). */
  readonly slidingWindowPattern?: number | readonly boolean[] | string;
  /** The other way round: the period of full attention, counted from layer 0 (ModernBERT). */
  readonly fullAttentionPeriod?: number;
  /** Layers with full attention, where a list names them (Hymba). */
  readonly fullAttentionLayers?: readonly number[];
  readonly useSlidingWindow?: boolean;
  /** Layers from this index on are windowed (Qwen 2). */
  readonly maxWindowLayers?: number;
  /** 0 where a layer has no rotary positions (Llama 4: the layers that aren't chunked). */
  readonly noRopeLayers?: readonly number[];
  readonly attentionLayerPeriod?: number;
  readonly attentionLayerOffset?: number;
  readonly fullAttentionInterval?: number;
  /** One letter a block: `M` Mamba, `*` attention, `-` feed-forward, `E` MoE (Nemotron-H). */
  readonly hybridPattern?: string;
  readonly recurrentLayers?: readonly boolean[];
  /** The last layers that own no keys and values (Gemma 3n, Gemma 4). */
  readonly kvSharedLayers?: number;
  /** Blocks that are stored where `layers` is how often one runs (ALBERT). */
  readonly numHiddenGroups?: number;
  /** How often the whole stack is run. */
  readonly loops?: number;

  /** Where a fact was found: `config.json layer_types`, `gemma3.attention.sliding_window`. */
  readonly statedIn?: Readonly<Record<string, string>>;
}

/** Reads a value into a fact, or gives undefined where it isn't one. */
type Reader = (value: unknown) => unknown;

/** Facts that may differ from layer to layer. Any other count is a number; a list of equal ones counts as that number. */
const countOrCounts: Reader = (value) => (isCount(value) ? value : counts(value));

/** A count, also written as a list of equal ones. */
const count: Reader = (value) => {
  if (isCount(value)) return value;
  const list = counts(value);
  return list?.every((one) => one === list[0]) ? list[0] : undefined;
};

const flag: Reader = (value) => (typeof value === "boolean" ? value : undefined);
const text: Reader = (value) => (typeof value === "string" && value !== "" ? value : undefined);
const texts: Reader = (value) =>
  Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === "string") ? value : undefined;
/** Flags are written as booleans or as 0 and 1. */
const flags: Reader = (value) =>
  Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "boolean" || one === 0 || one === 1)
    ? value.map(Boolean)
    : undefined;
const periodOrFlags: Reader = (value) => (isCount(value) ? value : (flags(value) ?? text(value)));

function counts(value: unknown): readonly number[] | undefined {
  return Array.isArray(value) && value.length > 0 && value.every(isCount) ? value : undefined;
}

interface FactRow {
  readonly fact: Exclude<keyof ModelFacts, "architecture" | "name" | "statedIn">;
  /** Behind `{architecture}.` in GGUF metadata. */
  readonly gguf: readonly string[];
  /** In config.json: in the text part of a multimodal config first, then at the root. */
  readonly config: readonly string[];
  /** How to read the value; a count unless told. */
  readonly read?: Reader;
}

const FACTS: readonly FactRow[] = [
  {
    fact: "layers",
    gguf: ["block_count"],
    config: ["num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers"],
  },
  { fact: "encoderLayers", gguf: [], config: ["encoder_layers", "num_encoder_layers"] },
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
    config: ["num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads", "num_query_heads"],
    read: countOrCounts,
  },
  {
    fact: "kvHeads",
    gguf: ["attention.head_count_kv"],
    config: ["num_key_value_heads", "n_head_kv", "num_kv_heads", "kv_n_heads", "multi_query_group_num"],
    read: countOrCounts,
  },
  {
    fact: "feedForwardSize",
    gguf: ["feed_forward_length"],
    // Llama 4 calls the dense width intermediate_size_mlp; its intermediate_size is the experts', below.
    config: [
      "intermediate_size_mlp",
      "intermediate_size",
      "n_inner",
      "ffn_hidden_size",
      "d_ff",
      "ffn_dim",
      "decoder_ffn_dim",
    ],
    read: countOrCounts,
  },
  {
    fact: "expertFeedForwardSize",
    gguf: ["expert_feed_forward_length"],
    config: ["moe_intermediate_size", "expert_intermediate_size", "expert_ffn_hidden_size", "moe_ffn_hidden_size"],
  },
  {
    fact: "sharedExpertFeedForwardSize",
    gguf: ["expert_shared_feed_forward_length"],
    config: ["shared_expert_intermediate_size", "moe_shared_expert_intermediate_size", "shared_intermediate_size"],
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
  {
    fact: "slidingWindow",
    gguf: ["attention.sliding_window"],
    config: ["sliding_window", "sliding_window_size", "local_attention", "attention_window_size"],
  },
  { fact: "attentionChunk", gguf: [], config: ["attention_chunk_size"] },
  { fact: "tiedEmbeddings", gguf: [], config: ["tie_word_embeddings"], read: flag },

  // Latent attention. The head sizes of GGUF are worked out from other keys, below.
  { fact: "kvLoraRank", gguf: ["attention.kv_lora_rank"], config: ["kv_lora_rank"] },
  { fact: "qLoraRank", gguf: ["attention.q_lora_rank"], config: ["q_lora_rank"] },
  { fact: "qkNopeHeadDim", gguf: [], config: ["qk_nope_head_dim"] },
  { fact: "qkRopeHeadDim", gguf: [], config: ["qk_rope_head_dim"] },
  { fact: "vHeadDim", gguf: [], config: ["v_head_dim"] },

  // Mamba, Jamba, Falcon-H1, Nemotron-H, Granite 4; then the linear attention of Qwen3-Next and Qwen3.5.
  { fact: "ssmInnerSize", gguf: ["ssm.inner_size"], config: ["mamba_d_ssm", "d_inner"] },
  {
    fact: "ssmStateSize",
    gguf: ["ssm.state_size"],
    config: ["mamba_d_state", "ssm_state_size", "state_size", "d_state"],
  },
  { fact: "ssmGroups", gguf: ["ssm.group_count"], config: ["mamba_n_groups", "mamba_ngroups", "n_groups"] },
  { fact: "ssmTimeStepRank", gguf: ["ssm.time_step_rank"], config: ["mamba_dt_rank", "time_step_rank"] },
  { fact: "ssmConvKernel", gguf: ["ssm.conv_kernel"], config: ["mamba_d_conv", "conv_kernel", "d_conv"] },
  { fact: "linearKeyHeads", gguf: [], config: ["linear_num_key_heads"] },
  { fact: "linearValueHeads", gguf: [], config: ["linear_num_value_heads"] },
  { fact: "linearKeyHeadDim", gguf: [], config: ["linear_key_head_dim"] },
  { fact: "linearValueHeadDim", gguf: [], config: ["linear_value_head_dim"] },
  { fact: "linearConvKernel", gguf: [], config: ["linear_conv_kernel_dim"] },

  // Which layers do what.
  {
    fact: "layerTypes",
    gguf: [],
    config: ["layer_types", "layers_block_type", "block_types", "attention_layers"],
    read: texts,
  },
  {
    fact: "slidingWindowPattern",
    gguf: ["attention.sliding_window_pattern"],
    // hybrid_layer_pattern (MiMo-V2): 1 for windowed. The underscore is how transformers saves Gemma 3's and Cohere 2's.
    config: ["sliding_window_pattern", "_sliding_window_pattern", "hybrid_layer_pattern"],
    read: periodOrFlags,
  },
  { fact: "fullAttentionPeriod", gguf: [], config: ["global_attn_every_n_layers"] },
  { fact: "fullAttentionLayers", gguf: [], config: ["global_attn_idx"], read: counts },
  { fact: "useSlidingWindow", gguf: [], config: ["use_sliding_window"], read: flag },
  { fact: "maxWindowLayers", gguf: [], config: ["max_window_layers"] },
  { fact: "noRopeLayers", gguf: [], config: ["no_rope_layers"], read: counts },
  { fact: "attentionLayerPeriod", gguf: [], config: ["attn_layer_period"] },
  { fact: "attentionLayerOffset", gguf: [], config: ["attn_layer_offset"] },
  { fact: "fullAttentionInterval", gguf: ["full_attention_interval"], config: ["full_attention_interval"] },
  { fact: "hybridPattern", gguf: [], config: ["hybrid_override_pattern"], read: text },
  { fact: "recurrentLayers", gguf: ["attention.recurrent_layers"], config: [], read: flags },
  { fact: "kvSharedLayers", gguf: ["attention.shared_kv_layers"], config: ["num_kv_shared_layers"] },
  { fact: "numHiddenGroups", gguf: [], config: ["num_hidden_groups"] },
  { fact: "loops", gguf: ["num_loops"], config: [] },
];

/** Layers of a vision tower, in a config of its own. */
const VISION_LAYERS = ["num_hidden_layers", "depth", "n_layers", "num_layers"] as const;

/** Where a multimodal config keeps its language model. */
const TEXT_CONFIGS = ["text_config", "llm_config", "language_config", "thinker_config"] as const;

/** Some MoE configs keep their expert facts in an object of their own (DBRX). */
const INNER_CONFIGS = ["ffn_config", "attn_config"] as const;

/** The hyper-parameters of a checkpoint, from wherever its format keeps them. Facts that nobody states are absent. */
export function modelFacts(checkpoint: Checkpoint): ModelFacts {
  return checkpoint.format === "gguf" ? factsFromGguf(checkpoint) : factsFromConfig(checkpoint.config);
}

/** The first value of a key; keys of a split set stand in its first part. */
export function metadataValue(checkpoint: Checkpoint, key: string): MetadataScalar | LazyArray | undefined {
  return checkpoint.metadata.find((entry) => entry.key === key)?.value;
}

function factsFromGguf(checkpoint: Checkpoint): ModelFacts {
  const textAt = (key: string) => {
    const value = metadataValue(checkpoint, key);
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const architecture = textAt("general.architecture");
  const values = new Map(checkpoint.metadata.map((entry) => [entry.key, entry.value] as const).reverse());
  const valueAt = (key: string): unknown => {
    const value = values.get(`${architecture}.${key}`);
    return typeof value === "object" ? value.values : value;
  };
  const statedIn: Record<string, string> = {};
  const facts: Record<string, unknown> = { architecture, name: textAt("general.name") };
  for (const { fact, gguf, read = count } of FACTS) {
    for (const key of gguf) {
      if (facts[fact] !== undefined) break;
      facts[fact] = read(valueAt(key));
      if (facts[fact] !== undefined) statedIn[fact] = `${architecture}.${key}`;
    }
  }
  // The block count of GGUF includes the MTP blocks at its end (llama.cpp, hparams.nextn_predict_layers).
  if (typeof facts.layers === "number" && typeof facts.mtpLayers === "number" && facts.mtpLayers < facts.layers) {
    facts.layers -= facts.mtpLayers;
  }
  facts.visionLayers = count(valueAt("vision.block_count"));
  if (facts.kvLoraRank)
    Object.assign(
      facts,
      latentFacts((key) => count(valueAt(key)) as number | undefined),
    );
  const tokens = values.get("tokenizer.ggml.tokens");
  if (typeof tokens === "object") facts.vocabularySize ??= tokens.length;
  return latentHead(dropUndefined({ ...facts, statedIn }));
}

/**
 * The head of latent attention is what a query and a key are compared by: the part without positions and the rotary part. What
 * key_length of GGUF and head_dim of transformers hold is the width of the cached latent, or the rotary part alone.
 */
function latentHead(facts: ModelFacts): ModelFacts {
  const { kvLoraRank, qkNopeHeadDim: plain, qkRopeHeadDim: rotary } = facts;
  return kvLoraRank && plain !== undefined && rotary !== undefined ? { ...facts, headDim: plain + rotary } : facts;
}

/**
 * Head sizes of latent attention: the `*_mla` keys hold them where key_length and value_length are the widths of the
 * cached latent, and files from before those keys (April 2025) have them in key_length and value_length.
 */
function latentFacts(numberAt: (key: string) => number | undefined): ModelFacts {
  const [keyMla, valueMla] = [numberAt("attention.key_length_mla"), numberAt("attention.value_length_mla")];
  const rope = numberAt("rope.dimension_count");
  const key = keyMla ?? numberAt("attention.key_length");
  return dropUndefined({
    qkRopeHeadDim: rope,
    qkNopeHeadDim: key !== undefined && rope !== undefined && key >= rope ? key - rope : undefined,
    vHeadDim: valueMla ?? numberAt("attention.value_length"),
    latentCache: keyMla !== undefined && valueMla !== undefined,
  });
}

function factsFromConfig(config: ModelConfig | undefined): ModelFacts {
  if (!config) return {};
  const { json, file } = config;
  const scopes = configScopes(json);
  const find = (keys: readonly string[]): readonly [key: string, value: JsonValue] | undefined => {
    for (const scope of scopes) {
      for (const key of keys) {
        const value = scope[key];
        if (value !== undefined && value !== null) return [key, value];
      }
    }
    return undefined;
  };
  const statedIn: Record<string, string> = {};
  const facts: Record<string, unknown> = {};
  for (const { fact, config: keys, read = count } of FACTS) {
    const found = find(keys);
    if (!found) continue;
    facts[fact] = read(found[1]);
    if (facts[fact] !== undefined) statedIn[fact] = `${file} ${found[0]}`;
  }
  // `_name_or_path` isn't the model's name: it is where its author loaded the base from.
  const type = json.model_type;
  if (typeof type === "string") facts.architecture = type;
  // Qwen 2 configs name a window and say that it isn't used.
  if (facts.useSlidingWindow === false) facts.slidingWindow = undefined;
  facts.visionLayers = visionLayers(json);
  const expand = count(find(["mamba_expand", "expand"])?.[1]);
  if (typeof expand === "number" && typeof facts.hiddenSize === "number" && facts.ssmStateSize !== undefined) {
    facts.ssmInnerSize ??= expand * facts.hiddenSize;
  }
  // Without a state these keys mean other things: the convolutions of a speech encoder, an FFN's width.
  if (facts.ssmStateSize === undefined) for (const fact of SSM_FACTS) facts[fact] = undefined;
  if (find(["intermediate_size_mlp"])) facts.expertFeedForwardSize ??= count(find(["intermediate_size"])?.[1]);
  return latentHead(dropUndefined({ ...facts, statedIn }));
}

const SSM_FACTS = ["ssmInnerSize", "ssmGroups", "ssmTimeStepRank", "ssmConvKernel"] as const;

function visionLayers(json: JsonObject): number | undefined {
  const thinker = json.thinker_config;
  for (const vision of [json.vision_config, isObject(thinker) ? thinker.vision_config : undefined]) {
    if (!isObject(vision)) continue;
    for (const key of VISION_LAYERS) {
      const value = vision[key];
      if (isCount(value)) return value;
    }
  }
  return undefined;
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
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function dropUndefined(facts: Record<string, unknown>): ModelFacts {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as ModelFacts;
}
