/** `inspect explain`: the list, an entry with and without a target, what it says of words that have no entry. */
import { join } from "node:path";
import { analyse, findTerm, listTerms, ownNumbers, type Report, type Term } from "@checkpoint-inspect/analysis";
import { openCheckpoint } from "@checkpoint-inspect/parser";
import stringWidth from "string-width";
import { beforeAll, describe, expect, it } from "vitest";

import { describeReal, realData } from "../../../test-support/real-data.ts";
import { terminalStyle } from "../src/terminal.ts";
import { explainView, termsView } from "../src/views/explain.ts";
import { loadWideText } from "../src/views/text.ts";
import { DIST, ENTRY, loadedWith } from "./bundle.ts";
import { FIXTURES, inspect, jsonOf, UNPRINTABLE } from "./run-inspect.ts";

const MOE = "llama-moe-mixed.gguf";
const DENSE = "llama-dense-mixed.gguf";
const SET = "llama-tiny-safetensors";
const TERMS = listTerms().flatMap(({ terms }) => terms);

function term(word: string): Term {
  return findTerm(word) as Term;
}

async function reportOf(path: string): Promise<Report> {
  const checkpoint = await openCheckpoint(path);
  await checkpoint.close();
  return analyse(checkpoint);
}

const NARROW = /^[\x20-\x7e\u2026]*$/;

/** Lines that take more columns; measuring what isn't ASCII takes much longer. */
function tooWide(text: string, columns: number): string[] {
  return text.split("\n").filter((line) => (NARROW.test(line) ? line.length : stringWidth(line)) > columns);
}

/** A text as one line, however it was wrapped. */
function flat(text: string): string {
  return text.replace(/\s+/g, " ");
}

