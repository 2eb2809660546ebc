/**
 * The Hub's count against the Hub's own code: `hubCount` equals what @huggingface/hub computes from the same bytes, and the
 * differences that are named add up to what lies between its number and ours.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import {
  type Checkpoint,
  type FileSet,
  memoryFileSet,
  openCheckpoint,
  openFileSet,
  type TensorToDeclare,
  writeSafetensorsHeader,
} from "@checkpoint-inspect/parser";
import { gguf } from "@huggingface/gguf";
import { globMatch, matchesCompressedTensorsTarget, parseSafetensorsMetadata } from "@huggingface/hub";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { describeReal, listReal, readRealJson, realData } from "../../../test-support/real-data.ts";
import { skipList, targetLists } from "../src/hub-count/patterns.ts";
import { hubCollector, hubCount, NOT_EXPLAINED } from "../src/hub-count.ts";
import { analyse, modelFacts, packingOf, placer } from "../src/index.ts";

const FIXTURES = new URL("../../../fixtures/", import.meta.url);

/** A file of which only the first bytes are at hand. */
interface Head {
  readonly bytes: Uint8Array;
  readonly sizeBytes: number;
}

type Files = Readonly<Record<string, Head>>;

const json = (value: unknown): Head => {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  return { bytes, sizeBytes: bytes.length };
};

const weights = (tensors: readonly TensorToDeclare[]): Head => {
  const { header, sizeBytes } = writeSafetensorsHeader(tensors);
  return { bytes: header, sizeBytes };
};

const whole = (files: Readonly<Record<string, Uint8Array>>): Files =>
  Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, { bytes, sizeBytes: bytes.length }]));

/** The bytes at hand, then zeros. */
function readHead({ bytes, sizeBytes }: Head, offset: number, length: number): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(Math.max(0, Math.min(length, sizeBytes - offset)));
  result.set(bytes.subarray(offset, offset + result.length));
  return result;
}

function headSet(files: Files): FileSet {
  const empty = Object.fromEntries(Object.keys(files).map((name) => [name, new Uint8Array()]));
  return {
    ...memoryFileSet("model", empty),
    async list() {
      return Object.entries(files).map(([name, { sizeBytes }]) => ({ name, sizeBytes }));
    },
    async open(name) {
      const head = files[name];
      if (!head) throw new Error(`no ${name}`);
      return {
        name,
        sizeBytes: head.sizeBytes,
        read: async (offset, length) => readHead(head, offset, length),
        close: async () => {},
      };
    },
  };
}

/** What the Hub's own code counts, reading the files by Range as it does on the Hub. */
async function theirCount(files: Files): Promise<number> {
  const serve: typeof fetch = async (input, init) => {
    const url = new URL(String(input instanceof Request ? input.url : input));
    const head = files[decodeURIComponent(url.pathname.split("/").at(-1) ?? "")];
    if (!head) return new Response(null, { status: 404, headers: { "X-Error-Code": "EntryNotFound" } });
    const range = /bytes=(\d+)-(\d+)/.exec(new Headers(init?.headers).get("range") ?? "");
    const start = Number(range?.[1] ?? 0);
    const end = Math.min(Number(range?.[2] ?? head.sizeBytes - 1) + 1, head.sizeBytes);
    const headers = {
      ETag: '"e"',
      "Content-Length": String(end - start),
      "Content-Range": `bytes ${start}-${end - 1}/${head.sizeBytes}`,
    };
    return new Response(readHead(head, start, end - start), { status: range ? 206 : 200, headers });
  };
  const path = Object.keys(files).find((name) => /\.safetensors\.index\.json$/.test(name)) ?? "model.safetensors";
  const params = { repo: "test/model", path, fetch: serve, computeParametersCount: true } as const;
  const { parameterCount } = await parseSafetensorsMetadata(params);
  return Object.values(parameterCount).reduce((sum, count) => sum + count, 0);
}

/** What the Hub counts, what we count, and what is said of the difference. */
function compare(checkpoint: Checkpoint) {
  const collector = hubCollector(checkpoint);
  const place = placer(checkpoint, modelFacts(checkpoint), packingOf(checkpoint));
  for (const tensor of checkpoint.tensors) collector.visit(place(tensor));
  const { total } = analyse(checkpoint).parameters;
  const comparison = collector.comparison();
  const explained = comparison?.differences.reduce((sum, { parameters }) => sum + parameters, 0);
  return { hub: hubCount(checkpoint), total, comparison, explained, words: comparison?.differences };
}

