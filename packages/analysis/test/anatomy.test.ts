/**
 * The counts against the truth: totals as the reference implementations give them, buckets as the published models have
 * them, and the invariants that hold for any checkpoint.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Checkpoint,
  checkpointFromGguf,
  memorySource,
  openCheckpoint,
  readGguf,
} from "@checkpoint-inspect/parser";
import { afterAll, describe, expect, it } from "vitest";

import {
  describeReal,
  expandHeads,
  listReal,
  readRealJson,
  readReferenceTsv,
  realData,
} from "../../../test-support/real-data.ts";
import {
  OTHER_ACTIVE,
  TRUTH_COLUMNS,
  TRUTH_NAMES,
  TRUTH_PARTS,
  WITHOUT_MTP,
} from "../../../test-support/released-models.ts";
import { analyse, type Report } from "../src/index.ts";

const made: { remove(): void }[] = [];
afterAll(() => {
  for (const { remove } of made) remove();
});

async function report(path: string): Promise<Report> {
  const checkpoint = await openCheckpoint(path);
  await checkpoint.close();
  return analyse(checkpoint);
}

async function expanded(folder: string, keep?: (name: string) => boolean): Promise<string> {
  const { dir, remove } = expandHeads(folder, keep);
  made.push({ remove });
  return dir;
}

/** What has to hold whatever the checkpoint is. */
function expectSound(result: Report): void {
  const { parameters, buckets, layers, quantization, source } = result;
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  expect(parameters.weights + parameters.biases).toBe(parameters.total);
  expect(sum(buckets.map((bucket) => bucket.parameters))).toBe(parameters.total);
  expect(sum(buckets.map((bucket) => bucket.biases))).toBe(parameters.biases);
  for (const bucket of buckets) expect(sum(bucket.parts.map((part) => part.parameters))).toBe(bucket.parameters);
  expect(sum(layers.map((layer) => layer.parameters)) + parameters.outsideLayers).toBe(parameters.total);
  for (const layer of layers) {
    expect(sum(Object.values(layer.buckets).map((bucket) => bucket.parameters))).toBe(layer.parameters);
    expect(sum(Object.values(layer.types))).toBe(layer.bytes);
  }
  expect(sum(result.layerGroups.map((group) => group.count))).toBe(layers.length);
  expect(sum(buckets.map((bucket) => bucket.tensors))).toBe(source.tensors);
  expect(sum(quantization.types.map((type) => type.tensors))).toBe(source.tensors);
  expect(sum(quantization.types.map((type) => type.bytes))).toBe(sum(buckets.map((bucket) => bucket.bytes)));
  // What the file stores is what we count and what we name as left out, nothing else; but for what packed words hold.
  expect(parameters.total + sum(parameters.excluded.map((excluded) => excluded.parameters))).toBe(
    parameters.stored + parameters.unpacked,
  );
  if (
    !result.experts &&
    parameters.active !== null &&
    !buckets.some(({ bucket }) => ["vision", "audio", "projector", "mtp"].includes(bucket))
  ) {
    expect(parameters.active).toBe(parameters.total);
  }
}

const unknownParts = (result: Report) =>
  result.buckets.flatMap(({ bucket, parts }) =>
    parts.filter(({ part }) => /(^|\.)unknown$/.test(part)).map(({ part }) => `${bucket}/${part}`),
  );

describeReal("released models as transformers writes them", () => {
  const truth = new Map(
    readReferenceTsv("bucket-ground-truth.tsv").map((row) => [row.hf_repo?.split("/")[1] ?? "", row]),
  );
  it.each(listReal("hf-heads"))("%s", async (model) => {
    const dir = await expanded(`hf-heads/${model}`);
    const result = await report(dir);
    const heads = readRealJson<{ n_tensors: number; n_elements: number }[]>("hf-heads", model, "HEADS.json");
    expectSound(result);
    expect(result.parameters.stored).toBe(heads.reduce((sum, head) => sum + head.n_elements, 0));
    expect(result.source.tensors).toBe(heads.reduce((sum, head) => sum + head.n_tensors, 0));
    expect(unknownParts(result)).toEqual([]);
    expect(result.findings.filter(({ severity }) => severity !== "note")).toEqual([]);
    expect(result.model.kind).not.toBe("unknown");

    const row = truth.get(TRUTH_NAMES[model] ?? model);
    if (!row) return;
    const bucket = (name: string) => result.buckets.find((count) => count.bucket === name);
    const part = (name: string, wanted: RegExp) =>
      (bucket(name)?.parts ?? [])
        .filter((count) => wanted.test(count.part))
        .reduce((sum, count) => sum + count.parameters, 0);
    for (const [ours, column] of Object.entries(TRUTH_COLUMNS)) {
      expect(bucket(ours)?.parameters ?? 0, ours).toBe(Number(row[column]));
    }
    for (const [column, wanted] of Object.entries(TRUTH_PARTS)) {
      expect(part("expert", wanted), column).toBe(Number(row[column]));
    }
    const mtp = WITHOUT_MTP.has(model) ? Number(row.mtp) : 0;
    expect(result.parameters.total).toBe(Number(row.total) - mtp);
    if (model in OTHER_ACTIVE) {
      expect(result.parameters.active).toBe(OTHER_ACTIVE[model]);
      return;
    }
    expect(result.parameters.active).toBe(Math.round(Number(row.active_A_all)));
    expect(result.parameters.activeWithoutInputEmbedding).toBe(Number(row.active_B_no_input_embed));
    expect(result.parameters.activeNonEmbedding).toBe(Number(row.active_C_no_embed_no_head));
  });
});

