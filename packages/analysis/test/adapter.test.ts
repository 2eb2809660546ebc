/** What an adapter changes, from the names and shapes that real trainers write. */
import {
  type Checkpoint,
  decodeNumbers,
  memoryFileSet,
  openCheckpoint,
  openFileSet,
  type TensorToWrite,
  writeGguf,
  writeSafetensors,
} from "@checkpoint-inspect/parser";
import { describe, expect, it } from "vitest";

import { describeReal, realData } from "../../../test-support/real-data.ts";
import { type AdapterFacts, adapterFacts, adapterValuesNeeded } from "../src/adapter.ts";
import { layerKey, moduleName } from "../src/adapter-names.ts";

type Shapes = Readonly<Record<string, readonly number[]>>;

const floats = (...values: number[]): Uint8Array => new Uint8Array(new Float32Array(values).buffer);

function tensors(shapes: Shapes, values: Readonly<Record<string, number>> = {}): TensorToWrite[] {
  return Object.entries(shapes).map(([name, shape]) => {
    const elements = shape.reduce((a, b) => a * b, 1);
    const value = values[name];
    return { name, dtype: "F32", shape, data: value === undefined ? new Uint8Array(elements * 4) : floats(value) };
  });
}

interface Made {
  readonly config?: unknown;
  readonly metadata?: Record<string, string>;
  readonly values?: Readonly<Record<string, number>>;
}

function open(shapes: Shapes, { config, metadata, values }: Made = {}): Promise<Checkpoint> {
  const json = config === undefined ? {} : { "adapter_config.json": new TextEncoder().encode(JSON.stringify(config)) };
  const file = writeSafetensors(tensors(shapes, values), metadata ? { metadata } : {});
  return openFileSet(memoryFileSet("adapter", { "adapter_model.safetensors": file, ...json }));
}

/** As a program does it: asks what is needed, reads it, and hands it over. */
async function factsOf(checkpoint: Checkpoint): Promise<AdapterFacts | undefined> {
  const needed = adapterValuesNeeded(checkpoint);
  const data = await checkpoint.readData(needed);
  const values = new Map(needed.map((one, i) => [one.name, decodeNumbers(one.type, data[i] as Uint8Array) ?? []]));
  return adapterFacts(checkpoint, values);
}

const facts = async (shapes: Shapes, made?: Made) => factsOf(await open(shapes, made));

/** PEFT's names for some layers of a Llama: rank 8, width 64, 32 for the keys. */
function peft(layers = 2, rank = 8, ending = ".weight"): Shapes {
  const rows: [string, number[]][] = [];
  for (let i = 0; i < layers; i++) {
    const at = `base_model.model.model.layers.${i}.self_attn`;
    rows.push([`${at}.q_proj.lora_A${ending}`, [rank, 64]], [`${at}.q_proj.lora_B${ending}`, [64, rank]]);
    rows.push([`${at}.v_proj.lora_A${ending}`, [rank, 64]], [`${at}.v_proj.lora_B${ending}`, [32, rank]]);
  }
  return Object.fromEntries(rows);
}

const PEFT_CONFIG = {
  peft_type: "LORA",
  r: 8,
  lora_alpha: 16,
  target_modules: ["q_proj", "v_proj"],
  base_model_name_or_path: "org/base-7b",
  auto_mapping: null,
};

