/** `inspect diff A B` as people run it: what it prints, in which forms, and what it says to mistakes. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { analyse, type Diff, diffCheckpoints, diffSide } from "@checkpoint-inspect/analysis";
import { openCheckpoint, writeGguf } from "@checkpoint-inspect/parser";
import stringWidth from "string-width";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { MODELS } from "../../../fixtures/models/index.mjs";
import { writeModel } from "../../../fixtures/models/write.mjs";
import { describeReal, expandHeads } from "../../../test-support/real-data.ts";
import { terminalStyle } from "../src/terminal.ts";
import { diffView } from "../src/views/diff.ts";
import { diffMarkdown } from "../src/views/diff-markdown.ts";
import { loadWideText } from "../src/views/text.ts";
import { FIXTURES, inspect, jsonOf, onExit, UNPRINTABLE } from "./run-inspect.ts";

const DENSE = "llama-dense-mixed.gguf";
const MOE = "llama-moe-mixed.gguf";
const SET = "llama-tiny-safetensors";
const GPTQ = "llama-tiny-gptq";

const folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-diff-runs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(loadWideText);

async function diffOf(a: string, b: string): Promise<Diff> {
  const sides = [];
  for (const target of [a, b]) {
    const checkpoint = await openCheckpoint(target);
    await checkpoint.close();
    sides.push(diffSide(checkpoint, analyse(checkpoint, { target })));
  }
  const [one, other] = sides;
  if (!one || !other) throw new RangeError("two sides");
  return diffCheckpoints(one, other);
}

const NARROW = /^[\x20-\x7e\u2026\u00b7]*$/;

/** The lines of every form of the view that are wider than they may be. */
function tooWide(diff: Diff): string[] {
  return [40, 60, 80, 100, 120].flatMap((columns) =>
    [false, true].flatMap((all) =>
      diffView(diff, terminalStyle({ width: columns, color: false }), all)
        .split("\n")
        .filter((line) => (NARROW.test(line) ? line.length : stringWidth(line)) > columns)
        .map((line) => `${columns}: ${line}`),
    ),
  );
}

