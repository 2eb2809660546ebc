/**
 * Strings out of files are data: whatever a name, key, value, template or file name holds, nothing but printable
 * characters and line feeds reaches the terminal, and JSON carries the string itself.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assembleSafetensors, writeGguf, writeIndexJson, writeSafetensors } from "@checkpoint-inspect/parser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { COMMANDS, inspect, inspectCommand, jsonOf, type Run, UNPRINTABLE } from "./run-inspect.ts";

/** One of each kind of character that has no business on a terminal. */
const HOSTILE = {
  "colour sequence": "\x1b[31mred\x1b[0m",
  "cursor and clear": "\x1b[2J\x1b[H",
  "title and link sequences": "\x1b]0;owned\x07\x1b]8;;https://example.com\x1b\\",
  "C1 controls": "\x80\x85\x9b31m\x9d0;owned\x9c",
  "bidi marks": "\u202e\u2066\u200f\u061ccod\u2069",
  "zero width": "a\u200b\u200c\u200d\u2060\ufeff\u00adb",
  "line breaks": "one\ntwo\rthree\vfour\ffive\u0085six",
  "line and paragraph separators": "one\u2028two\u2029three",
  tab: "one\ttwo",
  bell: "\x07\x08\x7f\x00",
  tags: "\u{e0041}\u{e007f}",
  "interlinear marks": "\ufff9\ufffa\ufffb",
  "object prototype": "__proto__",
  constructor: "constructor",
} as const;
const STRINGS = Object.values(HOSTILE);
const ALL = STRINGS.join("|");

/** What a run printed that it must not have. `lines` is for a value that is shown whole: its own tabs stay there. */
function unprintable({ stdout, stderr }: Run, allowed = /[^\s\S]/): string[] {
  const every = new RegExp(UNPRINTABLE, "gu");
  return [...(stdout + stderr).matchAll(every)]
    .map(([character]) => character)
    .filter((character) => !allowed.test(character))
    .map((character) => `U+${(character.codePointAt(0) as number).toString(16)}`);
}

/** GGUF strings may be any bytes: half a surrogate pair as UTF-8 would have it, and bytes that no UTF-8 has. */
const NOT_UTF8 = Uint8Array.of(0x61, 0xed, 0xa0, 0x80, 0xff, 0xc0, 0x9b, 0x1b, 0x5b, 0x33, 0x31, 0x6d);

function hostileGguf(): Uint8Array {
  return writeGguf({
    metadata: [
      { key: "general.architecture", type: "string", value: `llama${ALL}` },
      { key: "general.name", type: "string", value: ALL },
      { key: "general.file_type", type: "u32", value: 15 },
      { key: "general.description", type: "string", value: NOT_UTF8 },
      { key: "tokenizer.chat_template", type: "string", value: `{% for m in messages %}${ALL}{% endfor %}` },
      { key: "tokenizer.ggml.tokens", type: "array", elementType: "string", value: [...STRINGS, NOT_UTF8] },
      ...STRINGS.map((text, i) => ({ key: `${i}.${text}`, type: "string", value: text }) as const),
      ...STRINGS.map((text) => ({ key: text, type: "u32", value: 1 }) as const),
    ],
    tensors: [
      { name: "token_embd.weight", shape: [32, 4], type: 0 },
      { name: "blk.0.attn_q.weight", shape: [32, 32], type: 0 },
      ...STRINGS.map((text) => ({ name: text, shape: [32], type: 0 })),
      ...STRINGS.map((text) => ({ name: `blk.0.${text}.weight`, shape: [32], type: 0 })),
      ...STRINGS.map((text) => ({ name: `${text}.blk.1.weight`, shape: [32], type: 0 })),
    ],
  });
}

const F32 = { dtype: "F32", shape: [2], data: new Uint8Array(8) } as const;

/** With names that a writer refuses (half a surrogate pair) and a dtype that no table has. */
function hostileHeader(): string {
  const names = STRINGS.flatMap((text) => [text, `model.layers.0.${text}.weight`, `${text}.layers.1.weight`]).map(
    (name) => JSON.stringify(name),
  );
  const tensors = [...names, '"half \\ud800 pair"', '"\\udfff"'].map(
    (name, i) => `${name}:{"dtype":"F32","shape":[2],"data_offsets":[${i * 8},${i * 8 + 8}]}`,
  );
  const end = tensors.length * 8;
  const odd = `"model.layers.0.odd.weight":{"dtype":${JSON.stringify(`F32${ALL}`)},"shape":[2],"data_offsets":[${end},${end + 8}]}`;
  const metadata = STRINGS.map((text) => `${JSON.stringify(text)}:${JSON.stringify(text)}`).join(",");
  return `{"__metadata__":{${metadata},"half":"\\ud800"},${tensors.join(",")},${odd}}`;
}

