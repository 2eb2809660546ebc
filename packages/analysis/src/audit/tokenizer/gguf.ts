/**
 * The tokenizer inside a GGUF file: its lists against each other and against the tables, its special tokens, what a chat needs.
 *
 * Source: llama.cpp src/llama-vocab.cpp (llama_vocab::impl::load), which also gives the defaults named here.
 */
import { type Evidence, grouped, type LazyArray } from "@checkpoint-inspect/parser";

import { wholeGgufModel } from "../gguf/model.ts";
import type { AuditRule } from "../rule.ts";
import type { Subject } from "../subject.ts";
import { tokenTables } from "./vocabulary.ts";

/** Special tokens, behind `tokenizer.ggml.` and before `_token_id`. The misspelt one is GGUF's own. */
const SPECIAL = [
  "bos",
  "eos",
  "eot",
  "eom",
  "unknown",
  "seperator",
  "padding",
  "cls",
  "mask",
  "prefix",
  "suffix",
  "middle",
  "fim_pre",
  "fim_suf",
  "fim_mid",
  "fim_pad",
  "fim_rep",
  "fim_sep",
] as const;

/** -1 in an unsigned field: how writers say that there is no such token. */
const NO_TOKEN = 0xffff_ffff;

/** `tokenizer.ggml.model` of files that keep their tokenizer elsewhere. */
const NO_TOKENIZER: ReadonlySet<unknown> = new Set(["none", "no_vocab"]);

export const GGUF_TOKENIZER_RULES: readonly AuditRule[] = [
  {
    id: "tokenizer/missing",
    severity: "error",
    means: "a model has no tokenizer, or one without tokens",
    why: "llama.cpp stops: it loads no model without a vocabulary",
    fix: "convert the model again with its tokenizer files beside it",
    check: missingTokenizer,
  },
  {
    id: "tokenizer/list-length",
    severity: "error",
    severities: ["warning"],
    means: "scores or token types are not as many as tokens",
    why: "readers take the entry of each token without a look at the length, and so read beyond the end of a list that is too short",
    fix: "convert the model again; do not load the file with programs that you don't trust to check it",
    check: listLengths,
  },
  {
    id: "tokenizer/embedding-rows",
    severity: "error",
    severities: ["warning"],
    means: "the tokenizer has another number of tokens than the tables have rows",
    why: "ids above the last row are out of range; llama.cpp asks for exactly one row a token and stops",
    fix: "convert the model again, with the tokenizer that belongs to it; converters pad the shorter of the two",
    check: embeddingRows,
  },
  {
    id: "tokenizer/no-merges",
    severity: "error",
    severities: ["warning"],
    means: "a byte-pair tokenizer has no merges",
    why: "without merges no two pieces are ever joined; llama.cpp stops with 'cannot find tokenizer merges'",
    fix: "convert the model again with merges.txt or tokenizer.json beside it",
    check: noMerges,
  },
  {
    id: "tokenizer/no-pre-tokenizer",
    severity: "warning",
    means: "a byte-pair tokenizer doesn't say how text is split before merging",
    why: "llama.cpp takes a default that fits few models, and answers get worse without any error (llama.cpp#7476)",
    fix: "convert the model again with a converter from after May 2024, or give --override-kv tokenizer.ggml.pre=str:NAME",
    check: noPreTokenizer,
  },
  {
    id: "tokenizer/token-id",
    severity: "warning",
    means: "the id of a special token is outside of the vocabulary",
    why: "llama.cpp ignores it with a warning and takes a default; other programs may index beyond the end",
    fix: "convert the model again, or correct the key",
    check: tokenIds,
  },
  {
    id: "tokenizer/no-end",
    severity: "note",
    severities: ["warning"],
    means: "a language model names no token that ends its answers",
    why: "programs guess the end of an answer from the names of tokens, or never stop",
    fix: "convert the model again with its generation_config.json, or give the token yourself",
    check: noEnd,
  },
  {
    id: "tokenizer/no-begin",
    severity: "warning",
    means: "a begin token is to be added, and none is named",
    why: "llama.cpp adds token 11 then, whatever it is, before every prompt",
    fix: "set tokenizer.ggml.bos_token_id, or tokenizer.ggml.add_bos_token to false",
    check: noBegin,
  },
];

function tokensOf({ checkpoint, metadata }: Subject): LazyArray | undefined {
  const tokens = metadata.get("tokenizer.ggml.tokens");
  return checkpoint.format === "gguf" && typeof tokens === "object" ? tokens : undefined;
}

