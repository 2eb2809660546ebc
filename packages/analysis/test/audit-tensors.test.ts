/** Layers, expert sets and quantized groups: whichever part is lost, it is named; what a model leaves out on purpose is not. */
import { type Checkpoint, openCheckpoint } from "@checkpoint-inspect/parser";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";

import { AWQ } from "../../../fixtures/quantized/awq.mjs";
import { BITSANDBYTES } from "../../../fixtures/quantized/bitsandbytes.mjs";
import { COMPRESSED_TENSORS } from "../../../fixtures/quantized/compressed-tensors.mjs";
import { FP8 } from "../../../fixtures/quantized/fp8.mjs";
import { GPTQ } from "../../../fixtures/quantized/gptq.mjs";
import { RECIPES as MLX } from "../../../fixtures/quantized/mlx.mjs";
import { RECIPES as MODELOPT } from "../../../fixtures/quantized/modelopt.mjs";
import { MODULE, type Recipe } from "../../../fixtures/quantized/write.mjs";
import { describeReal, expandHeads, hasRealData, listReal, realData } from "../../../test-support/real-data.ts";
import { analyse } from "../src/index.ts";
import {
  audit,
  bf16,
  type Config,
  filesOf,
  judge,
  LAYERS,
  LLAMA,
  LLAMA_CONFIG,
  MOE,
  MOE_CONFIG,
  open,
  reshaped,
  ruleLines,
  type Tensor,
  without,
} from "./safetensors-models.ts";

const messages = async (tensors: readonly Tensor[], config: Config) =>
  (await audit(tensors, config)).map(({ message }) => message);

const layerOf = (name: string) => Number(/layers\.(\d+)\./.exec(name)?.[1] ?? -1);

