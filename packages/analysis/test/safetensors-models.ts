/** A small safetensors model in memory, whole and right, to be changed in one place at a time. */
import {
  type Checkpoint,
  type Finding,
  memoryFileSet,
  openFileSet,
  writeSafetensors,
} from "@checkpoint-inspect/parser";

import { tensorData } from "../../../fixtures/quantized/write.mjs";
import { CONFIG_RULES } from "../src/audit/config-rules.ts";
import { TENSOR_RULES } from "../src/audit/tensor-rules.ts";
import { analyse } from "../src/index.ts";

/** Rules about config and tensors; readers and other rules have their own tests. */
const RULES = new Set([...CONFIG_RULES, ...TENSOR_RULES].map(({ id }) => id));

export interface Tensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

export type Config = Readonly<Record<string, unknown>>;

export const bf16 = (name: string, ...shape: readonly number[]): Tensor => ({ name, dtype: "BF16", shape });

export const LAYERS = 12;

/** Llama: 16 wide, 4 heads of 4, 2 heads of keys and values, a feed-forward of 24, 32 tokens. */
export const LLAMA_CONFIG: Config = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: LAYERS,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 4,
  vocab_size: 32,
  max_position_embeddings: 64,
  tie_word_embeddings: false,
  torch_dtype: "bfloat16",
};

const attention = (layer: string): readonly Tensor[] => [
  bf16(`${layer}.input_layernorm.weight`, 16),
  bf16(`${layer}.self_attn.q_proj.weight`, 16, 16),
  bf16(`${layer}.self_attn.k_proj.weight`, 8, 16),
  bf16(`${layer}.self_attn.v_proj.weight`, 8, 16),
  bf16(`${layer}.self_attn.o_proj.weight`, 16, 16),
  bf16(`${layer}.post_attention_layernorm.weight`, 16),
];

const gated = (module: string): readonly Tensor[] => [
  bf16(`${module}.gate_proj.weight`, 24, 16),
  bf16(`${module}.up_proj.weight`, 24, 16),
  bf16(`${module}.down_proj.weight`, 16, 24),
];

const tables: readonly Tensor[] = [
  bf16("model.embed_tokens.weight", 32, 16),
  bf16("model.norm.weight", 16),
  bf16("lm_head.weight", 32, 16),
];

const layerNames = Array.from({ length: LAYERS }, (_, i) => `model.layers.${i}`);

export const LLAMA: readonly Tensor[] = [
  ...tables,
  ...layerNames.flatMap((layer) => [...attention(layer), ...gated(`${layer}.mlp`)]),
];

/** Qwen3-MoE: as above, with 8 experts of which a token uses 2. */
export const MOE_CONFIG: Config = {
  ...LLAMA_CONFIG,
  architectures: ["Qwen3MoeForCausalLM"],
  model_type: "qwen3_moe",
  num_experts: 8,
  num_experts_per_tok: 2,
  moe_intermediate_size: 24,
};

export const MOE: readonly Tensor[] = [
  ...tables,
  ...layerNames.flatMap((layer) => [
    ...attention(layer),
    bf16(`${layer}.mlp.gate.weight`, 8, 16),
    ...Array.from({ length: 8 }, (_, i) => gated(`${layer}.mlp.experts.${i}`)).flat(),
  ]),
];

/** `tensors` without those of these names. */
export function without(tensors: readonly Tensor[], ...names: readonly (string | RegExp)[]): readonly Tensor[] {
  return tensors.filter(({ name }) => !names.some((one) => (typeof one === "string" ? one === name : one.test(name))));
}

/** `tensors` with another shape for one of them. */
export function reshaped(tensors: readonly Tensor[], name: string, ...shape: readonly number[]): readonly Tensor[] {
  return tensors.map((tensor) => (tensor.name === name ? { ...tensor, shape } : tensor));
}

/** The files of a model, in as many shards as there are lists of tensors; a set has no index. */
export function filesOf(shards: readonly (readonly Tensor[])[], config: Config): Record<string, Uint8Array> {
  const count = String(shards.length).padStart(5, "0");
  const files = shards.map((tensors, i) => {
    const name = shards.length === 1 ? "model" : `model-${String(i + 1).padStart(5, "0")}-of-${count}`;
    const data = tensors.map((tensor) => ({ ...tensor, data: tensorData(tensor) }));
    return [`${name}.safetensors`, writeSafetensors(data, { metadata: { format: "pt" }, order: "reference" })] as const;
  });
  return { ...Object.fromEntries(files), "config.json": new TextEncoder().encode(JSON.stringify(config)) };
}

export function open(files: Record<string, Uint8Array>): Promise<Checkpoint> {
  return openFileSet(memoryFileSet("made", files));
}

/** What the rules about config and tensors say of an open checkpoint. */
export function judge(checkpoint: Checkpoint): readonly Finding[] {
  return analyse(checkpoint).findings.filter(({ rule }) => RULES.has(rule));
}

/** What they say of a model of one file, in a folder of that name. */
export async function audit(tensors: readonly Tensor[], config: Config, label = "made"): Promise<readonly Finding[]> {
  return judge({ ...(await open(filesOf([tensors], config))), label });
}

/** `error config/vocab-size`, in order. */
export const ruleLines = (findings: readonly Finding[]) => findings.map(({ severity, rule }) => `${severity} ${rule}`);
