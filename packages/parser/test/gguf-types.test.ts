import { describe, expect, it } from "vitest";
import { describeReal, readRealJson } from "../../../test-support/real-data.ts";
import { FILE_TYPES, fileTypeLabel, labelFromFileName } from "../src/gguf/file-types.ts";
import { GGML_TYPES, ggmlType } from "../src/gguf/types.ts";

describeReal("ggml types against sizeof() of ggml-common.h", () => {
  it("holds every mainline type with the same id, block and bytes, and no other", () => {
    const oracle = readRealJson<Record<string, { id: number; block: number; bytes: number }>>(
      "oracle",
      "ggml-types.json",
    );
    const ours = GGML_TYPES.filter((type) => type.origin === "mainline").map((type) => [
      type.name,
      { id: type.id, block: type.blockElements, bytes: type.blockBytes },
    ]);
    expect(Object.fromEntries(ours)).toEqual(oracle);
  });
});

describeReal("file types against llama.h", () => {
  it("holds every file type that llama.cpp still has, and no other", () => {
    const oracle = readRealJson<Record<string, number>>("oracle", "llama-ftypes.json");
    const theirs = Object.entries(oracle)
      .filter(([name]) => name !== "GUESSED")
      .map(([name, id]) => [id, name.replace(/^(MOSTLY|ALL)_/, "")]);
    const ours = FILE_TYPES.filter((type) => !type.removed && !type.fork).map((type) => [type.id, type.label]);
    expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(theirs));
    expect(fileTypeLabel((oracle.GUESSED ?? 0) + 15)).toMatchObject({
      label: "Q4_K_M",
      dominantType: "Q4_K",
      guessed: true,
    });
  });
});

describe("the table of ggml types", () => {
  it("gives every type its own id and name", () => {
    expect(new Set(GGML_TYPES.map((type) => type.id)).size).toBe(GGML_TYPES.length);
    expect(new Set(GGML_TYPES.map((type) => type.name)).size).toBe(GGML_TYPES.length);
  });

  it("has either both block sizes or neither, and at most 64 bits a weight", () => {
    for (const { name, blockElements, blockBytes, rowMetaBytes } of GGML_TYPES) {
      expect(blockElements > 0, name).toBe(blockBytes > 0);
      expect(blockBytes * 8, name).toBeLessThanOrEqual(blockElements * 64);
      expect(rowMetaBytes, name).toBeGreaterThanOrEqual(0);
    }
  });

  it("says what to use in place of a removed type", () => {
    for (const type of GGML_TYPES) {
      if (type.origin === "removed") {
        const instead = GGML_TYPES.find((other) => other.name === type.instead);
        expect(instead?.origin, type.name).toBe("mainline");
      } else {
        expect(type.instead, type.name).toBeUndefined();
      }
    }
  });

  it("lets mainline and removed types win where ids clash with the fork", () => {
    expect([34, 35, 36, 37, 38, 41].map((id) => ggmlType(id)?.name)).toEqual([
      "TQ1_0",
      "TQ2_0",
      "IQ4_NL_4_4",
      "IQ4_NL_4_8",
      "IQ4_NL_8_8",
      "Q1_0",
    ]);
  });

  it("keeps row-interleaved copies at the size of their base, but for those with a layout of their own", () => {
    const own = new Set(["IQ1_S_R4", "IQ1_M_R4", "Q8_K_R8", "Q8_K_R16", "Q8_KV_R8"]);
    for (const type of GGML_TYPES) {
      const base = /^(.*)_R(?:4|8|16)$/.exec(type.name)?.[1];
      if (!base || own.has(type.name)) continue;
      const { blockElements, blockBytes, rowMetaBytes } = GGML_TYPES.find((other) => other.name === base) ?? type;
      expect(type, type.name).toMatchObject({ blockElements, blockBytes, rowMetaBytes });
    }
  });

  it("counts the bytes in front of every row of the fork's row-scaled types", () => {
    const withMeta = GGML_TYPES.filter((type) => type.rowMetaBytes > 0);
    expect(withMeta.length).toBe(20);
    expect(ggmlType(146)).toMatchObject({ name: "IQ4_KSS", blockElements: 256, blockBytes: 128, rowMetaBytes: 4 });
    expect(ggmlType(219)).toMatchObject({ name: "IQ1_S_R4", blockElements: 32, blockBytes: 6, rowMetaBytes: 2 });
    expect(ggmlType(229)).toMatchObject({ name: "IQ1_M_R4", blockElements: 32, blockBytes: 7, rowMetaBytes: 2 });
  });

  it.each([-1, 43, 96, 1e9, 0.5, Number.NaN])("knows no type %s", (id) => {
    expect(ggmlType(id)).toBeUndefined();
  });
});

