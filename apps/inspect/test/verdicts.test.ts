/**
 * `inspect check` against the reference readers: an error where they refuse a file, none where they accept it. Every file on
 * which we differ stands in docs/verdicts.md with its reason.
 */
import { readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import {
  describeReal,
  expandHeads,
  hasRealData,
  listReal,
  readRealJson,
  realData,
} from "../../../test-support/real-data.ts";
import { type Checked, checkOne } from "../src/check/check-one.ts";
import { inspect, jsonOf } from "./run-inspect.ts";

type Verdict = "rejects" | "accepts";

interface OracleRow {
  readonly llama_gguf?: { readonly verdict: string };
  readonly ok?: boolean;
}

/** What the reference reader of its format said of each file. A crash is no acceptance. */
function referenceVerdicts(): Map<string, Verdict> {
  const verdicts = new Map<string, Verdict>();
  const expected = readRealJson<{ file: string; expect: string }[]>(GGUF_TESTS, "EXPECTED.json");
  for (const { file, expect } of expected)
    verdicts.set(join(GGUF_TESTS, file), expect === "accept" ? "accepts" : "rejects");
  for (const folder of [GGUF_REPORTED, ...SAFETENSORS]) {
    for (const [file, row] of Object.entries(readRealJson<Record<string, OracleRow>>(folder, "ORACLE.json"))) {
      const accepted = row.ok ?? row.llama_gguf?.verdict === "accept";
      verdicts.set(join(folder, file), accepted ? "accepts" : "rejects");
    }
  }
  return verdicts;
}

const GGUF_TESTS = "gguf-bad/llama.cpp-test-gguf";
const GGUF_REPORTED = "gguf-bad/reported";
const SAFETENSORS = ["safetensors-bad/hf-tensor-rs", "safetensors-bad/reported"] as const;

const DOCUMENT = readFileSync(fileURLToPath(new URL("../../../docs/verdicts.md", import.meta.url)), "utf8");

/** Rows of docs/verdicts.md: `| file | reference | here | why |`. */
const EXCEPTIONS = new Map(
  [...DOCUMENT.matchAll(/^\| `([^`]+)` \| (rejects|accepts) \| (error|warning|note|nothing) \| (.+) \|$/gm)].map(
    ([, file, reference, here, why]) => [file as string, { reference, here, why }],
  ),
);

const OPTIONS = { weights: false, secondOpinion: false, progress: false } as const;

const worst = ({ findings }: Pick<Checked, "findings">): string =>
  ["error", "warning", "note"].find((severity) => findings.some((finding) => finding.severity === severity)) ??
  "nothing";

describeReal("verdicts on bad files", () => {
  const verdicts = hasRealData ? referenceVerdicts() : new Map<string, Verdict>();

  it.each([...verdicts])("%s, which the reference %s", async (file, verdict) => {
    const checked = await checkOne(realData(file), OPTIONS);
    const exception = EXCEPTIONS.get(basename(file));
    if (exception) {
      expect({ reference: verdict, here: worst(checked) }).toEqual({
        reference: exception.reference,
        here: exception.here,
      });
      // A row where we agree is stale.
      expect(worst(checked) === "error").toBe(verdict === "accepts");
    } else if (verdict === "rejects") expect(worst(checked)).toBe("error");
    else expect(checked.findings.filter(({ severity }) => severity === "error")).toEqual([]);
  });

  it("names no file in docs/verdicts.md that isn't there, and gives each a reason", () => {
    const names = new Set([...verdicts.keys()].map((file) => basename(file)));
    expect(EXCEPTIONS.size).toBeGreaterThan(0);
    for (const [file, { why }] of EXCEPTIONS) {
      expect(names, file).toContain(file);
      expect(why?.length, file).toBeGreaterThan(20);
    }
  });

  it("the command says the same of a whole folder at once", async () => {
    const files = listReal(GGUF_REPORTED).filter((name) => name.endsWith(".gguf"));
    const run = await inspect(["check", ...files.map((name) => join(realData(GGUF_REPORTED), name)), "--json"]);
    expect(run.code).toBe(1);
    const { findings, checkpoints } = jsonOf(run) as {
      findings: { target: string; severity: string }[];
      checkpoints: { target: string }[];
    };
    expect(checkpoints).toHaveLength(files.length);
    const failed = new Set(
      findings.filter(({ severity }) => severity === "error").map(({ target }) => basename(target)),
    );
    for (const name of files) {
      const refused = verdicts.get(join(GGUF_REPORTED, name)) === "rejects";
      expect(failed.has(name), name).toBe(EXCEPTIONS.has(name) ? !refused : refused);
    }
  });
});

/** Every checkpoint below a folder of shared/data that opens as it lies there. */
function complete(...folder: string[]): string[] {
  if (!hasRealData) return [];
  return readdirSync(realData(...folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(?:gguf|safetensors)$/.test(name))
    .map((name) => join(...folder, name))
    .sort();
}

/** Collected with the good ones, and none: six bytes of text; bytes behind the last tensor, which the reference refuses too. */
const NOT_GOOD = new Set([
  "gguf-public/ollama_ollama/test.gguf",
  "safetensors-public/las7_weight-inspect/tiny.safetensors",
]);

const GOOD = ["gguf-made", "gguf-vocab", "gguf-public", "safetensors-public"].flatMap((folder) => complete(folder));

/** Folders of heads, each a checkpoint or several. */
const HEADS = [
  "gguf-real-heads",
  "gguf-made/arch-f32-heads",
  "safetensors-headers/Reflection-Llama-3.1-70B",
  "safetensors-headers/Devstral-Small-2507",
  ...listReal("hf-heads").map((name) => join("hf-heads", name)),
];

describeReal("good files", () => {
  it.each(GOOD.filter((file) => !NOT_GOOD.has(file)))("%s has no error", async (file) => {
    expect(errorsOf(await checkOne(realData(file), OPTIONS))).toEqual([]);
  });

  describe.each(HEADS)("%s", (folder) => {
    let made: ReturnType<typeof expandHeads>;
    beforeAll(() => {
      made = expandHeads(folder);
    });
    afterAll(() => made.remove());

    it("has no error", async () => {
      const names = readdirSync(made.dir);
      const ggufs = names.filter((name) => name.endsWith(".gguf"));
      const targets = ggufs.length > 0 ? ggufs.map((name) => join(made.dir, name)) : [made.dir];
      for (const target of targets) expect(errorsOf(await checkOne(target, OPTIONS))).toEqual([]);
    });
  });
});

describeReal("a set of 162 shards", () => {
  const folder = "safetensors-headers/Reflection-Llama-3.1-70B";
  const absent = "model-00077-of-00162.safetensors";
  let made: ReturnType<typeof expandHeads>;
  /** The folder under the model's own name, which is what its config is held against. */
  let target: string;
  beforeAll(() => {
    made = expandHeads(folder);
    target = join(made.dir, basename(folder));
    symlinkSync(made.dir, target);
  });
  afterAll(() => made.remove());

  it("whole: its container is sound, its config isn't that of the model that its name claims", async () => {
    const { findings } = await checkOne(target, OPTIONS);
    expect(findings.filter(({ rule }) => /^(?:safetensors|read)\//.test(rule))).toEqual([]);
    const odd = findings.find(({ rule }) => rule === "config/family-mismatch");
    expect(odd?.message).toMatch(/Llama 3\.1.*8192.*131072/);
  });

  it("without one of them: that shard and the layers that it held are named", async () => {
    rmSync(join(made.dir, absent));
    const { findings } = await checkOne(target, OPTIONS);
    const missing = findings.find(({ rule }) => rule === "safetensors/missing-shard");
    expect(missing).toMatchObject({ severity: "error", part: absent });
    expect(missing?.message).toMatch(/4 of 723 tensors, of layer 37/);
    const errors = findings.filter(({ severity }) => severity === "error").map(({ rule }) => rule);
    expect(errors[0]).toBe("safetensors/missing-shard");
    // What else is said follows from it.
    for (const rule of errors.slice(1)) expect(rule).toBe("tensors/lost-layers");
  });
});

function errorsOf({ findings }: Checked) {
  return findings.filter(({ severity }) => severity === "error");
}