describe("layers", () => {
  it("names any tensor that a layer lacks", async () => {
    const parts = LLAMA.filter(({ name }) => layerOf(name) > 0);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...parts), async ({ name }) => {
        const findings = await audit(without(LLAMA, name), LLAMA_CONFIG);
        expect(ruleLines(findings)).toEqual(["error tensors/incomplete-layer"]);
        expect(findings[0]?.message).toContain(`layer ${layerOf(name)} lacks "${name}"`);
      }),
      { numRuns: 20 },
    );
  });

  it("where all layers are built alike, sees what many of them lack, and what all of them lack", async () => {
    const even = LLAMA.filter(({ name }) => !(name.includes(".down_proj") && layerOf(name) % 2 === 0));
    const half = await audit(even, LLAMA_CONFIG);
    expect(ruleLines(half)).toEqual(["error tensors/incomplete-layer"]);
    expect(half[0]?.message).toMatch(
      /^layer 0 lacks "model\.layers\.0\.mlp\.down_proj\.weight" and its like in layers /,
    );
    const none = await audit(
      LLAMA.filter(({ name }) => !name.includes(".q_proj")),
      LLAMA_CONFIG,
    );
    expect(none.map(({ message }) => message)).toContainEqual(
      expect.stringMatching(/^no layer has a tensor for attention q, though .* attention k, attention v, attention o$/),
    );
    // The same of an architecture whose layers may differ is a pattern.
    const other = await audit(even, { ...LLAMA_CONFIG, model_type: "made", architectures: ["MadeForCausalLM"] });
    expect(ruleLines(other)).not.toContain("error tensors/incomplete-layer");
  });

  it("names what several layers lack in one line", async () => {
    const more = Array.from({ length: 24 }, (_, i) => i);
    const deep = LLAMA.filter(({ name }) => layerOf(name) < 1).concat(
      more.flatMap((i) =>
        LLAMA.filter(({ name }) => layerOf(name) === 1).map((tensor) => ({
          ...tensor,
          name: tensor.name.replace("layers.1.", `layers.${i + 1}.`),
        })),
      ),
    );
    const config = { ...LLAMA_CONFIG, num_hidden_layers: 25 };
    expect(await audit(deep, config)).toEqual([]);
    expect(await messages(without(deep, /layers\.(?:7|19)\.self_attn\.[kv]_proj/), config)).toEqual([
      'layer 7 lacks "model.layers.7.self_attn.k_proj.weight", "model.layers.7.self_attn.v_proj.weight" ' +
        "and its like in layer 19; the 23 other layers of its make-up have them",
    ]);
  });

  it.each<readonly [what: string, lost: RegExp]>([
    ["the last layers attend to the keys of another one", /layers\.1[01]\.self_attn\.[kv]_proj/],
    ["the first layer has no norm in front", /layers\.0\.input_layernorm/],
    ["every third layer has one norm", /layers\.(?:2|5|8|11)\.post_attention_layernorm/],
  ])("says nothing where %s, unless all layers are built alike", async (_, lost) => {
    const sure = await audit(without(LLAMA, lost), LLAMA_CONFIG);
    expect(sure.map(({ rule }) => rule)).toContain("tensors/incomplete-layer");
    const findings = await audit(without(LLAMA, lost), { ...LLAMA_CONFIG, model_type: "new_model" });
    expect(findings.filter(({ rule }) => rule.startsWith("tensors/"))).toEqual([]);
  });

  it("says nothing of stages that grow wider, of which the last has nothing behind it", async () => {
    const stages = [8, 16, 32, 64].flatMap((width, i) => [
      bf16(`encoder.encoder.layers.${i}.blocks.0.layernorm_before.weight`, width),
      bf16(`encoder.encoder.layers.${i}.blocks.0.attention.self.query.weight`, width, width),
      bf16(`encoder.encoder.layers.${i}.blocks.0.attention.self.key.weight`, width, width),
      ...(i < 3 ? [bf16(`encoder.encoder.layers.${i}.downsample.norm.weight`, 4 * width)] : []),
    ]);
    expect(
      await audit([...stages, ...LLAMA], { ...LLAMA_CONFIG, architectures: ["VisionEncoderDecoderModel"] }),
    ).toEqual([]);
  });

  it("doubts a layer without a feed-forward part, unless it is stated which layers have one", async () => {
    const pruned = without(LLAMA, /layers\.5\.mlp/, "model.layers.5.post_attention_layernorm.weight");
    const config = { ...LLAMA_CONFIG, auto_map: {} };
    expect(ruleLines(await audit(pruned, config))).toEqual(["warning tensors/odd-layer"]);
    expect(await messages(pruned, config)).toEqual([
      "layer 5 has no feed-forward part; the 11 others of the stack have one",
    ]);
    expect(await audit(pruned, { ...LLAMA_CONFIG, block_configs: [{}] })).toEqual([]);
  });

  it.each<readonly [what: string, lost: RegExp, config: Config]>([
    ["one layer of an architecture that builds all alike", /layers\.5\.self_attn/, {}],
    ["several of them", /layers\.[3-6]\.self_attn/, {}],
    [
      "a layer that is stated to attend",
      /layers\.5\.self_attn/,
      { model_type: "new_model", layer_types: Array(LAYERS).fill("full_attention") },
    ],
  ])("is sure that attention was lost in %s", async (_, lost, config) => {
    const findings = await audit(without(LLAMA, lost), { ...LLAMA_CONFIG, ...config });
    expect(ruleLines(findings)).toEqual(["error tensors/odd-layer"]);
    expect(findings[0]?.message).toMatch(/^layers? [3-6-]+ ha(?:s|ve) no attention/);
  });

  it("leaves layers alone that are stated to do something else", async () => {
    const layer_types = Array.from({ length: LAYERS }, (_, i) => (i === 5 ? "none" : "full_attention"));
    const config = { ...LLAMA_CONFIG, model_type: "new_model", layer_types };
    expect(await audit(without(LLAMA, /layers\.5\.self_attn/), config)).toEqual([]);
  });

  const down = (layer: number) => `model.layers.${layer}.mlp.down_proj.weight`;

  it.each([
    ["turned", [24, 16]],
    ["flattened", [384]],
    ["of another width", [16, 20]],
  ])("names a weight that is %s", async (_, shape) => {
    const odd = reshaped(LLAMA, down(5), ...shape);
    const findings = await audit(odd, LLAMA_CONFIG);
    expect(ruleLines(findings)).toEqual(["error tensors/odd-shape"]);
    expect(findings[0]).toMatchObject({
      tensor: down(5),
      message: `layer 5: "${down(5)}" is [${shape.join(", ")}], in 11 other layers [16, 24]`,
    });
    // Of a class that nobody knows only the same numbers in another order are odd.
    const unknown = await audit(odd, { ...LLAMA_CONFIG, model_type: "new_model" });
    expect(ruleLines(unknown)).toEqual(shape[1] === 20 ? [] : ["warning tensors/odd-shape"]);
  });

  it("names layers of another model in one line, and leaves widths alone that go from layer to layer", async () => {
    const widened = (from: number, to: number, width: (i: number) => number) =>
      LLAMA.map((tensor) => {
        const layer = layerOf(tensor.name);
        if (layer < from || layer >= to || !tensor.name.includes(".mlp.")) return tensor;
        return { ...tensor, shape: tensor.shape.map((size) => (size === 24 ? width(layer) : size)) };
      });
    expect(
      await messages(
        widened(4, 8, () => 32),
        LLAMA_CONFIG,
      ),
    ).toEqual([
      'layers 4-7: "model.layers.4.mlp.down_proj.weight" is [16, 32], in 8 other layers [16, 24], and 2 more tensors differ',
    ]);
    const growing = widened(0, LAYERS, (layer) => 24 + layer);
    expect(await audit(growing, { ...LLAMA_CONFIG, model_type: "openelm" })).toEqual([]);
  });

  it("names gaps between layers, and those that are missing at the end", async () => {
    const findings = await audit(without(LLAMA, /layers\.(?:4|7|8)\./), LLAMA_CONFIG);
    expect(ruleLines(findings)).toEqual(["error tensors/layer-gap"]);
    expect(findings[0]?.message).toBe("layers 0-3, 5-6, 9-11 are there, 4, 7-8 are not");
    expect(ruleLines(await audit(without(LLAMA, /layers\.11\./), LLAMA_CONFIG))).toEqual(["error config/layer-count"]);
  });

  it.each([
    ["model.embed_tokens.weight", "no token table is stored (llama)"],
    ["model.norm.weight", "no norm behind the last layer is stored (llama)"],
  ])("misses %s", async (name, message) => {
    const findings = await audit(without(LLAMA, name), LLAMA_CONFIG);
    expect(findings.map(({ rule, message: found }) => [rule, found])).toContainEqual([
      "tensors/missing-table",
      message,
    ]);
  });

  it("misses the table also where that leaves nothing else to tell the kind by", async () => {
    const config = { ...LLAMA_CONFIG, architectures: null, tie_word_embeddings: true };
    const findings = await audit(without(LLAMA, "model.embed_tokens.weight", "lm_head.weight"), config);
    expect(ruleLines(findings)).toEqual(["error tensors/missing-table"]);
  });

  it("says nothing of a part of a model", async () => {
    expect(
      await audit(
        LLAMA.filter(({ name }) => name.includes(".q_proj")),
        {},
      ),
    ).toEqual([]);
    expect(await audit([bf16("model.layers.3.mlp.down_proj.weight", 16, 24)], LLAMA_CONFIG)).not.toContainEqual(
      expect.objectContaining({ rule: "tensors/incomplete-layer" }),
    );
  });
});

