/** `inspect check` as people and scripts run it: one checkpoint or many, as text, JSON and SARIF, with its exit codes. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RULES } from "@checkpoint-inspect/analysis";
import { writeGguf, writeIndexJson, writeSafetensors } from "@checkpoint-inspect/parser";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { Log } from "sarif";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { FIXTURE_TARGETS, inspect, jsonOf, type Run } from "./run-inspect.ts";

const SCHEMA = JSON.parse(
  readFileSync(fileURLToPath(new URL("../../../docs/check.schema.json", import.meta.url)), "utf8"),
) as object;
const validate = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true }).compile(SCHEMA);

interface CheckDocument {
  readonly failed: boolean;
  readonly summary: { readonly checkpoints: number; readonly failed: number; readonly unreadable: number };
  readonly checkpoints: readonly { readonly target: string; readonly failed: boolean }[];
  readonly findings: readonly { readonly target: string; readonly rule: string; readonly severity: string }[];
  readonly error?: { readonly code: string };
}

/** The document of a run; every one must fit the schema. */
function documentOf(run: Run): CheckDocument {
  const document = jsonOf(run);
  validate(document);
  expect(validate.errors ?? []).toEqual([]);
  return document as unknown as CheckDocument;
}

const GOOD = FIXTURE_TARGETS[0] as string;
const tensor = (name: string) => ({ name, dtype: "F32", shape: [2, 2], data: new Uint8Array(16) });

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-check-"));
  const good = readFileSync(GOOD);
  writeFileSync(at("good.gguf"), good);
  writeFileSync(at("cut.gguf"), good.subarray(0, good.length - 100));
  writeFileSync(at("header-cut.gguf"), good.subarray(0, 900));
  writeFileSync(
    at("notes.gguf"),
    writeGguf({ metadata: [{ key: "odd Key", type: "string", value: "x" }], tensors: [] }),
  );
  mkdirSync(at("set"));
  const shards = ["a.weight", "b.weight"].map((name, i) => ({
    name: `model-0000${i + 1}-of-00002.safetensors`,
    tensors: [{ name, sizeBytes: 16 }],
    bytes: writeSafetensors([tensor(name)]),
  }));
  for (const { name, bytes } of shards) writeFileSync(at("set", name), bytes);
  writeFileSync(at("set", "model.safetensors.index.json"), writeIndexJson(shards));
  mkdirSync(at("deep", "er"), { recursive: true });
  writeFileSync(at("deep", "er", "cut.safetensors"), writeSafetensors([tensor("a.weight")]).subarray(0, -1));
  writeFileSync(at("not-a-model.gguf"), "<!DOCTYPE html><html></html>");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.concurrent("one checkpoint", () => {
  it("that is sound passes with 0", async () => {
    const run = await inspect(["check", GOOD]);
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(run.stdout).toMatch(/^ok {2}/m);
    expect(run.stdout).not.toContain("FAIL");
    // Those of repositories, of the weights and of other readers weren't asked.
    const asked = RULES.filter(({ id }) => !/^(?:repo|weights|opinion)\//.test(id));
    expect(run.stdout).toContain(`${asked.length} rules`);
  });

  it("that is cut fails with 1, and says how much is missing and of which tensors", async () => {
    const run = await inspect(["check", at("cut.gguf")]);
    expect(run).toMatchObject({ code: 1, stderr: "" });
    expect(run.stdout).toMatch(/^FAIL {2}/m);
    expect(run.stdout).toContain("gguf/truncated-data");
    expect(run.stdout).toMatch(/\b100 bytes/);
  });

  it("says as many findings in the overview as in the check", async () => {
    const header = at("header-cut.gguf");
    const [check, overview] = [await inspect(["check", header, "--json"]), await inspect([header])];
    const { findings, error } = documentOf(check);
    expect(error?.code).toBe("truncated");
    expect(overview.stdout).toContain(`Findings: ${findings.length} error`);
  });

  it("gives the same as JSON, after docs/check.schema.json", async () => {
    const run = await inspect(["check", at("cut.gguf"), "--json"]);
    expect(run.code).toBe(1);
    const document = documentOf(run);
    expect(document).toMatchObject({ failed: true, summary: { checkpoints: 1, failed: 1, unreadable: 0 } });
    expect(document.findings).toContainEqual(
      expect.objectContaining({ rule: "gguf/truncated-data", severity: "error", target: at("cut.gguf") }),
    );
  });

  it.each(["not-a-model.gguf", "gone.gguf"])("%s, which is no checkpoint, ends with 3", async (name) => {
    const text = await inspect(["check", at(name)]);
    expect(text.code).toBe(3);
    expect(text.stdout).toMatch(/^FAIL {2}1 error/m);
    const run = await inspect(["check", at(name), "--json"]);
    expect(run.code).toBe(3);
    const document = documentOf(run);
    expect(document).toMatchObject({ failed: true, summary: { unreadable: 1 } });
    expect(document.error?.code).toMatch(/^(?:bad-magic|not-found)$/);
    expect(document.findings.map(({ rule }) => rule)).toEqual([`read/${document.error?.code}`]);
  });

  it("--fail-on says from which severity on it fails", async () => {
    const notes = [at("notes.gguf"), "--json"];
    const { findings } = documentOf(await inspect(["check", ...notes]));
    expect(findings.length).toBeGreaterThan(0);
    const worst = ["error", "warning", "note"].find((severity) => findings.some((one) => one.severity === severity));
    expect(worst).not.toBe("error");
    for (const failOn of ["error", "warning", "note"]) {
      const run = await inspect(["check", ...notes, "--fail-on", failOn]);
      const fails = failOn === "note" || failOn === worst;
      expect({ failOn, code: run.code, failed: documentOf(run).failed }).toEqual({
        failOn,
        code: fails ? 1 : 0,
        failed: fails,
      });
    }
  });

  it.each([[["check"]], [["check", "--json"]], [["check", "--list", "--sarif"]]])(
    "%j is a slip of the hand",
    async (args) => {
      expect(await inspect(args)).toMatchObject({ code: 2, stdout: "" });
    },
  );

  it("the short form and the whole command line give the same", async () => {
    const short = await inspect(["check", at("cut.gguf")]);
    const long = await inspect(["check", "--fail-on", "error", at("cut.gguf")]);
    expect(long).toEqual(short);
  });
});

describe.concurrent("several", () => {
  it("have a line each and one for all", async () => {
    const run = await inspect(["check", at("good.gguf"), at("cut.gguf")]);
    expect(run.code).toBe(1);
    expect(run.stdout).toMatch(/^ok +\S*good\.gguf/m);
    expect(run.stdout).toMatch(/^FAIL +\S*cut\.gguf/m);
    expect(run.stdout).toMatch(/^FAIL {2}2 checkpoints: 1 failed, 1 passed/m);
  });

  it("a folder stands for every checkpoint in it and below it, a set once", async () => {
    const { checkpoints, summary } = documentOf(await inspect(["check", folder, "--json"]));
    expect(checkpoints.map(({ target }) => target.slice(folder.length + 1)).sort()).toEqual([
      "cut.gguf",
      "deep/er",
      "good.gguf",
      "header-cut.gguf",
      "not-a-model.gguf",
      "notes.gguf",
      "set",
    ]);
    expect(summary).toMatchObject({ checkpoints: 7, failed: 4, unreadable: 1 });
  });

  it("a folder with one set is one checkpoint, shown whole", async () => {
    const run = await inspect(["check", at("set")]);
    expect(run.code).toBe(0);
    expect(run.stdout).not.toContain("checkpoints:");
    // Its parts by name are the same set.
    const parts = [1, 2].map((i) => at("set", `model-0000${i}-of-00002.safetensors`));
    const named = documentOf(await inspect(["check", ...parts, "--json"]));
    expect(named.summary.checkpoints).toBe(1);
  });

  it("a file that lies beside an index which doesn't name it is that set's finding, and no checkpoint of its own", async () => {
    const copy = mkdtempSync(join(tmpdir(), "checkpoint-inspect-copies-"));
    for (const name of readdirSync(at("set"))) cpSync(at("set", name), join(copy, name));
    cpSync(join(copy, "model-00002-of-00002.safetensors"), join(copy, "model-00002-of-00002 (1).safetensors"));
    const { summary, findings } = documentOf(await inspect(["check", copy, "--json"]));
    rmSync(copy, { recursive: true, force: true });
    expect(summary).toMatchObject({ checkpoints: 1, failed: 0 });
    expect(findings.map(({ rule }) => rule)).toContain("safetensors/orphan-shard");
  });

  it("a glob that the shell left alone is expanded", async () => {
    const { checkpoints } = documentOf(await inspect(["check", "*ood.g?uf", "--json"], { cwd: folder }));
    expect(checkpoints.map(({ target }) => target)).toEqual(["good.gguf"]);
    expect(await inspect(["check", "*.none"], { cwd: folder })).toMatchObject({ code: 2, stdout: "" });
  });

  it("one that can't be read doesn't hide the others", async () => {
    const run = await inspect(["check", at("gone.gguf"), at("good.gguf"), "--json"]);
    expect(run.code).toBe(1);
    expect(documentOf(run).summary).toMatchObject({ checkpoints: 2, failed: 1, unreadable: 1 });
  });
});

describe.concurrent("SARIF", () => {
  it("has a rule for every result, places in files and tensors, and relative paths below the working directory", async () => {
    const run = await inspect(["check", "cut.gguf", "set", "--sarif"], { cwd: folder });
    expect(run.code).toBe(1);
    const log = JSON.parse(run.stdout) as Log;
    expect(log.version).toBe("2.1.0");
    const [sarifRun] = log.runs;
    const rules = sarifRun?.tool.driver.rules ?? [];
    expect(rules).toHaveLength(RULES.length);
    const results = sarifRun?.results ?? [];
    expect(results.length).toBeGreaterThan(0);
    for (const { ruleId, ruleIndex, level, message, locations = [] } of results) {
      expect(rules[ruleIndex ?? -1]?.id).toBe(ruleId);
      expect(["error", "warning", "note"]).toContain(level);
      expect(message.text).toMatch(/\S/);
      expect(locations).toHaveLength(1);
      expect(locations[0]?.physicalLocation?.artifactLocation?.uri).toMatch(/^(?:cut\.gguf|set(?:\/[\w.-]+)?)$/);
    }
    expect(results).toContainEqual(expect.objectContaining({ ruleId: "gguf/truncated-data", level: "error" }));
    expect(sarifRun?.invocations).toEqual([expect.objectContaining({ executionSuccessful: true, exitCode: 1 })]);
  });

  it("and JSON are two answers", async () => {
    expect(await inspect(["check", GOOD, "--sarif", "--json"])).toMatchObject({ code: 2, stdout: "" });
  });
});

describe.concurrent("the rules", () => {
  it("--list names every rule with its severity, reason and next step", async () => {
    const { stdout, code } = await inspect(["check", "--list"]);
    expect(code).toBe(0);
    for (const { id } of RULES) expect(stdout).toContain(id);
    const { rules } = jsonOf(await inspect(["check", "--list", "--json"])) as { rules: { id: string }[] };
    expect(rules.map(({ id }) => id)).toEqual(RULES.map(({ id }) => id));
  });

  it("have ids of their own, and words for everything", () => {
    expect(new Set(RULES.map(({ id }) => id)).size).toBe(RULES.length);
    for (const { id, severity, means, why, fix } of RULES) {
      expect(id).toMatch(/^[a-z0-9]+(?:-[a-z0-9]+)*\/[a-z0-9]+(?:-[a-z0-9]+)*$/);
      expect(["error", "warning", "note"]).toContain(severity);
      for (const words of [means, why, fix]) expect(words, id).toMatch(/^\S.*[^\s.]$/);
    }
  });
});