describe("file types", () => {
  it("have their own id each and a dominant type that exists", () => {
    expect(new Set(FILE_TYPES.map((type) => type.id)).size).toBe(FILE_TYPES.length);
    const names = new Set(GGML_TYPES.map((type) => type.name));
    for (const type of FILE_TYPES) expect(names, type.label).toContain(type.dominantType);
  });

  it("tell a guess from a statement", () => {
    expect(fileTypeLabel(15)).toMatchObject({ label: "Q4_K_M", dominantType: "Q4_K", guessed: false });
    expect(fileTypeLabel(1024)).toMatchObject({ label: "F32", guessed: true });
    expect(fileTypeLabel(33)).toMatchObject({ label: "Q4_0_4_4", guessed: false });
    expect(fileTypeLabel(148)).toMatchObject({ label: "IQ4_KSS", guessed: false });
  });

  it.each([-1, 42, 2048, 1024 + 42, 1.5, Number.NaN])("have no label for %s", (id) => {
    expect(fileTypeLabel(id)).toBeUndefined();
  });
});

describe("labels in file names", () => {
  it.each([
    ["Qwen3-1.7B-Q4_K_M.gguf", "Q4_K_M"],
    ["qwen3-1.7b-q4_k_m.gguf", "Q4_K_M"],
    ["Qwen3-1.7B.Q4_K_M.gguf", "Q4_K_M"],
    ["Qwen3-1.7B_Q4-K-M.gguf", "Q4_K_M"],
    ["/models/Q8_0/Qwen3-1.7B-Q5_K_S.gguf", "Q5_K_S"],
    ["DeepSeek-R1-UD-Q4_K_XL-00001-of-00009.gguf", "UD-Q4_K_XL"],
    ["gemma-3-27b-it-UD-IQ2_M.gguf", "UD-IQ2_M"],
    ["Llama-3-8B-IQ4_XS.gguf", "IQ4_XS"],
    ["Llama-3-8B-IQ4_NL.gguf", "IQ4_NL"],
    ["Llama-3-8B-Q2_K_L.gguf", "Q2_K_L"],
    ["Llama-3-8B-Q2_K.gguf", "Q2_K"],
    ["Llama-3-8B-Q6_K.gguf", "Q6_K"],
    ["Llama-3-8B-Q8_0.gguf", "Q8_0"],
    ["Llama-3-8B-Q4_0_4_4.gguf", "Q4_0_4_4"],
    ["Llama-3-8B-BF16-00001-of-00002.gguf", "BF16"],
    ["Llama-3-8B-F16.gguf", "F16"],
    ["llama-3-8b-fp16.gguf", "F16"],
    ["model.f32.gguf", "F32"],
    ["gpt-oss-20b-MXFP4_MOE.gguf", "MXFP4_MOE"],
    ["gpt-oss-20b-mxfp4.gguf", "MXFP4"],
    ["Bonsai-8B-Q1_0.gguf", "Q1_0"],
    ["TriLM_3.9B-TQ1_0.gguf", "TQ1_0"],
    ["DeepSeek-V4-Flash-IQ4_KSS.gguf", "IQ4_KSS"],
    ["Qwen3-235B-IQ3_K_R4.gguf", "IQ3_K_R4"],
    ["ggml-model-i2_s.gguf", "I2_S"],
    ["Nemotron-NVFP4.gguf", "NVFP4"],
    ["Phi-3.f16.q6_k.gguf", "Q6_K"],
    ["llama3:8b-instruct-q4_K_M", "Q4_K_M"],
  ])("%s is %s", (name, label) => {
    expect(labelFromFileName(name)).toBe(label);
  });

  it.each([
    "model.gguf",
    "Qwen3-1.7B.gguf",
    "SEQ8_0000.gguf",
    "Q8-1.5B-chat.gguf",
    "IQ-test-7B.gguf",
    "FAQ8_0.gguf",
    "mmproj-model.gguf",
    "Q8.gguf",
    "",
  ])("%j holds none", (name) => {
    expect(labelFromFileName(name)).toBeUndefined();
  });

  it("finds every label of the table in a name that ends with it", () => {
    const old = new Set(["Q4_1_SOME_F16"]);
    for (const { label } of FILE_TYPES) {
      if (!old.has(label)) expect(labelFromFileName(`Some-Model-7B-${label}.gguf`), label).toBe(label);
    }
  });
});
