/** What a file calls itself: quantization labels, importance matrices, sizes in names. */
import { readFileSync } from "node:fs";
import { type Checkpoint, GGML_TYPES, type LazyArray, openCheckpoint } from "@checkpoint-inspect/parser";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { describeReal, expandHeads, listReal, readReferenceTsv, realData } from "../../../test-support/real-data.ts";
import { falseClaims, sizeClaims } from "../src/audit/labels/size-claims.ts";
import { said } from "./gguf-models.ts";

const TYPES = new Map(GGML_TYPES.map((type) => [type.name, type]));

interface MadeLabels {
  readonly file: string;
  readonly fileType?: number;
  readonly name?: string;
  readonly imatrix?: string;
  readonly sizeLabel?: string;
}

/** The same tensors under other types, and other labels. */
function relabelled(base: Checkpoint, labels: MadeLabels, typeOf: (name: string, type: string) => string): Checkpoint {
  const { file, fileType, name, imatrix, sizeLabel } = labels;
  const stated = {
    "general.file_type": fileType,
    "general.name": name,
    "general.size_label": sizeLabel,
    "quantize.imatrix.file": imatrix,
  };
  return {
    ...base,
    label: file,
    parts: base.parts.map((part) => ({ ...part, name: file })),
    tensors: base.tensors.map((tensor) => {
      const type = TYPES.get(typeOf(tensor.name, tensor.type));
      if (!type) throw new Error(`no such type for ${tensor.name}`);
      return { ...tensor, type: type.name, sizeBytes: (tensor.elements / type.blockElements) * type.blockBytes };
    }),
    metadata: [
      ...base.metadata.filter(({ key }) => !(key in stated)),
      ...Object.entries(stated).flatMap(([key, value]) =>
        value === undefined ? [] : [{ key, type: typeof value === "string" ? "string" : "u32", value, part: 0 }],
      ),
    ],
  };
}

/** A Llama of 16.8 M parameters in layers 256 wide and a table of as many as are asked for. */
function llama(columns = 256, tableRows = 1000): Checkpoint {
  const layer = (i: number) =>
    ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"].map(
      (name) => [`blk.${i}.${name}.weight`, [2400, columns]] as const,
    );
  const shapes = [["token_embd.weight", [tableRows, columns]] as const, ...[0, 1, 2, 3].flatMap(layer)];
  const tokens: LazyArray = {
    elementType: "string",
    length: tableRows,
    byteRange: { offset: 0, length: 0 },
    at: async () => undefined,
    slice: async () => [],
  };
  return {
    format: "gguf",
    label: "made.gguf",
    container: "GGUF v3",
    parts: [{ name: "made.gguf", sizeBytes: 0, headerBytes: 0, tensorCount: shapes.length }],
    tensors: shapes.map(([name, shape]) => ({
      name,
      shape,
      type: "F32",
      elements: shape[0] * shape[1],
      sizeBytes: 4 * shape[0] * shape[1],
      part: 0,
      offset: 0,
    })),
    metadata: [
      { key: "general.architecture", type: "string", value: "llama", part: 0 },
      { key: "tokenizer.ggml.tokens", type: "array", value: tokens, part: 0 },
    ],
    findings: [],
    readData: async () => [],
    close: async () => {},
  };
}

const QUANTIZATION = /^label\/(?:quantization|no-file-type)/;

function labelled(labels: MadeLabels, typeOf: (name: string) => string, base = llama()): string[] {
  return said(relabelled(base, labels, typeOf), QUANTIZATION);
}

