/**
 * Writes the benchmark files: real headers of extreme size over data that isn't there. The files are extended to their
 * full size with `truncate`, so that they are sparse and take only the header's room on disk.
 */
import { truncateSync, writeFileSync } from "node:fs";
import { ggufDataSize, writeGgufHeader } from "@checkpoint-inspect/parser";

/** @typedef {import("@checkpoint-inspect/parser").GgufInput} GgufInput */
/** @typedef {import("@checkpoint-inspect/parser").GgufWriteTensor} GgufWriteTensor */

/** ggml type ids. */
const F32 = 0;
const F16 = 1;
const Q4_K = 12;

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
  // Tokens are slices of one long text at scattered places: plain strings, and the same on every run.
  const text = "theinandofitonasatbyorfromwithareisbethiswashavenotbutallwereyouwhichtheirbeen".repeat(16);
  const tokens = Array.from({ length: nStrings }, (_, i) => {
    const word = Math.imul(i + 1, 0x9e3779b1) >>> 0;
    const start = word % (text.length - 12);
    return text.slice(start, start + 3 + ((word >>> 16) % 10));
  });
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
