/** Two checkpoints side by side: what is matched with what, what a row says, and what holds of any two. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Checkpoint } from "@checkpoint-inspect/parser";
import { openCheckpoint } from "@checkpoint-inspect/parser";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";

import { MODELS } from "../../../fixtures/models/index.mjs";
import { writeModel } from "../../../fixtures/models/write.mjs";
import { describeReal, expandHeads } from "../../../test-support/real-data.ts";
import {
  analyse,
  type Diff,
  type DiffKind,
  type DiffSide,
  diffCheckpoints,
  diffGroups,
  diffSide,
} from "../src/index.ts";
import { f32, ggufModel, text, u32, u32s } from "./gguf-models.ts";
import {
  bf16,
  type Config,
  filesOf,
  LLAMA,
  LLAMA_CONFIG,
  MOE,
  MOE_CONFIG,
  open,
  reshaped,
  type Tensor,
  without,
} from "./safetensors-models.ts";

const FIXTURES = fileURLToPath(new URL("../../../fixtures/", import.meta.url));

const sideOf = (checkpoint: Checkpoint): DiffSide => diffSide(checkpoint, analyse(checkpoint));

async function opened(path: string): Promise<DiffSide> {
  const checkpoint = await openCheckpoint(path);
  await checkpoint.close();
  return sideOf(checkpoint);
}

const made = async (tensors: readonly Tensor[], config: Config = LLAMA_CONFIG) =>
  sideOf(await open(filesOf([tensors], config)));

/** How many rows there are of each kind that there is. */
function kinds({ totals }: Diff): Partial<Record<DiffKind, number>> {
  return Object.fromEntries(
    Object.entries(totals).flatMap(([kind, { rows }]) => (rows > 0 ? [[kind, rows] as const] : [])),
  );
}

/** `type ffn down Q4_K>Q6_K x2` of each group that differs. */
function groupLines(diff: Diff): string[] {
  return diffGroups(diff.rows)
    .filter(({ kind }) => kind !== "same")
    .map(({ kind, role, typeA, typeB, rows, words }) =>
      [kind, role.bucket, role.part, `${typeA}>${typeB}`, `x${rows}`, ...(words ? [words] : [])].join(" "),
    );
}

const names = (tensors: readonly { readonly name: string }[]) => tensors.map(({ name }) => name).sort();

/** Every tensor of either side in exactly one row. */
function expectWhole(diff: Diff, a: DiffSide, b: DiffSide): void {
  expect(names(diff.rows.flatMap((row) => row.a.tensors))).toEqual(names(a.tensors.map(({ tensor }) => tensor)));
  expect(names(diff.rows.flatMap((row) => row.b.tensors))).toEqual(names(b.tensors.map(({ tensor }) => tensor)));
  const all = Object.values(diff.totals);
  for (const [half, side] of [["a", a] as const, ["b", b] as const]) {
    const sum = (field: "tensors" | "parameters" | "bytes") =>
      all.reduce((total, kind) => total + kind[half][field], 0);
    expect(sum("tensors")).toBe(side.report.source.tensors);
    expect(sum("parameters")).toBe(side.report.parameters.total);
    expect(sum("bytes")).toBe(side.tensors.reduce((total, { tensor }) => total + tensor.sizeBytes, 0));
  }
}

const MIRRORED: Readonly<Record<DiffKind, DiffKind>> = {
  same: "same",
  type: "type",
  layout: "layout",
  shape: "shape",
  tied: "tied",
  "only-a": "only-b",
  "only-b": "only-a",
};

/** What rows are matched, without which side is called what. */
const mirrorLines = ({ rows }: Diff, swap: boolean) =>
  rows
    .map(({ kind, a, b }) => {
      const [one, other] = swap ? [b, a] : [a, b];
      return JSON.stringify([swap ? MIRRORED[kind] : kind, names(one.tensors), names(other.tensors)]);
    })
    .sort();

function expectMirrored(a: DiffSide, b: DiffSide): void {
  const [there, back] = [diffCheckpoints(a, b), diffCheckpoints(b, a)];
  expect(mirrorLines(back, true)).toEqual(mirrorLines(there, false));
  expect(back.facts.map(({ fact, a: x, b: y }) => [fact, y, x])).toEqual(
    there.facts.map(({ fact, a: x, b: y }) => [fact, x, y]),
  );
  expect(names(back.metadata.map(({ key }) => ({ name: key })))).toEqual(
    names(there.metadata.map(({ key }) => ({ name: key }))),
  );
}