describe("PEFT", () => {
  it("LoRA with its config", async () => {
    expect(await facts(peft(), { config: PEFT_CONFIG })).toEqual({
      method: "LoRA",
      rank: 8,
      alpha: 16,
      scaling: 2,
      rankStabilized: false,
      targets: [
        { module: "q_proj", count: 2, parameters: 2 * (8 * 64 + 64 * 8) },
        { module: "v_proj", count: 2, parameters: 2 * (8 * 64 + 32 * 8) },
      ],
      modulesToSave: [],
      layers: 2,
      base: "org/base-7b",
      baseArchitecture: null,
      sources: {
        rank: "tensor shapes",
        alpha: "adapter_config.json lora_alpha",
        base: "adapter_config.json base_model_name_or_path",
        baseArchitecture: null,
      },
      findings: [],
    } satisfies AdapterFacts);
  });

  it("LoRA without a config says what shapes say, and no more", async () => {
    const found = await facts(peft(3, 4, ".default.weight"));
    expect(found).toMatchObject({ rank: 4, alpha: null, scaling: null, layers: 3, base: null });
    expect(found?.sources).toEqual({ rank: "tensor shapes", alpha: null, base: null, baseArchitecture: null });
  });

  it("rsLoRA divides by the square root of the rank", async () => {
    const found = await facts(peft(1, 16), { config: { ...PEFT_CONFIG, r: 16, use_rslora: true } });
    expect(found).toMatchObject({ alpha: 16, scaling: 4, rankStabilized: true });
  });

  it("DoRA, and the modules that are saved whole", async () => {
    const at = "base_model.model.model.layers.0.self_attn.q_proj";
    const found = await facts(
      {
        ...peft(1),
        [`${at}.lora_magnitude_vector`]: [64],
        "base_model.model.lm_head.modules_to_save.default.weight": [100, 64],
        "base_model.model.model.embed_tokens.weight": [100, 64],
      },
      { config: { ...PEFT_CONFIG, use_dora: true, modules_to_save: ["lm_head", "embed_tokens"] } },
    );
    expect(found).toMatchObject({ method: "DoRA", findings: [] });
    expect(found?.modulesToSave).toEqual([
      { module: "embed_tokens", count: 1, parameters: 6400 },
      { module: "lm_head", count: 1, parameters: 6400 },
    ]);
  });

  it("ranks that differ are all named, ascending", async () => {
    const shapes = { ...peft(1), "base_model.model.model.layers.1.mlp.up_proj.lora_A.weight": [2, 64] };
    const config = { ...PEFT_CONFIG, target_modules: "all-linear", rank_pattern: { up_proj: 2 } };
    expect(await facts(shapes, { config })).toMatchObject({ rank: [2, 8], alpha: 16, scaling: null, findings: [] });
  });

  it("experts that are stacked in one matrix have the rank of the config", async () => {
    const at = "base_model.model.model.layers.0.mlp.experts";
    const shapes = { [`${at}.lora_A.weight`]: [32, 64], [`${at}.lora_B.weight`]: [64, 32] };
    const config = { ...PEFT_CONFIG, target_modules: null, target_parameters: ["mlp.experts.down_proj"] };
    expect(await facts(shapes, { config })).toMatchObject({ rank: 8, findings: [] });
  });

  it.each([
    ["the rank", peft(), { r: 4 }, "adapter/rank"],
    ["the method", peft(), { peft_type: "LOHA" }, "adapter/method"],
    ["DoRA without magnitudes", peft(), { use_dora: true }, "adapter/method"],
    ["a target", peft(), { target_modules: ["q_proj", "k_proj"] }, "adapter/target-absent"],
    [
      "the two factors of a module",
      { ...peft(), "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight": [64, 4] },
      { r: 4, rank_pattern: { q_proj: 8 } },
      "adapter/rank-mismatch",
    ],
  ])("a disagreement over %s is a finding", async (_, shapes, change, rule) => {
    const found = await facts(shapes, { config: { ...PEFT_CONFIG, ...change } });
    expect(found?.findings.map((finding) => finding.rule)).toEqual([rule]);
  });
});

