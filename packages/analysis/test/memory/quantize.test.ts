/** Sizes at other quantizations: what llama-quantize says of a real model, tensor by tensor, and rules that it doesn't show. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { openCheckpoint } from "@checkpoint-inspect/parser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { MODELS } from "../../../../fixtures/models/index.mjs";
import { writeModel } from "../../../../fixtures/models/write.mjs";
import { describeReal, expandHeads, listReal, realData } from "../../../../test-support/real-data.ts";
import {
  asGguf,
  examine,
  modelFacts,
  placer,
  projector,
  QUANT_LABELS,
  type QuantizableTensor,
  type QuantModel,
  quantOptions,
} from "../../src/index.ts";

const PLAIN: QuantModel = {
  architecture: "llama",
  layers: 8,
  experts: 0,
  gqa: 2,
  is70B: false,
  tied: false,
  imatrix: false,
};

/** Row-major shape, as a checkpoint has it. */
function tensor(name: string, shape: readonly number[]): QuantizableTensor {
  const elements = shape.reduce((a, b) => a * b, 1);
  return { name, type: "F16", shape, elements, sizeBytes: 2 * elements };
}

function typeOf(label: string, tensors: readonly QuantizableTensor[], model: Partial<QuantModel> = {}) {
  const projection = projector(tensors, { ...PLAIN, ...model }).project(label);
  return Object.fromEntries((projection?.tensors ?? []).map(({ name, type }) => [name, type]));
}

describeReal("Qwen3-1.7B, as llama-quantize --dry-run says it", () => {
  const folder = "oracle/real-size/dryrun";
  let heads: ReturnType<typeof expandHeads>;
  beforeAll(() => {
    heads = expandHeads("gguf-real-heads", (name) => name.includes("F16"));
  });
  afterAll(() => heads.remove());

  it("every tensor's type, and the size of all", async () => {
    const checkpoint = await openCheckpoint(join(heads.dir, "Qwen3-1.7B-F16.gguf"));
    await checkpoint.close();
    const project = projector(checkpoint.tensors, { ...PLAIN, architecture: "qwen3", layers: 28, tied: true });
    const files = listReal(folder).filter((name) => name.endsWith(".txt"));
    for (const file of files) {
      const label = basename(file, ".txt").split(".").at(-1) ?? "";
      const projection = project.project(label);
      const types = new Map(projection?.tensors.map(({ name, type }) => [name, type.toLowerCase()]));
      const text = readFileSync(realData(folder, basename(file)), "utf8");
      const rows = [...text.matchAll(/\] (\S+) +- \[.*?type = +(\w+), .*?(?:-> .*?\((\w+)\))?$/gm)];
      expect(rows.length, label).toBe(310);
      const wrong = rows.filter(([, name = "", from = "", to]) => types.get(name) !== (to ?? from).toLowerCase());
      expect(
        wrong.map(([line]) => line),
        label,
      ).toEqual([]);
      expect(((projection?.bytes ?? 0) / 2 ** 20).toFixed(2), label).toBe(
        /quant size += +([\d.]+) MiB/.exec(text)?.[1],
      );
    }
    expect(files.length).toBe(20);
  });
});

