/** The cache of GGUF models against llama.cpp's own figures, and what is said where there can be none. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import {
  type Checkpoint,
  type GgufWriteEntry,
  memoryFileSet,
  openCheckpoint,
  openFileSet,
  writeGguf,
} from "@checkpoint-inspect/parser";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { describeReal, expandHeads, realData } from "../../../../test-support/real-data.ts";
import type { CacheRule, CacheSpec } from "../../src/memory/cache/cache.ts";
import { ggufCache } from "../../src/memory/cache/gguf-cache.ts";
import { cacheRuleFormula, cacheRuleSentence, cacheRuleWords } from "../../src/memory/cache/rules.ts";
import { cacheBytes, groupSteps } from "../../src/memory/cache/size.ts";
import { type GgufHparams, ggufHparams } from "../../src/memory/gguf-hparams.ts";
import { DEFAULT_SETTINGS, type MemorySettings } from "../../src/memory/settings.ts";
import { MEASURED_CACHES, type MeasuredSize } from "./llama-caches.ts";

type Value = number | string | boolean | readonly number[] | readonly boolean[];

function entry(key: string, value: Value): GgufWriteEntry {
  if (typeof value === "number") return { key, type: "u32", value };
  if (typeof value === "string") return { key, type: "string", value };
  if (typeof value === "boolean") return { key, type: "bool", value };
  if (typeof value[0] === "boolean") return { key, type: "array", elementType: "bool", value: value as boolean[] };
  return { key, type: "array", elementType: "u32", value: value as number[] };
}

/** A header without tensors: hyper-parameters are all that a cache takes. */
function model(architecture: string, keys: readonly (readonly [string, Value])[]): Promise<Checkpoint> {
  const stated = keys.map(([key, value]) => entry(`${architecture}.${key}`, value));
  const bytes = writeGguf({ metadata: [entry("general.architecture", architecture), ...stated], tensors: [] });
  return openFileSet(memoryFileSet("model.gguf", { "model.gguf": bytes }));
}

async function hparamsOf(architecture: string, keys: Readonly<Record<string, Value>>): Promise<GgufHparams> {
  const hparams = ggufHparams(await model(architecture, Object.entries({ vocab_size: 128, ...keys })));
  if ("missing" in hparams) throw new Error(hparams.missing.join("; "));
  return hparams;
}

async function missingOf(architecture: string, keys: Readonly<Record<string, Value>>): Promise<readonly string[]> {
  const hparams = ggufHparams(await model(architecture, Object.entries({ vocab_size: 128, ...keys })));
  return "missing" in hparams ? hparams.missing : [];
}

async function specOf(architecture: string, keys: Readonly<Record<string, Value>>): Promise<CacheSpec> {
  return ggufCache(await hparamsOf(architecture, keys));
}

function settings(given: Partial<MemorySettings> = {}): MemorySettings {
  return { ...DEFAULT_SETTINGS, ...given };
}

function bytes(spec: CacheSpec, given: Partial<MemorySettings> = {}): number {
  return cacheBytes(spec, settings(given), "llama.cpp").bytes;
}

const mebibytes = (spec: CacheSpec, given: Partial<MemorySettings>) => bytes(spec, given) / 2 ** 20;

/** Eight layers, 32 heads, 8 KV heads of 128. */
const LLAMA = {
  block_count: 8,
  embedding_length: 4096,
  "attention.head_count": 32,
  "attention.head_count_kv": 8,
  feed_forward_length: 14336,
};

describe("caches that llama.cpp was asked for", () => {
  const at = ({ flags, context, sequences, ubatch, keyType, valueType }: MeasuredSize): MemorySettings =>
    settings({
      ...{ context, sequences, ubatch, keyType, valueType },
      unified: flags.includes("unified"),
      flashAttention: !flags.includes("no-fa"),
      windowsInFull: flags.includes("full"),
    });

  it.each(MEASURED_CACHES.map((row) => [row.architecture, row] as const))("%s, to the byte", async (_, row) => {
    const spec = await specOf(row.architecture, Object.fromEntries(row.keys));
    const got = row.sizes.map((size) => cacheBytes(spec, at(size), "llama.cpp").bytes);
    expect(got).toEqual(row.sizes.map((size) => size.bytes));
  });
});

