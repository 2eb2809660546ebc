/** Figures of checkpoints against each other, against labels and names, and against the Hub's. */
import { openCheckpoint } from "@checkpoint-inspect/parser";
import { describe, expect, it } from "vitest";

import { describeReal, expandHeads } from "../../../../test-support/real-data.ts";
import { analyse } from "../../src/index.ts";
import { finding, listed, looked, type Made, modelReport, said } from "./subjects.ts";

/** 193 M parameters in layers, 8.2 M in the table. */
const REPORT = modelReport();
const TOTAL = REPORT.parameters.total;

/** A GGUF file of this label and so many bits for each weight. */
function gguf(quant: string, bits: number, path = `m-${quant}.gguf`) {
  return listed(path, { quant, sizeBytes: Math.round((TOTAL * bits) / 8) });
}

describe("sizes of GGUF files that weren't opened", () => {
  const F16 = gguf("F16", 16);
  const made = (checkpoint: ReturnType<typeof gguf>, report = REPORT): Made => ({
    checkpoints: [F16, checkpoint],
    looked: [looked(F16, report)],
  });
  const QUANT = /quant-size/;

  // Measured on Qwen3-1.7B, Llama-3.1-8B and larger: llama.cpp tools/quantize/README.md.
  it.each<[string, number]>([
    ["IQ1_S", 2],
    ["Q2_K", 3.16],
    ["Q2_K", 3.6],
    ["IQ3_M", 3.76],
    ["Q3_K_L", 4.3],
    ["IQ4_XS", 4.46],
    ["Q4_0", 4.67],
    ["Q4_K_M", 4.89],
    ["Q5_K_M", 5.7],
    ["Q6_K", 6.56],
    ["Q8_0", 8.5],
    ["BF16", 16],
    ["F32", 32],
    ["UD-Q4_K_XL", 5.4],
    ["UD-Q2_K_XL", 2.9],
    ["UD-IQ1_S", 1.7],
    ["UD-TQ1_0", 1.9],
    ["Q8_K_XL", 10.5],
    ["MXFP4_MOE", 9],
  ])("%s of %d bits is as it should be", (quant, bits) => {
    expect(said(made(gguf(quant, bits)), QUANT)).toEqual([]);
  });

  it.each<[string, number, string]>([
    ["Q8_0", 4.5, "8.5"],
    ["Q4_K_M", 2.6, "4.5"],
    ["Q4_K_M", 8.5, "4.5"],
    ["Q2_K", 6.5, "2.63"],
    ["BF16", 8.5, "16"],
    ["IQ2_M", 4.6, "2.56"],
  ])("%s of %d bits isn't", (quant, bits, stands) => {
    const [line, ...more] = said(made(gguf(quant, bits)), QUANT);
    expect(more).toEqual([]);
    expect(line).toContain(
      `${bits.toFixed(2)} bits for each of the 201 M weights that m-F16.gguf has; ${quant} stands for ${stands}`,
    );
    expect(line).toMatch(/^warning repo\/quant-size: m-\S+ has .+ \[m-\S+\.gguf\]$/);
  });

  it("are held against the same model alone", () => {
    expect(said(made(gguf("Q8_0", 4.5, "other-Q8_0.gguf")), QUANT)).toEqual([]);
    expect(said(made(gguf("Q8_0", 4.5, "13b/m-Q8_0.gguf")), QUANT)).toEqual([]);
    expect(said(made(gguf("Q8_0", 4.5, "Q8_0/M.Q8_0.gguf")), QUANT)).toHaveLength(1);
  });

  it("say nothing of weights that were released quantized, of odd rows, of sets that lack files, and of small models", () => {
    expect(said(made(gguf("Q8_0", 4.5), modelReport({ type: "MXFP4" })), QUANT)).toEqual([]);
    expect(said(made(gguf("Q2_K", 6.5), modelReport({ feedForward: 2730 })), QUANT)).toEqual([]);
    expect(said(made({ ...gguf("Q8_0", 4.5), missing: ["x"] }), QUANT)).toEqual([]);
    expect(said(made(gguf("Q8_0", 4.5), modelReport({ layers: 2 })), QUANT)).toEqual([]);
  });

  it("are left to the file's own rules once it is open", () => {
    const wrong = gguf("Q8_0", 4.5);
    expect(said({ checkpoints: [wrong], looked: [looked(wrong, REPORT)] }, QUANT)).toEqual([]);
  });
});

