/**
 * Packed formats beyond GPTQ and its kin: what they hold, from the header alone. Each recipe lays one matrix out as its format does,
 * at two shapes; sizes, roles and bits per weight must come out exact, and what a header can't tell must be said.
 */
import {
  type Checkpoint,
  dtypeBits,
  type FileSet,
  memoryFileSet,
  openCheckpoint,
  openFileSet,
  writeSafetensors,
  writeSafetensorsHeader,
} from "@checkpoint-inspect/parser";
import { afterAll, describe, expect, it } from "vitest";

import { RECIPES as BYTES } from "../../../fixtures/quantized/bytes.mjs";
import { RECIPES as EXL } from "../../../fixtures/quantized/exl.mjs";
import { RECIPES as HQQ } from "../../../fixtures/quantized/hqq.mjs";
import { RECIPES as MLX } from "../../../fixtures/quantized/mlx.mjs";
import { RECIPES as MODELOPT } from "../../../fixtures/quantized/modelopt.mjs";
import { RECIPES as MXFP4 } from "../../../fixtures/quantized/mxfp4.mjs";
import { RECIPES as TORCHAO } from "../../../fixtures/quantized/torchao.mjs";
import { RECIPES as VECTOR_CODES } from "../../../fixtures/quantized/vector-codes.mjs";
import { fullName, MODULE, type Recipe, type RecipeTensor } from "../../../fixtures/quantized/write.mjs";
import { describeReal, expandHeads, readRealJson } from "../../../test-support/real-data.ts";
import { analyse, type Report, valuesWanted } from "../src/index.ts";