describe("models as people know them, 16,384 tokens in F16", () => {
  // The figures that llama.cpp gave for headers of these shapes, in MiB; 513 tokens at once, which windows make room for.
  const at = (keyType: string) => ({ context: 16_384, ubatch: 513, keyType, valueType: keyType });
  const rows: readonly [name: string, mib: number, architecture: string, keys: Readonly<Record<string, Value>>][] = [
    ["Llama-3-8B", 2048, "llama", { ...LLAMA, block_count: 32 }],
    [
      "Gemma-3-4B",
      523,
      "gemma3",
      {
        ...{ block_count: 34, embedding_length: 2560, "attention.head_count": 8, "attention.head_count_kv": 4 },
        ...{ "attention.key_length": 256, "attention.value_length": 256, "attention.sliding_window": 1024 },
      },
    ],
    [
      "gpt-oss-20b",
      402,
      "gpt-oss",
      {
        ...{ block_count: 24, embedding_length: 2880, "attention.head_count": 64, "attention.head_count_kv": 8 },
        ...{ "attention.key_length": 64, "attention.value_length": 64, "attention.sliding_window": 128 },
      },
    ],
    [
      "DeepSeek-V2-Lite",
      486,
      "deepseek2",
      {
        ...{ block_count: 27, embedding_length: 2048, "attention.head_count": 16, "attention.head_count_kv": 1 },
        ...{ "attention.key_length": 576, "attention.value_length": 512, "attention.kv_lora_rank": 512 },
        ...{ "attention.key_length_mla": 192, "attention.value_length_mla": 128 },
      },
    ],
    [
      "LFM2-1.2B",
      192,
      "lfm2",
      {
        ...{ block_count: 16, embedding_length: 2048, "attention.head_count": 32, "shortconv.l_cache": 3 },
        "attention.head_count_kv": [0, 0, 8, 0, 0, 8, 0, 0, 8, 0, 8, 0, 8, 0, 8, 0],
      },
    ],
    [
      "Qwen3-Next-80B",
      459,
      "qwen3next",
      {
        ...{ block_count: 48, embedding_length: 2048, "attention.head_count": 16, "attention.head_count_kv": 2 },
        ...{ "attention.key_length": 256, "attention.value_length": 256, "ssm.conv_kernel": 4 },
        ...{ "ssm.inner_size": 4096, "ssm.state_size": 128, "ssm.group_count": 16 },
      },
    ],
    [
      "Mamba2-1.3B",
      98,
      "mamba2",
      {
        ...{ block_count: 48, embedding_length: 2048, "ssm.conv_kernel": 4 },
        ...{ "ssm.inner_size": 4096, "ssm.state_size": 128, "ssm.group_count": 1 },
      },
    ],
  ];

  it.each(rows)("%s takes %i MiB", async (_, mib, architecture, keys) => {
    expect(Math.round(mebibytes(await specOf(architecture, keys), at("F16")))).toBe(mib);
  });

  it("a DeepSeek file from before the latent was cached takes nine times as much, and says why", async () => {
    const spec = await specOf("deepseek2", {
      ...{ block_count: 27, embedding_length: 2048, "attention.head_count": 16, "attention.kv_lora_rank": 512 },
      ...{ "attention.key_length": 192, "attention.value_length": 128 },
    });
    expect(mebibytes(spec, at("F16"))).toBe(27 * 16 * (192 + 128) * 2 * (16_384 / 2 ** 20));
    expect(spec.notes).toEqual([expect.stringMatching(/^Latent attention \(MLA\).*A newer conversion/)]);
  });
});

