/**
 * What the roles of Hugging Face names promise: the exact sums of released models, bucket by bucket; agreement with the
 * reference table of names; the traps of naming; and that no name breaks the classifier.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  describeReal,
  hasRealData,
  listReal,
  readRealJson,
  readReferenceTsv,
  realData,
} from "../../../test-support/real-data.ts";
import { hfClassifier, isLoraName } from "../src/roles/hf-classifier.ts";
import type { Role, RoleFacts } from "../src/roles/role.ts";

const NO_NEIGHBOURS: RoleFacts = { has: () => false };

function roleOf(
  name: string,
  facts: Partial<RoleFacts> & { neighbours?: readonly string[] } = {},
  type = "BF16",
): Role {
  const { neighbours = [], ...rest } = facts;
  return hfClassifier({ has: (other) => neighbours.includes(other), ...rest })({ name, shape: [], type });
}

/** `bucket/part`, with what else the role says: stack, layer, expert, bias, buffer. */
function inShort({ bucket, part, stack, layer, expert, bias, buffer }: Role): string {
  const at = [stack, layer, expert === undefined ? undefined : `e${expert}`].filter((word) => word !== undefined);
  return `${bucket}/${part} @${at.join(".")}${bias ? " bias" : ""}${buffer ? " buffer" : ""}`;
}

// --- released models --------------------------------------------------------------------------------------------------

interface Header {
  readonly [name: string]: { readonly dtype: string; readonly shape: readonly number[] };
}

interface Config {
  readonly model_type?: string;
  readonly num_hidden_layers?: number;
  readonly tie_word_embeddings?: boolean;
  readonly text_config?: { readonly num_hidden_layers?: number };
}

interface Classified {
  readonly name: string;
  readonly elements: number;
  readonly role: Role;
}

function headerOf(model: string): Header {
  const bytes = gunzipSync(readFileSync(realData("hf-heads", model, "model.safetensors.head.gz")));
  const { __metadata__: _, ...tensors } = JSON.parse(bytes.toString("utf8", 8, 8 + Number(bytes.readBigUInt64LE(0))));
  return tensors as Header;
}

function textLayersOf(config: Config): number | undefined {
  return config.num_hidden_layers ?? config.text_config?.num_hidden_layers;
}

/** Roles of a header's parameters: buffers and the stored copy of a tied head left out. */
function classified(header: Header, config: Config): Classified[] {
  const classify = hfClassifier({
    architecture: config.model_type,
    textLayers: textLayersOf(config),
    has: (name) => name in header,
  });
  return Object.entries(header)
    .map(([name, { dtype, shape }]) => ({
      name,
      elements: shape.reduce((product, size) => product * size, 1),
      role: classify({ name, shape, type: dtype }),
    }))
    .filter(({ name, role }) => !role.buffer && !(config.tie_word_embeddings && name === "lm_head.weight"));
}

function sum(tensors: readonly Classified[], keep: (role: Role) => boolean): number {
  return tensors.reduce((total, { elements, role }) => total + (keep(role) ? elements : 0), 0);
}

/** The columns of the reference table, from roles. */
const COLUMNS: Readonly<Record<string, (role: Role) => boolean>> = {
  embedding: (role) => role.bucket === "embedding",
  position: (role) => role.bucket === "position",
  attention: (role) => role.bucket === "attention",
  // The reference counts sinks with the biases, and leaves out the biases of recurrent mixers.
  attention_bias_part: ({ bucket, part, bias }) =>
    bucket === "attention" && ((bias && !part.startsWith("ssm.")) || part === "sink"),
  qk_norm_part: ({ bucket, part }) => bucket === "attention" && /^(q_norm|k_norm|mla\..*_norm)$/.test(part),
  ssm_part: ({ bucket, part }) => bucket === "attention" && /^(ssm|linattn)\./.test(part),
  ffn: (role) => role.bucket === "ffn",
  ffn_bias_part: ({ bucket, bias }) => bucket === "ffn" && bias,
  expert_routed: ({ bucket, part }) => bucket === "expert" && part.startsWith("routed."),
  expert_shared: ({ bucket, part }) => bucket === "expert" && part.startsWith("shared."),
  expert_router: ({ bucket, part }) => bucket === "expert" && /^(router|router_correction|shared_gate)$/.test(part),
  norm: (role) => role.bucket === "norm",
  output_head: (role) => role.bucket === "head",
  vision: (role) => role.bucket === "vision",
  projector: (role) => role.bucket === "projector",
};

