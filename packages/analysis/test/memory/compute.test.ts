/** The compute buffer against llama.cpp's own figures, whole MiB rounded down as its tool prints them. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCheckpoint } from "@checkpoint-inspect/parser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ELEVEN, writeEleven } from "../../../../fixtures/memory/index.mjs";
import { describeReal, expandHeads, realData } from "../../../../test-support/real-data.ts";
import { cacheBytes, DEFAULT_SETTINGS, examine, ggufCache, ggufHparams, llamaCompute } from "../../src/index.ts";

const MIB = 2 ** 20;

interface Row {
  readonly model: string;
  readonly words: string;
  readonly settings: typeof DEFAULT_SETTINGS;
  readonly modelMiB: number;
  readonly contextMiB: number;
  readonly computeMiB: number;
}

function rowsOf(...path: string[]): Row[] {
  const lines = readFileSync(realData(...path), "utf8")
    .trimEnd()
    .split("\n")
    .slice(1);
  return lines.map((line) => {
    const [model = "", context = "", flags = "", , modelMiB, contextMiB, computeMiB] = line.split("\t");
    const value = (flag: string) => new RegExp(`-${flag} (\\S+)`).exec(flags)?.[1];
    const sequences = Number(value("np") ?? 1);
    return {
      model,
      words: `${model} -c ${context} ${flags}`,
      settings: {
        ...DEFAULT_SETTINGS,
        context: Math.ceil(Number(context) / sequences),
        sequences,
        ubatch: Number(value("ub") ?? DEFAULT_SETTINGS.ubatch),
        keyType: (value("ctk") ?? "f16").toUpperCase(),
        valueType: (value("ctv") ?? "f16").toUpperCase(),
        windowsInFull: flags.includes("--swa-full"),
      },
      modelMiB: Number(modelMiB),
      contextMiB: Number(contextMiB),
      computeMiB: Number(computeMiB),
    };
  });
}

/** The share by which ours is outside of what a whole number of MiB, rounded down, stands for. */
function errorOf(ours: number, printed: number): number {
  return Math.max(0, printed - ours, ours - printed - 1) / printed;
}

describeReal("whole architectures", () => {
  let heads: ReturnType<typeof expandHeads>;
  beforeAll(() => {
    heads = expandHeads("gguf-made/arch-f32-heads");
  });
  afterAll(() => heads.remove());

  it("compute is within 10% on at least 90% of the rows", async () => {
    const rows = rowsOf("oracle", "fit", "fit-print.tsv");
    const beyond: string[] = [];
    for (const { model, words, settings, computeMiB } of rows) {
      const checkpoint = await openCheckpoint(join(heads.dir, `${model}.gguf`));
      await checkpoint.close();
      const hparams = ggufHparams(checkpoint);
      if ("missing" in hparams) throw new Error(`${words}: ${hparams.missing}`);
      const ours = llamaCompute(hparams, settings).hostOnlyBytes / MIB;
      if (errorOf(ours, computeMiB) > 0.1) beyond.push(words);
    }
    // A buffer of a few MiB, where what lies between two operations weighs in.
    expect(beyond).toEqual(["mamba-dense -c 65536 -np 4", "mamba-dense -c 65536 -ub 64"]);
    expect(beyond.length / rows.length).toBeLessThan(0.1);
  });
});

describeReal("a real size at many settings", () => {
  let heads: ReturnType<typeof expandHeads>;
  beforeAll(() => {
    heads = expandHeads("gguf-real-heads", (name) => name.includes("F16"));
  });
  afterAll(() => heads.remove());

  it("model and context are equal, compute is within 5%", async () => {
    const rows = rowsOf("oracle", "real-size", "fit-print.tsv");
    const checkpoint = await openCheckpoint(join(heads.dir, "Qwen3-1.7B-F16.gguf"));
    await checkpoint.close();
    const { memory } = examine(checkpoint);
    const hparams = ggufHparams(checkpoint);
    if (!memory || "missing" in hparams) throw new Error("no memory model");
    for (const { words, settings, modelMiB, contextMiB, computeMiB } of rows) {
      expect(Math.floor(memory.weights.bytes / MIB), words).toBe(modelMiB);
      expect(Math.floor(cacheBytes(ggufCache(hparams), settings, "llama.cpp").bytes / MIB), words).toBe(contextMiB);
      expect(errorOf(llamaCompute(hparams, settings).hostOnlyBytes / MIB, computeMiB), words).toBeLessThanOrEqual(0.05);
    }
    expect(rows.length).toBe(25);
  });
});