describe("other methods", () => {
  const at = "base_model.model.model.layers.0.mlp.down_proj";
  it.each([
    ["LoHa", { [`${at}.hada_w1_a`]: [64, 4], [`${at}.hada_w1_b`]: [4, 32], [`${at}.hada_w2_b`]: [4, 32] }, "LoHa", 4],
    ["LoKr", { [`${at}.lokr_w1`]: [8, 8], [`${at}.lokr_w2_a`]: [8, 6], [`${at}.lokr_w2_b`]: [6, 4] }, "LoKr", 6],
    ["LoKr that is stored whole", { [`${at}.lokr_w1`]: [8, 8], [`${at}.lokr_w2`]: [8, 4] }, "LoKr", null],
    ["IA3", { [`${at}.ia3_l`]: [1, 32] }, "IA3", null],
    ["VeRA", { [`${at}.vera_lambda_b`]: [64], [`${at}.vera_lambda_d`]: [256] }, "VeRA", 256],
    ["OFT", { [`${at}.oft_r`]: [4, 8, 8] }, "OFT", null],
    ["a prompt", { prompt_embeddings: [20, 64] }, "prompt tuning", null],
    [
      "mlx-lm",
      {
        "model.layers.0.self_attn.q_proj.lora_a": [64, 8],
        "model.layers.0.self_attn.q_proj.lora_b": [8, 32],
      },
      "LoRA",
      8,
    ],
  ])("%s", async (_, shapes, method, rank) => {
    expect(await facts(shapes)).toMatchObject({ method, rank, findings: [] });
  });

  it("mlx-lm states the scaling itself", async () => {
    const shapes = {
      "model.layers.0.self_attn.q_proj.lora_a": [64, 8],
      "model.layers.0.self_attn.q_proj.lora_b": [8, 32],
    };
    const config = { fine_tune_type: "lora", lora_parameters: { rank: 8, scale: 20 }, model: "org/base" };
    expect(await facts(shapes, { config })).toMatchObject({
      rank: 8,
      alpha: null,
      scaling: 20,
      base: "org/base",
      findings: [],
    });
  });
});

/** kohya's names: `blocks` of a UNet, with a convolution of another rank. */
function kohya(blocks: number, alpha: number, convolution?: { rank: number; alpha: number }) {
  const shapes: Record<string, readonly number[]> = {};
  const values: Record<string, number> = {};
  for (let i = 0; i < blocks; i++) {
    const at = `lora_unet_down_blocks_${i}_attentions_0_transformer_blocks_0_attn1_to_q`;
    Object.assign(shapes, {
      [`${at}.alpha`]: [],
      [`${at}.lora_down.weight`]: [16, 32],
      [`${at}.lora_up.weight`]: [32, 16],
    });
    values[`${at}.alpha`] = alpha;
  }
  if (convolution) {
    const at = "lora_unet_down_blocks_0_resnets_0_conv1";
    const { rank } = convolution;
    Object.assign(shapes, {
      [`${at}.alpha`]: [],
      [`${at}.lora_down.weight`]: [rank, 32, 3, 3],
      [`${at}.lora_up.weight`]: [32, rank, 1, 1],
    });
    values[`${at}.alpha`] = convolution.alpha;
  }
  return [shapes, values] as const;
}

describe("kohya", () => {
  it("alpha is read from a few of its tensors", async () => {
    const [shapes, values] = kohya(100, 8);
    const metadata = {
      ss_network_dim: "16",
      ss_network_alpha: "8.0",
      ss_base_model_version: "sd_1.5",
      ss_sd_model_name: "base.safetensors",
    };
    const checkpoint = await open(shapes, { values, metadata });
    expect(adapterValuesNeeded(checkpoint)).toHaveLength(3);
    expect(await factsOf(checkpoint)).toMatchObject({
      method: "LoRA",
      rank: 16,
      alpha: 8,
      scaling: 0.5,
      targets: [{ module: "to_q", count: 100 }],
      layers: 100,
      base: "base.safetensors",
      baseArchitecture: "sd_1.5",
      sources: { alpha: ".alpha tensors" },
      findings: [],
    });
    // Without the values, what the trainer noted.
    expect(adapterFacts(checkpoint)).toMatchObject({ alpha: 8, scaling: 0.5, sources: { alpha: "ss_network_alpha" } });
  });

  it("convolutions may have a rank and an alpha of their own", async () => {
    const [shapes, values] = kohya(5, 8, { rank: 4, alpha: 2 });
    const metadata = { ss_network_dim: "16", ss_network_args: JSON.stringify({ conv_dim: "4", conv_alpha: "2" }) };
    const found = await facts(shapes, { values, metadata });
    expect(found).toMatchObject({ rank: [4, 16], alpha: null, scaling: 0.5, findings: [] });
    expect(found?.targets.map(({ module }) => module)).toEqual(["to_q", "conv1"]);
    const [unlike, others] = kohya(5, 8, { rank: 4, alpha: 4 });
    expect(await facts(unlike, { values: others })).toMatchObject({ alpha: null, scaling: null });
  });

  it("metadata that say another alpha or rank are a finding", async () => {
    const [shapes, values] = kohya(4, 8);
    const metadata = { ss_network_dim: "32", ss_network_alpha: "1" };
    const found = await facts(shapes, { values, metadata });
    expect(found?.alpha).toBe(8);
    expect(found?.findings.map(({ rule }) => rule).sort()).toEqual(["adapter/alpha", "adapter/rank"]);
  });

  it("an alpha that is no number is none", async () => {
    const [shapes] = kohya(1, 8);
    const values = { [Object.keys(shapes)[0] as string]: Number.NaN };
    expect(await facts(shapes, { values })).toMatchObject({ alpha: null, scaling: null });
  });

  it("trainers' None is no number", async () => {
    const [shapes] = kohya(1, 8);
    const { [Object.keys(shapes)[0] as string]: _, ...bare } = shapes;
    const metadata = {
      ss_network_dim: "None",
      ss_network_alpha: "None",
      ss_sd_model_name: "None",
      ss_network_args: "{",
    };
    expect(await facts(bare, { metadata })).toMatchObject({ rank: 16, alpha: null, base: null, findings: [] });
  });
});

