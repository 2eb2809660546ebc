/** config.json against the tensors: what contradicts them is named with both numbers, and what may be so is left alone. */
import { openCheckpoint } from "@checkpoint-inspect/parser";
import { describe, expect, it } from "vitest";

import { GPTQ } from "../../../fixtures/quantized/gptq.mjs";
import { quantizedFiles } from "../../../fixtures/quantized/write.mjs";
import { describeReal, expandHeads, listReal } from "../../../test-support/real-data.ts";
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

it("has nothing to say of a model that is whole", async () => {
  expect(await audit(LLAMA, LLAMA_CONFIG)).toEqual([]);
  expect(await audit(MOE, MOE_CONFIG)).toEqual([]);
});

it.each<readonly [change: Config, line: string, words: readonly string[]]>([
  [
    { num_hidden_layers: 13 },
    "error config/layer-count",
    ["num_hidden_layers is 13", "layer 11", "layer 12 is missing"],
  ],
  [{ num_hidden_layers: 20 }, "error config/layer-count", ["num_hidden_layers is 20", "layers 12-19 are missing"]],
  [{ num_hidden_layers: 10 }, "warning config/layer-count", ["num_hidden_layers is 10", "layers 10-11"]],
  [{ vocab_size: 40 }, "error config/vocab-size", ["vocab_size is 40", '"model.embed_tokens.weight" has 32 rows']],
  [{ vocab_size: 30 }, "error config/table-rows", ["vocab_size is 30", "has 32 rows"]],
  [{ layer_types: Array(8).fill("full_attention") }, "error config/layer-types", ["names 8 layers", "is 12"]],
  [{ model_type: "gpt2" }, "warning config/model-type", ['"gpt2"', "LlamaForCausalLM", '"llama"']],
  [{ hidden_size: 20 }, "error config/hidden-size", ["hidden_size is 20", "[32, 16]"]],
  [{ intermediate_size: 20 }, "error config/feed-forward-size", ["intermediate_size is 20", "[24, 16]"]],
  [{ num_attention_heads: 6 }, "error config/attention-heads", ["num_attention_heads is 6", "24", "[16, 16]"]],
  [{ num_key_value_heads: 1 }, "error config/attention-heads", ["num_key_value_heads is 1", "[8, 16]"]],
  [{ head_dim: 6 }, "error config/attention-heads", ["with 6 each 24", "[16, 16]"]],
  [{ num_attention_heads: 3, head_dim: null }, "error config/heads-divide", ["hidden_size 16", "3 heads"]],
  [{ torch_dtype: "float32" }, "note config/dtype", ["says float32", "BF16"]],
  [{ rope_scaling: { rope_type: "linear", factor: 0.5 } }, "warning config/rope-scaling", ["factor is 0.5"]],
  [
    { rope_parameters: { rope_type: "yarn", factor: 2, original_max_position_embeddings: 128 } },
    "note config/rope-scaling",
    ["is 128", "is 64"],
  ],
  [
    { quantization_config: { quant_method: "gptq", bits: 4, group_size: 128 } },
    "warning quantization/not-quantized",
    ['"gptq"', "plain BF16"],
  ],
])("names %j", async (change, line, words) => {
  const findings = await audit(LLAMA, { ...LLAMA_CONFIG, ...change });
  expect(ruleLines(findings)).toContain(line);
  const message = findings.find(({ rule }) => line.endsWith(rule))?.message ?? "";
  for (const word of words) expect(message).toContain(word);
});

it.each<readonly [what: string, change: Config]>([
  ["rows beyond the vocabulary of a class that nobody knows", { vocab_size: 30, model_type: "new_model" }],
  ["a head size that the class knows", { head_dim: null, hidden_size: 16 }],
  ["sizes that nobody states", { intermediate_size: null, num_key_value_heads: null, vocab_size: null }],
  ["a tie that nobody states", { tie_word_embeddings: null }],
  [
    "layers of which the first are stated, then blocks that draft",
    { num_hidden_layers: 11, num_nextn_predict_layers: 1 },
  ],
  [
    "a quantization of nothing but the cache",
    { quantization_config: { quant_method: "compressed-tensors", config_groups: {} } },
  ],
])("leaves %s alone", async (_, change) => {
  expect(await audit(LLAMA, { ...LLAMA_CONFIG, ...change })).toEqual([]);
});

it("leaves queries alone that carry a gate, and weights that are stored transposed", async () => {
  const wide = LLAMA.map((tensor) => (/q_proj/.test(tensor.name) ? { ...tensor, shape: [32, 16] } : tensor));
  expect(await audit(wide, LLAMA_CONFIG)).toEqual([]);
  const turned = LLAMA.map((tensor) =>
    /_proj/.test(tensor.name) ? { ...tensor, shape: [...tensor.shape].reverse() } : tensor,
  );
  expect(await audit(turned, LLAMA_CONFIG)).toEqual([]);
});

