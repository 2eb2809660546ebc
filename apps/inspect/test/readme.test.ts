/** The README's screen is what the command prints, and its library examples run. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { analyse } from "@checkpoint-inspect/analysis";
import { openCheckpoint } from "@checkpoint-inspect/parser";
import { afterAll, describe, expect, it } from "vitest";

import { describeReal, expandHeads } from "../../../test-support/real-data.ts";
import { inspect } from "./run-inspect.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const README = readFileSync(join(ROOT, "README.md"), "utf8");

describeReal("the README's screen", () => {
  const { dir, remove } = expandHeadsOnce();
  afterAll(remove);

  it("is what the command prints", async () => {
    const screens = [...README.matchAll(/<!-- screen: inspect (\S+) (.*?) -->\n```\n([^`]*)```/g)];
    expect(screens.length).toBeGreaterThan(0);
    for (const [, file = "", flags = "", screen] of screens) {
      const { stdout } = await inspect([join(dir, file), ...flags.split(" ")]);
      expect(stdout).toBe(screen);
    }
  });
});

/** Collected also where the files are absent. */
function expandHeadsOnce(): { dir: string; remove(): void } {
  try {
    return expandHeads("gguf-real-heads", (name) => name.includes("Q4_K_M"));
  } catch {
    return { dir: "", remove: () => {} };
  }
}

describe("the README's library use", () => {
  it("works as written, on our own fixture", async () => {
    const checkpoint = await openCheckpoint(
      join(ROOT, "fixtures/llama-tiny-safetensors/model-00001-of-00003.safetensors"),
    );
    const { parameters, layerGroups, quantization } = analyse(checkpoint);
    await checkpoint.close();
    expect(checkpoint.tensors.length).toBeGreaterThan(0);
    expect(parameters.total).toBe(127_424);
    expect(quantization.bitsPerWeight).toBe(16);
    expect(layerGroups.map(({ count }) => count)).toEqual([3]);
  });
});
