/**
 * Packed weights: whatever the scheme, a module of [out, in] counts out * in parameters, its scales and maps count none, and its
 * bits are all of its bytes. Where the tensors don't tell, the report says so, and never gives a number as if they did.
 */
import { type Checkpoint, decodeNumbers, memoryFileSet, openFileSet } from "@checkpoint-inspect/parser";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { AWQ } from "../../../fixtures/quantized/awq.mjs";
import { BITSANDBYTES } from "../../../fixtures/quantized/bitsandbytes.mjs";
import { COMPRESSED_TENSORS } from "../../../fixtures/quantized/compressed-tensors.mjs";
import { FP8 } from "../../../fixtures/quantized/fp8.mjs";
import { GPTQ } from "../../../fixtures/quantized/gptq.mjs";
import { USUAL_SETTINGS } from "../../../fixtures/quantized/usual-settings.mjs";
import {
  fullName,
  MODULE,
  quantizedFiles,
  type Recipe,
  type RecipeTensor,
} from "../../../fixtures/quantized/write.mjs";
import { analyse, type Report, valuesWanted } from "../src/index.ts";

const LISTS: readonly Recipe[] = [...GPTQ, ...AWQ, ...BITSANDBYTES, ...COMPRESSED_TENSORS, ...FP8];
const SCHEMES = new Set(LISTS.map(({ scheme }) => scheme));
const RECIPES = [...new Set([...LISTS, ...USUAL_SETTINGS.filter(({ scheme }) => SCHEMES.has(scheme))])];

interface Change {
  readonly tensors?: readonly RecipeTensor[];
  readonly config?: Readonly<Record<string, unknown>>;
}

async function open(recipe: Recipe, out: number, width: number, change: Change = {}): Promise<Checkpoint> {
  const checkpoint = await openFileSet(memoryFileSet("packed", quantizedFiles(recipe, out, width, change)));
  expect(checkpoint.error).toBeUndefined();
  return checkpoint;
}

/** As the command does it: with the values that the checkpoint's own header asks for. */
async function report(checkpoint: Checkpoint): Promise<Report> {
  const wanted = valuesWanted(checkpoint);
  const data = await checkpoint.readData(wanted);
  const values = new Map(wanted.map(({ name, type }, i) => [name, decodeNumbers(type, data[i] as Uint8Array) ?? []]));
  return analyse(checkpoint, { values });
}

const BYTES: Record<string, number> = { U8: 1, I8: 1, I16: 2, F16: 2, BF16: 2, I32: 4, F32: 4, I64: 8 };
const bytesOf = ({ dtype, shape }: RecipeTensor) =>
  (dtype.startsWith("F8") ? 1 : (BYTES[dtype] as number)) * shape.reduce((a, b) => a * b, 1);

const parametersOf = (recipe: Recipe, out: number, width: number) => recipe.parameters?.(out, width) ?? out * width;

function expectExact(result: Report, recipe: Recipe, out: number, width: number): void {
  const parameters = parametersOf(recipe, out, width);
  const bytes = recipe.tensors(out, width).reduce((sum, tensor) => sum + bytesOf(tensor), 0);
  expect(result.parameters.logicalKnown).toBe(true);
  expect(result.findings).toEqual([]);
  expect(result.parameters.total).toBe(parameters);
  expect(new Set(result.parameters.excluded.map(({ reason }) => reason))).toEqual(new Set(["quant-side"]));
  expect(result.quantization.bitsPerWeight).toBeCloseTo((8 * bytes) / parameters, 9);
  const [bucket, part] =
    (recipe.module ?? MODULE) === MODULE ? ["attention", "q"] : ["expert", expect.stringMatching(/^routed\./)];
  const holding = result.buckets.filter((count) => count.parameters > 0);
  expect(holding.map((count) => count.bucket)).toEqual([bucket]);
  expect(holding[0]?.parts.filter((count) => count.parameters > 0).map((count) => count.part)).toEqual([part]);
}

