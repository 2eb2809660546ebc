/** What lies with the weights: read on request, within bounds, whatever the files hold. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";

import {
  type Beside,
  type FileSet,
  memoryFileSet,
  openCheckpoint,
  openFileSet,
  writeGguf,
  writeSafetensors,
} from "../src/index.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const json = (value: unknown): Uint8Array => encode(JSON.stringify(value));

const WEIGHTS = writeSafetensors([{ name: "a", dtype: "U8", shape: [1], data: new Uint8Array(1) }]);
const GGUF = writeGguf({ metadata: [], tensors: [] });
const PICKLE = Uint8Array.of(0x80, 0x02, 0x7d, 0x71, 0x00, 0x2e);

type Files = Readonly<Record<string, Uint8Array>>;

/** What lies beside `model.safetensors` in a folder with these files. */
async function besideOf(
  files: Files,
  set: FileSet = memoryFileSet("repo", { "model.safetensors": WEIGHTS, ...files }),
): Promise<Beside> {
  const checkpoint = await openFileSet(set, { beside: true });
  await checkpoint.close();
  return checkpoint.beside as Beside;
}

describe("which files", () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });

  function folderOf(files: Files): string {
    const folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-beside-"));
    folders.push(folder);
    for (const [name, bytes] of Object.entries(files)) {
      mkdirSync(join(folder, name, ".."), { recursive: true });
      writeFileSync(join(folder, name), bytes);
    }
    return folder;
  }

  async function namesAt(path: string): Promise<string[]> {
    const checkpoint = await openCheckpoint(path, { beside: true });
    await checkpoint.close();
    return (checkpoint.beside?.files ?? []).map(({ name }) => name);
  }

  it("are read only when asked for", async () => {
    const checkpoint = await openFileSet(memoryFileSet("repo", { "model.safetensors": WEIGHTS, "x.bin": PICKLE }));
    expect(checkpoint.beside).toBeUndefined();
  });

  it("are all of a folder, and of the folder of a model's safetensors file", async () => {
    const folder = folderOf({
      "model.safetensors": WEIGHTS,
      "config.json": json({}),
      "x.bin": PICKLE,
      "sub/y.bin": PICKLE,
    });
    const all = ["config.json", "model.safetensors", "x.bin"];
    expect(await namesAt(folder)).toEqual(all);
    expect(await namesAt(join(folder, "model.safetensors"))).toEqual(all);
  });

  it("are none but its own of a file that lies with anything", async () => {
    const folder = folderOf({ "a.gguf": GGUF, "lora.safetensors": WEIGHTS, "x.bin": PICKLE });
    expect(await namesAt(join(folder, "a.gguf"))).toEqual(["a.gguf"]);
    expect(await namesAt(join(folder, "lora.safetensors"))).toEqual(["lora.safetensors"]);
    const withConfig = folderOf({ "a.gguf": GGUF, "config.json": json({}), "x.bin": PICKLE });
    expect(await namesAt(join(withConfig, "a.gguf"))).toEqual(["a.gguf"]);
  });

  it("are left out where a link leads nowhere or round in a circle", async () => {
    const folder = folderOf({ "model.safetensors": WEIGHTS });
    symlinkSync(join(folder, "gone"), join(folder, "tokenizer_config.json"));
    symlinkSync(join(folder, "circle.json"), join(folder, "circle.json"));
    expect(await namesAt(folder)).toEqual(["model.safetensors"]);
  });

  it("are the first of very many", async () => {
    const many = Object.fromEntries(Array.from({ length: 10_500 }, (_, i) => [`x${i}.txt`, new Uint8Array()]));
    const { files, fileCount } = await besideOf(many);
    expect([files.length, fileCount]).toEqual([10_000, 10_501]);
  });
});