describe("GGUF", () => {
  const lora = (name: string, shape: number[]) => ({ name, shape: [...shape].reverse(), type: 0 });
  const file = writeGguf({
    metadata: [
      { key: "general.type", type: "string", value: "adapter" },
      { key: "general.architecture", type: "string", value: "llama" },
      { key: "general.base_model.0.name", type: "string", value: "Base 7B" },
      { key: "adapter.type", type: "string", value: "lora" },
      { key: "adapter.lora.alpha", type: "f32", value: 32 },
    ],
    tensors: [
      lora("blk.0.attn_q.weight.lora_a", [8, 64]),
      lora("blk.0.attn_q.weight.lora_b", [64, 8]),
      // Of the token table, A is stored the other way round.
      lora("token_embd.weight.lora_a", [100, 8]),
      lora("token_embd.weight.lora_b", [64, 8]),
      lora("blk.1.ffn_up_exps.weight.lora_a", [4, 8, 64]),
      lora("blk.1.ffn_up_exps.weight.lora_b", [4, 32, 8]),
    ],
  });

  it("is read from its keys and shapes", async () => {
    const checkpoint = await openFileSet(memoryFileSet("adapter", { "lora.gguf": file }));
    expect(adapterValuesNeeded(checkpoint)).toEqual([]);
    const found = adapterFacts(checkpoint);
    expect(found).toMatchObject({
      method: "LoRA",
      rank: 8,
      alpha: 32,
      scaling: 4,
      layers: 2,
      base: "Base 7B",
      baseArchitecture: "llama",
      sources: { alpha: "adapter.lora.alpha", rank: "tensor shapes" },
      findings: [],
    });
    expect(found?.targets.map(({ module }) => module).sort()).toEqual(["attn_q", "ffn_up_exps", "token_embd"]);
    await checkpoint.close();
  });
});

describe("what is no adapter", () => {
  it.each([
    ["a model", { "model.layers.0.self_attn.q_proj.weight": [4, 4] }],
    ["RWKV-7, whose weights are called lora", { "model.layers.0.attn.w_lora.lora.0.weight": [4, 4] }],
    [
      "a model saved with its adapter",
      {
        "base_model.model.q_proj.base_layer.weight": [4, 4],
        "base_model.model.q_proj.lora_A.weight": [2, 4],
        "base_model.model.q_proj.lora_B.weight": [4, 2],
      },
    ],
  ])("%s", async (_, shapes) => {
    const checkpoint = await open(shapes as Shapes);
    expect(adapterFacts(checkpoint)).toBeUndefined();
    expect(adapterValuesNeeded(checkpoint)).toEqual([]);
  });
});

