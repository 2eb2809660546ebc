/**
 * Parts that two formats call by different names, and parts that are the pieces of another. They are asked only for what is left
 * when names and roles are matched, so that a model with both of two parts keeps them apart.
 *
 * Sources: llama.cpp convert_hf_to_gguf.py, gguf-py/gguf/tensor_mapping.py.
 */
import type { Bucket } from "../roles/role.ts";

/**
 * Norms by place. Transformers calls the norm before the feed-forward `post_attention_layernorm` in models of two norms a layer, and a
 * layer's only norm just `norm`; the norm that ends a layer of BERT is `output.LayerNorm`.
 */
const NORMS: Readonly<Record<string, string>> = { attn_post: "ffn_pre", block: "attn_pre", ffn_post: "layer_post" };

/** The norms of a vision or audio tower in clip.cpp, and what they are called after their place. */
const TOWER_NORMS: Readonly<Record<string, string>> = {
  "norm.ln1": "norm.attn_pre",
  "norm.ln2": "norm.ffn_pre",
  "norm.post_ln": "norm.final",
};

/** Recurrent mixers, whose parts are called as modelling code calls them. */
const MIXER = /^(?:ssm|linattn|shortconv)\./;

/** The one name of a part that has several. */
export function spelled(bucket: Bucket, part: string): string {
  if (bucket === "norm") return NORMS[part] ?? part;
  if (bucket === "vision" || bucket === "audio") return TOWER_NORMS[part] ?? part;
  if (!MIXER.test(part)) return part;
  return part
    .toLowerCase()
    .replace("layernorm", "norm")
    .replace(/conv_?1d/, "conv")
    .replace(".in_proj_", ".")
    .replace(/_proj$/, "")
    .replace(/^ssm\.a_log$/, "ssm.a")
    .replace(/^ssm\.dt_bias$/, "ssm.dt");
}

/** The last word of a part, by what fusion its matrix may be a piece of. */
const PIECES: Readonly<Record<string, string>> = {
  q: "qkv",
  k: "qkv",
  v: "qkv",
  kv: "qkv",
  qkv: "qkv",
  gate: "gate_up",
  up: "gate_up",
  gate_up: "gate_up",
  k_b: "kv_b",
  v_b: "kv_b",
  kv_b: "kv_b",
};

/** Of linear attention, where a single letter is another thing. */
const LINEAR_PIECES: Readonly<Record<string, string>> = {
  qkv: "qkvz",
  z: "qkvz",
  qkvz: "qkvz",
  a: "ba",
  b: "ba",
  ba: "ba",
};

/** What a part is a piece of, or the whole of; undefined where nothing fuses it. */
export function familyOf(bucket: Bucket, part: string): string | undefined {
  const name = spelled(bucket, part);
  const dot = name.lastIndexOf(".") + 1;
  const table = name.startsWith("linattn.") ? LINEAR_PIECES : PIECES;
  const last = name.slice(dot);
  return Object.hasOwn(table, last) ? name.slice(0, dot) + table[last] : undefined;
}