/** Folder of the header -> repository in the reference tables. */
const REPOSITORIES: Readonly<Record<string, string>> = {
  "BERT-base": "google-bert/bert-base-uncased",
  "BLOOM-560m": "bigscience/bloom-560m",
  "DeepSeek-V2-Lite": "deepseek-ai/DeepSeek-V2-Lite",
  "DeepSeek-V3": "deepseek-ai/DeepSeek-V3",
  "GLM-4.5-Air": "zai-org/GLM-4.5-Air",
  "Gemma-2-9B": "google/gemma-2-9b",
  "Gemma-3-27B": "google/gemma-3-27b-it",
  "Granite-3.1-1B-A400M": "ibm-granite/granite-3.1-1b-a400m-instruct",
  "Jamba-1.5-mini": "ai21labs/AI21-Jamba-1.5-Mini",
  "Llama-2-70B": "meta-llama/Llama-2-70b-hf",
  "Llama-2-7B": "meta-llama/Llama-2-7b-hf",
  "Llama-3.1-405B": "meta-llama/Llama-3.1-405B",
  "Llama-3.1-8B": "meta-llama/Llama-3.1-8B",
  "Llama-4-Scout": "meta-llama/Llama-4-Scout-17B-16E-Instruct",
  "Mamba-2.8B": "state-spaces/mamba-2.8b-hf",
  "Mixtral-8x7B": "mistralai/Mixtral-8x7B-v0.1",
  "OPT-125m": "facebook/opt-125m",
  "Qwen2.5-72B": "Qwen/Qwen2.5-72B",
  "Qwen2.5-7B": "Qwen/Qwen2.5-7B",
  "Qwen3-0.6B": "Qwen/Qwen3-0.6B",
  "Qwen3-1.7B": "Qwen/Qwen3-1.7B",
  "Qwen3-30B-A3B": "Qwen/Qwen3-30B-A3B",
  "Qwen3-Next-80B-A3B": "Qwen/Qwen3-Next-80B-A3B-Instruct",
  "StarCoder2-3B": "bigcode/starcoder2-3b",
  "T5-small": "google-t5/t5-small",
  "TinyLlama-1.1B": "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
  "all-MiniLM-L6-v2": "sentence-transformers/all-MiniLM-L6-v2",
  "gpt-oss-20b": "openai/gpt-oss-20b",
  gpt2: "openai-community/gpt2",
  "whisper-tiny": "openai/whisper-tiny",
};

const isUnknown = ({ part }: Role): boolean => part === "unknown" || part === "other.unknown";