describe.each(RECIPES)("$name", (recipe) => {
  it.each(recipe.shapes)("counts [%i, %i] to the last weight", async (out, width) => {
    const checkpoint = await open(recipe, out, width);
    const result = await report(checkpoint);
    expectExact(result, recipe, out, width);
    const [use, ...others] = result.quantization.schemes;
    expect(others).toEqual([]);
    expect(use).toMatchObject({ scheme: recipe.scheme, modules: 1, parameters: parametersOf(recipe, out, width) });
    if (recipe.words && out === recipe.shapes[0][0]) expect(use?.words).toBe(recipe.words);
    expect(use?.bitsPerWeight).toBeCloseTo(result.quantization.bitsPerWeight as number, 9);
  });

  it("stays right when config names another method, and without one wherever shapes tell", async () => {
    const [out, width] = recipe.shapes[1];
    const { quantization_config: block, ...rest } = recipe.config;
    const lied = { ...rest, quantization_config: { ...(block as object), quant_method: "exl9" } };
    expectExact(await report(await open(recipe, out, width, { config: lied })), recipe, out, width);
    const bare = await report(await open(recipe, out, width, { config: {} }));
    if (!recipe.needsConfig || bare.parameters.logicalKnown) expectExact(bare, recipe, out, width);
    else expect(bare.findings.map(({ rule }) => rule)).toContain("quantization/packed");
  });

  it("gives a module without its scales no count, unless its elements are the weights", async () => {
    const [out, width] = recipe.shapes[0];
    const all = recipe.tensors(out, width);
    const tensors = all.filter(({ suffix }) => !/scale|absmax|SCB|bitmask|\.s$/.test(suffix));
    const result = await report(await open(recipe, out, width, { tensors }));
    const container = all[0] as RecipeTensor;
    const elements = container.shape.reduce((a, b) => a * b, 1);
    if (container.dtype.startsWith("F8") && elements === parametersOf(recipe, out, width)) {
      expect(result.parameters).toMatchObject({ total: elements, logicalKnown: true });
      return;
    }
    expect(result.parameters).toMatchObject({ logicalKnown: false, active: null });
    expect(result.quantization.bitsPerWeight).toBeNull();
    const said = result.findings.find(({ rule }) => rule === "quantization/packed");
    expect(said?.message).toContain(fullName(recipe.module ?? MODULE, container.suffix));
  });

  it("is not disturbed by what stands beside it", async () => {
    const [out, width] = recipe.shapes[1];
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 500 }), async (bias, norm) => {
        const tensors = [
          ...recipe.tensors(out, width),
          { suffix: "model.layers.0.self_attn.o_proj.bias", dtype: "BF16", shape: [bias] },
          { suffix: "model.layers.0.post_attention_layernorm.weight", dtype: "BF16", shape: [norm] },
        ];
        const { parameters } = await report(await open(recipe, out, width, { tensors }));
        expect(parameters.total).toBe(parametersOf(recipe, out, width) + bias + norm);
        expect(parameters.biases).toBe(bias);
      }),
      { numRuns: 3 },
    );
  });
});

