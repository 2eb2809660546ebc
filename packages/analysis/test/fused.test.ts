/**
 * What splitting fused tensors promises: the parts of released models, by their own headers and configs; nothing split
 * that the facts don't add up to; and shares that always sum to the tensor.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeReal, readRealJson, realData } from "../../../test-support/real-data.ts";
import { type FusedFacts, type FusedShare, splitFused } from "../src/roles/fused.ts";
import { hfClassifier } from "../src/roles/hf-classifier.ts";
import type { Role } from "../src/roles/role.ts";

function role(bucket: Role["bucket"], part: string, more: Partial<Role> = {}): Role {
  return { bucket, part, stack: "text", layer: 0, bias: false, ...more };
}

/** `bucket/part` -> elements. */
function inShort(shares: readonly FusedShare[] | undefined): Record<string, number> | undefined {
  return shares && Object.fromEntries(shares.map(({ bucket, part, parameters }) => [`${bucket}/${part}`, parameters]));
}

const QKV = role("attention", "qkv");
const GATE_UP = role("ffn", "gate_up");

// --- released models --------------------------------------------------------------------------------------------------

interface Config {
  readonly model_type: string;
  readonly hidden_size?: number;
  readonly n_embd?: number;
  readonly num_attention_heads?: number;
  readonly n_head?: number;
  readonly num_key_value_heads?: number;
  readonly head_dim?: number;
  readonly intermediate_size?: number;
  readonly text_config?: Omit<Config, "text_config">;
}

function factsOf(config: Config): FusedFacts {
  const text = config.text_config ?? config;
  const facts = {
    architecture: config.model_type,
    hiddenSize: text.hidden_size ?? text.n_embd,
    attentionHeads: text.num_attention_heads ?? text.n_head,
    kvHeads: text.num_key_value_heads,
    headDim: text.head_dim,
    feedForwardSize: text.intermediate_size,
  };
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as FusedFacts;
}

/** Every tensor of a model that splits: its role, its shape, its shares. */
function splitsOf(model: string) {
  const bytes = gunzipSync(readFileSync(realData("hf-heads", model, "model.safetensors.head.gz")));
  const { __metadata__: _, ...header } = JSON.parse(
    bytes.toString("utf8", 8, 8 + Number(bytes.readBigUInt64LE(0))),
  ) as Record<string, { dtype: string; shape: number[] }>;
  const config = readRealJson<Config>("hf-heads", model, "config.json");
  const classify = hfClassifier({ architecture: config.model_type, has: (name) => name in header });
  return Object.entries(header).flatMap(([name, { dtype, shape }]) => {
    const shares = splitFused(classify({ name, shape, type: dtype }), shape, factsOf(config));
    return shares ? [{ name, shape, shares }] : [];
  });
}

