/**
 * The tokenizer inside a GGUF file: its lists against each other and against the tables, its special tokens, what a chat needs.
 *
 * Source: llama.cpp src/llama-vocab.cpp (llama_vocab::impl::load), which also gives the defaults named here.
 */
import { type Evidence, grouped, type LazyArray, quoted } from "@checkpoint-inspect/parser";

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

/** Values of `tokenizer.ggml.pre` that a loader is known to take for byte-pair tokenizers (src/llama-vocab.cpp). */
const PRE_TOKENIZERS: ReadonlySet<string> = new Set([
  ..."a.x-4.0 afmoe bailingmoe bailingmoe2 bloom chameleon chatglm-bpe codeshell cohere2moe command-r dbrx".split(" "),
  ..."deepseek-coder deepseek-llm deepseek-r1-qwen deepseek-v3 default exaone exaone-moe exaone4 f2llmv2".split(" "),
  ..."falcon falcon-h1 falcon3 gemma4 gigachat glm4 gpt-2 gpt-4o gpt3-finnish granite-docling".split(" "),
  ..."granite-embed-multi-311m granite-embed-multi-97m grok-2 hunyuan hunyuan-dense jais jais-2 jina-de".split(" "),
  ..."jina-es jina-v1-en jina-v2-code jina-v2-de jina-v2-es jina-v5-nano joyai-llm k2-horizon kanana2".split(" "),
  ..."kimi-k2 kormo laguna lfm2 llada-moe llama-bpe llama-v3 llama3 llama4 megrez mellum mellum2".split(" "),
  ..."midm-2.0 minerva-7b minicpm5 minimax-m2 modern-bert mpt olmo phi-2 pixtral poro-chat qwen2 qwen35".split(" "),
  ..."refact roberta-bpe sarvam-moe seed-coder smaug-bpe smollm solar-open stablelm2 starcoder superbpe".split(" "),
  ..."talkie tekken tiny_aya trillion viking whitespace youtu".split(" "),
]);

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
    means: "the tokenizer has another number of tokens than the tables have rows",
    why: "ids above the last row are out of range; llama.cpp asks for exactly one row a token and stops",
    fix: "convert the model again, with the tokenizer that belongs to it; converters pad the shorter of the two",
    check: embeddingRows,
  },
  {
    id: "tokenizer/vocab-size",
    severity: "note",
    means: "vocab_size is not the number of tokens, and not that of the tables' rows",
    why: "llama.cpp counts the tokens; programs that go by the key show or reserve the wrong size",
    fix: "correct the key, or convert the model again",
    check: vocabSize,
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
    id: "tokenizer/unknown-pre-tokenizer",
    severity: "note",
    means: "tokenizer.ggml.pre names nothing that llama.cpp is known to have",
    why: "llama.cpp stops with 'unknown pre-tokenizer type' at names that it doesn't know; this one may be newer than this tool",
    fix: "try a current llama.cpp; if it stops, convert the model again",
    check: unknownPreTokenizer,
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
      message: `${quoted(kind.first.name)} has ${grouped(rows)} rows for ${grouped(stated)} tokens (${from})`,
      tensor: kind.first.name,
      ...(rows > stated && { why: "llama.cpp asks for exactly one row a token, and stops at a table with more" }),
    };
  }
}

/** Only where tokens and tables agree: the key is the odd one out. */
function* vocabSize(subject: Subject): Iterable<Evidence> {
  const gguf = wholeGgufModel(subject);
  const [stated, tokens] = [gguf?.count("vocab_size"), tokensOf(subject)?.length];
  const tables = tokenTables(subject);
  if (!gguf || stated === undefined || tokens === undefined || stated === tokens || tables.length === 0) return;
  if (tables.some(({ rows }) => rows !== tokens)) return;
  const key = gguf.key("vocab_size");
  yield { message: `${key} is ${grouped(stated)}, and there are ${grouped(tokens)} tokens and as many rows` };
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

function* unknownPreTokenizer(subject: Subject): Iterable<Evidence> {
  const name = subject.metadata.get("tokenizer.ggml.pre");
  if (!isBytePair(subject) || typeof name !== "string" || name === "" || PRE_TOKENIZERS.has(name)) return;
  yield { message: `tokenizer.ggml.pre is ${quoted(name)}, which is not a known one` };
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
