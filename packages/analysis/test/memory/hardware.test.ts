/** The table of bandwidths: every row with its source, and figures that makers state. */
import { describe, expect, it } from "vitest";

import { BANDWIDTHS, bandwidthOf } from "../../src/memory/hardware/bandwidth.ts";
import { hardwareOf } from "../../src/memory/hardware/catalogue.ts";
import { matrixFlops } from "../../src/memory/hardware/matrix.ts";
import { RAM, TYPICAL_RAM } from "../../src/memory/hardware/ram.ts";

describe("the bandwidth table", () => {
  it("says where each figure is from", () => {
    for (const { name, source, bytesPerSecond } of BANDWIDTHS) {
      expect(source, name).toMatch(/specification$/);
      expect(bytesPerSecond, name).toBeGreaterThan(20e9);
      expect(bytesPerSecond, name).toBeLessThan(10e12);
    }
  });

  it("has one row for a model and size", () => {
    const keys = BANDWIDTHS.flatMap(({ name, sizes = [0] }) => sizes.map((size) => `${name} ${size}`));
    expect(new Set(keys).size).toBe(keys.length);
  });

  it.each([
    ["RTX 4090", undefined, 1008],
    ["RTX 5090", undefined, 1792],
    ["RTX 3090", undefined, 936],
    ["RTX 4060", undefined, 272],
    ["RTX 3060", 12, 360],
    ["A100", 40, 1555],
    ["A100", 80, 2039],
    ["RX 7900 XTX", undefined, 960],
    ["Arc B580", undefined, 456],
    ["Apple M3 Max", 36, 300],
    ["Apple M3 Max", 64, 400],
    ["Ryzen AI Max+ 395", 128, 256],
  ])("%s of %s GB: %d GB/s", (name, size, expected) => {
    expect(bandwidthOf(name, size)?.bytesPerSecond).toBe(expected * 1e9);
  });

  it("doesn't answer where versions differ and no size is given", () => {
    expect(bandwidthOf("RTX 3080")).toBeUndefined();
    expect(bandwidthOf("RTX 9999")).toBeUndefined();
  });
});

describe("hardwareOf", () => {
  it("counts a GPU's GB as GiB", () => {
    const gpu = hardwareOf({ name: "RTX 4090", maker: "nvidia", memory: [24], tflops: 82.58 }, 24);
    expect(gpu).toMatchObject({ backend: "cuda", memoryBytes: 24 * 2 ** 30, bandwidth: 1008e9 });
    expect(gpu.matrixFlops).toBeCloseTo(330.3e12, -11);
  });

  it("leaves out what nobody states", () => {
    const gpu = hardwareOf({ name: "Radeon 780M", maker: "amd", memory: [16] }, 16);
    expect(gpu).toEqual({ name: "Radeon 780M", kind: "gpu", backend: "other", memoryBytes: 16 * 2 ** 30 });
    expect(matrixFlops("Arc B580", 27e12)).toBeUndefined();
  });
});

describe("system memory", () => {
  it("is channels x 8 bytes x transfers", () => {
    const speeds = new Map(RAM.map(({ name, bytesPerSecond }) => [name, bytesPerSecond / 1e9]));
    expect(speeds.get("DDR4-3200, 2 channels")).toBeCloseTo(51.2);
    expect(speeds.get(TYPICAL_RAM.name)).toBeCloseTo(89.6);
    expect(TYPICAL_RAM.source).toContain("assumed");
  });
});