describeReal("llama-fit-params' figures for the cache", () => {
  const opened = new Map<string, CacheSpec>();
  const folders: { dir: string; remove(): void }[] = [];
  const rowsOf = (...path: string[]) =>
    readFileSync(realData(...path), "utf8")
      .trimEnd()
      .split("\n")
      .slice(1)
      .map((line) => line.split("\t"));

  const load = async (folder: string, keep?: (name: string) => boolean) => {
    const heads = expandHeads(folder, keep);
    folders.push(heads);
    return async (name: string) => {
      const known = opened.get(name);
      if (known) return known;
      const checkpoint = await openCheckpoint(join(heads.dir, `${name}.gguf`));
      const hparams = ggufHparams(checkpoint);
      await checkpoint.close();
      if ("missing" in hparams) throw new Error(`${name}: ${hparams.missing}`);
      const spec = ggufCache(hparams);
      opened.set(name, spec);
      return spec;
    };
  };

  /** `-c` is of all sequences together; MiB are cut, not rounded. */
  const wrong = async (rows: readonly string[][], specFor: (model: string) => Promise<CacheSpec>) => {
    const lines: string[] = [];
    for (const [name = "", context, flags = "", , , stated] of rows) {
      const after = (flag: string) => new RegExp(`${flag} (\\S+)`).exec(flags)?.[1];
      const sequences = Number(after("-np") ?? 1);
      const given: Partial<MemorySettings> = {
        ...{ context: Number(context) / sequences, sequences, ubatch: Number(after("-ub") ?? 512) },
        ...{ keyType: after("-ctk")?.toUpperCase() ?? "F16", valueType: after("-ctv")?.toUpperCase() ?? "F16" },
        windowsInFull: flags.includes("--swa-full"),
      };
      const got = Math.floor(mebibytes(await specFor(name), given));
      if (got !== Number(stated)) lines.push(`${name} -c ${context} ${flags}: ${got}, not ${stated}`);
    }
    return lines;
  };

  let made: (name: string) => Promise<CacheSpec>;
  let real: (name: string) => Promise<CacheSpec>;
  beforeAll(async () => {
    made = await load("gguf-made/arch-f32-heads");
    real = await load("gguf-real-heads", (name) => name === "Qwen3-1.7B-F16.gguf");
  });
  afterAll(() => {
    for (const { remove } of folders) remove();
  });

  it("are met by 55 architectures with every flag", async () => {
    const rows = rowsOf("oracle", "fit", "fit-print.tsv");
    expect(rows.length).toBe(85);
    expect(await wrong(rows, made)).toEqual([]);
  });

  it("are met by Qwen3-1.7B from 512 to 131,072 tokens", async () => {
    const rows = rowsOf("oracle", "real-size", "fit-print.tsv");
    expect(rows.length).toBe(25);
    expect(await wrong(rows, (name) => real(`${name}-F16`))).toEqual([]);
  });
});