describe("values that a header lacks", () => {
  const recipe = COMPRESSED_TENSORS.find(({ name }) => name === "compressed-tensors 4-bit by rows, dense") as Recipe;
  const [out, width] = recipe.shapes[1];
  const shape = `${MODULE}.weight_shape`;

  it("gives an upper bound and says so, and names what would settle it", async () => {
    const checkpoint = await open(recipe, out, width);
    expect(valuesWanted(checkpoint).map(({ name }) => name)).toEqual([shape]);
    const { parameters, findings } = analyse(checkpoint);
    expect(parameters).toMatchObject({ logicalKnown: false, total: out * Math.ceil(width / 8) * 8 });
    expect(findings.map(({ rule }) => rule)).toEqual(["quantization/row-width"]);
  });

  it.each([
    ["zeros, as a file of holes has them", [0, 0]],
    ["other rows", [out + 1, width]],
    ["one number", [width]],
    ["no number", [Number.NaN, Number.NaN]],
  ])("takes no values that contradict the words: %s", async (_, values) => {
    const checkpoint = await open(recipe, out, width);
    const { parameters } = analyse(checkpoint, { values: new Map([[shape, values]]) });
    expect(parameters).toMatchObject({ logicalKnown: false, total: out * Math.ceil(width / 8) * 8 });
  });

  it("gives no count where the shape and the declared bits contradict each other", async () => {
    const checkpoint = await open(recipe, out, width);
    const { parameters, findings } = analyse(checkpoint, { values: new Map([[shape, [out, width + 64]]]) });
    expect(parameters.logicalKnown).toBe(false);
    expect(findings.map(({ rule }) => rule)).toEqual(["quantization/packed"]);
  });

  it("asks for no tensor that is too large to be one", async () => {
    const tensors = recipe
      .tensors(out, width)
      .map((tensor) =>
        tensor.suffix === ".weight_shape" ? { suffix: tensor.suffix, dtype: "I64", shape: [1000] } : tensor,
      );
    const checkpoint = await open(recipe, out, width, { tensors });
    const result = await report(checkpoint);
    expect(result.parameters.logicalKnown).toBe(false);
  });

  it("bounds GPTQ rows that no index measures, where they may end inside a word", async () => {
    const gptq = GPTQ.find(({ name }) => name === "GPTQ without an index") as Recipe;
    const { parameters, findings } = analyse(await open(gptq, 96, 196));
    expect(parameters).toMatchObject({ logicalKnown: false, total: 96 * 200 });
    expect(findings.map(({ rule }) => rule)).toEqual(["quantization/row-width"]);
  });

  it("bounds a sparse matrix by its mask", async () => {
    const sparse = COMPRESSED_TENSORS.find(({ name }) => name === "compressed-tensors sparse-bitmask") as Recipe;
    const { parameters } = analyse(await open(sparse, out, width));
    expect(parameters).toMatchObject({ logicalKnown: false, total: out * Math.ceil(width / 8) * 8 });
  });
});

describe("an odd number of weights, two a byte", () => {
  const recipe = BITSANDBYTES.find(({ name }) => name.endsWith("of an odd number of weights")) as Recipe;
  const [out, width] = recipe.shapes[1];
  const state = `${MODULE}.weight.quant_state.bitsandbytes__nf4`;
  const withWidths = (widths: object) => ({ config: { ...recipe.config, ...widths } });
  const text = (json: unknown) => [...new TextEncoder().encode(JSON.stringify(json))];

  it("is an upper bound until the shape is read", async () => {
    const checkpoint = await open(recipe, out, width);
    expect(valuesWanted(checkpoint).map(({ name }) => name)).toEqual([state]);
    const { parameters, findings } = analyse(checkpoint);
    expect(parameters).toMatchObject({ logicalKnown: false, total: out * width + 1 });
    expect(findings.map(({ rule }) => rule)).toEqual(["quantization/row-width"]);
    expect((await report(checkpoint)).parameters).toMatchObject({ logicalKnown: true, total: out * width });
  });

  it.each([
    ["an odd width of the state", { hidden_size: 53 }],
    ["an odd width between", { hidden_size: 64, intermediate_size: 37 }],
    ["a tower's odd width", { hidden_size: 64, vision_config: { hidden_size: 53 } }],
    ["widths that are none", { hidden_size: "64", intermediate_size: 64 }],
  ])("asks for the shape with %s", async (_, widths) => {
    // A module that doesn't surely read the state.
    const module = "model.layers.0.self_attn.o_proj";
    const checkpoint = await open({ ...recipe, module }, out, width, withWidths(widths));
    expect(valuesWanted(checkpoint).map(({ name }) => name)).toEqual([state.replace(MODULE, module)]);
    expect(analyse(checkpoint).parameters.logicalKnown).toBe(false);
  });

  it.each([
    ["even widths", withWidths({ hidden_size: 64, intermediate_size: 256 })],
    ["a text model's even width", withWidths({ text_config: { hidden_size: 64 } })],
    ["a bias", { tensors: [...recipe.tensors(64, 256), { suffix: ".bias", dtype: "BF16", shape: [64] }] }],
    [
      "the norm in front",
      {
        tensors: [
          ...recipe.tensors(64, 256),
          { suffix: "model.layers.0.input_layernorm.weight", dtype: "BF16", shape: [256] },
        ],
      },
    ],
  ])("knows without asking that a side is even: %s", async (_, change) => {
    const checkpoint = await open(recipe, 64, 256, change);
    expect(valuesWanted(checkpoint)).toEqual([]);
    const { parameters } = analyse(checkpoint);
    expect(parameters.logicalKnown).toBe(true);
    expect(parameters.total - parameters.biases - (checkpoint.tensors.find(isNorm)?.elements ?? 0)).toBe(64 * 256);
  });

  it.each([
    ["zeros, as a file of holes has them", Array(90).fill(0)],
    ["no JSON", [...new TextEncoder().encode('{"shape": [37, 53')]],
    ["null", text(null)],
    ["no shape", text({ blocksize: 64 })],
    ["another matrix", text({ shape: [37, 54] })],
    ["sides that are none", text({ shape: [-37, -53] })],
    ["sides past what can be counted", text({ shape: [1e300, 1e300] })],
    ["numbers that are no bytes", [Number.NaN, -1, 1e9]],
  ])("takes no state that contradicts the bytes: %s", async (_, values) => {
    const checkpoint = await open(recipe, out, width);
    const { parameters } = analyse(checkpoint, { values: new Map([[state, values]]) });
    expect(parameters).toMatchObject({ logicalKnown: false, total: out * width + 1 });
  });

  it("reads the shape under any type of words", async () => {
    // 2,035 weights: 509 words but for half a byte.
    const tensors = recipe
      .tensors(37, 55)
      .map((tensor) => (tensor.suffix === ".weight" ? { ...tensor, dtype: "BF16", shape: [509, 1] } : tensor));
    const result = await report(await open(recipe, 37, 55, { tensors }));
    expect(result.parameters).toMatchObject({ logicalKnown: true, total: 37 * 55 });
  });
});