describe("parameters of one model", () => {
  const [A, B, C] = [gguf("Q4_K_M", 4.8), gguf("Q6_K", 6.6), gguf("Q8_0", 8.5)];
  const safetensors = listed("model.safetensors");
  const short = modelReport({ layers: 12 });
  const run = (...all: ReturnType<typeof looked>[]) =>
    said({ checkpoints: all.map((one) => one.listed), looked: all }, /parameters-differ/);

  it("agree, with a head or without", () => {
    expect(run(looked(A, REPORT), looked(B, modelReport({ head: true })), looked(C, REPORT))).toEqual([]);
  });

  it("differ", () => {
    expect(run(looked(A, REPORT), looked(B, short), looked(C, REPORT))).toEqual([
      "warning repo/parameters-differ: m-Q6_K.gguf has 153 M parameters, m-Q4_K_M.gguf 201 M [m-Q6_K.gguf]",
    ]);
  });

  it("differ where they are of two models", () => {
    expect(run(looked(A, REPORT), looked(gguf("Q6_K", 6.6, "small-Q6_K.gguf"), short))).toEqual([]);
  });

  it("differ between the formats", () => {
    const hf = modelReport({ format: "safetensors" });
    expect(run(looked(A, REPORT), looked(safetensors, hf))).toEqual([]);
    expect(run(looked(A, short), looked(safetensors, hf))).toEqual([
      "note repo/parameters-differ: m-Q4_K_M.gguf has 153 M parameters, model.safetensors 201 M [m-Q4_K_M.gguf]",
    ]);
    // Two models of one format: which of them is meant can't be told.
    const other = looked(gguf("Q6_K", 6.6, "other-Q6_K.gguf"), short);
    expect(run(looked(A, short), looked(safetensors, hf), other)).toEqual([]);
  });
});

describe("the Hub's count", () => {
  const safetensors = listed("model.safetensors");
  const report = modelReport({ format: "safetensors" });
  const counted = (total: number, own = report): Made => ({
    checkpoints: [safetensors],
    looked: [looked(safetensors, own)],
    info: { safetensors: { total, parameters: {} } },
  });
  const COUNT = /hub-count/;
  const shows = "note repo/hub-count: the Hub shows";

  it("is ours, or nearly", () => {
    expect(said(counted(TOTAL), COUNT)).toEqual([]);
    expect(said(counted(TOTAL * 1.04), COUNT)).toEqual([]);
  });

  it("is another", () => {
    expect(said(counted(5e7), COUNT)).toEqual([
      `${shows} 50.0 M parameters, the tensors of model.safetensors hold 201 M`,
    ]);
  });

  it("is another for reasons that are known", () => {
    const words = "8,000,000 words of 8 weights each, counted as they stand";
    const hub = { parameters: 3e7, differences: [{ words, parameters: 3e7 - TOTAL }] };
    const packed = { ...report, parameters: { ...report.parameters, hub } };
    expect(said(counted(3e7, packed), COUNT)).toEqual([
      `${shows} 30.0 M parameters, the tensors of model.safetensors hold 201 M: ${words}`,
    ]);
    const stored = { ...report, parameters: { ...report.parameters, stored: 6e7, hub: null } };
    expect(said(counted(6e7, stored), COUNT)).toEqual([
      `${shows} 60.0 M parameters, the tensors of model.safetensors hold 201 M: it counts the elements of packed tensors as they are stored`,
    ]);
  });

  it("is nothing to go by where other files may be meant, or ours isn't known", () => {
    expect(said({ ...counted(5e7), checkpoints: [safetensors, listed("other.safetensors")] }, COUNT)).toEqual([]);
    const unsure = { ...report, parameters: { ...report.parameters, logicalKnown: false } };
    expect(said(counted(5e7, unsure), COUNT)).toEqual([]);
    expect(said(counted(Number.NaN), COUNT)).toEqual([]);
  });

  it("of GGUF is that of one of the files", () => {
    const [A, B] = [gguf("Q4_K_M", 4.8), gguf("Q8_0", 8.5)];
    const made = (total: number, ...checkpoints: (typeof A)[]): Made => ({
      checkpoints,
      looked: [looked(A, REPORT)],
      info: { gguf: { total } },
    });
    expect(said(made(TOTAL, A, B), COUNT)).toEqual([]);
    expect(said(made(5e7, A, B), COUNT)).toEqual([
      `${shows} 50.0 M parameters, the tensors of m-Q4_K_M.gguf hold 201 M`,
    ]);
    expect(said(made(5e7, A, listed("mmproj.gguf", { use: "projector" })), COUNT)).toEqual([]);
    expect(said(made(5e7, A, { ...B, declaredParts: 2 }), COUNT)).toEqual([]);
  });
});