/** Names of shards, as far as an index may name them. */
const THERE = "shard \u202e\u200b\x9b31m.safetensors";
const ABSENT = "gone \u2028\u2066\x9d.safetensors";

let temp: string;
const targets: Record<string, string> = {};

beforeAll(() => {
  temp = mkdtempSync(join(tmpdir(), "checkpoint-inspect-hostile-"));
  const write = (kind: string, name: string, bytes: Uint8Array | string): void => {
    const path = join(temp, kind, name);
    mkdirSync(join(temp, kind), { recursive: true });
    writeFileSync(path, bytes);
    targets[kind] ??= path;
  };
  write("gguf", "model.gguf", hostileGguf());

  const header = hostileHeader();
  write("safetensors", "model.safetensors", assembleSafetensors(header, new Uint8Array((STRINGS.length * 3 + 3) * 8)));
  const config = {
    model_type: `llama${ALL}`,
    _name_or_path: ALL,
    architectures: [`LlamaForCausalLM${ALL}`],
    torch_dtype: `bfloat16${ALL}`,
    // Begins like a label that the command has words for.
    quantization_config: { quant_method: `UD-${ALL}`, bits: 4 },
    [ALL]: ALL,
  };
  write("safetensors", "config.json", JSON.stringify(config));

  // A set whose index names files that no one should, some of which are there.
  const names = STRINGS.map((text) => `model.${text}`);
  const shard = writeSafetensors(
    names.map((name) => ({ ...F32, name })),
    { metadata: { [ALL]: ALL } },
  );
  const sized = (list: readonly string[]) => list.map((name) => ({ name, sizeBytes: 8 }));
  write(
    "index",
    "model.safetensors.index.json",
    writeIndexJson([
      { name: THERE, tensors: sized([...names, "not there \x1b[31m\u202e"]) },
      { name: ABSENT, tensors: sized(["gone.weight"]) },
      // Control characters in a shard's name are refused: never opened, and named in a finding.
      { name: "refused \x1b[2J\x07\n.safetensors", tensors: sized(["refused.weight"]) },
    ]),
  );
  write("index", THERE, shard);

  // Broken in the middle of a name, so that the message names what was read.
  write("cut", "cut\x1b[31m\u202e\x9b.gguf", hostileGguf().subarray(0, 600));
  write("entry", "bad\n\x07\u200b.safetensors", assembleSafetensors(`{${JSON.stringify(ALL)}:{"dtype":1}}`));
  write("foreign", "page\r\x1b]0;x\x07.gguf", "<!DOCTYPE html>\n<title>\x1b[31m</title>");
});
afterAll(() => rmSync(temp, { recursive: true, force: true }));

const READABLE = ["gguf", "safetensors", "index"] as const;
const BROKEN = ["cut", "entry", "foreign"] as const;

describe.concurrent("text views", () => {
  it.each(READABLE.flatMap((kind) => COMMANDS.map((command) => [kind, command] as const)))(
    "%s %s prints only what can be printed",
    async (kind, command) => {
      const run = await inspectCommand(command, targets[kind] as string, "--width", "400");
      expect(run.code).toBe(0);
      expect(unprintable(run)).toEqual([]);
      const narrow = await inspectCommand(command, targets[kind] as string);
      expect(unprintable(narrow)).toEqual([]);
    },
  );

  it.each(READABLE)("%s layers --all", async (kind) => {
    expect(unprintable(await inspect(["layers", targets[kind] as string, "--all"]))).toEqual([]);
  });

  it("a line of the tensor table stays a line: one for every tensor", async () => {
    const { stdout } = await inspect(["tensors", targets.gguf as string, "--width", "400"]);
    expect(stdout.trimEnd().split("\n")).toHaveLength(1 + 2 + 3 * STRINGS.length + 1);
  });

  it("show what they replace", async () => {
    const { stdout } = await inspect(["tensors", targets.gguf as string, "--width", "400"]);
    for (const shown of [
      "\\x1b[31m",
      "\\u202e",
      "\\u200b",
      "\\n",
      "\\t",
      "\\x9b",
      "\\u2028",
      "__proto__",
      "constructor",
    ]) {
      expect(stdout).toContain(shown);
    }
  });

  it("a value that is shown whole keeps its lines and tabs, and nothing else", async () => {
    for (const key of ["chat_template", "general.name", "general.description", "tokenizer.ggml.tokens"]) {
      const run = await inspect(["meta", targets.gguf as string, key]);
      expect(run.code).toBe(0);
      expect(unprintable(run, /\t/)).toEqual([]);
    }
  });

  it.each(STRINGS.map((text, i) => [i, text] as const))("metadata of hostile key %i", async (i, text) => {
    const run = await inspect(["meta", targets.gguf as string, `${i}.${text}`.replaceAll("\0", "")]);
    expect(unprintable(run, /\t/)).toEqual([]);
    // A NUL can't stand in an argument; every other key is found as it is written.
    expect(run.code).toBe(text.includes("\0") ? 2 : 0);
  });
});