describeReal("GGUF files", () => {
  it.each(listReal("gguf-made", "arch-f32-heads").filter((name) => name.endsWith(".head")))("%s", async (name) => {
    const file = await readGguf(memorySource(name, readFileSync(realData("gguf-made", "arch-f32-heads", name))));
    const result = analyse(checkpointFromGguf({ label: name, files: [file] }));
    const heads = readRealJson<{ head: string; n_params: number }[]>("gguf-made", "arch-f32-heads", "HEADS.json");
    expectSound(result);
    expect(result.parameters.stored).toBe(heads.find((head) => head.head === name)?.n_params);
    expect(unknownParts(result)).toEqual([]);
    expect(result.model.kind).not.toBe("unknown");
    for (const { reason } of result.parameters.excluded) expect(["buffer", "quant-side"]).toContain(reason);
    if (name.endsWith("-moe.gguf.head")) expect(result.experts, "experts").toBeDefined();
  });

  it("real ones hold what their list says", async () => {
    const dir = await expanded("gguf-real-heads");
    for (const { file, n_params } of readRealJson<{ file: string; n_params: number }[]>(
      "gguf-real-heads",
      "HEADS.json",
    )) {
      const result = await report(join(dir, file));
      expectSound(result);
      expect(result.parameters.stored).toBe(n_params);
      expect(result.parameters.total).toBe(1_720_574_976);
      expect(result.model).toMatchObject({ kind: "llm", layers: 28, contextLength: 40_960, tiedEmbeddings: true });
      expect(result.findings).toEqual([]);
    }
  });

  it("Q4_K_M is measured, declared and named", async () => {
    const dir = await expanded("gguf-real-heads", (name) => name.includes("Q4_K_M"));
    const { quantization } = await report(join(dir, "Qwen3-1.7B-Q4_K_M.gguf"));
    expect(quantization).toMatchObject({ declared: "Q4_K_M", fileName: "Q4_K_M", measured: "Q4_K" });
    const byType = new Map(quantization.types.map((type) => [type.type, type]));
    expect(byType.get("Q4_K")).toMatchObject({ tensors: 168, bitsPerWeight: 4.5 });
    expect(byType.get("Q6_K")).toMatchObject({ tensors: 29, bitsPerWeight: 6.5625 });
    expect(byType.get("F32")).toMatchObject({ tensors: 113, bitsPerWeight: 32 });
    const bytes = quantization.types.reduce((sum, type) => sum + type.bytes, 0);
    expect(quantization.bitsPerWeight).toBeCloseTo((8 * bytes) / 1_720_574_976, 10);
  });

  it.each([
    ["gguf-made/split/llama-moe-Q4_K_M-ntfs-00002-of-00004.gguf", { kind: "llm", architecture: "llama" }, 4],
    ["gguf-made/split/llama-dense-F16-s1M-00003-of-00003.gguf", { kind: "llm", architecture: "llama" }, 3],
    ["gguf-made/endian/stories260K-F16-BE.gguf", { kind: "llm", layers: 5 }, 1],
    ["gguf-vocab/historic/ggml-vocab-llama.2023-08-21.v1.gguf", { kind: "vocab", vocabularySize: 32_000 }, 1],
    ["gguf-vocab/ggml-vocab-bert-bge.gguf", { kind: "vocab" }, 1],
    ["gguf-made/variants/control_vector.gguf", { kind: "control-vector" }, 1],
    ["gguf-made/stories260K/stories260K-imatrix.gguf", { kind: "imatrix" }, 1],
  ])("%s", async (path, model, parts) => {
    const result = await report(realData(path));
    expectSound(result);
    expect(result.model).toMatchObject(model);
    expect(result.source.parts.length).toBe(parts);
    expect(result.source.missingParts).toEqual([]);
    expect(result.findings.filter(({ severity }) => severity === "error")).toEqual([]);
  });

  it("a quantized model has the parameters of the unquantized one", async () => {
    const totals = new Map<string, number>();
    for (const name of listReal("gguf-made", "stories260K").filter((file) => !file.includes("imatrix"))) {
      const result = await report(realData("gguf-made", "stories260K", name));
      expectSound(result);
      totals.set(name, result.parameters.total);
    }
    expect(totals.size).toBeGreaterThan(5);
    expect(new Set(totals.values()).size).toBe(1);
  });
});