describe("a missing file", () => {
  const shard = (from: number, to: number) => LLAMA.filter(({ name }) => layerOf(name) >= from && layerOf(name) < to);
  const tables = LLAMA.filter(({ name }) => layerOf(name) < 0);

  async function withoutShard(shards: readonly (readonly Tensor[])[], lost: number): Promise<readonly string[]> {
    const files = filesOf(shards, LLAMA_CONFIG);
    delete files[`model-0000${lost}-of-0000${shards.length}.safetensors`];
    return judge(await open(files)).map(({ severity, rule, message }) => `${severity} ${rule}: ${message}`);
  }

  it("takes layers with it, whole and in part, and nothing else is said to be missing", async () => {
    const [first = [], rest = []] = [shard(4, 5).slice(0, 3), shard(4, 5).slice(3)];
    const shards = [[...tables, ...shard(0, 4), ...first], [...rest, ...shard(5, 8)], shard(8, 12)];
    expect(await withoutShard(shards, 2)).toEqual([
      "error tensors/lost-layers: lost with the missing files: layers 5-7 whole, layer 4 in part",
    ]);
    expect(await withoutShard(shards, 3)).toEqual([
      "error tensors/lost-layers: lost with the missing files: layers 8-11 whole",
    ]);
    expect(await withoutShard(shards, 1)).toEqual([
      "error tensors/lost-layers: lost with the missing files: layers 0-3 whole, layer 4 in part",
      "error tensors/lost-layers: lost with the missing files: the token table",
    ]);
  });
});