describeReal("roles of released models", () => {
  const truth = new Map(
    hasRealData ? readReferenceTsv("bucket-ground-truth.tsv").map((row) => [row.hf_repo, row]) : [],
  );
  const models = listReal("hf-heads").filter((name) => !name.includes(".json"));

  it.each(models)("%s: every tensor is known, and the sums are the published ones", (model) => {
    const config = readRealJson<Config>("hf-heads", model, "config.json");
    const tensors = classified(headerOf(model), config);
    expect(tensors.filter(({ role }) => isUnknown(role)).map(({ name }) => name)).toEqual([]);

    const repository = REPOSITORIES[model];
    if (repository === undefined) return;
    const row = truth.get(repository) ?? {};
    const columns = [...Object.keys(COLUMNS), "total"];
    const sums = Object.entries(COLUMNS).map(([column, keep]) => [column, sum(tensors, keep)]);
    expect({ ...Object.fromEntries(sums), total: sum(tensors, () => true) }).toEqual({
      ...Object.fromEntries(columns.map((column) => [column, Number(row[column])])),
      // transformers drops the MTP block, so these headers lack it.
      total: Number(row.total) - Number(row.mtp),
    });
  });

  it.each([
    ["gpt2", 124_337_664, 102_144],
    ["BERT-base", 109_379_328, 102_912],
    ["Qwen2.5-7B", 7_615_487_488, 129_024],
    ["StarCoder2-3B", 3_029_523_456, 847_872],
    ["gpt-oss-20b", 20_907_928_896, 6_828_288],
    ["Llama-3.1-8B", 8_030_261_248, 0],
  ])("%s: weights and biases", (model, weights, biases) => {
    const tensors = classified(headerOf(model), readRealJson<Config>("hf-heads", model, "config.json"));
    expect([sum(tensors, (role) => !role.bias), sum(tensors, (role) => role.bias)]).toEqual([weights, biases]);
  });

  /** A model's header with the MTP block that its makers ship: the last layer again, and the block's own tensors. */
  function withMtp(
    header: Header,
    last: number,
    prefix: string,
    own: Readonly<Record<string, readonly number[]>>,
  ): Header {
    const from = `model.layers.${last}.`;
    const copy = Object.entries(header).filter(([name]) => name.startsWith(from));
    return {
      ...header,
      ...Object.fromEntries(copy.map(([name, tensor]) => [prefix + name.slice(from.length), tensor])),
      ...Object.fromEntries(Object.entries(own).map(([name, shape]) => [name, { dtype: "BF16", shape }])),
    };
  }

  const ownOf = (prefix: string, hidden: number, vocabulary: number) => ({
    [`${prefix}eh_proj.weight`]: [hidden, 2 * hidden],
    [`${prefix}enorm.weight`]: [hidden],
    [`${prefix}hnorm.weight`]: [hidden],
    [`${prefix}embed_tokens.weight`]: [vocabulary, hidden],
    [`${prefix}shared_head.norm.weight`]: [hidden],
    [`${prefix}shared_head.head.weight`]: [vocabulary, hidden],
  });

  it.each([
    ["DeepSeek-V3", 60, "model.layers.61.", ownOf("model.layers.61.", 7168, 129_280)],
    ["GLM-4.5-Air", 45, "model.layers.46.", ownOf("model.layers.46.", 4096, 151_552)],
    [
      "Qwen3-Next-80B-A3B",
      47,
      "mtp.layers.0.",
      {
        "mtp.fc.weight": [2048, 4096],
        "mtp.norm.weight": [2048],
        "mtp.pre_fc_norm_embedding.weight": [2048],
        "mtp.pre_fc_norm_hidden.weight": [2048],
      },
    ],
  ])("%s: the MTP block is counted whole and apart", (model, last, prefix, own) => {
    const config = readRealJson<Config>("hf-heads", model, "config.json");
    const tensors = classified(withMtp(headerOf(model), last, prefix, own), config);
    const row = truth.get(REPOSITORIES[model] ?? "") ?? {};
    const mtp = tensors.filter(({ role }) => role.bucket === "mtp");
    expect(sum(mtp, () => true)).toBe(Number(row.mtp));
    expect(sum(tensors, () => true)).toBe(Number(row.total));
    expect(new Set(mtp.map(({ role }) => `${role.stack} ${role.layer ?? "-"}`))).toEqual(
      new Set(prefix.startsWith("mtp.") ? ["mtp 0", "mtp -"] : ["mtp 0"]),
    );
    expect(mtp.filter(({ role }) => isUnknown(role))).toEqual([]);
  });
});

// --- the reference table of names ---------------------------------------------------------------------------------------

/** Families whose examples hold MTP blocks in the list of text layers: how many of the layers are the text's. */
const TEXT_LAYERS: readonly (readonly [family: RegExp, layers: number])[] = [
  [/^deepseek_v3 MTP/, 61],
  [/^glm4_moe MTP/, 46],
];

/** Rows of the table that the models themselves contradict, and what we say instead. */
const CONTRADICTED: Readonly<Record<string, string>> = {
  // What scores the vocabulary is the head; the table's own row for the in-memory form says so.
  "model.llm.unembed.weight": "head/lm_head",
  // Rows of [experts, hidden] in front of an expert module: routers.
  "model.language_model.layers.1.mlp.text_moe.gate.weight": "expert/router",
  "model.language_model.layers.1.mlp.vision_moe.gate.weight": "expert/router",
  // RWKV's mixer is recurrent, whatever its leaves are called; Jina v3 is a plain BERT without any state space.
  "rwkv.blocks.0.attention.time_decay": "attention/rwkv.time_decay",
  "rwkv.blocks.0.attention.key.weight": "attention/rwkv.key",
  "rwkv.blocks.0.attention.value.weight": "attention/rwkv.value",
  "rwkv.blocks.0.attention.output.weight": "attention/rwkv.output",
  "encoder.layers.0.mixer.out_proj.weight": "attention/o",
  "encoder.layers.0.mixer.out_proj.bias": "attention/o",
  // DiT's time embedder, two matrices of 1152 x 1152 in every block, is no norm.
  "transformer_blocks.0.norm1.emb.timestep_embedder.linear_1.weight": "embedding/conditioning",
  "transformer_blocks.0.norm1.emb.timestep_embedder.linear_1.bias": "embedding/conditioning",
};

