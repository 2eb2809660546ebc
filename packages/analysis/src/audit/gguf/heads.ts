/**
 * Heads, rotary dimensions and context against each other.
 *
 * Source: llama.cpp src/llama-model.cpp (load_hparams), ggml src/ggml.c (ggml_can_mul_mat: query heads are a multiple of key heads).
 */
import { type Evidence, grouped } from "@checkpoint-inspect/parser";

import type { AuditRule } from "../rule.ts";
import type { Subject } from "../subject.ts";
import { ggufModel, hasAttention, isChecked, isPlain } from "./model.ts";

/** Their loader asks that the rotary part is the whole head. */
const WHOLE_ROPE: ReadonlySet<string> = new Set(["llama", "deci", "falcon", "llama-embed"]);

/** Of time, height, width and one more (multimodal rotary positions). */
const ROPE_SECTIONS = 4;

export const HEAD_RULES: readonly AuditRule[] = [
  {
    id: "gguf/no-heads",
    severity: "error",
    severities: ["warning"],
    means: "head_count is 0 in an architecture with attention",
    why: "llama.cpp makes every head 0 wide then, and stops at the shapes of the tensors; programs that divide by it without a look crash",
    fix: "convert the model again; do not open the file with programs that you don't trust to check it",
    check: noHeads,
  },
  {
    id: "gguf/heads-divide",
    severity: "error",
    severities: ["warning"],
    means: "heads don't divide evenly: query heads by key heads, or the embedding by heads",
    why: "each key head serves the same number of query heads; the product of query and key can't be formed",
    fix: "convert the model again; the keys contradict each other",
    check: headsDivide,
  },
  {
    id: "gguf/rope-dimensions",
    severity: "error",
    means: "rope.dimension_count is not the width of a head, where the loader asks for that",
    why: "llama.cpp stops with 'invalid n_rot'",
    fix: "convert the model again; attention.key_length must be there where heads are not embedding_length / head_count wide",
    check: ropeDimensions,
  },
  {
    id: "gguf/rope-sections",
    severity: "warning",
    means: "rope.dimension_sections has not four values",
    why: "llama.cpp stops with 'wrong array length; expected 4'; files with three are read by Ollama alone",
    fix: "get a file that was converted by a current llama.cpp",
    check: ropeSections,
  },
  {
    id: "gguf/no-context",
    severity: "warning",
    means: "context_length is 0",
    why: "programs take the default size of the context from it",
    fix: "give the size of the context yourself, or convert the model again",
    check: noContext,
  },
];

function* noHeads(subject: Subject): Iterable<Evidence> {
  const gguf = ggufModel(subject);
  if (!gguf || !isPlain(gguf) || gguf.value("attention.head_count") !== 0) return;
  const stops = isChecked(gguf) && subject.complete && hasAttention(subject);
  yield {
    message: `${gguf.key("attention.head_count")} is 0`,
    ...(!stops && {
      severity: "warning",
      why: "a head's width is embedding_length / head_count: programs that divide by it without a look crash",
    }),
  };
}

function* headsDivide(subject: Subject): Iterable<Evidence> {
  const gguf = ggufModel(subject);
  if (!gguf || !isPlain(gguf)) return;
  const [heads, kv] = ["attention.head_count", "attention.head_count_kv"] as const;
  const perLayer = [heads, kv].map((name) => gguf.value(name));
  const lists = perLayer.flatMap((value) => (typeof value === "object" ? (value.values?.length ?? 0) : []));
  // Lists may have one pair for each layer; the first that doesn't fit is enough.
  for (let layer = 0; layer < Math.max(1, ...lists); layer++) {
    const [query, key] = [gguf.ofLayer(heads, layer), gguf.ofLayer(kv, layer)];
    if (!query || !key || query % key === 0) continue;
    const where = lists.length > 0 ? ` in layer ${layer}` : "";
    yield {
      message: `${grouped(query)} query heads (${gguf.key(heads)}) for ${grouped(key)} key heads (${gguf.key(kv)})${where}: not a multiple`,
    };
    break;
  }
  const [width, query] = [gguf.count("embedding_length"), gguf.count(heads)];
  const stated = gguf.value("attention.key_length") ?? gguf.value("attention.kv_lora_rank");
  if (stated === undefined && width && query && width % query !== 0) {
    yield {
      severity: "warning",
      message: `${gguf.key("embedding_length")} ${grouped(width)} is no multiple of ${gguf.key(heads)} ${grouped(query)}, and there is no ${gguf.key("attention.key_length")}`,
      why: "the width of a head comes out rounded down, so the tensors' shapes don't fit",
    };
  }
}

function* ropeDimensions(subject: Subject): Iterable<Evidence> {
  const gguf = ggufModel(subject);
  if (!gguf || !WHOLE_ROPE.has(gguf.architecture)) return;
  const rotary = gguf.count("rope.dimension_count");
  const [width, heads] = [gguf.count("embedding_length"), gguf.ofLayer("attention.head_count", 0)];
  if (rotary === undefined || !heads || width === undefined) return;
  const stated = gguf.count("attention.key_length");
  const head = stated ?? Math.floor(width / heads);
  if (rotary === head) return;
  const from =
    stated === undefined
      ? `${gguf.key("embedding_length")} / ${gguf.key("attention.head_count")}`
      : gguf.key("attention.key_length");
  yield { message: `${gguf.key("rope.dimension_count")} is ${grouped(rotary)}, expected ${grouped(head)} (${from})` };
}

function* ropeSections(subject: Subject): Iterable<Evidence> {
  const gguf = ggufModel(subject);
  const sections = gguf?.value("rope.dimension_sections");
  if (!gguf || typeof sections !== "object" || sections.length === ROPE_SECTIONS) return;
  yield {
    message: `${gguf.key("rope.dimension_sections")} has ${grouped(sections.length)} values, expected ${ROPE_SECTIONS}`,
  };
}

function* noContext(subject: Subject): Iterable<Evidence> {
  const gguf = ggufModel(subject);
  if (gguf?.value("context_length") === 0) yield { message: `${gguf.key("context_length")} is 0` };
}
