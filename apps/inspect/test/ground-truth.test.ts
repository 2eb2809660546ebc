/** `inspect DIR --json` prints the integers of the reference table for every released model whose header is at hand. */
import { rmSync } from "node:fs";
import { afterAll, expect, it } from "vitest";

import {
  describeReal,
  expandHeads,
  listReal,
  readRealJson,
  readReferenceTsv,
} from "../../../test-support/real-data.ts";
import { inspect, jsonOf } from "./run-inspect.ts";

interface Printed {
  readonly parameters: Readonly<Record<string, number | string | null>>;
  readonly buckets: readonly {
    readonly bucket: string;
    readonly parameters: number;
    readonly parts: readonly { readonly part: string; readonly parameters: number }[];
  }[];
}

/** Folder of the header -> repository, where the repository's name isn't the folder's. */
const REPOSITORIES: Readonly<Record<string, string>> = {
  "BERT-base": "bert-base-uncased",
  "BLOOM-560m": "bloom-560m",
  "Gemma-2-9B": "gemma-2-9b",
  "Gemma-3-27B": "gemma-3-27b-it",
  "Granite-3.1-1B-A400M": "granite-3.1-1b-a400m-instruct",
  "Jamba-1.5-mini": "AI21-Jamba-1.5-Mini",
  "Llama-2-70B": "Llama-2-70b-hf",
  "Llama-2-7B": "Llama-2-7b-hf",
  "Llama-4-Scout": "Llama-4-Scout-17B-16E-Instruct",
  "Mamba-2.8B": "mamba-2.8b-hf",
  "Mixtral-8x7B": "Mixtral-8x7B-v0.1",
  "OPT-125m": "opt-125m",
  "Qwen3-Next-80B-A3B": "Qwen3-Next-80B-A3B-Instruct",
  "StarCoder2-3B": "starcoder2-3b",
  "T5-small": "t5-small",
  "TinyLlama-1.1B": "TinyLlama-1.1B-Chat-v1.0",
};

/** transformers drops the MTP block when it loads a model, so these headers lack what the table has. */
const WITHOUT_MTP = new Set(["DeepSeek-V3", "GLM-4.5-Air", "Qwen3-Next-80B-A3B"]);

/**
 * The config.json beside these two isn't the released one in how many experts a token uses: null (6 in the release), so that we
 * say what is missing, and 2 (8 in the release).
 */
const OTHER_ACTIVE: Readonly<Record<string, number | null>> = {
  "DeepSeek-V2-Lite": null,
  "Granite-3.1-1B-A400M": 202_166_272,
};

const BUCKETS = {
  embedding: "embedding",
  position: "position",
  attention: "attention",
  ffn: "ffn",
  norm: "norm",
  head: "output_head",
  vision: "vision",
  projector: "projector",
} as const;

const PARTS = {
  expert_routed: /^routed/,
  expert_shared: /^shared\./,
  expert_router: /^router|^shared_gate/,
} as const;

/** Models that the table lacks; their totals are held to the list beside the header. */
const NOT_IN_TABLE = new Set(["Granite-3.3-8B", "Llama-3.1-70B", "Phi-4-mini", "Qwen2.5-1.5B", "Qwen3-8B"]);

describeReal("inspect DIR --json on released models", () => {
  const truth = new Map(
    readReferenceTsv("bucket-ground-truth.tsv").map((row) => [row.hf_repo?.split("/")[1] ?? "", row]),
  );
  const folders: string[] = [];
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  it.each(listReal("hf-heads"))("%s", async (model) => {
    const { dir } = expandHeads(`hf-heads/${model}`);
    folders.push(dir);
    const run = await inspect([dir, "--json"]);
    expect(run).toMatchObject({ code: 0, stderr: "" });
    const { parameters, buckets } = jsonOf(run) as unknown as Printed;
    const row = truth.get(REPOSITORIES[model] ?? model);
    if (!row) {
      expect(NOT_IN_TABLE, model).toContain(model);
      const heads = readRealJson<{ n_elements: number }[]>("hf-heads", model, "HEADS.json");
      expect(parameters.stored).toBe(heads.reduce((sum, head) => sum + head.n_elements, 0));
      // Dense models, whose headers hold neither buffers nor copies.
      expect([parameters.total, parameters.active]).toEqual([parameters.stored, parameters.stored]);
      return;
    }
    const of = (name: string) => buckets.find(({ bucket }) => bucket === name);
    const expected = Object.fromEntries(Object.entries(BUCKETS).map(([ours, theirs]) => [ours, Number(row[theirs])]));
    expect(Object.fromEntries(Object.keys(BUCKETS).map((ours) => [ours, of(ours)?.parameters ?? 0]))).toEqual(expected);
    for (const [column, pattern] of Object.entries(PARTS)) {
      const parts = of("expert")?.parts.filter(({ part }) => pattern.test(part)) ?? [];
      expect(
        parts.reduce((sum, { parameters: count }) => sum + count, 0),
        column,
      ).toBe(Number(row[column]));
    }
    expect(parameters.total).toBe(Number(row.total) - (WITHOUT_MTP.has(model) ? Number(row.mtp) : 0));
    if (model in OTHER_ACTIVE) {
      expect(parameters.active).toBe(OTHER_ACTIVE[model]);
      return;
    }
    expect(parameters.active).toBe(Math.round(Number(row.active_A_all)));
    expect(parameters.activeWithoutInputEmbedding).toBe(Number(row.active_B_no_input_embed));
    expect(parameters.activeNonEmbedding).toBe(Number(row.active_C_no_embed_no_head));
  });
});