describe("what they are", () => {
  it("is told from the first bytes of what may be weights or an archive", async () => {
    const { files } = await besideOf({
      "pytorch_model.bin": PICKLE,
      "x.ckpt": encode(`${"PK\u0003\u0004".padEnd(30, "\0")}archive/data.pkl`),
      "objects.npy": encode("\x00NUMPY\u0001\0v\0{'descr': '|O', 'fortran_order': False}"),
      "other.safetensors": encode("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n"),
      "tokenizer.model": encode("version https://git-lfs.github.com/spec/v1\n"),
      "empty.pt": new Uint8Array(),
      "notes.txt": PICKLE,
    });
    expect(Object.fromEntries(files.map(({ name, kind }) => [name, kind]))).toEqual({
      "empty.pt": "empty",
      "model.safetensors": undefined,
      "notes.txt": undefined,
      "objects.npy": "unknown",
      "other.safetensors": "git-lfs-pointer",
      "pytorch_model.bin": "pickle",
      "tokenizer.model": "git-lfs-pointer",
      "x.ckpt": "pytorch-zip",
    });
  });

  it("knows the pickle in a NumPy array of objects", async () => {
    const header = encode("?NUMPY\u0001\0v\0{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n");
    header[0] = 0x93;
    const { files } = await besideOf({ "x.npy": header });
    expect(files.find(({ name }) => name === "x.npy")).toMatchObject({
      kind: "pickle",
      what: "a NumPy array of Python objects (a pickle)",
    });
  });

  it("takes few reads of few bytes, and a few files at a time", async () => {
    const many = Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`x${i}.bin`, PICKLE]));
    const inner = memoryFileSet("repo", { "model.safetensors": WEIGHTS, ...many });
    const seen = { opened: 0, open: 0, most: 0, bytes: 0 };
    const counting: FileSet = {
      ...inner,
      async open(name) {
        const source = await inner.open(name);
        if (!name.endsWith(".bin")) return source;
        seen.opened++;
        seen.most = Math.max(seen.most, ++seen.open);
        return {
          ...source,
          async read(offset, length) {
            seen.bytes = Math.max(seen.bytes, length);
            return source.read(offset, length);
          },
          async close() {
            seen.open--;
          },
        };
      },
    };
    await besideOf({}, counting);
    expect(seen).toEqual({ opened: 1000, open: 0, most: 8, bytes: 4096 });
  });
});

describe("texts and settings", () => {
  it("reads templates wherever they lie", async () => {
    const { templates } = await besideOf({
      "tokenizer_config.json": json({
        chat_template: [{ name: "default", template: "A" }, { name: "rag", template: "B" }, 3],
      }),
      "chat_template.json": json({ chat_template: "C" }),
      "chat_template.jinja": encode("D"),
      "additional_chat_templates/tools.jinja": encode("E"),
      "additional_chat_templates/readme.md": encode("F"),
    });
    expect(templates).toEqual([
      { from: "chat_template.json chat_template", text: "C" },
      { from: "tokenizer_config.json chat_template default", text: "A" },
      { from: "tokenizer_config.json chat_template rag", text: "B" },
      { from: "chat_template.jinja", text: "D" },
      { from: "additional_chat_templates/tools.jinja", text: "E" },
    ]);
  });

  it("keeps small objects by name", async () => {
    const beside = await besideOf({
      "generation_config.json": json({ eos_token_id: 2 }),
      "other.json": json({ a: 1 }),
    });
    expect([...beside.json]).toEqual([["generation_config.json", { eos_token_id: 2 }]]);
  });

  it.each<[string, unknown, number | undefined]>([
    ["words with ids", { model: { vocab: { a: 0, b: 7 } } }, 8],
    [
      "a list of pieces",
      {
        model: {
          vocab: [
            ["a", 0],
            ["b", -1],
          ],
        },
      },
      2,
    ],
    [
      "added tokens above",
      { model: { vocab: { a: 0 } }, added_tokens: [{ id: 99, content: "<s>" }, { id: "x" }] },
      100,
    ],
    ["no vocabulary", { model: {} }, undefined],
    ["ids that are none", { model: { vocab: { a: -5, b: 1e300, c: "x" } } }, 0],
  ])("counts the tokenizer's ids: %s", async (_, tokenizer, expected) => {
    expect((await besideOf({ "tokenizer.json": json(tokenizer) })).tokenizerVocabulary).toBe(expected);
  });

  it("names what can't be read, and why", async () => {
    const { unreadable, json: objects } = await besideOf({
      "tokenizer_config.json": encode('{"chat_template": "secret'),
      "generation_config.json": json([1]),
      "chat_template.json": encode("version https://git-lfs.github.com/spec/v1\nsize 3\n"),
      "special_tokens_map.json": new Uint8Array(8 * 1024 * 1024 + 1),
      "tokenizer.json": encode(`${"[".repeat(100_000)}`),
    });
    expect([...objects]).toEqual([]);
    expect(Object.fromEntries(unreadable.map(({ name, why }) => [name, why]))).toEqual({
      "chat_template.json": "it is a Git LFS pointer to the real file (3 bytes)",
      "generation_config.json": "it is not a JSON object",
      "special_tokens_map.json": "it has 8,388,609 bytes, above the limit of 8,388,608",
      "tokenizer.json": "it is not valid JSON",
      "tokenizer_config.json": "it is not valid JSON",
    });
  });

  it("takes any bytes in any of these files", async () => {
    const names = [
      "tokenizer_config.json",
      "tokenizer.json",
      "chat_template.jinja",
      "x.bin",
      "x.npy",
      "processor_config.json",
    ];
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.json().map((text) => encode(text)),
      fc.json().map((text) => encode(`{"chat_template":${text},"model":{"vocab":${text}},"added_tokens":${text}}`)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom(...names), content)), async (files) => {
        const beside = await besideOf(Object.fromEntries(files));
        expect(beside.files.length).toBe(new Set(files.map(([name]) => name)).size + 1);
      }),
      { numRuns: 200 },
    );
  });
});
