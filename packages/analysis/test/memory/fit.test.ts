/** What fits: answers that hold where they say so, and don't one step further. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryFileSet, openCheckpoint, openFileSet, writeGguf } from "@checkpoint-inspect/parser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { ELEVEN, writeEleven } from "../../../../fixtures/memory/index.mjs";
import {
  answerMemory,
  examine,
  type Gpu,
  type MemoryModel,
  modelFacts,
  placer,
  planDevices,
  planMemory,
  quantOptions,
  settingsFor,
} from "../../src/index.ts";

const GIB = 2 ** 30;
const gpu = (gib: number): Gpu => ({ name: `${gib} GB`, bytes: gib * GIB, backend: "cuda" });

const folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-fit-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function modelOf(name: string): Promise<MemoryModel> {
  const checkpoint = await openCheckpoint(writeEleven(name, folder));
  await checkpoint.close();
  const { memory } = examine(checkpoint);
  if (!memory) throw new RangeError(name);
  return memory;
}

describe("the largest context", () => {
  it.each(ELEVEN.filter(({ name }) => name !== "mamba2-1.3b").map(({ name }) => name))(
    "%s: it fits, and 256 tokens more don't",
    async (name) => {
      const model = await modelOf(name);
      const room = Math.ceil(model.weights.bytes / GIB) + 2;
      const { machine } = answerMemory(model, { target: "m", gpus: [gpu(room)] });
      for (const { keyType, tokens, all } of machine?.largest ?? []) {
        const at = (context: number) =>
          planDevices(model, settingsFor(model, { context, keyType, valueType: keyType }), { gpus: [gpu(room)] })
            ?.verdict;
        if (tokens > 0) expect(at(tokens), `${keyType} ${tokens}`).toBe("fits");
        if (all) expect(tokens).toBe(model.contextLength);
        else expect(at(tokens + 256), `${keyType} ${tokens}`).not.toBe("fits");
      }
      expect(machine?.largest.map(({ keyType }) => keyType)).toEqual(["F16", "Q8_0", "Q4_0"]);
    },
  );

  it("a state that doesn't grow fits with all that the model was made for, or not at all", async () => {
    const model = await modelOf("mamba2-1.3b");
    const largest = (gib: number) => answerMemory(model, { target: "m", gpus: [gpu(gib)] }).machine?.largest[0];
    expect(largest(4)).toMatchObject({ tokens: 1_048_576, all: true });
    expect(largest(1)).toMatchObject({ tokens: 0 });
  });
});

describe("needs only grow", () => {
  it.each(ELEVEN.map(({ name }) => name))("%s: with the context and the sequences", async (name) => {
    const model = await modelOf(name);
    const needs = (given: Parameters<typeof settingsFor>[1]) => {
      const settings = settingsFor(model, given);
      const devices = planDevices(model, settings, { gpus: [gpu(24), gpu(24)] })?.devices ?? [];
      return [planMemory(model, settings).totalBytes ?? Number.NaN, ...devices.map(({ needBytes }) => needBytes)];
    };
    const neverLess = (rows: readonly (readonly number[])[]) => {
      // Two GPUs and the host beside the total.
      expect(rows.every((row) => row.length === 4 && row.every(Number.isFinite))).toBe(true);
      const shrinks = (row: readonly number[], i: number) => row.some((value, j) => value < (rows[i - 1]?.[j] ?? 0));
      expect(rows.filter(shrinks)).toEqual([]);
    };
    neverLess([1, 256, 257, 5000, 65_536, 1_000_000].map((context) => needs({ context })));
    neverLess([1, 2, 3, 17, 64].map((sequences) => needs({ sequences })));
  });

  it("a larger GPU, or a smaller type of the cache, holds no less", async () => {
    const model = await modelOf("llama3-8b");
    const tokens = [9, 12, 24].map((gib) =>
      (answerMemory(model, { target: "m", gpus: [gpu(gib)] }).machine?.largest ?? []).map((row) => row.tokens),
    );
    for (const [i, row] of tokens.entries()) {
      expect(row).toHaveLength(3);
      expect([...row].sort((a, b) => a - b)).toEqual(row);
      for (const [j, value] of row.entries()) expect(value).toBeGreaterThanOrEqual(tokens[i - 1]?.[j] ?? 0);
    }
    expect(tokens.at(-1)?.[0]).toBeGreaterThan(tokens[0]?.[0] ?? Number.NaN);
  });
});

describe("what doesn't fit whole", () => {
  it("fits with the fewest experts in RAM, or the most layers on the GPU", async () => {
    const model = await modelOf("qwen3-30b-a3b");
    const settings = settingsFor(model, { context: 16_384 });
    const gpus = [gpu(12)];
    const { machine, command } = answerMemory(model, { target: "m", gpus, settings: { context: 16_384 } });
    expect(machine?.devices.verdict).toBe("no");
    const [experts, layers] = machine?.offloads ?? [];
    const verdict = (options: object) => planDevices(model, settings, { gpus, ...options })?.verdict;
    const moe = experts?.cpuMoeLayers ?? 0;
    expect(verdict({ cpuMoeLayers: moe })).toBe("fits");
    expect(verdict({ cpuMoeLayers: moe - 1 })).not.toBe("fits");
    const ngl = layers?.gpuLayers ?? 0;
    expect(verdict({ gpuLayers: ngl })).toBe("fits");
    expect(verdict({ gpuLayers: ngl + 1 })).not.toBe("fits");
    // The faster way is the one that the command takes.
    expect(command.slice(-2)).toEqual(["--n-cpu-moe", `${moe}`]);
  });

  it("more sequences fit until they don't", async () => {
    const model = await modelOf("llama3-8b");
    const gpus = [gpu(24)];
    const { machine } = answerMemory(model, { target: "m", gpus });
    const most = machine?.sequences ?? 0;
    const at = (sequences: number) => planDevices(model, settingsFor(model, { sequences }), { gpus })?.verdict;
    expect([at(most), at(most + 1)]).toEqual(["fits", expect.not.stringMatching("fits")]);
  });
});

describe("quantizations", () => {
  it("the best that fits is the largest that does", async () => {
    const checkpoint = await openCheckpoint(writeEleven("llama3-8b", folder));
    await checkpoint.close();
    const { memory: model } = examine(checkpoint);
    if (!model) throw new Error("no model");
    const quants = quantOptions(checkpoint, model, placer(checkpoint, modelFacts(checkpoint)), {
      all: true,
      declared: "Q8_0",
    });
    const { machine, quants: rows } = answerMemory(model, { target: "m", gpus: [gpu(8)], quants });
    const fitting = rows.filter(({ verdict }) => verdict === "fits");
    expect(machine?.bestQuant?.bytes).toBe(Math.max(...fitting.map(({ bytes }) => bytes)));
    expect(rows.find(({ label }) => label === "Q8_0")).toMatchObject({ isThis: true, bytes: model.weights.bytes });
    for (const { label, largest, verdict } of rows)
      if (verdict === "fits") expect(largest?.tokens, label).toBeGreaterThanOrEqual(8192);
  });
});

describe("several GPUs", () => {
  let model: MemoryModel;
  beforeAll(async () => {
    model = await modelOf("llama3-70b");
  });

  it("llama.cpp deals the layers out, vLLM shares each of them", () => {
    const gpus = [gpu(48), gpu(48)];
    const [first, second] = planDevices(model, settingsFor(model), { gpus })?.devices ?? [];
    expect((first?.blocks.length ?? 0) + (second?.blocks.length ?? 0)).toBe(80);
    const served = planDevices({ ...model, engine: "vllm" }, settingsFor(model), { gpus })?.devices ?? [];
    expect(served.map(({ weightBytes }) => weightBytes)).toEqual([model.weights.bytes / 2, model.weights.bytes / 2]);
    // More GPUs than KV heads: each still holds one. A latent is looked at by all heads, and lies on each of them.
    const [group] = model.cache.groups;
    if (!group) throw new Error("no cache");
    const cacheOf = (groups: typeof model.cache.groups, count: number) =>
      planDevices({ ...model, engine: "vllm", cache: { ...model.cache, groups } }, settingsFor(model), {
        gpus: Array.from({ length: count }, () => gpu(80)),
      })?.devices[0]?.cacheBytes;
    const whole = 80 * 8192 * 2 * 1024 * 2;
    const heads = { ...group, kvHeads: 8 };
    expect([1, 2, 8, 16].map((count) => cacheOf([heads], count))).toEqual([whole, whole / 2, whole / 8, whole / 8]);
    const { kvHeads: _, ...latent } = { ...heads, rule: "latent" as const };
    expect(cacheOf([latent], 8)).toBe(whole);
  });
});

describe("facts that nobody states", () => {
  it("give no figure, and are named", async () => {
    const file = writeGguf({
      metadata: [
        { key: "general.architecture", type: "string", value: "llama" },
        { key: "llama.block_count", type: "u32", value: 1 },
        { key: "llama.embedding_length", type: "u32", value: 8 },
      ],
      tensors: [
        { name: "token_embd.weight", shape: [8, 16], type: 0, data: new Uint8Array(8 * 16 * 4) },
        { name: "blk.0.attn_q.weight", shape: [8, 8], type: 0, data: new Uint8Array(8 * 8 * 4) },
      ],
    });
    const checkpoint = await openFileSet(memoryFileSet("m.gguf", { "m.gguf": file }));
    const { report, memory } = examine(checkpoint);
    expect(report.memory).toMatchObject({
      kvCacheBytes: null,
      computeBytes: null,
      totalBytes: null,
      weightsBytes: 768,
    });
    expect(report.memory?.missing.join()).toContain("llama.attention.head_count");
    const answer = memory && answerMemory(memory, { target: "m", gpus: [gpu(8)] });
    expect(answer?.machine).toBeUndefined();
  });
});
