/** Small GGUF models in memory, whole and right, to be changed in one place at a time. */
import {
  type Checkpoint,
  type GgufWriteEntry,
  type GgufWriteTensor,
  memoryFileSet,
  openFileSet,
  writeGguf,
} from "@checkpoint-inspect/parser";

import { GGUF_METADATA_RULES } from "../src/audit/gguf-metadata-rules.ts";
import { LABEL_RULES } from "../src/audit/label-rules.ts";
import { TOKENIZER_RULES } from "../src/audit/tokenizer-rules.ts";
import { analyse } from "../src/index.ts";

/** Rules about what a file says of itself; readers and other rules have their own tests. */
const RULES = new Set([...GGUF_METADATA_RULES, ...TOKENIZER_RULES, ...LABEL_RULES].map(({ id }) => id));

export interface GgufChanges {
  /** Keys to add, or to put in the place of those that are there. */
  readonly set?: readonly GgufWriteEntry[];
  readonly drop?: readonly string[];
  /** Tensors by name; null takes one away. Shapes are in file order, rows' length first. */
  readonly tensors?: Readonly<Record<string, readonly number[] | null>>;
  readonly file?: string;
}

export const u32 = (key: string, value: number): GgufWriteEntry => ({ key, type: "u32", value });
export const f32 = (key: string, value: number): GgufWriteEntry => ({ key, type: "f32", value });
export const text = (key: string, value: string): GgufWriteEntry => ({ key, type: "string", value });
export const flag = (key: string, value: boolean): GgufWriteEntry => ({ key, type: "bool", value });
export const u32s = (key: string, value: readonly number[]): GgufWriteEntry => ({
  key,
  type: "array",
  elementType: "u32",
  value,
});
export const texts = (key: string, value: readonly string[]): GgufWriteEntry => ({
  key,
  type: "array",
  elementType: "string",
  value,
});

/** Two layers of Llama: 8 wide, 2 heads of 4, 1 key head, a feed-forward of 12, 6 tokens. */
const LLAMA_KEYS: readonly GgufWriteEntry[] = [
  text("general.architecture", "llama"),
  u32("llama.context_length", 64),
  u32("llama.embedding_length", 8),
  u32("llama.block_count", 2),
  u32("llama.feed_forward_length", 12),
  u32("llama.attention.head_count", 2),
  u32("llama.attention.head_count_kv", 1),
  u32("llama.rope.dimension_count", 4),
  f32("llama.attention.layer_norm_rms_epsilon", 1e-5),
  text("tokenizer.ggml.model", "gpt2"),
  text("tokenizer.ggml.pre", "llama-bpe"),
  texts("tokenizer.ggml.tokens", ["a", "b", "c", "d", "<s>", "</s>"]),
  { key: "tokenizer.ggml.token_type", type: "array", elementType: "i32", value: [1, 1, 1, 1, 3, 3] },
  texts("tokenizer.ggml.merges", ["a b"]),
  u32("tokenizer.ggml.bos_token_id", 4),
  u32("tokenizer.ggml.eos_token_id", 5),
];

const LAYER: Readonly<Record<string, readonly number[]>> = {
  attn_norm: [8],
  attn_q: [8, 8],
  attn_k: [8, 4],
  attn_v: [8, 4],
  attn_output: [8, 8],
  ffn_norm: [8],
  ffn_gate: [8, 12],
  ffn_up: [8, 12],
  ffn_down: [12, 8],
};

const LLAMA_TENSORS: Readonly<Record<string, readonly number[]>> = {
  "token_embd.weight": [8, 6],
  "output_norm.weight": [8],
  "output.weight": [8, 6],
  ...Object.fromEntries(
    [0, 1].flatMap((i) => Object.entries(LAYER).map(([name, shape]) => [`blk.${i}.${name}.weight`, shape] as const)),
  ),
};

/** The model with changes, read back. */
export function ggufModel(changes: GgufChanges = {}): Promise<Checkpoint> {
  const { set = [], drop = [], tensors = {}, file = "model.gguf" } = changes;
  const replaced = new Set([...drop, ...set.map(({ key }) => key)]);
  const shapes = Object.entries({ ...LLAMA_TENSORS, ...tensors });
  const bytes = writeGguf({
    metadata: [...LLAMA_KEYS.filter(({ key }) => !replaced.has(key)), ...set],
    tensors: shapes.flatMap(([name, shape]): GgufWriteTensor[] => (shape ? [{ name, shape, type: 0 }] : [])),
  });
  return openFileSet(memoryFileSet(file, { [file]: bytes }));
}

/** What these rules, or some of them, say of a checkpoint, one line each: `error gguf/block-count: ...`. */
export function said(checkpoint: Checkpoint, some = /./): string[] {
  return analyse(checkpoint)
    .findings.filter(({ rule }) => RULES.has(rule) && some.test(rule))
    .map(({ severity, rule, message, tensor }) => `${severity} ${rule}: ${message}${tensor ? ` [${tensor}]` : ""}`);
}

/** Opens the model with changes, and says what its rules say. */
export async function saidOf(changes: GgufChanges, some?: RegExp): Promise<string[]> {
  return said(await ggufModel(changes), some);
}
