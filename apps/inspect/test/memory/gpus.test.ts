/** People name their GPUs in many ways; each has to lead to the right one, and never to a wrong one in silence. */
import { BANDWIDTHS } from "@checkpoint-inspect/analysis";
import { describe, expect, it } from "vitest";

import { findHardware, listHardware } from "../../src/memory/gpus.ts";

const GIB = 2 ** 30;

/** "2x RTX 3090 24" for what was found. */
function words(text: string): string {
  const answer = findHardware(text);
  if ("problem" in answer) return `? ${answer.near.join(", ")}`;
  return answer.hardware
    .map(({ hardware, count }) => `${count}x ${hardware.name} ${hardware.memoryBytes / GIB}`)
    .join(" + ");
}

describe("findHardware", () => {
  it.each([
    ["RTX 4090", "1x RTX 4090 24"],
    ["4090", "1x RTX 4090 24"],
    ["NVIDIA GeForce RTX 4090", "1x RTX 4090 24"],
    ["rtx-4090 laptop", "1x RTX 4090 Mobile 16"],
    ["rtx4060ti 16gb", "1x RTX 4060 Ti 16"],
    ["RTX 4060 Ti (16 GB)", "1x RTX 4060 Ti 16"],
    ["RTX 4060 Ti", "1x RTX 4060 Ti 8"],
    ["4070 ti super", "1x RTX 4070 Ti Super 16"],
    ["rtx 2060 12gb", "1x RTX 2060 12GB 12"],
    ["rtx 2060", "1x RTX 2060 6"],
    ["h100", "1x H100 80"],
    ["2xH100 80GB", "2x H100 80"],
    ["a100", "1x A100 40"],
    ["A100-80GB", "1x A100 80"],
    ["A100 SXM4 80GB", "1x A100 80"],
    ["M4 Max 64GB", "1x Apple M4 Max 64"],
    ["m1", "1x Apple M1 8"],
    ["apple m3 ultra 512 GB", "1x Apple M3 Ultra 512"],
    ["2x RTX 3090", "2x RTX 3090 24"],
    ["RTX 3090 x2", "2x RTX 3090 24"],
    ["RTX 3090 + RTX 3060 12GB", "1x RTX 3090 24 + 1x RTX 3060 12"],
    ["RX 7900 XTX", "1x RX 7900 XTX 24"],
    ["7900xtx", "1x RX 7900 XTX 24"],
    ["AMD Radeon RX 6800 XT", "1x RX 6800 XT 16"],
    ["MI300X", "1x MI300 192"],
    ["strix halo 128gb", "1x Ryzen AI Max+ 395 128"],
    ["Ryzen AI Max+ 395", "1x Ryzen AI Max+ 395 64"],
    ["DGX Spark", "1x GB10 128"],
    ["a6000", "1x RTX A6000 48"],
    ["RTX PRO 6000", "1x RTX PRO 6000 WS 96"],
    ["Arc B580", "1x Arc B580 12"],
    ["24GB", "1x 24GB GPU 24"],
    ["24 GiB", "1x 24GiB GPU 24"],
    ["2x24GB", "2x 24GB GPU 24"],
    ["24GB+16GB", "1x 24GB GPU 24 + 1x 16GB GPU 16"],
    ["1.5TB", "1x 1.5TB GPU 1536"],
  ])("%s is %s", (text, expected) => {
    expect(words(text)).toBe(expected);
  });

  it.each(["RTX 4091", "rtx 40900", "M9 Max", "rtx 4090 48GB", "RTX", "4060 sti", "0x RTX 4090", "1000x RTX 4090"])(
    "doesn't guess at %s",
    (text) => {
      expect(findHardware(text)).toHaveProperty("problem");
    },
  );

  it("offers near names", () => {
    expect(words("RTX 4091")).toContain("RTX 4090");
    expect(words("rtx 4060 to")).toContain("RTX 4060 Ti");
  });

  it("answers nonsense with words, soon", () => {
    for (const text of [
      "",
      " ",
      "+",
      "x",
      "2x",
      "0GB",
      "99999999999999999TB",
      "🦙",
      "-1GB",
      "9".repeat(200),
      "a".repeat(1e6),
    ])
      expect(findHardware(text)).toHaveProperty("problem");
  });

  it("says what macOS lends the GPU", () => {
    const answer = findHardware("M1 Max 32GB + M4 Max 64GB");
    const usable = "hardware" in answer ? answer.hardware.map(({ hardware }) => hardware.usableBytes ?? 0) : [];
    expect(usable.map((bytes) => Math.floor(bytes / 2 ** 20))).toEqual([21845, 49152]);
  });
});

describe("the bandwidth table", () => {
  it("joins a model in every row", () => {
    const names = new Set(listHardware().map(({ name }) => name));
    expect(BANDWIDTHS.filter(({ name }) => !names.has(name))).toEqual([]);
  });

  it("has only sizes that its model is sold with", () => {
    const models = new Map(listHardware().map((model) => [model.name, model]));
    const unsold = BANDWIDTHS.filter(({ name, sizes }) =>
      sizes?.some((size) => !models.get(name)?.memory.includes(size)),
    );
    expect(unsold).toEqual([]);
  });
});