/** The count is the Hub's, and what is named is the whole difference. */
async function expectEqual(files: Files): Promise<ReturnType<typeof compare>> {
  const checkpoint = await openFileSet(headSet(files));
  const result = compare(checkpoint);
  expect(result.hub).toBe(await theirCount(files));
  expectExplained(result);
  return result;
}

function expectExplained({ hub, total, comparison, explained }: ReturnType<typeof compare>): void {
  expect(comparison?.parameters).toBe(hub);
  expect(explained).toBe((hub ?? 0) - total);
  expect(comparison?.differences.map(({ words }) => words)).not.toContain(NOT_EXPLAINED);
}

describeReal("published models", () => {
  it.each(listReal("hf-heads"))("%s: counted as the Hub does", async (model) => {
    const folder = realData("hf-heads", model);
    const sizes = new Map(
      readRealJson<{ head: string; full_bytes: number }[]>("hf-heads", model, "HEADS.json").map((row) => [
        row.head,
        row.full_bytes,
      ]),
    );
    const files: Record<string, Head> = {};
    for (const name of readdirSync(folder)) {
      if (name === "HEADS.json") continue;
      const raw = readFileSync(join(folder, name));
      const head = name.replace(/\.gz$/, "");
      const bytes = head === name ? raw : gunzipSync(raw);
      files[head.replace(/\.head$/, "")] = { bytes, sizeBytes: sizes.get(head) ?? bytes.length };
    }
    await expectEqual(files);
  });
});

describe("fixtures", () => {
  it("a sharded one: counted as the Hub does", async () => {
    const folder = new URL("llama-tiny-safetensors/", FIXTURES);
    await expectEqual(
      whole(Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(new URL(name, folder))]))),
    );
  });

  const ggufFiles = readdirSync(FIXTURES).filter((name) => name.endsWith(".gguf"));
  it.each(ggufFiles)("%s: all elements, as the Hub's GGUF reader sums them", async (name) => {
    const path = fileURLToPath(new URL(name, FIXTURES));
    const checkpoint = await openCheckpoint(path);
    await checkpoint.close();
    const theirs = await gguf(path, { allowLocalFile: true, computeParametersCount: true });
    const result = compare(checkpoint);
    expect(result.hub).toBe(theirs.parameterCount);
    expectExplained(result);
  });
});

interface Recipe {
  readonly name: string;
  readonly shapes: readonly (readonly [out: number, width: number])[];
}

interface RecipeDriver {
  quantizedFiles(recipe: Recipe, out: number, width: number): Readonly<Record<string, Uint8Array>>;
}

const QUANTIZED = new URL("quantized/", FIXTURES);
const recipeModules: readonly Readonly<Record<string, unknown>>[] = await Promise.all(
  readdirSync(QUANTIZED)
    .filter((name) => name.endsWith(".mjs"))
    .map((name) => import(new URL(name, QUANTIZED).href)),
);
const recipes = recipeModules.flatMap((module) =>
  Object.values(module).filter(Array.isArray).flat(),
) as readonly Recipe[];
const driver = recipeModules.find((module) => "quantizedFiles" in module) as unknown as RecipeDriver;

describe("packed layers", () => {
  const cases = recipes.flatMap((recipe) => recipe.shapes.map(([out, width]) => ({ recipe, out, width })));

  it.each(cases)("$recipe.name, $out x $width: counted as the Hub does", async ({ recipe, out, width }) => {
    const files = driver.quantizedFiles(recipe, out, width);
    await expectEqual(whole(files));
  });
});

