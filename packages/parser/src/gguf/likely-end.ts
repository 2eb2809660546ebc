/**
 * Where the header of a GGUF file is likely to end, told from its beginning: for sources where each read is a request, so that
 * the second one can be of the right size. Strings are length-prefixed one by one, so the end of a vocabulary can't be known
 * without reading it; but nearly all of a header is its vocabulary, and what a token takes hardly differs between vocabularies
 * of one kind. A guess that is too small costs a request, one that is too large some bytes: no figure depends on it.
 */
import type { Progress } from "./read.ts";
import { type Cursor, tell } from "./values.ts";

interface Vocabulary {
  /** Bytes of a token in `tokenizer.ggml.tokens`, its 8-byte length included: averages of whole vocabularies. */
  readonly token: number;
  /** The same of a merge, of which there are about as many as tokens; 0 where the kind has none. */
  readonly merge: number;
  /** Bytes of a token in arrays beside it: `token_type` (i32), `scores` (f32). */
  readonly beside: number;
}

/** By `tokenizer.ggml.model`. Measured on vocabularies that llama.cpp's converter wrote: qwen2, llama-spm, bert-bge. */
const VOCABULARIES: Readonly<Record<string, Vocabulary>> = {
  gpt2: { token: 17.03, merge: 18.04, beside: 4 },
  llama: { token: 14.59, merge: 0, beside: 8 },
  bert: { token: 16.53, merge: 0, beside: 4 },
  t5: { token: 14.59, merge: 0, beside: 8 },
};
const USUAL: Vocabulary = { token: 16, merge: 0, beside: 8 };

/** An entry of the tensor table: name, dimensions, type and offset take 60 to 70 bytes. */
const TENSOR_BYTES = 70;
/** What follows the vocabulary: a chat template, and keys that a quantizer adds. */
const REST_BYTES = 24 * 1024;
/** Above the likely end, for vocabularies that are a little larger. */
const SLACK = 1.04;
/** Of a walk, so many elements tell more than the table does. */
const TELLING_SHARE = 0.3;

const TOKENS = "tokenizer.ggml.tokens";
const MERGES = "tokenizer.ggml.merges";

/** Absolute offset, in bytes, from what was read up to the cursor. */
export function likelyHeaderEnd(cursor: Cursor, progress: Progress): number {
  const { array, metadata, tensorCount, layout } = progress;
  const vocabulary = VOCABULARIES[textOf(progress, "tokenizer.ggml.model") ?? ""] ?? USUAL;
  const seen = new Set(metadata.map(({ key }) => key));
  let bytes = 0;
  let tokens = lengthOf(progress, TOKENS);
  if (array) {
    const { walk, key } = array;
    const left = walk.frames[0]?.remaining ?? 0;
    const done = walk.length - left;
    const expected = key === MERGES ? vocabulary.merge : key === TOKENS ? vocabulary.token : USUAL.token;
    // The first tokens of a vocabulary are its shortest ones.
    const measured = done > TELLING_SHARE * walk.length ? (tell(cursor) - walk.start) / done : expected;
    bytes += left * measured;
    seen.add(key);
    if (key === TOKENS) tokens = walk.length;
  }
  if (tokens > 0) {
    if (!seen.has("tokenizer.ggml.token_type")) bytes += tokens * 4;
    if (vocabulary.beside > 4 && !seen.has("tokenizer.ggml.scores")) bytes += tokens * (vocabulary.beside - 4);
    if (!seen.has(MERGES)) bytes += tokens * vocabulary.merge;
  }
  const table = (tensorCount - layout.tensors.length) * TENSOR_BYTES;
  const rest = metadata.length < progress.metadataCount ? REST_BYTES : 0;
  return tell(cursor) + Math.ceil(bytes * SLACK) + table + rest;
}

function textOf({ metadata }: Progress, key: string): string | undefined {
  const value = metadata.find((entry) => entry.key === key)?.value;
  return typeof value === "string" ? value : undefined;
}

function lengthOf({ metadata }: Progress, key: string): number {
  const value = metadata.find((entry) => entry.key === key)?.value;
  return typeof value === "object" ? value.length : 0;
}
