/** GGUF hyper-parameters against themselves, against llama.cpp's loader and against the tensors. */
import { openCheckpoint } from "@checkpoint-inspect/parser";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { describeReal, expandHeads, listReal, realData } from "../../../test-support/real-data.ts";
import { f32, flag, type GgufChanges, ggufModel, said, saidOf, text, u32, u32s } from "./gguf-models.ts";

const FAMILY = /^gguf\//;

const PLAMO_KEYS = [
  u32("plamo.context_length", 64),
  u32("plamo.embedding_length", 8),
  u32("plamo.block_count", 2),
  u32("plamo.feed_forward_length", 12),
  u32("plamo.attention.head_count", 2),
  u32("plamo.attention.head_count_kv", 1),
  f32("plamo.attention.layer_norm_rms_epsilon", 1e-5),
];

describe("a model that is right", () => {
  it("has nothing said of it", async () => {
    expect(await saidOf({})).toEqual([]);
  });

  it("may have one value a layer, a list as long as the layers without MTP, and a layer without attention", async () => {
    expect(await saidOf({ set: [u32s("llama.feed_forward_length", [12, 12])] })).toEqual([]);
    const heads = [u32s("llama.attention.head_count", [2]), u32("llama.nextn_predict_layers", 1)];
    expect(await saidOf({ set: heads }, /layer-array/)).toEqual([]);
    expect(await saidOf({ set: [u32s("llama.attention.head_count_kv", [1, 0])] }, /heads-divide/)).toEqual([]);
  });
});

