/**
 * Writes the benchmark files: real headers of extreme size over data that isn't there. The files are extended to their
 * full size with `truncate`, so that they are sparse and take only the header's room on disk.
 */
import { truncateSync, writeFileSync } from "node:fs";
import { assembleSafetensors, ggufDataSize, writeGgufHeader } from "@checkpoint-inspect/parser";

/** @typedef {import("@checkpoint-inspect/parser").GgufInput} GgufInput */
/** @typedef {import("@checkpoint-inspect/parser").GgufWriteTensor} GgufWriteTensor */

/** ggml type ids. */
const F32 = 0;
const F16 = 1;
const Q4_K = 12;
const Q6_K = 14;

/**
 * A MoE of one tensor per expert and projection, as files from before the 3-D stacks have it: Q4_K experts, F16
 * attention, F32 norms and routers. Layers of 256 experts until `nTensors` is reached, so the last may be cut short.
 * @param {string} path
 * @param {number} nTensors
 * @returns {{ headerBytes: number, fileBytes: number }}
 */
export function bigTensorTable(path, nTensors) {
  const [hidden, ffn, experts] = [2048, 768, 256];
  /** @type {readonly (readonly [string, number, readonly number[]])[]} */
  const layer = [
    ["attn_norm", F32, [hidden]],
    ["attn_q", F16, [hidden, hidden]],
    ["attn_k", F16, [hidden, 512]],
    ["attn_v", F16, [hidden, 512]],
    ["attn_output", F16, [hidden, hidden]],
    ["ffn_norm", F32, [hidden]],
    ["ffn_gate_inp", F32, [hidden, experts]],
    ...Array.from({ length: experts }, (_, e) => /** @type {const} */ ([`ffn_gate.${e}`, Q4_K, [hidden, ffn]])),
    ...Array.from({ length: experts }, (_, e) => /** @type {const} */ ([`ffn_down.${e}`, Q4_K, [ffn, hidden]])),
    ...Array.from({ length: experts }, (_, e) => /** @type {const} */ ([`ffn_up.${e}`, Q4_K, [hidden, ffn]])),
  ];
  /** @type {GgufWriteTensor[]} */
  const tensors = [
    { name: "token_embd.weight", type: F16, shape: [hidden, 32_000] },
    { name: "output_norm.weight", type: F32, shape: [hidden] },
    { name: "output.weight", type: F16, shape: [hidden, 32_000] },
  ].slice(0, nTensors);
  let blocks = 0;
  while (tensors.length < nTensors) {
    for (const [part, type, shape] of layer.slice(0, nTensors - tensors.length)) {
      tensors.push({ name: `blk.${blocks}.${part}.weight`, type, shape });
    }
    blocks++;
  }
  return writeSparse(path, {
    metadata: [
      { key: "general.architecture", type: "string", value: "llama" },
      { key: "general.name", type: "string", value: `Benchmark: ${nTensors} tensors` },
      { key: "llama.block_count", type: "u32", value: blocks },
      { key: "llama.context_length", type: "u32", value: 4096 },
      { key: "llama.embedding_length", type: "u32", value: hidden },
      { key: "llama.feed_forward_length", type: "u32", value: ffn },
      { key: "llama.expert_count", type: "u32", value: experts },
      { key: "llama.expert_used_count", type: "u32", value: 8 },
      { key: "llama.attention.head_count", type: "u32", value: 16 },
      { key: "llama.attention.head_count_kv", type: "u32", value: 4 },
      { key: "general.file_type", type: "u32", value: 15 },
    ],
    tensors,
  });
}

/**
 * A vocabulary of `nStrings` tokens of 3 to 12 bytes, and one small tensor.
 * @param {string} path
 * @param {number} nStrings
 * @returns {{ headerBytes: number, fileBytes: number }}
 */
