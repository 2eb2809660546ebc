/** Speed and cost are estimates: published runs have to lie in their ranges, and what can't be known gives no figure. */
import { describe, expect, it } from "vitest";

import { tokenCost } from "../../src/memory/cost.ts";
import { bandwidthOf } from "../../src/memory/hardware/bandwidth.ts";
import { hardwareOf } from "../../src/memory/hardware/catalogue.ts";
import { matrixFlops } from "../../src/memory/hardware/matrix.ts";
import {
  bytesOfStep,
  type DecodePlacement,
  decodeSpeed,
  denseAgainstExperts,
  expertsTouched,
  prefillSpeed,
} from "../../src/memory/speed.ts";

const GIB = 2 ** 30;

/** Input tables aren't read in whole: Llama's 32,000 x 4,096 and Llama 3's 128,256 x 4,096 at 4.5 bits, Qwen3's 151,936 x 4,096. */
const LLAMA = (bits: number) => (32_000 * 4096 * bits) / 8;
const LLAMA3 = (128_256 * 4096 * 4.5) / 8;
const QWEN3 = (151_936 * 4096 * 4.5) / 8;

/**
 * What others measured with llama.cpp, one sequence and little text before it. The ranges were chosen with these runs in view, so that they
 * hold here is a guard against slips, not a proof for other models. Where a run doesn't state its file's size (the 8B and 4B models), the
 * size is that of the usual file of that type.
 */
const PUBLISHED: readonly (readonly [
  gpu: string,
  model: string,
  bytes: number,
  tokensPerSecond: number,
  where: string,
])[] = [
  ["Apple M2 Ultra", "Llama 7B Q4_0", 3.56 * GIB - LLAMA(4.5), 88.54, "ggml-org/llama.cpp#2917"],
  ["Apple M2 Ultra", "Llama 7B Q4_1", 3.95 * GIB - LLAMA(5), 83.63, "ggml-org/llama.cpp#2917"],
  ["Apple M2 Ultra", "Llama 7B Q8_0", 6.67 * GIB - LLAMA(8.5), 62.05, "ggml-org/llama.cpp#2917"],
  ["Apple M2 Ultra", "Llama 7B F16", 12.55 * GIB - LLAMA(16), 41.35, "ggml-org/llama.cpp#2891"],
  ["P40", "Llama 7B Q4_0", 3.56 * GIB - LLAMA(4.5), 56.79, "ggml-org/llama.cpp#4766"],
  ["P40", "Llama 7B Q4_1", 3.95 * GIB - LLAMA(5), 55.52, "ggml-org/llama.cpp#4766"],
  ["Apple M1 Max", "Llama 3.1 8B Q4_K_M", 4.58 * GIB - LLAMA3, 46.2, "brand-o/normiebench#40"],
  ["Apple M4", "Llama 3.1 8B Q4_K_M", 4.58 * GIB - LLAMA3, 20.87, "brand-o/normiebench#3"],
  ["Apple M1 Max", "Qwen 27B IQ4_NL", 16.34e9, 14.29, "ggml-org/llama.cpp#27525"],
  ["RTX 5090", "Qwen3 8B Q4_K_M", 5.03e9 - QWEN3, 221.7, "CambrianTech/continuum#1627"],
  ["RTX 3090", "Gemma 3 4B Q4_K_M", 2.49e9, 188.7, "calebcoffie.com/benchmarks"],
  ["RTX 4090", "TinyLlama 1.1B Q4_K_M", 636.18 * 2 ** 20 - LLAMA(4.5) / 2, 762.37, "geerlingguy/ai-benchmarks#43"],
];

const at = (more: Partial<DecodePlacement> = {}): DecodePlacement => ({
  name: "GPU",
  weightBytes: 4e9,
  kvBytes: 0,
  bandwidth: 1e12,
  from: "test",
  ...more,
});