describe("a file that can't be read, or only in part", () => {
  it("takes layers with it, without a gap that nobody explains", async () => {
    const shards = [
      LLAMA.filter(({ name }) => layerOf(name) < 4),
      LLAMA.filter(({ name }) => layerOf(name) >= 4 && layerOf(name) < 8),
      LLAMA.filter(({ name }) => layerOf(name) >= 8),
    ];
    const files = filesOf(shards, LLAMA_CONFIG);
    files["model-00002-of-00003.safetensors"] = new TextEncoder().encode("<html><body>503</body></html>");
    const findings = judge(await open(files));
    expect(findings.map(({ rule, message }) => `${rule}: ${message}`)).toEqual([
      "tensors/lost-layers: lost with the files that can't be read: layers 4-7 whole",
    ]);
  });

  it("leaves the layer in part in which the header breaks off", async () => {
    const [file] = Object.values(filesOf([LLAMA], LLAMA_CONFIG));
    const cut = (file as Uint8Array).slice(0, 400);
    const files = { ...filesOf([LLAMA], LLAMA_CONFIG), "model.safetensors": cut };
    const lost = judge(await open(files)).filter(({ rule }) => rule === "tensors/lost-layers");
    expect(lost[0]?.message).toMatch(/^not read, as the header breaks off: .*layers? .* whole, layer 0 in part$/);
  });
});

describe("experts", () => {
  it.each<readonly [lost: RegExp, what: string]>([
    [/\.mlp\.gate\.weight$/, "layers 0-11 lack the router"],
    [/layers\.[0-6]\..*\.down_proj/, "layers 0-6 lack the down matrices of the experts"],
  ])("names what no set does without: %s", async (lost, message) => {
    expect(await messages(without(MOE, lost), MOE_CONFIG)).toContain(message);
  });

  it("names any expert that lacks a matrix, and which", async () => {
    const routed = MOE.filter(({ name }) => name.includes(".experts."));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...routed), async ({ name }) => {
        const [, expert, part] = /experts\.(\d+)\.(\w+)_proj/.exec(name) ?? [];
        const findings = await audit(without(MOE, name), MOE_CONFIG);
        expect(ruleLines(findings)).toEqual(["error tensors/expert-set"]);
        expect(findings[0]?.message).toBe(`layer ${layerOf(name)} lacks ${part} of expert ${expert}; the set is 0-7`);
      }),
      { numRuns: 20 },
    );
  });

  it("names experts that are missing whole", async () => {
    expect(await messages(without(MOE, /layers\.3\.mlp\.experts\.[2367]\./), MOE_CONFIG)).toEqual([
      "layer 3 lacks down, gate, up of experts 2-3, 6-7; the set is 0-7",
    ]);
  });

  it("allows for layers that were pruned to a number of experts each", async () => {
    const pruned = without(MOE, /layers\.3\.mlp\.experts\.[67]\./);
    const { num_experts: _, ...config } = MOE_CONFIG;
    expect(await audit(pruned, config)).toEqual([]);
  });

  it("names a router that knows fewer experts, but none that may choose none", async () => {
    const router = "model.layers.3.mlp.gate.weight";
    const findings = await audit(reshaped(MOE, router, 6, 16), MOE_CONFIG);
    expect(ruleLines(findings)).toEqual(["error tensors/router"]);
    expect(findings[0]).toMatchObject({ tensor: router });
    expect(await audit(reshaped(MOE, router, 10, 16), MOE_CONFIG)).toEqual([]);
  });

  it("counts stacks of experts by their first dimension", async () => {
    const { num_local_experts: E, ...config } = { ...MOE_CONFIG, num_local_experts: 8 };
    const stack = (layer: number, experts: number) => [
      bf16(`model.layers.${layer}.mlp.experts.gate_up_proj`, experts, 16, 48),
      bf16(`model.layers.${layer}.mlp.experts.down_proj`, 8, 24, 16),
    ];
    const rest = without(MOE, /\.experts\./);
    const stacked = (odd: number) => [
      ...rest,
      ...Array.from({ length: LAYERS }, (_, i) => stack(i, i === 4 ? odd : E)).flat(),
    ];
    expect(await audit(stacked(8), config)).toEqual([]);
    expect(await messages(stacked(7), config)).toEqual(["layer 4 stacks gate_up of 7 experts, where 8 are usual"]);
  });
});

