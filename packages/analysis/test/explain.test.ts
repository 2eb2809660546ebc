/** The plain-language guide: every entry is found, reads as text, and says of a checkpoint what its Report says. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  GGML_TYPES,
  memoryFileSet,
  openCheckpoint,
  openFileSet,
  writeGgufHeader,
  writeSafetensorsHeader,
} from "@checkpoint-inspect/parser";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";

import { MODELS } from "../../../fixtures/models/index.mjs";
import { writeModel } from "../../../fixtures/models/write.mjs";
import { describeReal, expandHeads, readReferenceTsv, realData } from "../../../test-support/real-data.ts";
import {
  analyse,
  fileTypeWords,
  findTerm,
  formatBytes,
  formatCount,
  formatExact,
  formatShare,
  listTerms,
  nearestTerms,
  ownNumbers,
  type Report,
  type Term,
  typeWords,
} from "../src/index.ts";

const FIXTURES = fileURLToPath(new URL("../../../fixtures/", import.meta.url));
const TERMS = listTerms().flatMap(({ terms }) => terms);

async function reportOf(path: string): Promise<Report> {
  const checkpoint = await openCheckpoint(path);
  await checkpoint.close();
  return analyse(checkpoint);
}

function term(word: string): Term {
  const found = findTerm(word);
  if (!found) throw new Error(`no entry for ${word}`);
  return found;
}

/** What an entry says of a report, as one text. */
function own(word: string, report: Report): string {
  return ownNumbers(term(word), report).join("\n");
}

describe("finding an entry", () => {
  it.each(TERMS.map((entry) => [entry.term, entry] as const))(
    "%s: by its name and aliases, however written",
    (_, entry) => {
      for (const name of [entry.term, ...entry.aliases]) {
        const spellings = [name, name.toUpperCase(), name.replaceAll(" ", "-"), name.replaceAll(" ", "_"), ` ${name} `];
        for (const spelling of [...spellings, name.replaceAll(" ", "")])
          expect(findTerm(spelling), spelling).toBe(entry);
      }
    },
  );

  it("no name stands for two entries", () => {
    const names = TERMS.flatMap((entry) => [entry.term, ...entry.aliases]).map((name) => name.replace(/[\s_-]/g, ""));
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  });

  it.each<[string, string]>([
    ["parameters", "parameter"],
    ["Biases", "bias"],
    ["matrices", "weight"],
    ["experts", "moe"],
    ["Mixture-of-Experts", "moe"],
    ["router", "moe"],
    ["FFN", "feed-forward"],
    ["mlp", "feed-forward"],
    ["blocks", "layer"],
    ["q", "attention"],
    ["k", "attention"],
    ["v", "attention"],
    ["O", "attention"],
    ["output projection", "attention"],
    ["vocabulary", "tokenizer"],
    ["KV-Cache", "kv cache"],
    ["kquants", "k-quants"],
    ["k-quant", "k-quants"],
    ["F16", "fp16"],
    ["MXFP4", "mxfp4"],
    ["gguf", "checkpoint"],
    ["tied head", "head"],
    ["active", "active parameters"],
    ["definition A", "active parameters"],
    ["Definition c", "active parameters"],
    ["drafting", "mtp"],
    ["mtp", "mtp"],
    ["position", "position"],
    ["rotary", "position"],
    ["vision", "tower"],
    ["audio tower", "tower"],
    ["projector", "tower"],
    ["mla", "mla"],
    ["latent", "mla"],
    ["buffers", "not counted"],
    ["Not counted", "not counted"],
    ["hub shows", "hub"],
    ["encoder", "encoder-decoder"],
    ["decoder", "encoder-decoder"],
    ["width", "width"],
    ["hidden size", "width"],
    ["unet", "diffusion"],
    ["DiT", "diffusion"],
    ["vae", "diffusion"],
    ["kv heads", "gqa"],
    ["gqa", "gqa"],
    ["embedding model", "embedding model"],
    ["adapter", "lora"],
    ["sliding window", "context"],
    ["bucket", "bucket"],
    ["tied", "head"],
  ])("%s is %s", (word, expected) => {
    expect(findTerm(word)?.term).toBe(expected);
  });

  it("knows every storage type and its bits by name", () => {
    for (const { name, blockElements, blockBytes } of GGML_TYPES) {
      const entry = findTerm(name);
      expect(entry, name).toBeDefined();
      // Types with an entry of their own say it there in words.
      if (!entry || TERMS.includes(entry)) continue;
      expect([entry.short, ...entry.paragraphs].join(" ")).toContain(typeWords(name));
      if (blockElements > 1)
        expect(entry.formula?.lines.join()).toContain(`${(8 * blockBytes) / blockElements}`.slice(0, 6));
    }
    expect(findTerm("q4_k")?.term).toBe("Q4_K");
    expect(findTerm("iq4-nl")?.term).toBe("IQ4_NL");
    expect(findTerm("fp32")?.term).toBe("F32");
    expect(findTerm("Q4_K")?.formula?.lines).toEqual(["8 x 144 bytes / 256 weights = 4.5 bits per weight"]);
  });

  it("knows labels, and says when a name is both label and type", () => {
    expect(findTerm("q4_k_m")?.short).toBe(fileTypeWords("Q4_K_M"));
    expect(findTerm("UD-Q4_K_XL")?.term).toBe("UD-Q4_K_XL");
    for (const name of ["Q8_0", "F32", "Q2_K"]) {
      const { short = "", paragraphs = [] } = findTerm(name) ?? {};
      expect([short, ...paragraphs].join(" ").split(typeWords(name)), name).toHaveLength(2);
    }
    const both = findTerm("Q2_K")?.paragraphs.join(" ");
    expect(both).toContain(typeWords("Q2_K"));
    expect(both).toContain(fileTypeWords("Q2_K"));
  });

  it("has no entry for any other word", () => {
    for (const word of [
      "",
      " ",
      "s",
      "constructor",
      "__proto__",
      "toString",
      "Q9_K",
      "UD-",
      "UD-!",
      "type 99",
      "a".repeat(1e5),
    ]) {
      expect(findTerm(word), word.slice(0, 20)).toBeUndefined();
    }
  });
});