describe("each contradiction is told with its values", () => {
  it.each<[string, GgufChanges, string[]]>([
    [
      "no architecture",
      { drop: ["general.architecture"] },
      [
        'error gguf/no-architecture: the file has tensors, and no general.architecture; the hyper-parameters are those of "llama"',
      ],
    ],
    [
      "an architecture that is a number",
      { set: [u32("general.architecture", 7)] },
      [
        'error gguf/no-architecture: the file has tensors, and general.architecture is no text; the hyper-parameters are those of "llama"',
      ],
    ],
    [
      "an architecture that nobody knows, with a name that must not reach a terminal as it is",
      { set: [text("general.architecture", "llama9\u202e\u001b[31m")] },
      ['note gguf/unknown-architecture: general.architecture is "llama9\\u202e\\u001b[31m", which is not a known one'],
    ],
    [
      "keys that the loader asks for",
      { drop: ["llama.context_length", "llama.attention.layer_norm_rms_epsilon"] },
      [
        "error gguf/missing-key: llama.context_length is missing",
        "error gguf/missing-key: neither llama.attention.layer_norm_rms_epsilon nor llama.attention.layer_norm_epsilon is there",
      ],
    ],
    [
      "keys that count as 0 where they are missing",
      { drop: ["llama.attention.head_count", "llama.feed_forward_length"] },
      [
        "error gguf/missing-key: llama.attention.head_count is missing, and layers have attention",
        "error gguf/missing-key: llama.feed_forward_length is missing, and layers have a feed-forward network",
      ],
    ],
    [
      "types that the loader doesn't convert",
      {
        set: [
          { key: "llama.context_length", type: "u64", value: 64 },
          { key: "llama.feed_forward_length", type: "array", elementType: "f32", value: [12, 12] },
          { key: "tokenizer.ggml.eos_token_id", type: "i32", value: 5 },
          flag("llama.rope.freq_base", true),
        ],
      },
      [
        "error gguf/key-type: llama.context_length is u64, expected u32",
        "error gguf/key-type: llama.feed_forward_length is an array of f32, expected u32 or an array of it",
        "error gguf/key-type: tokenizer.ggml.eos_token_id is i32, expected u32",
        "error gguf/key-type: llama.rope.freq_base is bool, expected f32",
      ],
    ],
    [
      "lists that are too short or too long",
      {
        set: [
          u32s("llama.attention.head_count", [2]),
          {
            key: "llama.attention.sliding_window_pattern",
            type: "array",
            elementType: "bool",
            value: [true, false, true],
          },
        ],
      },
      [
        "error gguf/layer-array: llama.attention.head_count has 1 value for 2 blocks",
        "warning gguf/layer-array: llama.attention.sliding_window_pattern has 3 values for 2 blocks",
      ],
    ],
    ["no blocks", { set: [u32("llama.block_count", 0)] }, ["error gguf/block-count: llama.block_count is 0"]],
    [
      "more blocks than a loader has room for",
      { set: [u32("llama.block_count", 100_000)] },
      ["error gguf/block-count: llama.block_count is 100,000, above llama.cpp's limit of 512"],
    ],
    [
      "blocks without tensors",
      { set: [u32("llama.block_count", 4)] },
      ["error gguf/block-count: llama.block_count is 4, and blocks 2-3 have no tensors"],
    ],
    [
      "blocks beyond the count",
      { set: [u32("llama.block_count", 1)] },
      ["error gguf/block-count: llama.block_count is 1, and the file has 2 blocks: 0 to 1"],
    ],
    [
      "more experts used than there are",
      { set: [u32("llama.expert_count", 2), u32("llama.expert_used_count", 3)] },
      ["error gguf/expert-counts: llama.expert_used_count is 3, llama.expert_count 2: more are used than there are"],
    ],
    [
      "no experts used",
      { set: [u32("llama.expert_count", 2)] },
      ["error gguf/expert-counts: llama.expert_count is 2, and llama.expert_used_count is missing"],
    ],
    [
      "too many experts, in groups that don't come out even",
      {
        set: [
          u32("llama.expert_count", 1000),
          u32("llama.expert_used_count", 8),
          u32("llama.expert_group_count", 3),
          u32("llama.expert_group_used_count", 3),
        ],
      },
      [
        "error gguf/expert-counts: llama.expert_count is 1,000, above llama.cpp's limit of 512",
        "error gguf/expert-counts: llama.expert_group_count is 3, llama.expert_count 1,000: the experts don't divide into groups",
        "error gguf/expert-counts: llama.expert_group_used_count is 3 of 3 groups, expected 1 to 2",
      ],
    ],
    [
      "stacks of another number of experts",
      {
        set: [u32("llama.expert_count", 4), u32("llama.expert_used_count", 2)],
        tensors: { "blk.0.ffn_up_exps.weight": [8, 12, 4], "blk.1.ffn_up_exps.weight": [8, 12, 3] },
      },
      [
        'error gguf/expert-tensors: "blk.1.ffn_up_exps.weight" is a stack of 3 experts, and llama.expert_count is 4 [blk.1.ffn_up_exps.weight]',
      ],
    ],
    [
      "a tensor that nothing asks for",
      { tensors: { "blk.0.mystery.weight": [8] } },
      [
        'warning gguf/unknown-tensor: 1 tensor with a name that "llama" has no use for: "blk.0.mystery.weight" [blk.0.mystery.weight]',
      ],
    ],
    [
      "types that the loader doesn't convert",
      {
        set: [
          { key: "llama.attention.layer_norm_rms_epsilon", type: "f64", value: 1e-5 },
          { key: "tokenizer.ggml.token_type", type: "array", elementType: "u32", value: [1, 1, 1, 1, 3, 3] },
        ],
      },
      [
        "error gguf/key-type: llama.attention.layer_norm_rms_epsilon is f64, expected f32",
        "error gguf/key-type: tokenizer.ggml.token_type is an array of u32, expected an array of i32",
      ],
    ],
    [
      "no heads",
      { set: [u32("llama.attention.head_count", 0)] },
      ["error gguf/no-heads: llama.attention.head_count is 0"],
    ],
    [
      "query heads that key heads don't divide, in one layer of two",
      { set: [u32s("llama.attention.head_count", [2, 3]), u32s("llama.attention.head_count_kv", [1, 2])] },
      [
        "error gguf/heads-divide: 3 query heads (llama.attention.head_count) for 2 key heads (llama.attention.head_count_kv) in layer 1: not a multiple",
        'error gguf/tensor-shape: "blk.0.attn_q.weight" has 8 rows, expected 12 (llama.attention.head_count 3 * 4) [blk.0.attn_q.weight]',
        'error gguf/tensor-shape: "blk.0.attn_k.weight" has 4 rows, expected 8 (llama.attention.head_count_kv 2 * 4) [blk.0.attn_k.weight]',
        'error gguf/tensor-shape: "blk.0.attn_v.weight" has 4 rows, expected 8 (llama.attention.head_count_kv 2 * 4) [blk.0.attn_v.weight]',
        'error gguf/tensor-shape: "blk.0.attn_output.weight" has rows of 8 values, expected 12 (llama.attention.head_count 3 * 4) [blk.0.attn_output.weight]',
      ],
    ],
    [
      "a width that heads don't divide",
      { set: [u32("llama.attention.head_count", 3)], drop: ["llama.rope.dimension_count"] },
      [
        "warning gguf/heads-divide: llama.embedding_length 8 is no multiple of llama.attention.head_count 3, and there is no llama.attention.key_length",
      ],
    ],
    [
      "a rotary part that is not the head, where Llama's loader asks for that",
      { set: [u32("llama.rope.dimension_count", 2)] },
      [
        "error gguf/rope-dimensions: llama.rope.dimension_count is 2, expected 4 (llama.embedding_length / llama.attention.head_count)",
      ],
    ],
    [
      "three rotary sections, as Ollama writes them",
      { set: [{ key: "llama.rope.dimension_sections", type: "array", elementType: "i32", value: [1, 1, 2] }] },
      ["warning gguf/rope-sections: llama.rope.dimension_sections has 3 values, expected 4"],
    ],
    ["no context", { set: [u32("llama.context_length", 0)] }, ["warning gguf/no-context: llama.context_length is 0"]],
    [
      "tensors of another model",
      { tensors: { "token_embd.weight": [16, 6], "blk.1.ffn_up.weight": [8, 20], "blk.0.attn_q.weight": [8, 6] } },
      [
        'error gguf/tensor-shape: "token_embd.weight" has rows of 16 values, expected 8 (llama.embedding_length) [token_embd.weight]',
        'error gguf/tensor-shape: "blk.0.attn_q.weight" has 6 rows, expected 8 (llama.attention.head_count 2 * 4) [blk.0.attn_q.weight]',
        'error gguf/tensor-shape: "blk.1.ffn_up.weight" has 20 rows, expected 12 (llama.feed_forward_length) [blk.1.ffn_up.weight]',
      ],
    ],
    [
      "such tensors in an architecture that may have its reasons",
      {
        set: [text("general.architecture", "plamo"), ...PLAMO_KEYS],
        tensors: { "blk.1.ffn_up.weight": [8, 20] },
      },
      [
        'warning gguf/tensor-shape: "blk.1.ffn_up.weight" has 20 rows, expected 12 (plamo.feed_forward_length) [blk.1.ffn_up.weight]',
      ],
    ],
  ])("%s", async (_, changes, lines) => {
    expect(await saidOf(changes, FAMILY)).toEqual(lines);
  });
});

