/** What kind of checkpoint it is, and the facts that it states, in the forms that real configs have. */
import type { Checkpoint, JsonObject } from "@checkpoint-inspect/parser";
import { describe, expect, it } from "vitest";

import { describeReal, readReferenceTsv } from "../../../test-support/real-data.ts";
import { analyse, kindTitle, modelFacts } from "../src/index.ts";

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
    readData: async () => [],
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

  it.each([
    ["ViTForImageClassification", "vision"],
    ["CLIPVisionModelWithProjection", "vision"],
    ["CLIPModel", "vision"],
    ["Dinov2Model", "vision"],
    ["DINOv3ViTModel", "vision"],
    ["SamModel", "vision"],
    ["ResNetForImageClassification", "vision"],
    ["SegformerForSemanticSegmentation", "vision"],
    ["CLIPTextModelWithProjection", "encoder"],
    ["ModernBertForMaskedLM", "encoder"],
    ["XLMRobertaForTokenClassification", "encoder"],
    ["WhisperForConditionalGeneration", "speech"],
    ["Wav2Vec2ForCTC", "speech"],
    ["VitsModel", "speech"],
    ["EncodecModel", "speech"],
    ["SpeechT5ForTextToSpeech", "speech"],
    ["M2M100ForConditionalGeneration", "encoder-decoder"],
    ["VisionEncoderDecoderModel", "encoder-decoder"],
    ["MT5ForConditionalGeneration", "encoder-decoder"],
    ["UMT5EncoderModel", "encoder"],
    ["AutoencoderKL", "diffusion"],
    ["ControlNetModel", "diffusion"],
    ["SanaTransformer2DModel", "diffusion"],
    ["StableAudioDiTModel", "diffusion"],
    ["LlamaForCausalLMEagle3", "draft"],
    ["EagleModel", "draft"],
    ["MedusaModel", "draft"],
    ["Eagle2_5_VLForConditionalGeneration", "llm"],
    ["Qwen2_5_VLForConditionalGeneration", "llm"],
    ["MllamaForConditionalGeneration", "llm"],
    ["Qwen2AudioForConditionalGeneration", "llm"],
    ["MiMoForCausalLM", "llm"],
    ["MambaForCausalLM", "llm"],
    ["JambaForCausalLM", "llm"],
    ["NVEmbedModel", "embedding"],
    ["JinaEmbeddingsV4Model", "embedding"],
  ] as const)("by its class %s", (name, expected) => {
    expect(kind(safetensors(["a.weight"], { architectures: [name] }))).toBe(expected);
  });

  it.each([
    ["one label, stated", { num_labels: 1 }, 4, "reranker"],
    ["one label, named", { id2label: { 0: "LABEL_0" } }, 4, "reranker"],
    ["one label, by the shape of its head", {}, 1, "reranker"],
    ["three labels", { id2label: { 0: "a", 1: "b", 2: "c" } }, 1, "encoder"],
    ["no label count", {}, 4, "encoder"],
  ] as const)("a classifier with %s", (_, config, rows, expected) => {
    const made = safetensors([...BERT, "classifier.weight"], {
      architectures: ["BertForSequenceClassification"],
      ...config,
    });
    const tensors = made.tensors.map((one) => (one.name === "classifier.weight" ? { ...one, shape: [rows, 4] } : one));
    expect(kind({ ...made, tensors })).toBe(expected);
  });

  it("files of sentence-transformers make a model one of embeddings, whatever its class", () => {
    const sidecars = ["config.json", "modules.json"];
    for (const name of ["BertModel", "Qwen3ForCausalLM", "T5EncoderModel"]) {
      expect(kind({ ...safetensors(BERT, { architectures: [name] }), sidecars })).toBe("embedding");
    }
    expect(kind({ ...safetensors(BERT, { architectures: ["BertModel"] }), sidecars: ["config.json"] })).toBe("encoder");
    const reranker = safetensors(BERT, { architectures: ["XLMRobertaForSequenceClassification"], num_labels: 1 });
    expect(kind({ ...reranker, sidecars })).toBe("reranker");
  });

  it.each([
    ["a GGUF reranker", gguf(GGUF_LLAMA, { "general.architecture": "bert", "bert.pooling_type": 4 }), "reranker"],
    ["a GGUF draft head", gguf(GGUF_LLAMA, { "general.architecture": "eagle3" }), "draft"],
    ["a GGUF speech model", gguf(GGUF_LLAMA, { "general.architecture": "qwen3tts" }), "speech"],
    ["a GGUF denoiser", gguf(["double_blocks.0.img_attn.qkv.weight"], { "general.architecture": "flux" }), "diffusion"],
    ["another", gguf(["transformer_blocks.0.attn.to_q.weight"], { "general.architecture": "qwen_image" }), "diffusion"],
    ["EAGLE-3 without a config", safetensors(["d2t", "t2d", "fc.weight", "midlayer.self_attn.q_proj.weight"]), "draft"],
    [
      "LDM in a single file",
      safetensors(["model.diffusion_model.input_blocks.0.0.weight", "first_stage_model.encoder.conv_in.weight"]),
      "diffusion",
    ],
    ["ComfyUI's single file", safetensors(["diffusion_model.blocks.0.q.weight", "vae.encoder.x.weight"]), "diffusion"],
    ["a word that LDM uses, alone", safetensors(["vae.encoder.x.weight", "other.weight"]), "unknown"],
    ["bare FLUX", safetensors(["double_blocks.0.img_attn.qkv.weight", "single_blocks.0.linear1.weight"]), "diffusion"],
    [
      "a bare VAE",
      safetensors(["encoder.conv_in.weight", "decoder.conv_in.weight", "post_quant_conv.weight"]),
      "diffusion",
    ],
    ["kohya's LoRA", safetensors(["lora_unet_a_0_to_q.lora_down.weight", "lora_unet_a_0_to_q.alpha"]), "adapter"],
    [
      "an old LoRA of diffusers",
      safetensors([
        "text_encoder.q_proj.lora_linear_layer.down.weight",
        "text_encoder.q_proj.lora_linear_layer.up.weight",
      ]),
      "adapter",
    ],
    ["timm's", safetensors(["blocks.0.attn.qkv.weight"], { architecture: "vit_tiny", pretrained_cfg: {} }), "vision"],
  ] as const)("by other signs: %s", (_, checkpoint, expected) => {
    expect(kind(checkpoint)).toBe(expected);
  });

  it("a folder of components is a diffusion model", () => {
    const component = { name: "unet", className: "UNet2DConditionModel", library: "diffusers" };
    const place = { firstTensor: 0, tensorCount: 1, firstPart: 0, partCount: 1 };
    const checkpoint = safetensors(["unet/conv_in.weight"], { _class_name: "AnyPipeline" });
    expect(kind({ ...checkpoint, components: [{ ...component, ...place }] })).toBe("diffusion");
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

describeReal("kinds by names alone", () => {
  const families = new Map<string, string[]>();
  for (const row of readReferenceTsv("hf-tensor-patterns.tsv")) {
    const names = families.get(row.family as string) ?? [];
    families.set(row.family as string, [...names, row.example_full_name as string]);
  }
  const isDiffusion = (family: string) => /^diffusers:|^flux|^stable diffusion/.test(family);
  // Pieces of models, and files of several kinds in one list.
  const mixed = /t2i_adapter|lora|diffusion lora|quantised|vlm/;
  const kinds = [...families]
    .filter(([family]) => !mixed.test(family))
    .map(([family, names]) => {
      const { config: _, ...bare } = safetensors(names);
      return [family, kind(bare)] as const;
    });

  it("diffusion models are known", () => {
    const wrong = kinds.filter(([family, found]) => isDiffusion(family) && found !== "diffusion");
    expect(wrong).toEqual([]);
    expect(kinds.filter(([family]) => isDiffusion(family)).length).toBeGreaterThan(20);
  });

  it("no other model is taken for one, nor for an adapter or a draft", () => {
    const taken = kinds.filter(([family, found]) => !isDiffusion(family) && /diffusion|adapter|draft/.test(found));
    expect(taken).toEqual([]);
    expect(kinds.length).toBeGreaterThan(200);
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

/** The checkpoint with these shapes in place of 4 x 4. */
function shaped(checkpoint: Checkpoint, shapes: Readonly<Record<string, readonly number[]>>): Checkpoint {
  const tensors = checkpoint.tensors.map((tensor) => {
    const shape = shapes[tensor.name] ?? tensor.shape;
    return { ...tensor, shape, elements: shape.reduce((a, b) => a * b, 1) };
  });
  return { ...checkpoint, tensors };
}

describe("sizes", () => {
  const model = (checkpoint: Checkpoint) => analyse(checkpoint).model;
  const expert = (leaf: string) => `model.layers.0.mlp.experts.0.${leaf}_proj.weight`;

  it("of the table and the feed-forward network come from the tensors where nobody states them", () => {
    const made = shaped(safetensors(LLAMA, { hidden_size: 4 }), {
      "model.embed_tokens.weight": [100, 4],
      "model.layers.0.mlp.up_proj.weight": [16, 4],
    });
    expect(model(made)).toMatchObject({ vocabularySize: 100, feedForwardSize: 16, expertFeedForwardSize: null });
    // Qwen's first models state twice the width.
    expect(
      model(shaped({ ...made, config: { file: "config.json", json: { hidden_size: 4, intermediate_size: 32 } } }, {})),
    ).toMatchObject({
      feedForwardSize: 16,
    });
    // Without the model's width nothing follows from a shape.
    expect(model(shaped(safetensors(LLAMA), {})).feedForwardSize).toBeNull();
  });

  it("that no tensor has aren't shown", () => {
    const mamba = ["model.embed_tokens.weight", "model.layers.0.mixer.x_proj.weight", "model.layers.0.mixer.A_log"];
    const config = { hidden_size: 4, intermediate_size: 8, num_attention_heads: 2, head_dim: 2 };
    expect(model(safetensors(mamba, config))).toMatchObject({
      attentionHeads: null,
      headDim: null,
      feedForwardSize: null,
    });
    const half = { ...safetensors(mamba, config), shards: { declaredParts: 2, missing: ["b.safetensors"] } };
    expect(model(half)).toMatchObject({ attentionHeads: 2, feedForwardSize: 8 });
  });

  it("of experts are their own: stated, or shown by the tensors", () => {
    const all = ["model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight", expert("up"), expert("down")];
    const widths = (json: JsonObject, names = all) => {
      const { feedForwardSize, expertFeedForwardSize } = model(
        shaped(safetensors(names, { hidden_size: 4, ...json }), { [expert("up")]: [8, 4] }),
      );
      return [feedForwardSize, expertFeedForwardSize];
    };
    expect(widths({ intermediate_size: 64, moe_intermediate_size: 8 })).toEqual([null, 8]);
    // Mixtral has one width, and it is the experts'.
    expect(widths({ intermediate_size: 8 })).toEqual([null, 8]);
    expect(widths({ intermediate_size: 8, intermediate_size_mlp: 16 })).toEqual([null, 8]);
    const dense = [...all, "model.layers.1.mlp.up_proj.weight"];
    expect(widths({ intermediate_size: 8, intermediate_size_mlp: 16, moe_intermediate_size: 8 }, dense)).toEqual([
      4, 8,
    ]);
    const towers = [...all, "vision_tower.encoder.layers.0.mlp.fc1.weight"];
    expect(widths({ intermediate_size: 64, moe_intermediate_size: 8 }, towers)).toEqual([null, 8]);
  });
});

describe("titles", () => {
  const title = (names: readonly string[], json: JsonObject = {}) => kindTitle(analyse(safetensors(names, json)));
  const tower = "vision_tower.encoder.layers.0.self_attn.q_proj.weight";

  it.each([
    [LLAMA, "language model, dense"],
    [[...LLAMA, tower], "language model with vision, dense"],
    [BERT, "encoder"],
    [["model.embed_tokens.weight", "model.layers.0.mixer.x_proj.weight"], "language model, dense, recurrent"],
  ])("%#: %s", (names, words) => {
    expect(title(names)).toBe(words);
  });

  it("of an adapter is its method", () => {
    const at = "base_model.model.model.layers.0.self_attn.q_proj";
    expect(title([`${at}.lora_A.weight`, `${at}.lora_B.weight`, `${at}.lora_magnitude_vector`])).toBe("DoRA adapter");
  });
});

describe("details", () => {
  const details = (checkpoint: Checkpoint) =>
    Object.fromEntries(analyse(checkpoint).model.details.map(({ key, value }) => [key, value]));

  it.each([
    [
      "an image classifier",
      safetensors(["vit.encoder.layer.0.attention.attention.query.weight"], {
        architectures: ["ViTForImageClassification"],
        image_size: 224,
        patch_size: [16, 16],
        num_channels: 3,
        id2label: { 0: "cat", 1: "dog", 2: "owl" },
      }),
      { imageSize: 224, patchSize: 16, imageChannels: 3, classes: 3 },
    ],
    [
      "a backbone, whose config has two labels all the same",
      safetensors(["vit.encoder.layer.0.attention.attention.query.weight"], {
        architectures: ["ViTModel"],
        image_size: [224, 336],
        id2label: { 0: "LABEL_0", 1: "LABEL_1" },
      }),
      { imageSize: "224 x 336" },
    ],
    [
      "a projector",
      gguf(["v.blk.0.attn_q.weight", "mm.0.weight"], {
        "general.architecture": "clip",
        "clip.vision.image_size": 896,
        "clip.vision.patch_size": 14,
        "clip.vision.embedding_length": 1152,
        "clip.vision.projection_dim": 2560,
        "clip.projector_type": "gemma3",
      }),
      { imageSize: 896, patchSize: 14, towerWidth: 1152, projectorType: "gemma3", projectionWidth: 2560 },
    ],
    [
      "a GGUF embedding model",
      gguf(GGUF_LLAMA, { "general.architecture": "bert", "bert.pooling_type": 2, "bert.embedding_length": 384 }),
      { pooling: "vector of the first token (CLS)", vectorWidth: 384 },
    ],
    [
      "a reranker",
      safetensors(BERT, { architectures: ["BertForSequenceClassification"], num_labels: 1 }),
      { output: "one number" },
    ],
    [
      "a speech model",
      safetensors(["model.encoder.layers.0.fc1.weight", "model.decoder.layers.0.fc1.weight"], {
        architectures: ["WhisperForConditionalGeneration"],
        num_mel_bins: 80,
        max_source_positions: 1500,
      }),
      { melBins: 80, audioPositions: 1500, encoderParameters: 16, decoderParameters: 16 },
    ],
    [
      "Mamba",
      safetensors(["model.embed_tokens.weight", "model.layers.0.mixer.x_proj.weight"], {
        hidden_size: 4,
        state_size: 16,
        expand: 2,
        conv_kernel: 4,
      }),
      { stateSize: 16, mixerWidth: 8, convolutionWidth: 4 },
    ],
    [
      "RWKV",
      gguf(["token_embd.weight", "blk.0.time_mix_w1.weight"], {
        "general.architecture": "rwkv6",
        "rwkv6.wkv.head_size": 64,
        "rwkv6.ssm.state_size": 0,
      }),
      { mixerHeadSize: 64 },
    ],
    [
      "an importance matrix",
      gguf(["blk.0.attn_q.weight.in_sum2", "blk.0.attn_q.weight.counts"], {
        "general.type": "imatrix",
        "imatrix.datasets": "wiki.txt",
        "imatrix.chunk_count": 100,
        "imatrix.chunk_size": 512,
      }),
      { datasets: "wiki.txt", chunks: 100, chunkTokens: 512 },
    ],
    [
      "a vocabulary",
      gguf([], { "tokenizer.ggml.tokens": "x", "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "qwen2" }),
      { tokenizer: "gpt2", pretokenizer: "qwen2" },
    ],
    ["a language model", safetensors(LLAMA, { image_size: 224, num_labels: 2 }), {}],
  ] as const)("of %s", (_, checkpoint, expected) => {
    expect(details(checkpoint)).toEqual(expected);
  });

  it("of a control vector: what it is for, its layers and its width", () => {
    const made = gguf(["direction.1", "direction.2"], {
      "general.architecture": "controlvector",
      "controlvector.model_hint": "llama",
    });
    const vectors = shaped(made, { "direction.1": [64], "direction.2": [64] });
    expect(details(vectors)).toEqual({ modelHint: "llama", layersCovered: "1-2", width: 64 });
  });

  it("of a pipeline: its class", () => {
    const checkpoint = safetensors(["unet/conv_in.weight"], { _class_name: "AnyPipeline" });
    const component = { name: "unet", className: "UNet2DConditionModel", library: "diffusers" };
    const place = { firstTensor: 0, tensorCount: 1, firstPart: 0, partCount: 1 };
    expect(details({ ...checkpoint, components: [{ ...component, ...place }] })).toEqual({ pipeline: "AnyPipeline" });
  });

  it("take over no number that is none, and no text without end", () => {
    const odd = { architectures: ["ViTModel"], image_size: -1, patch_size: "x".repeat(1000), num_channels: [1, 2, 3] };
    expect(details(safetensors(["vit.encoder.layer.0.attention.attention.query.weight"], odd))).toEqual({});
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