describe.concurrent("messages", () => {
  it.each(BROKEN.flatMap((kind) => (["", "meta"] as const).map((command) => [kind, command] as const)))(
    "%s %s: one line that can be printed",
    async (kind, command) => {
      const run = await inspectCommand(command, targets[kind] as string);
      expect(unprintable(run)).toEqual([]);
      expect(run.stderr.split("\n").length).toBeLessThanOrEqual(2);
      const json = await inspectCommand(command, targets[kind] as string, "--json");
      expect(json.code).toBe(run.code);
      expect(json.stderr).toBe(run.stderr);
    },
  );

  it.each(["no such \x1b[31m\u202e\n\x9b file", "__proto__", "constructor"])(
    "a target %j that isn't there",
    async (target) => {
      const run = await inspect([target]);
      expect(run).toMatchObject({ code: 3, stdout: "" });
      expect(unprintable(run)).toEqual([]);
      expect(run.stderr.trimEnd().split("\n")).toHaveLength(1);
    },
  );

  it("mistakes in what was typed", async () => {
    const target = targets.gguf as string;
    for (const args of [
      [target, "--no\x1b[31msuch\u202e"],
      [target, "two\x1b[2J"],
      ["tensors", target, "--filter", "size:\x1b[31m"],
      ["tensors", target, "--sort", "\x1b[31m\u202e"],
      ["meta", target, "\x1b[31m"],
      ["meta", target, "general"],
      ["meta", target, "3."],
    ]) {
      const run = await inspect(args);
      expect(run).toMatchObject({ code: 2, stdout: "" });
      expect(unprintable(run)).toEqual([]);
    }
  });
});

interface Named {
  readonly name: string;
}

describe.concurrent("JSON", () => {
  it("carries the names themselves, escaped as JSON escapes", async () => {
    const run = await inspect(["tensors", targets.gguf as string, "--json"]);
    const { tensors } = jsonOf(run) as unknown as { tensors: Named[] };
    expect(tensors.map(({ name }) => name)).toEqual([
      "token_embd.weight",
      "blk.0.attn_q.weight",
      ...STRINGS,
      ...STRINGS.map((text) => `blk.0.${text}.weight`),
      ...STRINGS.map((text) => `${text}.blk.1.weight`),
    ]);
    expect(run.stdout).not.toMatch(/(?!\n)[\0-\x1f]/);
  });

  it("carries keys and values of metadata", async () => {
    const { metadata } = jsonOf(await inspect(["meta", targets.gguf as string, "--json"])) as unknown as {
      metadata: { key: string; value: unknown }[];
    };
    for (const [i, text] of STRINGS.entries()) {
      expect(metadata).toContainEqual({ key: `${i}.${text}`, type: "string", value: text });
      expect(metadata).toContainEqual({ key: text, type: "u32", value: 1 });
    }
  });

  it("half a surrogate pair becomes U+FFFD, and a finding says so", async () => {
    const target = targets.safetensors as string;
    const { tensors } = jsonOf(await inspect(["tensors", target, "--json"])) as unknown as { tensors: Named[] };
    const names = tensors.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["half \ufffd pair", "\ufffd", "__proto__"]));
    const { findings } = jsonOf(await inspect([target, "--json"])) as unknown as { findings: { rule: string }[] };
    expect(findings).toContainEqual(expect.objectContaining({ rule: "safetensors/lone-surrogate" }));
  });

  it.each(READABLE)("%s: the report names architecture and files as they are", async (kind) => {
    const run = await inspect([targets[kind] as string, "--json"]);
    expect(run.stdout).not.toMatch(/(?!\n)[\0-\x1f]/);
    const { model, source } = jsonOf(run);
    expect({ model, source }).toMatchObject(
      kind === "index"
        ? { source: { parts: [{ name: THERE }], missingParts: [ABSENT] } }
        : { model: { architecture: `llama${ALL}` } },
    );
  });

  it("a name of an object's prototype is a name like any other", async () => {
    const run = await inspect(["tensors", targets.safetensors as string, "--json", "--filter", "__proto__"]);
    const { tensors } = jsonOf(run) as unknown as { tensors: Named[] };
    expect(tensors.map(({ name }) => name)).toEqual([
      "__proto__",
      "model.layers.0.__proto__.weight",
      "__proto__.layers.1.weight",
    ]);
    expect(await inspect(["meta", targets.gguf as string, "constructor"])).toMatchObject({ code: 0, stdout: "1\n" });
  });
});
