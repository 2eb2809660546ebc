/** docs/memory.schema.json against what `inspect memory --json` prints. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";

import { FIXTURE_TARGETS, inspect } from "../run-inspect.ts";

const SCHEMA = JSON.parse(
  readFileSync(fileURLToPath(new URL("../../../../docs/memory.schema.json", import.meta.url)), "utf8"),
);
const validate = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true }).compile(SCHEMA);

async function documentOf(args: readonly string[], code = 0): Promise<Record<string, unknown>> {
  const run = await inspect(["memory", ...args, "--json"]);
  expect(run.code).toBe(code);
  const document = JSON.parse(run.stdout);
  if (!validate(document)) {
    const problems = (validate.errors ?? []).filter(({ keyword }) => keyword !== "oneOf");
    expect(
      problems.map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`),
    ).toEqual([]);
  }
  return document;
}

describe("inspect memory --json", () => {
  it.each(FIXTURE_TARGETS)("%s fits the schema", async (target) => {
    await documentOf([target]);
  });

  it("with everything that can be asked for", async () => {
    const [dense = "", mixture = ""] = FIXTURE_TARGETS;
    const asked = ["--gpu", "2x RTX 3090", "--quants", "--train", "--price", "0.5", "--kv-type", "bf16"];
    for (const target of [dense, mixture]) {
      const document = await documentOf([target, ...asked]);
      expect(Object.keys(document)).toEqual(expect.arrayContaining(["machine", "quantizations", "speed", "training"]));
    }
  });

  it("of several targets, one that can't be read among them", async () => {
    const [dense = "", , whole = ""] = FIXTURE_TARGETS;
    const { targets } = await documentOf([dense, whole, "no-such-file.gguf"], 3);
    expect(targets).toHaveLength(3);
  });

  it("has the figures of the report, for the settings that were asked for", async () => {
    const [dense = ""] = FIXTURE_TARGETS;
    const { stdout } = await inspect([dense, "--json"]);
    const report = JSON.parse(stdout);
    const { memory } = await documentOf([dense]);
    expect(memory).toEqual(report.memory);
    const twice = await documentOf([dense, "--batch", "2"]);
    expect(twice.memory).toMatchObject({ sequences: 2, kvCacheBytes: 2 * report.memory.kvCacheBytes });
  });
});