describeReal("the reference table of names", () => {
  it("is followed: every example has the table's bucket and part, but for the rows that are wrong", () => {
    const rows = readReferenceTsv("hf-tensor-patterns.tsv");
    const families = new Map<string, (typeof rows)[number][]>();
    for (const row of rows) {
      const family = row.family ?? "";
      families.set(family, [...(families.get(family) ?? []), row]);
    }
    const misses: string[] = [];
    const contradicted = new Set<string>();
    let asked = 0;
    for (const [family, members] of families) {
      const names = new Set(members.map((row) => row.example_full_name));
      const classify = hfClassifier({
        // A family is called by its model_type, and a note.
        architecture: family.split(" ")[0],
        textLayers: TEXT_LAYERS.find(([pattern]) => pattern.test(family))?.[1],
        quantized: members.some((row) => row.bucket === "quant_side"),
        has: (name) => names.has(name),
      });
      for (const row of members) {
        const name = row.example_full_name ?? "";
        const bucket = (row.bucket ?? "").replace("output_head", "head").replace("quant_side", "quant-side");
        const [word = ""] = (row.sub_role ?? "").trim().split(" ");
        if (/(^|\.)unknown$/.test(word)) continue;
        asked++;
        // Encoder and decoder are stacks, so that their parts need no prefix.
        const part = word.replace(/\b(enc|dec)\./, "").replace("output_head", "head");
        const role = classify({ name, shape: [], type: "BF16" });
        if (Object.hasOwn(CONTRADICTED, name) && role.bucket + role.part !== bucket + part) {
          expect(`${role.bucket}/${role.part}`, name).toBe(CONTRADICTED[name]);
          contradicted.add(name);
        } else if (role.bucket !== bucket || role.part !== part) {
          misses.push(`${family}: ${name} is ${bucket}/${part}, got ${inShort(role)}`);
        }
      }
    }
    expect(misses).toEqual([]);
    expect([...contradicted].sort()).toEqual(Object.keys(CONTRADICTED).sort());
    expect(asked).toBe(6365);
  });

  it("gives encoder and decoder as stacks", () => {
    const rows = readReferenceTsv("hf-tensor-patterns.tsv").filter((row) => /^(enc|dec)\./.test(row.sub_role ?? ""));
    const wrong = rows.filter((row) => {
      const stack = row.sub_role?.startsWith("enc.") ? "encoder" : "decoder";
      return roleOf(row.example_full_name ?? "").stack !== stack;
    });
    expect(wrong.map((row) => row.example_full_name)).toEqual([]);
  });
});

// --- traps of naming ----------------------------------------------------------------------------------------------------

