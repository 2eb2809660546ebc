/**
 * Every malformed and hostile file that test suites, reports and CVEs have left: the command ends, small and quickly,
 * with one line or with findings, and never with a stack trace.
 */
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";

import { describeReal, hasRealData, readRealJson, realData } from "../../../test-support/real-data.ts";
import { inspect, jsonOf, onExit, PEAK_MEMORY } from "./run-inspect.ts";

/** A guard against a hang. The files are tiny: the process needs a tenth of it, most of that for its own start. */
const GUARD_MS = 2_000;
/** Node alone takes about 45 MB; no header of a few megabytes may cost a hundred more. */
const MOST_BYTES = 150e6;

const FOLDERS = [
  "gguf-bad/llama.cpp-test-gguf",
  "gguf-bad/reported",
  "safetensors-bad/hf-tensor-rs",
  "safetensors-bad/reported",
  "legacy-ggml",
  "safetensors-flagged/promptfoo_modelaudit",
] as const;

const files = (folder: string): string[] =>
  hasRealData ? readdirSync(realData(folder)).filter((name) => /\.(gguf|safetensors|bin)$/.test(name)) : [];

interface OracleRow {
  readonly llama_gguf?: { readonly verdict: string };
  readonly ok?: boolean;
  readonly recommended?: string;
}

/** Files that the reference reader of their format refuses. */
function refusedByReference(): ReadonlySet<string> {
  const refused = new Set<string>();
  const expected = readRealJson<{ file: string; expect: string }[]>("gguf-bad/llama.cpp-test-gguf/EXPECTED.json");
  for (const { file, expect } of expected) if (expect === "reject") refused.add(file);
  for (const folder of ["gguf-bad/reported", "safetensors-bad/hf-tensor-rs", "safetensors-bad/reported"]) {
    for (const [file, row] of Object.entries(readRealJson<Record<string, OracleRow>>(folder, "ORACLE.json"))) {
      if (row.ok === false || row.llama_gguf?.verdict === "reject") refused.add(file);
    }
  }
  return refused;
}

/** Refused by the reference for a reason of its own; what we do with them instead. */
const READ_ANYWAY: Readonly<Record<string, string>> = {
  "HEADER_BAD_VERSION_1.s1.gguf": "version 1 is read, with a warning that today's loaders don't",
  "be-header-only.gguf": "big-endian files are read on any machine",
  "version-50331648.gguf": "version 3 in the other byte order: big-endian",
  "ttype-99.gguf": "a type of a fork, which its own loader reads: a warning",
  "safetensors-renamed.gguf": "a sound safetensors file under another ending: the bytes decide",
  "gguf-renamed.safetensors": "a sound GGUF file under another ending: the bytes decide",
};

interface Document {
  readonly error?: { readonly code: string; readonly message: string };
  readonly findings?: readonly { readonly severity: string }[];
}

describeReal("bad files", () => {
  const refused = hasRealData ? refusedByReference() : new Set<string>();

  describe.concurrent.each(FOLDERS)("%s", (folder) => {
    it.each(files(folder))("%s", async (file) => {
      const run = await inspect([join(realData(folder), file), "--json"], {
        timeoutMs: GUARD_MS,
        nodeArgs: onExit(PEAK_MEMORY),
      });
      expect(run).toMatchObject({ signal: null });
      expect([0, 3]).toContain(run.code);
      expect(Number(run.aside)).toBeGreaterThan(10e6);
      expect(Number(run.aside)).toBeLessThan(MOST_BYTES);
      expect(run.stdout + run.stderr).not.toMatch(/^ {4}at /m);
      const { error, findings = [] } = jsonOf(run) as Document;
      // One line exactly when something ended the reading.
      expect(run.stderr).toMatch(error ? /^inspect: [^\n]+\n$/ : /^$/);
      expect(run.code).toBe(error ? 3 : 0);
      if (refused.has(file) && !Object.hasOwn(READ_ANYWAY, file)) {
        expect(error ?? findings.find(({ severity }) => severity === "error")).toBeDefined();
      }
    });
  });

  it("gguf-public: six bytes that are no model", async () => {
    const run = await inspect([realData("gguf-public", "ollama_ollama", "test.gguf")], { timeoutMs: GUARD_MS });
    expect(run).toMatchObject({ code: 3, stdout: "" });
    expect(run.stderr).toMatch(/^inspect: [^\n]*test\.gguf[^\n]*\n$/);
  });

  it("a healthy file among them is read without complaint", async () => {
    for (const file of [
      "gguf-bad/reported/ok-one-tensor.gguf",
      "safetensors-bad/hf-tensor-rs/test_deserialization.0.safetensors",
    ]) {
      const { error, findings = [] } = jsonOf(await inspect([realData(file), "--json"])) as Document;
      expect(error).toBeUndefined();
      expect(findings.filter(({ severity }) => severity !== "note")).toEqual([]);
    }
  });

  // The text views walk other code than the JSON does: what is strangest to print, through all of them.
  it.each([
    "gguf-bad/reported/key-ansi.gguf",
    "gguf-bad/reported/sem-token-1MiB.gguf",
    "gguf-bad/reported/arr-nested-2.gguf",
    "gguf-bad/reported/dim--1.gguf",
    "gguf-bad/reported/ttype-4294967295.gguf",
    "gguf-bad/reported/sem-head_count-array-short.gguf",
    "safetensors-bad/reported/name-1MB.safetensors",
    "safetensors-bad/reported/shape-10000-dims.safetensors",
    "safetensors-bad/reported/name-proto.safetensors",
  ])("%s as text", async (file) => {
    for (const command of [[], ["tensors"], ["meta"]]) {
      const run = await inspect([...command, realData(file)], { timeoutMs: GUARD_MS });
      expect({ file: basename(file), code: run.code, stderr: run.stderr }).toEqual({
        file: basename(file),
        code: 0,
        stderr: "",
      });
      expect(run.stdout).not.toMatch(/^ {4}at /m);
      // Long names and shapes are cut, not printed over pages.
      expect(run.stdout.length).toBeLessThan(20_000);
    }
  });
});
