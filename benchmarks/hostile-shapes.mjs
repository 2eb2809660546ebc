/**
 * Headers made to be slow: each shape is a file, or a folder of files, that grows in one way. Data isn't there: the files hold
 * their headers alone.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assembleSafetensors, writeGguf, writeIndexJson, writeSafetensors } from "@checkpoint-inspect/parser";

/** @typedef {import("@checkpoint-inspect/parser").GgufWriteEntry} GgufWriteEntry */
/** @typedef {import("@checkpoint-inspect/parser").GgufWriteTensor} GgufWriteTensor */
/** @typedef {{ what: string, largest: number, files: (n: number) => Readonly<Record<string, string | Uint8Array>> }} Shape */

const F32 = 0;

/**
 * @template T
 * @param {number} n
 * @param {(i: number) => T} make
 */
const list = (n, make) => Array.from({ length: n }, (_, i) => make(i));

/**
 * @param {number} n
 * @param {(i: number) => string} text
 */
const joined = (n, text, separator = "") => list(n, text).join(separator);

/**
 * @param {readonly GgufWriteEntry[]} metadata
 * @param {readonly GgufWriteTensor[]} tensors
 */
function gguf(metadata, tensors = []) {
  const usual = /** @type {readonly GgufWriteEntry[]} */ ([
    { key: "general.architecture", type: "string", value: "llama" },
  ]);
  return { "model.gguf": writeGguf({ metadata: [...usual, ...metadata], tensors }) };
}

/** @param {string} name @returns {GgufWriteTensor} */
const small = (name) => ({ name, type: F32, shape: [1] });

/** @param {number} i */
const place = (i, shape = "1") => `{"dtype":"F32","shape":[${shape}],"data_offsets":[${4 * i},${4 * i + 4}]}`;

/** @param {string} json */
const safetensors = (json) => ({ "model.safetensors": assembleSafetensors(json) });

/** @param {string} template */
const template = (template) => ({
  "model.safetensors": writeSafetensors([{ name: "a", dtype: "U8", shape: [1], data: new Uint8Array(1) }]),
  "chat_template.jinja": template,
});

/** @param {string} piece */
const templateOf = (piece) => (/** @type {number} */ bytes) => template(piece.repeat(bytes / piece.length));

/**
 * @param {string} key
 * @param {readonly string[]} value
 */
const strings = (key, value) => /** @type {const} */ ({ key, type: "array", elementType: "string", value });

/**
 * `largest` is the largest size; the others are a half, a quarter and an eighth of it.
 * @type {readonly Shape[]}
 */