describe("rules", () => {
  const downs = Array.from({ length: 8 }, (_, i) => tensor(`blk.${i}.ffn_down.weight`, [256, 512]));

  it("more bits at both ends and in every third layer between", () => {
    const types = Object.values(typeOf("Q4_K_M", downs));
    expect(types).toEqual(["Q6_K", "Q4_K", "Q4_K", "Q6_K", "Q4_K", "Q4_K", "Q6_K", "Q6_K"]);
  });

  it("rows that don't divide into blocks fall back, and then to F16", () => {
    const odd = [tensor("blk.0.ffn_up.weight", [256, 160]), tensor("blk.1.ffn_up.weight", [256, 100])];
    expect(Object.values(typeOf("Q4_K_M", odd))).toEqual(["Q5_0", "F16"]);
    expect(Object.values(typeOf("Q6_K", odd))).toEqual(["Q8_0", "F16"]);
    expect(Object.values(typeOf("IQ4_XS", odd))).toEqual(["IQ4_NL", "F16"]);
    expect(projector(odd, PLAIN).project("Q4_K_M")?.fallbacks).toBe(2);
  });

  it("eight experts keep K and V in Q8_0; the 70B model gives V more", () => {
    const kv = [tensor("blk.3.attn_k.weight", [256, 256]), tensor("blk.3.attn_v.weight", [256, 256])];
    expect(Object.values(typeOf("Q4_K_S", kv, { experts: 8 }))).toEqual(["Q8_0", "Q8_0"]);
    const values = Array.from({ length: 20 }, (_, i) => tensor(`blk.${i}.attn_v.weight`, [256, 256]));
    const types = Object.values(typeOf("Q3_K_M", values, { is70B: true, layers: 80 }));
    expect(new Set(types)).toEqual(new Set(["Q5_K"]));
  });

  it("a tied table is quantized as the head that it is", () => {
    const table = [tensor("token_embd.weight", [512, 256])];
    expect(typeOf("Q4_K_M", table, { tied: true })).toEqual({ "token_embd.weight": "Q6_K" });
    expect(typeOf("Q4_K_M", table)).toEqual({ "token_embd.weight": "Q4_K" });
  });

  it("vectors, norms, routers and convolutions stay as they are", () => {
    const kept = ["attn_norm.weight", "ffn_gate_inp.weight", "ssm_conv1d.weight"].map((name) =>
      tensor(`blk.0.${name}`, [64, 256]),
    );
    kept.push(tensor("blk.0.attn_q.bias", [256]), tensor("blk.0.ssm_a", [1, 256]));
    expect(new Set(Object.values(typeOf("Q2_K", kept)))).toEqual(new Set(["F16"]));
  });

  it("the lowest need an importance matrix", () => {
    const label = (name: string) => projector(downs, PLAIN).project(name)?.needsImatrix;
    expect([label("IQ2_XXS"), label("IQ1_S"), label("Q2_K_S"), label("Q2_K"), label("Q4_K_M")]).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  it("every label projects, and a name that is none doesn't", () => {
    const project = projector(downs, PLAIN);
    for (const { label } of QUANT_LABELS) expect(project.project(label)?.bytes, label).toBeGreaterThan(0);
    expect(project.project("Q9_K")).toBeUndefined();
  });
});

describe("a safetensors checkpoint as GGUF", () => {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-quantize-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(["Qwen3-1.7B", "Mixtral-8x7B", "Qwen3-30B-A3B", "Llama-3.1-8B"])(
    "%s: within 1.5% of the GGUF's own",
    async (name) => {
      const recipe = MODELS.find((model) => model.name === name);
      if (!recipe) throw new RangeError(name);
      const [theirs, ours] = await Promise.all(
        (["gguf", "safetensors"] as const).map((format) => openCheckpoint(writeModel(recipe, format, folder))),
      );
      if (!theirs || !ours) throw new RangeError(name);
      const gguf = examine(theirs);
      const place = placer(ours, modelFacts(ours));
      const { memory } = examine(ours);
      if (!memory || !gguf.memory) throw new RangeError(name);
      const options = quantOptions(ours, memory, place, { all: true, declared: null });
      const exact = quantOptions(theirs, gguf.memory, placer(theirs, modelFacts(theirs)), {
        all: true,
        declared: null,
      });
      for (const label of ["Q8_0", "Q4_K_M", "Q2_K"]) {
        const of = (list: typeof options) => list.find((row) => row.label === label)?.bytes ?? Number.NaN;
        expect(Math.abs(of(options) / of(exact) - 1), label).toBeLessThan(0.015);
      }
      expect(options.filter(({ engine }) => engine === "vllm").map(({ label }) => label)).toContain("INT4");
      await Promise.all([theirs.close(), ours.close()]);
    },
  );

  it("experts of a layer become one tensor", async () => {
    const recipe = MODELS.find((model) => model.name === "Mixtral-8x7B");
    if (!recipe) throw new RangeError("Mixtral-8x7B");
    const checkpoint = await openCheckpoint(writeModel(recipe, "safetensors", mkdtempSync(join(folder, "x-"))));
    await checkpoint.close();
    const tensors = asGguf(checkpoint.tensors.map(placer(checkpoint, modelFacts(checkpoint))));
    const experts = tensors.filter(({ name }) => name === "blk.0.ffn_down_exps.weight");
    expect(experts).toEqual([expect.objectContaining({ shape: [8, 4096, 14336], elements: 8 * 4096 * 14336 })]);
  });
});