describe.concurrent("the list", () => {
  it("has every term with its line, in groups", async () => {
    const { code, stdout, stderr } = await inspect(["explain"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.split("\n").map((line) => line.trim().replace(/ {2,}/g, "  "));
    for (const { term, short } of TERMS) expect(lines).toContain(`${term}  ${short}`);
    for (const { title } of listTerms()) expect(lines).toContain(title);
  });

  it("--json: groups, terms, aliases", async () => {
    const { schemaVersion, groups } = jsonOf(await inspect(["explain", "--json"]));
    expect(schemaVersion).toBe(1);
    expect(groups).toEqual(
      listTerms().map(({ title, terms }) => ({
        title,
        terms: terms.map(({ term, aliases, title, short }) => ({ term, aliases, title, short })),
      })),
    );
  });
});

describe.concurrent("a term", () => {
  it.each(["moe", "kv cache", "Q4_K"])("%s: title, texts, see also", async (word) => {
    const { code, stdout, stderr } = await inspect(["explain", ...word.split(" ")]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { title, paragraphs, formula, seeAlso } = term(word);
    const text = flat(stdout);
    for (const part of [title, ...paragraphs, ...(formula?.lines ?? []), `See also: ${seeAlso.join(", ")}`])
      expect(text).toContain(part);
    expect(stdout).not.toMatch(UNPRINTABLE);
  });

  it("with a target adds the numbers of that file, and the target is the last word", async () => {
    const report = await reportOf(FIXTURES + MOE);
    for (const words of [
      ["moe"],
      ["kv", "cache"],
      ["embedding", "model"],
      ["Mixture", "of", "experts"],
      ["kv-cache"],
    ]) {
      const [plain, found] = await Promise.all([inspect(["explain", ...words]), inspect(["explain", ...words, MOE])]);
      expect(found).toMatchObject({ code: 0, stderr: "" });
      expect(plain.stdout).not.toContain(`In ${MOE}`);
      expect(found.stdout).toContain(`\nIn ${MOE}\n`);
      for (const line of ownNumbers(term(words.join(" ")), report)) expect(flat(found.stdout)).toContain(line);
    }
  });

  it("--json: the texts and, with a target, its own numbers and source", async () => {
    const [plain, found] = await Promise.all([
      inspect(["explain", "ffn", "--json"]),
      inspect(["explain", "ffn", SET, "--json"]),
    ]);
    const { own: _, ...texts } = term("ffn");
    expect(jsonOf(plain)).toEqual({ schemaVersion: 1, ...texts });
    const report = await reportOf(FIXTURES + SET);
    expect(jsonOf(found)).toEqual({
      schemaVersion: 1,
      ...texts,
      source: { ...report.source, target: SET },
      own: ownNumbers(term("ffn"), report),
    });
  });

  it("is never taken for a file: only a target is opened", async () => {
    // In a folder where `model.gguf` alone would be opened.
    const { code, stdout } = await inspect(["explain", "moe"], { cwd: FIXTURES + SET });
    expect(code).toBe(0);
    expect(stdout).not.toMatch(/^In (?!a picture$)/m);
  });

  it.each<[string, string[], string[]]>([
    ["the list", ["explain"], ["explain", "--no-color"]],
    ["a term", ["explain", "bias"], ["explain", "bias", "--width", "100"]],
    ["a term of two words", ["explain", "kv", "cache"], ["explain", "--width", "100", "kv", "cache"]],
    ["with a target", ["explain", "ffn", DENSE], ["explain", "ffn", DENSE, "--no-quiet"]],
    ["two words with a target", ["explain", "kv", "cache", DENSE], ["explain", "kv", "cache", DENSE, "--no-color"]],
    ["JSON", ["explain", "kv", "cache", DENSE, "--json"], ["--json", "explain", "kv", "cache", DENSE, "--no-color"]],
  ])("short form and whole command line print the same: %s", async (_, short, whole) => {
    const [a, b] = await Promise.all([inspect(short), inspect(whole)]);
    expect(a).toMatchObject({ code: 0, stderr: "" });
    expect(b).toEqual(a);
  });

  it("colour changes nothing but colour", async () => {
    const [plain, painted] = await Promise.all(
      ["--no-color", "--color"].map((flag) => inspect(["explain", "quantization", DENSE, flag])),
    );
    expect(painted?.stdout).toContain("\x1b[");
    expect(painted?.stdout.replace(/\x1b\[[\d;]*m/g, "")).toBe(plain?.stdout);
  });
});

describe.concurrent("mistakes: exit 2, one line and where to look", () => {
  it.each<[string[], string]>([
    [["explain", "atention"], "no entry for 'atention'; did you mean attention?"],
    [["explain", "atention", MOE], "no entry for 'atention'; did you mean attention?"],
    [["explain", "atention", "--width", "80"], "no entry for 'atention'; did you mean attention?"],
    [["explain", "kv", "cahce"], "no entry for 'kv cahce'; did you mean kv cache?"],
    [["explain", "kv", "cahce", MOE], "no entry for 'kv cahce'; did you mean kv cache?"],
    [["explain", "bandwith"], "no entry for 'bandwith'; did you mean bandwidth (inference speed)?"],
    [["explain", "layer", "ffn", MOE], "one term at a time: inspect explain layer, then inspect explain feed-forward"],
    [["explain", "zzzzzz"], "no entry for 'zzzzzz'; 'inspect explain' lists all"],
    [["explain", MOE], `'${MOE}' is a target, not a term; write inspect explain <term> ${MOE}`],
    [["explain", MOE, "ffn"], `'${MOE}' is a target, not a term; write inspect explain feed-forward ${MOE}`],
    [["explain", "moe", MOE, DENSE], `'${MOE} ${DENSE}' is more than one target; name a term and one target`],
    [["explain", "layer", "ffn"], "one term at a time: inspect explain layer, then inspect explain feed-forward"],
    [[MOE, "explain"], `write the command first: inspect explain <term> ${MOE}`],
  ])("%j", async (args, says) => {
    const run = await inspect(args);
    expect(run).toMatchObject({ code: 2, stdout: "", stderr: `inspect: ${says}\nTry 'inspect --help'.\n` });
  });

  it("a word of a file's own making can't reach the terminal, nor fill it", async () => {
    const { code, stderr } = await inspect(["explain", `\x1b[31m${"a".repeat(5000)}`]);
    expect(code).toBe(2);
    expect(stderr).not.toMatch(UNPRINTABLE);
    expect(stderr.length).toBeLessThan(300);
  });

  it("an unknown flag is one here too", async () => {
    expect(await inspect(["explain", "moe", "--nope"])).toMatchObject({ code: 2, stdout: "" });
  });

  it("a target that can't be read: 3, as everywhere", async () => {
    const [text, json] = await Promise.all([
      inspect(["explain", "moe", "no-such-file.gguf"]),
      inspect(["explain", "moe", "no-such-file.gguf", "--json"]),
    ]);
    expect(text).toMatchObject({ code: 3, stdout: "" });
    expect(jsonOf(json)).toMatchObject({ schemaVersion: 1, error: { code: "not-found" } });
  });
});

describe.concurrent("help and completion", () => {
  it("--help lists it, explain --help shows how", async () => {
    const [all, one] = await Promise.all([inspect(["--help"]), inspect(["explain", "--help"])]);
    expect(all.stdout).toContain("inspect explain [term] [target]");
    expect(one.code).toBe(0);
    expect(one.stdout).toContain("inspect explain [term] [target]");
    expect(one.stdout).toContain("inspect explain kv cache model.gguf");
  });

  it("completion offers the terms as single words, each of which is found", async () => {
    const offered = async (...words: string[]) => {
      const run = await inspect(["--get-yargs-completions", "inspect", ...words]);
      expect(run).toMatchObject({ code: 0, stderr: "" });
      return run.stdout.split("\n").filter(Boolean);
    };
    const [all, some, commands] = await Promise.all([offered("explain", ""), offered("explain", "k"), offered("")]);
    expect(all.map((word) => findTerm(word))).toEqual(TERMS);
    expect(some.sort()).toEqual(["k-quants", "kv-cache"]);
    expect(commands).toContain("explain");
  });
});

describe("the view", () => {
  const WIDTHS = [40, 47, 60, 80, 100, 120] as const;
  const style = (columns: number) => terminalStyle({ width: columns, color: false });
  const types = ["Q4_K", "IQ2_XXS", "Q2_K", "UD-Q4_K_XL", "F8_E4M3", "U32"].map(term);

  beforeAll(loadWideText);

  it.each(WIDTHS)("no line is wider than %i columns, and text never wider than 80", (columns) => {
    expect(tooWide(termsView(listTerms(), style(columns)), columns)).toEqual([]);
    for (const entry of [...TERMS, ...types]) {
      const text = explainView(entry, style(columns));
      expect(tooWide(text, Math.min(80, columns)), entry.term).toEqual([]);
      expect(text).not.toMatch(/ $/m);
    }
  });

  it.each([MOE, DENSE, SET])("nor with the numbers of %s", async (fixture) => {
    const report = await reportOf(FIXTURES + fixture);
    for (const columns of WIDTHS) {
      for (const entry of [...TERMS, ...types]) {
        const text = explainView(entry, style(columns), { report, own: ownNumbers(entry, report) });
        expect(tooWide(text, Math.min(80, columns)), entry.term).toEqual([]);
      }
    }
  });

  it("makes text out of a file harmless", async () => {
    const report = await reportOf(FIXTURES + DENSE);
    const evil = "\x1b[2Jname\u202e";
    const source = { ...report.source, label: evil };
    const text = explainView(term("moe"), style(80), {
      report: { ...report, source },
      own: [`${evil} ${"x".repeat(300)}.`],
    });
    expect(text).not.toMatch(UNPRINTABLE);
    expect(tooWide(text, 80)).toEqual([]);
  });
});

describeReal("the view of odd files", () => {
  beforeAll(loadWideText);

  it.each([
    "gguf-made/arch-quant/deepseek2-moe-Q3_K_S.gguf",
    "gguf-made/variants/control_vector.gguf",
    "gguf-vocab/ggml-vocab-qwen2.gguf",
    "gguf-bad/reported/size-past-eof.gguf",
    "safetensors-public/huggingface_diffusers/pytorch_lora_weights.safetensors",
    "safetensors-public/tracel-ai_burn/mnist.safetensors",
    "safetensors-bad/reported/name-1MB.safetensors",
  ])("%s: every term has sentences that fit", async (file) => {
    const report = await reportOf(realData(file));
    for (const entry of TERMS) {
      const own = ownNumbers(entry, report);
      expect(own.length, entry.term).toBeGreaterThan(0);
      for (const line of own) expect(line, entry.term).not.toMatch(/undefined|NaN|null|Infinity/);
      for (const columns of [40, 80]) {
        const text = explainView(entry, terminalStyle({ width: columns, color: false }), { report, own });
        expect(tooWide(text, columns)).toEqual([]);
        expect(text).not.toMatch(UNPRINTABLE);
      }
    }
  });
});

describe("the start", () => {
  it("loads no text of the guide until someone asks for it", () => {
    const sentence = "A firm of specialists.";
    expect(term("moe").picture).toContain(sentence);
    const { files, later } = loadedWith(ENTRY);
    expect([...files].filter(([, text]) => text.includes(sentence))).toEqual([]);
    // Whichever chunk the bundler puts it into.
    const chunk = [...later].find((name) =>
      [...loadedWith(join(DIST, name)).files.values()].some((text) => text.includes(sentence)),
    );
    expect(chunk).toBeDefined();
  });
});