interface Declared {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

type Json = Readonly<Record<string, unknown>>;

const OTHER = "model.layers.0.mlp";

const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const bytesOf = ({ dtype, shape }: Declared) => (product(shape) * (dtypeBits(dtype) ?? Number.NaN)) / 8;
const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

const bf16 = (name: string, ...shape: number[]): Declared => ({ name, dtype: "BF16", shape });
const u8 = (name: string, ...shape: number[]): Declared => ({ name, dtype: "U8", shape });
const u32 = (name: string, ...shape: number[]): Declared => ({ name, dtype: "U32", shape });

async function opened(
  tensors: readonly Declared[],
  config?: Json,
  metadata?: Readonly<Record<string, string>>,
): Promise<Checkpoint> {
  const files: Record<string, Uint8Array> = {
    "model.safetensors": writeSafetensors(
      tensors.map((tensor) => ({ ...tensor, data: new Uint8Array(bytesOf(tensor)) })),
      metadata ? { metadata } : {},
    ),
  };
  if (config) files["config.json"] = new TextEncoder().encode(JSON.stringify(config));
  return openFileSet(memoryFileSet("made", files));
}

async function reportOf(...args: Parameters<typeof opened>): Promise<Report> {
  return analyse(await opened(...args));
}

const parts = (report: Report) =>
  Object.fromEntries(
    report.buckets.flatMap(({ bucket, parts }) =>
      parts.filter(({ parameters }) => parameters > 0).map(({ part, parameters }) => [`${bucket}/${part}`, parameters]),
    ),
  );

const findings = (report: Report) => report.findings.map(({ rule }) => rule);

/** What a reader of the small tensors that the header asks for would hand over. */
function valuesOf(checkpoint: Checkpoint, tensors: readonly RecipeTensor[]): ReadonlyMap<string, readonly number[]> {
  return new Map(
    valuesWanted(checkpoint).map(({ name }) => [
      name,
      tensors.find(({ suffix }) => name === MODULE + suffix)?.values ?? [],
    ]),
  );
}

const ALL: readonly Recipe[] = [...MXFP4, ...MODELOPT, ...MLX, ...TORCHAO, ...HQQ, ...EXL, ...VECTOR_CODES, ...BYTES];

describe("a matrix in each format", () => {
  const cases = ALL.flatMap((recipe) =>
    recipe.shapes.map(([out, width], i) => ({ recipe, out, width, isFirst: i === 0 })),
  );

  it.each(cases)("$recipe.name at $out x $width", async ({ recipe, out, width, isFirst }) => {
    const module = recipe.tensors(out, width).map(({ suffix, dtype, shape }) => ({
      name: fullName(recipe.module ?? MODULE, suffix),
      dtype,
      shape,
    }));
    // Learned tensors beside it, under names that could pass for sides.
    const learned = [
      bf16("model.norm.weight", width),
      bf16("model.layers.0.input_layernorm.weight", width),
      bf16("model.layers.0.layer_scale.scale", 7),
      bf16("model.vision_tower.norm.scale", 5),
    ];
    const parameters = recipe.parameters?.(out, width) ?? out * width;
    const checkpoint = await opened([...learned, ...module], recipe.config, recipe.metadata?.(out, width));
    const report = analyse(checkpoint, { values: valuesOf(checkpoint, recipe.tensors(out, width)) });

    expect(report.parameters.logicalKnown).toBe(true);
    expect(findings(report)).not.toContain("quantization/packed");
    expect(report.parameters.total).toBe(parameters + 2 * width + 7 + 5);
    const role = module[0]?.name.includes("gate_up_proj")
      ? "expert/routed.gate_up"
      : module[0]?.name.includes("switch_mlp")
        ? "expert/routed.up"
        : "attention/q";
    expect(parts(report)[role]).toBe(parameters);
    expect(report.quantization.schemes).toMatchObject([{ scheme: recipe.scheme, modules: 1, parameters }]);
    const [use] = report.quantization.schemes;
    expect(recipe.words).toBeDefined();
    if (isFirst) expect(use?.words).toBe(recipe.words);
    expect(use?.bitsPerWeight).toBe((8 * sum(module.map(bytesOf))) / parameters);
    const { excluded, stored, unpacked, total } = report.parameters;
    expect(stored + unpacked).toBe(total + sum(excluded.map(({ parameters }) => parameters)));
  });
});

describe("without config.json", () => {
  const recipes = ALL.flatMap((recipe) => recipe.shapes.map(([out, width]) => ({ recipe, out, width })));

  it.each(recipes)("$recipe.name at $out x $width is exact, or said to be unknown", async ({ recipe, out, width }) => {
    const module = recipe.tensors(out, width).map(({ suffix, dtype, shape }) => ({
      name: fullName(recipe.module ?? MODULE, suffix),
      dtype,
      shape,
    }));
    const { parameters } = await reportOf(module, undefined, recipe.metadata?.(out, width));
    expect(parameters.logicalKnown).toBe(!recipe.needsConfig);
    if (!recipe.needsConfig) expect(parameters.total).toBe(recipe.parameters?.(out, width) ?? out * width);
  });
});

describe("MLX", () => {
  const affine = (path: string, out: number, words: number, groups: number) => [
    u32(`${path}.weight`, out, words),
    bf16(`${path}.scales`, out, groups),
    bf16(`${path}.biases`, out, groups),
  ];
  // Words and groups in a ratio that 4 bits in groups of 64 give, and 8 in groups of 32, and 2 in groups of 128.
  const ambiguous = affine(MODULE, 64, 32, 4);

  it("says so when neither config nor header tells the width", async () => {
    const report = await reportOf(ambiguous);
    expect(report.parameters.logicalKnown).toBe(false);
    expect(report.quantization.bitsPerWeight).toBeNull();
    expect(report.findings.find(({ rule }) => rule === "quantization/packed")?.message).toContain(`${MODULE}.weight`);
    expect(report.quantization.schemes).toMatchObject([{ scheme: "mlx", parameters: 0, bitsPerWeight: null }]);
    // Offsets are no weights even so.
    expect(report.parameters.excluded.map(({ parameters }) => parameters)).toEqual([512]);
  });

  it.each([
    { hidden: 128, total: 64 * 128 },
    { hidden: 256, total: 64 * 256 },
    { hidden: 512, total: 64 * 512 },
  ])("takes the width from config.json: $hidden", async ({ hidden, total }) => {
    const report = await reportOf(ambiguous, { hidden_size: hidden });
    expect(report.parameters).toMatchObject({ total, logicalKnown: true });
  });

  it("takes the width from the norm in front", async () => {
    const report = await reportOf([...ambiguous, bf16("model.layers.0.input_layernorm.weight", 256)]);
    expect(report.parameters).toMatchObject({ total: 64 * 256 + 256, logicalKnown: true });
  });

  it("takes the width of a down projection from the module in front of it", async () => {
    const up = affine(`${OTHER}.up_proj`, 512, 32, 4);
    const down = affine(`${OTHER}.down_proj`, 256, 64, 8);
    const report = await reportOf([...up, ...down, bf16("model.norm.weight", 256)]);
    expect(report.parameters).toMatchObject({ total: 2 * 512 * 256 + 256, logicalKnown: true });
  });

  it("does not take a width that none of the pairs gives", async () => {
    const report = await reportOf(ambiguous, { hidden_size: 320 });
    expect(report.parameters.logicalKnown).toBe(false);
  });

  it("reads a module's own entry before the general one, and doesn't believe one that can't be", async () => {
    const quantization = {
      group_size: 64,
      bits: 4,
      "model.embed_tokens": { group_size: 64, bits: 8 },
      lm_head: { group_size: 32, bits: 6 },
      [`${OTHER}.gate`]: false,
    };
    const report = await reportOf(
      [
        ...affine("model.embed_tokens", 100, 64, 4),
        ...affine("lm_head", 100, 48, 8),
        ...affine(MODULE, 64, 32, 4),
        // 3 bits in groups of 32 is the only pair of that ratio, whatever the general entry says.
        ...affine(`${OTHER}.up_proj`, 64, 24, 8),
        bf16(`${OTHER}.gate.weight`, 4, 256),
      ],
      { model_type: "llama", quantization },
    );
    expect(report.parameters).toMatchObject({ total: (100 + 100 + 64 + 64 + 4) * 256, logicalKnown: true });
    expect(report.quantization.schemes.map(({ words }) => words).sort()).toEqual([
      "MLX 3-bit, groups of 32",
      "MLX 4-bit, groups of 64",
      "MLX 6-bit, groups of 32",
      "MLX 8-bit, groups of 64",
    ]);
    expect(parts(report)).toMatchObject({ "embedding/token": 25600, "head/lm_head": 25600 });
  });

  it("finds the block inside text_config, for a model with towers", async () => {
    const report = await reportOf(ambiguous, { text_config: { quantization: { group_size: 32, bits: 8 } } });
    expect(report.parameters).toMatchObject({ total: 64 * 128, logicalKnown: true });
  });

  it("keeps biases without scales as biases", async () => {
    const report = await reportOf([bf16(`${MODULE}.weight`, 64, 64), bf16(`${MODULE}.biases`, 64)], {
      quantization: { group_size: 64, bits: 4 },
    });
    expect(report.parameters).toMatchObject({ total: 64 * 64 + 64, biases: 64, logicalKnown: true });
  });
});

describe("VPTQ", () => {
  it("takes the sizes of each layer from the config, where the codes could be theirs", async () => {
    const layer = (path: string, dtype: string, ...indices: number[]): Declared[] => [
      { name: `${path}.indices`, dtype, shape: indices },
      { name: `${path}.centroids.weight`, dtype: "F16", shape: [1, 4096] },
      { name: `${path}.perm`, dtype: "I16", shape: [256] },
      bf16(`${path}.weight_scale`, 256),
      bf16(`${path}.weight_bias`, 256),
    ];
    const sizes = { [MODULE]: { in_features: 256, out_features: 64 }, "a.b": { in_features: 192, out_features: 48 } };
    const config = { quantization_config: { quant_method: "vptq", config_for_layers: sizes } };
    const report = await reportOf([...layer(MODULE, "I32", 1, 8, 128), ...layer("a.b", "F16", 1, 6, 192)], config);
    expect(report.parameters).toMatchObject({ total: 64 * 256 + 48 * 192, logicalKnown: true });
    expect(report.quantization.schemes).toMatchObject([{ scheme: "vptq", words: "VPTQ vectors", modules: 2 }]);

    const tooSmall = { quantization_config: { quant_method: "vptq", config_for_layers: { "a.b": sizes["a.b"] } } };
    const wrong = await reportOf(layer("a.b", "I32", 1, 48, 192), tooSmall);
    expect(wrong.parameters.logicalKnown).toBe(false);
  });
});

describe("what a header can't tell", () => {
  it.each([
    { what: "SpQR", container: "dense_weights", dtype: "I64", sides: ["row_offsets", "col_vals"] },
    { what: "VPTQ", container: "indices", dtype: "I64", sides: ["centroids.weight"] },
    { what: "VPTQ", container: "indices", dtype: "F16", sides: ["centroids.weight"] },
    { what: "QuIP#", container: "Qidxs", dtype: "I64", sides: ["Wscale"] },
    { what: "torchao", container: "_weight_qdata", dtype: "I8", sides: ["_weight_scale"] },
  ])("$what in $dtype is named, not counted as weights", async ({ what, container, dtype, sides }) => {
    const report = await reportOf([
      { name: `${MODULE}.${container}`, dtype, shape: [32, 8] },
      ...sides.map((side) => bf16(`${MODULE}.${side}`, 16)),
      bf16("model.norm.weight", 64),
    ]);
    expect(report.parameters.logicalKnown).toBe(false);
    expect(report.quantization.bitsPerWeight).toBeNull();
    const finding = report.findings.find(({ rule }) => rule === "quantization/packed");
    expect(finding?.message).toContain(`${MODULE}.${container}`);
    expect(report.quantization.schemes[0]).toMatchObject({ modules: 1, parameters: 0, bitsPerWeight: null });
    expect(report.quantization.schemes[0]?.words).toMatch(new RegExp(`^${what} `));
    expect(parts(report)).toEqual({ "attention/q": 256, "norm/final": 64 });
  });

  it("asks for HQQ's settings where groups stand in columns, and counts by them", async () => {
    const checkpoint = await opened([
      u8(`${MODULE}.W_q`, 32, 128),
      bf16(`${MODULE}.scale`, 1, 128),
      bf16(`${MODULE}.zero`, 1, 128),
      { name: `${MODULE}.nbits`, dtype: "I32", shape: [] },
      { name: `${MODULE}.group_size`, dtype: "I32", shape: [] },
    ]);
    expect(analyse(checkpoint).parameters.logicalKnown).toBe(false);
    const values = new Map([
      [`${MODULE}.nbits`, [4]],
      [`${MODULE}.group_size`, [64]],
    ]);
    expect(analyse(checkpoint, { values }).parameters).toMatchObject({ total: 64 * 128, logicalKnown: true });
    // Settings that don't give the bytes are not believed.
    const wrong = new Map([...values, [`${MODULE}.nbits`, [2]]] as const);
    expect(analyse(checkpoint, { values: wrong }).parameters.logicalKnown).toBe(false);
  });

  it("reads ComfyUI's blob where bytes may hold two weights", async () => {
    const checkpoint = await opened([
      { name: `${MODULE}.weight`, dtype: "I8", shape: [64, 64] },
      bf16(`${MODULE}.weight_scale`, 64, 2),
      u8(`${MODULE}.comfy_quant`, 40),
    ]);
    expect(analyse(checkpoint).parameters.logicalKnown).toBe(false);
    const text = '{"format": "convrot_w4a4", "quant_group_size": 64}';
    const values = new Map([[`${MODULE}.comfy_quant`, [...new TextEncoder().encode(text)]]]);
    expect(analyse(checkpoint, { values }).parameters).toMatchObject({ total: 64 * 128, logicalKnown: true });
  });

  it("gives an upper bound where EXL3 filled a side up", async () => {
    const tensors: Declared[] = [
      { name: `${MODULE}.trellis`, dtype: "I16", shape: [184, 8, 64] },
      { name: `${MODULE}.suh`, dtype: "F16", shape: [2944] },
      { name: `${MODULE}.svh`, dtype: "F16", shape: [128] },
    ];
    const report = await reportOf(tensors, { hidden_size: 2880, quantization_config: { quant_method: "exl3" } });
    expect(report.parameters).toMatchObject({ total: 2944 * 128, logicalKnown: false });
    expect(findings(report)).toContain("quantization/row-width");
  });

  it.each([
    { what: "NVFP4 without its scales", tensors: [u8(`${MODULE}.weight`, 64, 32)], method: "modelopt" },
    { what: "BitNet without its scale", tensors: [u8(`${MODULE}.weight`, 16, 64)], method: "bitnet" },
    {
      what: "scales of another matrix",
      tensors: [u8(`${MODULE}.weight`, 64, 32), u8(`${MODULE}.weight_scale`, 60, 2)],
      method: "quark",
    },
    {
      what: "ternary bytes without a config",
      tensors: [u8(`${MODULE}.weight`, 16, 64), bf16(`${MODULE}.weight_scale`, 1)],
      method: undefined,
    },
  ])("$what: unknown, not guessed", async ({ tensors, method }) => {
    const report = await reportOf(tensors, method ? { quantization_config: { quant_method: method } } : undefined);
    expect(report.parameters.logicalKnown).toBe(false);
    expect(findings(report)).toContain("quantization/packed");
  });

  it("doesn't believe metadata that claims more weights than there are bits", async () => {
    const claim = JSON.stringify({ _type: "Int4OpaqueTensor", _data: { shape: [2 ** 20, 2 ** 20] } });
    const report = await reportOf([u8(`${MODULE}._weight_qdata`, 64, 32)], undefined, { [`${MODULE}.weight`]: claim });
    expect(report.parameters).toMatchObject({ total: 64 * 32, logicalKnown: false });
    const broken = await reportOf([u8(`${MODULE}._weight_qdata`, 64, 32)], undefined, { [`${MODULE}.weight`]: "{" });
    expect(broken.parameters.logicalKnown).toBe(false);
  });
});

describe("tensors that only look packed", () => {
  it("leaves tables of an unquantized model alone", async () => {
    const report = await reportOf([
      bf16("model.norm.scale", 64),
      bf16("model.layers.0.layer_scale.scale", 64),
      u8("model.layers.0.lookup.weight", 16, 16),
      u8("model.layers.0.lookup.indices", 16, 16),
    ]);
    expect(report.parameters).toMatchObject({ total: 128, logicalKnown: true });
    expect(report.parameters.excluded).toMatchObject([{ reason: "buffer", parameters: 512 }]);
    expect(report.quantization.schemes).toEqual([]);
  });

  it("leaves weights alone that are called as containers are", async () => {
    const report = await reportOf([
      bf16("blocks.0.attn.W_q", 64, 64),
      bf16("blocks.0.attn.scale", 64, 1),
      bf16("blocks.0.dense_weights", 64, 64),
      bf16("quantizer.codes", 64, 8),
      bf16("quantizer.indices", 64, 8),
      u8(`${MODULE}.W_q`, 32, 64),
      bf16(`${MODULE}.scale`, 64, 1),
      bf16(`${MODULE}.zero`, 64, 1),
    ]);
    // All that unpacking adds is in the one module that is packed.
    expect(report.parameters).toMatchObject({ unpacked: 64 * 64 - 32 * 64, logicalKnown: true });
    expect(report.quantization.schemes).toMatchObject([{ scheme: "hqq", modules: 1, parameters: 64 * 64 }]);
  });

  it("leaves real biases of gpt-oss's experts among the parameters", async () => {
    const report = await reportOf([
      u8(`${OTHER}.experts.down_proj_blocks`, 4, 64, 2, 16),
      u8(`${OTHER}.experts.down_proj_scales`, 4, 64, 2),
      bf16(`${OTHER}.experts.down_proj_bias`, 4, 64),
    ]);
    expect(report.parameters).toMatchObject({ total: 4 * 64 * 64 + 4 * 64, biases: 256, logicalKnown: true });
  });

  it("takes tiled scales of NVFP4, which hold more than there are groups", async () => {
    const report = await reportOf([
      u8(`${MODULE}.weight`, 40, 24),
      { name: `${MODULE}.weight_scale`, dtype: "F8_E4M3", shape: [128, 4] },
      { name: `${MODULE}.weight_scale_2`, dtype: "F32", shape: [] },
    ]);
    expect(report.parameters).toMatchObject({ total: 40 * 48, logicalKnown: true });
  });

  it("finds torchao's experts under the name of their parameter", async () => {
    const path = `${OTHER}.experts.gate_up_proj`;
    const report = await reportOf(
      [u8(`${OTHER}.experts._gate_up_proj_qdata`, 4, 64, 32), bf16(`${OTHER}.experts._gate_up_proj_scale`, 4, 2, 64)],
      { quantization_config: { quant_method: "torchao" } },
      { [path]: JSON.stringify({ _type: "Int4Tensor", _data: { block_size: [1, 1, 32], shape: [4, 64, 64] } }) },
    );
    expect(parts(report)).toEqual({ "expert/routed.gate_up": 4 * 64 * 64 });
    expect(report.parameters.logicalKnown).toBe(true);
  });
});

describeReal("whole models in packed form", () => {
  const made: { remove(): void }[] = [];
  afterAll(() => {
    for (const { remove } of made) remove();
  });

  /** A checkpoint of declared size, of which only the header is ever read. */
  async function declared(tensors: readonly Declared[], config: Json): Promise<Checkpoint> {
    const { header, sizeBytes } = writeSafetensorsHeader(tensors);
    const text = new TextEncoder().encode(JSON.stringify(config));
    const files = new Map([
      ["config.json", { bytes: text, sizeBytes: text.length }],
      ["model.safetensors", { bytes: header, sizeBytes }],
    ]);
    const set: FileSet = {
      label: "declared",
      list: async () => [...files].map(([name, { sizeBytes }]) => ({ name, sizeBytes })),
      open: async (name) => {
        const { bytes, sizeBytes } = files.get(name) ?? { bytes: new Uint8Array(), sizeBytes: 0 };
        return {
          name,
          sizeBytes,
          async read(offset, length) {
            const data = new Uint8Array(Math.min(length, sizeBytes - offset));
            data.set(bytes.subarray(offset, offset + data.length));
            return data;
          },
          async close() {},
        };
      },
    };
    return openFileSet(set);
  }

  it("gpt-oss-20b has 20,914,757,184 parameters, its scales left out", async () => {
    const { dir, remove } = expandHeads("hf-heads/gpt-oss-20b");
    made.push({ remove });
    const dense = await openCheckpoint(dir);
    await dense.close();
    const tensors = dense.tensors.flatMap(({ name, shape, type }): Declared[] => {
      if (!/experts\.(gate_up|down)_proj$/.test(name)) return [{ name, dtype: type, shape }];
      const [experts = 0, width = 0, out = 0] = shape;
      return [u8(`${name}_blocks`, experts, out, width / 32, 16), u8(`${name}_scales`, experts, out, width / 32)];
    });
    const config = { ...dense.config?.json, quantization_config: { quant_method: "mxfp4" } };
    const report = analyse(await declared(tensors, config));
    expect(report.parameters).toMatchObject({ total: 20_914_757_184, logicalKnown: true });
    expect(report.parameters.excluded).toMatchObject([{ reason: "quant-side", parameters: 597_196_800 }]);
    expect(report.quantization.schemes).toMatchObject([
      { scheme: "mxfp4", modules: 48, parameters: 19_110_297_600, bitsPerWeight: 4.25 },
    ]);
    expect(parts(report)).toEqual(parts(analyse(dense)));
    expect(report.parameters.active).toBe(analyse(dense).parameters.active);
  });

  it("Qwen3-14B in MLX: the names of its index at the sizes of its config take the bytes that the index says", async () => {
    const folder = ["safetensors-headers", "index-only", "Qwen3-14B-MLX-4bit"] as const;
    const index = readRealJson<{ metadata: { total_size: number }; weight_map: Record<string, string> }>(
      ...folder,
      "model.safetensors.index.json",
    );
    const config = readRealJson<Record<string, number>>(...folder, "config.json");
    const { hidden_size: d = 0, intermediate_size: ff = 0, vocab_size: vocab = 0, head_dim: head = 0 } = config;
    const { num_attention_heads: heads = 0, num_key_value_heads: kv = 0 } = config;
    const sizes: Readonly<Record<string, readonly [number, number]>> = {
      embed_tokens: [vocab, d],
      lm_head: [vocab, d],
      q_proj: [heads * head, d],
      k_proj: [kv * head, d],
      v_proj: [kv * head, d],
      o_proj: [d, heads * head],
      gate_proj: [ff, d],
      up_proj: [ff, d],
      down_proj: [d, ff],
    };
    const tensors = Object.keys(index.weight_map).map((name) => {
      const [module = "", leaf] = name.split(".").slice(-2);
      const [out, width] = sizes[module] ?? [];
      if (out === undefined || width === undefined) return bf16(name, /[qk]_norm/.test(module) ? head : d);
      return leaf === "weight" ? u32(name, out, width / 8) : bf16(name, out, width / 64);
    });
    expect(sum(tensors.map(bytesOf))).toBe(index.metadata.total_size);
    const report = analyse(await declared(tensors, config));
    expect(report.parameters).toMatchObject({ total: 14_768_307_200, logicalKnown: true });
    expect(report.quantization.schemes).toMatchObject([
      { scheme: "mlx", words: "MLX 4-bit, groups of 64", bitsPerWeight: 4.5, modules: 282 },
    ]);
  });
});
