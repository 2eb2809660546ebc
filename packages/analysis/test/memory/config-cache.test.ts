/** KV cache out of config.json: published figures of serving engines, the truth table, each way that configs write a fact. */
import { openCheckpoint } from "@checkpoint-inspect/parser";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { describeReal, expandHeads, listReal, readReferenceTsv } from "../../../../test-support/real-data.ts";
import {
  type CacheSize,
  type CacheSpec,
  cacheBytes,
  configCache,
  DEFAULT_SETTINGS,
  examine,
  type MemorySettings,
  modelFacts,
} from "../../src/index.ts";

type Config = Readonly<Record<string, unknown>>;

/** What is kept for a config alone: which layers do what is then as the config says. */
function specOf(json: Config, kind: "llm" | "encoder" = "llm"): CacheSpec {
  const config = { file: "config.json", json } as NonNullable<Parameters<typeof configCache>[0]["config"]>;
  const checkpoint = { format: "safetensors", config, metadata: [], tensors: [] };
  const facts = modelFacts(checkpoint as unknown as Parameters<typeof modelFacts>[0]);
  return configCache({ format: "safetensors", config }, { facts, kind, layers: [], traits: [] });
}

function sizeOf(json: Config, settings: Partial<MemorySettings> = {}): CacheSize {
  const spec = specOf(json);
  expect(spec.missing).toEqual([]);
  return cacheBytes(spec, { ...DEFAULT_SETTINGS, ...settings }, "vllm");
}

const LLAMA = { model_type: "llama", hidden_size: 4096, num_attention_heads: 32, num_hidden_layers: 32 };

const GPT_OSS = {
  model_type: "gpt_oss",
  hidden_size: 2880,
  head_dim: 64,
  num_attention_heads: 64,
  num_key_value_heads: 8,
  sliding_window: 128,
  max_position_embeddings: 131_072,
};
const gptOss = (layers: number) => ({
  ...GPT_OSS,
  num_hidden_layers: layers,
  layer_types: Array.from({ length: layers }, (_, i) => (i % 2 === 0 ? "sliding_attention" : "full_attention")),
});

const DEEPSEEK = {
  model_type: "deepseek_v3",
  hidden_size: 7168,
  num_hidden_layers: 61,
  num_attention_heads: 128,
  num_key_value_heads: 128,
  kv_lora_rank: 512,
  qk_rope_head_dim: 64,
  qk_nope_head_dim: 128,
  v_head_dim: 128,
};

const GEMMA_4 = {
  model_type: "gemma4_text",
  hidden_size: 5376,
  num_hidden_layers: 60,
  num_attention_heads: 32,
  num_key_value_heads: 16,
  head_dim: 256,
  num_global_key_value_heads: 4,
  global_head_dim: 512,
  sliding_window: 1024,
  max_position_embeddings: 262_144,
  layer_types: Array.from({ length: 60 }, (_, i) => (i % 6 === 5 ? "full_attention" : "sliding_attention")),
};

const QWEN_35 = {
  model_type: "qwen3_5_text",
  hidden_size: 1024,
  num_hidden_layers: 24,
  num_attention_heads: 8,
  num_key_value_heads: 2,
  head_dim: 256,
  full_attention_interval: 4,
  linear_num_key_heads: 16,
  linear_num_value_heads: 16,
  linear_key_head_dim: 128,
  linear_value_head_dim: 128,
  linear_conv_kernel_dim: 4,
  torch_dtype: "bfloat16",
};