it.each([
  ["model.layers.3.self_attn.q_proj", "q_proj", "model.layers.3"],
  ["model.layers.3.mlp.experts.7.w1", "w1", "model.layers.3"],
  ["lm_head", "lm_head", undefined],
  ["encoder.block.3.layer.1.DenseReluDense.wi_0", "wi_0", "encoder.block.3"],
  ["encoder.layer.3.attention.self.query", "query", "encoder.layer.3"],
  [
    "unet.down_blocks.0.attentions.1.transformer_blocks.0.attn1.to_out.0",
    "to_out.0",
    "unet.down_blocks.0.attentions.1.transformer_blocks.0",
  ],
  [
    "unet.up_blocks.1.attentions.0.transformer_blocks.0.attn1.processor.to_q",
    "to_q",
    "unet.up_blocks.1.attentions.0.transformer_blocks.0",
  ],
  ["transformer.transformer_blocks.5.ff.net.0.proj", "ff.net.0.proj", "transformer.transformer_blocks.5"],
  ["transformer.single_transformer_blocks.5.norm.linear", "norm.linear", "transformer.single_transformer_blocks.5"],
  ["diffusion_model.double_blocks.2.img_attn.qkv", "qkv", "diffusion_model.double_blocks.2"],
  ["blk.4.attn_q", "attn_q", "blk.4"],
  [
    "lora_unet_down_blocks_0_attentions_1_transformer_blocks_0_attn1_to_out_0",
    "to_out.0",
    "lora_unet_down_blocks_0_attentions_1_transformer_blocks_0",
  ],
  [
    "lora_unet_input_blocks_4_1_transformer_blocks_0_ff_net_0_proj",
    "ff.net.0.proj",
    "lora_unet_input_blocks_4_1_transformer_blocks_0",
  ],
  ["lora_te1_text_model_encoder_layers_11_mlp_fc1", "fc1", "lora_te1_text_model_encoder_layers_11"],
  ["lora_unet_double_blocks_3_img_attn_qkv", "img_attn.qkv", "lora_unet_double_blocks_3"],
  ["lora_unet_blocks_3_self_attn_q", "self_attn.q", "lora_unet_blocks_3"],
  ["lora_unet_layers_3_something_new", "something_new", "lora_unet_layers_3"],
  ["lora_unet_conv_in", "conv_in", undefined],
])("%s is the module %s", (path, module, layer) => {
  expect(moduleName(path)).toBe(module);
  expect(layerKey(path)).toBe(layer);
});

it("a long name costs no more than its length", async () => {
  const name = `lora_${"_blocks_0".repeat(100_000)}.lora_down.weight`;
  const checkpoint = await open({
    [name]: [4, 4],
    "lora_unet_a_0_to_q.lora_down.weight": [4, 4],
    "lora_unet_b_0_to_q.lora_up.weight": [4, 4],
  });
  expect(adapterFacts(checkpoint)).toMatchObject({ rank: 4, targets: [{ module: "to_q", count: 2 }] });
});

describeReal("adapters of others", () => {
  it("a LoRA of diffusers' own examples", async () => {
    const checkpoint = await openCheckpoint(
      realData("safetensors-public", "huggingface_diffusers", "pytorch_lora_weights.safetensors"),
    );
    const found = adapterFacts(checkpoint);
    expect(found).toMatchObject({ method: "LoRA", rank: 4, alpha: null, layers: 16, modulesToSave: [], findings: [] });
    expect(found?.targets.map(({ module, count }) => [module, count]).sort()).toEqual([
      ["to_k", 32],
      ["to_out.0", 32],
      ["to_q", 32],
      ["to_v", 32],
    ]);
    expect(found?.targets.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(
      checkpoint.tensors.reduce((sum, { elements }) => sum + elements, 0),
    );
  });

  it("a control vector is none", async () => {
    const checkpoint = await openCheckpoint(realData("gguf-made", "variants", "control_vector.gguf"));
    expect(adapterFacts(checkpoint)).toBeUndefined();
    await checkpoint.close();
  });
});
