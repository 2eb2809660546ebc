/**
 * What the mutations start from: headers of real checkpoints where shared/data is, and always those of the repository's fixtures.
 * Small ones, so that many cases fit into a second; each kind of container and of file beside it is there.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { type GgufWriteEntry, writeGguf, writeSafetensors } from "@checkpoint-inspect/parser";

import type { SparseFile, SparseFiles } from "./sparse-files.ts";

export interface Seed {
  readonly name: string;
  readonly files: SparseFiles;
}

/** Longer heads are cut to this; the file keeps its size. */
const MOST_HEAD_BYTES = 24_000;
/** Heads that are kept compressed, and stand for about fifteen times as much, are taken whole or not at all. */
const MOST_PACKED_BYTES = 3000;

const text = (value: string): SparseFile => whole(new TextEncoder().encode(value));
const json = (value: unknown): SparseFile => text(JSON.stringify(value));

function whole(bytes: Uint8Array): SparseFile {
  return { head: new Uint8Array(bytes), sizeBytes: bytes.length };
}

function cut(bytes: Uint8Array, sizeBytes = bytes.length): SparseFile {
  // A copy: part of a buffer would keep the whole.
  return { head: new Uint8Array(bytes.subarray(0, MOST_HEAD_BYTES)), sizeBytes };
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/**
 * @param root the repository
 * @param data shared/data, which may be absent
 */
export function seedsOf(root: string, data: string): readonly Seed[] {
  return [
    ...ownSeeds(root),
    ...templateSeeds(join(data, "chat-templates")),
    ...ggufSeeds(data),
    ...safetensorsSeeds(data),
  ];
}

function ownSeeds(root: string): Seed[] {
  const fixtures = join(root, "fixtures");
  const seeds: Seed[] = [];
  for (const name of list(fixtures)) {
    const path = join(fixtures, name);
    if (name.endsWith(".gguf")) seeds.push({ name, files: { [name]: cut(readFileSync(path)) } });
    else if (statSync(path).isDirectory() && list(path).some((file) => file.endsWith(".safetensors"))) {
      const files = list(path).filter((file) => statSync(join(path, file)).isFile());
      seeds.push({ name, files: Object.fromEntries(files.map((file) => [file, cut(readFileSync(join(path, file)))])) });
    }
  }
  return [...seeds, pipeline()];
}

function tensor(name: string) {
  return { name, dtype: "F16", shape: [4, 4], data: new Uint8Array(32) };
}

function pipeline(): Seed {
  const weights = whole(writeSafetensors([tensor("conv_in.weight"), tensor("mid.0.weight")]));
  return {
    name: "a diffusers folder",
    files: {
      "model_index.json": json({
        _class_name: "P",
        unet: ["diffusers", "UNet2DConditionModel"],
        vae: ["diffusers", "V"],
      }),
      "unet/config.json": json({ _class_name: "UNet2DConditionModel", block_out_channels: [4, 8] }),
      "unet/diffusion_pytorch_model.safetensors": weights,
      "vae/diffusion_pytorch_model.safetensors": weights,
    },
  };
}

/** Chat templates in each of the places where they stand. */
function templateSeeds(folder: string): Seed[] {
  const names = list(folder);
  const real = names.map((name) => readFileSync(join(folder, name), "utf8")).filter(({ length }) => length < 8000);
  const own = "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] | trim }}{% endfor %}";
  const [a = own, b = own, c = own] = real;
  const entry = (key: string, value: string): GgufWriteEntry => ({ key, type: "string", value });
  const metadata: GgufWriteEntry[] = [
    entry("general.architecture", "llama"),
    { key: "llama.block_count", type: "u32", value: 1 },
    { key: "tokenizer.ggml.tokens", type: "array", elementType: "string", value: ["<s>", "</s>", "a", "b"] },
    { key: "tokenizer.ggml.token_type", type: "array", elementType: "i32", value: [3, 3, 1, 1] },
    { key: "tokenizer.ggml.eos_token_id", type: "u32", value: 1 },
    entry("tokenizer.chat_template", a),
    entry("tokenizer.chat_template.tool_use", own),
  ];
  const tensors = [{ name: "token_embd.weight", shape: [32, 4], type: 0 }];
  const weights = whole(writeSafetensors([tensor("model.layers.0.mlp.up_proj.weight"), tensor("lm_head.weight")]));
  return [
    { name: "templates in GGUF", files: { "model.gguf": whole(writeGguf({ metadata, tensors })) } },
    {
      name: "templates in GGUF, big-endian",
      files: { "model.gguf": whole(writeGguf({ metadata, tensors, byteOrder: "big" })) },
    },
    { name: "templates in GGUF v1", files: { "model.gguf": whole(writeGguf({ metadata, tensors, version: 1 })) } },
    {
      name: "templates beside safetensors",
      files: {
        "model.safetensors": weights,
        "config.json": json({
          architectures: ["LlamaForCausalLM"],
          num_hidden_layers: 1,
          hidden_size: 4,
          vocab_size: 4,
        }),
        "generation_config.json": json({ eos_token_id: [1, 2], bos_token_id: 0 }),
        "tokenizer_config.json": json({
          chat_template: [
            { name: "default", template: b },
            { name: "tool_use", template: own },
          ],
          eos_token: { content: "</s>" },
        }),
        "chat_template.jinja": text(c),
        "tokenizer.json": json({
          added_tokens: [{ id: 3, content: "x" }],
          model: { type: "BPE", vocab: { a: 0, b: 1 } },
        }),
      },
    },
  ];
}

function ggufSeeds(data: string): Seed[] {
  const seeds: Seed[] = [];
  const heads = join(data, "gguf-made", "arch-f32-heads");
  const sizes = sizesOf(heads);
  for (const file of list(heads).filter((name) => name.endsWith(".head"))) {
    const name = file.replace(/\.head$/, "");
    const bytes = readFileSync(join(heads, file));
    if (bytes.length <= MOST_HEAD_BYTES) {
      seeds.push({
        name,
        files: { [name]: { head: new Uint8Array(bytes), sizeBytes: sizes.get(file) ?? bytes.length } },
      });
    }
  }
  for (const folder of ["stories260K", "variants", "endian", "llama-moe"]) {
    for (const name of list(join(data, "gguf-made", folder)).slice(0, 3)) {
      seeds.push({ name, files: { [name]: cutFile(join(data, "gguf-made", folder, name)) } });
    }
  }
  const split = join(data, "gguf-made", "split");
  const parts = list(split).filter((name) => name.startsWith("llama-moe"));
  if (parts.length > 0) {
    const files = Object.fromEntries(parts.map((name) => [name, cutFile(join(split, name))]));
    seeds.push({ name: "a split set", files });
  }
  return [...seeds, ...small(join(data, "gguf-bad", "reported"), /\.gguf$/)];
}

function safetensorsSeeds(data: string): Seed[] {
  const seeds: Seed[] = [];
  const heads = join(data, "hf-heads");
  for (const name of list(heads)) {
    const folder = join(heads, name);
    const file = list(folder).find((file) => file.endsWith(".head.gz"));
    if (file === undefined || statSync(join(folder, file)).size > MOST_PACKED_BYTES) continue;
    const bytes = gunzipSync(readFileSync(join(folder, file)));
    const head = {
      head: new Uint8Array(bytes),
      sizeBytes: sizesOf(folder).get(file.replace(/\.gz$/, "")) ?? bytes.length,
    };
    const config = cutFile(join(folder, "config.json"));
    seeds.push({ name, files: { [file.replace(/\.head\.gz$/, "")]: head, "config.json": config } });
  }
  const set = join(data, "safetensors-headers", "Devstral-Small-2507");
  const files = list(set).flatMap((file): [string, SparseFile][] => {
    if (/^(config|generation_config|model\.safetensors\.index)\.json$/.test(file)) {
      return [[file, whole(readFileSync(join(set, file)))]];
    }
    return /-0000[1-3]-of.*\.head$/.test(file)
      ? [[file.replace(/\.head$/, ""), cutFile(join(set, file), sizesOf(set).get(file))]]
      : [];
  });
  if (files.length > 0) seeds.push({ name: "a set with an index", files: Object.fromEntries(files) });
  return [...seeds, ...small(join(data, "safetensors-bad", "reported"), /\.safetensors$/)];
}

/** Files that are wrong already; two faults meet. */
function small(folder: string, pattern: RegExp): Seed[] {
  return list(folder)
    .filter((name) => pattern.test(name) && statSync(join(folder, name)).size < MOST_HEAD_BYTES)
    .map((name) => ({ name, files: { [name]: whole(readFileSync(join(folder, name))) } }));
}

function cutFile(path: string, sizeBytes?: number): SparseFile {
  const bytes = readFileSync(path);
  return cut(bytes, sizeBytes ?? bytes.length);
}

/** Full sizes by the name of the head, as the list beside the heads has them. */
function sizesOf(folder: string): ReadonlyMap<string, number> {
  const name = list(folder).find((name) => /^(HEADS|SHARDS)\.json$/.test(name));
  if (name === undefined) return new Map();
  const rows: { head?: string; file?: string; full_bytes?: number; size?: number }[] = JSON.parse(
    readFileSync(join(folder, name), "utf8"),
  );
  return new Map(
    rows.map(({ head, file, full_bytes, size }) => [
      (head ?? `${file}.head`).replace(/^.*\//, ""),
      full_bytes ?? size ?? 0,
    ]),
  );
}