describe("fixtures", () => {
  it("packed weights are one row each with what unpacks them", async () => {
    const [plain, gptq] = await Promise.all(
      ["llama-tiny-safetensors", "llama-tiny-gptq"].map((n) => opened(FIXTURES + n)),
    );
    const diff = diffCheckpoints(plain as DiffSide, gptq as DiffSide);
    expect(kinds(diff)).toEqual({ type: 30 });
    expect(diff.matched).toBe(30);
    const row = diff.rows.find(({ role }) => role.part === "q" && role.layer === 0);
    expect(row).toMatchObject({ a: { type: "BF16", parameters: 4096 }, b: { type: "gptq 4-bit", parameters: 4096 } });
    expect(row?.b.tensors.map(({ name, side = false }) => [name.split(".").at(-1), side]).sort()).toEqual([
      ["g_idx", true],
      ["qweight", false],
      ["qzeros", true],
      ["scales", true],
    ]);
    expectWhole(diff, plain as DiffSide, gptq as DiffSide);
  });

  it("a dense model against a mixture: shapes, what each has alone, a tied head, facts", async () => {
    const a = await opened(`${FIXTURES}llama-dense-mixed.gguf`);
    const b = await opened(`${FIXTURES}llama-moe-mixed.gguf`);
    const diff = diffCheckpoints(a, b);
    expect(kinds(diff)).toEqual({ shape: 20, tied: 1, "only-a": 9, "only-b": 12 });
    expect(diff.rows.find(({ kind }) => kind === "tied")?.words).toBe(
      "B uses its embedding table; A has a head of its own",
    );
    expect(diff.facts.map(({ fact, a: x, b: y }) => [fact, x, y])).toEqual([
      ["hiddenSize", 256, 128],
      ["tiedEmbeddings", false, true],
    ]);
    expect(diff.chatTemplate).toBe("equal");
    expectWhole(diff, a, b);
    expectMirrored(a, b);
  });

  it("a GGUF file against safetensors: every tensor by its role", async () => {
    const a = await opened(`${FIXTURES}llama-dense-mixed.gguf`);
    const b = await opened(`${FIXTURES}llama-tiny-safetensors`);
    const diff = diffCheckpoints(a, b);
    expect(diff.matched).toBe(30);
    const pairs = diff.rows.map((row) => [row.a.tensors[0]?.name, row.b.tensors[0]?.name]);
    expect(pairs).toContainEqual(["blk.1.attn_output.weight", "model.layers.1.self_attn.o_proj.weight"]);
    // Transformers calls the norm before the feed-forward by what it follows.
    expect(pairs).toContainEqual(["blk.2.ffn_norm.weight", "model.layers.2.post_attention_layernorm.weight"]);
    expect(diff.metadata).toEqual([]);
    expect(diff.chatTemplate).toBe("only-a");
    expectMirrored(a, b);
  });
});

