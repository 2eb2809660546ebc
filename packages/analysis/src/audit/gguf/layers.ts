/**
 * Block counts against lists of one value a layer, against the loader's limits, and against the blocks that are there.
 *
 * Source: llama.cpp src/llama-model-loader.cpp (get_key_or_arr: a list must have exactly as many values as there are layers),
 * src/llama-hparams.h (LLAMA_MAX_LAYERS), src/llama-model.cpp (done_getting_tensors).
 */
import { type Evidence, grouped } from "@checkpoint-inspect/parser";

import { formatRanges, plural } from "../../units.ts";
import type { AuditRule } from "../rule.ts";
import type { Subject } from "../subject.ts";
import { type GgufModel, ggufModel, wholeGgufModel } from "./model.ts";

/** llama.cpp src/llama-hparams.h. */
const MAX_LAYERS = 512;

/** Read for every architecture: a wrong length always stops the loader. */
const LISTS = ["feed_forward_length", "attention.head_count", "attention.head_count_kv"] as const;

/** Read for some architectures; the others never look at them. */
const OTHER_LISTS = [
  "attention.sliding_window_pattern",
  "attention.recurrent_layers",
  "attention.compress_ratios",
  "attention.indexer.types",
  "attention.rope_pattern",
  "swiglu_clamp_exp",
  "swiglu_clamp_shexp",
] as const;

/** Blocks that are run more than once, or stand under other names: their number says nothing of the layers. */
const OTHER_BLOCKS: ReadonlySet<string> = new Set(["hrm_text", "wavtokenizer-dec"]);

export const LAYER_RULES: readonly AuditRule[] = [
  {
    id: "gguf/layer-array",
    severity: "error",
    severities: ["warning"],
    means: "a list of one value a layer has another length than block_count",
    why: "llama.cpp stops with 'wrong array length'; readers that don't check it read beyond the end or give layers the wrong value",
    fix: "convert the model again, so that block_count and the list come from one config",
    check: layerArrays,
  },
  {
    id: "gguf/block-count",
    severity: "error",
    severities: ["warning"],
    means: "block_count is 0, above the loader's limit, or not the number of blocks in the file",
    why: "llama.cpp looks for the tensors of exactly that many blocks, and stops where some are missing or left over",
    fix: "get the file again; if it is whole, convert the model again",
    check: blockCount,
  },
];

/** Numbers of layers that a list may have: block_count counts MTP blocks, and not every list goes on into them. */
function lengths(gguf: GgufModel, blocks: number): ReadonlySet<number> {
  const mtp = gguf.count("nextn_predict_layers") ?? 0;
  return new Set([blocks, blocks - mtp, blocks + mtp]);
}

function* layerArrays(subject: Subject): Iterable<Evidence> {
  const gguf = ggufModel(subject);
  const blocks = gguf?.count("block_count");
  if (!gguf || blocks === undefined || subject.model.kind === "vocab") return;
  const allowed = lengths(gguf, blocks);
  for (const name of [...LISTS, ...OTHER_LISTS]) {
    const value = gguf.value(name);
    if (typeof value !== "object" || allowed.has(value.length)) continue;
    const always = LISTS.some((list) => list === name);
    yield {
      message: `${gguf.key(name)} has ${plural(value.length, "value")} for ${plural(blocks, "block")}`,
      ...(!always && { severity: "warning" as const }),
    };
  }
}

function* blockCount(subject: Subject): Iterable<Evidence> {
  const gguf = ggufModel(subject);
  const blocks = gguf?.count("block_count");
  if (!gguf || blocks === undefined || subject.model.kind === "vocab") return;
  const key = gguf.key("block_count");
  if (blocks === 0) {
    const why = "there is nothing to run; programs that divide by it have crashed (CVE-2024-8063)";
    yield { message: `${key} is 0`, severity: subject.checkpoint.tensors.length > 0 ? "error" : "warning", why };
    return;
  }
  if (blocks > MAX_LAYERS) {
    yield {
      message: `${key} is ${grouped(blocks)}, above llama.cpp's limit of ${MAX_LAYERS}`,
      why: "llama.cpp stops: its tables of layers have a fixed size",
      fix: "no model has that many layers; the header is damaged or hostile",
    };
    return;
  }
  if (wholeGgufModel(subject) && gguf.built !== "other" && !OTHER_BLOCKS.has(gguf.architecture)) {
    yield* blocksPresent(subject, gguf, blocks);
  }
}

/** The highest block with tensors against the count. Which block in between lacks something is another rule's matter. */
function* blocksPresent({ layers, facts }: Subject, gguf: GgufModel, blocks: number): Iterable<Evidence> {
  const present = { encoder: 0, decoder: 0 };
  for (const { stack, index } of layers) {
    const side = stack === "decoder" ? "decoder" : stack === "vision" || stack === "audio" ? undefined : "encoder";
    // MTP blocks follow those of the text, and are counted from 0 again.
    const block = stack === "mtp" ? index + (facts.layers ?? 0) : index;
    if (side) present[side] = Math.max(present[side], block + 1);
  }
  const allowed = lengths(gguf, blocks);
  const declared = [
    ["block_count", present.encoder, allowed],
    ["decoder_block_count", present.decoder, new Set([gguf.count("decoder_block_count") || blocks])],
  ] as const;
  for (const [name, found, counts] of declared) {
    if (found === 0 || counts.has(found)) continue;
    const most = Math.max(...counts);
    const key = gguf.key(gguf.value(name) === undefined ? "block_count" : name);
    yield found > most
      ? {
          message: `${key} is ${most}, and the file has ${plural(found, "block")}: 0 to ${found - 1}`,
          why: "llama.cpp leaves no tensor over: it stops with 'wrong number of tensors'",
        }
      : {
          message: `${key} is ${most}, and ${most - found === 1 ? `block ${found} has` : `blocks ${formatRanges([[found, most - 1]])} have`} no tensors`,
          why: "llama.cpp stops with 'missing tensor'",
        };
  }
}