describe("each side of a tensor is held against the keys", () => {
  const alike = Object.fromEntries(["blk.0.ffn_down.weight", "blk.1.ffn_down.weight"].map((name) => [name, [9, 7]]));

  it.each<[string, GgufChanges["tensors"], string]>([
    [
      "a norm of a layer",
      { "blk.1.attn_norm.weight": [4] },
      '"blk.1.attn_norm.weight" has 4 values, expected 8 (llama.embedding_length) [blk.1.attn_norm.weight]',
    ],
    [
      "the last norm",
      { "output_norm.weight": [4] },
      '"output_norm.weight" has 4 values, expected 8 (llama.embedding_length) [output_norm.weight]',
    ],
    [
      "a norm of each head",
      { "blk.0.attn_q_norm.weight": [2] },
      '"blk.0.attn_q_norm.weight" has 2 values, expected 4 (llama.embedding_length / llama.attention.head_count) [blk.0.attn_q_norm.weight]',
    ],
    [
      "a matrix that lies on its side",
      { "blk.1.ffn_down.weight": [8, 12] },
      '"blk.1.ffn_down.weight" has 12 rows, expected 8 (llama.embedding_length), and rows of 8 values, expected 12 (llama.feed_forward_length) [blk.1.ffn_down.weight]',
    ],
    [
      "the output of attention",
      { "blk.0.attn_output.weight": [4, 8] },
      '"blk.0.attn_output.weight" has rows of 4 values, expected 8 (llama.attention.head_count 2 * 4) [blk.0.attn_output.weight]',
    ],
    [
      "the values",
      { "blk.0.attn_v.weight": [8, 8] },
      '"blk.0.attn_v.weight" has 8 rows, expected 4 (llama.attention.head_count_kv 1 * 4) [blk.0.attn_v.weight]',
    ],
    [
      "the input of a projection",
      { "blk.0.attn_k.weight": [4, 4] },
      '"blk.0.attn_k.weight" has rows of 4 values, expected 8 (llama.embedding_length) [blk.0.attn_k.weight]',
    ],
    [
      "the same mistake in each layer, in one line",
      alike,
      '"blk.0.ffn_down.weight" and 1 more tensor like it have 7 rows, expected 8 (llama.embedding_length), and rows of 9 values, expected 12 (llama.feed_forward_length) [blk.0.ffn_down.weight]',
    ],
  ])("%s", async (_, tensors, line) => {
    expect(await saidOf({ tensors: tensors ?? {} }, FAMILY)).toEqual([`error gguf/tensor-shape: ${line}`]);
  });

  it("a head may be as wide as the keys say, and values may be wider than keys", async () => {
    const set = ["key_length", "value_length"].map((name, i) => u32(`llama.attention.${name}`, 4 + 2 * i));
    const own = {
      "attn_v.weight": [8, 6],
      "attn_output.weight": [12, 8],
      "attn_q_norm.weight": [4],
      "attn_k_norm.weight": [4],
    };
    const tensors = Object.fromEntries(
      Object.entries(own).flatMap(([name, shape]) => [0, 1].map((i) => [`blk.${i}.${name}`, shape] as const)),
    );
    expect(await saidOf({ set, tensors }, FAMILY)).toEqual([]);
  });
});

