/** Files beside the weights: pickles, stand-ins, code. */
import {
  type Finding,
  memoryFileSet,
  openCheckpoint,
  openFileSet,
  writeGguf,
  writeSafetensors,
} from "@checkpoint-inspect/parser";
import { describe, expect, it } from "vitest";

import { describeReal, expandHeads } from "../../../test-support/real-data.ts";
import { analyse, TEMPLATE_RULES } from "../src/index.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const json = (value: unknown): Uint8Array => encode(JSON.stringify(value));

const WEIGHTS = writeSafetensors([{ name: "a", dtype: "U8", shape: [1], data: new Uint8Array(1) }]);
const PICKLE = Uint8Array.of(0x80, 0x02, 0x7d, 0x71, 0x00, 0x2e);
/** The beginning of a zip archive whose first entry has this name. */
const zipOf = (entry: string): Uint8Array => encode(`${"PK\u0003\u0004".padEnd(30, "\0")}${entry}`);
const ZIP = zipOf("readme.txt");
const POINTER = encode(`version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 12\n`);
const ELF = Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0);

const ofFiles = (findings: readonly Finding[]): Finding[] => findings.filter(({ rule }) => rule.startsWith("file/"));

/** What is found in a folder with `model.safetensors` and these files. */
async function foundBeside(files: Readonly<Record<string, Uint8Array>>): Promise<Finding[]> {
  const set = memoryFileSet("repo", { "model.safetensors": WEIGHTS, ...files });
  return ofFiles(analyse(await openFileSet(set, { beside: true })).findings);
}

async function saidBeside(files: Readonly<Record<string, Uint8Array>>): Promise<string[]> {
  return (await foundBeside(files)).map(({ severity, rule, message }) => `${severity} ${rule}: ${message}`);
}

it("is silent on a folder as it should be", async () => {
  const files = {
    "README.md": encode("# A model\n<script>"),
    ".gitattributes": encode("*.bin filter=lfs"),
    LICENSE: encode("MIT"),
    "config.json": json({ model_type: "llama" }),
    "generation_config.json": json({}),
    "tokenizer.json": json({ model: { vocab: {} } }),
    "tokenizer.model": encode("\n\u000e\n\u0005<unk>"),
    "merges.txt": encode("a b"),
    "onnx.onnx": Uint8Array.of(8, 7, 18, 1),
    "weights.npz": zipOf("a.npy"),
    "other.safetensors": WEIGHTS,
    "model.gguf": writeGguf({ metadata: [], tensors: [] }),
    "picture.png": new Uint8Array(8),
  };
  expect(await saidBeside(files)).toEqual([]);
});

it("says once that a file is a stand-in, where it can't be read for that", async () => {
  expect(await saidBeside({ "config.json": json({}), "tokenizer.json": POINTER })).toEqual([
    `warning file/stand-in: tokenizer.json is a Git LFS pointer to the real file (12 bytes, sha256 ${"0".repeat(64)})`,
  ]);
});

it("says nothing of files that nobody looked for", async () => {
  const set = memoryFileSet("repo", { "model.safetensors": WEIGHTS, "pytorch_model.bin": PICKLE });
  expect(ofFiles(analyse(await openFileSet(set)).findings)).toEqual([]);
});

describe("pickles", () => {
  it("are a warning, and needn't be loaded where the weights are here as safetensors", async () => {
    const [finding, ...more] = await foundBeside({ "pytorch_model.bin": PICKLE, "x.pkl": ZIP });
    expect(more).toEqual([]);
    expect(finding).toMatchObject({
      rule: "file/pickle",
      severity: "warning",
      message: "2 pickle files beside the weights: pytorch_model.bin, x.pkl (46 B)",
      fix: "the weights are here as safetensors, so they needn't be loaded; load with use_safetensors=True, or delete them",
    });
  });

  it("are told by their bytes, not by an ending that others have, too", async () => {
    expect(await saidBeside({ "model.bin": encode("lmggxxxxxxxxxxxx"), "x.bin": new Uint8Array(64).fill(7) })).toEqual(
      [],
    );
  });

  it("of a training are a note", async () => {
    const files = {
      "training_args.bin": PICKLE,
      "optimizer.pt": PICKLE,
      "scheduler.pt": PICKLE,
      "rng_state_0.pth": PICKLE,
      "scaler.pt": PICKLE,
    };
    expect(await saidBeside(files)).toEqual([
      "note file/training-leftovers: 5 files of training: optimizer.pt, rng_state_0.pth, scaler.pt and 2 more (30 B)",
    ]);
  });
});