describe("the nearest entries", () => {
  it.each<[string, string]>([
    ["atention", "attention"],
    ["quantisaton", "quantization"],
    ["wieght", "weight"],
    ["embeding", "embedding"],
    ["kv cahce", "kv cache"],
    ["toknizer", "tokenizer"],
    ["infrence", "inference speed"],
    ["mixture of expert models", "moe"],
  ])("of %s: %s first", (word, expected) => {
    expect(findTerm(word)).toBeUndefined();
    expect(nearestTerms(word)[0]?.term.term).toBe(expected);
  });

  it("come with the name that is near, which may be an alias", () => {
    expect(nearestTerms("bandwith")).toMatchObject([{ name: "bandwidth", term: { term: "inference speed" } }]);
    expect(nearestTerms("atention")[0]).toMatchObject({ name: "attention", term: { term: "attention" } });
  });

  it("a name with two neighbours swapped, a letter missing or one too many is near", () => {
    const names = TERMS.flatMap((entry) => [entry.term, ...entry.aliases].map((name) => ({ name, entry })));
    const long = names.filter(({ name }) => name.length >= 5);
    fc.assert(
      fc.property(
        fc.constantFrom(...long),
        fc.nat(),
        fc.constantFrom("swap", "drop", "double"),
        ({ name, entry }, at, how) => {
          const i = at % (name.length - 1);
          const [a = "", b = ""] = [name[i], name[i + 1]];
          const middle = how === "swap" ? b + a : how === "drop" ? b : a + a + b;
          const typed = name.slice(0, i) + middle + name.slice(i + 2);
          return findTerm(typed) !== undefined || nearestTerms(typed, TERMS.length).some(({ term }) => term === entry);
        },
      ),
    );
  });

  it("are at most as many as asked for, whatever is typed, and none for what is far from everything", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), fc.integer({ min: 0, max: 4 }), (word, most) => {
        const near = nearestTerms(word, most);
        return near.length <= most && new Set(near).size === near.length;
      }),
    );
    for (const word of ["", "zzzzzz", "canine", "wide", "dinner", "x".repeat(1e6)])
      expect(nearestTerms(word)).toEqual([]);
  });
});