describe("names that look like something else", () => {
  it.each([
    // router, feed-forward gate, attention gate, shared-expert gate
    ["model.layers.3.mlp.gate.weight", "expert/router @text.3"],
    ["model.layers.3.mlp.gate_proj.weight", "ffn/gate @text.3"],
    ["model.layers.3.self_attn.gate_proj.weight", "attention/out_gate @text.3"],
    ["model.layers.3.mlp.shared_expert_gate.weight", "expert/shared_gate @text.3"],
    ["model.layers.3.altup.modality_router.weight", "other/altup @text.3"],
    // dense layer of an MoE class, expert of the same class
    ["model.layers.0.block_sparse_moe.gate_proj.weight", "ffn/gate @text.0"],
    ["model.layers.3.block_sparse_moe.experts.7.w2.weight", "expert/routed.down @text.3.e7"],
    ["model.layers.2.mlps.1.gate_proj.weight", "expert/routed.gate @text.2.e1"],
    ["encoder.block.1.layer.1.mlp.experts.expert_7.wo.weight", "expert/routed.down @encoder.1.e7"],
    // one word, two places
    ["h.2.attn.c_proj.weight", "attention/o @text.2"],
    ["h.2.mlp.c_proj.weight", "ffn/down @text.2"],
    ["encoder.layer.4.attention.output.dense.weight", "attention/o @text.4"],
    ["encoder.layer.4.output.dense.weight", "ffn/down @text.4"],
    ["layers.1.attention.wo.weight", "attention/o @text.1"],
    ["layers.1.mlp.Wo.weight", "ffn/down @text.1"],
    ["model.layers.1.self_attn.kv_b_proj.weight", "attention/mla.kv_b @text.1"],
    ["model.layers.1.self_attn.b_proj.weight", "attention/linattn.b_proj @text.1"],
    ["encoder.weight", "embedding/token @text"],
    ["decoder.weight", "head/lm_head @text"],
    // the digit decides
    ["model.diffusion_model.input_blocks.1.0.in_layers.0.weight", "norm/block @input_blocks.1"],
    ["model.diffusion_model.input_blocks.1.0.in_layers.2.weight", "other/conv @input_blocks.1"],
    ["double_blocks.4.img_mlp.0.weight", "ffn/up @double_blocks.4"],
    ["double_blocks.4.img_mlp.2.weight", "ffn/down @double_blocks.4"],
    // big modulation MLPs called norms
    ["transformer_blocks.0.norm1.linear.weight", "other/modulation @transformer_blocks.0"],
    // endings in bias that add nothing to a projection or norm
    ["model.layers.3.mlp.gate.e_score_correction_bias", "expert/router_correction @text.3"],
    ["layers.3.ffn.gate.bias", "expert/router_correction @text.3"],
    ["model.layers.3.linear_attn.dt_bias", "attention/linattn.dt_bias @text.3"],
    ["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", "position/relative_bias @encoder.0"],
    ["model.layers.1.self_attn.attention_sink_bias", "attention/sink @text.1"],
    ["logit_bias", "head/head @text"],
    // endings that do
    ["model.layers.3.mlp.experts.gate_up_proj_bias", "expert/routed.gate_up @text.3 bias"],
    ["model.layers.3.mlp.router.bias", "expert/router @text.3 bias"],
    ["bert.encoder.layer.3.attention.output.LayerNorm.beta", "norm/attn_post @text.3 bias"],
    ["model.layers.0.mamba.conv1d.bias", "attention/ssm.conv1d @text.0 bias"],
    ["model.layers.0.mlp.act_fn.beta", "ffn/act @text.0"],
    // not learned
    ["h.0.attn.bias", "other/buffer @text.0 buffer"],
    ["gpt_neox.layers.0.attention.masked_bias", "other/buffer @text.0 buffer"],
    ["model.layers.0.self_attn.rotary_emb.inv_freq", "position/buffer.rope @text.0 buffer"],
    ["embeddings.position_ids", "other/buffer @text buffer"],
    ["pos_embed.pos_embed", "position/learned @text buffer"],
    ["model.layers.0.ffn.gate.tid2eid", "expert/router_hash @text.0 buffer"],
    // towers and projectors, under either order of prefixes
    ["vision_tower.vision_model.encoder.layers.2.self_attn.out_proj.bias", "vision/attention.o @vision.2 bias"],
    ["model.vision_tower.encoder.layers.2.mlp.fc2.weight", "vision/ffn.down @vision.2"],
    ["model.visual.merger.linear_fc1.weight", "projector/vision.linear_fc1 @projector"],
    ["projector.qformer.encoder.layer.1.crossattention.attention.key.weight", "attention/cross.k @projector.1"],
    ["language_model.model.layers.5.self_attn.q_proj.weight", "attention/q @text.5"],
    ["model.language_model.layers.5.self_attn.q_proj.weight", "attention/q @text.5"],
    ["qformer.encoder.layer.1.output_query.LayerNorm.bias", "norm/block @projector.1 bias"],
    ["query_tokens", "projector/query_tokens @projector"],
    // two lists of layers in one tower
    ["vision_model.transformer.layers.2.mlp.fc1.weight", "vision/ffn.up @vision.2"],
    ["vision_model.global_transformer.layers.2.mlp.fc1.weight", "vision/ffn.up @vision.global.2"],
    ["model.vision_model.global_transformer.layers.2.gate_ffn", "vision/ffn.up @vision.global.2"],
    ["sam_model.blocks.2.attn.qkv.weight", "vision/attention.qkv @vision.sam.2"],
    // layer numbers: the first list counts, and lists that stand side by side are stacks of their own
    ["decoder.block.3.layer.1.EncDecAttention.q.weight", "attention/cross.q @decoder.3"],
    ["down_blocks.1.attentions.0.transformer_blocks.2.attn1.to_q.weight", "attention/q @down_blocks.1"],
    ["single_blocks.0.linear1.weight", "attention/fused_qkv_mlp @single_blocks.0"],
    ["model.layers.layers.3.mixer.in_proj.weight", "attention/ssm.in_proj @text.3"],
    ["model.layers.2.self_attn.1.q_a_proj.weight", "attention/mla.q_a @text.2"],
    // adapters
    ["base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight", "other/lora.lora_A @text.0"],
    ["base_model.model.lm_head.modules_to_save.default.weight", "head/lm_head @text"],
    ["model.layers.0.self_attn.q_proj.base_layer.weight", "attention/q @text.0"],
    ["lora_unet_mid_block_attn1_to_q.alpha", "other/lora.alpha @text"],
    ["model.layers.0.attn.w_lora.lora.0.weight", "attention/rwkv.w_lora @text.0"],
    // nothing known
    ["model.layers.0.frobnicate.weight", "other/unknown @text.0"],
    ["vision_tower.frobnicate.weight", "vision/other.unknown @vision"],
  ])("%s", (name, expected) => {
    expect(inShort(roleOf(name))).toBe(expected);
  });

  it.each([
    // DeepSeek's scales stand beside a weight; a norm's scale is the weight.
    ["layers.0.attn.wq_a.scale", ["layers.0.attn.wq_a.weight"], "quant-side/scale @text.0"],
    ["block.0.attn.norm.scale", [], "norm/attn_pre @text.0"],
    ["model.layers.0.router.scale", ["model.layers.0.router.proj.weight"], "expert/router_scale @text.0"],
    // MLX offsets stand beside scales; alone they are biases.
    ["model.layers.0.mlp.up_proj.biases", ["model.layers.0.mlp.up_proj.scales"], "quant-side/mlx_bias @text.0"],
    ["model.layers.0.mlp.up_proj.biases", [], "ffn/up @text.0 bias"],
    // MXFP4: blocks are the weight, scales are not.
    ["model.layers.0.mlp.experts.down_proj_blocks", [], "expert/routed.down @text.0"],
    [
      "model.layers.0.mlp.experts.down_proj_scales",
      ["model.layers.0.mlp.experts.down_proj_blocks"],
      "quant-side/scale @text.0",
    ],
    // Qwen-1 swaps w1 and w2; a `c_proj` beside them tells.
    ["transformer.h.0.mlp.w1.weight", ["transformer.h.0.mlp.c_proj.weight"], "ffn/up @text.0"],
    ["transformer.h.0.mlp.w1.weight", [], "ffn/gate @text.0"],
    // `.mixer.` is Mamba's word and phi-1's.
    ["transformer.h.0.mixer.out_proj.weight", ["transformer.h.0.mixer.Wqkv.weight"], "attention/o @text.0"],
    ["backbone.layers.0.mixer.out_proj.weight", [], "attention/ssm.out_proj @text.0"],
    // An adapter's alpha stands beside its factors; a snake activation's doesn't.
    ["blocks.0.attn.q.alpha", ["blocks.0.attn.q.lora_down.weight"], "other/lora.alpha @text.0"],
    ["resblocks.0.activations.0.act.alpha", [], "other/activation @text.0"],
  ])("%s beside %j", (name, neighbours, expected) => {
    expect(inShort(roleOf(name, { neighbours, quantized: expected.startsWith("quant-side") }))).toBe(expected);
  });

  it.each([
    // Names of scales and ranges, and where nothing is quantized something learned.
    ["model.layers.0.self_attn.k_scale", [], "quant-side/kv_scale"],
    ["model.layers.0.self_attn.attn.prob_scale", [], "quant-side/kv_scale"],
    ["model.layers.0.self_attn.fa_q.scale", [], "quant-side/kv_scale"],
    ["layers.0.attention.wq.qscale_weight", [], "quant-side/scale"],
    ["layers.0.attention.k_fake_quantizer.qscale_act", [], "quant-side/input_scale"],
    ["transformer.layers.0.attention.qkv.weights_scaling_factor", [], "quant-side/scale"],
    ["transformer.layers.0.attention.kv_cache_scaling_factor", [], "quant-side/kv_scale"],
    ["model.layers.0.self_attn.q_proj.weight_offset", [], "quant-side/zeros"],
    ["model.layers.0.self_attn.q_proj.deq_scale", [], "quant-side/scale"],
    ["model.layers.0.self_attn.q_proj.weight.scale", ["model.layers.0.self_attn.q_proj.weight"], "quant-side/scale"],
    ["model.layers.0.mlp.experts.w13_input_scale", ["model.layers.0.mlp.experts.w13_weight"], "quant-side/input_scale"],
    [
      "model.layers.0.mlp.experts.gate_up_proj_weight_scale_2",
      ["model.layers.0.mlp.experts.gate_up_proj"],
      "quant-side/scale",
    ],
    ["quantizer.codebooks", [], "quant-side/aqlm"],
  ])("%s is a side only where something is quantized", (name, neighbours, expected) => {
    expect(inShort(roleOf(name, { neighbours, quantized: true }))).toMatch(new RegExp(`^${expected} @`));
    expect(roleOf(name, { neighbours }).bucket).not.toBe("quant-side");
  });

  it("takes recorded ranges for sides even before anything is quantized", () => {
    expect(roleOf("model.layers.0.self_attn.q_proj.weight_quantizer._amax").bucket).toBe("quant-side");
  });

  it("takes no scale for a stack's that isn't there", () => {
    const name = "model.layers.0.mlp.experts.gate_up_proj_weight_scale";
    expect(roleOf(name, { quantized: true }).bucket).not.toBe("quant-side");
  });

  it.each([
    // MiniMax's lightning attention in its makers' code and in transformers.
    ["model.layers.1.self_attn.norm.weight", "minimax", "norm/block @text.1"],
    ["model.layers.1.self_attn.norm.weight", "minimax_text_01", "attention/linattn.norm @text.1"],
    ["model.layers.3.ffn.gate.bias", "deepseek_v4", "expert/router @text.3"],
    ["model.layers.3.ffn.gate.bias", "deepseek_v3", "expert/router_correction @text.3"],
    ["rwkv.blocks.0.attention.key.weight", "rwkv", "attention/k @text.0"],
    ["transformer.encoder.layers.0.mlp.dense_h_to_4h.weight", "chatglm", "ffn/gate_up @text.0"],
    ["gpt_neox.layers.0.mlp.dense_h_to_4h.weight", "gpt_neox", "ffn/up @text.0"],
    [
      "encoder.block.1.layer.1.mlp.experts.expert_7.wi.weight",
      "switch_transformers",
      "expert/routed.gate_up @encoder.1.e7",
    ],
    ["encoder.block.1.layer.1.mlp.experts.expert_7.wi.weight", "nllb_moe", "expert/routed.up @encoder.1.e7"],
  ])("%s in %s", (name, architecture, expected) => {
    expect(inShort(roleOf(name, { architecture }))).toBe(expected);
  });

  it.each([
    // The list before the number.
    ["noise_refiner.0.attention_norm1.weight", "norm/attn @noise_refiner.0"],
    ["layers.0.attention_norm1.weight", "norm/attn_pre @text.0"],
    ["transformer_blocks.0.norm1.weight", "norm/block @transformer_blocks.0"],
    ["vision_tower.transformer.blocks.0.norm1.weight", "vision/norm.attn_pre @vision.0"],
    ["mid_block.attentions.0.transformer_blocks.0.norm1.weight", "norm/attn @mid_block"],
    ["down_blocks.1.attentions.0.transformer_blocks.1.norm3.weight", "norm/ffn_pre @down_blocks.1"],
    ["down_blocks.1.resnets.0.norm1.weight", "norm/block @down_blocks.1"],
  ])("%s: the list decides", (name, expected) => {
    expect(inShort(roleOf(name))).toBe(expected);
  });

  it("tells two files of one model by a tensor that only one of them holds", () => {
    const name = "backbone.layers.0.norm.weight";
    const architecture = "mamba";
    expect(roleOf(name, { architecture, neighbours: ["backbone.embedding.weight"] }).part).toBe("attn_pre");
    expect(roleOf(name, { architecture, neighbours: ["backbone.embeddings.weight"] }).part).toBe("block");
    // LLaVA's own files, and the port.
    const newline = "model.image_newline";
    expect(roleOf(newline, { neighbours: ["model.mm_projector.0.weight"] }).part).toBe("special_token");
    expect(roleOf(newline).part).toBe("image_newline");
  });

  it("asks the neighbours of each name, not of the first of its kind", () => {
    const neighbours = new Set(["layers.1.attn.wq_a.weight"]);
    const classify = hfClassifier({ quantized: true, has: (name) => neighbours.has(name) });
    const bucketOf = (layer: number) =>
      classify({ name: `layers.${layer}.attn.wq_a.scale`, shape: [], type: "F32" }).bucket;
    expect([bucketOf(0), bucketOf(1), bucketOf(0)]).toEqual(["other", "quant-side", "other"]);
  });

  it("takes a layer for MTP from the first one above the text's on, and in the text's stack alone", () => {
    const facts = { textLayers: 4 };
    const name = (layer: number) => `model.layers.${layer}.self_attn.q_proj.weight`;
    expect(inShort(roleOf(name(3), facts))).toBe("attention/q @text.3");
    expect(inShort(roleOf(name(4), facts))).toBe("mtp/block.attention.q @mtp.0");
    expect(inShort(roleOf(name(5), facts))).toBe("mtp/block.attention.q @mtp.1");
    expect(inShort(roleOf(`vision_tower.${name(9)}`, facts))).toBe("vision/attention.q @vision.9");
    expect(inShort(roleOf(`new_kind_of_tower.${name(9)}`, facts))).toBe("attention/q @text.9");
    expect(inShort(roleOf("decoder.block.9.layer.0.SelfAttention.q.weight", facts))).toBe("attention/q @decoder.9");
  });

  it("takes integers for no parameters, but for packed weights", () => {
    expect(roleOf("some.counter", {}, "I64")).toMatchObject({ bucket: "other", part: "buffer", buffer: true });
    expect(roleOf("model.layers.0.mlp.up_proj.Qidxs", {}, "I64").buffer).toBeUndefined();
    expect(roleOf("model.layers.0.mlp.up_proj.qweight", {}, "I32")).toMatchObject({ bucket: "ffn", part: "up" });
    expect(roleOf("model.layers.0.mlp.up_proj.weight_shape", { quantized: true }, "I64").bucket).toBe("quant-side");
  });

  it("knows adapters' names", () => {
    expect(isLoraName("base_model.model.layers.0.q_proj.lora_B.weight")).toBe(true);
    expect(isLoraName("unet.attn1.processor.to_q_lora.down.weight")).toBe(true);
    expect(isLoraName("unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_k.lora.up.weight")).toBe(true);
    expect(isLoraName("model.layers.0.attn.w_lora.lora.0.weight")).toBe(false);
    expect(isLoraName("model.layers.0.self_attn.q_proj.weight")).toBe(false);
  });
});

