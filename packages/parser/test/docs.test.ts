/** docs/formats.md against the sources: a rule, limit or storage type that comes, goes or changes has to change the page. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

import { MAX_FINDINGS_PER_RULE } from "../src/findings.ts";
import * as ggufLimits from "../src/gguf/limits.ts";
import { GGML_TYPES } from "../src/gguf/types.ts";
import { DTYPES } from "../src/safetensors/dtypes.ts";
import * as safetensorsLimits from "../src/safetensors/limits.ts";
import { grouped } from "../src/words.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const PAGE = readFileSync(join(ROOT, "docs/formats.md"), "utf8");

function sources(): string[] {
  const packages = readdirSync(join(ROOT, "packages"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return packages.flatMap(({ name }) => {
    const folder = join(ROOT, "packages", name, "src");
    return readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => readFileSync(join(folder, file), "utf8"));
  });
}

/**
 * Rule ids are written out as `"family/what"`, except where a helper puts the family in front:
 * `report("what", ...)` in a file that has the template `family/${rule}`.
 */
function rulesInSources(): Set<string> {
  const all = sources();
  const families = new Set(all.flatMap((text) => [...text.matchAll(/\brule: ["`]([a-z]+)\//g)].map(([, id]) => id)));
  const rules = new Set<string>();
  for (const text of all) {
    for (const [, family, what] of text.matchAll(/"([a-z]+)\/([a-z0-9-]+)"/g)) {
      if (families.has(family)) rules.add(`${family}/${what}`);
    }
    const prefix = /`([a-z]+)\/\$\{rule\}`/.exec(text)?.[1];
    if (prefix === undefined) continue;
    for (const [, what] of text.matchAll(/\breport\(\s*"([a-z0-9-]+)"/g)) rules.add(`${prefix}/${what}`);
  }
  return rules;
}

describe("docs/formats.md", () => {
  it("explains every rule that a finding can have, once, and no other", () => {
    const rows = [...PAGE.matchAll(/^\| `([a-z]+\/[a-z0-9-]+)` \| ([a-z ]+) \| .+ \| .+ \|$/gm)];
    expect(rows.map(([, rule]) => rule).sort()).toEqual([...rulesInSources()].sort());
    for (const [, rule, severity] of rows) {
      expect(severity, rule).toMatch(/^(error|warning|note)( or (error|warning|note))?$/);
    }
  });

  it("names no rule in its text that the tables lack", () => {
    const inTables = rulesInSources();
    const families = new Set([...inTables].map((rule) => rule.slice(0, rule.indexOf("/"))));
    const mentioned = [...PAGE.matchAll(/`([a-z]+)\/([a-z0-9-]+)`/g)].filter(([, family]) =>
      families.has(family ?? ""),
    );
    for (const [, family, what] of mentioned) expect(inTables).toContain(`${family}/${what}`);
    // The ten checks leave the family out.
    const checks = PAGE.split("### The ten checks")[1]?.split("###")[0] ?? "";
    const named = [...checks.matchAll(/[Ff]indings?:? ((?:`[a-z-]+`(?:, )?)+)/g)].flatMap(([, list]) => [
      ...(list ?? "").matchAll(/`([a-z-]+)`/g),
    ]);
    expect(named.length).toBeGreaterThan(9);
    for (const [, what] of named) expect(inTables).toContain(`safetensors/${what}`);
  });

  it.each([
    ["GGUF", ggufLimits, "### Limits of the GGUF reader"],
    ["safetensors", safetensorsLimits, "### Limits of the safetensors reader"],
  ])("gives every limit of the %s reader with its value", (_, limits, heading) => {
    const section = PAGE.split(heading)[1]?.split(/^##/m)[0] ?? "";
    const rows = [...section.matchAll(/^\| `([A-Z_]+)` \| ([\d,]+) \w+ \|/gm)].map(([, name, value]) => [name, value]);
    expect(Object.fromEntries(rows)).toEqual(
      Object.fromEntries(Object.entries(limits).map(([name, value]) => [name, grouped(value)])),
    );
  });

  it("says how many findings of a rule are kept", () => {
    expect(PAGE).toContain(`${MAX_FINDINGS_PER_RULE} findings are kept (\`MAX_FINDINGS_PER_RULE\`)`);
  });

  it("lists every storage type by its origin, and every dtype", () => {
    const rows = [...PAGE.matchAll(/^\| (mainline|removed from ggml|ik_llama\.cpp) \| (\d+) \| ([^|]+) \|/gm)];
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
    const dtypes = PAGE.split("### Dtypes")[1]?.split("###")[0] ?? "";
    for (const { name } of DTYPES) expect(dtypes).toContain(`\`${name}\``);
    expect(dtypes).toContain(`All ${DTYPES.length} of`);
  });
});