describe("what the difference is called", () => {
  it("GPT-2's masks, a stored copy of the tied table, rotary frequencies, scalars", async () => {
    const { total, words } = await expectEqual({
      "model.safetensors": weights([
        { name: "transformer.wte.weight", dtype: "F32", shape: [1000, 64] },
        { name: "transformer.h.0.attn.bias", dtype: "F32", shape: [1, 1, 32, 32] },
        { name: "transformer.h.0.attn.c_attn.weight", dtype: "F32", shape: [64, 192] },
        { name: "transformer.h.0.attn.rotary_emb.inv_freq", dtype: "F32", shape: [8] },
        { name: "lm_head.weight", dtype: "F32", shape: [1000, 64] },
        { name: "logit_scale", dtype: "F32", shape: [] },
      ]),
      "config.json": json({ model_type: "gpt2", architectures: ["GPT2LMHeadModel"], tie_word_embeddings: true }),
    });
    expect(total).toBe(1000 * 64 + 64 * 192 + 1);
    expect(words).toEqual([
      { words: "a second copy of the tied table", parameters: 64_000 },
      { words: "causal masks", parameters: 1024 },
      { words: "rotary frequencies", parameters: 8 },
      { words: "scalars, which it leaves out", parameters: -1 },
    ]);
  });

  it("3-bit GPTQ: whole weights a word", async () => {
    const { hub, total, words } = await expectEqual({
      "model.safetensors": weights([
        { name: "model.layers.0.self_attn.q_proj.qweight", dtype: "I32", shape: [384, 4096] },
        { name: "model.layers.0.self_attn.q_proj.qzeros", dtype: "I32", shape: [32, 384] },
        { name: "model.layers.0.self_attn.q_proj.scales", dtype: "F16", shape: [32, 4096] },
        { name: "model.layers.0.self_attn.q_proj.g_idx", dtype: "I32", shape: [4096] },
      ]),
      "config.json": json({ quantization_config: { quant_method: "gptq", bits: 3, group_size: 128 } }),
    });
    expect([hub, total]).toEqual([15_728_640, 16_777_216]);
    expect(words).toEqual([
      { words: "1,572,864 words of 10.67 weights each, counted as 10 each", parameters: -1_048_576 },
    ]);
  });

  it("GPTQ that the config is silent about: words as they stand, and the scales too", async () => {
    const { total, words } = await expectEqual({
      "model.safetensors": weights([
        { name: "model.layers.0.self_attn.q_proj.qweight", dtype: "I32", shape: [512, 4096] },
        { name: "model.layers.0.self_attn.q_proj.qzeros", dtype: "I32", shape: [32, 512] },
        { name: "model.layers.0.self_attn.q_proj.scales", dtype: "F16", shape: [32, 4096] },
        { name: "model.layers.0.self_attn.q_proj.g_idx", dtype: "I32", shape: [4096] },
      ]),
    });
    expect(total).toBe(16_777_216);
    expect(words).toEqual([
      { words: "2,097,152 words of 8 weights each, counted as they stand", parameters: -14_680_064 },
      { words: "scales and maps of the quantization", parameters: 151_552 },
    ]);
  });
});

describe("where the Hub has no such number", () => {
  const one: TensorToDeclare = { name: "a.weight", dtype: "F32", shape: [4] };

  it("a tensor in two shards, which it counts twice", async () => {
    const index = json({
      metadata: {},
      weight_map: { "a.weight": "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" },
    });
    const files = {
      "model-00001-of-00002.safetensors": weights([one]),
      "model-00002-of-00002.safetensors": weights([one, { name: "b", dtype: "F32", shape: [2] }]),
      "model.safetensors.index.json": index,
    };
    const result = compare(await openFileSet(headSet(files)));
    expect(result).toMatchObject({ hub: null, comparison: null });
    const { "model-00001-of-00002.safetensors": _, ...rest } = files;
    expect(compare(await openFileSet(headSet(rest)))).toMatchObject({ hub: null, comparison: null });
  });

  it.each([
    ["a block that is no object", "gptq"],
    ["patterns that are no list", { quant_method: "gptq", bits: 4, modules_to_not_convert: "lm_head" }],
    ["targets that are no words", { quant_method: "compressed-tensors", config_groups: { group_0: { targets: [1] } } }],
  ])("%s, on which it fails", async (_, block) => {
    const files = {
      "model.safetensors": weights([{ ...one, dtype: "I32" }]),
      "config.json": json({ quantization_config: block }),
    };
    const checkpoint = await openFileSet(headSet(files));
    expect(hubCount(checkpoint)).toBeNull();
    const theirs = await theirCount(files).catch((error: unknown) => error);
    expect(theirs).toBeInstanceOf(Error);
  });

  it("lists of patterns that are too long to be tried", async () => {
    const tensors = Array.from({ length: 2000 }, (_, i) => ({ name: `m.${i}.qweight`, dtype: "I32", shape: [1, 1] }));
    const modules_to_not_convert = Array.from({ length: 20_000 }, (_, i) => `other.${i}*`);
    const checkpoint = await openFileSet(
      headSet({
        "model.safetensors": weights(tensors),
        "config.json": json({ quantization_config: { quant_method: "gptq", bits: 4, modules_to_not_convert } }),
      }),
    );
    expect(hubCount(checkpoint)).toBeNull();
  });
});

