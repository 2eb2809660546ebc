/** `inspect memory` as people run it: what it prints for models of every kind, and what it says to mistakes. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { MODELS } from "../../../../fixtures/models/index.mjs";
import { writeModel } from "../../../../fixtures/models/write.mjs";
import { describeReal, expandHeads, realData } from "../../../../test-support/real-data.ts";
import { FIXTURE_TARGETS, inspect } from "../run-inspect.ts";

const [DENSE = "", MIXTURE = ""] = FIXTURE_TARGETS;

const folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-memory-runs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function modelFile(name: string): string {
  const recipe = MODELS.find((model) => model.name === name);
  if (!recipe) throw new RangeError(`no recipe ${name}`);
  return writeModel(recipe, "gguf", folder);
}

async function screen(args: readonly string[], code = 0): Promise<string> {
  const { stdout, stderr, code: got } = await inspect(["memory", ...args, "--width", "80"]);
  expect(got, stderr).toBe(code);
  for (const line of stdout.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
  // Lines are broken where they have to be: words are looked for across them.
  return stdout.replace(/\s+/g, " ");
}

describe("a model and a GPU", () => {
  let file: string;
  beforeAll(() => {
    file = modelFile("Qwen3-1.7B");
  });

  it("has weights, cache, compute, total, a verdict, the largest context, and the flags", async () => {
    const text = await screen([file, "--gpu", "RTX 4060", "--context", "32k"]);
    expect(text).toContain("What it takes to run with llama.cpp, 32,768 tokens of context");
    expect(text).toMatch(/weights 1\.0\d GiB exact/);
    expect(text).toContain("KV cache 3.50 GiB exact: f16, 112.0 KiB a token");
    expect(text).toMatch(/compute \d+\.\d MiB estimate within 5%/);
    expect(text).toMatch(/total 4\.8\d GiB/);
    expect(text).toContain("On RTX 4060 (8.00 GiB) fits");
    expect(text).toContain("All of the 40,960 tokens that it was trained for fit, with a cache of f16, q8_0, q4_0.");
    expect(text).toMatch(/llama-server -m \S+ -c 32768 -np 1 -ngl 99/);
    expect(text).toContain("tokens/s");
  });

  it("says how far a smaller one goes, by type of the cache", async () => {
    const text = await screen([file, "--gpu", "4GB", "--context", "32k"]);
    expect(text).toContain("On 4GB GPU (4.00 GiB) does not fit");
    const [, f16, q8] = /Largest context that fits: ([\d,]+) at f16, ([\d,]+) at q8_0/.exec(text) ?? [];
    const tokens = (words: string | undefined) => Number(words?.replaceAll(",", ""));
    expect(tokens(f16) % 256).toBe(0);
    expect(tokens(q8)).toBeGreaterThan(1.5 * tokens(f16));
    // What would make the whole context fit.
    expect(text).toMatch(/It fits with \d+ of 29 layers on the GPU \(-ngl \d+/);
  });

  it("--why kv has the arithmetic of each group of layers", async () => {
    const text = await screen([file, "--context", "32k", "--why", "kv"]);
    expect(text).toContain("qwen3.attention.head_count_kv");
    expect(text).toContain("28 x 32,768 x 4,096 = 3,758,096,384 bytes");
    expect(text).toContain("default (--kv-type)");
  });

  it("--why on its own explains every figure", async () => {
    const text = await screen([file, "--gpu", "RTX 4060", "--price", "0.2", "--train", "--why"]);
    for (const title of ["Weights", "KV cache", "Compute buffer", "Total", "Writing", "Cost", "Training: full"])
      expect(text).toContain(title);
  });

  it("the overview has it in two lines", async () => {
    const { stdout } = await inspect([file, "--width", "100"]);
    const [, lines = ""] = /What it takes to run\n([\s\S]*?)\n\n/.exec(stdout) ?? [];
    expect(lines.split("\n")).toHaveLength(2);
    expect(lines).toMatch(/GiB with llama\.cpp at 8,192 tokens: weights .* KV cache 896\.0 MiB, compute/);
  });
});

describe("a mixture that is too large for the GPU", () => {
  it("fits with experts in RAM, and says what a token reads", async () => {
    const file = modelFile("Qwen3-30B-A3B");
    const text = await screen([file, "--gpu", "RTX 3060 12GB", "--context", "16k", "--quants"]);
    expect(text).toContain("does not fit");
    expect(text).toMatch(/It fits with the experts of \d+ layers in RAM \(--n-cpu-moe (\d+)\)/);
    expect(text).toMatch(/-ngl 99 --n-cpu-moe \d+/);
    expect(text).toContain("8 of 128 experts (6.3%)");
    expect(text).toMatch(/> Q4_K_M 17\.3 GiB/);
  });
});

describe("side by side", () => {
  it("one line a model", async () => {
    const text = await screen([DENSE, MIXTURE, "--gpu", "24GB"]);
    expect(text).toContain("Side by side on 24GB GPU");
    expect(text).toMatch(/llama-dense-mixed.gguf 436 K .*5\.26/);
    expect(text).toMatch(/llama-moe-mixed.gguf 389 K .*5\.52/);
  });
});

describe("mistakes get a line and what to do", () => {
  it.each([
    [["--context", "abc"], "--context takes a number of tokens such as 8192, 32k, 1m, or max; got 'abc'"],
    [["--context", "0"], "--context takes a number of tokens"],
    [["--kv-type", "q9"], "--kv-type takes f32, f16"],
    [["--gpu", "RTX 4O90"], "RTX 4090"],
    [["--batch", "0"], "--batch takes a whole number from 1 up"],
    [["--batch", "257"], "llama.cpp takes at most 256 sequences"],
    [["--gpu-layers", "x"], "--gpu-layers takes a whole number"],
    [["--quants", "some"], "--quants takes nothing, or all"],
    [["--utilization", "2"], "--utilization takes a share"],
    [["--batch", "-1"], "--batch takes a whole number"],
    [["--why", "nothing"], "--why explains weights, kv, compute"],
    [["--price", "1"], "--price takes a GPU"],
    [["--price", "abc", "--gpu", "4090"], "--price takes a number"],
    [["--price", "0", "--gpu", "4090"], "--price takes a number above 0"],
    [["--gpu", "4090+"], "'4090+' names no GPU beside a comma or '+'"],
    [["--ram", "fast"], "--ram takes a speed such as 90GB/s"],
  ])("%j", async (args, message) => {
    const { stderr, code, stdout } = await inspect(["memory", DENSE, ...args]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr.split("\n")[0]).toContain(message);
  });

  it("no target, and the command behind the target", async () => {
    expect((await inspect(["memory"])).code).toBe(2);
    expect((await inspect([DENSE, "memory"])).stderr).toContain("write the command first: inspect memory");
  });
});

describeReal("published headers", () => {
  it.each([
    ["Mixtral-8x7B", ["GQA 4:1", "keys and values of every token", "128.0 KiB a token"]],
    ["Gemma-3-27B", ["window", "keys and values of the last tokens", "80.0 KiB once the windows are full"]],
    ["DeepSeek-V3", ["MLA latent", "one latent for every token", "68.6 KiB a token"]],
    ["Jamba-1.5-mini", ["Mamba", "a state of fixed size", "GQA 4:1"]],
    ["Mamba-2.8B", ["Mamba", "a state of fixed size", "12.5 MiB of it doesn't grow"]],
    ["gpt-oss-20b", ["GQA 8:1, window 128", "24.0 KiB once the windows are full"]],
    ["whisper-tiny", ["MHA", "cross-attention", "keys and values of the encoder's output"]],
    ["BERT-base", ["none: it reads a text as a whole"]],
  ])("%s names its rule", async (name, words) => {
    const { dir, remove } = expandHeads(`hf-heads/${name}`);
    const text = await screen([dir]).finally(remove);
    expect(text).toContain("with vLLM or Transformers");
    for (const word of words) expect(text).toContain(word);
    expect(text).not.toMatch(/NaN|undefined|Infinity/);
  });

  it("a vocabulary is run by nothing", async () => {
    const text = await screen([realData("gguf-vocab", "ggml-vocab-llama-spm.gguf")]);
    expect(text).toContain("Nothing here is run by itself");
  });
});
