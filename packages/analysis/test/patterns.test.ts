/** The layer patterns in words: pinned for released models, and for made ones that show each rule. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Checkpoint,
  checkpointFromGguf,
  type MetadataEntry,
  memorySource,
  openCheckpoint,
  readGguf,
} from "@checkpoint-inspect/parser";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";

import { describeReal, expandHeads, listReal, realData } from "../../../test-support/real-data.ts";
import { modelFacts, placer } from "../src/index.ts";
import { layerCollector } from "../src/layers.ts";
import { type LayerPattern, layerPatterns } from "../src/patterns.ts";

function patternsOf(checkpoint: Checkpoint, incomplete = false): readonly LayerPattern[] {
  const facts = modelFacts(checkpoint);
  const place = placer(checkpoint, facts);
  const collector = layerCollector();
  for (const tensor of checkpoint.tensors) collector.visit(place(tensor));
  const { layers, traits } = collector.profile();
  return layerPatterns(layers, facts, traits, { format: checkpoint.format, incomplete });
}

const sentences = (checkpoint: Checkpoint) => patternsOf(checkpoint).map(({ words }) => words);

type Tensor = Checkpoint["tensors"][number];
type Json = NonNullable<Checkpoint["config"]>["json"];

const BITS: Readonly<Record<string, number>> = {
  F32: 32,
  I32: 32,
  F8_E4M3: 8,
  U8: 8,
  Q4_K: 4.5,
  Q5_K: 5.5,
  Q6_K: 6.5625,
};

function tensor(name: string, shape: readonly number[] = [256, 256], type = "BF16"): Tensor {
  const elements = shape.reduce((a, b) => a * b, 1);
  return { name, shape, type, elements, sizeBytes: (elements * (BITS[type] ?? 16)) / 8, part: 0, offset: 0 };
}

function safetensors(tensors: readonly Tensor[], json: Json = {}): Checkpoint {
  return {
    format: "safetensors",
    label: "made",
    container: "safetensors",
    parts: [],
    tensors,
    metadata: [],
    config: { file: "config.json", json },
    findings: [],
    readData: async () => [],
    close: async () => {},
  };
}

function gguf(
  architecture: string,
  tensors: readonly Tensor[],
  metadata: Readonly<Record<string, unknown>>,
): Checkpoint {
  const entry = (key: string, value: unknown): MetadataEntry => ({
    key,
    type: Array.isArray(value) ? "array" : "u32",
    value: (Array.isArray(value) ? { length: value.length, values: value } : value) as MetadataEntry["value"],
    part: 0,
  });
  const { config: _, ...rest } = safetensors(tensors);
  return {
    ...rest,
    format: "gguf",
    metadata: [
      entry("general.architecture", architecture),
      ...Object.entries(metadata).map(([key, value]) => entry(`${architecture}.${key}`, value)),
    ],
  };
}

const ATTENTION = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"];
const DENSE = ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"];
const MOE = ["mlp.gate", "mlp.experts.0.up_proj", "mlp.experts.1.up_proj"];
const MAMBA2 = ["in_proj", "conv1d", "out_proj"].map((leaf) => `mamba.${leaf}`);

/** A stack of so many layers, each with the modules that `modules` gives for it. */
function stackOf(count: number, modules: (layer: number) => readonly string[], at = "model.layers."): Tensor[] {
  return Array.from({ length: count }, (_, i) => modules(i).map((name) => tensor(`${at}${i}.${name}.weight`))).flat();
}

const plain = (count: number) => stackOf(count, () => [...ATTENTION, ...DENSE]);