/** Types of few bits, which the formula is too fast for. */
const TOO_FAST: typeof PUBLISHED = [
  ["P40", "Llama 7B Q2_K", 2.63 * GIB - LLAMA(2.6), 33.52, "ggml-org/llama.cpp#4766"],
  ["Apple M1 Max", "Qwen 27B Q3_K_M", 13.82e9, 12.63, "ggml-org/llama.cpp#27525"],
];

describe("decodeSpeed", () => {
  it.each(PUBLISHED)("%s with %s: what was measured lies in the range", (gpu, _model, bytes, measured) => {
    const bandwidth = bandwidthOf(gpu)?.bytesPerSecond ?? 0;
    const { decodeEfficiency } = hardwareOf(
      { name: gpu, maker: gpu.startsWith("Apple") ? "apple" : "nvidia", memory: [64] },
      64,
    );
    const speed = decodeSpeed({
      placements: [at({ weightBytes: bytes, bandwidth, ...(decodeEfficiency && { efficiency: decodeEfficiency }) })],
    });
    expect(speed?.tokensPerSecond.low).toBeLessThanOrEqual(measured);
    expect(speed?.tokensPerSecond.high).toBeGreaterThanOrEqual(measured);
  });

  it.each(TOO_FAST)("%s with %s: known to be slower than the range", (gpu, _model, bytes, measured) => {
    const bandwidth = bandwidthOf(gpu)?.bytesPerSecond ?? 0;
    const low = decodeSpeed({ placements: [at({ weightBytes: bytes, bandwidth })] })?.tokensPerSecond.low;
    expect(low).toBeGreaterThan(measured);
  });

  it("adds up the time of each device", () => {
    const gpu = decodeSpeed({ placements: [at()] });
    const both = decodeSpeed({ placements: [at(), at({ name: "RAM", weightBytes: 1e9, bandwidth: 1e11 })] });
    const [alone, together] = [gpu?.tokensPerSecond.high ?? 0, both?.tokensPerSecond.high ?? 0];
    // 4 ms on the GPU, 10 ms more in RAM.
    expect(together / alone).toBeCloseTo(4 / 14);
  });

  it("reads weights once and the cache for each sequence", () => {
    const speed = decodeSpeed({ placements: [at({ kvBytes: 1e9 })], sequences: 4 });
    expect(speed?.bytesPerStep).toBe(8e9);
    expect((speed?.tokensPerSecond.high ?? 0) / (speed?.perSequence.high ?? 1)).toBeCloseTo(4);
  });

  it("stops at arithmetic with many sequences", () => {
    const compute = { flops: 1e14, activeParameters: 8e9 };
    expect(decodeSpeed({ placements: [at()], sequences: 1, compute })?.limit).toBe("memory");
    const many = decodeSpeed({ placements: [at()], sequences: 512, compute });
    expect(many?.limit).toBe("compute");
    expect(many?.tokensPerSecond.high).toBeCloseTo((1e14 * 0.6) / 16e9);
  });

  it("warns where fixed costs are most of a step", () => {
    expect(decodeSpeed({ placements: [at({ weightBytes: 1e8 })] })?.notes).toHaveLength(1);
    expect(decodeSpeed({ placements: [at()] })?.notes).toEqual([]);
  });

  it("gives no figure without its facts", () => {
    const broken = [
      [],
      [at({ bandwidth: 0 })],
      [at({ bandwidth: Number.NaN })],
      [at({ weightBytes: Number.POSITIVE_INFINITY })],
      [at({ weightBytes: -1 })],
      [at({ weightBytes: 0 })],
    ];
    for (const placements of broken) expect(decodeSpeed({ placements })).toBeUndefined();
    expect(decodeSpeed({ placements: [at()], sequences: 0 })).toBeUndefined();
  });

  it("shows how it came about", () => {
    const { why } = decodeSpeed({ placements: [at({ from: "384-bit x 21 Gbps" })] }) ?? {};
    expect(why?.inputs.map(({ from }) => from)).toContain("384-bit x 21 Gbps");
    expect(why?.steps.join("\n")).toContain("4,000,000,000 of weights");
  });
});