describe("quantization labels", () => {
  it.each<[string, MadeLabels, string, string[]]>([
    ["true ones", { file: "m-Q4_K_M.gguf", fileType: 15 }, "Q4_K", []],
    ["what it was made from, behind its own", { file: "m-Q4_K_M-from-F16.gguf", fileType: 15 }, "Q4_K", []],
    ["nothing but what it was made from", { file: "m-requantized-from-Q8_0.gguf", fileType: 15 }, "Q4_K", []],
    ["no label in the name", { file: "m.gguf", fileType: 15 }, "Q4_K", []],
    [
      "a name with more bits than there are",
      { file: "m-Q8_0.gguf", fileType: 7 },
      "Q4_K",
      [
        "warning label/quantization: the file name says Q8_0 (8.3 to 9.6 bits), general.file_type says Q8_0 (8.3 to 9.6 bits), the weights in layers take 4.50 bits each",
      ],
    ],
    [
      "a name with fewer",
      { file: "m-Q4_K_M.gguf", fileType: 7 },
      "Q8_0",
      [
        "warning label/quantization: the file name says Q4_K_M (4.2 to 5.4 bits), the weights in layers take 8.50 bits each",
      ],
    ],
    [
      "a number that lies, under a name that doesn't",
      { file: "m-UD-IQ2_M.gguf", fileType: 14 },
      "IQ2_S",
      [
        "note label/quantization: general.file_type says Q4_K_S (4.2 to 5.4 bits), the weights in layers take 2.56 bits each",
      ],
    ],
    [
      "a number that lies, and no name",
      { file: "m.gguf", fileType: 1 },
      "Q4_0",
      [
        "warning label/quantization: general.file_type says F16 (15.5 to 24 bits), the weights in layers take 4.50 bits each",
      ],
    ],
    [
      "two recipes of one size",
      { file: "m-Q4_0.gguf", fileType: 15 },
      "Q4_K",
      ["note label/quantization: the file name says Q4_0, general.file_type Q4_K_M; most bytes are Q4_K"],
    ],
    ["a dynamic recipe, which has no number of its own", { file: "m-UD-Q4_K_XL.gguf", fileType: 30 }, "Q4_K", []],
    ["a type that the maker released", { file: "m-F16.gguf", fileType: 1 }, "MXFP4", []],
    ["a number that was guessed", { file: "m.gguf", fileType: 1024 + 7 }, "Q4_K", []],
    [
      "no number",
      { file: "m-Q4_K_M.gguf" },
      "Q4_K",
      ["note label/no-file-type: there is no general.file_type; most bytes are Q4_K"],
    ],
    ["no number, and none needed", { file: "m-F16.gguf" }, "F16", []],
  ])("%s", (_, labels, type, lines) => {
    expect(labelled(labels, () => type)).toEqual(lines);
  });

  it("say nothing of rows that no super-block divides, of tables, and of small models", () => {
    const fallback = { file: "m-Q2_K.gguf", fileType: 10 };
    expect(labelled(fallback, () => "Q5_0", llama(288))).toEqual([]);
    const table = (name: string) => (name.startsWith("token_embd") ? "F16" : "Q2_K");
    expect(labelled(fallback, table, llama(256, 200_000))).toEqual([]);
    const small = llama();
    const few = { ...small, tensors: small.tensors.slice(0, 5) };
    expect(labelled(fallback, () => "F16", few)).toEqual([]);
  });
});

describe("importance matrices", () => {
  const imatrix = (labels: MadeLabels, type: string) =>
    said(
      relabelled(llama(), labels, () => type),
      /imatrix/,
    );

  it("are named where a type can't do without one", () => {
    const line = "note label/no-imatrix: weights are stored as IQ2_XXS, and no quantize.imatrix key is there";
    expect(imatrix({ file: "m.gguf", fileType: 19 }, "IQ2_XXS")).toEqual([line]);
    expect(imatrix({ file: "m.gguf", fileType: 19, imatrix: "imatrix.dat" }, "IQ2_XXS")).toEqual([]);
    expect(imatrix({ file: "m.gguf", fileType: 15 }, "Q4_K")).toEqual([]);
  });

  it.each([
    [["", "home", "user", "work", "imatrix.dat"].join("/"), true],
    [["C:", "Users", "user", "imatrix.dat"].join("\\"), true],
    [["", "Users", "user", "imatrix.dat"].join("/"), true],
    ["/models_out/Qwen3-8B-GGUF/Qwen_Qwen3-8B.imatrix", false],
    ["unsloth_calibration_home/data.txt", false],
  ])("tell their maker's folder: %s", (path, told) => {
    const line = `note label/imatrix-path: quantize.imatrix.file is ${JSON.stringify(path)}`;
    expect(imatrix({ file: "m.gguf", fileType: 15, imatrix: path }, "Q4_K")).toEqual(told ? [line] : []);
  });
});

// --- sizes ---------------------------------------------------------------------------------------------------------------