export const SHAPES = [
  {
    what: "GGUF, one tensor name",
    largest: 200_000,
    files: (n) =>
      gguf(
        [],
        list(n, () => small("a")),
      ),
  },
  {
    what: "GGUF, one key",
    largest: 99_000,
    files: (n) => gguf(list(n, () => ({ key: "general.name", type: "string", value: "a" }))),
  },
  {
    what: "GGUF, controls in keys",
    largest: 99_000,
    files: (n) => gguf(list(n, (i) => ({ key: `a\u001b[${i}m`, type: "string", value: "\u202e\u200b\u0007" }))),
  },
  {
    what: "GGUF, empty strings",
    largest: 1_000_000,
    files: (n) => gguf([strings("tokenizer.ggml.tokens", new Array(n).fill(""))]),
  },
  {
    what: "GGUF, one token",
    largest: 1_000_000,
    files: (n) =>
      gguf([
        { key: "tokenizer.ggml.model", type: "string", value: "gpt2" },
        strings("tokenizer.ggml.tokens", new Array(n).fill("a")),
        { key: "tokenizer.ggml.token_type", type: "array", elementType: "i32", value: new Int32Array(n).fill(9) },
        strings("tokenizer.ggml.merges", new Array(n).fill("a")),
      ]),
  },
  {
    what: "GGUF, arrays in an array",
    largest: 400_000,
    files: (n) =>
      gguf([
        { key: "a", type: "array", elementType: "array", value: list(n, () => ({ elementType: "u8", value: [] })) },
      ]),
  },
  {
    what: "GGUF, long names",
    // Above 512 kB Node decodes a text three times as slowly: a step that would pass for growth.
    largest: 400_000,
    files: (n) =>
      gguf(
        [],
        list(64, (i) => small(`blk.${i}.${"\u00e9.".repeat(n / 3)}`)),
      ),
  },
  {
    what: "GGUF, layers",
    largest: 100_000,
    files: (n) =>
      gguf(
        [{ key: "llama.block_count", type: "u32", value: n }],
        list(n, (i) => small(`blk.${i}.ffn_up.weight`)),
      ),
  },
  {
    what: "GGUF, experts of one layer",
    largest: 100_000,
    files: (n) =>
      gguf(
        [{ key: "llama.expert_count", type: "u32", value: n }],
        list(n, (i) => small(`blk.0.ffn_up.${i}.weight`)),
      ),
  },
  {
    what: "GGUF, one value a layer",
    largest: 400_000,
    files: (n) =>
      gguf([
        { key: "llama.block_count", type: "u32", value: n },
        { key: "llama.attention.head_count_kv", type: "array", elementType: "u32", value: new Uint32Array(n).fill(3) },
        { key: "llama.feed_forward_length", type: "array", elementType: "u32", value: new Uint32Array(n).fill(3) },
      ]),
  },
  {
    what: "safetensors, one name",
    largest: 100_000,
    files: (n) => safetensors(`{${joined(n, (i) => `"a":${place(i)}`, ",")}}`),
  },
  {
    what: "safetensors, one place",
    largest: 100_000,
    files: (n) => safetensors(`{${joined(n, (i) => `"a${i}":${place(0)}`, ",")}}`),
  },
  {
    what: "safetensors, controls",
    largest: 99_000,
    files: (n) => safetensors(`{"__metadata__":{${joined(n, (i) => `"\\u001b${i}":"\\u202e"`, ",")}},"a":${place(0)}}`),
  },
  {
    what: "safetensors, deep JSON",
    largest: 20_000,
    files: (n) =>
      safetensors(
        `{${joined(n, (i) => `"a${i}":{"x":${"[".repeat(100)}${"]".repeat(100)},${place(i).slice(1)}`, ",")}}`,
      ),
  },
  {
    what: "safetensors, dimensions",
    largest: 65_536,
    files: (n) =>
      safetensors(
        `{${joined(
          8,
          (i) =>
            `"a${i}":${place(
              i,
              joined(n, () => "1", ","),
            )}`,
          ",",
        )}}`,
      ),
  },
  {
    what: "safetensors, long names",
    largest: 1_000_000,
    files: (n) =>
      safetensors(`{${joined(4, (i) => `"model.layers.${i}.${"\u00e9.".repeat(n / 3)}":${place(i)}`, ",")}}`),
  },
  {
    what: "safetensors, a kind each",
    largest: 80_000,
    files: (n) => safetensors(`{${joined(n, (i) => `"model.layers.0.a${i}b.weight":${place(i)}`, ",")}}`),
  },
  {
    what: "safetensors, layers",
    largest: 80_000,
    files: (n) =>
      safetensors(
        `{${joined(n, (i) => `"model.layers.${i}.${i % 2 ? "mlp.up_proj" : "self_attn.q_proj"}.weight":${place(i)}`, ",")}}`,
      ),
  },
  {
    what: "an index of missing shards",
    largest: 10_000,
    files: (n) => ({
      "model-00001-of-00002.safetensors": writeSafetensors([
        { name: "t0", dtype: "F32", shape: [1], data: new Uint8Array(4) },
      ]),
      "model.safetensors.index.json": writeIndexJson(
        list(n, (i) => ({
          name: `model-${String(i + 1).padStart(5, "0")}-of-00002.safetensors`,
          tensors: list(5, (k) => ({ name: k === 0 ? `t${i}` : `t${i}.${k}`, sizeBytes: 4 })),
        })),
      ),
    }),
  },
  {
    what: "an index, all of it wrong",
    largest: 80_000,
    files: (n) => ({
      "a.safetensors": assembleSafetensors(`{${joined(n, (i) => `"model.layers.${i}.a":${place(i)}`, ",")}}`),
      "b.safetensors": assembleSafetensors(`{${joined(n, (i) => `"model.layers.${i}.b":${place(i)}`, ",")}}`),
      "model.safetensors.index.json": writeIndexJson([
        { name: "a.safetensors", tensors: list(n, (i) => ({ name: `model.layers.${i}.b`, sizeBytes: 4 })) },
        { name: "b.safetensors", tensors: list(n, (i) => ({ name: `model.layers.${i}.c`, sizeBytes: 4 })) },
      ]),
    }),
  },
  {
    what: "modules not quantized",
    largest: 20_000,
    files: (n) => ({
      "model.safetensors": assembleSafetensors(
        `{${joined(n, (i) => `"model.layers.${i}.mlp.up_proj.qweight":${place(i)}`, ",")}}`,
      ),
      "config.json": JSON.stringify({
        num_hidden_layers: n,
        quantization_config: {
          quant_method: "gptq",
          bits: 4,
          modules_to_not_convert: list(n, (i) => `model.layers.${i}.x`),
        },
      }),
    }),
  },
  { what: "a template, {{", largest: 256_000, files: templateOf("{{") },
  { what: "a template, {{}}", largest: 256_000, files: templateOf("{{}}") },
  { what: "a template, {%", largest: 256_000, files: templateOf("{% ") },
  { what: "a template, nested ifs", largest: 256_000, files: templateOf("{% if a %}") },
  { what: "a template, brackets", largest: 256_000, files: (n) => template(`{{ ${"(".repeat(n)} }}`) },
  { what: "a template, attributes", largest: 256_000, files: (n) => template(`{{ a${".b".repeat(n / 2)} }}`) },
  { what: "a template, sums", largest: 256_000, files: (n) => template(`{{ a${"~'a'".repeat(n / 4)} }}`) },
  { what: "a template, comments", largest: 256_000, files: templateOf("{# #}") },
  { what: "a template, an open string", largest: 256_000, files: (n) => template(`{{ '${"\\'".repeat(n / 2)}`) },
  { what: "a template, blanks", largest: 256_000, files: (n) => template(`{{ ${" \n".repeat(n / 2)}x`) },
  {
    what: "a template, conditions",
    largest: 256_000,
    files: templateOf("{% if m.role == 'user' %}{{ m.content }}{% endif %}"),
  },
];

/**
 * Writes the files of a shape.
 * @param {string} folder made if it isn't there
 * @param {number} index of {@link SHAPES}
 * @param {number} n
 */
export function makeShape(folder, index, n) {
  const shape = SHAPES[index];
  if (!shape) throw new Error(`there is no shape ${index}`);
  mkdirSync(folder, { recursive: true });
  let headerBytes = 0;
  for (const [name, content] of Object.entries(shape.files(n))) {
    writeFileSync(join(folder, name), content);
    headerBytes += content.length;
  }
  return { headerBytes, fileBytes: headerBytes };
}