describeReal("fused tensors of released models", () => {
  it.each<[model: string, count: number, name: string, shares: Record<string, number>]>([
    [
      "gpt2",
      24,
      "transformer.h.3.attn.c_attn.weight",
      { "attention/q": 589_824, "attention/k": 589_824, "attention/v": 589_824 },
    ],
    ["gpt2", 24, "transformer.h.3.attn.c_attn.bias", { "attention/q": 768, "attention/k": 768, "attention/v": 768 }],
    [
      "BLOOM-560m",
      48,
      "transformer.h.0.self_attention.query_key_value.weight",
      { "attention/q": 1_048_576, "attention/k": 1_048_576, "attention/v": 1_048_576 },
    ],
    [
      "Phi-4-mini",
      64,
      "model.layers.31.self_attn.qkv_proj.weight",
      { "attention/q": 9_437_184, "attention/k": 3_145_728, "attention/v": 3_145_728 },
    ],
    ["Phi-4-mini", 64, "model.layers.0.mlp.gate_up_proj.weight", { "ffn/gate": 25_165_824, "ffn/up": 25_165_824 }],
    [
      "gpt-oss-20b",
      48,
      "model.layers.3.mlp.experts.gate_up_proj",
      { "expert/routed.gate": 265_420_800, "expert/routed.up": 265_420_800 },
    ],
    [
      "gpt-oss-20b",
      48,
      "model.layers.3.mlp.experts.gate_up_proj_bias",
      { "expert/routed.gate": 92_160, "expert/routed.up": 92_160 },
    ],
    [
      "Qwen3-Next-80B-A3B",
      12,
      "model.layers.3.self_attn.q_proj.weight",
      { "attention/q": 8_388_608, "attention/out_gate": 8_388_608 },
    ],
    [
      "Granite-3.1-1B-A400M",
      24,
      "model.layers.0.block_sparse_moe.input_linear.weight",
      { "expert/routed.gate": 16_777_216, "expert/routed.up": 16_777_216 },
    ],
    [
      "Llama-4-Scout",
      48,
      "language_model.model.layers.0.feed_forward.experts.gate_up_proj",
      { "expert/routed.gate": 671_088_640, "expert/routed.up": 671_088_640 },
    ],
  ])("%s splits %i tensors, among them %s", (model, count, name, shares) => {
    const splits = splitsOf(model);
    expect(splits.length).toBe(count);
    expect(inShort(splits.find((split) => split.name === name)?.shares)).toEqual(shares);
  });

  it.each(["Llama-3.1-8B", "Qwen3-30B-A3B", "DeepSeek-V3", "Mixtral-8x7B", "Mamba-2.8B", "T5-small", "BERT-base"])(
    "%s stores its matrices apart, and none splits",
    (model) => {
      expect(splitsOf(model)).toEqual([]);
    },
  );
});

// --- other layouts ------------------------------------------------------------------------------------------------------