// --- quantized groups ----------------------------------------------------------------------------------------------------

/** A recipe's module in each of twelve layers. */
function modules(recipe: Recipe): readonly Tensor[] {
  const [[out, width]] = recipe.shapes;
  const tensors = recipe.tensors(out, width);
  return Array.from({ length: LAYERS }, (_, i) =>
    tensors.map(({ suffix, dtype, shape }) => ({ name: MODULE.replace(".0.", `.${i}.`) + suffix, dtype, shape })),
  ).flat();
}

const RECIPES: readonly Recipe[] = [
  ...GPTQ,
  ...AWQ,
  ...BITSANDBYTES,
  ...COMPRESSED_TENSORS,
  ...FP8,
  ...MLX,
  ...MODELOPT,
];

/** Recipes of plain modules whose names are the module's own. */
const PLAIN = RECIPES.filter(
  (recipe) =>
    !recipe.module &&
    recipe.tensors(...recipe.shapes[0]).every(({ suffix }) => suffix.startsWith(".")) &&
    !recipe.needsConfig,
);

const groupLines = async (tensors: readonly Tensor[], config: Config) =>
  ruleLines((await audit(tensors, config)).filter(({ rule }) => /^quantization\/(?!undeclared)/.test(rule)));

const withConfig = (recipe: Recipe): Config => ({
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  ...recipe.config,
});