describeReal("sharded safetensors", () => {
  it.each([
    ["safetensors-headers/Reflection-Llama-3.1-70B", 162],
    ["safetensors-headers/Devstral-Small-2507", 10],
  ])("%s adds up", async (folder, parts) => {
    const dir = await expanded(folder);
    const result = await report(dir);
    expectSound(result);
    expect(result.source.parts.length).toBe(parts);
    expect(unknownParts(result)).toEqual([]);
    const shards = readRealJson<{ tensors: number; size: number; header_bytes: number }[]>(folder, "SHARDS.json");
    expect(result.source.tensors).toBe(shards.reduce((sum, shard) => sum + shard.tensors, 0));
    expect(result.source.sizeBytes).toBe(shards.reduce((sum, shard) => sum + shard.size, 0));
    expect(result.layerGroups.length).toBe(1);
  });
});

describe("counting", () => {
  const tensor = (name: string, shape: number[], type = "BF16", bits = 16): Checkpoint["tensors"][number] => {
    const elements = shape.reduce((a, b) => a * b, 1);
    return { name, shape, type, elements, sizeBytes: (elements * bits) / 8, part: 0, offset: 0 };
  };
  const checkpoint = (tensors: Checkpoint["tensors"], config: Record<string, unknown> = {}): Checkpoint => ({
    format: "safetensors",
    label: "made",
    container: "safetensors",
    parts: [{ name: "model.safetensors", sizeBytes: 0, headerBytes: 0, tensorCount: tensors.length }],
    tensors,
    metadata: [],
    config: { file: "config.json", json: config as never },
    findings: [],
    readData: async () => [],
    close: async () => {},
  });

  it("a tied head that is stored all the same is counted once, and named", () => {
    const tensors = [
      tensor("model.embed_tokens.weight", [100, 8]),
      tensor("model.layers.0.self_attn.q_proj.weight", [8, 8]),
      tensor("lm_head.weight", [100, 8]),
    ];
    const tied = analyse(checkpoint(tensors, { model_type: "llama", tie_word_embeddings: true }));
    expectSound(tied);
    expect(tied.parameters).toMatchObject({ total: 864, stored: 1664 });
    expect(tied.parameters.excluded).toMatchObject([
      { reason: "duplicate", parameters: 800, examples: ["lm_head.weight"] },
    ]);
    expect(tied.model.tiedEmbeddings).toBe(true);
    const untied = analyse(checkpoint(tensors, { model_type: "llama", tie_word_embeddings: false }));
    expect(untied.parameters.total).toBe(1664);
    expect(untied.model.tiedEmbeddings).toBe(false);
  });

  it("masks and inverse frequencies are listed, not counted", () => {
    const result = analyse(
      checkpoint([
        tensor("model.layers.0.self_attn.q_proj.weight", [8, 8]),
        tensor("model.layers.0.self_attn.rotary_emb.inv_freq", [4], "F32", 32),
      ]),
    );
    expectSound(result);
    expect(result.parameters.total).toBe(64);
    expect(result.parameters.excluded).toMatchObject([{ reason: "buffer", parameters: 4 }]);
  });

  it("words of a packing that nobody knows are never passed off as parameters", () => {
    const result = analyse(
      checkpoint([
        tensor("model.layers.0.self_attn.q_proj.qweight", [8, 64], "I32", 32),
        tensor("model.layers.0.self_attn.q_proj.qzeros", [1, 8], "I32", 32),
      ]),
    );
    expectSound(result);
    expect(result.parameters).toMatchObject({ total: 512, logicalKnown: false, active: null });
    expect(result.quantization.bitsPerWeight).toBeNull();
    const finding = result.findings.find(({ rule }) => rule === "quantization/packed");
    expect(finding?.message).toContain("q_proj.qweight");
  });

  it("says what is missing when the active count can't be told", () => {
    const experts = [0, 1].map((i) => tensor(`model.layers.0.mlp.experts.${i}.up_proj.weight`, [8, 8]));
    const result = analyse(
      checkpoint([...experts, tensor("model.layers.0.mlp.gate.weight", [2, 8])], { model_type: "qwen3_moe" }),
    );
    expectSound(result);
    expect(result.experts).toMatchObject({ perLayer: 2, usedPerToken: null, layers: 1 });
    expect(result.parameters.active).toBeNull();
    expect(result.parameters.activeMissing).toMatch(/how many experts a token uses/);
  });

  it("a type of any name is counted, also one that objects have of themselves", () => {
    const result = analyse(checkpoint([tensor("model.layers.0.mlp.up_proj.weight", [8, 8], "__proto__", 16)]));
    expectSound(result);
    expect(Object.entries(result.layers[0]?.types ?? {})).toEqual([["__proto__", 128]]);
  });

  it("layers that differ only in how they are stored are not alike", () => {
    const layer = (i: number, type: string, bits: number) =>
      tensor(`model.layers.${i}.mlp.up_proj.weight`, [8, 8], type, bits);
    const result = analyse(
      checkpoint([layer(0, "BF16", 16), layer(1, "F32", 32), layer(2, "BF16", 16), layer(3, "BF16", 16)]),
    );
    expectSound(result);
    expect(result.layerGroups.map(({ ranges, count }) => [ranges, count])).toEqual([
      [
        [
          [0, 0],
          [2, 3],
        ],
        3,
      ],
      [[[1, 1]], 1],
    ]);
  });
});