describe("sizes in names", () => {
  const claimed = (name: string) =>
    sizeClaims(name).map(({ range: [low, high] }) => (low === high ? low : [low, high]));

  it.each<[string, readonly (number | readonly number[])[]]>([
    ["Llama-3.1-8B-Instruct", [8e9]],
    ["llama-2-70b.Q4_K_M.gguf", [70e9]],
    ["Qwen3-0.6B", [0.6e9]],
    ["opt-350m", [350e6]],
    ["Mixtral-8x7B-v0.1", [[7e9, 56e9]]],
    ["Qwen3-30B-A3B-2507", [30e9]],
    ["granite-3.1-1b-a400m", [1e9]],
    ["internlm2-chat-1_8b", [8e9, 1.8e9]],
    ["OLMoE-1B-7B-0924", [1e9, 7e9]],
    ["m2m100_418M", [418e6]],
  ])("%s is read", (name, sizes) => {
    expect(claimed(name)).toEqual(sizes);
  });

  it.each([
    "Llama-3.2-Vision-128k",
    "Qwen2.5-Instruct-1M",
    "redpajama-700bt",
    "stablelm-4e1t",
    "gemma-3n-E4B-it",
    "v1.5-Q8_0",
    "IQ3_M",
    "exl2-4.0bpw",
    "mlx-4bit",
    "bloom-7b1",
    "so400m-patch14",
    "GPT-4o-2024-05-13",
    "checkpoint-5000",
    "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678",
    "step-1431k-3T",
  ])("%s claims nothing", (name) => {
    expect(claimed(name)).toEqual([]);
  });

  // Totals of the released files; after them what else their makers name them by: text part, without tables, active.
  it.each<[string, ...number[]]>([
    ["gemma-2b", 2_506_172_416],
    ["gemma-2-2b-it", 2_614_341_888],
    ["gemma-3-270m", 268_098_176],
    ["Falcon3-1B-Base", 1_669_408_768, 1_132_537_856],
    ["pythia-70m", 70_426_624],
    ["Qwen2-VL-2B-Instruct", 2_208_985_600],
    ["Qwen2.5-VL-7B-Instruct", 8_292_166_656],
    ["DeepSeek-R1-Distill-Qwen-1.5B", 1_777_088_000],
    ["Llama-3.2-1B", 1_235_814_400],
    ["Llama-3.2-3B-Instruct", 3_212_749_824],
    ["Llama-3.2-11B-Vision", 10_670_220_835],
    ["SmolLM2-135M-Instruct", 134_515_008],
    ["Phi-3.5-mini-instruct-3.8B-128k", 3_821_079_552],
    ["internlm2-1_8b", 1_889_110_016],
    ["stablelm-2-1_6b", 1_644_515_328],
    ["TinyLlama-1.1B-step-50K-105b", 1_100_048_384],
    ["Mixtral-8x22B-v0.1", 140_620_634_112],
    ["deepseek-moe-16b-base", 16_375_728_128],
    ["blip2-opt-2.7b", 3_744_679_936, 2_651_596_800],
    ["nllb-200-distilled-600M", 615_073_792],
    ["recurrentgemma-2b", 2_682_862_080, 2_027_502_080],
    ["DeepSeek-V3-0324-671B", 684_531_386_000],
  ])("%s holds", (name, ...figures) => {
    expect(falseClaims(name, figures)).toEqual([]);
  });

  it.each<[string, number]>([
    ["Qwen2.5-7B-Instruct", 3_085_938_688],
    ["Meta-Llama-3-70B", 8_030_261_248],
    ["llama-13b.gguf", 6_738_415_616],
    ["Mistral-7B-v0.3", 494_032_768],
    ["Mixtral-8x7B", 1_100_048_384],
    ["gemma-2b", 9_241_705_984],
    ["SmolLM-135M", 361_821_120],
    ["model_1_8b", 3_212_749_824],
    ["Qwen3-235B-A22B", 30_532_122_624],
  ])("%s doesn't hold for %d parameters", (name, total) => {
    expect(falseClaims(name, [total]).length).toBeGreaterThan(0);
  });

  it("an honest name is never called false, a name off by two always", () => {
    const size = fc.integer({ min: 11, max: 999 });
    fc.assert(
      fc.property(size, fc.constantFrom("B", "b", "M", "m"), fc.constantFrom("-", "_", " "), (number, unit, by) => {
        const total = number * (unit.toLowerCase() === "b" ? 1e9 : 1e6);
        const name = `Model${by}${number}${unit}${by}Instruct`;
        expect(falseClaims(name, [total])).toEqual([]);
        expect(falseClaims(name, [total / 2])).toHaveLength(1);
        expect(falseClaims(name, [total * 2])).toHaveLength(1);
      }),
    );
  });

  it("are told with where they stand", () => {
    const checkpoint = relabelled(
      llama(),
      { file: "Some-7B-F32.gguf", fileType: 0, name: "Some 17M", sizeLabel: "8x1B" },
      () => "F32",
    );
    expect(said(checkpoint, /label/)).toEqual([
      "warning label/size: general.size_label says 8x1B, the tensors hold 17.5 M parameters",
      'warning label/size: the file name says 7B ("Some-7B-F32.gguf"), the tensors hold 17.5 M parameters',
    ]);
    expect(
      said(
        relabelled(llama(), { file: "Some-7B-EAGLE.gguf" }, () => "F32"),
        /size/,
      ),
    ).toEqual([]);
    const cut = { ...checkpoint, shards: { declaredParts: 2, missing: ["x"] } };
    expect(said(cut, /label/)).toEqual([]);
  });
});