describe("what a row says", () => {
  const rowOf = (diff: Diff, part: string) => diff.rows.find(({ role }) => role.part === part);

  it("the same, of one checkpoint twice", async () => {
    const a = await made(LLAMA);
    const diff = diffCheckpoints(a, a);
    expect(kinds(diff)).toEqual({ same: LLAMA.length });
    expect(diff).toMatchObject({ matched: LLAMA.length, facts: [], metadata: [], chatTemplate: null });
    expect(diff.words).toContain("not the values of weights");
  });

  it("a vocabulary that was filled up, by its own count or by guess", async () => {
    const table = [300, 16] as const;
    const filled = reshaped(reshaped(LLAMA, "model.embed_tokens.weight", ...table), "lm_head.weight", ...table);
    const small = reshaped(reshaped(LLAMA, "model.embed_tokens.weight", 297, 16), "lm_head.weight", 297, 16);
    const a = await made(filled, { ...LLAMA_CONFIG, vocab_size: 297 });
    const b = await made(small, { ...LLAMA_CONFIG, vocab_size: 297 });
    expect(rowOf(diffCheckpoints(a, b), "token")).toMatchObject({
      kind: "shape",
      words: "300 rows in A, 297 in B: 3 more in A, unused: its vocabulary has 297 tokens",
    });
    const grown = await made(filled, { ...LLAMA_CONFIG, vocab_size: 300 });
    expect(rowOf(diffCheckpoints(b, grown), "lm_head")?.words).toBe(
      "297 rows in A, 300 in B: 3 more in B, unused ones that fill the table up, or added tokens",
    );
    // Another vocabulary altogether.
    expect(rowOf(diffCheckpoints(await made(LLAMA), b), "token")?.words).toBe("32 rows in A, 297 in B");
  });

  it("transposed, other dimensions of 1, reshaped: not the same, and in words", async () => {
    const [up, norm, gate] = ["mlp.up_proj", "input_layernorm", "mlp.gate_proj"].map(
      (n) => `model.layers.0.${n}.weight`,
    );
    const other = reshaped(
      reshaped(reshaped(LLAMA, up as string, 16, 24), norm as string, 1, 16),
      gate as string,
      12,
      32,
    );
    const diff = diffCheckpoints(await made(LLAMA), await made(other));
    expect(groupLines(diff)).toEqual([
      "layout ffn gate BF16>BF16 x1 reshaped: 24 x 16 in A, 12 x 32 in B",
      "layout ffn up BF16>BF16 x1 transposed: 24 x 16 in A, 16 x 24 in B",
      "layout norm attn_pre BF16>BF16 x1 apart by dimensions of 1: 16 in A, 1 x 16 in B",
    ]);
  });

  it("fused against its pieces, only where these add up", async () => {
    const fused = [
      ...without(
        LLAMA,
        /layers\.0\.self_attn\.[qkv]_proj/,
        /layers\.1\.mlp\.(?:gate|up)_proj/,
        /layers\.2\.self_attn\.q_proj/,
      ),
      bf16("model.layers.0.self_attn.qkv_proj.weight", 32, 16),
      bf16("model.layers.1.mlp.gate_up_proj.weight", 48, 16),
      bf16("model.layers.2.self_attn.qkv_proj.weight", 31, 16),
    ];
    const [a, b] = [await made(LLAMA), await made(fused)];
    const diff = diffCheckpoints(a, b);
    expect(groupLines(diff)).toEqual([
      "layout attention qkv BF16>BF16 x1 3 tensors (k, q, v) in A, one tensor (qkv) in B",
      "only-b attention qkv >BF16 x1",
      "only-a attention q BF16> x1",
      "layout ffn gate_up BF16>BF16 x1 2 tensors (gate, up) in A, one tensor (gate_up) in B",
    ]);
    expectWhole(diff, a, b);
    expectMirrored(a, b);
  });

  it("experts one by one against a stack, and fewer of them", async () => {
    const stack = (experts: number) => [
      ...without(MOE, /experts\./),
      ...Array.from({ length: 12 }, (_, i) => [
        bf16(`model.layers.${i}.mlp.experts.gate_up_proj`, experts, 48, 16),
        bf16(`model.layers.${i}.mlp.experts.down_proj`, experts, 16, 24),
      ]).flat(),
    ];
    const [single, stacked] = [await made(MOE, MOE_CONFIG), await made(stack(8), MOE_CONFIG)];
    expect(groupLines(diffCheckpoints(single, stacked))).toEqual([
      "layout expert routed.down BF16>BF16 x12 8 tensors in A, one tensor in B",
      "layout expert routed.gate_up BF16>BF16 x12 16 tensors (routed.gate, routed.up) in A, one tensor (routed.gate_up) in B",
    ]);
    expectWhole(diffCheckpoints(single, stacked), single, stacked);
    const fewer = diffCheckpoints(stacked, await made(stack(6), { ...MOE_CONFIG, num_experts: 6 }));
    expect(groupLines(fewer)).toContain("shape expert routed.down BF16>BF16 x12 8 x 16 x 24 in A, 6 x 16 x 24 in B");
    expect(fewer.facts.map(({ fact }) => fact)).toContain("experts");
  });

  it("a head that one side stores as a copy, the other takes from its table", async () => {
    const tied = { ...LLAMA_CONFIG, tie_word_embeddings: true };
    const diff = diffCheckpoints(await made(without(LLAMA, "lm_head.weight"), tied), await made(LLAMA, tied));
    expect(groupLines(diff)).toEqual([
      "tied head lm_head >BF16 x1 A uses its embedding table; B stores a copy of its embedding table",
    ]);
  });

  it("layers that one side lacks, as ranges, with what their names have in common", async () => {
    const diff = diffCheckpoints(await made(LLAMA), await made(without(LLAMA, /layers\.(?:3|10|11)\./)));
    expect(diffGroups(diff.rows).find(({ kind, role }) => kind === "only-a" && role.part === "down")).toMatchObject({
      layers: [
        [3, 3],
        [10, 11],
      ],
      layerCount: 3,
      nameA: "model.layers.*.mlp.down_proj.weight",
      nameB: null,
      a: { tensors: 3 },
      b: { tensors: 0 },
    });
  });
});