describe("a fused tensor", () => {
  it.each<[what: string, Role, shape: number[], FusedFacts, Record<string, number>]>([
    [
      "Falcon-7B, whose one kv head its config doesn't name",
      QKV,
      [4672, 4544],
      { architecture: "falcon", hiddenSize: 4544, attentionHeads: 71 },
      { "attention/q": 4544 * 4544, "attention/k": 64 * 4544, "attention/v": 64 * 4544 },
    ],
    [
      "Falcon-7B, whose config repeats the heads",
      QKV,
      [4672, 4544],
      { architecture: "falcon", hiddenSize: 4544, attentionHeads: 71, kvHeads: 71 },
      { "attention/q": 4544 * 4544, "attention/k": 64 * 4544, "attention/v": 64 * 4544 },
    ],
    [
      "InternLM2-7B, by group",
      QKV,
      [6144, 4096],
      { architecture: "internlm2", hiddenSize: 4096, attentionHeads: 32, kvHeads: 8 },
      { "attention/q": 4096 * 4096, "attention/k": 1024 * 4096, "attention/v": 1024 * 4096 },
    ],
    [
      "a model whose heads differ from layer to layer",
      role("attention", "qkv", { layer: 1 }),
      [(8 + 2 * 4) * 64, 512],
      { hiddenSize: 512, attentionHeads: [8, 8], kvHeads: [2, 4], headDim: 64 },
      { "attention/q": 512 * 512, "attention/k": 256 * 512, "attention/v": 256 * 512 },
    ],
    [
      "a model whose feed-forward width differs from layer to layer",
      role("ffn", "gate_up", { layer: 1 }),
      [600, 128],
      { hiddenSize: 128, feedForwardSize: [200, 300] },
      { "ffn/gate": 300 * 128, "ffn/up": 300 * 128 },
    ],
    [
      "heads that are wider together than the model",
      QKV,
      [(16 + 2 * 8) * 128, 1024],
      { hiddenSize: 1024, attentionHeads: 16, kvHeads: 8, headDim: 128 },
      { "attention/q": 2048 * 1024, "attention/k": 1024 * 1024, "attention/v": 1024 * 1024 },
    ],
    [
      "keys and values together",
      role("attention", "kv"),
      [2 * 8 * 64, 1024],
      { hiddenSize: 1024, attentionHeads: 16, kvHeads: 8, headDim: 64 },
      { "attention/k": 512 * 1024, "attention/v": 512 * 1024 },
    ],
    [
      "Qwen3.5 in a GGUF file",
      role("attention", "q", { layer: 3 }),
      [8192, 2048],
      { architecture: "qwen35moe", hiddenSize: 2048, attentionHeads: 16, kvHeads: 2, headDim: 256 },
      { "attention/q": 4096 * 2048, "attention/out_gate": 4096 * 2048 },
    ],
    [
      "a shared expert",
      role("expert", "shared.gate_up"),
      [1024, 256],
      { hiddenSize: 256, feedForwardSize: 512 },
      { "expert/shared.gate": 512 * 256, "expert/shared.up": 512 * 256 },
    ],
    [
      "FLUX.1's single block",
      role("attention", "fused_qkv_mlp", { stack: "single_blocks" }),
      [21_504, 3072],
      {},
      {
        "attention/q": 3072 * 3072,
        "attention/k": 3072 * 3072,
        "attention/v": 3072 * 3072,
        "ffn/up": 4 * 3072 * 3072,
      },
    ],
    [
      "its bias",
      role("attention", "fused_qkv_mlp", { stack: "single_blocks", bias: true }),
      [21_504],
      {},
      { "attention/q": 3072, "attention/k": 3072, "attention/v": 3072, "ffn/up": 12_288 },
    ],
    [
      "its way back",
      role("ffn", "fused_o_down", { stack: "single_blocks" }),
      [3072, 15_360],
      {},
      { "attention/o": 3072 * 3072, "ffn/down": 4 * 3072 * 3072 },
    ],
    [
      "FLUX.2's single block",
      role("attention", "fused_qkv_mlp", { stack: "single_transformer_blocks" }),
      [55_296, 6144],
      {},
      {
        "attention/q": 6144 * 6144,
        "attention/k": 6144 * 6144,
        "attention/v": 6144 * 6144,
        "ffn/gate": 3 * 6144 * 6144,
        "ffn/up": 3 * 6144 * 6144,
      },
    ],
    [
      "its way back",
      role("attention", "o", { stack: "single_transformer_blocks" }),
      [6144, 24_576],
      {},
      { "attention/o": 6144 * 6144, "ffn/down": 3 * 6144 * 6144 },
    ],
  ])("of %s", (_, of, shape, facts, shares) => {
    expect(inShort(splitFused(of, shape, facts))).toEqual(shares);
  });

  const facts = { hiddenSize: 1024, attentionHeads: 16, kvHeads: 8, headDim: 64, feedForwardSize: 4096 };
  it.each<[why: string, Role, shape: number[], FusedFacts]>([
    ["the facts are silent", QKV, [2048, 1024], {}],
    ["the number of heads is unknown", QKV, [2048, 1024], { hiddenSize: 1024, kvHeads: 8, headDim: 64 }],
    ["the rows don't add up", QKV, [2049, 1024], facts],
    ["the rows are those of one kv head, where config says eight", QKV, [18 * 64, 1024], facts],
    ["the other side isn't the model's width", QKV, [2048, 1000], facts],
    [
      "the layer has no place in the list",
      role("attention", "qkv", { layer: 2 }),
      [2048, 1024],
      {
        ...facts,
        kvHeads: [8, 8],
      },
    ],
    [
      "the tensor has no layer",
      { bucket: "attention", part: "qkv", stack: "text", bias: false },
      [2048, 1024],
      {
        ...facts,
        kvHeads: [8, 8],
      },
    ],
    ["it is the tower's", role("attention", "qkv", { stack: "vision.global" }), [2048, 1024], facts],
    ["it is a Q-Former's", role("attention", "qkv", { stack: "projector" }), [2048, 1024], facts],
    ["it isn't fused", role("ffn", "up"), [8192, 1024], facts],
    ["it is plain after all: ffn_up of a model that has no gate", GATE_UP, [4096, 1024], facts],
    ["the experts are narrower than config's width", role("expert", "routed.gate_up"), [8, 1536, 1024], facts],
    ["the query of any other model", role("attention", "q"), [2048, 1024], { ...facts, architecture: "llama" }],
    ["a scalar", QKV, [], facts],
    ["a stack where there is none", QKV, [4, 2048, 1024], facts],
    ["FLUX' bias on the way back is both halves'", role("ffn", "fused_o_down", { bias: true }), [3072], {}],
    ["heads without a whole width", QKV, [100, 10], { hiddenSize: 10, attentionHeads: 3, kvHeads: 3 }],
  ])("stays whole: %s", (_, of, shape, given) => {
    expect(splitFused(of, shape, given)).toBeUndefined();
  });
});

