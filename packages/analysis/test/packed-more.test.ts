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
import { GPTQ } from "../../../fixtures/quantized/gptq.mjs";
import { RECIPES as HQQ } from "../../../fixtures/quantized/hqq.mjs";
import { RECIPES as MLX } from "../../../fixtures/quantized/mlx.mjs";
import { RECIPES as MODELOPT } from "../../../fixtures/quantized/modelopt.mjs";
import { RECIPES as MXFP4 } from "../../../fixtures/quantized/mxfp4.mjs";
import { RECIPES as TORCHAO } from "../../../fixtures/quantized/torchao.mjs";
import { USUAL_SETTINGS } from "../../../fixtures/quantized/usual-settings.mjs";
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
const i8 = (name: string, ...shape: number[]): Declared => ({ name, dtype: "I8", shape });
const i32 = (name: string, ...shape: number[]): Declared => ({ name, dtype: "I32", shape });
const f16 = (name: string, ...shape: number[]): Declared => ({ name, dtype: "F16", shape });

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

const LISTS: readonly Recipe[] = [...MXFP4, ...MODELOPT, ...MLX, ...TORCHAO, ...HQQ, ...EXL, ...VECTOR_CODES, ...BYTES];
const SCHEMES = new Set(LISTS.map(({ scheme }) => scheme));
const ALL = [...new Set([...LISTS, ...USUAL_SETTINGS.filter(({ scheme }) => SCHEMES.has(scheme))])];

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

  it("looks for no norm in front of a name deeper than any real one", async () => {
    const deep = affine(`${"a.".repeat(7_500)}q_proj`, 64, 32, 4);
    const report = await reportOf([...deep, bf16("norm.weight", 256)]);
    expect(report.parameters.logicalKnown).toBe(false);
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

  const vptq = (dtype: string, ...shape: number[]) => ({ method: "vptq", ending: "indices", dtype, shape });
  const nf4 = (ending: string, dtype: string, ...shape: number[]) => {
    return { method: "bitsandbytes", ending, dtype, shape };
  };

  it.each([
    ...["I16", "I32", "I64", "F16"].map((dtype) => vptq(dtype, 1, 32, 8)),
    vptq("I16", 256),
    { method: "spqr", ending: "dense_weights", dtype: "I64", shape: [256] },
    { method: "spqr", ending: "dense_weights", dtype: "I32", shape: [256] },
    ...["U8", "BF16", "F16", "F32"].map((dtype) => nf4("weight", dtype, 256, 1)),
    ...["U8", "BF16"].flatMap((dtype) => [nf4("weight_nf4", dtype, 256, 1), nf4("weight_nf4", dtype, 256)]),
  ])("under a declared $method, $ending $dtype $shape alone is named", async ({ method, ending, dtype, shape }) => {
    const name = `${MODULE}.${ending}`;
    const quantization_config = { quant_method: method, load_in_4bit: true };
    const report = await reportOf([{ name, dtype, shape }, bf16("model.norm.weight", 64)], { quantization_config });
    expect(report.parameters).toMatchObject({ total: 256 + 64, logicalKnown: false, active: null });
    expect(report.quantization.bitsPerWeight).toBeNull();
    expect(report.findings.find(({ rule }) => rule === "quantization/packed")?.message).toContain(name);
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
      u8("model.layers.0.lookup.table", 16, 16),
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

describe("integers that no scheme knows", () => {
  it.each([
    { what: "EETQ", tensors: [i8(`${MODULE}.weight`, 64, 32), f16(`${MODULE}.weight_scales`, 32)], sides: 32 },
    {
      what: "TensorRT-LLM",
      tensors: [i8(`${MODULE}.weight`, 64, 32), f16(`${MODULE}.per_channel_scale`, 32)],
      sides: 32,
    },
    {
      what: "QServe",
      tensors: [
        i8(`${MODULE}.qweight`, 64, 32),
        f16(`${MODULE}.s1_scales`, 64),
        i8(`${MODULE}.s2_scales`, 1, 64),
        i8(`${MODULE}.s2_zeros`, 1, 64),
      ],
      sides: 192,
    },
    {
      what: "SqueezeLLM",
      tensors: [i32(`${MODULE}.qweight`, 8, 256), f16(`${MODULE}.lookup_table`, 256, 16)],
      sides: 4096,
    },
    {
      what: "Nunchaku",
      tensors: [
        i8("transformer_blocks.0.mlp_fc1.qweight", 64, 32),
        bf16("transformer_blocks.0.mlp_fc1.wscales", 1, 64),
        bf16("transformer_blocks.0.mlp_fc1.smooth", 64),
      ],
      sides: 128,
    },
    { what: "GPTQ without sides", tensors: [i32(`${MODULE}.qweight`, 8, 256)], sides: 0 },
    { what: "compressed-tensors without sides", tensors: [i32(`${MODULE}.weight_packed`, 256, 8)], sides: 0 },
    { what: "MXFP4 without scales", tensors: [u8(`${OTHER}.experts.gate_up_proj_blocks`, 4, 8, 4, 16)], sides: 0 },
    { what: "bare bytes", tensors: [i8(`${MODULE}.weight`, 64, 32)], sides: 0 },
    { what: "a bare table", tensors: [i8("model.embed_tokens.weight", 64, 32)], sides: 0 },
    { what: "names with underscores", tensors: [i32("layers_0_q_proj_qweight", 8, 256)], sides: 0 },
    { what: "no module's name", tensors: [i32("qweight", 8, 256)], sides: 0 },
  ])(
    "$what: said to be unknown, without a config too, and its scales are no parameters",
    async ({ tensors, sides }) => {
      const report = await reportOf([...tensors, bf16("model.norm.weight", 64)]);
      expect(report.parameters).toMatchObject({ total: 2048 + 64, logicalKnown: false, active: null });
      expect(report.quantization.bitsPerWeight).toBeNull();
      expect(findings(report)).toContain("quantization/packed");
      expect(sum(report.parameters.excluded.map(({ parameters }) => parameters))).toBe(sides);
    },
  );

  it("leaves tables of integers alone, in a quantized checkpoint too", async () => {
    const tables: Declared[] = [
      { name: "model.embeddings.position_ids", dtype: "I64", shape: [1, 512] },
      { name: "model.layers.0.ffn.gate.tid2eid", dtype: "I32", shape: [100, 6] },
      { name: "d2t", dtype: "I64", shape: [100] },
      i32("masked_embd_ordering", 100),
      { name: "h.0.attn.bias", dtype: "BOOL", shape: [1, 1, 8, 8] },
    ];
    const gptq = GPTQ.find(({ name }) => name === "GPTQ 4-bit") as Recipe;
    const module = gptq.tensors(96, 256).map(({ suffix, dtype, shape }) => ({ name: MODULE + suffix, dtype, shape }));
    for (const others of [[], module]) {
      const report = await reportOf([...tables, ...others]);
      expect(report.parameters).toMatchObject({ total: others.length > 0 ? 96 * 256 : 0, logicalKnown: true });
    }
  });
});

describe("where config and shapes contradict each other", () => {
  const packed = (bits: number, group: number): Declared[] => [
    i32(`${MODULE}.weight_packed`, 256, (1024 * bits) / 32),
    bf16(`${MODULE}.weight_scale`, 256, 1024 / group),
    { name: `${MODULE}.weight_shape`, dtype: "I64", shape: [2] },
  ];
  const groups = (num_bits: number, group_size: number) => ({
    quantization_config: {
      quant_method: "compressed-tensors",
      config_groups: { group_0: { targets: ["Linear"], weights: { num_bits, group_size, type: "int" } } },
    },
  });
  const values = new Map([[`${MODULE}.weight_shape`, [256, 1024]]]);

  it.each([
    { bits: 8, group: 128, says: groups(4, 128), norm: 0 },
    { bits: 4, group: 128, says: groups(8, 128), norm: 0 },
    { bits: 4, group: 64, says: groups(4, 128), norm: 0 },
    { bits: 2, group: 128, says: groups(4, 128), norm: 0 },
    // This pair would fit a row twice as wide; the norm in front says otherwise.
    { bits: 8, group: 64, says: groups(4, 128), norm: 1024 },
  ])("compressed-tensors of $bits bits by $group asks for the shape", async ({ bits, group, says, norm }) => {
    const norms = norm > 0 ? [bf16("model.layers.0.input_layernorm.weight", norm)] : [];
    const checkpoint = await opened([...packed(bits, group), ...norms], says);
    expect(valuesWanted(checkpoint).map(({ name }) => name)).toEqual([`${MODULE}.weight_shape`]);
    expect(analyse(checkpoint).parameters.logicalKnown).toBe(false);
    const report = analyse(checkpoint, { values });
    expect(report.parameters).toMatchObject({ total: 256 * 1024 + norm, logicalKnown: true });
    expect(report.quantization.schemes).toMatchObject([
      { words: `compressed-tensors ${bits}-bit, groups of ${group}`, parameters: 256 * 1024 },
    ]);
  });

  it("asks for nothing where the declared pair fits", async () => {
    expect(valuesWanted(await opened(packed(4, 128), groups(4, 128)))).toEqual([]);
  });

  it.each([
    { what: "its width is half of the hidden state's", config: { hidden_size: 128 } },
    { what: "a general field says four bits", config: { quantization_bit: 4 } },
    { what: "the block says four bits", config: { quantization_config: { quant_method: "w4a8", bits: 4 } } },
  ])("takes bytes for no INT8 where $what", async ({ config }) => {
    const tensors = [i8(`${MODULE}.weight`, 256, 64), f16(`${MODULE}.weight_scale`, 256)];
    const report = await reportOf(tensors, config);
    expect(report.parameters).toMatchObject({ logicalKnown: false });
    const whole = await reportOf(tensors, { hidden_size: 64 });
    expect(whole.parameters).toMatchObject({ total: 256 * 64, logicalKnown: true });
    expect(whole.quantization.schemes).toMatchObject([{ scheme: "int8", words: "INT8 (one scale a row)" }]);
  });

  it.each([
    { bits: 8, group: 32, general: { bits: 4, group_size: 64 } },
    { bits: 4, group: 128, general: { bits: 8, group_size: 64 } },
    { bits: 6, group: 64, general: { bits: 3, group_size: 128 } },
  ])("MLX of $bits bits by $group: the width of the hidden state before the general entry", async (row) => {
    const { bits, group, general } = row;
    const module = [
      u32(`${MODULE}.weight`, 64, (1024 * bits) / 32),
      bf16(`${MODULE}.scales`, 64, 1024 / group),
      bf16(`${MODULE}.biases`, 64, 1024 / group),
    ];
    for (const norm of [[], [bf16("model.layers.0.input_layernorm.weight", 1024)]]) {
      const config = { quantization: general, ...(norm.length === 0 && { hidden_size: 1024 }) };
      const report = await reportOf([...module, ...norm], config);
      expect(report.parameters).toMatchObject({ total: 64 * 1024 + norm.length * 1024, logicalKnown: true });
    }
    const own = { quantization: { ...general, [MODULE]: { bits, group_size: group } } };
    expect((await reportOf(module, own)).parameters.total).toBe(64 * 1024);
  });

  const gptq = (out: number, width: number, bits: number, group: number, zeros: boolean): Declared[] => [
    i32(`${MODULE}.qweight`, (width * bits) / 32, out),
    f16(`${MODULE}.scales`, width / group, out),
    ...(zeros ? [i32(`${MODULE}.qzeros`, width / group, Math.ceil((out * bits) / 32))] : []),
  ];
  const declares = (bits: number, group_size: number) => ({
    quantization_config: { quant_method: "gptq", bits, group_size },
  });

  it("GPTQ without index and zeros: declared bits and groups must agree", async () => {
    const wrong = await reportOf(gptq(256, 1024, 8, 128, false), declares(4, 128));
    expect(wrong.parameters.logicalKnown).toBe(false);
    const fraction = await reportOf(gptq(256, 1024, 4, 128, false), declares(2.5, 128));
    expect(fraction.parameters.logicalKnown).toBe(false);
    const right = await reportOf(gptq(256, 1024, 4, 128, false), declares(4, 128));
    expect(right.parameters).toMatchObject({ total: 256 * 1024, logicalKnown: true });
    const norm = bf16("model.layers.0.input_layernorm.weight", 1024);
    const other = await reportOf([...gptq(256, 1024, 8, 64, false), norm], declares(4, 128));
    expect(other.parameters.logicalKnown).toBe(false);
  });

  it.each([
    { out: 1, bits: 4 },
    { out: 8, bits: 2 },
    { out: 10, bits: 4 },
    { out: 12, bits: 4 },
  ])("GPTQ without an index, $out rows of $bits bits: the zeros fit several widths, config decides", async (row) => {
    const tensors = gptq(row.out, 512, row.bits, 128, true);
    const report = await reportOf(tensors, declares(row.bits, 128));
    expect(report.parameters).toMatchObject({ total: row.out * 512, logicalKnown: true });
    expect((await reportOf(tensors)).parameters.logicalKnown).toBe(false);
  });
});

describe("sizes that can't be", () => {
  it.each([
    {
      what: "EXL2 below two bits",
      tensors: [i32(`${MODULE}.q_weight`, 8, 256), i8(`${MODULE}.q_invperm`, 2048)],
      config: undefined,
    },
    {
      what: "VPTQ of a few bytes for millions",
      tensors: [i32(`${MODULE}.indices`, 1, 8, 256), f16(`${MODULE}.centroids.weight`, 1, 16)],
      config: {
        quantization_config: {
          quant_method: "vptq",
          config_for_layers: { [MODULE]: { out_features: 10_000_000, in_features: 10_000_000 } },
        },
      },
    },
    {
      what: "QuIP# of long signs",
      tensors: [
        { name: `${MODULE}.Qidxs`, dtype: "I64", shape: [256, 8] },
        f16(`${MODULE}.SU`, 100_000),
        f16(`${MODULE}.SV`, 10_000),
      ],
      config: undefined,
    },
    {
      what: "AQLM whose code stands for thousands",
      tensors: [i8(`${MODULE}.codes`, 64, 32, 1), f16(`${MODULE}.codebooks`, 1, 2, 100, 100)],
      config: undefined,
    },
    {
      what: "AQLM at a tenth of a bit",
      tensors: [i8(`${MODULE}.codes`, 64, 32, 1), f16(`${MODULE}.codebooks`, 1, 2, 8, 8)],
      config: undefined,
    },
  ])("$what: not believed", async ({ tensors, config }) => {
    const report = await reportOf(tensors, config);
    expect(report.parameters).toMatchObject({ total: 2048, logicalKnown: false });
    expect(findings(report)).toContain("quantization/packed");
  });

  it.each([
    { type: "Int4Tensor", dtype: "U8", shape: [64, 32], says: [1, 1] },
    { type: "Int4Tensor", dtype: "U8", shape: [64, 32], says: [32, 64] },
    { type: "Int8Tensor", dtype: "I8", shape: [64, 32], says: [3, 3] },
    { type: "Int4TilePackedTo4dTensor", dtype: "I32", shape: [8, 2, 32, 4], says: [2, 2] },
  ])("torchao: a shape of $says isn't that of the packed elements of $type", async ({ type, dtype, shape, says }) => {
    const claim = JSON.stringify({ _type: type, _data: { block_size: [1, 32], shape: says } });
    const tensors = [{ name: `${MODULE}._weight_qdata`, dtype, shape }];
    const report = await reportOf(tensors, undefined, { [`${MODULE}.weight`]: claim });
    expect(report.parameters).toMatchObject({ total: 2048, logicalKnown: false });
  });

  it("says that sums are rounded where unpacked weights exceed what can be counted", async () => {
    const modules = Array.from({ length: 3 }, (_, i) => `model.layers.${i}.self_attn.q_proj`);
    const tensors = modules.map((module) => ({ name: `${module}.weight`, type: "U8", shape: [2 ** 51, 1] }));
    const sides = modules.map((module) => ({ name: `${module}.weight.absmax`, type: "F32", shape: [2 ** 46] }));
    const made: Checkpoint = {
      format: "safetensors",
      label: "made",
      container: "safetensors",
      parts: [],
      tensors: [...tensors, ...sides].map((tensor) => {
        const elements = product(tensor.shape);
        return { ...tensor, elements, sizeBytes: elements * (tensor.type === "U8" ? 1 : 4), part: 0, offset: 0 };
      }),
      metadata: [],
      findings: [],
      readData: async () => [],
      close: async () => {},
    };
    const report = analyse(made);
    expect(Number.isSafeInteger(report.parameters.stored)).toBe(true);
    expect(report.parameters.total).toBeGreaterThan(Number.MAX_SAFE_INTEGER);
    expect(findings(report)).toContain("anatomy/inexact");
  });

  it.each([
    { module: "kv_a_proj_with_mqa", out: 640, config: { kv_lora_rank: 512, qk_rope_head_dim: 64 }, norm: undefined },
    { module: "q_proj", out: 2176, config: { num_attention_heads: 22, head_dim: 96 }, norm: undefined },
    { module: "q_proj", out: 128, config: {}, norm: 1000 },
  ])("EXL3: $module of $out rows may have been filled up", async ({ module, out, config, norm }) => {
    const path = `model.layers.0.self_attn.${module}`;
    const tensors: Declared[] = [
      { name: `${path}.trellis`, dtype: "I16", shape: [64, out / 16, 64] },
      f16(`${path}.suh`, 1024),
      f16(`${path}.svh`, out),
      ...(norm ? [bf16("model.layers.0.input_layernorm.weight", norm)] : []),
    ];
    const report = await reportOf(tensors, { quantization_config: { quant_method: "exl3" }, ...config });
    expect(report.parameters).toMatchObject({ total: 1024 * out + (norm ?? 0), logicalKnown: false });
    expect(findings(report)).toContain("quantization/row-width");
  });
});

describe("one weight twice", () => {
  const gptq = GPTQ.find(({ name }) => name === "GPTQ 4-bit") as Recipe;
  const packed = (module: string) =>
    gptq.tensors(96, 256).map(({ suffix, dtype, shape }) => ({ name: module + suffix, dtype, shape }));

  it("dense and packed: both counted, and named", async () => {
    const report = await reportOf([bf16(`${MODULE}.weight`, 96, 256), ...packed(MODULE)]);
    expect(report.parameters).toMatchObject({ total: 2 * 96 * 256, logicalKnown: true });
    expect(report.findings).toMatchObject([{ rule: "quantization/two-copies", severity: "warning" }]);
    expect(report.findings[0]?.message).toContain(`${MODULE}.qweight`);
  });

  it.each([
    {
      what: "bitsandbytes",
      head: [
        u8("lm_head.weight", (100 * 256) / 2, 1),
        { name: "lm_head.weight.absmax", dtype: "F32", shape: [(100 * 256) / 64] },
      ],
    },
    {
      what: "HQQ",
      head: [u8("lm_head.W_q", 200, 64), f16("lm_head.scale", 400, 1), f16("lm_head.zero", 400, 1)],
    },
    {
      what: "EXL3, filled up",
      head: [
        { name: "lm_head.trellis", dtype: "I16", shape: [16, 8, 64] },
        f16("lm_head.suh", 256),
        f16("lm_head.svh", 128),
      ],
    },
  ])("a tied head in $what is a copy of the dense table", async ({ head }) => {
    const table = bf16("model.embed_tokens.weight", 100, 256);
    const tied = await reportOf([table, ...head], { tie_word_embeddings: true });
    expect(tied.parameters.total).toBe(100 * 256);
    const untied = await reportOf([table, ...head], { tie_word_embeddings: false });
    expect(untied.parameters.total).toBeGreaterThanOrEqual(2 * 100 * 256);
  });
});

describe("what stands beside packed weights", () => {
  const fp8 = (...shape: number[]): Declared => ({ name: `${MODULE}.weight`, dtype: "F8_E4M3", shape });
  const f32 = (name: string, ...shape: number[]): Declared => ({ name, dtype: "F32", shape });

  it.each([
    { dtype: "BF16", storage: 2 },
    { dtype: "F32", storage: 4 },
  ])("bitsandbytes stacks stored as $dtype", async ({ dtype, storage }) => {
    const path = `${OTHER}.experts.gate_up_proj`;
    const count = 4 * 64 * 64;
    const report = await reportOf(
      [
        { name: path, dtype, shape: [count / 2 / storage, 1] },
        f32(`${path}.absmax`, count / 64),
        f32(`${path}.quant_map`, 16),
        u8(`${path}.quant_state.bitsandbytes__nf4`, 90),
      ],
      { hidden_size: 64 },
    );
    expect(parts(report)).toEqual({ "expert/routed.gate_up": count });
    expect(report.parameters.logicalKnown).toBe(true);
  });

  it.each([
    { what: "words declared as bytes", more: { bnb_4bit_quant_storage: "uint8" } },
    { what: "its module left out", more: { llm_int8_skip_modules: ["lm_head", "time"] } },
    { what: "its path left out", more: { modules_to_not_convert: ["layers.0.mlp"] } },
  ])("a learned column in a bitsandbytes checkpoint stays learned: $what", async ({ more }) => {
    const tensors = [
      u8(`${MODULE}.weight`, 2048, 1),
      f32(`${MODULE}.weight.absmax`, 64),
      bf16("model.layers.0.mlp.time.weight", 64, 1),
      bf16("model.layers.0.mlp.log", 64, 1),
    ];
    const block = { quant_method: "bitsandbytes", load_in_4bit: true };
    const known = await reportOf(tensors, { hidden_size: 64, quantization_config: { ...block, ...more } });
    expect(known.parameters).toMatchObject({ total: 4096 + 128, logicalKnown: true });
    const open = await reportOf(tensors, { hidden_size: 64, quantization_config: block });
    expect(open.parameters).toMatchObject({ total: 4096 + 128, logicalKnown: false });
    const message = open.findings.find(({ rule }) => rule === "quantization/packed")?.message;
    expect(message).toContain("mlp.time.weight");
    expect(message).not.toContain("mlp.log");
  });

  it("OpenAI's own names of gpt-oss", async () => {
    const report = await reportOf([
      u8("block.0.mlp.mlp1_weight.blocks", 4, 64, 2, 16),
      u8("block.0.mlp.mlp1_weight.scales", 4, 64, 2),
      bf16("block.0.mlp.mlp1_bias", 4, 64),
    ]);
    expect(report.parameters).toMatchObject({ total: 4 * 64 * 64 + 4 * 64, biases: 256, logicalKnown: true });
    expect(report.quantization.schemes).toMatchObject([{ scheme: "mxfp4", words: "MXFP4 4-bit, groups of 32" }]);
  });

  const stack = `${OTHER}.experts`;
  it.each([
    {
      what: "Mistral's own FP8",
      tensors: [
        { name: "layers.0.attention.wq.weight", dtype: "F8_E4M3", shape: [64, 32] },
        f32("layers.0.attention.wq.qscale_weight"),
        f32("layers.0.attention.wq.qscale_act"),
        f32("layers.0.attention.k_fake_quantizer.qscale_act", 1),
      ],
      words: "FP8 (E4M3), one scale a tensor",
    },
    {
      what: "TensorRT-LLM's FP8",
      tensors: [
        fp8(64, 32),
        f32(`${MODULE}.weights_scaling_factor`, 1),
        f32(`${MODULE}.activation_scaling_factor`, 1),
        f32("model.layers.0.self_attn.kv_cache_scaling_factor", 1),
      ],
      words: "FP8 (E4M3), one scale a tensor",
    },
    {
      what: "ModelOpt's fused FP8 experts",
      tensors: [
        { name: `${stack}.gate_up_proj`, dtype: "F8_E4M3", shape: [4, 32, 16] },
        f32(`${stack}.gate_up_proj_weight_scale`, 4),
        f32(`${stack}.gate_up_proj_input_scale`, 4),
      ],
      words: "FP8 (E4M3), one scale a matrix",
    },
    {
      what: "FP8 experts with a scale for each half",
      tensors: [
        { name: `${stack}.w13_weight`, dtype: "F8_E4M3", shape: [4, 32, 16] },
        f32(`${stack}.w13_weight_scale`, 4, 2),
        f32(`${stack}.w13_input_scale`, 4),
      ],
      words: "FP8 (E4M3), one scale a matrix",
    },
    {
      what: "FP8 experts with a scale for each row",
      tensors: [
        { name: `${stack}.gate_up_proj`, dtype: "F8_E4M3", shape: [4, 32, 16] },
        f32(`${stack}.gate_up_proj_scale`, 4, 32),
      ],
      words: "FP8 (E4M3), one scale a row",
    },
    {
      what: "Ascend ModelSlim",
      tensors: [
        i8(`${MODULE}.weight`, 64, 32),
        f32(`${MODULE}.weight_scale`, 64, 1),
        f32(`${MODULE}.weight_offset`, 64, 1),
        f32(`${MODULE}.input_offset`, 1),
        f32(`${MODULE}.deq_scale`, 64),
        i32(`${MODULE}.quant_bias`, 64),
      ],
      words: "INT8 (one scale a row)",
    },
  ])("$what: nothing but the weights is counted", async ({ tensors, words }) => {
    const report = await reportOf([...tensors, bf16("model.norm.weight", 32)]);
    expect(report.parameters).toMatchObject({ total: 2048 + 32, logicalKnown: true });
    expect(report.findings.filter(({ rule }) => rule.startsWith("quantization/"))).toEqual([]);
    expect(report.quantization.schemes).toMatchObject([{ modules: 1, parameters: 2048, words }]);
  });

  it("names what no rule knows, and leaves biases and adapters alone", async () => {
    const report = await reportOf([
      fp8(64, 32),
      f32(`${MODULE}.weight_scale`, 64, 1),
      f32(`${MODULE}.zp`, 64),
      bf16(`${MODULE}.bias`, 64),
      bf16(`${MODULE}.lora_A`, 8, 32),
    ]);
    expect(report.parameters.total).toBe(2048 + 64 + 64 + 256);
    const said = report.findings.find(({ rule }) => rule === "quantization/unknown-side");
    expect(said).toMatchObject({ severity: "note" });
    expect(said?.message).toContain(`1 tensor (${MODULE}.zp)`);
  });

  it("one row for a mix of mean widths, and an end to rows", async () => {
    const exl2 = Array.from({ length: 30 }, (_, i) => [
      i32(`model.layers.${i}.self_attn.q_proj.q_weight`, 20 + i, 64),
      i32(`model.layers.${i}.self_attn.q_proj.q_invperm`, 256),
    ]).flat();
    const mixed = await reportOf(exl2);
    expect(mixed.quantization.schemes).toMatchObject([{ modules: 30, words: "EXL2 2.5 to 6.13-bit" }]);

    // Sides of three blocks each, of a hundred different sizes.
    const blocks = Array.from({ length: 100 }, (_, i) => [
      {
        name: `model.layers.${i}.self_attn.q_proj.weight`,
        dtype: "F8_E4M3",
        shape: [3 * (33 + Math.floor(i / 10)), 3 * (33 + (i % 10))],
      },
      f32(`model.layers.${i}.self_attn.q_proj.weight_scale_inv`, 3, 3),
    ]).flat();
    const { schemes } = (await reportOf(blocks)).quantization;
    expect(schemes).toHaveLength(65);
    expect(sum(schemes.map(({ modules }) => modules))).toBe(100);
  });
});

describe("learned tensors under names of sides", () => {
  it.each([
    "self_attn.q_scale",
    "self_attn.k_scale",
    "self_attn.v_scale",
    "self_attn.output_scale",
    "self_attn.weight_scale",
    "self_attn.SU",
    "input_scale",
    "scales",
    "codebooks",
    "q_groups",
    "mlp.absmax",
    "self_attn.q_proj.scale",
    "self_attn.q_proj.act_scale",
  ])("%s counts where nothing is quantized", async (name) => {
    const report = await reportOf([bf16(`${MODULE}.weight`, 64, 32), bf16(`model.layers.0.${name}`, 64)]);
    expect(report.parameters).toMatchObject({ total: 2048 + 64, logicalKnown: true, excluded: [] });
  });

  it("doubles are no sign of a quantization", async () => {
    const report = await reportOf([
      { name: `${MODULE}.weight`, dtype: "F64", shape: [64, 32] },
      bf16("model.layers.0.self_attn.k_scale", 64),
    ]);
    expect(report.parameters).toMatchObject({ total: 2048 + 64, excluded: [] });
  });

  it("a scale beside a dense weight counts in a quantized checkpoint too", async () => {
    const report = await reportOf([
      { name: `${MODULE}.weight`, dtype: "F8_E4M3", shape: [64, 32] },
      { name: `${MODULE}.weight_scale`, dtype: "F32", shape: [64, 1] },
      bf16(`${MODULE}.scale`, 64),
      bf16("model.layers.0.self_attn.o_proj.weight", 32, 64),
      bf16("model.layers.0.self_attn.o_proj.scale", 32),
    ]);
    expect(report.parameters).toMatchObject({ total: 2048 + 64 + 2048 + 32, logicalKnown: true });
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
