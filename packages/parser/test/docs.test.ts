/**
 * The pages against the sources: a rule, limit or storage type that comes, goes or changes has to change them. docs/rules.md is
 * generated (scripts/rules-doc.mjs, whose `--check` compares all of it); here it is held against the rules that are reported.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RULES } from "@checkpoint-inspect/analysis";
import { describe, expect, it } from "vitest";

import { MAX_FINDINGS_PER_RULE } from "../src/findings.ts";
import * as ggufLimits from "../src/gguf/limits.ts";
import { GGML_TYPES } from "../src/gguf/types.ts";
import { READ_ERROR_RULES } from "../src/rules/read-errors.ts";
import { READER_RULES } from "../src/rules/rules.ts";
import { DTYPES } from "../src/safetensors/dtypes.ts";
import * as safetensorsLimits from "../src/safetensors/limits.ts";
import { grouped } from "../src/words.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const FORMATS = readFileSync(join(ROOT, "docs/formats.md"), "utf8");
const RULES_PAGE = readFileSync(join(ROOT, "docs/rules.md"), "utf8");

/** Every source of both packages, but for the tables themselves. */
function sources(): string {
  return ["parser", "analysis"]
    .flatMap((name) => {
      const folder = join(ROOT, "packages", name, "src");
      return readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(".ts") && !/(?:^|\/)rules\/(?:gguf|safetensors|sets)\.ts$/.test(file))
        .map((file) => readFileSync(join(folder, file), "utf8"));
    })
    .join("\n");
}

const SEVERITIES = ["error", "warning", "note"];

describe("the rules", () => {
  it("have one row each, and those of the readers are reported somewhere", () => {
    const ids = RULES.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of [...Object.keys(READER_RULES), ...Object.keys(READ_ERROR_RULES)]) expect(ids).toContain(id);
    const text = sources();
    for (const id of Object.keys(READER_RULES)) expect(text, id).toContain(`"${id}"`);
  });

  it.each(RULES.map((rule) => [rule.id, rule] as const))("%s is a row of one-line sentences", (id, rule) => {
    expect(id).toMatch(/^[a-z]+\/[a-z0-9-]+$/);
    for (const severity of [rule.severity, ...(rule.severities ?? [])]) expect(SEVERITIES).toContain(severity);
    expect(rule.severities ?? []).not.toContain(rule.severity);
    for (const text of [rule.means, rule.why, rule.fix]) {
      expect(text).toMatch(/^\S.*[^\s.!]$/);
      expect(text.length).toBeLessThan(300);
    }
  });
});

describe("docs/rules.md", () => {
  it("has every rule once, and no other", () => {
    const rows = [...RULES_PAGE.matchAll(/^\| `([a-z]+\/[a-z0-9-]+)` \| ([a-z ]+) \| .+ \| .+ \| .+ \|$/gm)];
    expect(rows.map(([, rule]) => rule).sort()).toEqual(RULES.map(({ id }) => id).sort());
    const severities = new Map(
      RULES.map((rule) => [rule.id, [rule.severity, ...(rule.severities ?? [])].join(" or ")]),
    );
    for (const [, id = "", severity] of rows) expect(severity, id).toBe(severities.get(id));
  });
});

describe("docs/formats.md", () => {
  it("names no rule that there isn't", () => {
    const ids = new Set(RULES.map(({ id }) => id));
    const families = new Set([...ids].map((id) => id.slice(0, id.indexOf("/"))));
    for (const [, family = "", what] of FORMATS.matchAll(/`([a-z]+)\/([a-z0-9-]+)`/g)) {
      if (families.has(family)) expect(ids).toContain(`${family}/${what}`);
    }
    // The tables of checks leave the family out.
    for (const [heading, family] of [
      ["### The checks of gguf.cpp", "gguf"],
      ["### The ten checks", "safetensors"],
    ] as const) {
      const checks = FORMATS.split(heading)[1]?.split("###")[0] ?? "";
      const named = [...checks.matchAll(/[Ff]indings?:? ((?:`[a-z0-9-]+`(?:, )?)+)/g)].flatMap(([, list]) => [
        ...(list ?? "").matchAll(/`([a-z0-9-]+)`/g),
      ]);
      expect(named.length).toBeGreaterThan(9);
      for (const [, what] of named) expect(ids).toContain(`${family}/${what}`);
    }
  });

  it.each([
    ["GGUF", ggufLimits, "### Limits of the GGUF reader"],
    ["safetensors", safetensorsLimits, "### Limits of the safetensors reader"],
  ])("gives every limit of the %s reader with its value", (_, limits, heading) => {
    const section = FORMATS.split(heading)[1]?.split(/^##/m)[0] ?? "";
    const rows = [...section.matchAll(/^\| `([A-Z_]+)` \| ([\d,]+) \w+ \|/gm)].map(([, name, value]) => [name, value]);
    expect(Object.fromEntries(rows)).toEqual(
      Object.fromEntries(Object.entries(limits).map(([name, value]) => [name, grouped(value)])),
    );
  });

  it("says how many findings of a rule are kept", () => {
    expect(FORMATS).toContain(`${MAX_FINDINGS_PER_RULE} findings are kept (\`MAX_FINDINGS_PER_RULE\`)`);
  });

  it("lists every storage type by its origin, and every dtype", () => {
    const rows = [...FORMATS.matchAll(/^\| (mainline|removed from ggml|ik_llama\.cpp) \| (\d+) \| ([^|]+) \|/gm)];
    const listed = rows.map(([, origin, count, names]) => {
      const types = [...(names ?? "").matchAll(/`(\w+)`/g)].map(([, name]) => name);
      return { origin: origin?.split(" ")[0], count: Number(count), types };
    });
    expect(listed).toEqual(
      ["mainline", "removed", "ik_llama.cpp"].map((origin) => {
        const types = GGML_TYPES.filter((type) => type.origin === origin).map((type) => type.name);
        return { origin, count: types.length, types };
      }),
    );
    const dtypes = FORMATS.split("### Dtypes")[1]?.split("###")[0] ?? "";
    for (const { name } of DTYPES) expect(dtypes).toContain(`\`${name}\``);
    expect(dtypes).toContain(`All ${DTYPES.length} of`);
  });
});
