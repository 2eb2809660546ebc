/** The command as people and scripts meet it: design of arguments, exit codes, streams, colour, width. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeGguf, writeSafetensors } from "@checkpoint-inspect/parser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { describeReal, realData } from "../../../test-support/real-data.ts";
import { terminalStyle } from "../src/terminal.ts";
import { COMMANDS, type Command, FIXTURES, inspect, inspectCommand, jsonOf, UNPRINTABLE } from "./run-inspect.ts";

const MOE = "llama-moe-mixed.gguf";
const DENSE = "llama-dense-mixed.gguf";
const SET = "llama-tiny-safetensors";

const ANSI = "\x1b[";

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What people hand over by mistake, and what the one line must say of it. */
const FOREIGN: readonly { readonly file: string; readonly bytes: Uint8Array; readonly says: RegExp }[] = [
  {
    file: "page.gguf",
    bytes: ascii("<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>"),
    says: /HTML/i,
  },
  {
    file: "pointer.safetensors",
    bytes: ascii(
      "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n",
    ),
    says: /LFS/,
  },
  { file: "archive.safetensors", bytes: Uint8Array.of(0x50, 0x4b, 3, 4, ...new Uint8Array(28)), says: /zip/i },
  { file: "model.bin", bytes: Uint8Array.of(0x80, 2, 0x7d, 0x71, 0, 0x2e, ...new Uint8Array(26)), says: /pickle/i },
  { file: "old.bin", bytes: Uint8Array.of(...ascii("tjgg"), 3, ...new Uint8Array(27)), says: /ggjt|GGML/i },
  { file: "empty.gguf", bytes: new Uint8Array(), says: /empty|0 bytes/i },
];

let temp: string;
beforeAll(() => {
  temp = mkdtempSync(join(tmpdir(), "checkpoint-inspect-cli-"));
  for (const { file, bytes } of FOREIGN) writeFileSync(join(temp, file), bytes);
});
afterAll(() => rmSync(temp, { recursive: true, force: true }));