describe("one cause is one finding", () => {
  it("an architecture that the keys don't stand under", async () => {
    expect(await saidOf({ set: [text("general.architecture", "qwen3")] }, /^gguf\/(?!missing-norm)/)).toEqual([
      'error gguf/missing-key: general.architecture is "qwen3", and the hyper-parameters are those of "llama"',
    ]);
  });

  it("experts in every stack of every layer", async () => {
    const stacks = [0, 1].flatMap((i) =>
      ["gate", "up"].map((part) => [`blk.${i}.ffn_${part}_exps.weight`, [8, 12, 3]] as const),
    );
    const set = [u32("llama.expert_count", 4), u32("llama.expert_used_count", 2)];
    expect(await saidOf({ set, tensors: Object.fromEntries(stacks) }, FAMILY)).toEqual([
      'error gguf/expert-tensors: "blk.0.ffn_gate_exps.weight" and 3 more tensors are stacks of 3 experts, and llama.expert_count is 4 [blk.0.ffn_gate_exps.weight]',
    ]);
  });

  it("a single block without tensors", async () => {
    expect(await saidOf({ set: [u32("llama.block_count", 3)] }, FAMILY)).toEqual([
      "error gguf/block-count: llama.block_count is 3, and block 2 has no tensors",
    ]);
  });
});

describe("numbers that no model can have", () => {
  it.each([
    [Number.NaN, "error gguf/number: llama.attention.layer_norm_rms_epsilon is NaN"],
    [-1, "error gguf/number: llama.attention.layer_norm_rms_epsilon is -1"],
  ])("an epsilon of %s", async (value, line) => {
    expect(await saidOf({ set: [f32("llama.attention.layer_norm_rms_epsilon", value)] })).toEqual([line]);
  });

  it("a base of rotations that is 0, but not a scale that is 0", async () => {
    const set = [f32("llama.rope.freq_base", 0), f32("llama.rope.scaling.factor", 0)];
    expect(await saidOf({ set })).toEqual(["warning gguf/number: llama.rope.freq_base is 0"]);
  });
});

describe("norms of queries and keys", () => {
  const asQwen3 = async (names: readonly string[]) => {
    const { metadata } = await ggufModel();
    const keys = metadata.flatMap(({ key, type, value }) =>
      key.startsWith("llama.") && typeof value === "number"
        ? [{ key: key.replace("llama", "qwen3"), type, value } as never]
        : [],
    );
    const tensors = Object.fromEntries(
      [0, 1].flatMap((i) => names.map((name) => [`blk.${i}.${name}.weight`, [4]] as const)),
    );
    return saidOf({ set: [text("general.architecture", "qwen3"), ...keys], tensors }, FAMILY);
  };

  it("are missed where the architecture can't do without", async () => {
    expect(await asQwen3(["attn_q_norm", "attn_k_norm"])).toEqual([]);
    expect(await asQwen3(["attn_k_norm"])).toEqual([
      "error gguf/missing-norm: no layer has attn_q_norm, which qwen3 has in every layer",
    ]);
  });
});

