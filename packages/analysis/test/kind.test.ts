/** What kind of checkpoint it is, and the facts that it states, in the forms that real configs have. */
import type { Checkpoint, JsonObject } from "@checkpoint-inspect/parser";
import { describe, expect, it } from "vitest";

import { analyse, modelFacts } from "../src/index.ts";

function safetensors(names: readonly string[], json: JsonObject = {}): Checkpoint {
  return {
    format: "safetensors",
    label: "made",
    container: "safetensors",
    parts: [{ name: "model.safetensors", sizeBytes: 0, headerBytes: 0, tensorCount: names.length }],
    tensors: names.map((name) => ({
      name,
      shape: [4, 4],
      type: "F32",
      elements: 16,
      sizeBytes: 64,
      part: 0,
      offset: 0,
    })),
    metadata: [],
    config: { file: "config.json", json },
    findings: [],
    close: async () => {},
  };
}

function gguf(names: readonly string[], metadata: Record<string, string | number>): Checkpoint {
  const { config: _, ...rest } = safetensors(names);
  return {
    ...rest,
    format: "gguf",
    container: "GGUF v3",
    metadata: Object.entries(metadata).map(([key, value]) => ({
      key,
      type: typeof value === "string" ? "string" : "u32",
      value,
      part: 0,
    })),
  };
}

const LLAMA = [
  "model.embed_tokens.weight",
  "model.layers.0.self_attn.q_proj.weight",
  "model.layers.0.mlp.up_proj.weight",
];
const GGUF_LLAMA = ["token_embd.weight", "blk.0.attn_q.weight", "blk.0.ffn_up.weight"];
const BERT = [
  "embeddings.word_embeddings.weight",
  "embeddings.token_type_embeddings.weight",
  "encoder.layer.0.attention.self.query.weight",
];
const kind = (checkpoint: Checkpoint) => analyse(checkpoint).model.kind;

describe("kinds", () => {
  it.each([
    ["a causal model", safetensors(LLAMA, { architectures: ["LlamaForCausalLM"] }), "llm"],
    ["one without a config", safetensors(LLAMA), "llm"],
    ["BERT without a config", safetensors(BERT), "encoder"],
    ["BERT with one", safetensors(BERT, { architectures: ["BertForMaskedLM"], model_type: "bert" }), "encoder"],
    [
      "T5",
      safetensors(["shared.weight", "encoder.block.0.layer.0.SelfAttention.q.weight"], {
        architectures: ["T5ForConditionalGeneration"],
        model_type: "t5",
      }),
      "encoder-decoder",
    ],
    [
      "T5's encoder alone",
      safetensors(["shared.weight", "encoder.block.0.layer.0.SelfAttention.q.weight"], {
        architectures: ["T5EncoderModel"],
        model_type: "t5",
      }),
      "encoder",
    ],
    [
      "FLUX",
      safetensors(["single_transformer_blocks.0.attn.to_q.weight"], { _class_name: "FluxTransformer2DModel" }),
      "diffusion",
    ],
    [
      "a UNet",
      safetensors(["down_blocks.0.resnets.0.conv1.weight"], { _class_name: "UNet2DConditionModel" }),
      "diffusion",
    ],
    [
      "SigLIP's tower",
      safetensors(["vision_model.encoder.layers.0.self_attn.q_proj.weight"], {
        architectures: ["SiglipVisionModel"],
        model_type: "siglip_vision_model",
      }),
      "vision",
    ],
    ["a single convolution", safetensors(["conv1.weight", "conv1.bias"]), "unknown"],
    ["a LoRA", safetensors(["base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"]), "adapter"],
    [
      "a GGUF language model",
      gguf(GGUF_LLAMA, { "general.architecture": "llama", "llama.pooling_type": 4_294_967_295 }),
      "llm",
    ],
    [
      "a GGUF embedding model",
      gguf(GGUF_LLAMA, { "general.architecture": "qwen3", "qwen3.pooling_type": 3 }),
      "embedding",
    ],
    ["a projector file", gguf(["v.blk.0.attn_q.weight"], { "general.architecture": "clip" }), "projector"],
  ] as const)("%s", (_, checkpoint, expected) => {
    expect(kind(checkpoint)).toBe(expected);
  });

  it("a cut-off header is not a vocabulary", () => {
    const metadata = gguf([], { "general.architecture": "llama", "tokenizer.ggml.tokens": "x" });
    expect(kind(metadata)).toBe("vocab");
    expect(kind({ ...metadata, shards: { declaredParts: 2, missing: ["m-00002-of-00002.gguf"] } })).toBe("unknown");
  });

  it("mixers are told apart", () => {
    const mixer = (names: string[]) => analyse(safetensors(names)).model.mixer;
    expect(mixer(["model.layers.0.self_attn.q_proj.weight"])).toBe("attention");
    expect(mixer(["backbone.layers.0.mixer.A_log", "backbone.layers.0.mixer.x_proj.weight"])).toBe("recurrent");
    expect(
      mixer([
        "model.layers.0.self_attn.q_proj.weight",
        "model.layers.1.mamba.x_proj.weight",
        "model.layers.1.mamba.A_log",
      ]),
    ).toBe("hybrid");
  });
});

describe("facts", () => {
  it("that are one number a layer stay a list only where layers may differ", () => {
    const facts = modelFacts(
      safetensors(LLAMA, {
        num_hidden_layers: 3,
        moe_topk: [2, 2, 2],
        moe_num_experts: [64, 32],
        num_key_value_heads: [8, 4, 8],
        max_position_embeddings: [4096],
      }),
    );
    expect(facts.expertsPerToken).toBe(2);
    expect(facts.experts).toBeUndefined();
    expect(facts.contextLength).toBe(4096);
    expect(facts.kvHeads).toEqual([8, 4, 8]);
  });

  it("that can't be told leave no number that isn't one", () => {
    const experts = [0, 1].map((i) => `model.layers.0.mlp.experts.${i}.up_proj.weight`);
    const { parameters, experts: seen } = analyse(safetensors(experts, { num_experts: [2, 4], moe_topk: [1, 2] }));
    expect(seen).toMatchObject({ perLayer: 2, usedPerToken: null });
    expect(parameters.active).toBeNull();
    expect(parameters.activeMissing).toBeTruthy();
  });

  it("of a multimodal config come from its text part", () => {
    const facts = modelFacts(
      safetensors(LLAMA, {
        hidden_size: 1,
        text_config: { hidden_size: 64, num_hidden_layers: 2 },
        num_hidden_layers: 9,
      }),
    );
    expect(facts).toMatchObject({ hiddenSize: 64, layers: 2 });
  });
});

describe("a type that nobody knows", () => {
  it("has no bits per weight", () => {
    const checkpoint = gguf(GGUF_LLAMA, { "general.architecture": "llama" });
    const tensors = checkpoint.tensors.map((tensor, i) => (i === 0 ? { ...tensor, type: "type 77" } : tensor));
    const { quantization } = analyse({ ...checkpoint, tensors });
    expect(quantization.bitsPerWeight).toBeNull();
    expect(quantization.savingAgainst16Bit).toBeNull();
    expect(quantization.types.find(({ type }) => type === "type 77")?.bitsPerWeight).toBeNull();
  });
});