/** Lines of a text that ends its last line. */
function lines(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

describe.concurrent("exit codes", () => {
  it.each(COMMANDS)("a file that is fine: 0, nothing on stderr (%s)", async (command) => {
    const run = await inspectCommand(command, MOE);
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(run.stdout).not.toBe("");
    // Not even colour goes into a pipe unasked.
    expect(run.stdout).not.toMatch(UNPRINTABLE);
    expect(run.stdout.endsWith("\n")).toBe(true);
  });

  it.each<[string, string[], RegExp]>([
    ["a command without a target", ["layers"], /./],
    ["an unknown flag", [MOE, "--nope"], /nope/],
    ["a flag of another command", [MOE, "--sort", "size"], /sort/],
    ["a word too many", [MOE, "extra"], /extra|target/],
    ["a word too many behind a command", ["layers", MOE, "extra"], /extra/],
    ["a word that looks like a command", ["layer", MOE], /layer|command/],
    ["two targets", [MOE, DENSE], /dense|target|argument/i],
    ["a sort order that doesn't exist", ["tensors", MOE, "--sort", "colour"], /sort.*colour/],
    ["a size that is none", ["tensors", MOE, "--filter", "size:big"], /size:big/],
    ["a layer that is none", ["tensors", MOE, "--filter", "layer:x"], /x is neither/],
    ["a metadata key that isn't there", ["meta", MOE, "no.such.key"], /no\.such\.key/],
    ["a width that is no number", [MOE, "--width", "wide"], /width/],
    ["a width without a number", [MOE, "--width"], /width/],
    ["a width twice", [MOE, "--width", "60", "--width", "80"], /width/],
    ["a limit that is no number", ["tensors", MOE, "--limit", "few"], /limit/],
    ["a limit below 0", ["tensors", MOE, "--limit=-1"], /limit/],
    ["a page that begins at no element", ["meta", MOE, "general.name", "--from", "x"], /from/],
  ])("%s: 2, one line and where to look, nothing on stdout", async (_, args, says) => {
    const { code, stdout, stderr } = await inspect(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    const [problem, next, ...more] = lines(stderr);
    expect(problem).toMatch(/^inspect: \S/);
    expect(problem).toMatch(says);
    // A message of several lines must not come through as one line with escapes in it.
    expect(problem).not.toContain("\\n");
    expect(next).toBe("Try 'inspect --help'.");
    expect(more).toEqual([]);
  });

  it("no arguments: 2, the help on stderr", async () => {
    const [bare, help] = await Promise.all([inspect([]), inspect(["--help"])]);
    expect(bare).toMatchObject({ code: 2, stdout: "" });
    expect(bare.stderr).toBe(help.stdout);
  });

  it("an empty target is not the current folder", async () => {
    const run = await inspect([""], { cwd: FIXTURES + SET });
    expect(run.stdout).toBe("");
    expect([2, 3]).toContain(run.code);
  });

  describe.each<[string, Command, string[]]>([
    ["text", "", []],
    ["--json", "tensors", ["--json"]],
  ])("not a readable checkpoint, %s", (form, command, flags) => {
    it.each<[string, RegExp]>([
      ["no-such-file.gguf", /no such file/],
      ...FOREIGN.map(({ file, says }): [string, RegExp] => [file, says]),
    ])("%s: 3, one line on stderr", async (file, says) => {
      const { code, stdout, stderr } = await inspectCommand(command, join(temp, file), ...flags);
      expect(code).toBe(3);
      expect(lines(stderr)).toHaveLength(1);
      expect(stderr).toMatch(/^inspect: \S/);
      expect(stderr).toMatch(says);
      expect(stderr).toContain(file);
      if (form === "text") {
        expect(stdout).toBe("");
        return;
      }
      expect(JSON.parse(stdout)).toEqual({
        schemaVersion: 1,
        error: {
          code: expect.stringMatching(/^[a-z-]+$/),
          message: expect.stringMatching(says),
          file: expect.stringContaining(file),
          offset: file.startsWith("no-such") ? null : expect.toSatisfy((at) => at === null || Number.isInteger(at)),
        },
      });
    });
  });

  it("a folder without a checkpoint: 3", async () => {
    const folder = mkdtempSync(join(temp, "folder-"));
    writeFileSync(join(folder, "README.md"), "nothing here\n");
    const { code, stdout, stderr } = await inspect([folder]);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(lines(stderr)).toHaveLength(1);
  });

  it("a file that ends early: what was read on stdout, one line on stderr, 3", async () => {
    const file = join(temp, "cut.gguf");
    writeFileSync(file, readFileSync(FIXTURES + MOE).subarray(0, 1500));
    const text = await inspect([file]);
    expect(text.code).toBe(3);
    expect(lines(text.stderr)).toHaveLength(1);
    const json = await inspect([file, "--json"]);
    expect(json.code).toBe(3);
    expect(jsonOf(json)).toMatchObject({ schemaVersion: 1, error: { code: "truncated" } });
  });

  it("--quiet says nothing on stderr, and the exit code still tells", async () => {
    expect(await inspect(["no-such-file.gguf", "--quiet"])).toMatchObject({ code: 3, stdout: "", stderr: "" });
  });
});

describe.concurrent("a reader that goes away", () => {
  it("ends the command quietly", async () => {
    const many = join(temp, "many.gguf");
    const tensors = Array.from({ length: 4000 }, (_, i) => ({
      name: `blk.${i}.attn_norm.weight`,
      shape: [8],
      type: 0,
    }));
    const metadata = [{ key: "general.architecture", type: "string", value: "llama" }] as const;
    writeFileSync(many, writeGguf({ metadata, tensors }));
    for (const flags of [[], ["--json"]]) {
      const gone = await inspect(["tensors", many, ...flags], { closeStdout: true });
      expect(gone).toMatchObject({ code: 0, signal: null, stderr: "" });
    }
  });
});

describe.concurrent("colour", () => {
  const coloured = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    (await inspect([MOE, ...args], { env })).stdout.includes(ANSI);

  it("never goes into a pipe unasked", async () => {
    expect(await coloured([], { COLORTERM: "truecolor" })).toBe(false);
  });

  it.each<[boolean, string[], Record<string, string>]>([
    [true, ["--color"], {}],
    [true, [], { FORCE_COLOR: "1" }],
    [false, [], { FORCE_COLOR: "0" }],
    [false, [], { NO_COLOR: "1", FORCE_COLOR: "1" }],
    [true, [], { NO_COLOR: "", FORCE_COLOR: "1" }],
    [true, ["--color"], { NO_COLOR: "1" }],
    [false, ["--no-color"], { FORCE_COLOR: "1" }],
    [true, ["--color"], { TERM: "dumb" }],
    [true, [], { FORCE_COLOR: "1", TERM: "dumb" }],
    [false, [], { TERM: "dumb" }],
  ])("is %s for %j with %j", async (expected, args, env) => {
    expect(await coloured(args, env)).toBe(expected);
  });

  it("changes nothing but colour", async () => {
    for (const command of ["", "tensors", "meta"] as const) {
      const [plain, painted] = await Promise.all([
        inspectCommand(command, DENSE, "--no-color"),
        inspectCommand(command, DENSE, "--color"),
      ]);
      expect(painted.stdout.replace(/\x1b\[[\d;]*m/g, "")).toBe(plain.stdout);
    }
  });

  it("JSON has none, whatever is asked for", async () => {
    expect(await coloured(["--json", "--color"], { FORCE_COLOR: "3" })).toBe(false);
  });

  it("a dumb terminal gets neither colour nor block characters", async () => {
    const tty = { isTTY: true, columns: 80 } as NodeJS.WriteStream;
    expect(terminalStyle({}, tty, { TERM: "dumb" }).color.level).toBe(0);
    for (const command of ["", "layers", "meta"] as const) {
      const { stdout } = await inspectCommand(command, DENSE, "--width", "60");
      const dumb = await inspect([...(command === "" ? [] : [command]), DENSE, "--width", "60"], {
        env: { TERM: "dumb" },
      });
      expect(lines(dumb.stdout)).toHaveLength(lines(stdout).length);
      expect(dumb.stdout).toMatch(/^[\x20-\x7e\n]*$/);
    }
  });
});

describe.concurrent("width", () => {
  const tty = (columns: number) => ({ isTTY: true, columns }) as NodeJS.WriteStream;

  it("is the flag's, else the terminal's up to 120, else 100", () => {
    expect(terminalStyle({ width: 200 }, tty(80), {}).width).toBe(200);
    expect(terminalStyle({}, tty(80), {}).width).toBe(80);
    expect(terminalStyle({}, tty(300), {}).width).toBe(120);
    expect(terminalStyle({}, {} as NodeJS.WriteStream, {}).width).toBe(100);
  });

  it("a pipe is 100 columns wide", async () => {
    for (const command of ["", "tensors"] as const) {
      const [unasked, asked] = await Promise.all([
        inspectCommand(command, MOE),
        inspectCommand(command, MOE, "--width", "100"),
      ]);
      expect(unasked.stdout).toBe(asked.stdout);
    }
  });
});

describe.concurrent("the short form and the whole command line", () => {
  it.each<[string, string[], string[]]>([
    ["overview", [MOE], [MOE, "--no-color", "--width", "100"]],
    ["overview, JSON", [MOE, "--json"], ["--json", MOE, "--no-quiet"]],
    ["layers", ["layers", DENSE], ["layers", DENSE, "--no-all"]],
    ["layers, JSON", ["layers", DENSE, "--json"], ["layers", "--json", DENSE, "--no-all"]],
    ["tensors", ["tensors", MOE], ["tensors", MOE, "--sort", "file", "--limit", "0"]],
    ["tensors, JSON", ["tensors", MOE, "--json"], ["tensors", MOE, "--json", "--no-reverse"]],
    ["quant", ["quant", SET], ["quant", SET, "--no-color"]],
    ["quant, JSON", ["quant", SET, "--json"], ["quant", SET, "--json", "--no-color"]],
    ["meta", ["meta", MOE], ["meta", MOE, "--from", "0"]],
    ["meta, JSON", ["meta", MOE, "--json"], ["meta", MOE, "--json", "--from", "0"]],
    ["meta of a key", ["meta", MOE, "general.name"], ["meta", MOE, "general.name", "--from", "0"]],
  ])("print the same: %s", async (_, short, whole) => {
    const [a, b] = await Promise.all([inspect(short), inspect(whole)]);
    expect(a).toMatchObject({ code: 0, stderr: "" });
    expect(b).toEqual(a);
  });

  it("a flag may stand before the command and before the target", async () => {
    const [a, b] = await Promise.all([inspect(["layers", MOE, "--json"]), inspect(["--json", "layers", MOE])]);
    expect(b).toEqual(a);
  });
});

describe.concurrent("help", () => {
  it("--version is the version of the package", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    for (const flag of ["--version", "-V"]) {
      expect(await inspect([flag])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: "" });
    }
  });

  it("--help names every command and shared flag, and shows how", async () => {
    const { code, stdout, stderr } = await inspect(["--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const command of COMMANDS) expect(stdout).toContain(`inspect ${command}`);
    for (const flag of ["--json", "--color", "--width", "--quiet", "completion"]) expect(stdout).toContain(flag);
    expect(stdout).toContain("Examples:");
    expect((await inspect(["-h"])).stdout).toBe(stdout);
  });

  it.each(COMMANDS.filter((command) => command !== ""))("%s --help is about that command", async (command) => {
    const { code, stdout } = await inspect([command, "--help"]);
    expect(code).toBe(0);
    // Several targets stand side by side in memory alone.
    expect(stdout).toContain(`inspect ${command} ${command === "memory" ? "[target..]" : "<target>"}`);
  });

  it("completion prints a script, and nothing else", async () => {
    const { code, stdout, stderr } = await inspect(["completion"]);
    expect(stdout).toContain("--get-yargs-completions");
    expect(stdout).toContain("inspect");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  it("completion offers the commands", async () => {
    const { code, stdout } = await inspect(["--get-yargs-completions", "inspect", ""]);
    expect(code).toBe(0);
    expect(lines(stdout)).toEqual(expect.arrayContaining(COMMANDS.filter((command) => command !== "")));
  });
});

describe.concurrent("a set of files", () => {
  const shards = [1, 2, 3].map((i) => `${SET}/model-0000${i}-of-00003.safetensors`);

  /** The report without what says how it was asked for. */
  async function report(target: string) {
    const { schemaVersion, source, ...rest } = jsonOf(await inspect([target, "--json"]));
    const { target: asked, label: _, ...files } = source as Record<string, unknown>;
    expect(asked).toBe(target);
    return { schemaVersion, source: files, ...rest };
  }

  it("is the same through each of its parts, its index and its folder", async () => {
    const reports = await Promise.all([SET, `${SET}/model.safetensors.index.json`, ...shards].map(report));
    expect(reports[0]).toMatchObject({ source: { tensors: 30, missingParts: [] } });
    for (const other of reports.slice(1)) expect(other).toEqual(reports[0]);
  });

  it("is the same from inside its folder", async () => {
    const inside = jsonOf(await inspect([".", "--json"], { cwd: FIXTURES + SET }));
    expect({ ...inside, source: undefined }).toEqual({ ...(await report(SET)), source: undefined });
  });

  it("a part under the wrong name is still opened: the bytes decide, not the ending", async () => {
    const file = join(temp, "renamed.safetensors");
    writeFileSync(file, readFileSync(FIXTURES + MOE));
    expect(jsonOf(await inspect([file, "--json"]))).toMatchObject({ source: { format: "gguf" } });
  });
});

describeReal("a split GGUF set", () => {
  it("is the same through each of its parts", async () => {
    const parts = [1, 2, 3, 4].map((i) =>
      realData("gguf-made", "split", `llama-moe-Q4_K_M-ntfs-0000${i}-of-00004.gguf`),
    );
    const reports = await Promise.all(parts.map(async (part) => jsonOf(await inspect([part, "--json"]))));
    const [first, ...others] = reports.map((report) => ({
      ...report,
      source: { ...(report.source as object), target: "" },
    }));
    expect(first).toMatchObject({ source: { missingParts: [] }, findings: [] });
    expect((first as unknown as { source: { parts: unknown[] } }).source.parts).toHaveLength(4);
    for (const other of others) expect(other).toEqual(first);
  });
});

describe.concurrent("arguments in the order that people type them", () => {
  it.each([
    ["behind --", ["--", MOE]],
    ["behind a command and --", ["layers", "--", MOE]],
    ["behind a filter", ["tensors", "--filter", "bucket:norm", MOE]],
    ["between two filters", ["tensors", "--filter", "bucket:norm", MOE, "--filter", "blk.0"]],
  ])("a target %s", async (_, args) => {
    expect(await inspect([...args])).toMatchObject({ code: 0, stderr: "" });
  });

  it.each([
    ["the command behind its target", [MOE, "layers"], /inspect layers .*llama-moe-mixed/],
    ["a filter without a term", ["tensors", MOE, "--filter"], /filter/],
    ["a filter that doesn't exist", ["tensors", MOE, "--filter", "bukket:norm"], /no such filter.*bucket/],
    ["a bucket that doesn't exist", ["tensors", MOE, "--filter", "bucket:norms"], /none of.*norm/],
    ["a range that runs backwards", ["tensors", MOE, "--filter", "layer:2-1"], /backwards/],
    ["a flag given twice", [MOE, "--width", "80", "--width", "60"], /--width is given twice/],
  ])("%s is a usage error that says what to write", async (_, args, says) => {
    const { code, stdout, stderr } = await inspect([...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(says);
  });

  it("a server that can't be reached is named", async () => {
    const { code, stderr } = await inspect(["http://127.0.0.1:9/model.gguf"]);
    expect(code).toBe(4);
    expect(stderr).toMatch(/^inspect: .*127\.0\.0\.1.*\n$/);
  });
});

describe.concurrent("meta", () => {
  it("shows config.json beside the metadata, and its values as they stand there", async () => {
    const folder = `${FIXTURES}llama-tiny-safetensors`;
    const { stdout } = await inspect(["meta", folder]);
    expect(stdout.match(/^format /gm)).toHaveLength(1);
    expect(stdout).toMatch(/^config\.hidden_size +number +64$/m);
    expect((await inspect(["meta", folder, "hidden_size"])).stdout).toBe("64\n");
    const json = await inspect(["meta", folder, "config.architectures", "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({ type: "array", value: ["LlamaForCausalLM"] });
  });

  it("one key: a string whole, also by the end of its name", async () => {
    expect(await inspect(["meta", MOE, "general.name"])).toMatchObject({ code: 0, stdout: "Llama MoE, mixed types\n" });
    expect((await inspect(["meta", MOE, "name"])).stdout).toBe("Llama MoE, mixed types\n");
    expect(await inspect(["meta", MOE, "block_count"])).toMatchObject({ code: 0, stdout: "3\n" });
    expect(jsonOf(await inspect(["meta", MOE, "block_count", "--json"]))).toEqual({
      schemaVersion: 1,
      key: "llama.block_count",
      type: "u32",
      value: 3,
    });
  });

  it("one key: an array an element a line, a page of it, and from where it is asked", async () => {
    const file = join(temp, "tokens.gguf");
    const tokens = Array.from({ length: 3000 }, (_, i) => `token ${i}`);
    const metadata = [
      { key: "general.architecture", type: "string", value: "llama" },
      { key: "tokenizer.ggml.tokens", type: "array", elementType: "string", value: tokens },
    ] as const;
    writeFileSync(file, writeGguf({ metadata, tensors: [] }));
    const elements = (text: string) =>
      [...text.matchAll(/^\s*(\d+) {2}"(.*)"$/gm)].map(([, i, token]) => [Number(i), token]);
    const all = tokens.map((token, i) => [i, token]);

    const page = elements((await inspect(["meta", file, "tokens"])).stdout);
    expect(page.length).toBeGreaterThan(9);
    expect(page).toEqual(all.slice(0, page.length));
    const some = await inspect(["meta", file, "tokens", "--from", "2990", "--limit", "4"]);
    expect(elements(some.stdout)).toEqual(all.slice(2990, 2994));
    expect(elements((await inspect(["meta", file, "tokens", "--limit", "0"])).stdout)).toEqual(all);

    const json = jsonOf(await inspect(["meta", file, "tokens", "--json"]));
    expect(json).toEqual({
      schemaVersion: 1,
      key: "tokenizer.ggml.tokens",
      type: "array",
      elementType: "string",
      length: 3000,
      from: 0,
      value: tokens,
    });
    // The list shows the length, and only the first of them.
    const list = jsonOf(await inspect(["meta", file, "--json"])) as { metadata: Record<string, unknown>[] };
    expect(list.metadata[1]).toMatchObject({ length: 3000, first: tokens.slice(0, 256) });
    expect(list.metadata[1]).not.toHaveProperty("value");
  });

  it("a key that several keys end or begin with: 2, and names them", async () => {
    const { code, stdout, stderr } = await inspect(["meta", MOE, "general"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("general.architecture");
    expect(stderr).toContain("general.name");
  });

  it("a key that isn't there, where nothing is like it: 2, and no guess", async () => {
    const { code, stderr } = await inspect(["meta", MOE, "__proto__"]);
    expect(code).toBe(2);
    expect(stderr).not.toContain("did you mean");
  });
});

interface TensorRow {
  readonly name: string;
  readonly sizeBytes: number;
  readonly elements: number;
  readonly type: string;
  readonly role: { readonly bucket: string; readonly layer?: number; readonly bias: boolean };
}

describe.concurrent("tensors", () => {
  const asked = new Map<string, Promise<TensorRow[]>>();
  /** A list that several tests look at is asked for once. */
  function rows(...args: string[]): Promise<TensorRow[]> {
    const answer =
      asked.get(args.join(" ")) ??
      inspect(["tensors", MOE, "--json", ...args]).then((run) => (jsonOf(run) as { tensors: TensorRow[] }).tensors);
    asked.set(args.join(" "), answer);
    return answer;
  }
  const names = (list: readonly TensorRow[]) => list.map(({ name }) => name);

  it("without flags are all, in file order", async () => {
    const all = await rows();
    expect(all).toHaveLength(32);
    const offsets = (all as unknown as { offset: number }[]).map(({ offset }) => offset);
    expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
  });

  it.each<[string, (row: TensorRow) => boolean]>([
    ["attn_q", ({ name }) => name.includes("attn_q")],
    ["ATTN_Q", ({ name }) => name.includes("attn_q")],
    ["blk.*.norm", ({ name }) => /blk\..*\.norm/.test(name)],
    ["blk.*norm", ({ name }) => /blk\..*norm/.test(name)],
    ["layer:1", ({ role }) => role.layer === 1],
    ["layer:1-2", ({ role }) => role.layer === 1 || role.layer === 2],
    ["bucket:expert", ({ role }) => role.bucket === "expert"],
    ["type:mxfp4", ({ type }) => type === "MXFP4"],
    ["dtype:F32", ({ type }) => type === "F32"],
    ["size:>10k", ({ sizeBytes }) => sizeBytes >= 10_000],
    ["size:<10kB", ({ sizeBytes }) => sizeBytes < 10_000],
    ["bias:no", ({ role }) => !role.bias],
    ["layer:0 bucket:norm", ({ role }) => role.layer === 0 && role.bucket === "norm"],
  ])("--filter %s", async (filter, keeps) => {
    const [all, kept] = await Promise.all([rows(), rows("--filter", filter)]);
    expect(names(kept)).toEqual(names(all.filter(keeps)));
  });

  it("several filters must all hold", async () => {
    const [both, one] = await Promise.all([
      rows("--filter", "layer:0", "--filter", "bucket:norm"),
      rows("--filter", "layer:0 bucket:norm"),
    ]);
    expect(both.length).toBeGreaterThan(0);
    expect(names(both)).toEqual(names(one));
  });

  it.each<[string, (a: TensorRow, b: TensorRow) => boolean]>([
    ["name", (a, b) => a.name <= b.name],
    ["size", (a, b) => a.sizeBytes >= b.sizeBytes],
    ["elements", (a, b) => a.elements >= b.elements],
    ["type", (a, b) => a.type <= b.type],
    ["layer", (a, b) => (a.role.layer ?? -1) <= (b.role.layer ?? -1)],
  ])("--sort %s, --reverse and --limit", async (order, inOrder) => {
    const [sorted, reversed, top] = await Promise.all([
      rows("--sort", order),
      rows("--sort", order, "--reverse"),
      rows("--sort", order, "--limit", "5"),
    ]);
    expect(sorted).toHaveLength(32);
    expect(sorted.every((row, i) => i === 0 || inOrder(sorted[i - 1] as TensorRow, row))).toBe(true);
    expect(names(reversed)).toEqual(names(sorted).reverse());
    expect(names(top)).toEqual(names(sorted).slice(0, 5));
  });

  it("text and JSON show the same tensors", async () => {
    const [list, text] = await Promise.all([
      rows("--filter", "attn", "--sort", "size"),
      inspect(["tensors", MOE, "--filter", "attn", "--sort", "size", "--width", "200"]),
    ]);
    const shown = lines(text.stdout).flatMap((line) => /^(\S+\.weight) /.exec(line)?.[1] ?? []);
    expect(shown).toEqual(names(list));
    expect(text.stdout).toContain(`${list.length} of 32 tensors`);
  });

  it("names that match nothing give an empty list and 0", async () => {
    expect(await rows("--filter", "no such tensor")).toEqual([]);
    expect((await inspect(["tensors", MOE, "--filter", "nothing"])).code).toBe(0);
  });
});

describe("what a header can't say", () => {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-values-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const zeros = (name: string, dtype: string, shape: readonly number[], bytes: number) => ({
    name,
    dtype,
    shape,
    data: new Uint8Array(bytes),
  });

  it("is read from a small tensor: the alpha of an adapter", async () => {
    const file = join(folder, "lora.safetensors");
    const alpha = new Uint8Array(Float32Array.of(2).buffer);
    const module = "lora_unet_down_blocks_0_attentions_0_proj_in";
    writeFileSync(
      file,
      writeSafetensors([
        zeros(`${module}.lora_down.weight`, "F16", [4, 8], 64),
        zeros(`${module}.lora_up.weight`, "F16", [8, 4], 64),
        { name: `${module}.alpha`, dtype: "F32", shape: [], data: alpha },
      ]),
    );
    expect(jsonOf(await inspect([file, "--json"])).adapter).toMatchObject({ rank: 4, alpha: 2, scaling: 0.5 });
  });

  it("is read from a small tensor: the true width of rows that don't fill their words", async () => {
    const file = join(folder, "packed.safetensors");
    const module = "model.layers.0.mlp.up_proj";
    const shape = new Uint8Array(BigInt64Array.of(16n, 100n).buffer);
    const tensors = (values: Uint8Array) => [
      zeros(`${module}.weight_packed`, "I32", [16, 13], 16 * 13 * 4),
      zeros(`${module}.weight_scale`, "BF16", [16, 1], 32),
      { name: `${module}.weight_shape`, dtype: "I64", shape: [2], data: values },
    ];
    const config = {
      quantization_config: { quant_method: "compressed-tensors", config_groups: { a: { weights: { num_bits: 4 } } } },
    };
    writeFileSync(join(folder, "config.json"), JSON.stringify(config));
    writeFileSync(file, writeSafetensors(tensors(shape)));
    expect(jsonOf(await inspect([file, "--json"])).parameters).toMatchObject({ total: 1600, logicalKnown: true });
    // Zeros, as a sparse file has them, say nothing: an upper bound, and a finding.
    writeFileSync(file, writeSafetensors(tensors(new Uint8Array(16))));
    const blind = jsonOf(await inspect([file, "--json"])) as { parameters: unknown; findings: { rule: string }[] };
    expect(blind.parameters).toMatchObject({ total: 1664, logicalKnown: false });
    expect(blind.findings.map(({ rule }) => rule)).toEqual(["quantization/row-width"]);
  });
});