describe("facts and metadata", () => {
  it("GGUF: keys, short arrays by value, long ones by length; what a fact says is marked", async () => {
    const long = (n: number) =>
      u32s(
        "x.long",
        Array.from({ length: 100 }, (_, i) => i * n),
      );
    const a = sideOf(await ggufModel({ set: [f32("llama.rope.freq_base", 1e4), u32s("x.short", [1, 2]), long(1)] }));
    const b = sideOf(
      await ggufModel({
        set: [
          f32("llama.rope.freq_base", 5e5),
          u32s("x.short", [1, 3]),
          long(2),
          u32("llama.context_length", 128),
          text("x.text", "y".repeat(500)),
        ],
        drop: ["tokenizer.ggml.pre"],
      }),
    );
    const diff = diffCheckpoints(a, b);
    expect(diff.facts.map(({ fact, a: x, b: y }) => [fact, x, y])).toEqual([
      ["contextLength", 64, 128],
      ["ropeBase", 1e4, 5e5],
    ]);
    const rows = diff.metadata.map(({ key, a: x, b: y, covered = false }) => [key, x, y, covered] as const);
    expect(rows.sort(([x], [y]) => (x < y ? -1 : 1))).toEqual([
      ["llama.context_length", "64", "128", true],
      ["llama.rope.freq_base", "10000", "500000", true],
      ["tokenizer.ggml.pre", "llama-bpe", null, false],
      ["x.short", "[1, 2]", "[1, 3]", false],
      ["x.text", null, "500 characters", false],
    ]);
  });

  it("config.json by the paths of its values; a list of equal numbers is the number", async () => {
    const a = await made(LLAMA, { ...LLAMA_CONFIG, rope_scaling: { factor: 2, type: "linear" }, rope_theta: 1e4 });
    const b = await made(LLAMA, {
      ...LLAMA_CONFIG,
      num_key_value_heads: Array.from({ length: 12 }, () => 2),
      rope_scaling: { factor: 4, type: "linear" },
    });
    const diff = diffCheckpoints(a, b);
    expect(diff.facts.map(({ fact }) => fact)).toEqual(["ropeScaling"]);
    expect(diff.metadata.map(({ where, key }) => `${where} ${key}`).sort()).toEqual([
      "config.json num_key_value_heads",
      "config.json rope_scaling.factor",
      "config.json rope_theta",
    ]);
  });

  it("chat templates, but for the line break at their end", async () => {
    const a = await made(LLAMA);
    const of = (chatTemplate: string) => ({ ...a, chatTemplate });
    expect(diffCheckpoints(of("{{ x }}"), of("{{ x }}\n")).chatTemplate).toBe("equal");
    expect(diffCheckpoints(of("{{ x }}"), of("{{ y }}")).chatTemplate).toBe("differs");
    expect(diffCheckpoints(a, of("{{ y }}")).chatTemplate).toBe("only-b");
  });

  it("a config of any depth, and names that objects have", async () => {
    let deep: unknown = 1;
    for (let i = 0; i < 50; i++) deep = { a: [deep] };
    const a = await made(LLAMA, { ...LLAMA_CONFIG, deep, constructor: 1 });
    expect(diffCheckpoints(a, await made(LLAMA)).metadata.map(({ key }) => key)).toContain("constructor");
  });
});

// --- released models ------------------------------------------------------------------------------------------------------

/** What is only on one side of a released model's GGUF and its safetensors: buckets, and buffers. */
const ONLY: Readonly<Record<string, readonly string[]>> = {
  "Llama-3.1-8B": ["only-a position"],
  "Phi-4-mini": ["only-a position"],
  "Gemma-3-27B": ["only-b projector", "only-b vision"],
  gpt2: ["only-b other"],
  "Qwen3-1.7B": ["tied head"],
};
const WHOLE = [
  "Mixtral-8x7B",
  "Qwen3-30B-A3B",
  "gpt-oss-20b",
  "Jamba-1.5-mini",
  "Mamba-2.8B",
  "TinyLlama-1.1B",
  "T5-small",
];

describe("GGUF against the safetensors that it was made from", () => {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-diff-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([...Object.keys(ONLY), ...WHOLE])("%s", async (name) => {
    const recipe = MODELS.find((model) => model.name === name);
    if (!recipe) throw new RangeError(`no recipe ${name}`);
    const a = await opened(writeModel(recipe, "gguf", folder));
    const b = await opened(writeModel(recipe, "safetensors", folder));
    const diff = diffCheckpoints(a, b);
    expect(diff.totals.shape.rows).toBe(0);
    const alone = diff.rows.filter(({ kind }) => kind.startsWith("only") || kind === "tied");
    expect([...new Set(alone.map(({ kind, role }) => `${kind} ${role.bucket}`))].sort()).toEqual(ONLY[name] ?? []);
  });
});