describe("any checkpoint, any config", () => {
  const pick = <T>(...values: readonly T[]) => fc.constantFrom(...values);
  const module = pick(
    "model.layers.0.self_attn.q_proj",
    "model.layers.0.mlp.experts.0.up_proj",
    "model.layers.1.mlp.shared_experts.up_proj",
    "model.layers.1.mlp.shared_experts.experts.0.up_proj",
    "model.layers.1.mlp.experts.1.down_proj",
    "model.layers.1.mlp.gate",
    "visual.blocks.0.attn",
    "lm_head",
    "plain",
  );
  const ending = pick(
    ".weight",
    ".bias",
    ".biases",
    ".scales",
    ".qweight",
    ".qzeros",
    ".g_idx",
    ".weight_packed",
    ".weight_scale",
    ".weight_shape",
    ".weight_zero_point",
    ".weight_scale_inv",
    ".scale",
    ".zero_point",
    "_blocks",
    "_scales",
    ".weight.absmax",
    ".weight.quant_map",
    ".weight.quant_state.bitsandbytes__nf4",
    ".SCB",
    "",
  );
  const dtype = pick("U8", "I8", "I16", "U32", "I32", "I64", "F8_E8M0", "F8_E4M3", "F16", "BF16", "F32");
  const shape = fc.array(fc.integer({ min: 0, max: 70 }), { maxLength: 3 });
  const loose = fc.record({ name: fc.tuple(module, ending).map(([stem, end]) => stem + end), dtype, shape });
  /** Tensors that belong together, so that methods that look for siblings find them. */
  const bundle = fc
    .tuple(
      module,
      pick(
        [".weight U32", ".scales F16", ".biases F16"],
        [".weight U32", ".scales U8"],
        [".qweight I32", ".qzeros I32", ".scales F16", ".g_idx I32"],
        [".weight_packed I32", ".weight_scale BF16", ".weight_shape I64"],
        [".weight U8", ".weight.absmax U8", ".weight.quant_map F32"],
        ["_blocks U8", "_scales U8"],
        [".weight I8", ".scale F8_E8M0"],
      ),
      fc.integer({ min: 1, max: 50 }),
    )
    .map(([stem, endings, rows]) =>
      endings.map((text) => {
        const [end = "", type = ""] = text.split(" ");
        return { name: stem + end, dtype: type, shape: [rows, 3] };
      }),
    );
  const tensors = fc
    .tuple(fc.array(bundle, { maxLength: 3 }), fc.array(loose, { maxLength: 8 }))
    .map(([bundles, others]) => [
      ...new Map([...bundles.flat(), ...others].map((tensor) => [tensor.name, tensor])).values(),
    ]);
  const target = pick(
    "Linear",
    "lm_head",
    "model.layers.0.self_attn.q_proj",
    "re:.*q_proj$",
    "re:^model\\.layers\\.1.*",
    "re:.*experts.*up_proj",
    "re:visual",
    "re:.*mlp\\.(gate|up)_proj",
    "re:.*",
    "re:",
  );
  const pattern = pick(
    "lm_head",
    "gate",
    "model.layers.1.",
    "*",
    "*experts*",
    "model.*.q_proj.qweight",
    "*.weight",
    "visual*attn",
    "",
  );
  const bits = pick(1, 2, 3, 4, 5, 6, 8, 16, 32, 0, -1, 2.5, null);
  const mode = pick("affine", "AFFINE", "mxfp4", "nvfp4", "mxfp8", "other", null);
  const groupSize = pick(16, 32, 64, 128, 100);
  const partly = { requiredKeys: [] };
  const format = pick(
    "pack-quantized",
    "mxfp4-pack-quantized",
    "nvfp4-pack-quantized",
    "int2-pack-quantized",
    "float-quantized",
    "mixed-precision",
  );
  const group = fc.record(
    { format, targets: fc.array(target, { maxLength: 2 }), weights: fc.record({ num_bits: bits }, partly) },
    partly,
  );
  const mlxEntry = fc.record({ bits, group_size: groupSize, mode }, partly);
  const ignore = fc.array(target, { maxLength: 2 });
  const modules_to_not_convert = fc.array(pattern, { maxLength: 2 });
  const experts = {
    expert_dtype: pick("fp4", "NVFP4", "int2", "bf16", null),
    store_dtype: pick("mxfp4", "fp8", "int2"),
  };
  const groups = { format, config_groups: fc.dictionary(pick("group_0", "group_1", "group_2"), group), ignore };
  const anyMethod = pick(
    "gptq",
    "AWQ",
    "bitsandbytes",
    "mxfp4",
    "compressed-tensors",
    "fp8",
    "mlx",
    "auto-round",
    "constructor",
  );
  const everything = {
    quant_method: anyMethod,
    bits,
    group_size: groupSize,
    mode,
    load_in_4bit: fc.boolean(),
    modules_to_not_convert,
    ...groups,
    ...experts,
  };
  // Any mix of fields, and for half of the runs those that a method looks at.
  const fields = fc.oneof(
    fc.record(everything, partly),
    fc.oneof(
      fc.record(
        { quant_method: pick("gptq", "awq"), bits, modules_to_not_convert },
        { requiredKeys: ["quant_method"] },
      ),
      fc.record({ quant_method: fc.constant("compressed-tensors"), ...groups }, { requiredKeys: ["quant_method"] }),
      fc.record({ quant_method: fc.constant("fp8"), ...experts }, { requiredKeys: ["quant_method"] }),
    ),
  );
  const block = fc
    .tuple(fields, fc.dictionary(module, fc.oneof(mlxEntry, fc.constant(false)), { maxKeys: 2 }))
    .map(([own, modules]) => ({ ...own, ...modules }));
  const scope = fc.record(
    {
      quantization: fc.oneof(mlxEntry, block),
      quantization_config: fc.oneof(block, fc.constant(null)),
      expert_dtype: pick("fp4", "uint4"),
    },
    partly,
  );
  const config = fc
    .tuple(scope, fc.record({ text_config: scope }, partly))
    .map(([root, text]) => ({ ...root, ...text }));

  it("is counted as the Hub does, and the difference is explained", async () => {
    await fc.assert(
      fc.asyncProperty(tensors, config, async (list, settings) => {
        await expectEqual({ "model.safetensors": weights(list), "config.json": json(settings) });
      }),
      { numRuns: 1500 },
    );
  });

  /** Few characters, so that patterns meet names, and overlap themselves. */
  const text = (...characters: readonly string[]) =>
    fc.array(pick(...characters), { maxLength: 6 }).map((list) => list.join(""));
  const name = text("a", "b", ".", "+");

  it("names fit a pattern where they do for the Hub", () => {
    fc.assert(
      fc.property(text("a", "b", ".", "*"), name, (stars, tensor) => {
        const theirs = stars.includes("*") ? globMatch(stars, tensor) : tensor.includes(stars);
        expect(skipList([stars], { left: 100 })(tensor)).toBe(theirs);
      }),
      { numRuns: 3000 },
    );
  });

  it("modules fit a target where they do for the Hub, the first of several lists", () => {
    const regular = text("a", "b", ".", ".*", "\\.", "^", "$", "+", "*").map((body) => `re:${body}`);
    const targets = fc.array(fc.oneof(name, regular), { maxLength: 3 });
    fc.assert(
      fc.property(fc.array(targets, { maxLength: 3 }), name, (lists, tensor) => {
        const theirs = lists.findIndex((list) => list.some((one) => matchesCompressedTensorsTarget(one, tensor)));
        expect(targetLists(lists, { left: 1000 })(tensor) ?? -1).toBe(theirs);
      }),
      { numRuns: 3000 },
    );
  });
});