describeReal("released models", () => {
  const rows = readReferenceTsv("ground-truth.tsv");
  const active = ["active_A_all_B", "active_B_no_input_embed_B", "active_C_no_embed_no_head_B"];

  it.each(rows.map((row) => [row.hf_repo ?? "", row] as const))("%s has the size that it is named by", (repo, row) => {
    const figures = [Number(row.total_computed), ...active.map((column) => 1e9 * Number(row[column]))];
    const name = repo.slice(repo.indexOf("/") + 1);
    expect(
      falseClaims(
        name,
        figures.filter((figure) => figure > 0),
      ),
    ).toEqual([]);
  });

  // Mixtures with a tensor for each expert take long to analyse; the table above has their names.
  const MANY_TENSORS = ["DeepSeek-V3", "GLM-4.5-Air", "Qwen3-30B-A3B", "Qwen3-Next-80B-A3B"];
  const names = listReal("hf-heads").filter((name) => !MANY_TENSORS.includes(name));

  it("have it by their tensors", async () => {
    expect(names.length).toBeGreaterThan(25);
    for (const name of names) {
      await withHead(name, (checkpoint) => {
        // StarCoder 2 has the token ids of another model in its config; the tests of tokenizers tell.
        expect(said({ ...checkpoint, label: name }, /^(?!tokenizer\/config-token-id)/), name).toEqual([]);
      });
    }
  });

  it.each([
    ["Qwen3-8B", "Qwen3-70B"],
    ["BERT-base", "bert-2b"],
    ["Mamba-2.8B", "mamba-790m"],
    ["Llama-4-Scout", "Llama-4-400B-128E"],
    ["Mixtral-8x7B", "Mistral-7B-v0.1"],
    ["gpt-oss-20b", "gpt-oss-120b"],
    ["T5-small", "t5-11b"],
  ])("%s is not taken for %s", async (name, other) => {
    await withHead(name, (checkpoint) => {
      expect(said({ ...checkpoint, label: other }, /label\/size/)).toHaveLength(1);
    });
  });

  async function withHead(name: string, look: (checkpoint: Checkpoint) => void): Promise<void> {
    const { dir, remove } = expandHeads(`hf-heads/${name}`);
    const checkpoint = await openCheckpoint(dir);
    try {
      look(checkpoint);
    } finally {
      await checkpoint.close();
      remove();
    }
  }
});

describeReal("recipes of llama.cpp on Qwen3-1.7B", () => {
  const LINE = /\] (\S+) +- \[.*?type = +(\w+), size = .*?(?:\((\w+)\))?$/;
  const recipes = listReal("oracle", "real-size", "dryrun").map((file) => file.replace(/^Qwen3-1\.7B\.|\.txt$/g, ""));

  /** Types of its tensors, as llama-quantize chose them. */
  function typesOf(recipe: string): ReadonlyMap<string, string> {
    const text = readFileSync(realData("oracle", "real-size", "dryrun", `Qwen3-1.7B.${recipe}.txt`), "utf8");
    const rows = text.split("\n").flatMap((line) => {
      const [, name, type, to] = LINE.exec(line) ?? [];
      return name && type ? [[name, (to ?? type).toUpperCase()] as const] : [];
    });
    return new Map(rows);
  }

  it("fit their own label, and none with other bits", async () => {
    const { dir, remove } = expandHeads("gguf-real-heads", (name) => name.endsWith("F16.gguf"));
    const base = await openCheckpoint(`${dir}/Qwen3-1.7B-F16.gguf`);
    expect(recipes.length).toBeGreaterThan(15);
    for (const recipe of recipes) {
      const types = typesOf(recipe);
      expect(types.size, recipe).toBe(310);
      const as = (label: string) =>
        said(
          relabelled(base, { file: `Qwen3-1.7B-${label}.gguf` }, (name) => types.get(name) ?? ""),
          /label\/quant/,
        );
      expect(as(recipe), recipe).toEqual([]);
      if (recipe !== "BF16") expect(as("F16"), recipe).toHaveLength(1);
      expect(as(/^(?:I?Q[2-3]|TQ)/.test(recipe) ? "Q6_K" : "Q2_K"), recipe).toHaveLength(1);
    }
    await base.close();
    remove();
  });
});