/** Bytes of the cache at 4,096 tokens of F16, by hand: layers x cells x (row of keys + row of values) x 2, states in F32. */
const BY_HAND: Readonly<Record<string, number>> = {
  "llama2-7b": 32 * 4096 * (32 * 128 * 2) * 2,
  "llama3-8b": 32 * 4096 * (8 * 128 * 2) * 2,
  "llama3-70b": 80 * 4096 * (8 * 128 * 2) * 2,
  // Every sixth layer sees all; the others 1024 + 513 tokens, rounded up to 256.
  "gemma3-4b": (5 * 4096 + 29 * 1792) * (4 * 256 * 2) * 2,
  // Every second layer sees 128 + 513 tokens, rounded up to 256.
  "gpt-oss-20b": (12 * 4096 + 12 * 768) * (8 * 64 * 2) * 2,
  "qwen3-30b-a3b": 48 * 4096 * (4 * 128 * 2) * 2,
  "dsv2-lite": 27 * 4096 * 576 * 2,
  "dsv2-lite-without-latent": 27 * 4096 * (16 * (192 + 128)) * 2,
  // Ten convolutions keep two taps of 2048.
  "lfm2-1.2b": 6 * 4096 * (8 * 64 * 2) * 2 + 10 * (2 * 2048) * 4,
  // Every fourth layer attends; the others keep three taps of 2 x 16 + 32 heads of 128, and 32 matrices of 128 x 128.
  "qwen3next-80b": 12 * 4096 * (2 * 256 * 2) * 2 + 36 * (3 * 8192 + 32 * 128 * 128) * 4,
  "mamba2-1.3b": 48 * (3 * (4096 + 2 * 128) + 4096 * 128) * 4,
};

describe("the eleven models", () => {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-compute-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(ELEVEN)("$name: cache and compute within 2% of what was allocated", async ({ name, oracle }) => {
    const checkpoint = await openCheckpoint(writeEleven(name, folder));
    await checkpoint.close();
    const hparams = ggufHparams(checkpoint);
    if ("missing" in hparams) throw new Error(`${hparams.missing}`);
    for (const [setting, measured] of Object.entries(oracle.contextMiB)) {
      const [, kind, context = "", sequences = "1"] = /^(\S+) (\d+)(?: (\d+) sequences)?$/.exec(setting) ?? [];
      const type = kind === "q8_0" ? "Q8_0" : "F16";
      const settings = {
        ...DEFAULT_SETTINGS,
        context: Number(context),
        sequences: Number(sequences),
        ubatch: oracle.ubatch,
        flashAttention: kind !== "nofa",
        keyType: type,
        valueType: type,
      };
      const kept = cacheBytes(ggufCache(hparams), settings, "llama.cpp");
      expect(kept.problem).toBeUndefined();
      const ours = (kept.bytes + llamaCompute(hparams, settings).hostOnlyBytes) / MIB;
      expect(Math.abs(ours - measured) / measured, `${name} ${setting}`).toBeLessThanOrEqual(0.02);
    }
  });

  it.each(ELEVEN)("$name: the cache alone is what follows by hand", async ({ name, oracle }) => {
    const checkpoint = await openCheckpoint(writeEleven(name, folder));
    await checkpoint.close();
    const hparams = ggufHparams(checkpoint);
    if ("missing" in hparams) throw new Error(`${hparams.missing}`);
    const settings = { ...DEFAULT_SETTINGS, context: 4096, ubatch: oracle.ubatch };
    expect(cacheBytes(ggufCache(hparams), settings, "llama.cpp").bytes).toBe(BY_HAND[name]);
  });

  it("llama-server keeps logits of the answered tokens alone, and the band is stated", async () => {
    const checkpoint = await openCheckpoint(writeEleven("llama3-8b", folder));
    await checkpoint.close();
    const hparams = ggufHparams(checkpoint);
    if ("missing" in hparams) throw new Error(`${hparams.missing}`);
    // Logs of Llama 3 8B on CUDA without flash attention: 258.50 MiB there and 9.01 on the host at 512 tokens, 560.00 and 24.01 at 8,192.
    const at = (context: number) => llamaCompute(hparams, { ...DEFAULT_SETTINGS, context, flashAttention: false });
    expect(at(512).gpuBytes / MIB).toBeCloseTo(258.5, 2);
    expect(at(512).hostBytes / MIB).toBeCloseTo(9, 2);
    expect(at(8192).gpuBytes / MIB).toBeCloseTo(560, 2);
    expect(at(8192).hostBytes / MIB).toBeCloseTo(24, 2);
    const flash = llamaCompute(hparams, DEFAULT_SETTINGS);
    expect(flash.gpuServerBytes).toBeLessThan(flash.gpuBytes / 2);
    expect(flash.band).toBe(0.05);
    expect(flash.why.steps.join()).toContain("llama-server");
  });
});