describe("files that aren't what they are called", () => {
  it.each<[string, Record<string, Uint8Array>, string]>([
    [
      "a pickle under the name of safetensors",
      { "extra.safetensors": PICKLE },
      "error file/not-its-name: extra.safetensors is a Python pickle (protocol 2), as older PyTorch files are",
    ],
    [
      "a zip under the name of safetensors",
      { "extra.safetensors": ZIP },
      "error file/not-its-name: extra.safetensors is a zip archive",
    ],
    [
      "a program under the name of weights",
      { "x.bin": ELF },
      "error file/not-its-name: x.bin is a program or library (ELF)",
    ],
    [
      "safetensors under the name of GGUF",
      { "x.gguf": WEIGHTS },
      "error file/not-its-name: x.gguf is a safetensors file",
    ],
    [
      "a pointer in place of weights",
      { "extra.safetensors": POINTER },
      `error file/stand-in: extra.safetensors is a Git LFS pointer to the real file (12 bytes, sha256 ${"0".repeat(64)})`,
    ],
    [
      "a pointer in place of a tokenizer",
      { "tokenizer.model": POINTER },
      `warning file/stand-in: tokenizer.model is a Git LFS pointer to the real file (12 bytes, sha256 ${"0".repeat(64)})`,
    ],
    [
      "a page in place of weights",
      { "extra.bin": encode("<!DOCTYPE html>") },
      "warning file/stand-in: extra.bin is an HTML page",
    ],
    [
      "weights of no bytes",
      { "extra.safetensors": new Uint8Array() },
      "error file/stand-in: extra.safetensors is empty (0 bytes)",
    ],
    [
      "a download that stopped",
      { "model.safetensors.incomplete": new Uint8Array(5) },
      "warning file/partial-download: 1 download that didn't finish: model.safetensors.incomplete (5 B)",
    ],
  ])("are found: %s", async (_, files, expected) => {
    expect(await saidBeside(files)).toEqual([expected]);
  });
});

describe("code", () => {
  const auto = { auto_map: { AutoModel: "modeling_x.XModel", AutoTokenizer: ["tokenization_x.XTokenizer", null] } };

  it("that the configuration asks for is a warning", async () => {
    expect(await saidBeside({ "config.json": json(auto), "modeling_x.py": encode("import os") })).toEqual([
      'warning file/custom-code: config.json maps to classes of the model\'s own: "modeling_x.XModel", "tokenization_x.XTokenizer"',
    ]);
  });

  it("of another repo is named", async () => {
    const [finding] = await foundBeside({
      "tokenizer_config.json": json({ auto_map: { AutoTokenizer: "someone/else--tok.T" } }),
    });
    expect(finding?.message).toContain('from "someone/else"');
    expect(finding?.why).toContain("code of another repo");
  });

  it("that nothing asks for is a note", async () => {
    expect(await saidBeside({ "convert.py": encode("print(1)") })).toEqual([
      "note file/custom-code: 1 Python file beside the weights: convert.py",
    ]);
  });

  it("as a program or script is a warning", async () => {
    expect(await saidBeside({ "run.sh": encode("#!/bin/sh"), "setup.exe": encode("MZ"), "lib.so.1": ELF })).toEqual([
      "warning file/program: 3 programs or scripts beside the weights: lib.so.1, run.sh, setup.exe",
    ]);
  });

  it("is silent on any auto_map", async () => {
    for (const map of [null, 3, "x", [], { a: 3 }, { a: [[]] }]) {
      expect(await saidBeside({ "config.json": json({ auto_map: map }) })).toEqual([]);
    }
  });
});

it("notes what can't be read, with nothing of its text but escaped", async () => {
  expect(await saidBeside({ "tokenizer_config.json": encode("{\u001b"), "\u202ename.py": encode("") })).toEqual([
    "note file/custom-code: 1 Python file beside the weights: \\u202ename.py",
    "note file/unreadable: tokenizer_config.json can't be read: it is not valid JSON",
  ]);
});

describeReal("released folders", () => {
  it("finds nothing beside the shards of Reflection-Llama-3.1-70B", async () => {
    const { dir, remove } = expandHeads("safetensors-headers/Reflection-Llama-3.1-70B");
    try {
      const checkpoint = await openCheckpoint(dir, { beside: true });
      expect(checkpoint.beside?.files.length).toBeGreaterThan(162);
      const safety = analyse(checkpoint, { rules: TEMPLATE_RULES }).findings.filter(({ rule }) =>
        /^(?:file|text|template)\//.test(rule),
      );
      expect(safety).toEqual([]);
      await checkpoint.close();
    } finally {
      remove();
    }
  });
});