function* missingTokenizer(subject: Subject): Iterable<Evidence> {
  const gguf = wholeGgufModel(subject);
  if (!gguf || gguf.built === "other" || subject.model.kind === "speech") return;
  const name = subject.metadata.get("tokenizer.ggml.model");
  if (name === undefined) yield { message: "tokenizer.ggml.model is missing" };
  else if (!NO_TOKENIZER.has(name) && !tokensOf(subject)) yield { message: "tokenizer.ggml.tokens is missing" };
}

function* listLengths(subject: Subject): Iterable<Evidence> {
  const tokens = tokensOf(subject);
  if (!tokens) return;
  for (const key of ["tokenizer.ggml.scores", "tokenizer.ggml.token_type"]) {
    const list = subject.metadata.get(key);
    if (typeof list !== "object" || list.length === tokens.length) continue;
    yield {
      message: `${key} has ${grouped(list.length)} entries for ${grouped(tokens.length)} tokens`,
      ...(list.length > tokens.length && {
        severity: "warning" as const,
        why: "what stands behind the last token belongs to none; the lists may be from different tokenizers",
      }),
    };
  }
}

function* embeddingRows(subject: Subject): Iterable<Evidence> {
  const gguf = wholeGgufModel(subject);
  if (!gguf || gguf.built === "other" || subject.model.kind === "speech") return;
  const tokens = tokensOf(subject)?.length;
  const stated = tokens ?? gguf.count("vocab_size");
  if (!stated) return;
  const from = tokens === undefined ? gguf.key("vocab_size") : "tokenizer.ggml.tokens";
  for (const { kind, rows } of tokenTables(subject)) {
    if (rows === stated) continue;
    yield {
      message: `${grouped(rows)} rows for ${grouped(stated)} tokens (${from})`,
      tensor: kind.first.name,
      ...(rows > stated && {
        severity: "warning" as const,
        why: "rows that no token uses do no harm, but llama.cpp asks for exactly one row a token and stops",
      }),
    };
  }
}

function isBytePair({ checkpoint, metadata }: Subject): boolean {
  return checkpoint.format === "gguf" && metadata.get("tokenizer.ggml.model") === "gpt2";
}

function* noMerges(subject: Subject): Iterable<Evidence> {
  if (!isBytePair(subject) || !tokensOf(subject)) return;
  const merges = subject.metadata.get("tokenizer.ggml.merges");
  if (merges === undefined) {
    if (subject.complete) yield { message: "tokenizer.ggml.merges is missing" };
  } else if (typeof merges === "object" && merges.length === 0) {
    const why = "without merges no two pieces are ever joined: text is cut into single bytes";
    yield { message: "tokenizer.ggml.merges is empty", severity: "warning", why };
  }
}

function* noPreTokenizer(subject: Subject): Iterable<Evidence> {
  if (!isBytePair(subject) || !subject.complete || !tokensOf(subject)) return;
  if (subject.metadata.get("tokenizer.ggml.pre") === undefined) yield { message: "tokenizer.ggml.pre is missing" };
}

function* tokenIds(subject: Subject): Iterable<Evidence> {
  const tokens = tokensOf(subject);
  if (!tokens) return;
  for (const name of SPECIAL) {
    const key = `tokenizer.ggml.${name}_token_id`;
    const id = subject.metadata.get(key);
    if (typeof id !== "number" || id < 0 || id < tokens.length || id === NO_TOKEN) continue;
    yield { message: `${key} is ${grouped(id)}, of ${grouped(tokens.length)} tokens` };
  }
}

/** A language model with all its keys and a tokenizer of the common kinds: for what one may expect of it. */
function generates(subject: Subject): boolean {
  const { model, metadata } = subject;
  const common = metadata.get("tokenizer.ggml.model") === "llama" || isBytePair(subject);
  return model.kind === "llm" && common && wholeGgufModel(subject) !== undefined && tokensOf(subject) !== undefined;
}

function* noEnd(subject: Subject): Iterable<Evidence> {
  if (!generates(subject)) return;
  const named = ["eos", "eot"].some((name) => subject.metadata.has(`tokenizer.ggml.${name}_token_id`));
  if (named) return;
  yield {
    message: "tokenizer.ggml.eos_token_id and tokenizer.ggml.eot_token_id are missing",
    ...(isBytePair(subject) && {
      severity: "warning" as const,
      why: "llama.cpp takes token 11 for the end, whatever it is",
    }),
  };
}

function* noBegin(subject: Subject): Iterable<Evidence> {
  const { metadata } = subject;
  if (!generates(subject) || !isBytePair(subject) || metadata.get("tokenizer.ggml.add_bos_token") !== true) return;
  if (metadata.has("tokenizer.ggml.bos_token_id")) return;
  yield { message: "tokenizer.ggml.add_bos_token is true, and tokenizer.ggml.bos_token_id is missing" };
}