const ggufPlain = (count: number) =>
  stackOf(count, () => ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"], "blk.");

const made: { remove(): void }[] = [];
afterAll(() => {
  for (const { remove } of made) remove();
});

describeReal("released models", () => {
  const SENTENCES: Readonly<Record<string, readonly string[]>> = {
    "DeepSeek-V2-Lite": ["1 dense layer, then 26 MoE layers", "multi-head latent attention in all 27 layers"],
    "DeepSeek-V3": ["3 dense layers, then 58 MoE layers", "multi-head latent attention in all 61 layers"],
    "GLM-4.5-Air": ["1 dense layer, then 45 MoE layers"],
    "Gemma-2-9B": ["sliding window of 4,096 tokens on every other layer (21 of 42), full attention on the rest"],
    // The config beside this head says 4,096; the release says 1,024.
    "Gemma-3-27B": ["sliding window of 4,096 tokens in 5 of 6 layers, full attention in every 6th (10 of 62)"],
    "Granite-3.1-1B-A400M": ["all 24 layers are MoE"],
    "Jamba-1.5-mini": [
      "every 2nd layer is MoE (16 of 32), the rest dense",
      "attention in 4 of 32 layers (4, 12, 20, 28), Mamba in the rest",
    ],
    "Llama-4-Scout": [
      "all 48 layers are MoE",
      "attention in chunks of 8,192 tokens in 3 of 4 layers, full attention in every 4th (12 of 48)",
    ],
    "Mamba-2.8B": ["all 64 layers Mamba, no attention"],
    "Mixtral-8x7B": ["all 32 layers are MoE"],
    "Qwen3-30B-A3B": ["all 48 layers are MoE"],
    "Qwen3-Next-80B-A3B": [
      "all 48 layers are MoE",
      "attention in every 4th layer (12 of 48), gated delta net in the rest",
    ],
    "T5-small": [
      "layer 0 holds the relative position table for all 6 layers",
      "self-attention and cross-attention in all 6 layers",
      "layer 0 holds the relative position table for all 6 layers",
    ],
    "gpt-oss-20b": [
      "all 24 layers are MoE",
      "sliding window of 128 tokens on every other layer (12 of 24), full attention on the rest",
    ],
    "whisper-tiny": ["self-attention and cross-attention in all 4 layers"],
  };

  it.each(listReal("hf-heads"))("%s", async (model) => {
    const { dir, remove } = expandHeads(`hf-heads/${model}`);
    made.push({ remove });
    const checkpoint = await openCheckpoint(dir);
    await checkpoint.close();
    // Every other model of the folder has the same dense layer with full attention all over: nothing to say.
    expect(sentences(checkpoint)).toEqual(SENTENCES[model] ?? []);
    expectSound(checkpoint);
  });

  it("the layers of a Q4_K_M that have more bits", async () => {
    const { dir, remove } = expandHeads("gguf-real-heads");
    made.push({ remove });
    const mixed = await openCheckpoint(join(dir, "Qwen3-1.7B-Q4_K_M.gguf"));
    await mixed.close();
    expect(patternsOf(mixed)).toEqual([
      {
        subject: "quantization",
        stack: "text",
        words: "attn_v and ffn_down are Q6_K instead of Q4_K in 14 of 28 layers (0-2, 5-20 every 3rd, 23-27)",
        layers: [0, 1, 2, 5, 8, 11, 14, 17, 20, 23, 24, 25, 26, 27],
        source: "tensors",
      },
    ]);
    const whole = await openCheckpoint(join(dir, "Qwen3-1.7B-F16.gguf"));
    await whole.close();
    expect(patternsOf(whole)).toEqual([]);
  });

  it.each([
    ["arctic-moe", ["both layers are MoE, each with a dense branch beside the experts"]],
    ["mamba-dense", ["both layers Mamba, no attention"]],
    ["minicpm3-dense", ["multi-head latent attention in both layers"]],
    [
      "kimi-linear-moe",
      [
        "1 dense layer, then 1 MoE layer",
        "multi-head latent attention in 1 of 2 layers (0), Kimi delta attention in the rest",
      ],
    ],
    [
      "deepseek4-moe",
      [
        "all 4 layers are MoE",
        "sliding window of 32 tokens in all 4 layers, compressed keys and values beyond it in 2 of 4 layers (2-3)",
      ],
    ],
    ["gemma3-dense", ["full attention in 1 of 2 layers (1), sliding window of 32 tokens in the rest"]],
    [
      "cohere2moe-moe",
      ["1 dense layer, then 1 MoE layer", expect.stringContaining("full attention in 1 of 2 layers (0)")],
    ],
    ["llada-dense", []],
  ])("GGUF of %s", async (name, words) => {
    const bytes = readFileSync(realData("gguf-made", "arch-f32-heads", `${name}.gguf.head`));
    const checkpoint = checkpointFromGguf({ label: name, files: [await readGguf(memorySource(name, bytes))] });
    expect(sentences(checkpoint)).toEqual(words);
    expectSound(checkpoint);
  });
});

describe("feed-forward", () => {
  const mixture = (count: number, isMoe: (layer: number) => boolean) =>
    sentences(safetensors(stackOf(count, (i) => [...ATTENTION, ...(isMoe(i) ? MOE : DENSE)])));

  it.each([
    ["8 dense", mixture(8, () => false), []],
    ["one layer", mixture(1, () => true), ["its layer is MoE"]],
    ["every 3rd", mixture(9, (i) => i % 3 === 2), ["every 3rd layer is MoE (3 of 9), the rest dense"]],
    ["even ones", mixture(12, (i) => i % 2 === 0), ["6 of 12 layers are MoE (0-10 every 2nd), the rest dense"]],
    ["dense inside", mixture(12, (i) => i !== 0 && i !== 5), ["2 of 12 layers are dense (0, 5), the rest MoE"]],
    ["dense last", mixture(12, (i) => i < 11), ["1 of 12 layers is dense (11), the rest MoE"]],
  ])("%s", (_, found, words) => {
    expect(found).toEqual(words);
  });

  it("a dense branch beside the experts", () => {
    const all = stackOf(4, () => [...ATTENTION, ...DENSE, ...MOE]);
    expect(sentences(safetensors(all))).toEqual(["all 4 layers are MoE, each with a dense branch beside the experts"]);
  });
});

describe("mixers", () => {
  const MLA = ["self_attn.q_proj", "self_attn.kv_a_proj_with_mqa", "self_attn.kv_b_proj", "self_attn.o_proj"];
  const KDA = ["q_proj", "k_proj", "v_proj", "q_conv1d", "f_a_proj", "b_proj", "o_proj"].map(
    (leaf) => `self_attn.${leaf}`,
  );
  const CROSS = ["q_proj", "k_proj", "v_proj", "o_proj", "q_norm"].map((leaf) => `cross_attn.${leaf}`);
  const NEMOTRON: Readonly<Record<string, readonly string[]>> = {
    M: ["mixer.in_proj", "mixer.conv1d", "mixer.out_proj"],
    "*": ["mixer.q_proj", "mixer.k_proj", "mixer.v_proj", "mixer.o_proj"],
    "-": ["mixer.up_proj", "mixer.down_proj"],
  };
  const pattern = "M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M-";

  it.each([
    [
      "Nemotron-H: one mixer a block",
      stackOf(pattern.length, (i) => NEMOTRON[pattern[i] ?? ""] ?? [], "backbone.layers."),
      { model_type: "nemotron_h", hybrid_override_pattern: pattern },
      ["24 Mamba-2 layers, 24 feed-forward layers, 4 attention layers (7, 18, 29, 40)"],
    ],
    [
      "Falcon-H1: both in every layer",
      stackOf(6, () => [...MAMBA2, ...ATTENTION, ...DENSE]),
      { model_type: "falcon_h1" },
      ["attention and Mamba-2 side by side in all 6 layers"],
    ],
    [
      "LFM2",
      stackOf(16, (i) => [
        ...([2, 5, 8, 10, 12, 14].includes(i) ? ATTENTION : ["conv.in_proj", "conv.conv", "conv.out_proj"]),
        ...DENSE,
      ]),
      { model_type: "lfm2" },
      ["attention in 6 of 16 layers (2, 5, 8, 10, 12, 14), short convolution in the rest"],
    ],
    [
      "Kimi-Linear",
      stackOf(8, (i) => [...(i % 4 === 3 ? MLA : KDA), ...MOE]),
      { model_type: "kimi_linear" },
      [
        "all 8 layers are MoE",
        "multi-head latent attention in every 4th layer (2 of 8), Kimi delta attention in the rest",
      ],
    ],
    [
      "Mllama",
      stackOf(40, (i) => [...(i % 5 === 3 ? CROSS : ATTENTION), ...DENSE], "language_model.model.layers."),
      { model_type: "mllama" },
      ["cross-attention in 8 of 40 layers (3-38 every 5th), self-attention in the rest"],
    ],
    [
      "RecurrentGemma",
      stackOf(6, (i) => [
        ...(i % 3 === 2
          ? ATTENTION.map((name) => name.replace("self_attn", "temporal_block"))
          : ["temporal_block.linear_x", "temporal_block.linear_y", "temporal_block.linear_out"]),
        ...DENSE,
      ]),
      { model_type: "recurrent_gemma", attention_window_size: 2048 },
      [
        "attention in every 3rd layer (2 of 6), RG-LRU in the rest",
        "sliding window of 2,048 tokens in both attention layers",
      ],
    ],
    [
      "RWKV",
      stackOf(
        12,
        () => ["attention.key", "attention.value", "attention.receptance", "attention.time_decay", "feed_forward.key"],
        "rwkv.blocks.",
      ),
      { model_type: "rwkv" },
      ["all 12 layers RWKV, no attention"],
    ],
  ] as const)("%s", (_, tensors, config, words) => {
    expect(sentences(safetensors(tensors, config as Json))).toEqual(words);
  });

  it("MiniMax: lightning attention is known by its tables of decay", () => {
    const layers = stackOf(8, (i) => [
      ...(i % 8 === 7 ? ATTENTION : ["self_attn.qkv_proj", "self_attn.out_proj"]),
      ...MOE,
    ]);
    const decay = Array.from({ length: 7 }, (_, i) =>
      tensor(`model.layers.${i}.self_attn.slope_rate`, [8, 1, 1], "F32"),
    );
    expect(sentences(safetensors([...layers, ...decay], { model_type: "minimax" }))).toEqual([
      "all 8 layers are MoE",
      "attention in 1 of 8 layers (7), lightning attention in the rest",
    ]);
  });

  it("are in the layers, for the report", () => {
    const checkpoint = safetensors(stackOf(2, (i) => (i === 0 ? [...MLA, ...DENSE] : [...MAMBA2, ...MOE])));
    const collector = layerCollector();
    for (const one of checkpoint.tensors) collector.visit(placer(checkpoint, {})(one));
    expect(collector.profile().layers).toMatchObject([
      { mixers: ["mla"], feedForward: "dense" },
      { mixers: ["ssm"], feedForward: "moe" },
    ]);
  });
});

describe("windows", () => {
  const FULL = "full_attention";
  const SLIDING = "sliding_attention";
  const found = (count: number, config: Json) =>
    patternsOf(safetensors(plain(count), config)).map(({ words, source }) => `${words} <${source}>`);

  it.each([
    [
      "layer_types",
      8,
      { sliding_window: 1024, layer_types: [0, 1, 2, 3, 4, 5, 6, 7].map((i) => (i === 2 ? FULL : SLIDING)) },
      "full attention in 1 of 8 layers (2), sliding window of 1,024 tokens in the rest <config.json layer_types>",
    ],
    [
      "a period",
      12,
      { text_config: { sliding_window: 1024, sliding_window_pattern: 6 } },
      "sliding window of 1,024 tokens in 5 of 6 layers, full attention in every 6th (2 of 12) <config.json sliding_window_pattern>",
    ],
    [
      "letters",
      8,
      { model_type: "exaone4", sliding_window: 4096, sliding_window_pattern: "LLLG" },
      "sliding window of 4,096 tokens in 3 of 4 layers, full attention in every 4th (2 of 8) <config.json sliding_window_pattern>",
    ],
    [
      "flags",
      6,
      { sliding_window: 128, hybrid_layer_pattern: [0, 1, 1, 1, 1, 0] },
      "full attention in 2 of 6 layers (0, 5), sliding window of 128 tokens in the rest <config.json hybrid_layer_pattern>",
    ],
    [
      "max_window_layers",
      28,
      { sliding_window: 32_768, use_sliding_window: true, max_window_layers: 21 },
      "sliding window of 32,768 tokens in 7 of 28 layers (21-27), full attention in the rest <config.json max_window_layers>",
    ],
    [
      "no_rope_layers",
      8,
      { attention_chunk_size: 8192, no_rope_layers: [1, 1, 1, 0, 1, 1, 1, 0] },
      "attention in chunks of 8,192 tokens in 3 of 4 layers, full attention in every 4th (2 of 8) <config.json no_rope_layers>",
    ],
    [
      "Llama 4, which leaves the list empty",
      8,
      { model_type: "llama4", text_config: { attention_chunk_size: 8192, no_rope_layers: [] } },
      "attention in chunks of 8,192 tokens in 3 of 4 layers, full attention in every 4th (2 of 8) <transformers' table for llama4>",
    ],
    [
      "ModernBERT",
      22,
      { model_type: "modernbert", local_attention: 128, global_attn_every_n_layers: 3 },
      "full attention in 8 of 22 layers (0-21 every 3rd), sliding window of 128 tokens in the rest <config.json global_attn_every_n_layers>",
    ],
    [
      "Hymba",
      32,
      { sliding_window: 1024, global_attn_idx: [0, 15, 31] },
      "full attention in 3 of 32 layers (0, 15, 31), sliding window of 1,024 tokens in the rest <config.json global_attn_idx>",
    ],
    [
      "Mistral 7B v0.1",
      32,
      { model_type: "mistral", sliding_window: 4096 },
      "sliding window of 4,096 tokens in all 32 layers <transformers' table for mistral>",
    ],
    [
      "nothing but a window",
      32,
      { model_type: "somebody_s", sliding_window: 4096 },
      "sliding window of 4,096 tokens; which layers use it isn't stated <config.json sliding_window>",
    ],
  ] as const)("by %s", (_, count, config, words) => {
    expect(found(count, config as unknown as Json)).toEqual([words]);
  });

  it("that hold the whole context never slide", () => {
    const phi = (window: number) => patternsOf(gguf("phi3", ggufPlain(4), { context_length: 4096, ...at(window) }));
    const at = (window: number) => ({ "attention.sliding_window": window });
    expect(phi(8192)).toEqual([]);
    expect(phi(4096)).toEqual([]);
    expect(phi(2048)).toHaveLength(1);
    const mistral = { model_type: "mistral", sliding_window: 4096 };
    expect(patternsOf(safetensors(plain(4), { ...mistral, max_position_embeddings: 4096 }))).toEqual([]);
    // llama.cpp sets this one itself, whatever is stated.
    const small = { context_length: 256, ...at(32) };
    expect(patternsOf(gguf("smallthinker", ggufPlain(8), small))).toEqual([]);
  });

  it("that are used say how long they are, others don't", () => {
    const windows = (architecture: string, metadata: Record<string, unknown>) =>
      patternsOf(gguf(architecture, ggufPlain(8), metadata)).map(({ window }) => window);
    expect(windows("gemma2", {})).toEqual([4096]);
    expect(windows("llama4", {})).toEqual([8192]);
    expect(windows("gemma4", { "attention.sliding_window": 512 })).toEqual([512]);
    expect(windows("phi3", { "attention.sliding_window": 2047 })).toEqual([undefined]);
  });

  it("that config says aren't used aren't mentioned", () => {
    const config = { model_type: "qwen2", sliding_window: 131_072, use_sliding_window: false, max_window_layers: 28 };
    expect(found(28, config)).toEqual([]);
    expect(modelFacts(safetensors([], config)).slidingWindow).toBeUndefined();
  });

  it.each([
    ["gemma2", 4, {}, "sliding window of 4,096 tokens on every other layer (2 of 4), full attention on the rest"],
    [
      "gemma3",
      12,
      { "attention.sliding_window": 1024 },
      "sliding window of 1,024 tokens in 5 of 6 layers, full attention in every 6th (2 of 12)",
    ],
    ["gemma3", 12, {}, undefined],
    ["llama4", 8, {}, "attention in chunks of 8,192 tokens in 3 of 4 layers, full attention in every 4th (2 of 8)"],
    ["llama4", 8, { "attention.sliding_window": 0 }, undefined],
    [
      "smallthinker",
      8,
      { "attention.sliding_window": 512 },
      "full attention in 2 of 8 layers (0, 4), sliding window of 4,096 tokens in the rest",
    ],
    [
      "exaone4",
      30,
      { block_count: 30, "attention.sliding_window": 4096 },
      "a sliding window of 4,096 tokens is declared, but llama.cpp gives every layer of this architecture full attention",
    ],
    [
      "phi3",
      32,
      { "attention.sliding_window": 2047 },
      "a sliding window of 2,047 tokens is declared, but llama.cpp gives every layer of this architecture full attention",
    ],
    ["llama", 32, {}, undefined],
    [
      "cohere2moe",
      8,
      { "attention.sliding_window": 32, "attention.sliding_window_pattern": 4 },
      "full attention in 2 of 8 layers (0, 4), sliding window of 32 tokens in the rest",
    ],
    [
      "gemma4",
      3,
      { "attention.sliding_window": 512, "attention.sliding_window_pattern": [true, false, true] },
      "full attention in 1 of 3 layers (1), sliding window of 512 tokens in the rest",
    ],
    [
      "gemma4",
      3,
      { "attention.sliding_window": 512 },
      "sliding window of 512 tokens; which layers use it isn't stated",
    ],
  ])("in GGUF: %s, %i layers, %o", (architecture, count, metadata, words) => {
    expect(sentences(gguf(architecture, ggufPlain(count), metadata))).toEqual(words ? [words] : []);
  });
});

describe("quantization", () => {
  const typed = (count: number, typeOf: (name: string, layer: number) => string, names?: readonly string[]) =>
    Array.from({ length: count }, (_, i) =>
      (names ?? [...ATTENTION, ...DENSE]).map((name) =>
        tensor(`${names ? "blk." : "model.layers."}${i}.${name}.weight`, [256, 256], typeOf(name, i)),
      ),
    ).flat();
  const GGUF = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"];
  const edges = (i: number) => i < 2 || i === 31;

  it.each([
    ["whole layers", typed(32, (_, i) => (edges(i) ? "BF16" : "F8_E4M3")), "layers 0-1, 31 are BF16, the rest F8_E4M3"],
    ["one layer", typed(8, (_, i) => (i === 7 ? "BF16" : "F8_E4M3")), "layer 7 is BF16, the rest F8_E4M3"],
    [
      "one part",
      typed(8, (name, i) => (i === 3 && name === "mlp.down_proj" ? "BF16" : "F8_E4M3")),
      "FFN down is BF16 instead of F8_E4M3 in 1 of 8 layers (3)",
    ],
    [
      "a bucket",
      typed(8, (name, i) => (i < 4 && name.startsWith("self_attn") ? "BF16" : "F8_E4M3")),
      "attention is BF16 instead of F8_E4M3 in 4 of 8 layers (0-3)",
    ],
  ])("of %s", (_, tensors, words) => {
    expect(sentences(safetensors(tensors))).toEqual([words]);
  });

  it("of packed words, by their bits", () => {
    const packed = (name: string) => [
      tensor(`${name}.qweight`, [32, 256], "I32"),
      tensor(`${name}.scales`, [2, 256], "F16"),
      tensor(`${name}.qzeros`, [2, 32], "I32"),
      tensor(`${name}.g_idx`, [256], "I32"),
    ];
    const tensors = Array.from({ length: 8 }, (_, i) =>
      [...ATTENTION, ...DENSE].flatMap((name) =>
        i === 0 ? [tensor(`model.layers.0.${name}.weight`)] : packed(`model.layers.${i}.${name}`),
      ),
    ).flat();
    const config = { quantization_config: { quant_method: "gptq", bits: 4, group_size: 128 } };
    expect(sentences(safetensors(tensors, config))).toEqual(["layer 0 is BF16, the rest 4-bit in I32"]);
  });

  it("that changes everywhere is told in one sentence", () => {
    const tensors = typed(9, (name, i) => ["Q4_K", "Q5_K", "Q6_K"][(name.length + i) % 3] ?? "", GGUF);
    expect(sentences(gguf("llama", tensors, {}))).toEqual([
      "all 7 parts change their type from layer to layer: attn_k (Q4_K, Q5_K, Q6_K), attn_output (Q4_K, Q5_K, Q6_K), attn_q (Q4_K, Q5_K, Q6_K), attn_v (Q4_K, Q5_K, Q6_K) and 3 more",
    ]);
  });

  it("in many layers without an order is cut short, but for the list", () => {
    const odd = (i: number) => (i * i + 3 * i) % 7 < 3;
    const tensors = typed(100, (name, i) => (name === "ffn_down" && odd(i) ? "Q6_K" : "Q4_K"), GGUF);
    const [found, ...others] = patternsOf(gguf("llama", tensors, {}));
    expect(others).toEqual([]);
    expect(found?.layers).toEqual(Array.from({ length: 100 }, (_, i) => i).filter(odd));
    expect(found?.words).toMatch(/^ffn_down is Q6_K instead of Q4_K in \d+ of 100 layers \(.{10,60} … \d+(-\d+)?\)$/);
  });

  it("of vectors and norms says nothing", () => {
    const norms = Array.from({ length: 4 }, (_, i) =>
      tensor(`model.layers.${i}.input_layernorm.weight`, [256], i === 1 ? "F32" : "BF16"),
    );
    expect(sentences(safetensors([...plain(4), ...norms]))).toEqual([]);
  });
});

describe("shapes", () => {
  const widths = (of: readonly number[]) =>
    of.flatMap((width, i) => [
      ...ATTENTION.map((name) => tensor(`model.layers.${i}.${name}.weight`)),
      tensor(`model.layers.${i}.mlp.up_proj.weight`, [width, 256]),
      tensor(`model.layers.${i}.mlp.down_proj.weight`, [256, width]),
    ]);

  it.each([
    ["OpenELM", widths([512, 768, 1024]), { hidden_size: 256 }, ["FFN width varies from 512 to 1,024"]],
    [
      "two widths",
      widths([512, 512, 512, 1024]),
      { hidden_size: 256 },
      ["FFN width 1,024 in 1 of 4 layers (3), 512 in the rest"],
    ],
    [
      "heads",
      plain(3),
      { num_query_heads: [12, 16, 20], num_kv_heads: [3, 4, 5] },
      ["attention heads vary from 12 to 20, KV heads from 3 to 5"],
    ],
    [
      "DeciLM",
      stackOf(8, (i) => [...(i === 5 ? [] : ATTENTION), ...(i === 2 || i === 3 ? [] : DENSE)]),
      {},
      ["no attention in 1 of 8 layers (5)", "no feed-forward in 2 of 8 layers (2-3)"],
    ],
    [
      "shared keys and values",
      plain(8),
      { num_hidden_layers: 8, num_kv_shared_layers: 3 },
      ["the last 3 of 8 layers reuse the keys and values of earlier ones"],
    ],
    [
      "ALBERT",
      ["attention.query", "attention.key", "attention.value", "attention.dense", "ffn", "ffn_output"].map((name) =>
        tensor(`albert.encoder.albert_layer_groups.0.albert_layers.0.${name}.weight`),
      ),
      { model_type: "albert", num_hidden_layers: 12, num_hidden_groups: 1 },
      ["one block, run 12 times"],
    ],
  ])("%s", (_, tensors, config, words) => {
    expect(sentences(safetensors(tensors, config as Json))).toEqual(words);
  });
});

describe("what isn't there", () => {
  const cut = stackOf(5, (i) => [...(i < 4 ? ATTENTION : []), ...(i === 4 ? ["mlp.gate"] : MOE)]);

  it("is said where layers are missing", () => {
    expect(sentences(safetensors(cut, { num_hidden_layers: 61 }))).toEqual([
      "all 5 layers are MoE, as far as the 5 of 61 layers here show",
    ]);
  });

  it("is no trait of the model where files are missing", () => {
    const half = stackOf(4, (i) => [...(i < 3 ? ATTENTION : []), ...DENSE]);
    expect(patternsOf(safetensors(half), true)).toEqual([]);
    expect(sentences(safetensors(half))).toEqual(["no attention in 1 of 4 layers (3)"]);
  });
});

/** Singled-out layers are layers of their stack, ascending, and the order of the tensors changes nothing. */
function expectSound(checkpoint: Checkpoint): void {
  const found = patternsOf(checkpoint);
  const place = placer(checkpoint, modelFacts(checkpoint));
  const known = new Map<string, Set<number>>();
  for (const one of checkpoint.tensors) {
    const { stack, layer } = place(one).role;
    if (layer !== undefined) known.set(stack, (known.get(stack) ?? new Set()).add(layer));
  }
  for (const { stack, layers = [], words, source } of found) {
    expect(
      layers.every((layer) => known.get(stack)?.has(layer)),
      words,
    ).toBe(true);
    expect([...layers].sort((a, b) => a - b)).toEqual(layers);
    expect(new Set(layers).size).toBe(layers.length);
    expect(words).not.toMatch(/undefined|NaN|\(\)|[.]$/);
    expect(source).not.toBe("");
  }
  expect(patternsOf({ ...checkpoint, tensors: [...checkpoint.tensors].reverse() })).toEqual(found);
}

describe("any stack of layers", () => {
  const MODULES = [
    ...ATTENTION,
    ...DENSE,
    ...MOE,
    ...MAMBA2,
    "self_attn.kv_b_proj",
    "cross_attn.q_proj",
    "conv.in_proj",
  ];
  const layer = fc.subarray(MODULES, { minLength: 1 });
  const config = fc.record(
    {
      sliding_window: fc.nat(5000),
      sliding_window_pattern: fc.oneof(fc.nat(9), fc.array(fc.boolean()), fc.constantFrom("LLG", "", "?")),
      layer_types: fc.array(fc.constantFrom("sliding_attention", "full_attention", "chunked_attention", "mamba")),
      num_hidden_layers: fc.nat(12),
      num_kv_shared_layers: fc.nat(12),
      model_type: fc.constantFrom("gemma2", "llama4", "qwen3_next", "__proto__"),
      max_window_layers: fc.nat(12),
      use_sliding_window: fc.boolean(),
      hidden_size: fc.constantFrom(0, 7, 256),
    },
    { requiredKeys: [] },
  );
  const type = fc.constantFrom("BF16", "F8_E4M3", "F32");

  it("has sound sentences, whatever the order of its tensors", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(layer, type), { maxLength: 10 }),
        config,
        fc.infiniteStream(fc.nat()),
        (layers, json, noise) => {
          const tensors = layers.flatMap(([modules, stored], i) =>
            modules.map((name) => tensor(`model.layers.${i}.${name}.weight`, [256, 256], stored)),
          );
          const checkpoint = safetensors(tensors, json as Json);
          expectSound(checkpoint);
          const shuffled = tensors
            .map((one) => ({ one, at: noise.next().value ?? 0 }))
            .sort((a, b) => a.at - b.at)
            .map(({ one }) => one);
          expect(patternsOf({ ...checkpoint, tensors: shuffled })).toEqual(patternsOf(checkpoint));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("facts that patterns and memory need", () => {
  it("of latent attention: with the keys for cached latents, and from before them", () => {
    const latent = { "attention.kv_lora_rank": 512, "rope.dimension_count": 64 };
    const heads = { kvLoraRank: 512, qkRopeHeadDim: 64, qkNopeHeadDim: 128, vHeadDim: 128 };
    const now = {
      ...latent,
      "attention.key_length": 576,
      "attention.value_length": 512,
      "attention.key_length_mla": 192,
      "attention.value_length_mla": 128,
    };
    // The head is the part without positions and the rotary part, whatever key_length says.
    expect(modelFacts(gguf("deepseek2", [], now))).toMatchObject({ ...heads, headDim: 192, latentCache: true });
    const before = { ...latent, "attention.key_length": 192, "attention.value_length": 128 };
    expect(modelFacts(gguf("deepseek2", [], before))).toMatchObject({ ...heads, latentCache: false });
    const other = modelFacts(gguf("llama", [], { "rope.dimension_count": 128, "attention.key_length": 128 }));
    expect(other.qkRopeHeadDim).toBeUndefined();
    expect(other.latentCache).toBeUndefined();
    expect(other.headDim).toBe(128);
    const config = { kv_lora_rank: 512, qk_nope_head_dim: 128, qk_rope_head_dim: 64, head_dim: 64 };
    expect(modelFacts(safetensors([], config)).headDim).toBe(192);
  });

  it("of towers, encoders and mixers", () => {
    const facts = modelFacts(
      safetensors([], {
        text_config: { hidden_size: 2048, mamba_d_state: 128, mamba_expand: 2, mamba_n_groups: 1, mamba_d_conv: 4 },
        vision_config: { depth: 27 },
        encoder_layers: 6,
      }),
    );
    expect(facts).toMatchObject({ visionLayers: 27, encoderLayers: 6 });
    expect(facts).toMatchObject({ ssmInnerSize: 4096, ssmStateSize: 128, ssmGroups: 1, ssmConvKernel: 4 });
    // A convolution alone makes no state-space mixer.
    expect(modelFacts(safetensors([], { d_conv: 4, d_inner: 512 }))).not.toHaveProperty("ssmInnerSize");
  });
});
