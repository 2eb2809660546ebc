/**
 * Keys that every model needs, and the types that they must have.
 *
 * Source: llama.cpp src/llama-model.cpp (llama_model_base::load_hparams), src/llama-model-loader.cpp (GKV::get_kv, which takes no
 * other type than the one it asks for).
 */
import { type Evidence, quoted } from "@checkpoint-inspect/parser";

import { architectureFacts } from "../../architectures.ts";
import type { ModelKind } from "../../kind.ts";
import type { AuditRule } from "../rule.ts";
import type { Subject } from "../subject.ts";
import { ggufModel, isPlain, wholeGgufModel } from "./model.ts";

/** Kinds of files whose architecture names what llama.cpp should load; others have runtimes and names of their own. */
const NAMED_KINDS: ReadonlySet<ModelKind> = new Set<ModelKind>([
  "llm",
  "draft",
  "encoder",
  "embedding",
  "reranker",
  "encoder-decoder",
  "vocab",
  "unknown",
]);

/** Key by key, what llama.cpp throws without. */
const REQUIRED = ["context_length", "embedding_length", "block_count"] as const;

const EPSILONS = ["attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon"] as const;

/** Behind the architecture, by the type that the loader asks for, whatever the architecture. */
const TYPES: Readonly<Record<string, readonly string[]>> = {
  u32: [
    "context_length",
    "embedding_length",
    "block_count",
    "expert_count",
    "expert_used_count",
    "expert_group_count",
    "expert_group_used_count",
    "attention.key_length",
    "attention.value_length",
    "rope.dimension_count",
  ],
  "u32 or an array of it": ["feed_forward_length", "attention.head_count", "attention.head_count_kv"],
  f32: ["rope.freq_base", "rope.scaling.factor"],
  bool: ["attention.causal"],
};

/** Whole keys, likewise. */
const GENERAL_TYPES: Readonly<Record<string, readonly string[]>> = {
  string: ["general.architecture", "general.name", "tokenizer.ggml.model", "tokenizer.ggml.pre"],
  u32: [
    "general.file_type",
    "tokenizer.ggml.bos_token_id",
    "tokenizer.ggml.eos_token_id",
    "tokenizer.ggml.eot_token_id",
    "tokenizer.ggml.eom_token_id",
    "tokenizer.ggml.unknown_token_id",
    "tokenizer.ggml.seperator_token_id",
    "tokenizer.ggml.padding_token_id",
    "tokenizer.ggml.mask_token_id",
  ],
  bool: ["tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_eos_token", "tokenizer.ggml.add_sep_token"],
};

export const KEY_RULES: readonly AuditRule[] = [
  {
    id: "gguf/no-architecture",
    severity: "warning",
    severities: ["note"],
    means: "general.architecture is missing",
    why: "every other hyper-parameter is stored under its name; llama.cpp and what builds on it can't load the file as a model",
    fix: "convert the model again, or open the file with the program that it was made for",
    check: noArchitecture,
  },
  {
    id: "gguf/unknown-architecture",
    severity: "note",
    means: "general.architecture names nothing that llama.cpp is known to load",
    why: "llama.cpp refuses names that it doesn't know; the model may be newer than this tool, or made for another program",
    fix: "try a current llama.cpp, or see what the file's maker runs it with",
    check: unknownArchitecture,
  },
  {
    id: "gguf/missing-key",
    severity: "error",
    severities: ["warning"],
    means: "a key that the loader asks for is missing",
    why: "llama.cpp stops with 'key not found in model'",
    fix: "convert the model again with a current converter",
    check: missingKeys,
  },
  {
    id: "gguf/key-type",
    severity: "error",
    means: "a key has another type than the loader asks for",
    why: "llama.cpp converts nothing: it stops with 'key has wrong type'",
    fix: "write the key again with the type that is expected",
    check: keyTypes,
  },
];

function* noArchitecture({ checkpoint, metadata, model, complete }: Subject): Iterable<Evidence> {
  if (checkpoint.format !== "gguf" || !complete || checkpoint.tensors.length === 0) return;
  // An importance matrix needs none, and what draws images is run by programs that know it by its tensors.
  if (model.kind === "imatrix" || model.kind === "diffusion") return;
  const name = metadata.get("general.architecture");
  if (typeof name === "string") return;
  const severity = model.kind === "unknown" ? "note" : "warning";
  const message = `the file has tensors, and ${name === undefined ? "no general.architecture" : "general.architecture is no text"}`;
  yield { message, severity };
}

function* unknownArchitecture({ checkpoint, metadata, model }: Subject): Iterable<Evidence> {
  const name = metadata.get("general.architecture");
  if (checkpoint.format !== "gguf" || typeof name !== "string" || !NAMED_KINDS.has(model.kind)) return;
  if (!architectureFacts(name)) yield { message: `general.architecture is ${quoted(name)}, which is not a known one` };
}

function* missingKeys(subject: Subject): Iterable<Evidence> {
  const gguf = wholeGgufModel(subject);
  if (!gguf) return;
  for (const name of REQUIRED) {
    if (gguf.value(name) === undefined) yield { message: `${gguf.key(name)} is missing` };
  }
  if (!isPlain(gguf)) return;
  if (EPSILONS.every((name) => gguf.value(name) === undefined)) {
    yield {
      message: `neither ${gguf.key(EPSILONS[0])} nor ${gguf.key(EPSILONS[1])} is there`,
      why: "every architecture asks for one of them; llama.cpp stops with 'key not found in model'",
    };
  }
  // These two may be left out, and count as 0 then: only where tensors need them is that a mistake.
  const severity = "warning";
  const why = "llama.cpp takes 0 in its place, and then the tensors' shapes don't fit";
  if (gguf.value("attention.head_count") === undefined && hasAttention(subject)) {
    yield { message: `${gguf.key("attention.head_count")} is missing, and layers have attention`, severity, why };
  }
  if (gguf.built === "dense" && gguf.value("feed_forward_length") === undefined && hasDenseLayers(subject)) {
    const message = `${gguf.key("feed_forward_length")} is missing, and layers have a feed-forward network`;
    yield { message, severity, why };
  }
}

function hasAttention({ layers }: Subject): boolean {
  return layers.some(({ mixers }) => mixers.includes("attention"));
}

function hasDenseLayers({ layers }: Subject): boolean {
  return layers.some(({ feedForward }) => feedForward === "dense");
}

function* keyTypes(subject: Subject): Iterable<Evidence> {
  const gguf = ggufModel(subject);
  if (!gguf || subject.model.kind === "vocab") return;
  const wanted = new Map<string, string>();
  for (const [type, names] of Object.entries(TYPES)) for (const name of names) wanted.set(gguf.key(name), type);
  for (const [type, keys] of Object.entries(GENERAL_TYPES)) for (const key of keys) wanted.set(key, type);
  for (const { key, type, value } of subject.checkpoint.metadata) {
    const expected = wanted.get(key);
    if (expected === undefined || type === expected) continue;
    const found = typeof value === "object" ? `an array of ${value.elementType}` : type;
    if (expected.startsWith("u32 or") && fitsEach(found)) continue;
    yield { message: `${key} is ${found}, expected ${expected}` };
  }
}

/** Whole numbers of one sign or the other: in arrays both will do. */
function fitsEach(found: string): boolean {
  return found === "u32" || found === "an array of u32" || found === "an array of i32";
}