export function bigStringArray(path, nStrings) {
  const tokens = words(nStrings, 3, 12);
  return writeSparse(path, {
    metadata: [
      { key: "general.architecture", type: "string", value: "llama" },
      { key: "general.name", type: "string", value: `Benchmark: ${nStrings} tokens` },
      { key: "llama.block_count", type: "u32", value: 0 },
      { key: "tokenizer.ggml.model", type: "string", value: "llama" },
      { key: "tokenizer.ggml.tokens", type: "array", elementType: "string", value: tokens },
    ],
    tensors: [{ name: "token_embd.weight", type: Q4_K, shape: [256, nStrings] }],
  });
}

/**
 * As large as the header of Qwen3-1.7B-Q4_K_M, for machines without a real one: 151,936 tokens with their types,
 * 151,387 merges, 310 tensors of the same names, shapes and types.
 * @param {string} path
 * @returns {{ headerBytes: number, fileBytes: number }}
 */
export function qwenLike(path) {
  const [hidden, ffn, q, kv, head, vocabulary, merges, blocks] = [2048, 6144, 2048, 1024, 128, 151_936, 151_387, 28];
  /** @type {readonly (readonly [string, number, readonly number[]])[]} */
  const layer = [
    ["attn_k", Q4_K, [hidden, kv]],
    ["attn_k_norm", F32, [head]],
    ["attn_norm", F32, [hidden]],
    ["attn_output", Q4_K, [q, hidden]],
    ["attn_q", Q4_K, [hidden, q]],
    ["attn_q_norm", F32, [head]],
    ["attn_v", Q6_K, [hidden, kv]],
    ["ffn_down", Q6_K, [ffn, hidden]],
    ["ffn_gate", Q4_K, [hidden, ffn]],
    ["ffn_norm", F32, [hidden]],
    ["ffn_up", Q4_K, [hidden, ffn]],
  ];
  return writeSparse(path, {
    metadata: [
      { key: "general.architecture", type: "string", value: "qwen3" },
      { key: "general.name", type: "string", value: "Benchmark: as large as Qwen3 1.7B" },
      { key: "qwen3.block_count", type: "u32", value: blocks },
      { key: "qwen3.context_length", type: "u32", value: 40_960 },
      { key: "qwen3.embedding_length", type: "u32", value: hidden },
      { key: "qwen3.feed_forward_length", type: "u32", value: ffn },
      { key: "qwen3.attention.head_count", type: "u32", value: q / head },
      { key: "qwen3.attention.head_count_kv", type: "u32", value: kv / head },
      { key: "qwen3.attention.key_length", type: "u32", value: head },
      { key: "qwen3.attention.value_length", type: "u32", value: head },
      { key: "tokenizer.ggml.model", type: "string", value: "gpt2" },
      { key: "tokenizer.ggml.tokens", type: "array", elementType: "string", value: words(vocabulary, 2, 11) },
      {
        key: "tokenizer.ggml.token_type",
        type: "array",
        elementType: "i32",
        value: new Int32Array(vocabulary).fill(1),
      },
      { key: "tokenizer.ggml.merges", type: "array", elementType: "string", value: words(merges, 3, 12) },
      { key: "general.file_type", type: "u32", value: 15 },
    ],
    tensors: [
      { name: "output_norm.weight", type: F32, shape: [hidden] },
      { name: "token_embd.weight", type: Q6_K, shape: [hidden, vocabulary] },
      ...Array.from({ length: blocks }, (_, block) =>
        layer.map(([part, type, shape]) => ({
          name: `blk.${block}.${part}.weight`,
          // K_M files keep half of the value and down projections at six bits.
          type: type === Q6_K && block % 2 === 1 ? Q4_K : type,
          shape,
        })),
      ).flat(),
    ],
  });
}

/** @typedef {{ ending: string, dtype: string, shape: readonly number[], bytes: number }} ModuleTensor */