describe("the texts", () => {
  const texts = (entry: Term) => [
    entry.title,
    entry.short,
    ...entry.paragraphs,
    entry.picture ?? "",
    ...(entry.formula ? [...entry.formula.lines, entry.formula.note] : []),
  ];

  it("are plain ASCII: no control characters, no markup, nothing that a terminal could take amiss", () => {
    for (const entry of TERMS) for (const text of texts(entry)) expect(text).toMatch(/^[\x20-\x7e]*$/);
  });

  it("are sentences: capital, full stop, single spaces, and short paragraphs", () => {
    for (const { term, paragraphs, picture = "" } of TERMS) {
      expect(paragraphs.length, term).toBeGreaterThanOrEqual(2);
      expect(paragraphs.length, term).toBeLessThanOrEqual(4);
      for (const text of [...paragraphs, picture]) {
        expect(text, term).toMatch(/^['A-Z0-9].*[.?]$/);
        expect(text, term).not.toContain("  ");
        expect(text.length, `${term}: ${text}`).toBeLessThanOrEqual(640);
      }
    }
  });

  it("have a line for a list that fits beside the longest name into 80 columns", () => {
    for (const { term, short } of TERMS) {
      expect(short.length, term).toBeLessThanOrEqual(58);
      expect(short, term).not.toMatch(/\.$/);
    }
  });

  it("point to entries that exist, and not to themselves", () => {
    const types = ["Q4_K", "Q4_K_M", "F8_E4M3", "IQ2_XXS", "NVFP4"].map(term);
    for (const { term: name, seeAlso } of [...TERMS, ...types]) {
      expect(seeAlso.length, name).toBeGreaterThan(1);
      for (const other of seeAlso) {
        expect(findTerm(other)?.term, `${name} -> ${other}`).toBe(other);
        expect(other).not.toBe(name);
      }
    }
    // In sentences too: 'see mixer'.
    const sentences = TERMS.flatMap((entry) => entry.paragraphs).join(" ");
    for (const [, word = ""] of sentences.matchAll(/see '([^']+)'/g)) expect(findTerm(word)?.term).toBe(word);
  });
});

describe("own numbers of the fixtures", () => {
  let dense: Report;
  let moe: Report;
  let untied: Report;
  beforeAll(async () => {
    [dense, moe, untied] = (await Promise.all(
      ["llama-dense-mixed.gguf", "llama-moe-mixed.gguf", "llama-tiny-safetensors"].map((name) =>
        reportOf(FIXTURES + name),
      ),
    )) as [Report, Report, Report];
  });
  const bucket = (report: Report, name: string) =>
    report.buckets.find((count) => count.bucket === name)?.parameters ?? 0;

  it("every entry has some for every one of them, as sentences", () => {
    for (const report of [dense, moe, untied]) {
      for (const entry of TERMS) {
        const lines = ownNumbers(entry, report);
        expect(lines.length, entry.term).toBeGreaterThan(0);
        for (const line of lines) {
          expect(line, entry.term).toMatch(/\.$/);
          expect(line, entry.term).not.toMatch(/undefined|NaN|null|Infinity|\[object| {2}/);
        }
      }
    }
  });

  it("parameter, weight, bias: the Report's counts", () => {
    expect(own("parameter", dense)).toContain(`${formatExact(dense.parameters.total)} parameters`);
    expect(own("weight", dense)).toContain(`All ${formatExact(dense.parameters.weights)} parameters are weights`);
    expect(own("bias", dense)).toContain("no biases");
  });

  it("feed-forward: its share, and the common rule", () => {
    const ffn = bucket(untied, "ffn");
    expect(own("ffn", untied)).toContain(
      `${formatCount(ffn)} of ${formatCount(untied.parameters.total)} parameters (${formatShare(ffn / untied.parameters.total)})`,
    );
    expect(own("ffn", untied)).toContain("below the common rule of 60-70%");
    expect(own("ffn", moe)).toContain("No FFN here is used by every token");
  });

  it("moe: experts, used, routed, total against active; of a dense model, that it is dense", () => {
    const { experts, parameters } = moe;
    const said = own("moe", moe);
    expect(said).toContain(`${experts?.perLayer} experts in each of ${experts?.layers} layers`);
    expect(said).toContain(`picks ${experts?.usedPerToken} of them`);
    expect(said).toContain(
      `${formatCount(experts?.routedParameters ?? 0)} of ${formatCount(parameters.total)} parameters`,
    );
    expect(said).toContain(`Active per token: ${formatCount(parameters.active ?? 0)}`);
    expect(own("active parameters", moe)).toContain(formatExact(parameters.active ?? 0));
    expect(own("moe", dense)).toContain("the model is dense");
    expect(own("moe", dense)).toContain(formatExact(dense.parameters.total));
    expect(own("dense", dense)).toContain("is dense");
    expect(own("dense", moe)).toContain("not dense");
  });

  it("embedding and head: rows, width, tied or not", () => {
    expect(own("embedding", moe)).toContain(
      `128 rows x 128 numbers (the width) = ${formatExact(bucket(moe, "embedding"))}`,
    );
    expect(own("embedding", moe)).toContain("a second time as the head (tied)");
    expect(own("head", moe)).toContain("no parameters of its own");
    expect(own("embedding", untied)).toContain("not tied");
    expect(own("head", untied)).toContain(`${formatCount(bucket(untied, "head"))} of`);
  });

  it("layer: layers that only differ in storage are alike", () => {
    expect(dense.layerGroups.length).toBeGreaterThan(1);
    expect(own("layer", dense)).toContain(
      `3 layers, each with ${formatCount(dense.layers[0]?.parameters ?? 0)} parameters`,
    );
  });

  it("quantization: measured bits, saving, types with words, label", () => {
    const { quantization } = dense;
    const said = own("quantization", dense);
    expect(said).toContain(`${quantization.bitsPerWeight?.toFixed(2)} bits per weight`);
    expect(said).toContain(`${((quantization.savingAgainst16Bit ?? 0) * 100).toFixed(0)}% less`);
    for (const { type, share } of quantization.types) {
      expect(said).toContain(`${type}, ${formatShare(share)} of the bytes`);
      expect(said).toContain(typeWords(type));
    }
    expect(said).toContain("Its label is Q4_K_M");
    expect(own("bits per weight", dense)).toContain(`= ${quantization.bitsPerWeight?.toFixed(4)} bits per weight`);
    expect(own("quantization", untied)).toContain("as much as 16 bits each");
  });

  it("a type by its name: what of the file is stored so", () => {
    const [largest] = dense.quantization.types;
    expect(largest?.type).toBe("Q4_K");
    expect(own("Q4_K", dense)).toContain(
      `Q4_K: ${largest?.tensors} tensors with ${formatCount(largest?.parameters ?? 0)}`,
    );
    expect(own("k-quants", dense)).toContain("Q6_K: ");
    expect(own("mxfp4", dense)).toContain("Nothing in this file is stored as MXFP4");
    expect(own("mxfp4", moe)).toContain("MXFP4: 9 tensors");
    expect(own("bf16", untied)).toContain("BF16: 30 tensors");
    expect(own("Q4_K_M", dense)).toContain("declares itself as Q4_K_M");
  });

  it("kv cache and vram: the formula with the file's facts", () => {
    // 2 x 3 layers x 2 KV heads x 16 numbers x 2 bytes
    expect(own("kv cache", dense)).toContain(
      "2 x 3 layers x 2 KV heads x 16 numbers x 2 bytes (FP16) = 384 bytes per token",
    );
    expect(own("kv cache", dense)).toContain("With 2,048 tokens of text, the most it was made for: 786 kB");
    const weights = dense.quantization.types.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(own("vram", dense)).toContain(`The weights with their scales take ${formatBytes(weights)}`);
    expect(own("vram", dense)).toContain(`Estimate: weights and cache together ${formatBytes(weights + 384 * 2048)}`);
  });

  it("speed: all that a token uses is read, of experts their share", () => {
    const bytes = (report: Report, name: string) => report.buckets.find((count) => count.bucket === name)?.bytes ?? 0;
    const all = untied.buckets.reduce((sum, count) => sum + count.bytes, 0);
    expect(all - bytes(untied, "embedding")).toBe(238_464);
    expect(own("speed", untied)).toContain("at least 238 kB of the 255 kB of weights are read");
    // Tied: the whole table is read as the head. Two of eight experts.
    const routed = moe.buckets
      .find((count) => count.bucket === "expert")
      ?.parts.filter(({ part }) => part.startsWith("routed"))
      .reduce((sum, part) => sum + part.bytes, 0);
    const read = moe.buckets.reduce((sum, count) => sum + count.bytes, 0) - 0.75 * (routed ?? Number.NaN);
    expect(own("speed", moe)).toContain(`at least ${Math.round(read / 1000)} kB`);
  });

  it("an estimate is called one", () => {
    for (const word of ["cost", "speed", "vram", "training data"]) expect(own(word, dense)).toContain("Estimate");
  });

  it("active: definitions A, B and C by their letters, and why B is A where the head is tied", () => {
    const { paragraphs } = term("active");
    for (const letter of "ABC") expect(paragraphs.join(" ")).toContain(`Definition ${letter},`);
    expect(own("active", moe)).toMatch(/^A, with the tables/m);
    expect(own("active", moe)).toMatch(/^B: the same\. The embedding table is the head too \(tied\)/m);
    expect(own("active", untied)).toMatch(/^B, without the embedding: /m);
    expect(own("active", untied)).toMatch(/^C, without embedding and head: /m);
  });

  it("a label: whether the file carries it, and what is measured", () => {
    const measured = `Measured: ${dense.quantization.bitsPerWeight?.toFixed(2)} bits per weight`;
    expect(own("Q4_K_M", dense)).toContain("This file declares itself as Q4_K_M");
    expect(own("Q4_K_M", dense)).toContain(measured);
    expect(own("Q4_K_M", dense)).toContain("Q4_K: ");
    expect(own("Q5_K_S", dense)).toContain("doesn't carry the label Q5_K_S: it declares Q4_K_M");
    expect(own("Q5_K_S", dense)).toContain(measured);
  });

  it("packed weights: 4-bit is said to be there, other types not, and words of 32 bits are containers", async () => {
    const gptq = await reportOf(`${FIXTURES}llama-tiny-gptq`);
    expect(own("int4", gptq)).toMatch(/^Yes: this file has weights stored as 4-bit types\.\nPacked as GPTQ 4-bit/);
    for (const word of ["int8", "k-quants", "i-quants", "mxfp4"])
      expect(own(word, gptq), word).toMatch(/^Nothing in this file is stored as /);
    expect(own("I32", gptq)).toContain("weights are packed inside, at 4 bits each: each number holds 8 of them.");
    expect(own("I32", gptq)).not.toContain("exact");
    expect(own("int4", await reportOf(`${FIXTURES}llama-tiny-bnb-nf4`))).toMatch(/^Yes: /);
  });

  it("a file that was cut off gets a word of caution first", async () => {
    const bytes = readFileSync(`${FIXTURES}llama-dense-mixed.gguf`).subarray(0, dense.source.headerBytes - 200);
    const cut = await openFileSet(memoryFileSet("cut", { "cut.gguf": bytes }));
    expect(cut.error).toBeDefined();
    const [first] = ownNumbers(term("parameter"), analyse(cut));
    expect(first).toContain("Reading stopped");
  });
});

/** Heads under shared/data by their place on the Hub: of models whose cache is plain, and with windows. */
const PLAIN: Readonly<Record<string, string>> = {
  gpt2: "openai-community/gpt2",
  "Llama-2-7B": "meta-llama/Llama-2-7b-hf",
  "Llama-2-70B": "meta-llama/Llama-2-70b-hf",
  "Llama-3.1-8B": "meta-llama/Llama-3.1-8B",
  "Mixtral-8x7B": "mistralai/Mixtral-8x7B-v0.1",
  "Qwen2.5-7B": "Qwen/Qwen2.5-7B",
  "Qwen3-0.6B": "Qwen/Qwen3-0.6B",
  "Qwen3-1.7B": "Qwen/Qwen3-1.7B",
  "BLOOM-560m": "bigscience/bloom-560m",
  "TinyLlama-1.1B": "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
  "OPT-125m": "facebook/opt-125m",
};
const WINDOWED: Readonly<Record<string, string>> = {
  "gpt-oss-20b": "openai/gpt-oss-20b",
  "Gemma-2-9B": "google/gemma-2-9b",
  "Gemma-3-27B": "google/gemma-3-27b-it",
};

async function head(name: string): Promise<Report> {
  const { dir, remove } = expandHeads(`hf-heads/${name}`);
  try {
    return await reportOf(dir);
  } finally {
    remove();
  }
}

describeReal("own numbers of real models", () => {
  const cacheOf = (repo: string) =>
    Number(readReferenceTsv("ground-truth.tsv").find((row) => row.hf_repo === repo)?.kv_bytes_per_token_f16_all);

  it.each(Object.entries(PLAIN))("the KV cache of %s is the published one", async (name, repo) => {
    const expected = cacheOf(repo);
    expect(expected).toBeGreaterThan(0);
    const said = own("kv cache", await head(name));
    expect(said).toContain(`= ${formatExact(expected)} bytes per token.`);
    expect(said).not.toContain("If every layer");
  });

  it.each(Object.entries(WINDOWED))("the KV cache of %s: with its windows, and beyond them", async (name, repo) => {
    const row = readReferenceTsv("ground-truth.tsv").find(({ hf_repo }) => hf_repo === repo);
    const said = own("kv cache", await head(name));
    expect(said).toContain(`= ${formatExact(cacheOf(repo))} bytes per token.`);
    expect(said).toContain(
      `Once the windows are full, each further token takes ${formatExact(Number(row?.kv_bytes_per_token_f16_growing))} bytes.`,
    );
    expect(said).toMatch(/window \d/);
  });

  it.each<[string, RegExp]>([
    ["DeepSeek-V2-Lite", /Each token takes 31,104 bytes at FP16\.\nWhat its layers keep: MLA latent in 27\./],
    [
      "Jamba-1.5-mini",
      /takes 16,384 bytes[\s\S]*Mamba in 28; GQA 4:1 in 4[\s\S]*a state of 9\.18 MB that stays the same size/,
    ],
    ["Qwen3-Next-80B-A3B", /takes 24,576 bytes[\s\S]*gated delta net in 36/],
    ["Mamba-2.8B", /has no attention\. It keeps a state of 13\.1 MB/],
    ["BERT-base", /reads a text as a whole/],
    ["T5-small", /MHA in 6; cross-attention in 6/],
  ])("the KV cache of %s: what its layers keep", async (name, says) => {
    expect(own("kv cache", await head(name))).toMatch(says);
  });

  it("Llama-3.1-8B: shares as they are known", async () => {
    const report = await head("Llama-3.1-8B");
    expect(own("ffn", report)).toContain("In this file the FFN holds 5.64 B of 8.03 B parameters (70.2%).");
    expect(own("ffn", report)).toContain("above the common rule");
    expect(own("attention", report)).toContain("Q 537 M, K 134 M, V 134 M and O 537 M");
    expect(own("attention", report)).toContain("32 query heads");
    expect(own("attention", report)).toContain("share 8 heads of keys and values, 4 to each (GQA)");
    expect(own("neuron", report)).toContain("32 x 14,336 = 458,752 neurons");
    expect(own("moe", report)).toContain("the model is dense");
  });

  it("Mixtral-8x7B: total against active, experts read against experts stored", async () => {
    const report = await head("Mixtral-8x7B");
    expect(own("active parameters", report)).toContain(
      "A, with the tables at both ends: 12,879,925,248 (12.9 B) of 46,702,792,704",
    );
    expect(own("active parameters", report)).toContain("12,748,853,248");
    expect(own("active parameters", report)).toContain("12,617,781,248");
    // 2 bytes for each parameter of definition B.
    expect(own("speed", report)).toContain("at least 25.5 GB of the 93.4 GB of weights are read");
    expect(own("cost", report)).toContain("2 x 12,748,853,248 active parameters");
  });

  it("gpt2: biases, a tied head, one matrix for Q, K and V", async () => {
    const report = await head("gpt2");
    expect(own("bias", report)).toContain("102,144 of 124,439,808 parameters are biases");
    expect(own("embedding", report)).toContain("50,257 rows x 768 numbers (the width) = 38,597,376");
    expect(own("head", report)).toContain("The head is tied");
    expect(own("attention", report)).toContain("Q 7.09 M, K 7.09 M, V 7.09 M and O 7.09 M");
    expect(own("attention", report)).toContain("Q, K and V are stored in one matrix");
    expect(own("neuron", report)).toContain("3,072 numbers wide inside");
  });

  it("Mamba-2.8B: a mixer without attention or feed-forward networks", async () => {
    const report = await head("Mamba-2.8B");
    expect(own("mixer", report)).toContain("(state-space, as in Mamba)");
    expect(own("attention", report)).toContain("has no attention");
    expect(own("ffn", report)).toContain("has no feed-forward networks");
    expect(own("neuron", report)).toContain("no feed-forward networks");
  });

  it.each(["gguf-vocab/ggml-vocab-qwen2.gguf", "gguf-made/stories260K/stories260K-imatrix.gguf"])(
    "%s holds no parameters, and nothing is said as if it did",
    async (file) => {
      const report = await reportOf(realData(file));
      for (const word of ["parameter", "ffn", "moe", "kv cache", "quantization", "vram"])
        expect(own(word, report)).toBe("This file holds no parameters, so there are no numbers for this.");
      expect(own("checkpoint", report)).toContain("GGUF v3");
    },
  );
});

/** Checkpoints made from recipes: the header at full size, the data a hole. */
async function recipe(name: string, format: "gguf" | "safetensors"): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-explain-"));
  try {
    const found = MODELS.find((model) => model.name === name);
    if (!found) throw new Error(`no recipe of ${name}`);
    return await reportOf(writeModel(found, format, folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe("own numbers of models made from recipes", () => {
  it("Qwen3-1.7B: one size for the weights, another for all tensors, and what the rest is", async () => {
    const report = await recipe("Qwen3-1.7B", "safetensors");
    for (const word of ["quantization", "vram", "cost"]) {
      expect(own(word, report), word).toMatch(/3\.44 GB/);
      expect(own(word, report), word).toContain(
        "All tensors of the file take 4.06 GB: 622 MB of that isn't counted as weights (a second copy of the tied table).",
      );
    }
    expect(own("kv cache", report)).toContain("the weights take 3.44 GB");
    expect(own("speed", report)).toContain("at least 3.44 GB of the 3.44 GB of weights are read");
    expect(own("speed", report)).not.toContain("4.06");
    expect(own("not counted", report)).toContain("a second copy of the tied table, 311,164,928 stored numbers");
    expect(own("hub", report)).toContain("2,031,739,904");
  });

  it("T5-small: both stacks have neurons, and cross-attention is part of Q, K, V and O", async () => {
    for (const format of ["gguf", "safetensors"] as const) {
      const report = await recipe("T5-small", format);
      expect(own("neuron", report)).toContain("2,048 numbers wide inside");
      expect(own("neuron", report)).toContain(
        "In 12 layers (6 encoder, 6 decoder) that makes 12 x 2,048 = 24,576 neurons",
      );
      expect(own("attention", report)).toContain("Its parts: Q 4.72 M, K 4.72 M, V 4.72 M and O 4.72 M.");
      expect(own("attention", report)).toContain("6.29 M of that is cross-attention, with which the decoder looks");
      expect(own("encoder", report)).toContain("The decoder has 6 layers");
      expect(own("dense", report)).not.toContain("A token goes through all layers");
    }
  });

  it("whisper-tiny and BERT-base: only the token table depends on the vocabulary", async () => {
    const whisper = await recipe("whisper-tiny", "safetensors");
    expect(own("tokenizer", whisper)).toContain("The token table, whose size depends on it, holds 19.9 M");
    expect(own("tokenizer", await recipe("BERT-base", "safetensors"))).toContain("holds 23.4 M");
  });

  it("Mamba-2.8B has no KV cache to read", async () => {
    const said = own("speed", await recipe("Mamba-2.8B", "gguf"));
    expect(said).toContain("There is no KV cache");
    expect(said).not.toContain("The KV cache is read on top");
  });

  it("gpt-oss-20b and Gemma-3-27B: which layers have a window, in the words of the report", async () => {
    for (const name of ["gpt-oss-20b", "Gemma-3-27B"]) {
      const report = await recipe(name, "safetensors");
      const words = report.layerPatterns.find(({ subject }) => subject === "window")?.words ?? "none";
      expect(own("context", report).toLowerCase(), name).toContain(words.toLowerCase());
      expect(own("kv cache", report).toLowerCase(), name).toContain(words.toLowerCase());
    }
  });

  it("DeepSeek-V3: 8-bit floats are no integers; drafting blocks and latent attention", async () => {
    const report = await recipe("DeepSeek-V3", "safetensors");
    expect(own("int8", report)).toMatch(/^Nothing in this file is stored as 8-bit integers\.\nIts types: F8_E4M3/);
    expect(own("int8", report)).toContain("Packed as FP8 (E4M3)");
    expect(own("mtp", report)).toContain("671,026,419,200 parameters (671 B) remain");
    expect(own("mla", report)).toContain("kv_b 1.02 B");
    // The scales of experts that aren't chosen aren't read.
    expect(own("speed", report)).toContain("about 37.7 GB of the 689 GB");
  });
});

describe("what is no text model", () => {
  async function made(files: Readonly<Record<string, string | Uint8Array>>): Promise<Report> {
    const bytes = Object.entries(files).map(([name, data]) => [name, Buffer.from(data)] as const);
    return analyse(await openFileSet(memoryFileSet("made", Object.fromEntries(bytes))));
  }

  function safetensors(shapes: Readonly<Record<string, readonly number[]>>): Uint8Array {
    const { header, sizeBytes } = writeSafetensorsHeader(
      Object.entries(shapes).map(([name, shape]) => ({ name, dtype: "BF16", shape })),
    );
    return Buffer.concat([header, Buffer.alloc(sizeBytes - header.length)]);
  }

  it("an adapter: rank, alpha, scaling, targets, base; words for models don't apply", async () => {
    const path = "base_model.model.model.layers.0.self_attn.q_proj";
    const report = await made({
      "adapter_config.json": JSON.stringify({
        peft_type: "LORA",
        r: 4,
        lora_alpha: 8,
        target_modules: ["q_proj"],
        base_model_name_or_path: "someone/base",
      }),
      "adapter_model.safetensors": safetensors({
        [`${path}.lora_A.weight`]: [4, 64],
        [`${path}.lora_B.weight`]: [64, 4],
      }),
    });
    const said = own("lora", report);
    expect(said).toContain("This file is an adapter (LoRA), with 512 parameters");
    expect(said).toContain("the base: someone/base");
    expect(said).toContain("Rank: 4");
    expect(said).toContain("Alpha: 8. Scaling: the change is multiplied by alpha / rank = 8 / 4 = 2.");
    expect(said).toContain("It changes 1 module in 1 layer: q_proj.");
    for (const word of ["head", "dense", "layer", "active", "speed", "context"])
      expect(own(word, report), word).toContain("doesn't apply to it");
    for (const word of ["parameter", "quantization", "BF16"]) expect(own(word, report), word).not.toContain("apply");
  });

  it("a projector: attention stands in its tower, and no token of text goes through it", async () => {
    const header = writeGgufHeader({
      metadata: [
        { key: "general.architecture", type: "string", value: "clip" },
        { key: "general.type", type: "string", value: "mmproj" },
      ],
      tensors: [
        { name: "v.blk.0.attn_q.weight", shape: [32, 32], type: 0 },
        { name: "v.blk.0.ffn_up.weight", shape: [32, 64], type: 0 },
        { name: "v.blk.0.ln1.weight", shape: [32], type: 0 },
        { name: "mm.0.weight", shape: [32, 64], type: 0 },
      ],
    });
    const report = await made({ "mmproj.gguf": Buffer.concat([header, Buffer.alloc(4 * (1024 + 2 * 2048 + 32))]) });
    expect(report.model.kind).toBe("projector");
    expect(own("attention", report)).toContain("in the tower, attention holds 1.02 K");
    expect(own("ffn", report)).toContain("in the tower, the feed-forward networks hold 2.05 K");
    expect(own("active", report)).toContain("don't apply");
    expect(own("dense", report)).toContain("No token of text goes through it");
    expect(own("tower", report)).toContain("There is no text model in this file");
  });

  it("a vision model: no token goes through it", async () => {
    const block = "vit.encoder.layer.0";
    const report = await made({
      "config.json": JSON.stringify({
        model_type: "vit",
        architectures: ["ViTForImageClassification"],
        hidden_size: 8,
      }),
      "model.safetensors": safetensors({
        "vit.embeddings.patch_embeddings.projection.weight": [8, 3, 2, 2],
        [`${block}.attention.attention.query.weight`]: [8, 8],
        [`${block}.intermediate.dense.weight`]: [32, 8],
        [`${block}.output.dense.weight`]: [8, 32],
        "classifier.weight": [10, 8],
      }),
    });
    expect(report.model.kind).toBe("vision");
    expect(own("active", report)).toContain("don't apply");
    expect(own("dense", report)).toContain("An image goes through all of its layers");
    expect(own("tokenizer", report)).toContain("needs no tokenizer");
    for (const entry of TERMS) expect(own(entry.term, report), entry.term).not.toMatch(/[Aa] token (?:goes|uses)/);
  });
});
