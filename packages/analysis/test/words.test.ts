import { describe, expect, it } from "vitest";
import { describeReal, readReferenceTsv } from "../../../test-support/real-data.ts";
import { FILE_TYPES, fileTypeLabel } from "../../parser/src/gguf/file-types.ts";
import { GGML_TYPES } from "../../parser/src/gguf/types.ts";
import { architectureFacts } from "../src/architectures.ts";
import { KIND_WORDS, type ModelKind } from "../src/kind.ts";
import { fileTypeWords, perplexityDelta, typeWords } from "../src/quantization/type-words.ts";
import { bucketTag, bucketWords, partWords } from "../src/roles/bucket-words.ts";
import { ggufClassifier } from "../src/roles/gguf-classifier.ts";
import { NAME_GROUPS } from "../src/roles/gguf-names.ts";
import { BUCKETS } from "../src/roles/role.ts";

const SAFETENSORS_DTYPES =
  "BOOL F4 F6_E2M3 F6_E3M2 U8 I8 F8_E5M2 F8_E4M3 F8_E8M0 I16 U16 F16 BF16 I32 U32 F32 C64 F64 I64 U64".split(" ");

/** One line, no longer than `length`, without a full stop: it stands in a table. */
function expectLine(words: string, length: number, what: string): void {
  expect(words, what).not.toBe("");
  expect(words.length, `${what}: ${words}`).toBeLessThanOrEqual(length);
  expect(words, what).not.toMatch(/[\n.]$|\n/);
}

describe("words for storage types", () => {
  const types = [...GGML_TYPES.map((type) => type.name), ...SAFETENSORS_DTYPES];

  it("say something of every GGUF and safetensors type, in 60 characters", () => {
    const unknown = typeWords("no such type");
    for (const type of types) {
      expectLine(typeWords(type), 60, type);
      expect(typeWords(type), type).not.toBe(unknown);
    }
  });

  it("say the type's bits, where they name any", () => {
    for (const type of GGML_TYPES) {
      const stated = /^([\d.]+)-bit (?!unsigned|integer)/.exec(typeWords(type.name))?.[1];
      if (!stated || type.blockElements === 0) continue;
      const bits = (type.blockBytes * 8) / type.blockElements;
      // Scales add up to one and a quarter bits to what the weights themselves take.
      expect(bits, `${type.name}: ${typeWords(type.name)}`).toBeGreaterThanOrEqual(Number(stated) - 0.05);
      expect(bits, `${type.name}: ${typeWords(type.name)}`).toBeLessThanOrEqual(Number(stated) + 1.25);
    }
  });

  it("have an answer for any text", () => {
    for (const type of ["", "constructor", "Q4_K_R5", "FOO_R4"]) {
      expect(typeWords(type)).toBe(typeWords("no such type"));
    }
  });
});

describe("words for quantization labels", () => {
  it("say something of every file type that llama.cpp still writes, in 62 characters", () => {
    for (const { label, removed, fork } of FILE_TYPES) {
      const words = fileTypeWords(label);
      if (!removed && !fork) expect(words, label).toBeDefined();
      if (words !== undefined) expectLine(words, 62, label);
    }
    expectLine(fileTypeWords("UD-Q4_K_XL") ?? "", 62, "UD-Q4_K_XL");
    expect(fileTypeWords("constructor")).toBeUndefined();
  });

  it("rank the measured labels: more bits, less added perplexity", () => {
    const measured = ["Q2_K", "Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_K_S", "Q4_K_M", "Q5_K_S", "Q5_K_M", "Q6_K", "Q8_0"];
    const deltas = measured.map((label) => perplexityDelta(label)?.delta ?? Number.NaN);
    expect(deltas).toEqual([...deltas].sort((a, b) => b - a));
    expect(perplexityDelta("Q4_K_M")).toEqual({
      delta: 0.175,
      model: "Llama-3-8B",
      source: "llama.cpp tools/quantize",
    });
    expect(perplexityDelta("IQ4_XS")).toBeUndefined();
    expect(fileTypeLabel(15)?.label).toBe("Q4_K_M");
  });
});