describe("published figures", () => {
  it("gpt-oss-120b: 73,728 bytes a token", () => {
    expect(sizeOf(gptOss(36)).bytesPerToken).toBe(73_728);
  });

  it("gemma-4-31B: 983,040 bytes a token where vLLM unifies its pages, half the width in the layers that see all", () => {
    expect(sizeOf(GEMMA_4, { windowsInFull: true }).bytesPerToken).toBe(983_040);
    expect(sizeOf(GEMMA_4).bytesPerTokenBeyondWindow).toBe(10 * 2 * 4 * 512 * 2);
  });

  it("gpt-oss-20b, 32 sequences of 8,192 tokens: 12.00 GiB in full, 6.09 with windows", () => {
    const settings = { context: 8192, sequences: 32, keyType: "BF16", valueType: "BF16" };
    const gib = (more: Partial<MemorySettings>) => sizeOf(gptOss(24), { ...settings, ...more }).bytes / 2 ** 30;
    expect(gib({ windowsInFull: true }).toFixed(2)).toBe("12.00");
    expect(gib({}).toFixed(2)).toBe("6.09");
  });

  it("DeepSeek-V3 at 32,768 tokens: 2,302,672,896 bytes", () => {
    expect(sizeOf(DEEPSEEK, { context: 32_768 }).bytes).toBe(2_302_672_896);
  });

  it("DeepSeek-Coder-V2-Lite: 31,104 bytes a token, 276,480 where keys and values are stored whole", () => {
    const lite = {
      ...DEEPSEEK,
      model_type: "deepseek_v2",
      hidden_size: 2048,
      num_hidden_layers: 27,
      num_attention_heads: 16,
    };
    expect(sizeOf(lite).bytesPerToken).toBe(31_104);
    expect(sizeOf(lite, { latent: "expanded" }).bytesPerToken).toBe(276_480);
  });

  it("Qwen3.5-0.8B at 32,768 tokens: attention, convolution and recurrent state", () => {
    const { groups, bytes } = sizeOf(QWEN_35, { context: 32_768 });
    const state = groups.find(({ group }) => group.rule === "state");
    expect(groups.find(({ group }) => group.rule === "kv")?.bytes).toBe(402_653_184);
    expect(18 * (state?.keyBytes ?? 0)).toBe(884_736);
    expect(18 * (state?.valueBytes ?? 0)).toBe(18_874_368);
    expect(bytes).toBe(422_412_288);
  });
});

describe("ways that configs write a fact", () => {
  it.each<[string, Config, number]>([
    ["as many KV heads as heads, width from the model's", LLAMA, 32 * 2 * 4096 * 2],
    ["grouped", { ...LLAMA, num_key_value_heads: 8 }, 32 * 2 * 1024 * 2],
    [
      "Falcon's multi_query beside a number that isn't used",
      { ...LLAMA, multi_query: true, num_kv_heads: 71 },
      32 * 2 * 128 * 2,
    ],
    [
      "Falcon's new architecture, which uses it",
      { ...LLAMA, multi_query: true, new_decoder_architecture: true, num_kv_heads: 8 },
      32 * 2 * 1024 * 2,
    ],
    ["ChatGLM's groups", { ...LLAMA, multi_query_attention: true, multi_query_group_num: 2 }, 32 * 2 * 256 * 2],
    ["MPT's inner object", { ...LLAMA, attn_config: { kv_n_heads: 4 } }, 32 * 2 * 512 * 2],
    ["values of a width of their own", { ...LLAMA, head_dim: 192, v_head_dim: 128 }, 32 * 32 * (192 + 128) * 2],
    [
      "a multimodal config",
      { model_type: "made", text_config: { ...LLAMA, num_key_value_heads: 8 } },
      32 * 2 * 1024 * 2,
    ],
    ["shared layers", { ...LLAMA, num_kv_shared_layers: 12 }, 20 * 2 * 4096 * 2],
    ["an index key beside the latent", { ...DEEPSEEK, index_head_dim: 128 }, 61 * (576 + 128) * 2],
  ])("%s", (_, json, bytesPerToken) => {
    expect(sizeOf(json).bytesPerToken).toBe(bytesPerToken);
  });

  it("DeepSeek-V4: a window, and a key for every 4 or 128 tokens", () => {
    const v4 = {
      model_type: "deepseek_v4",
      hidden_size: 4096,
      num_hidden_layers: 3,
      num_attention_heads: 64,
      num_key_value_heads: 1,
      head_dim: 512,
      index_head_dim: 128,
      sliding_window: 128,
      max_position_embeddings: 1_048_576,
      compress_ratios: [0, 4, 128],
    };
    const { bytes, bytesPerTokenBeyondWindow } = sizeOf(v4, { context: 65_536 });
    expect(bytes).toBe(2 * (3 * 128 * 512 + 16_384 * (512 + 128) + 512 * 512));
    expect(bytesPerTokenBeyondWindow).toBe(2 * ((512 + 128) / 4 + 512 / 128));
  });

  it("what is missing is named, and nothing is guessed", () => {
    expect(specOf({ model_type: "llama" }).missing).toEqual(["the number of layers (config.json num_hidden_layers)"]);
    expect(specOf({ ...LLAMA, num_attention_heads: undefined }).missing.join()).toContain("num_key_value_heads");
    expect(
      specOf({ ...LLAMA, layer_types: Array.from({ length: 32 }, () => "sliding_attention") }).missing.join(),
    ).toContain("sliding_window");
    expect(
      configCache({ format: "safetensors" }, { facts: {}, kind: "llm", layers: [], traits: [] }).missing.join(),
    ).toContain("config.json beside the weights");
  });

  it("an encoder keeps nothing", () => {
    expect(specOf(LLAMA, "encoder")).toMatchObject({
      groups: [],
      none: expect.stringContaining("reads a text as a whole"),
    });
  });
});