describe("quantized groups", () => {
  it.each(PLAIN.map((recipe) => [recipe.name, recipe] as const))("are whole as %s writes them", async (_, recipe) => {
    expect(await groupLines(modules(recipe), withConfig(recipe))).toEqual([]);
  });

  it.each<readonly [name: string, ...lost: string[]]>([
    ["GPTQ 4-bit", ".scales", ".qzeros", ".g_idx"],
    ["AWQ GEMM", ".scales", ".qzeros"],
    ["bitsandbytes NF4 with double quantization", ".weight.absmax", ".weight.quant_map", ".weight.nested_absmax"],
    ["bitsandbytes 8-bit", ".SCB"],
    ["compressed-tensors NVFP4", ".weight_scale", ".weight_global_scale"],
    ["compressed-tensors FP8 by blocks", ".weight_scale"],
    ["FP8 by blocks", ".weight_scale_inv"],
    ["FP8 by rows", ".weight_scale"],
    ["mlx-4bit-group64", ".scales", ".biases"],
    ["modelopt-nvfp4", ".weight_scale", ".weight_scale_2"],
  ])("of %s can't do without %s", async (name, ...lost) => {
    const recipe = RECIPES.find((one) => one.name === name);
    if (!recipe) throw new Error(`no recipe ${name}: ${RECIPES.map((one) => one.name).join(", ")}`);
    for (const side of lost) {
      const module = MODULE.replace(".0.", ".7.");
      const tensors = modules(recipe);
      expect(tensors.map((tensor) => tensor.name)).toContain(module + side);
      const findings = await audit(without(tensors, module + side), withConfig(recipe));
      const incomplete = findings.filter(({ rule }) => rule === "quantization/incomplete-group");
      expect(incomplete.map(({ severity, tensor }) => `${severity} ${tensor?.startsWith(module)}`)).toEqual([
        "error true",
      ]);
    }
  });

  it.each([
    ["compressed-tensors FP8 by blocks", ".weight_scale"],
    ["bitsandbytes 8-bit", ".SCB"],
  ])("of %s are known to need scales also where all are lost", async (name, side) => {
    const recipe = RECIPES.find((one) => one.name === name);
    if (!recipe) throw new Error("no recipe");
    const lines = await groupLines(without(modules(recipe), new RegExp(`\\${side}$`)), withConfig(recipe));
    expect(lines).toEqual(["error quantization/incomplete-group"]);
  });

  it("are said to be damaged, and not to be reported, where they lack their scales", async () => {
    const recipe = AWQ.find(({ name }) => name === "AWQ GEMM") as Recipe;
    const tensors = without(modules(recipe), `${MODULE.replace(".0.", ".7.")}.scales`);
    const { findings } = analyse(await open(filesOf([tensors], withConfig(recipe))));
    expect(ruleLines(findings)).toContain("error quantization/incomplete-group");
    expect(findings.find(({ rule }) => rule === "quantization/packed")?.fix).toContain("quantize the model again");
  });

  it.each(["GPTQ 4-bit", "FP8 by blocks", "compressed-tensors NVFP4"])("of %s are scales of a weight", async (name) => {
    const recipe = RECIPES.find((one) => one.name === name);
    if (!recipe) throw new Error("no recipe");
    const weight = new RegExp(
      `^${MODULE.replace(".0.", ".7.").replaceAll(".", "\\.")}\\.(?:qweight|weight|weight_packed)$`,
    );
    const lines = await groupLines(without(modules(recipe), weight), withConfig(recipe));
    expect(lines).toEqual(["error quantization/orphan-scales"]);
  });

  it("may keep scales of activations and caches alone", async () => {
    const caches = Array.from({ length: LAYERS }, (_, i) => [
      { name: `model.layers.${i}.self_attn.k_scale`, dtype: "F32", shape: [] },
      { name: `model.layers.${i}.self_attn.q_proj.input_scale`, dtype: "F32", shape: [] },
    ]).flat();
    expect(await audit([...LLAMA, ...caches], LLAMA_CONFIG)).toEqual([]);
  });

  it("have scales that fit", async () => {
    const recipe = FP8.find(({ name }) => name === "FP8 by blocks") as Recipe;
    const scale = `${MODULE.replace(".0.", ".7.")}.weight_scale_inv`;
    const lines = await groupLines(reshaped(modules(recipe), scale, 5, 3), withConfig(recipe));
    expect(lines).toEqual(["warning quantization/scale-shape"]);
  });
});

describe("hostile names", () => {
  it("are quoted, cut and counted", async () => {
    const name = (i: number) => `model.layers.${i}.self_attn.q_proj.\u001b[31m${"x".repeat(500)}.weight_scale_inv`;
    const tensors = Array.from({ length: 50 }, (_, i) => ({ name: name(i), dtype: "F32", shape: [1] }));
    const findings = await audit(tensors, LLAMA_CONFIG);
    expect(findings.length).toBeGreaterThan(0);
    for (const { message } of findings) {
      expect(message.length).toBeLessThan(600);
      expect(message).not.toMatch(/[\u0000-\u001f]/);
    }
  });
});

// --- real files ----------------------------------------------------------------------------------------------------------

describeReal("real files", () => {
  const heads = hasRealData ? expandHeads("gguf-made/arch-f32-heads") : undefined;
  afterAll(() => heads?.remove());

  async function expectNothing(path: string): Promise<void> {
    const checkpoint: Checkpoint = await openCheckpoint(path);
    expect(judge(checkpoint)).toEqual([]);
    await checkpoint.close();
  }

  it("lack nothing in any of llama.cpp's architectures", async () => {
    const names = listReal("gguf-made", "arch-f32-heads").filter((name) => /\.head(?:\.gz)?$/.test(name));
    expect(names.length).toBeGreaterThan(50);
    for (const name of names) await expectNothing(`${heads?.dir}/${name.replace(/\.head(?:\.gz)?$/, "")}`);
  });

  it.each(listReal("gguf-made", "llama-moe").filter((name) => name.endsWith(".gguf")))("lack nothing in %s", (name) =>
    expectNothing(realData("gguf-made", "llama-moe", name)),
  );
});