describe("numbers that Python writes into JSON", () => {
  const withText = async (change: (json: string) => string) => {
    const files = filesOf([LLAMA], { ...LLAMA_CONFIG, rms_norm_eps: "EPS", vocab_size: 40, name: 'a "NaN" \\' });
    const text = new TextDecoder().decode(files["config.json"]);
    return open({ ...files, "config.json": new TextEncoder().encode(change(text)) });
  };

  it.each(["NaN", "Infinity", "-Infinity", "[0.0, Infinity]"])("are read: %s", async (value) => {
    const checkpoint = await withText((json) => json.replace('"EPS"', value));
    expect(checkpoint.findings).toEqual([]);
    expect(checkpoint.config?.json.name).toBe('a "NaN" \\');
    expect(ruleLines(judge(checkpoint))).toEqual(["error config/vocab-size", "error config/vocab-size"]);
  });

  it("don't make JSON of what is none", async () => {
    const checkpoint = await withText((json) => json.replace('"EPS"', "NaN,,"));
    expect(checkpoint.findings.map(({ rule }) => rule)).toEqual(["safetensors/bad-config"]);
  });
});

describe("tables", () => {
  const gpt2: readonly Tensor[] = [
    bf16("wte.weight", 32, 16),
    bf16("wpe.weight", 48, 16),
    bf16("ln_f.weight", 16),
    bf16("ln_f.bias", 16),
    ...Array.from({ length: 4 }, (_, i) => [
      bf16(`h.${i}.ln_1.weight`, 16),
      bf16(`h.${i}.attn.c_attn.weight`, 16, 48),
      bf16(`h.${i}.attn.c_proj.weight`, 16, 16),
      bf16(`h.${i}.ln_2.weight`, 16),
      bf16(`h.${i}.mlp.c_fc.weight`, 16, 64),
      bf16(`h.${i}.mlp.c_proj.weight`, 64, 16),
    ]).flat(),
  ];
  const config = {
    architectures: ["GPT2LMHeadModel"],
    model_type: "gpt2",
    n_embd: 16,
    n_head: 4,
    n_layer: 4,
    vocab_size: 32,
  };

  it("names a context that is longer than the learned positions", async () => {
    expect(await audit(gpt2, { ...config, n_positions: 48 })).toEqual([]);
    const findings = await audit(gpt2, { ...config, n_positions: 64 });
    expect(ruleLines(findings)).toEqual(["error config/position-table"]);
    expect(findings[0]?.message).toBe('config.json n_positions is 64, the position table "wpe.weight" has 48 rows');
  });

  it("names a head that is shorter than the vocabulary", async () => {
    const findings = await audit(reshaped(LLAMA, "lm_head.weight", 24, 16), LLAMA_CONFIG);
    expect(findings.map(({ tensor }) => tensor)).toEqual(["lm_head.weight"]);
    expect(ruleLines(findings)).toEqual(["error config/vocab-size"]);
  });

  it("names a head that is neither stored nor tied", async () => {
    const headless = without(LLAMA, "lm_head.weight");
    expect(ruleLines(await audit(headless, LLAMA_CONFIG))).toEqual(["error config/missing-head"]);
    expect(await audit(headless, { ...LLAMA_CONFIG, tie_word_embeddings: true })).toEqual([]);
    // A class that puts out states has no head; a config in two parts may tie in one of them.
    expect(await audit(headless, { ...LLAMA_CONFIG, architectures: ["LlamaModel"] })).toEqual([]);
    expect(await audit(headless, { ...LLAMA_CONFIG, text_config: { tie_word_embeddings: true } })).toEqual([]);
  });
});

describe("experts", () => {
  it.each<readonly [change: Config, words: readonly string[]]>([
    [{ num_experts: 16 }, ["num_experts is 16", "have 8"]],
    [{ num_experts: 4 }, ["num_experts is 4", "have 8"]],
    [{ num_experts_per_tok: 9 }, ["num_experts_per_tok is 9, of 8 experts"]],
  ])("names %j", async (change, words) => {
    const [finding, ...more] = await audit(MOE, { ...MOE_CONFIG, ...change });
    expect(more).toEqual([]);
    expect(finding?.rule).toBe("config/expert-count");
    for (const word of words) expect(finding?.message).toContain(word);
  });

  it("names a width that no expert has", async () => {
    const findings = await audit(MOE, { ...MOE_CONFIG, moe_intermediate_size: 20 });
    expect(ruleLines(findings)).toEqual(["error config/feed-forward-size"]);
    expect(findings[0]?.message).toContain("moe_intermediate_size is 20");
  });
});