it("whatever a config says, sizes are numbers or facts are missing", () => {
  const keys = [...new Set([GPT_OSS, GEMMA_4, DEEPSEEK, QWEN_35].flatMap((config) => Object.keys(config)))];
  const value = fc.oneof(
    fc.integer(),
    fc.double(),
    fc.string(),
    fc.boolean(),
    fc.array(fc.integer({ max: 300 })),
    fc.constant(null),
  );
  const config = fc.dictionary(fc.constantFrom(...keys, "compress_ratios", "index_head_dim", "n_head"), value);
  fc.assert(
    fc.property(config, fc.constantFrom(gptOss(4), DEEPSEEK, QWEN_35, LLAMA), (changes, base) => {
      const spec = specOf({ ...base, num_hidden_layers: 4, ...changes });
      const { bytes, bytesPerToken, bytesPerTokenBeyondWindow } = cacheBytes(spec, DEFAULT_SETTINGS, "vllm");
      for (const figure of [bytes, bytesPerToken, bytesPerTokenBeyondWindow]) {
        expect(Number.isFinite(figure)).toBe(true);
        expect(figure).toBeGreaterThanOrEqual(0);
      }
    }),
    { numRuns: 200 },
  );
});

describeReal("the truth table", () => {
  /** The config beside the head says `sliding_window: null`, where the released one has 4,096. */
  const OTHER_CONFIG = new Set(["StarCoder2-3B"]);

  it("KV bytes a token of every published header that it has", async () => {
    const rows = readReferenceTsv("ground-truth.tsv");
    const plain = (name: string) =>
      name
        .toLowerCase()
        .replace(/^.*\//, "")
        .replace(/-(?:hf|v0\.1|instruct|it|base|uncased|v1\.0|chat)/g, "");
    let compared = 0;
    for (const name of listReal("hf-heads").map((path) => path.replace(/^.*\//, ""))) {
      const row = rows.find(
        ({ hf_repo = "" }) => plain(hf_repo).replace("ai21-", "").replace("-17b-16e", "") === plain(name),
      );
      if (!row) continue;
      const { dir, remove } = expandHeads(`hf-heads/${name}`);
      const checkpoint = await openCheckpoint(dir);
      await checkpoint.close();
      remove();
      const { memory } = examine(checkpoint).report;
      expect(memory?.kvBytesPerToken, name).toBe(Number(row.kv_bytes_per_token_f16_all));
      if (!OTHER_CONFIG.has(name))
        expect(memory?.kvBytesPerTokenBeyondWindow, name).toBe(Number(row.kv_bytes_per_token_f16_growing));
      compared++;
    }
    expect(compared).toBeGreaterThanOrEqual(29);
  });
});