/** The experts' matrices: 256 x 1024, and 1024 x 256 for the last. */
const [WIDTH, INNER, EXPERTS] = [1024, 256, 256];
const PROJECTIONS = /** @type {const} */ ([
  ["gate_proj", INNER, WIDTH],
  ["up_proj", INNER, WIDTH],
  ["down_proj", WIDTH, INNER],
]);

/**
 * A MoE in safetensors, one module per expert and projection, BF16.
 * @param {string} path
 * @param {number} nTensors
 * @returns {{ headerBytes: number, fileBytes: number }}
 */
export function bigSafetensors(path, nTensors) {
  return expertModules(path, nTensors, (out, width) => [
    { ending: "weight", dtype: "BF16", shape: [out, width], bytes: 2 * out * width },
  ]);
}

/**
 * The same in FP8, with a scale for each block of 128 x 128.
 * @param {string} path
 * @param {number} nTensors
 */
export function bigFp8(path, nTensors) {
  return expertModules(path, nTensors, (out, width) => [
    { ending: "weight", dtype: "F8_E4M3", shape: [out, width], bytes: out * width },
    {
      ending: "weight_scale_inv",
      dtype: "F32",
      shape: [out / 128, width / 128],
      bytes: (4 * out * width) / 128 ** 2,
    },
  ]);
}

/**
 * The same in 4-bit GPTQ, groups of 128.
 * @param {string} path
 * @param {number} nTensors
 */
export function bigGptq(path, nTensors) {
  return expertModules(path, nTensors, (out, width) => [
    { ending: "qweight", dtype: "I32", shape: [width / 8, out], bytes: (out * width) / 2 },
    { ending: "qzeros", dtype: "I32", shape: [width / 128, out / 8], bytes: (out * width) / 256 },
    { ending: "scales", dtype: "F16", shape: [width / 128, out], bytes: (out * width) / 64 },
    { ending: "g_idx", dtype: "I32", shape: [width], bytes: 4 * width },
  ]);
}

/**
 * @param {string} path
 * @param {number} nTensors
 * @param {(out: number, width: number) => readonly ModuleTensor[]} module
 */
function expertModules(path, nTensors, module) {
  /** @type {string[]} */
  const members = [];
  let end = 0;
  for (let i = 0; members.length < nTensors; i++) {
    const [projection, out, width] = PROJECTIONS[i % 3] ?? PROJECTIONS[0];
    const expert = Math.floor(i / 3) % EXPERTS;
    const layer = Math.floor(i / (3 * EXPERTS));
    for (const { ending, dtype, shape, bytes } of module(out, width)) {
      const place = `"dtype":"${dtype}","shape":[${shape}],"data_offsets":[${end},${end + bytes}]`;
      members.push(`"model.layers.${layer}.mlp.experts.${expert}.${projection}.${ending}":{${place}}`);
      end += bytes;
    }
  }
  const header = assembleSafetensors(`{${members.join(",")}}`);
  writeFileSync(path, header);
  truncateSync(path, header.length + end);
  return { headerBytes: header.length, fileBytes: header.length + end };
}

/**
 * Slices of one long text at scattered places: plain strings, and the same on every run.
 * @param {number} length
 * @param {number} shortest bytes
 * @param {number} longest bytes
 */
function words(length, shortest, longest) {
  const text = "theinandofitonasatbyorfromwithareisbethiswashavenotbutallwereyouwhichtheirbeen".repeat(16);
  return Array.from({ length }, (_, i) => {
    const word = Math.imul(i + 1, 0x9e3779b1) >>> 0;
    const start = word % (text.length - longest);
    return text.slice(start, start + shortest + ((word >>> 16) % (longest - shortest + 1)));
  });
}

/**
 * @param {string} path
 * @param {GgufInput} input
 */
function writeSparse(path, input) {
  const header = writeGgufHeader(input);
  const fileBytes = header.length + ggufDataSize(input);
  writeFileSync(path, header);
  truncateSync(path, fileBytes);
  return { headerBytes: header.length, fileBytes };
}