describe("what can't be told", () => {
  it("is named with its key", async () => {
    const cases: [string, Readonly<Record<string, Value>>, string][] = [
      ["llama", {}, "the number of layers (llama.block_count)"],
      ["llama", { ...LLAMA, block_count: 513 }, "at most 512"],
      ["llama", { ...LLAMA, block_count: 2 ** 31 }, "at most 512"],
      ["llama", { block_count: 2, embedding_length: 8 }, "the attention heads (llama.attention.head_count)"],
      [
        "llama",
        { ...LLAMA, "attention.head_count_kv": [1, 2] },
        "llama.attention.head_count_kv with 8 values, one a layer",
      ],
      ["llama", { ...LLAMA, "attention.head_count_kv": "eight" }, "llama.attention.head_count_kv with 8 values"],
      ["llama", { ...LLAMA, "attention.key_length": 2 ** 30 }, "widths of at most 16,777,216"],
      ["gpt-oss", LLAMA, "the window (gpt-oss.attention.sliding_window)"],
      ["mimo2", { ...LLAMA, "attention.sliding_window": 128 }, "mimo2.attention.sliding_window_pattern"],
      ["mamba", { block_count: 2, embedding_length: 8 }, "mamba.ssm.conv_kernel"],
      ["rwkv7", { block_count: 2, embedding_length: 8 }, "rwkv7.wkv.head_size"],
      [
        "hy_v4",
        { ...LLAMA, "attention.indexer.top_k": 64, "attention.indexer.key_length": 64 },
        "hy_v4.attention.indexer.types",
      ],
      ["deepseek4", { ...LLAMA, "attention.sliding_window": 128 }, "deepseek4.attention.compress_ratios"],
    ];
    for (const [architecture, keys, words] of cases) {
      expect((await missingOf(architecture, keys)).join("; "), architecture).toContain(words);
    }
  });

  it("is nothing for encoders and drafts: they keep nothing", async () => {
    expect((await specOf("bert", LLAMA)).none).toContain("as a whole");
    const drafter = { ...LLAMA, "attention.sliding_window": 512, "attention.sliding_window_pattern": [1, 0] };
    expect((await specOf("gemma4-assistant", drafter)).none).toContain("drafts for another model");
  });

  it("are types that llama.cpp refuses", async () => {
    const [whole, odd, latent] = [
      await specOf("llama", LLAMA),
      await specOf("llama", { ...LLAMA, "attention.key_length": 80, "attention.value_length": 80 }),
      await specOf("deepseek2", {
        ...{ ...LLAMA, "attention.head_count_kv": 1, "attention.key_length": 576, "attention.value_length": 512 },
        ...{ "attention.key_length_mla": 192, "attention.value_length_mla": 128, "attention.kv_lora_rank": 512 },
      }),
    ];
    const problem = (spec: CacheSpec, given: Partial<MemorySettings>) =>
      cacheBytes(spec, settings(given), "llama.cpp").problem;
    const q8 = { keyType: "Q8_0", valueType: "Q8_0" };
    expect(problem(whole, q8)).toBeUndefined();
    expect(problem(whole, { ...q8, flashAttention: false })).toContain("flash attention");
    // 8 heads of 80 make 640 elements, which 32 divides: it is each head that has to.
    expect(problem(odd, q8)).toBe("another type for keys: 80 elements don't divide into q8_0 blocks of 32");
    expect(problem(latent, { keyType: "Q8_0" })).toContain("one type for keys and values");
    expect(problem(whole, { keyType: "Q9" })).toContain("Q9");
  });
});

describe("notes", () => {
  it("say that a window is stated and not used, or that llama.cpp doesn't know the architecture", async () => {
    const window = await specOf("phi3", { ...LLAMA, "attention.sliding_window": 2047 });
    expect(window.notes).toEqual([expect.stringContaining("phi3.attention.sliding_window says a window of 2,047")]);
    const unknown = await specOf("llama9", LLAMA);
    expect(unknown.notes).toEqual([expect.stringContaining('"llama9" isn\'t an architecture')]);
    expect((await specOf("llama", LLAMA)).notes).toEqual([]);
  });
});

