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
import { ggufModel, hasAttention, isChecked, isPlain, wholeGgufModel } from "./model.ts";

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

/** What every architecture has of its own. */
const STEM_KEY = ".block_count";

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
  f32: [...EPSILONS, "rope.freq_base", "rope.scaling.factor"],
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
  "an array of string": ["tokenizer.ggml.tokens", "tokenizer.ggml.merges"],
  "an array of f32": ["tokenizer.ggml.scores"],
  "an array of i32": ["tokenizer.ggml.token_type"],
  bool: ["tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_eos_token", "tokenizer.ggml.add_sep_token"],
};

export const KEY_RULES: readonly AuditRule[] = [
  {
    id: "gguf/no-architecture",
    severity: "error",
    severities: ["warning", "note"],
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
  {
    id: "gguf/number",
    severity: "error",
    severities: ["warning"],
    means: "a hyper-parameter is a number that no model can have",
    why: "every layer divides by it: all values come out as NaN",
    fix: "get the file again, or convert the model again; the header is damaged or was edited",
    check: numbers,
  },
];

function* noArchitecture({ checkpoint, metadata, model, complete }: Subject): Iterable<Evidence> {
  if (checkpoint.format !== "gguf" || !complete || checkpoint.tensors.length === 0) return;
  // An importance matrix needs none, and what draws images is run by programs that know it by its tensors.
  if (model.kind === "imatrix" || model.kind === "diffusion") return;
  const name = metadata.get("general.architecture");
  if (typeof name === "string") return;
  const found = `the file has tensors, and ${name === undefined ? "no general.architecture" : "general.architecture is no text"}`;
  const stem = keyStem(metadata);
  // Keys of an architecture were written for llama.cpp; without them the file may be for a program that needs no such name.
  if (stem !== undefined) yield { message: `${found}; the hyper-parameters are those of ${quoted(stem)}` };
  else yield { message: found, severity: model.kind === "unknown" ? "note" : "warning" };
}

/** A known architecture that hyper-parameters stand under, whatever general.architecture says. */
function keyStem(metadata: Subject["metadata"]): string | undefined {
  for (const key of metadata.keys()) {
    if (!key.endsWith(STEM_KEY)) continue;
    const stem = key.slice(0, -STEM_KEY.length);
    if (REQUIRED.every((name) => metadata.has(`${stem}.${name}`)) && architectureFacts(stem)) return stem;
  }
  return undefined;
}

function* unknownArchitecture({ checkpoint, metadata, model }: Subject): Iterable<Evidence> {
  const name = metadata.get("general.architecture");
  if (checkpoint.format !== "gguf" || typeof name !== "string" || !NAMED_KINDS.has(model.kind)) return;
  if (!architectureFacts(name)) yield { message: `general.architecture is ${quoted(name)}, which is not a known one` };
}

function* missingKeys(subject: Subject): Iterable<Evidence> {
  const gguf = wholeGgufModel(subject);
  if (!gguf) return;
  const stem = REQUIRED.every((name) => gguf.value(name) === undefined) ? keyStem(subject.metadata) : undefined;
  if (stem !== undefined) {
    const own = quoted(gguf.architecture);
    const message = `general.architecture is ${own}, and the hyper-parameters are those of ${quoted(stem)}`;
    yield {
      message,
      fix: "set general.architecture to the name that the keys stand under, or convert the model again",
    };
    return;
  }
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
  const severity = isChecked(gguf) ? "error" : "warning";
  const why = "llama.cpp takes 0 in its place, and then the tensors' shapes don't fit";
  if (gguf.value("attention.head_count") === undefined && hasAttention(subject)) {
    yield { message: `${gguf.key("attention.head_count")} is missing, and layers have attention`, severity, why };
  }
  if (gguf.built === "dense" && gguf.value("feed_forward_length") === undefined && hasDenseLayers(subject)) {
    const message = `${gguf.key("feed_forward_length")} is missing, and layers have a feed-forward network`;
    yield { message, severity, why };
  }
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
    const found = typeof value === "object" ? `an array of ${value.elementType}` : type;
    if (expected === undefined || found === expected) continue;
    if (expected.startsWith("u32 or") && fitsEach(found)) continue;
    yield { message: `${key} is ${found}, expected ${expected}` };
  }
}

/** Whole numbers of one sign or the other: in arrays both will do. */
function fitsEach(found: string): boolean {
  return found === "u32" || found === "an array of u32" || found === "an array of i32";
}

/** The epsilon of norms may be 0, not less; the base of rotations is a positive number, where it is stated. */
function* numbers(subject: Subject): Iterable<Evidence> {
  const gguf = ggufModel(subject);
  if (!gguf || !isPlain(gguf)) return;
  for (const name of EPSILONS) {
    const value = gguf.value(name);
    if (typeof value === "number" && !(value >= 0 && value < Number.POSITIVE_INFINITY)) {
      yield { message: `${gguf.key(name)} is ${value}` };
    }
  }
  const base = gguf.value("rope.freq_base");
  if (typeof base !== "number" || (base > 0 && base < Number.POSITIVE_INFINITY)) return;
  const why = "positions are turned by powers of it: attention comes out wrong, or as NaN";
  yield { message: `${gguf.key("rope.freq_base")} is ${base}`, severity: "warning", why };
}