describe("the size in a repo's name", () => {
  const file = gguf("Q4_K_M", 4.8);
  const named = (id: string, report = REPORT, more: Made = {}): string[] =>
    said({ id, checkpoints: [file], looked: [looked(file, report)], ...more }, /name-size/);
  /** 193 M in attention and eight experts each, of which two are used. */
  const moe = modelReport({ experts: 8 });

  it.each(["org/model", "org/model-200M", "org/model-0.2B-GGUF", "org-7B/model", "org/model-8B-draft", "org/tiny-7b"])(
    "%s is true, or none",
    (id) => {
      expect(named(id)).toEqual([]);
    },
  );

  it("is false", () => {
    expect(named("org/model-7B-GGUF")).toEqual([
      'warning repo/name-size: the repo\'s name says 7B ("org/model-7B-GGUF"), the tensors hold 201 M parameters',
    ]);
    expect(named("org/model-8x7B")).toHaveLength(1);
  });

  it("may be that of what a token uses", () => {
    const active = moe.parameters.active ?? 0;
    expect(Math.round(active / 1e6)).toBe(327);
    expect(named("org/model-1.1B-A300M", moe)).toEqual([]);
    expect(named("org/model-1.1B-A0.5B", moe)).toEqual([]);
    expect(named("org/model-1.1B-A3B", moe)).toEqual([
      'warning repo/name-size: the repo\'s name says A3B ("org/model-1.1B-A3B"), a token uses 327 M parameters',
    ]);
  });

  it("is left alone where another checkpoint may be meant, and where it is said already", () => {
    expect(named("org/model-7B", REPORT, { checkpoints: [file, gguf("Q4_K_M", 4, "other-7B-Q4_K_M.gguf")] })).toEqual(
      [],
    );
    expect(named("org/model-7B", REPORT, { looked: [looked(file, REPORT, [finding("label/size")])] })).toEqual([]);
    expect(named("org/model-7B", REPORT, { looked: [] })).toEqual([]);
    expect(named("org/model-7B", REPORT, { files: { [file.entry]: 1, "other-7B.gguf": 1 } })).toEqual([]);
    expect(named("org/model-7B", REPORT, { files: { [file.entry]: 1, ".old/other-7B.gguf": 1 } })).toHaveLength(1);
  });
});

describeReal("Qwen3-1.7B", () => {
  it("agrees with itself in both formats, with its name, and with what the Hub counts", async () => {
    const gguf = expandHeads("gguf-real-heads");
    const hf = expandHeads("hf-heads/Qwen3-1.7B");
    try {
      const open = async (path: string) => {
        const checkpoint = await openCheckpoint(path);
        const report = analyse(checkpoint);
        await checkpoint.close();
        return report;
      };
      const [F16, Q4] = ["F16", "Q4_K_M"].map((quant) => listed(`Qwen3-1.7B-${quant}.gguf`, { quant, sizeBytes: 1 }));
      if (!F16 || !Q4) throw new Error("no files");
      const [f16, q4, safetensors] = [
        await open(`${gguf.dir}/${F16.entry}`),
        await open(`${gguf.dir}/${Q4.entry}`),
        await open(hf.dir),
      ];
      const model = listed("model.safetensors.index.json");
      const info = { safetensors: { total: 1_720_574_976, parameters: {} }, gguf: { total: f16.parameters.stored } };
      const checkpoints = [F16, { ...Q4, sizeBytes: q4.source.sizeBytes }, model];
      const all = [looked(F16, f16), looked(Q4, q4), looked(model, safetensors)];
      const some = /differ|quant-size|hub-count|name-size/;
      expect(said({ id: "org/Qwen3-1.7B-GGUF", checkpoints, looked: all, info: { gguf: info.gguf } }, some)).toEqual(
        [],
      );
      expect(
        said({ id: "org/Qwen3-1.7B", checkpoints, looked: [all[0], all[2]].flatMap((one) => one ?? []), info }, some),
      ).toEqual([]);
      expect(said({ id: "org/Qwen3-8B", checkpoints, looked: all }, some)).toHaveLength(1);
    } finally {
      gguf.remove();
      hf.remove();
    }
  });
});