describe("words for buckets and parts", () => {
  it("say something of every bucket, each its own line", () => {
    for (const bucket of BUCKETS) expectLine(bucketWords(bucket), 62, bucket);
    expect(new Set(BUCKETS.map((bucket) => bucketWords(bucket))).size).toBe(BUCKETS.length);
  });

  it("fit their columns for every kind of model, whatever parts are there", () => {
    const kinds = Object.keys(KIND_WORDS) as ModelKind[];
    const parts = ["token", "patch", "input", "conditioning", "lm_head", "head", "denoise"].map((part) => [{ part }]);
    for (const bucket of BUCKETS) {
      for (const kind of kinds) {
        for (const own of [undefined, [], ...parts]) {
          expectLine(bucketWords(bucket, kind, own), 62, `${bucket} ${kind}`);
          expectLine(bucketTag(bucket, kind, own), 34, `${bucket} ${kind}`);
        }
      }
    }
  });

  it("say only of models that write text that tokens look back, or that the next one is scored", () => {
    for (const kind of Object.keys(KIND_WORDS) as ModelKind[]) {
      const writes = kind === "llm" || kind === "draft";
      if (!writes && kind !== "adapter" && kind !== "vocab" && kind !== "control-vector" && kind !== "imatrix") {
        expect(bucketWords("attention", kind), kind).not.toMatch(/before it$/);
        expect(bucketTag("attention", kind), kind).not.toMatch(/earlier/);
      }
      if (writes) expect(bucketWords("attention", kind)).toMatch(/before it$/);
    }
    const of = (part: string) => [{ part, parameters: 1 }];
    for (const kind of ["vision", "diffusion"] as const) {
      expect(bucketWords("embedding", kind, of("patch")), kind).toMatch(/image/);
      expect(bucketWords("position", kind), kind).toMatch(/image/);
      expect(bucketWords("head", kind, of("denoise")), kind).not.toMatch(/text|token/);
    }
    expect(bucketWords("embedding", "speech", of("token"))).toMatch(/token/);
    expect(bucketWords("embedding", "speech", of("patch"))).not.toMatch(/token/);
    expect(bucketWords("head", "llm", of("lm_head"))).toMatch(/next token/);
    expect(bucketWords("head", "llm", of("head"))).not.toMatch(/next token/);
    // A part that holds nothing says nothing.
    expect(bucketWords("embedding", "speech", [{ part: "token", parameters: 0 }])).not.toMatch(/token/);
    expect(bucketWords("head", "reranker", of("head"))).toMatch(/one score/);
  });

  it("stay on one line for every part that a GGUF name can have", () => {
    const classify = ggufClassifier({ has: () => false });
    for (const { at, parts = {}, names = "" } of NAME_GROUPS) {
      for (const name of [...Object.values(parts), names].join(" ").split(" ").filter(Boolean)) {
        const { part } = classify({ name: (at + name).replaceAll("{}", "0"), shape: [], type: "F32" });
        const words = partWords(part);
        if (words !== undefined) expectLine(words, 62, part);
      }
    }
  });

  it("have words for all parts of attention, FFN and experts in the text stack", () => {
    const classify = ggufClassifier({ has: () => false });
    const without: string[] = [];
    for (const group of NAME_GROUPS) {
      if (group.stack !== "text" || !["attention", "ffn", "expert"].includes(group.bucket)) continue;
      const { at, parts = {}, names = "" } = group;
      for (const name of [...Object.values(parts), names].join(" ").split(" ").filter(Boolean)) {
        const { part } = classify({ name: (at + name).replaceAll("{}", "0"), shape: [], type: "F32" });
        if (partWords(part) === undefined) without.push(part);
      }
    }
    expect([...new Set(without)].sort()).toEqual(["act_scale", "latent_norm"]);
  });

  it("describe a part inside a tower or draft block as the part alone", () => {
    expect(partWords("attention.q")).toBe(partWords("q"));
    expect(partWords("expert.routed.up")).toBe(partWords("routed.up"));
    expect(partWords("ssm.c_norm")).toBe(partWords("ssm.d_norm"));
    for (const part of ["", ".", "constructor", "no.such", "attention."]) expect(partWords(part)).toBeUndefined();
  });
});

describeReal("the table of architectures", () => {
  it("knows every architecture of llama.cpp with its family and kind", () => {
    for (const { arch = "", family, kind } of readReferenceTsv("gguf-archs.tsv")) {
      expect(architectureFacts(arch), arch).toEqual({ family, kind });
    }
    expect(architectureFacts("llama")?.kind).toBe("dense");
    expect(architectureFacts("constructor")).toBeUndefined();
  });
});