// --- any name -------------------------------------------------------------------------------------------------------------

describe("any name", () => {
  const WORDS = [
    ..."model layers h blocks 0 7 61 00 1234567890 self_attn attn mlp experts expert_3 gate q_proj w1 norm LayerNorm".split(
      " ",
    ),
    ..."weight bias scale scales alpha lora_A visual merger encoder decoder mtp eh_proj module _orig_mod base_layer".split(
      " ",
    ),
    ..."base_model modules_to_save mixer out_proj in_layers qweight blocks".split(" "),
    "",
    "\0",
    " ",
  ];
  const anyName = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(fc.oneof(fc.constantFrom(...WORDS), fc.string()), { maxLength: 12 }).map((words) => words.join(".")),
  );

  it("has a role, and the same one under a wrapper", () => {
    const classify = hfClassifier({ ...NO_NEIGHBOURS, textLayers: 8 });
    const ask = (name: string) => classify({ name, shape: [], type: "F32" });
    fc.assert(
      fc.property(anyName, fc.constantFrom("module.", "_orig_mod.", "module._orig_mod."), (name, wrapper) => {
        expect(ask(wrapper + name)).toEqual(ask(name));
      }),
    );
  });

  it("has a role that hangs on nothing asked before", () => {
    fc.assert(
      fc.property(fc.array(anyName, { minLength: 1, maxLength: 8 }), (names) => {
        const classify = hfClassifier({ ...NO_NEIGHBOURS, textLayers: 8 });
        for (const name of [...names, ...names]) {
          expect(classify({ name, shape: [], type: "F32" })).toEqual(roleOf(name, { textLayers: 8 }, "F32"));
        }
      }),
    );
  });

  it("may be absurdly long", () => {
    expect(roleOf(`${"1.".repeat(50_000)}weight`)).toMatchObject({ bucket: "other", part: "unknown" });
    const facts = { textLayers: 8 };
    expect(roleOf(`model.layers.9.${"experts.1.".repeat(50_000)}w1`, facts)).toMatchObject({ part: "unknown" });
    expect(roleOf("experts.".repeat(10_000))).toMatchObject({ bucket: "other", part: "unknown" });
  });
});
