/**
 * Cache and compute of eleven models at 3 contexts and up to 12 settings each, against what llama.cpp v0.5.0 says that it would allocate
 * (`llama-fit-params --fit-print`, on the headers that fixtures/memory writes).
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openCheckpoint } from "@checkpoint-inspect/parser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { ELEVEN, writeEleven } from "../../../../fixtures/memory/index.mjs";
import {
  cacheBytes,
  DEFAULT_SETTINGS,
  type GgufHparams,
  ggufCache,
  ggufHparams,
  llamaCompute,
  type MemorySettings,
} from "../../src/index.ts";

interface Row {
  readonly name: string;
  readonly settings: MemorySettings;
  readonly words: string;
  readonly kvMiB: number;
  readonly computeMiB: number;
}

const MIB = 2 ** 20;
const ROWS = readFileSync(
  fileURLToPath(new URL("../../../../fixtures/memory/llama-fit-params.tsv", import.meta.url)),
  "utf8",
)
  .trimEnd()
  .split("\n")
  .slice(1)
  .map(rowOf);

function rowOf(line: string): Row {
  const [name = "", context = "", flags = "", kv = "", compute = ""] = line.split("\t");
  const value = (flag: string) => new RegExp(`-${flag} (\\S+)`).exec(flags)?.[1];
  const sequences = Number(value("np") ?? 1);
  return {
    name,
    words: `${name} -c ${context} ${flags}`,
    settings: {
      ...DEFAULT_SETTINGS,
      // llama.cpp's context is that of all sequences together.
      context: Math.ceil(Number(context) / sequences),
      sequences,
      ubatch: Number(value("ub") ?? DEFAULT_SETTINGS.ubatch),
      keyType: (value("ctk") ?? "f16").toUpperCase(),
      valueType: (value("ctv") ?? "f16").toUpperCase(),
      flashAttention: value("fa") !== "off",
      windowsInFull: flags.includes("--swa-full"),
    },
    kvMiB: Number(kv),
    computeMiB: Number(compute),
  };
}

describe("eleven models at many settings", () => {
  const models = new Map<string, GgufHparams>();
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-measured-"));
  beforeAll(async () => {
    for (const { name } of ELEVEN) {
      const checkpoint = await openCheckpoint(writeEleven(name, folder));
      await checkpoint.close();
      const hparams = ggufHparams(checkpoint);
      if (!("missing" in hparams)) models.set(name, hparams);
    }
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const modelOf = ({ name }: Row): GgufHparams => {
    const hparams = models.get(name);
    if (!hparams) throw new RangeError(`no model ${name}`);
    return hparams;
  };

  it("the cache is what llama.cpp allocates, in all of them", () => {
    const off = ROWS.filter((row) => {
      const { bytes } = cacheBytes(ggufCache(modelOf(row)), row.settings, "llama.cpp");
      return Math.abs(bytes / MIB - row.kvMiB) > 0.011;
    });
    expect(off.map(({ words }) => words)).toEqual([]);
    expect(ROWS.length).toBe(399);
  });

  it("the compute buffer is within 5% in 96 of 100, and within 15% in all", () => {
    const errors = ROWS.map((row) => {
      const ours = llamaCompute(modelOf(row), row.settings).hostOnlyBytes / MIB;
      return { words: row.words, error: Math.abs(ours - row.computeMiB) / row.computeMiB };
    });
    const beyond = errors.filter(({ error }) => error > 0.05);
    expect(beyond.length / errors.length).toBeLessThanOrEqual(0.04);
    expect(beyond.filter(({ error }) => error > 0.15)).toEqual([]);
  });

  it("one vector that serves as key and value has one type", () => {
    const row = ROWS.find(({ name }) => name === "dsv2-lite") as Row;
    const mixed = { ...row.settings, keyType: "Q8_0", valueType: "F16" };
    expect(cacheBytes(ggufCache(modelOf(row)), mixed, "llama.cpp").problem).toContain("one type for keys and values");
  });
});