describeReal("real heads", () => {
  it("Qwen3-1.7B: F16 against Q4_K_M, and against its safetensors", async () => {
    const gguf = expandHeads("gguf-real-heads");
    const hf = expandHeads("hf-heads/Qwen3-1.7B");
    try {
      const a = await opened(join(gguf.dir, "Qwen3-1.7B-F16.gguf"));
      const quantized = diffCheckpoints(a, await opened(join(gguf.dir, "Qwen3-1.7B-Q4_K_M.gguf")));
      expect(kinds(quantized)).toEqual({ same: 113, type: 197 });
      expect(groupLines(quantized)).toContain("type ffn down F16>Q6_K x14");
      expect(groupLines(quantized)).toContain("type ffn down F16>Q4_K x14");
      expect(quantized.chatTemplate).toBe("equal");
      const b = await opened(hf.dir);
      const across = diffCheckpoints(a, b);
      expect(kinds(across)).toEqual({ type: 310 });
      expectWhole(across, a, b);
    } finally {
      gguf.remove();
      hf.remove();
    }
  });
});

// --- any two --------------------------------------------------------------------------------------------------------------

interface Change {
  readonly at: number;
  readonly to: "gone" | "F16" | "wider" | "transposed" | "renamed" | "copied";
}

const changes: fc.Arbitrary<readonly Change[]> = fc.array(
  fc.record({
    at: fc.nat({ max: 10_000 }),
    to: fc.constantFrom<Change["to"][]>("gone", "F16", "wider", "transposed", "renamed", "copied"),
  }),
  { maxLength: 12 },
);

function changed(tensors: readonly Tensor[], list: readonly Change[]): readonly Tensor[] {
  const result = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  for (const { at, to } of list) {
    const tensor = [...result.values()][at % result.size];
    if (!tensor) continue;
    const { name, shape } = tensor;
    if (to === "gone" || to === "renamed") result.delete(name);
    const other: Partial<Record<Change["to"], Tensor>> = {
      F16: { ...tensor, dtype: "F16" },
      wider: { ...tensor, shape: shape.map((n) => n + 1) },
      transposed: { ...tensor, shape: shape.toReversed() },
      renamed: { ...tensor, name: name.replace("self_attn", "attention").replace("model.", "") },
      copied: { ...tensor, name: `${name}.copy` },
    };
    const made = other[to];
    if (made) result.set(made.name, made);
  }
  return [...result.values()];
}

const FEW_LAYERS = /layers\.(?:[2-9]|1\d)\./;
const sides = fc.record({ moe: fc.boolean(), tied: fc.boolean(), list: changes }).map(({ moe, tied, list }) => {
  const config = { ...(moe ? MOE_CONFIG : LLAMA_CONFIG), num_hidden_layers: 2, tie_word_embeddings: tied };
  return { tensors: changed(without(moe ? MOE : LLAMA, FEW_LAYERS), list), config };
});

describe("any two checkpoints", () => {
  it("hold each tensor in one row, mirrored the other way round; one against itself has no difference", async () => {
    await fc.assert(
      fc.asyncProperty(sides, sides, async (one, other) => {
        const [a, b] = [await made(one.tensors, one.config), await made(other.tensors, other.config)];
        expectWhole(diffCheckpoints(a, b), a, b);
        expectMirrored(a, b);
        const none = diffCheckpoints(a, a);
        expect(Object.keys(kinds(none))).toEqual(["same"]);
        expect([...none.facts, ...none.metadata]).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it("of tens of thousands of tensors take a step for each", async () => {
    const few = await made(without(MOE, FEW_LAYERS), MOE_CONFIG);
    const grown = (times: number): DiffSide => ({
      ...few,
      tensors: Array.from({ length: times }, (_, i) =>
        few.tensors.map((placed) => ({
          ...placed,
          tensor: { ...placed.tensor, name: `${i}.${placed.tensor.name}` },
          role: { ...placed.role, layer: i },
        })),
      ).flat(),
    });
    const start = performance.now();
    const side = grown(1_000);
    expect(diffCheckpoints(side, side).matched).toBe(side.tensors.length);
    // A guard against pairs of pairs, which would take minutes.
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});
