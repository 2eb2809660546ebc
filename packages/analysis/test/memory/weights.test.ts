/** What the weights take, and where they lie: parts that add up, llama.cpp's way of dealing layers out. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openCheckpoint } from "@checkpoint-inspect/parser";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";

import { MODELS } from "../../../../fixtures/models/index.mjs";
import { writeModel } from "../../../../fixtures/models/write.mjs";
import { examine, placeWeights, type WeightInventory } from "../../src/index.ts";

const folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-weights-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

async function weightsOf(path: string): Promise<WeightInventory> {
  const checkpoint = await openCheckpoint(path);
  await checkpoint.close();
  const { memory } = examine(checkpoint);
  if (!memory) throw new Error(path);
  return memory.weights;
}

describe("the inventory", () => {
  const formats = MODELS.flatMap((model) =>
    model.gguf
      ? ([
          [model.name, "gguf"],
          [model.name, "safetensors"],
        ] as const)
      : ([[model.name, "safetensors"]] as const),
  ).filter(
    ([name, format]) => !/405B|DeepSeek/.test(name) && !(format === "safetensors" && /Qwen3-(?:Next|30B)/.test(name)),
  );

  it.each(formats)("%s %s: the parts are the whole", async (name, format) => {
    const recipe = MODELS.find((model) => model.name === name);
    if (!recipe) throw new RangeError(name);
    const path = writeModel(recipe, format, mkdtempSync(join(folder, "x-")));
    const checkpoint = await openCheckpoint(path);
    await checkpoint.close();
    const { memory, report } = examine(checkpoint);
    if (!memory) throw new Error(name);
    const { bytes, blocks, inputBytes, headBytes, otherBytes, asideBytes, duplicateBytes, routedBytes } =
      memory.weights;
    const all = sum(checkpoint.tensors.map(({ sizeBytes }) => sizeBytes));
    expect(bytes + duplicateBytes).toBe(all);
    // MTP blocks stand among the blocks, and are aside as well.
    const inBlocks = sum(blocks.map((block) => block.bytes));
    const rest = bytes - inBlocks - inputBytes - headBytes - otherBytes;
    expect(rest).toBeGreaterThanOrEqual(0);
    expect(rest).toBeLessThanOrEqual(asideBytes);
    expect(sum(blocks.map((block) => block.routedBytes))).toBeLessThanOrEqual(routedBytes + asideBytes);
    if (report.experts) expect(routedBytes).toBeGreaterThan(0);
  });

  it("a token of a mixture reads its share of the routed experts, and the tied table as the head", async () => {
    const weights = await weightsOf(
      fileURLToPath(new URL("../../../../fixtures/llama-moe-mixed.gguf", import.meta.url)),
    );
    // Three layers of three Q4_0 matrices of 8 experts, of which a token uses 2: a quarter of 3 x 52,224 bytes.
    expect(weights.experts).toEqual({ used: 2, count: 8 });
    expect(weights.routedBytes).toBe(156_672);
    // Table 17,408 (the head too, so read), attention 78,336, routers 12,288, norms 3,584.
    expect(weights.bytes).toBe(17_408 + 78_336 + 12_288 + 3_584 + 156_672);
    expect(weights.activeBytes).toBe(17_408 + 78_336 + 12_288 + 3_584 + 39_168);
  });
});

/** Ten blocks of 100 bytes, 60 of them experts; a table of 50, a head of 30. */
const MADE: WeightInventory = {
  bytes: 1080,
  blocks: Array.from({ length: 10 }, (_, index) => ({ index, bytes: 100, routedBytes: 60 })),
  inputBytes: 50,
  headBytes: 30,
  tiedBytes: 0,
  asideBytes: 0,
  routedBytes: 600,
  otherBytes: 0,
  duplicateBytes: 0,
  activeBytes: 0,
};

describe("placement", () => {
  const bytesOf = (options: Parameters<typeof placeWeights>[2], weights = MADE) =>
    placeWeights(weights, 10, options).map(({ weightBytes }) => weightBytes);

  it("all layers: the input table alone stays on the host", () => {
    expect(bytesOf({ gpus: [1000] })).toEqual([1030, 50]);
  });

  it("-ngl 1 moves the head, -ngl 2 the last block too, -ngl 0 nothing", () => {
    expect(bytesOf({ gpus: [1000], gpuLayers: 1 })).toEqual([30, 1050]);
    expect(bytesOf({ gpus: [1000], gpuLayers: 2 })).toEqual([130, 950]);
    expect(bytesOf({ gpus: [1000], gpuLayers: 0 })).toEqual([0, 1080]);
    expect(bytesOf({ gpus: [1000], gpuLayers: 99 })).toEqual([1030, 50]);
  });

  it("two GPUs share the layers by their memory, in order", () => {
    const [large, small, host] = placeWeights(MADE, 10, { gpus: [24, 8] });
    // Eleven layers with the head: three quarters are those below 8.25.
    expect(large?.blocks).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(small?.blocks).toEqual([9]);
    expect(small?.hasHead).toBe(true);
    expect(host?.weightBytes).toBe(50);
  });

  it("--n-cpu-moe leaves the experts of the first layers on the host", () => {
    const [gpu, host] = placeWeights(MADE, 10, { gpus: [1000], cpuMoeLayers: 4 });
    expect([gpu?.weightBytes, host?.weightBytes]).toEqual([1030 - 240, 50 + 240]);
    expect([gpu?.routedBytes, host?.routedBytes]).toEqual([360, 240]);
    expect(gpu?.blocks).toHaveLength(10);
  });

  it("a tied table is on the host, and again where the head is", () => {
    const tied = { ...MADE, tiedBytes: 50, headBytes: 2, bytes: 1052 };
    expect(bytesOf({ gpus: [1000] }, tied)).toEqual([1052, 50]);
    expect(bytesOf({ gpus: [] }, tied)).toEqual([1052]);
  });

  it("whatever the options, nothing is lost and nothing is made up", () => {
    const options = fc.record({
      gpus: fc.array(fc.integer({ min: 1, max: 1e12 }), { maxLength: 4 }),
      gpuLayers: fc.integer({ min: 0, max: 30 }),
      cpuMoeLayers: fc.integer({ min: 0, max: 30 }),
      tied: fc.boolean(),
    });
    fc.assert(
      fc.property(options, ({ gpus, gpuLayers, cpuMoeLayers, tied }) => {
        const weights = { ...MADE, tiedBytes: tied ? 50 : 0 };
        const places = placeWeights(weights, 10, { gpus, gpuLayers, cpuMoeLayers });
        const copy = tied && places.slice(0, -1).some(({ hasHead }) => hasHead) ? 50 : 0;
        expect(sum(places.map(({ weightBytes }) => weightBytes))).toBe(weights.bytes + copy);
        for (const place of places)
          expect(Math.min(place.weightBytes, place.routedBytes, place.lookupBytes)).toBeGreaterThanOrEqual(0);
        expect(places.flatMap(({ blocks }) => blocks).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      }),
    );
  });
});