describe("where a fact is missing, the rules stay silent", () => {
  it("of a vocabulary without tensors nothing is asked", async () => {
    const { tensors } = await ggufModel();
    const none = Object.fromEntries(tensors.map(({ name }) => [name, null]));
    expect(await saidOf({ drop: ["llama.block_count", "llama.context_length"], tensors: none })).toEqual([]);
  });

  it("of a model that was cut short only what its keys say", async () => {
    const whole = await ggufModel({ set: [u32("llama.block_count", 4)], drop: ["llama.context_length"] });
    const cut = { ...whole, shards: { declaredParts: 2, missing: ["model-00002-of-00002.gguf"] } };
    expect(said(whole, FAMILY)).toHaveLength(2);
    expect(said(cut, FAMILY)).toEqual([]);
  });

  it("of an architecture that isn't known no hyper-parameter is judged", async () => {
    const lines = await saidOf({ set: [text("general.architecture", "newest"), u32("newest.block_count", 0)] }, FAMILY);
    expect(lines).toHaveLength(1);
  });
});

describe("whatever the keys hold", () => {
  const KEYS = [
    "context_length",
    "embedding_length",
    "block_count",
    "nextn_predict_layers",
    "feed_forward_length",
    "expert_count",
    "expert_used_count",
    "expert_group_count",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.kv_lora_rank",
    "rope.dimension_count",
    "rope.dimension_sections",
  ].map((name) => `llama.${name}`);
  const number = fc.oneof(fc.nat(4), fc.integer({ min: 0, max: 0xffffffff }));
  const entry = fc.tuple(fc.constantFrom(...KEYS), fc.oneof(number, fc.array(number, { maxLength: 5 }), fc.string()));

  it("every rule comes to an end, in plain lines", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(entry, { selector: ([key]) => key, maxLength: 8 }), async (entries) => {
        const set = entries.map(([key, value]) =>
          typeof value === "string" ? text(key, value) : typeof value === "number" ? u32(key, value) : u32s(key, value),
        );
        for (const line of await saidOf({ set })) expect(line).toMatch(/^[\x20-\x7e]+$/);
      }),
      { numRuns: 60 },
    );
  });
});

describeReal("files that llama.cpp and others wrote", () => {
  const silent = async (path: string) => {
    const checkpoint = await openCheckpoint(path);
    const lines = said(checkpoint);
    await checkpoint.close();
    return lines;
  };

  it("are right: whole models, split sets, vocabularies, importance matrices", async () => {
    const folders = ["arch-quant", "endian", "llama-dense", "llama-moe", "split", "stories260K", "variants"].map(
      (name) => ["gguf-made", name],
    );
    const paths = [...folders, ["gguf-vocab"]].flatMap((folder) =>
      listReal(...folder)
        .filter((name) => name.endsWith(".gguf"))
        .map((name) => realData(...folder, name)),
    );
    expect(paths.length).toBeGreaterThan(30);
    for (const path of paths) expect(await silent(path), path).toEqual([]);
  });

  it.each(["gguf-made/arch-f32-heads", "gguf-real-heads"])("are right: the models of %s", async (folder) => {
    const { dir, remove } = expandHeads(folder);
    const names = listReal(folder).flatMap((name) => /^(.*\.gguf)\.head(?:\.gz)?$/.exec(name)?.[1] ?? []);
    expect(names.length).toBeGreaterThan(1);
    try {
      for (const name of names) expect(await silent(`${dir}/${name}`), name).toEqual([]);
    } finally {
      remove();
    }
  });

  it("are told where they were made to be wrong", async () => {
    const lines = await Promise.all(
      ["block_count-0", "head_count-0", "head_count-array-short"].map((name) =>
        silent(realData("gguf-bad", "reported", `sem-${name}.gguf`)),
      ),
    );
    expect(lines).toEqual([
      ["warning gguf/block-count: llama.block_count is 0"],
      ["warning gguf/no-heads: llama.attention.head_count is 0"],
      ["error gguf/layer-array: llama.attention.head_count has 2 values for 4 blocks"],
    ]);
  });
});
