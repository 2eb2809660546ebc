/** What a repository has and what it lacks. */
import { CheckpointError } from "@checkpoint-inspect/parser";
import { describe, expect, it } from "vitest";

import { finding, listed, looked, type Made, said } from "./subjects.ts";

const MODEL = listed("model.safetensors");

function expectLines(some: RegExp) {
  return (_: string, made: Made, lines: string[]) => expect(said(made, some)).toEqual(lines);
}

describe("a repo that could be looked at only in part", () => {
  it.each<[string, Made, string[]]>([
    ["is open", { files: { a: 1 } }, []],
    [
      "is gated",
      { files: { a: 1, b: 1 }, closed: true, info: { gated: "auto" } },
      ["warning repo/partial: the repo is gated: names and sizes of 2 files are all that is known"],
    ],
    [
      "is gated by hand",
      { files: { a: 1 }, closed: true, info: { gated: "manual" } },
      [
        "warning repo/partial: the repo is gated, and its owner decides on each request: names and sizes of 1 file are all that is known",
      ],
    ],
    [
      "has too many files",
      { files: { a: 1 }, filesCut: true },
      ["warning repo/partial: the repo has more files than the 1 name that were listed"],
    ],
  ])("%s", expectLines(/partial|access/));
});

describe("a repo without a checkpoint", () => {
  it.each<[string, Made, string[]]>([
    ["has one", { files: { "model.safetensors": 1 }, checkpoints: [MODEL] }, []],
    [
      "has other formats",
      { files: { "model.onnx": 2e6, "tf_model.h5": 1e6, "pytorch_model.bin": 1e6, "ggml-base.bin": 1e6 } },
      [
        "note repo/no-checkpoint: there is no GGUF or safetensors file, but 1 ONNX file (2.00 MB), 1 Keras file (1.00 MB), 1 pickle file (1.00 MB), 1 old ggml file (1.00 MB)",
      ],
    ],
    [
      "has nothing of the kind",
      { files: { "README.md": 1, ".gitattributes": 1 } },
      ["warning repo/no-checkpoint: none of 2 files holds weights: README.md, .gitattributes"],
    ],
    [
      "has some, but not the one that was asked for",
      { files: { "a-Q8_0.gguf": 1 } },
      ["warning repo/no-checkpoint: no checkpoint that was asked for is among 1 GGUF or safetensors file: a-Q8_0.gguf"],
    ],
    ["is empty", {}, ["warning repo/no-checkpoint: the repo has no files"]],
    ["may have one beyond the list", { files: { "README.md": 1 }, filesCut: true }, []],
  ])("%s", expectLines(/no-checkpoint/));
});

describe("sets that lack files", () => {
  const set = listed("Q8_0/m-00001-of-00003.gguf", {
    label: "m",
    declaredParts: 3,
    missing: ["Q8_0/m-00002-of-00003.gguf", "Q8_0/m-00003-of-00003.gguf"],
  });
  const line =
    "error repo/incomplete-set: m has 1 of 3 files: Q8_0/m-00002-of-00003.gguf, Q8_0/m-00003-of-00003.gguf are missing [Q8_0/m-00001-of-00003.gguf]";

  it.each<[string, Made, string[]]>([
    ["are whole", { checkpoints: [MODEL] }, []],
    ["weren't opened", { checkpoints: [set] }, [line]],
    [
      "were opened, and the reader said so",
      { checkpoints: [set], looked: [looked(set, undefined, [finding("gguf/missing-part")])] },
      [],
    ],
    [
      "couldn't be opened for another reason",
      {
        checkpoints: [set],
        looked: [{ listed: set, findings: [finding("read/network")], error: new CheckpointError("network", "no") }],
      },
      [line],
    ],
    ["may have them beyond the list", { checkpoints: [set], filesCut: true }, []],
  ])("%s", expectLines(/incomplete/));
});

describe("files of no bytes", () => {
  it.each<[string, Made, string[]]>([
    ["that may be so", { files: { "__init__.py": 0, ".gitkeep": 0, "model.safetensors": 9 } }, []],
    [
      "that are weights",
      { files: { "model.safetensors": 0, "b/x.gguf": 0 } },
      ["error repo/empty-file: 2 files of 0 bytes: model.safetensors, b/x.gguf"],
    ],
    [
      "that are settings",
      { files: { "config.json": 0 } },
      ["warning repo/empty-file: 1 file of 0 bytes: config.json [config.json]"],
    ],
    [
      "that a checkpoint's findings name",
      {
        files: { "a/model.safetensors": 0, "a/config.json": 0 },
        looked: [
          {
            listed: listed("a/model.safetensors"),
            findings: [finding("file/stand-in", "config.json is empty", "config.json")],
            error: new CheckpointError("truncated", "it is empty"),
          },
        ],
      },
      [],
    ],
  ])("%s", expectLines(/empty-file/));
});

describe("copies", () => {
  const file = (path: string, sha256: string, sizeBytes = 1e9) => ({ path, sizeBytes, sha256 });

  it.each<[string, Made, string[]]>([
    ["that differ", { files: [file("a.gguf", "1"), file("b.gguf", "2"), { path: "c", sizeBytes: 1e9 }] }, []],
    ["that are small", { files: [file("a/tokenizer.json", "1", 1e6), file("b/tokenizer.json", "1", 1e6)] }, []],
    [
      "of one file",
      { files: [file("model.safetensors", "1"), file("b.gguf", "2"), file("old/model.safetensors", "1")] },
      [
        "note repo/copies: 1 file is a copy of another (1.00 GB): old/model.safetensors = model.safetensors [old/model.safetensors]",
      ],
    ],
    [
      "of several",
      { files: [file("a", "1"), file("b", "1"), file("c", "1"), file("d", "2"), file("e", "2"), file("f", "2")] },
      ["note repo/copies: 4 files are copies of others (4.00 GB): b = a, c = a, e = d and 1 more"],
    ],
  ])("%s", expectLines(/copies/));
});

describe("storage", () => {
  const files = { "model.safetensors": 4e9 };

  it.each<[string, Made, string[]]>([
    ["that isn't known", { files, info: {} }, []],
    ["of one earlier upload", { files, info: { usedStorageBytes: 9e9 } }, []],
    ["of small files", { files: { a: 10 }, info: { usedStorageBytes: 1e9 } }, []],
    ["beside a list that is cut", { files, info: { usedStorageBytes: 4e10 }, filesCut: true }, []],
    [
      "of many",
      { files, info: { usedStorageBytes: 4e10 } },
      ["note repo/storage: the repo takes 40.0 GB with all that it ever held, the 1 file of this revision 4.00 GB"],
    ],
  ])("%s", expectLines(/storage/));
});