describe("how it is told", () => {
  it("the arithmetic of a group, its inputs with their keys", async () => {
    const spec = await specOf("llama", LLAMA);
    const at = settings({ context: 4000 });
    const { groups, bytesPerToken, stateBytes } = cacheBytes(spec, at, "llama.cpp");
    expect(groups.flatMap((group) => groupSteps(group, at, "llama.cpp"))).toEqual([
      "GQA 4:1: 8 layers",
      "  a row: K 8 heads x 128 as f16 = 2,048, V 8 heads x 128 as f16 = 2,048 bytes",
      "  rows: 4,096, one for every token of 4,000, rounded up to 256",
      "  8 x 4,096 x 4,096 = 134,217,728 bytes",
    ]);
    expect([bytesPerToken, stateBytes]).toEqual([8 * 4096, 0]);
    expect(spec.groups[0]?.inputs).toContainEqual({
      ...{ name: "KV heads", value: 8, from: "llama.attention.head_count_kv" },
    });
    expect(spec.groups[0]?.inputs).toContainEqual({
      ...{ name: "width of a key", value: 128, from: "llama.cpp's default: width of the model / heads" },
    });
  });

  it("what a token costs within windows and beyond, and what doesn't grow", async () => {
    const windows = await specOf("gemma3", { ...LLAMA, block_count: 6, "attention.sliding_window": 512 });
    const size = cacheBytes(windows, settings({ context: 100_000 }), "llama.cpp");
    expect([size.bytesPerToken, size.bytesPerTokenBeyondWindow]).toEqual([6 * 4096, 4096]);
    const state = await specOf("mamba", {
      ...{ block_count: 2, embedding_length: 64, "ssm.conv_kernel": 4, "ssm.inner_size": 128, "ssm.state_size": 16 },
    });
    const kept = cacheBytes(state, settings({ sequences: 3 }), "llama.cpp");
    expect([kept.bytes, kept.stateBytes, kept.bytesPerToken]).toEqual([
      2 * 3 * 4 * (3 * 128 + 16 * 128),
      kept.bytes,
      0,
    ]);
  });

  it("each rule has words, a formula and a source", () => {
    const rules: CacheRule[] = [
      ...(["kv", "window", "chunk", "latent", "indexer", "compressed"] as const),
      ...(["compressor-state", "cross", "state"] as const),
    ];
    for (const rule of rules) {
      const { formula, source } = cacheRuleFormula(rule);
      for (const text of [cacheRuleWords(rule), cacheRuleSentence(rule), formula, source]) {
        expect(text, rule).not.toBe("");
      }
    }
  });
});

describe("vLLM's count", () => {
  it("takes tokens as they come, and windows as far as they reach", async () => {
    const spec = await specOf("gemma3", { ...LLAMA, block_count: 6, "attention.sliding_window": 512 });
    const of = (given: Partial<MemorySettings>) => cacheBytes(spec, settings(given), "vllm").bytes;
    expect(of({ context: 1000 })).toBe(4096 * (1000 + 5 * 512));
    expect(of({ context: 1000, windowsInFull: true })).toBe(4096 * 6 * 1000);
    expect(of({ context: 100, keyType: "FP8", valueType: "FP8", sequences: 2 })).toBe(2 * 2048 * 6 * 100);
  });
});

describe("whatever a header says", () => {
  const anyCount = fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 2 ** 32 - 1 }), fc.constantFrom(64, 128, 2 ** 31));
  const anyValue = fc.oneof(
    { weight: 5, arbitrary: anyCount },
    { weight: 1, arbitrary: fc.array(anyCount, { minLength: 1, maxLength: 20 }) },
    { weight: 1, arbitrary: fc.string() },
  );
  const names = [...new Set(MEASURED_CACHES.flatMap(({ keys }) => keys.map(([key]) => key)))];

  it("sizes are finite, and never shrink as the context grows", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...MEASURED_CACHES),
        fc.dictionary(fc.constantFrom(...names), anyValue, { maxKeys: 4 }),
        fc.array(fc.nat({ max: 2 ** 24 }), { minLength: 2, maxLength: 5 }),
        fc.record({ flashAttention: fc.boolean(), unified: fc.boolean(), windowsInFull: fc.boolean() }),
        async (row, changes, contexts, given) => {
          const keys = { vocab_size: 128, ...Object.fromEntries(row.keys), ...changes };
          const hparams = ggufHparams(await model(row.architecture, Object.entries(keys)));
          if ("missing" in hparams) {
            expect(hparams.missing.length).toBeGreaterThan(0);
            return;
          }
          const spec = ggufCache(hparams);
          let before = 0;
          for (const context of contexts.sort((a, b) => a - b)) {
            const size = cacheBytes(spec, settings({ ...given, context, sequences: 2 }), "llama.cpp");
            for (const figure of [size.bytes, size.stateBytes, size.bytesPerToken, size.bytesPerTokenBeyondWindow]) {
              expect(Number.isFinite(figure)).toBe(true);
            }
            expect(size.bytes).toBeGreaterThanOrEqual(before);
            before = size.bytes;
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
