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
import {
  TRUTH_COLUMNS as BUCKETS,
  OTHER_ACTIVE,
  TRUTH_PARTS as PARTS,
  TRUTH_NAMES as REPOSITORIES,
  WITHOUT_MTP,
} from "../../../test-support/released-models.ts";
import { inspect, jsonOf } from "./run-inspect.ts";

interface Printed {
  readonly parameters: Readonly<Record<string, number | string | null>>;
  readonly buckets: readonly {
    readonly bucket: string;
    readonly parameters: number;
    readonly parts: readonly { readonly part: string; readonly parameters: number }[];
  }[];
}

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