describe("declared quantization", () => {
  const gptq = GPTQ[0];
  const block = (change: Config = {}) => ({
    num_hidden_layers: 1,
    quantization_config: { quant_method: "gptq", bits: 2, group_size: 64, ...change },
  });
  const declared = async (config: Config) => {
    if (!gptq) throw new Error("no recipe");
    const [[out, width]] = gptq.shapes;
    const findings = judge(await open(quantizedFiles(gptq, out, width, { config })));
    return ruleLines(findings.filter(({ rule }) => rule.startsWith("quantization/")));
  };

  it("is held against the packed weights", async () => {
    expect(gptq?.name).toBe("GPTQ 2-bit");
    expect(await declared(block({ group_size: 128 }))).toEqual(["warning quantization/declared-otherwise"]);
    expect(await declared(block({ bits: 8 }))).toEqual(["warning quantization/declared-otherwise"]);
    // Settings of single modules go before the general ones.
    expect(await declared(block())).toEqual([]);
    expect(await declared(block({ bits: 8, dynamic: { "+:.*": { bits: 2 } } }))).toEqual([]);
  });

  it("is missed where weights are packed and nothing says how", async () => {
    expect(await declared({ num_hidden_layers: 1 })).toEqual(["warning quantization/undeclared"]);
  });
});

describe("names of families", () => {
  const llama3 = {
    ...LLAMA_CONFIG,
    vocab_size: 128_256,
    max_position_embeddings: 8192,
    rope_theta: 500_000,
    _name_or_path: "meta-llama/Meta-Llama-3-8B",
  };
  const scaled = { max_position_embeddings: 131_072, rope_scaling: { rope_type: "llama3", factor: 8 } };

  /** Only what is said of the name: the tables here have fewer rows than such a vocabulary. */
  const familyOf = async (config: Config, label: string) =>
    (await audit(LLAMA, config, label)).filter(({ rule }) => rule === "config/family-mismatch");

  it("are held against the settings of the generation before", async () => {
    const [finding] = await familyOf(llama3, "Some-Llama-3.1-8B");
    expect(finding).toMatchObject({ rule: "config/family-mismatch", severity: "warning" });
    for (const word of ['"Some-Llama-3.1-8B"', "Llama 3.1", "8192", "131072", '"meta-llama/Meta-Llama-3-8B"'])
      expect(finding?.message).toContain(word);
  });

  it.each<readonly [label: string, change: Config]>([
    ["Some-Llama-3.1-8B", scaled],
    ["Some-Llama-3.1-8B", { max_position_embeddings: 131_072 }],
    ["Some-Llama-3-8B", {}],
    ["Llama-3.1-or-Llama-2", {}],
    ["llama-3.12-layers", {}],
    ["made", {}],
  ])("say nothing where %s may be right", async (label, change) => {
    expect(await familyOf({ ...llama3, ...change }, label)).toEqual([]);
  });

  it.each([
    ["Qwen3-8B-tuned", "qwen2", true],
    ["Qwen2.5-7B-tuned", "qwen3", true],
    ["Qwen2.5-7B-distilled-from-Qwen3", "qwen2", false],
    ["gemma-2b-it", "gemma3_text", false],
    ["gemma-2-2b-it", "gemma3_text", true],
    ["gemma-3n-E2B", "gemma2", false],
  ] as const)("%s of model type %s: contradicted %s", async (label, model_type, isContradicted) => {
    expect(await familyOf({ ...LLAMA_CONFIG, model_type }, label)).toHaveLength(isContradicted ? 1 : 0);
  });
});

it("counts layers of the text alone", async () => {
  const tower = Array.from({ length: LAYERS + 4 }, (_, i) =>
    bf16(`vision_tower.vision_model.encoder.layers.${i}.self_attn.q_proj.weight`, 16, 16),
  );
  expect(await audit([...LLAMA, ...tower], LLAMA_CONFIG)).toEqual([]);
});

describeReal("released models", () => {
  it.each(listReal("hf-heads"))("finds no contradiction in %s", async (name) => {
    const { dir, remove } = expandHeads(`hf-heads/${name}`);
    const checkpoint = await openCheckpoint(dir);
    expect(judge({ ...checkpoint, label: name })).toEqual([]);
    await checkpoint.close();
    remove();
  });

  it("names what is odd in Reflection-Llama-3.1-70B, and no error", async () => {
    const { dir, remove } = expandHeads("safetensors-headers/Reflection-Llama-3.1-70B");
    const checkpoint = await openCheckpoint(dir);
    const findings = judge({ ...checkpoint, label: "Reflection-Llama-3.1-70B" });
    expect(ruleLines(findings)).toEqual(["warning config/family-mismatch", "note config/wider-than-released"]);
    expect(findings[0]?.message).toContain("those of Llama 3:");
    expect(findings[0]?.message).toContain('"meta-llama/Meta-Llama-3-70B-Instruct"');
    expect(findings[1]?.message).toContain("282 GB");
    await checkpoint.close();
    remove();
  });
});
