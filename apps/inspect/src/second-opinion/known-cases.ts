/**
 * Disagreements in which it is known who is right. Each row stands in docs/second-opinion.md as well. They are reported as notes
 * that say so, never left out: a tool that builds on the other reader shows what it says.
 */
import type { Checkpoint } from "@checkpoint-inspect/parser";

import type { Disagreement } from "./disagreement.ts";

export interface KnownCase {
  readonly id: string;
  /** What the other reader does, as a sentence that begins with it: `drops a byte order mark at a string's start`. */
  readonly does: string;
  readonly explains: (found: Disagreement, checkpoint: Checkpoint) => boolean;
}

const BYTE_ORDER_MARK = "\uFEFF";

/** What is left of text that was decoded without asking to keep the mark. */
export function withoutMark(text: string): string {
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
}

/** Its window ends at a multiple of this; strings are cut there without a word. */
const GGUF_CHUNK_BYTES = 2_000_000;

const isText = (value: unknown): value is string => typeof value === "string";

/** Whether its own words, when it refuses a file, are of this kind. */
const refusal =
  (pattern: RegExp) =>
  ({ rule, theirs }: Disagreement): boolean =>
    rule === "opinion/refused" && isText(theirs) && pattern.test(theirs);

const MARK: KnownCase = {
  id: "byte-order-mark",
  does: "drops a byte order mark at a string's start",
  explains: ({ ours, theirs }) => isText(ours) && isText(theirs) && ours !== theirs && withoutMark(ours) === theirs,
};

const PROTO: KnownCase = {
  id: "proto",
  does: "loses what is named __proto__: it keeps names as properties of an object",
  explains: ({ name, what }) => what === "missing" && name === "__proto__",
};

export const GGUF_CASES: readonly KnownCase[] = [
  MARK,
  PROTO,
  {
    id: "gguf-duplicate-key",
    does: "keeps the last of a key that stands twice",
    explains: ({ rule, what }) => rule === "opinion/metadata" && what === "repeated",
  },
  {
    id: "gguf-limits",
    does: "has limits of its own: 1,000,000 elements an array, 4 nested arrays, 10 MB a string, 8 dimensions of at most 2^32, 100,000 metadata entries",
    explains: refusal(/exceeds (the )?maximum/i),
  },
  {
    id: "gguf-parameters-fit",
    does: "won't count parameters that the file has no room for, so it refuses a file without its data",
    explains: refusal(/cannot fit in a \d+-byte file/),
  },
  {
    id: "gguf-zeros-past-the-end",
    does: "reads zeros past the end of the file, up to a multiple of 2,000,000 bytes: a header that is cut goes on with empty names",
    explains: ({ rule }, { error, parts }) =>
      rule === "opinion/accepted" && error?.code !== "unsupported" && parts.length > 0,
  },
  {
    id: "gguf-cut-string",
    does: "cuts a string that reaches past a multiple of 2,000,000 bytes, where nothing of the same value follows it",
    explains: ({ ours, theirs, fileBytes }) =>
      isText(ours) &&
      isText(theirs) &&
      (fileBytes ?? 0) > GGUF_CHUNK_BYTES &&
      theirs.length < ours.length &&
      // The cut may go through a character.
      withoutMark(ours).startsWith(theirs.replace(/\uFFFD+$/, "")),
  },
  {
    id: "gguf-other-types",
    does: "knows the types of today's ggml alone, and names no other",
    explains: ({ what, ours, theirs }) =>
      what === "type" && isText(ours) && isText(theirs) && /^type \d+$/.test(theirs),
  },
  {
    id: "gguf-alignment",
    does: "takes general.alignment as it stands, of any value type, no power of two needed, and pads in 32 bits",
    explains: ({ what }, { metadata }) => what === "offset" && !isUsualAlignment(metadata),
  },
];

/** One alignment, of the right type, a power of two, and below 2^31; or none at all. */
function isUsualAlignment(metadata: Checkpoint["metadata"]): boolean {
  const [first, ...more] = metadata.filter(({ key }) => key === "general.alignment");
  if (!first) return true;
  const { type, value } = first;
  return (
    more.length === 0 &&
    type === "u32" &&
    typeof value === "number" &&
    /^10*$/.test(value.toString(2)) &&
    value < 2 ** 31
  );
}

/** Whether reading reported a finding of this rule; about this tensor, where the disagreement is about one. */
const reported = ({ name }: Disagreement, { findings }: Checkpoint, id: string): boolean =>
  findings.some(({ rule, tensor }) => rule === id && (tensor === undefined || name === undefined || tensor === name));

/** Half of a pair of UTF-16 units, or what stands for it in ours. */
const HALF_PAIR = /[\p{Surrogate}\uFFFD]/u;

export const HUB_CASES: readonly KnownCase[] = [
  {
    id: "hub-limits",
    does: "has limits of its own: headers of 25,000,000 bytes, dimensions of 2^32, data offsets within the size of the file",
    explains: refusal(/too big|exceeds the (maximum|file size)/),
  },
  {
    id: "hub-names",
    does: "goes by the file's name: it reads nothing that isn't called *.safetensors",
    explains: refusal(/does not seem to contain safetensors weights/),
  },
  {
    id: "hub-missing-shard",
    does: "gives up a set of which one file is missing or can't be read",
    explains: (found, { shards, findings }) =>
      found.rule === "opinion/refused" &&
      found.part?.endsWith(".json") === true &&
      ((shards?.missing.length ?? 0) > 0 || findings.some(({ severity }) => severity === "error")),
  },
  {
    id: "hub-unchecked-entry",
    does: "takes entries that the format forbids: without a dtype, or with numbers such as 2.0",
    explains: (found, checkpoint) => found.what === "extra" && reported(found, checkpoint, "safetensors/bad-entry"),
  },
  {
    id: "hub-entry-list",
    does: "refuses a tensor's entry that is a list of its three fields",
    explains: (found, checkpoint) =>
      refusal(/ is malformed/)(found) && reported(found, checkpoint, "safetensors/entry-is-list"),
  },
  {
    id: "hub-overflow",
    does: "counts shapes whose product no number holds exactly",
    explains: (found, checkpoint) =>
      found.what === "parameters" && reported(found, checkpoint, "safetensors/size-overflow"),
  },
  {
    id: "hub-metadata-values",
    does: "takes metadata values of any JSON type",
    explains: ({ rule, what, theirs }) => rule === "opinion/metadata" && what === "value" && !isText(theirs),
  },
  {
    id: "hub-half-pairs",
    does: "keeps halves of surrogate pairs in names, which no UTF-8 can hold; ours show U+FFFD",
    explains: ({ what, name = "" }) => (what === "missing" || what === "extra") && HALF_PAIR.test(name),
  },
  {
    id: "hub-proto-count",
    does: "leaves a tensor named __proto__ out of its count",
    explains: ({ what }, { tensors }) => what === "parameters" && tensors.some(({ name }) => name === "__proto__"),
  },
  {
    id: "hub-claim",
    does: "shows the total_parameters that the file claims, where that isn't above its own count",
    explains: ({ what }) => what === "claim",
  },
];