describe.concurrent("the screen", () => {
  it("has both, their sizes, the counts, and what differs in groups", async () => {
    const { code, stdout, stderr } = await inspect(["diff", SET, GPTQ, "--width", "90"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("matched 30 · type differs 30 · shape 0 · only A 0 · only B 0 · metadata 8");
    expect(stdout).toMatch(/^A {2}█+ {2}258 kB {2}16\.00 bits {2}127 K params$/m);
    expect(stdout).toMatch(/~ attention q +BF16 -> gptq 4-bit +24\.6 kB -> 7\.87 kB +3 layers: 0-2/);
    expect(stdout.replace(/\s+/g, " ")).toContain("not the values of weights");
  });

  it("a mark a kind: other shapes, only in A, only in B, tied; facts and keys", async () => {
    const { stdout } = await inspect(["diff", DENSE, MOE, "--width", "80"]);
    expect(stdout).toMatch(/^! Other shapes {2}20 tensors/m);
    expect(stdout).toMatch(/^ {2}! blk\.\*\.attn_q\.weight\n {6}Q4_K -> Q8_0; .*3 layers: 0-2; 64 x 256 in A/m);
    expect(stdout).toMatch(/^- Only in A {2}9 tensors, 221 K parameters, 143 kB\n {2}- blk\.\*\.ffn_gate\.weight/m);
    expect(stdout).toMatch(/^\+ Only in B {2}12 tensors/m);
    expect(stdout).toMatch(/^ {2}~ output\.weight\n {6}.*B uses its embedding table; A has a head of its own$/m);
    expect(stdout).toMatch(/^ {2}~ {2}hidden size +256 +128$/m);
    expect(stdout).toMatch(/^ {2}\+ {2}llama\.expert_count +8$/m);
    expect(stdout).toContain("Chat templates are equal.");
  });

  it("says that there is no difference", async () => {
    const { code, stdout } = await inspect(["diff", DENSE, DENSE]);
    expect(code).toBe(0);
    expect(stdout).toContain("= No difference in names, shapes, types or metadata.");
  });

  it("--all: a row a tensor, with both names where they differ", async () => {
    const same = await inspect(["diff", SET, GPTQ, "--all", "--width", "100"]);
    expect(same.stdout).toMatch(
      /~ model\.layers\.2\.mlp\.up_proj\.weight +BF16 +model\.\S+up_proj\.qweight +gptq 4-bit/,
    );
    const { stdout } = await inspect(["diff", SET, "llama-tiny-bnb-nf4", "--all"]);
    expect(stdout).toMatch(/^ {2}~ model\.layers\.0\.mlp\.down_proj\.weight +BF16 +bitsandbytes/m);
    expect(stdout.match(/^ {2}~ model/gm)?.length).toBe(21);
  });

  it("--color paints, and says nothing that a mark doesn't", async () => {
    const [plain, painted] = await Promise.all(
      ["--no-color", "--color"].map((flag) => inspect(["diff", DENSE, MOE, flag])),
    );
    expect(painted?.stdout).toContain("\x1b[");
    expect(painted?.stdout.replace(/\x1b\[[0-9;]*m/g, "")).toBe(plain?.stdout);
  });

  it("names out of a file are made harmless", async () => {
    const name = "blk.0.\x1b[31mattn\u202e_q.weight";
    const files = [
      [8, 6],
      [8, 7],
    ].map((shape, i) => {
      const path = join(folder, `hostile-${i}.gguf`);
      const metadata = [{ key: `x.\x1b]0;${i}`, type: "string" as const, value: `\x07${i}` }];
      writeFileSync(path, writeGguf({ metadata, tensors: [{ name, shape, type: 0 }] }));
      return path;
    });
    for (const form of [[], ["--all"], ["--json"], ["--markdown"]]) {
      const { code, stdout } = await inspect(["diff", ...files, ...form]);
      expect(code).toBe(0);
      expect(stdout).not.toMatch(UNPRINTABLE);
    }
  });
});

describe.concurrent("other forms", () => {
  it("--json: one document, rows that differ; all of them with --all", async () => {
    const document = jsonOf(await inspect(["diff", SET, "llama-tiny-bnb-nf4", "--json"]));
    expect(document).toMatchObject({
      schemaVersion: 1,
      a: { label: SET, tensors: 30, parameters: 127_424, bitsPerWeight: 16 },
      b: { label: "llama-tiny-bnb-nf4" },
      matched: 30,
      totals: { same: { rows: 9 }, type: { rows: 21 }, "only-a": { rows: 0 } },
      chatTemplate: null,
    });
    const { rows, groups } = document as unknown as Pick<Diff, "rows"> & { groups: readonly unknown[] };
    expect([rows.length, groups.length]).toEqual([21, 7]);
    const all = jsonOf(await inspect(["diff", SET, "llama-tiny-bnb-nf4", "--all", "--json"]));
    expect(all.rows).toHaveLength(30);
    expect({ ...all, rows }).toEqual(document);
  });

  it("--markdown: tables", async () => {
    const { stdout } = await inspect(["diff", DENSE, MOE, "--markdown"]);
    expect(stdout).toMatch(/^## `llama-dense-mixed\.gguf` against `llama-moe-mixed\.gguf`$/m);
    expect(stdout).toContain("| A | `llama-dense-mixed.gguf` | GGUF v3 | 292 kB | 5.26 | 436 K | 30 |");
    expect(stdout).toMatch(
      /^\| `-` \| ffn gate \| Q4\\_K \| 41\.5 kB \| `blk\.\*\.ffn_gate\.weight`; 3 layers: 0-2 \|$/m,
    );
    expect(stdout).toContain("| hidden size | 256 | 128 |");
    for (const table of stdout.split("\n\n").filter((block) => block.startsWith("|"))) {
      const columns = table.split("\n").map((line) => line.split(/(?<!\\)\|/).length);
      expect(new Set(columns).size).toBe(1);
    }
  });

  it("--help is about it", async () => {
    const { code, stdout } = await inspect(["diff", "--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain("inspect diff <a> <b>");
    expect((await inspect(["--help"])).stdout).toContain("inspect diff <a> <b>");
    expect((await inspect(["--get-yargs-completions", "inspect", ""])).stdout.split("\n")).toContain("diff");
  });
});

describe.concurrent("mistakes", () => {
  it.each([
    [["diff"], /name two checkpoints/],
    [["diff", DENSE], /name two checkpoints to compare: inspect diff A B/],
    [["diff", DENSE, "--all"], /name two checkpoints to compare/],
    [["diff", DENSE, MOE, SET], /name two checkpoints to compare/],
    [["diff", DENSE, MOE, "--json", "--markdown"], /choose one/],
    [[DENSE, "diff", MOE], /write the command first: inspect diff A B/],
    [[DENSE, MOE, "diff"], /write the command first: inspect diff A B/],
  ] as const)("%j: 2", async (args, words) => {
    const { code, stdout, stderr } = await inspect(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(words);
  });

  it("one that isn't there: 3, on either side, and a JSON document of its own", async () => {
    for (const args of [
      ["missing.gguf", DENSE],
      [DENSE, "missing.gguf"],
    ]) {
      const plain = await inspect(["diff", ...args]);
      expect(plain).toMatchObject({ code: 3, stdout: "" });
      expect(plain.stderr).toMatch(/^inspect: .*missing\.gguf.*\n$/);
      const json = await inspect(["diff", ...args, "--json"]);
      expect(json.code).toBe(3);
      expect(jsonOf(json)).toMatchObject({ schemaVersion: 1, target: "missing.gguf", error: { code: "not-found" } });
    }
  });

  it("no way to the Hub: 4", async () => {
    const { code } = await inspect(["diff", DENSE, "org/name", "--offline"]);
    expect(code).toBe(4);
  });

  it("one that is cut short: what was read is compared, said to be incomplete, and 3", async () => {
    const path = join(folder, "cut.gguf");
    writeFileSync(path, readFileSync(join(FIXTURES, DENSE)));
    truncateSync(path, 2_600);
    const { code, stdout, stderr } = await inspect(["diff", DENSE, path]);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^inspect: .+\n$/);
    expect(stdout).toContain("incomplete: parts are missing, or reading stopped");
    const document = jsonOf(await inspect(["diff", DENSE, path, "--json"]));
    expect(document).toMatchObject({ b: { incomplete: true }, errors: [{ target: path }] });
  });
});

describe.concurrent("the start path", () => {
  it("'diff A B' needs neither the network nor the rest of the command line", async () => {
    const nodeArgs = onExit(`process.moduleLoadList.join("\\n")`);
    const { code, aside } = await inspect(["diff", DENSE, MOE], { nodeArgs });
    expect(code).toBe(0);
    expect(aside).toContain("NativeModule fs");
    expect(aside).not.toMatch(/^NativeModule (?:internal\/deps\/undici|_?https?\b|http2|tls|dns$)/m);
    const blocked = `import fs from "node:fs";
      const { readFileSync } = fs;
      fs.readFileSync = (file, ...more) => {
        if (String(file).includes("command-line")) throw new Error("the whole command line was loaded");
        return readFileSync(file, ...more);
      };`;
    const short = await inspect(["diff", DENSE, MOE], {
      nodeArgs: ["--import", `data:text/javascript,${encodeURIComponent(blocked)}`],
    });
    expect(short).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("no line is wider than it may be", () => {
  it.each([
    [DENSE, MOE],
    [DENSE, SET],
    [SET, GPTQ],
    [SET, SET],
  ])("%s, %s", async (a, b) => {
    expect(tooWide(await diffOf(FIXTURES + a, FIXTURES + b))).toEqual([]);
  });

  it.each(["gpt2", "BERT-base"])("%s in both formats", async (name) => {
    const recipe = MODELS.find((model) => model.name === name);
    if (!recipe) throw new RangeError(`no recipe ${name}`);
    const diff = await diffOf(writeModel(recipe, "gguf", folder), writeModel(recipe, "safetensors", folder));
    expect(tooWide(diff)).toEqual([]);
    expect(diffMarkdown(diff, true)).toContain("| ");
  });
});

describeReal("real heads", () => {
  it("a model and its quantization", async () => {
    const { dir, remove } = expandHeads("gguf-real-heads");
    try {
      const [a, b] = ["Qwen3-1.7B-F16.gguf", "Qwen3-1.7B-Q4_K_M.gguf"].map((name) => join(dir, name));
      const { code, stdout } = await inspect(["diff", a as string, b as string, "--width", "80"]);
      expect(code).toBe(0);
      expect(stdout).toContain("matched 310 · type differs 197 · shape 0 · only A 0 · only B 0 · metadata 2");
      expect(stdout).toMatch(/~ ffn down +F16 -> Q6_K +352 MB -> 145 MB +14 layers: 0-2, 5-20/);
      expect(tooWide(await diffOf(a as string, b as string))).toEqual([]);
    } finally {
      remove();
    }
  });
});