// --- any tensor -----------------------------------------------------------------------------------------------------------

describe("any split", () => {
  const PARTS: readonly (readonly [Role["bucket"], string])[] = [
    ["attention", "qkv"],
    ["attention", "visual_expert.qkv"],
    ["attention", "kv"],
    ["attention", "q"],
    ["attention", "o"],
    ["ffn", "gate_up"],
    ["expert", "routed.gate_up"],
    ["expert", "shared.gate_up"],
    ["attention", "fused_qkv_mlp"],
    ["ffn", "fused_o_down"],
  ];
  const size = fc.integer({ min: 1, max: 64 });
  const model = fc.record({
    architecture: fc.constantFrom("gpt2", "falcon", "qwen3_next", "phi3"),
    hiddenSize: size,
    attentionHeads: size,
    kvHeads: size,
    headDim: size,
    feedForwardSize: size,
  });
  const total = (shares: readonly FusedShare[]) => shares.reduce((sum, { parameters }) => sum + parameters, 0);
  const product = (shape: readonly number[]) => shape.reduce((all, side) => all * side, 1);

  it("sums to the tensor exactly, wherever the fused side stands", () => {
    fc.assert(
      fc.property(
        model,
        fc.constantFrom(...PARTS),
        size,
        fc.integer({ min: 0, max: 3 }),
        (facts, part, experts, form) => {
          const { attentionHeads: heads, kvHeads, headDim, hiddenSize, feedForwardSize } = facts;
          const width: Record<string, number> = {
            qkv: (heads + 2 * kvHeads) * headDim,
            "visual_expert.qkv": (heads + 2 * kvHeads) * headDim,
            kv: 2 * kvHeads * headDim,
            q: 2 * heads * headDim,
            o: 4 * hiddenSize,
            fused_qkv_mlp: 7 * hiddenSize,
            fused_o_down: 5 * hiddenSize,
          };
          const [bucket, name] = part;
          const fused = width[name] ?? 2 * feedForwardSize;
          const stack = bucket === "expert" ? [experts] : [];
          const bias = form === 2;
          const shape = bias
            ? [...stack, fused]
            : [...stack, ...(form === 0 ? [fused, hiddenSize] : [hiddenSize, fused])];
          const place = name === "o" ? "single_transformer_blocks" : "text";
          const shares = splitFused(role(bucket, name, { bias, stack: place }), shape, facts);
          // A plain query of any model but Qwen3-Next isn't fused.
          if (name === "q" && facts.architecture !== "qwen3_next") expect(shares).toBeUndefined();
          else expect(total(shares ?? [])).toBe(product(shape));
          for (const { parameters } of shares ?? []) expect(parameters).toBeGreaterThan(0);
        },
      ),
    );
  });

  it("is refused or exact, whatever the shape and the facts", () => {
    const fact = fc.oneof(fc.integer({ min: 0, max: 12 }), fc.double(), fc.constant(Number.MAX_SAFE_INTEGER));
    const perLayer = fc.oneof(fact, fc.array(fact, { maxLength: 3 }));
    const anyFacts = fc.record(
      {
        architecture: fc.constantFrom("gpt2", "qwen3_next", "falcon"),
        hiddenSize: fact,
        attentionHeads: perLayer,
        kvHeads: perLayer,
        headDim: fact,
        feedForwardSize: perLayer,
      },
      { requiredKeys: [] },
    );
    const shapes = fc.array(fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constant(2 ** 40)), { maxLength: 4 });
    fc.assert(
      fc.property(fc.constantFrom(...PARTS), shapes, anyFacts, fc.boolean(), ([bucket, part], shape, facts, bias) => {
        const shares = splitFused(role(bucket, part, { bias }), shape, facts);
        if (shares) expect(total(shares)).toBe(product(shape));
      }),
      { numRuns: 2000 },
    );
  });
});