describe("experts", () => {
  it("touches more of them with more sequences", () => {
    expect(expertsTouched(8, 2, 1)).toBeCloseTo(2);
    expect(expertsTouched(8, 2, 2)).toBeCloseTo(3.5);
    expect(expertsTouched(8, 2, 1000)).toBeCloseTo(8);
    expect(expertsTouched(0, 2, 1)).toBe(0);
  });

  it("reads only those that are used", () => {
    const weights = { denseBytes: 1e9, routedBytes: 8e9, experts: 8, used: 2 };
    expect(bytesOfStep(weights)).toBe(3e9);
    expect(bytesOfStep(weights, 2)).toBeCloseTo(4.5e9);
    expect(denseAgainstExperts(weights)?.times).toBe(3);
    expect(denseAgainstExperts(weights)?.words).toContain("2 of 8 experts");
    expect(denseAgainstExperts({ ...weights, routedBytes: 0 })).toBeUndefined();
  });
});

describe("prefillSpeed", () => {
  it.each([
    ["RTX 4090", 82.58, 8.03e9, 10_358.75, "ggml-org/llama.cpp#7676, Llama 3 8B Q4_0"],
    ["RTX 3090", 35.58, 8.03e9, 3593.81, "ggml-org/llama.cpp#7860, Llama 3 8B Q6_K"],
  ])("%s: what was measured lies in the range", (gpu, tflops, activeParameters, measured) => {
    const flops = matrixFlops(gpu, tflops * 1e12)?.flops ?? 0;
    const speed = prefillSpeed({ activeParameters, flops, from: "test" });
    expect(speed?.tokensPerSecond.low).toBeLessThanOrEqual(measured);
    expect(speed?.tokensPerSecond.high).toBeGreaterThanOrEqual(measured);
  });

  it.each([
    ["Apple M1 Max", 10.4, 499.58, "brand-o/normiebench#40, Llama 3.1 8B Q4_K_M"],
    ["Apple M4", 4.6, 224.81, "brand-o/normiebench#3, Llama 3.1 8B Q4_K_M"],
  ])("%s: what was measured lies in the range", (gpu, tflops, measured) => {
    const hardware = hardwareOf({ name: gpu, maker: "apple", memory: [64], tflops }, 64);
    const { matrixFlops: flops = 0, prefillEfficiency: efficiency } = hardware;
    const speed = prefillSpeed({ activeParameters: 8.03e9, flops, from: "test", ...(efficiency && { efficiency }) });
    expect(speed?.tokensPerSecond.low).toBeLessThanOrEqual(measured);
    expect(speed?.tokensPerSecond.high).toBeGreaterThanOrEqual(measured);
  });

  it("gives no figure without its facts", () => {
    expect(prefillSpeed({ activeParameters: 0, flops: 1e12, from: "" })).toBeUndefined();
    expect(prefillSpeed({ activeParameters: 1e9, flops: Number.NaN, from: "" })).toBeUndefined();
  });
});

describe("tokenCost", () => {
  it("is the price of the time", () => {
    const cost = tokenCost({ pricePerHour: 3.6, decode: { low: 50, high: 100 }, prefill: { low: 1000, high: 2000 } });
    expect(cost?.output).toEqual({ low: 10, high: 20 });
    expect(cost?.input).toEqual({ low: 0.5, high: 1 });
    expect(cost?.why.steps).toHaveLength(2);
  });

  it("gives no figure without its facts", () => {
    expect(tokenCost({ pricePerHour: Number.NaN, decode: { low: 1, high: 2 } })).toBeUndefined();
    expect(tokenCost({ pricePerHour: -1, decode: { low: 1, high: 2 } })).toBeUndefined();
    expect(tokenCost({ pricePerHour: 1, decode: { low: 0, high: 2 } })).toBeUndefined();
    expect(tokenCost({ pricePerHour: 1, decode: { low: 1, high: 2 } })).not.toHaveProperty("input");
  });
});