const isNorm = ({ name }: { readonly name: string }) => name.endsWith("norm.weight");

describe("config that makes work", () => {
  it("a hundred thousand groups are looked at once, not once a module", async () => {
    const recipe = COMPRESSED_TENSORS.find(({ name }) => name === "compressed-tensors 4-bit by rows, dense") as Recipe;
    const weights = (i: number) => ({ num_bits: (i % 8) + 1, group_size: 1000 + i, type: "int" });
    const groups = Object.fromEntries(
      Array.from({ length: 100_000 }, (_, i) => [`group_${i}`, { weights: weights(i) }]),
    );
    const config = { quantization_config: { quant_method: "compressed-tensors", config_groups: groups } };
    const modules = Array.from({ length: 2000 }, (_, i) => `model.layers.${i}.self_attn.q_proj`);
    const tensors = modules.flatMap((module) =>
      recipe.tensors(4, 8).map((tensor) => ({ ...tensor, suffix: module + tensor.suffix })),
    );
    const result = await report(await open(recipe, 4, 8, { tensors, config }));
    expect(result.parameters).toMatchObject({ total: 2000 * 4 * 8, logicalKnown: true });
  });
});

describe("what only looks packed", () => {
  const plain: Recipe = {
    name: "plain",
    scheme: "",
    config: {},
    shapes: [
      [64, 64],
      [64, 64],
    ],
    tensors: (out, width) => [
      { suffix: ".weight", dtype: "BF16", shape: [out, width] },
      { suffix: "model.layers.0.input_layernorm.scale", dtype: "BF16", shape: [width] },
      { suffix: "model.layers.0.mlp.tid2eid", dtype: "I32", shape: [128, 4] },
    ],
  };

  it("a norm's scale quantizes nothing, and a table of integers stays a table", async () => {
    const { parameters, quantization, findings } = analyse(await open(plain, 64, 64));
    expect(parameters).toMatchObject({ total: 64 * 64 + 64, logicalKnown: true });
    expect(quantization.schemes).toEqual([]);
    expect(findings).toEqual([]);
  });

  it("an index that contradicts the words leaves the packing unknown", async () => {
    const recipe = GPTQ.find(({ name }) => name === "GPTQ 4-bit") as Recipe;
    const tensors = recipe
      .tensors(96, 256)
      .map((tensor) => (tensor.suffix === ".g_idx" ? { suffix: ".g_idx", dtype: "I32", shape: [250_000] } : tensor));
    const { parameters } = await report(await open(recipe, 96, 256, { tensors }));
    expect(parameters.logicalKnown).toBe(false);
  });
});
