/**
 * Our checkpoint against another reader's account of the same files: every difference, one by one. Linear in tensors, entries and
 * elements; an array is decoded page by page.
 */
import type { OpinionRule } from "@checkpoint-inspect/analysis";
import type { Checkpoint, LazyArray, MetadataEntry, Tensor } from "@checkpoint-inspect/parser";

import type { Account, AccountEntry, AccountTensor, Answer } from "./account.ts";
import { withoutMark } from "./known-cases.ts";

type Difference =
  | "missing" // we have it, the other reader hasn't
  | "extra"
  | "repeated" // we have it more than once, the other reader once
  | "shape"
  | "type"
  | "offset"
  | "value"
  | "length" // of an array
  | "element"
  | "parameters"
  | "claim"
  | "file"
  | "refusal";

export interface Disagreement {
  readonly rule: OpinionRule;
  readonly what: Difference;
  /** Name of the part, when it is about one. */
  readonly part?: string;
  readonly fileBytes?: number;
  /** Of the tensor, the metadata key or the file. */
  readonly name?: string;
  /** Which element of an array. */
  readonly index?: number;
  readonly ours?: unknown;
  readonly theirs?: unknown;
}

/** What both say alike. */
export interface Agreement {
  tensors: number;
  metadata: number;
}

/** Elements of an array that are decoded at once. */
const PAGE = 50_000;

/** Keys of a part of a GGUF set that only say which part it is; our checkpoint has those of the first part alone. */
const SPLIT_KEY = /^split\./;

/** Yields what the two don't agree on, and counts in `agreement` what they do. */
export async function* disagreements(
  checkpoint: Checkpoint,
  answer: Answer,
  agreement: Agreement,
): AsyncGenerator<Disagreement> {
  for (const { part, message } of answer.refusals) {
    yield { rule: "opinion/refused", what: "refusal", theirs: message, ...(part !== undefined && { part }) };
  }
  yield* ofShards(checkpoint, answer);
  const tensors = byPart(checkpoint.tensors);
  const metadata = byPart(checkpoint.metadata);
  for (const [index, account] of answer.accounts) {
    const { name: part = "", sizeBytes: fileBytes = 0 } = checkpoint.parts[index] ?? {};
    for (const found of ofTensors(tensors.get(index) ?? [], account, checkpoint, agreement)) {
      yield { rule: "opinion/tensors", part, fileBytes, ...found };
    }
    for await (const found of ofMetadata(metadata.get(index) ?? [], account, index, checkpoint, agreement)) {
      yield { rule: "opinion/metadata", part, fileBytes, ...found };
    }
  }
  const { parameters, claimed } = answer;
  if (parameters && parameters.ours !== parameters.theirs) {
    yield { rule: "opinion/parameters", what: "parameters", ...parameters };
  }
  if (claimed !== undefined) {
    yield { rule: "opinion/parameters", what: "claim", ours: parameters?.theirs, theirs: claimed };
  }
}

function* ofShards({ parts, shards }: Checkpoint, { shards: theirs }: Answer): Generator<Disagreement> {
  if (!theirs) return;
  const ours = new Set([...parts.map(({ name }) => name), ...(shards?.missing ?? [])]);
  const others = new Set(theirs);
  for (const name of ours) if (!others.has(name)) yield { rule: "opinion/shards", what: "missing", name };
  for (const name of others) if (!ours.has(name)) yield { rule: "opinion/shards", what: "extra", name };
}

type Found = Omit<Disagreement, "rule" | "part" | "fileBytes">;

function* ofTensors(
  ours: readonly Tensor[],
  account: Account,
  { error, findings }: Checkpoint,
  agreement: Agreement,
): Generator<Found> {
  const rest = new Map<string, AccountTensor[]>();
  // The first of a name is taken first, so that names that stand twice meet in their order.
  for (const tensor of account.tensors.toReversed()) {
    const same = rest.get(tensor.name);
    if (same) same.push(tensor);
    else rest.set(tensor.name, [tensor]);
  }
  const seen = new Set<string>();
  for (const tensor of ours) {
    const { name } = tensor;
    const theirs = rest.get(name)?.pop() ?? rest.get(withoutMark(name))?.pop();
    if (!theirs) {
      yield { what: seen.has(name) ? "repeated" : "missing", name };
      continue;
    }
    seen.add(name);
    if (theirs.name !== name) yield { what: "value", name, ours: name, theirs: theirs.name };
    let alike = true;
    for (const found of ofTensor(tensor, theirs, error === undefined)) {
      alike = false;
      yield { name, ...found };
    }
    if (alike) agreement.tensors++;
  }
  // Behind the place where we stopped there may be more, and a tensor that stands in two files is ours once.
  if (error || findings.some(({ rule }) => rule === "safetensors/tensor-in-two-shards")) return;
  for (const [name, tensors] of rest) if (tensors.length > 0) yield { what: "extra", name };
}

/** @param placed false when the header wasn't read to its end: where its data begin isn't known then */
function* ofTensor(ours: Tensor, theirs: AccountTensor, placed: boolean): Generator<Found> {
  const shape = Array.isArray(theirs.shape) ? theirs.shape.map(Number) : undefined;
  if (!shape || shape.length !== ours.shape.length || shape.some((n, i) => n !== ours.shape[i])) {
    yield { what: "shape", ours: ours.shape, theirs: shape ?? theirs.shape };
  }
  if (theirs.type !== ours.type) yield { what: "type", ours: ours.type, theirs: theirs.type };
  const offset = Number(theirs.offset);
  // An offset that no double holds is none to us, and a finding of its own.
  if (placed && offset !== ours.offset && ours.offset < Number.MAX_SAFE_INTEGER) {
    yield { what: "offset", ours: ours.offset, theirs: offset };
  }
}

async function* ofMetadata(
  ours: readonly MetadataEntry[],
  account: Account,
  part: number,
  { error }: Checkpoint,
  agreement: Agreement,
): AsyncGenerator<Found> {
  const rest = new Map(account.metadata.map((entry) => [entry.key, entry] as const));
  const last = new Map(ours.map((entry) => [entry.key, entry] as const));
  const isSplitKey = (key: string) => part > 0 && SPLIT_KEY.test(key);
  const repeated = new Set<string>();
  for (const entry of ours) {
    const { key } = entry;
    if (last.get(key) !== entry) {
      if (!repeated.has(key)) yield { what: "repeated", name: key };
      repeated.add(key);
      continue;
    }
    const theirs = rest.get(key) ?? rest.get(withoutMark(key));
    if (!theirs) {
      yield { what: "missing", name: key };
      continue;
    }
    rest.delete(theirs.key);
    if (theirs.key !== key) yield { what: "value", name: key, ours: key, theirs: theirs.key };
    let alike = true;
    for await (const found of ofEntry(entry, theirs)) {
      alike = false;
      yield { name: key, ...found };
    }
    if (alike) agreement.metadata++;
  }
  if (error) return;
  for (const key of rest.keys()) if (!isSplitKey(key)) yield { what: "extra", name: key };
}

async function* ofEntry(ours: MetadataEntry, theirs: AccountEntry): AsyncGenerator<Found> {
  const { value, type } = ours;
  if (theirs.type !== undefined && theirs.type !== type) yield { what: "type", ours: type, theirs: theirs.type };
  else if (typeof value === "object") yield* ofArray(value, theirs);
  else if (!sameScalar(value, theirs.value)) yield { what: "value", ours: value, theirs: theirs.value };
}

async function* ofArray(ours: LazyArray, { value, elementType }: AccountEntry): AsyncGenerator<Found> {
  if (!Array.isArray(value)) {
    yield { what: "value", ours: `an array of ${ours.length}`, theirs: value };
    return;
  }
  if (elementType !== undefined && elementType !== ours.elementType) {
    yield { what: "type", ours: `array of ${ours.elementType}`, theirs: `array of ${elementType}` };
  }
  if (value.length !== ours.length) {
    yield { what: "length", ours: ours.length, theirs: value.length };
    return;
  }
  for (let start = 0; start < ours.length; start += PAGE) {
    const page = await ours.slice(start, start + PAGE);
    for (const [i, element] of page.entries()) {
      const other: unknown = value[start + i];
      if (!same(element, other)) yield { what: "element", index: start + i, ours: element, theirs: other };
    }
  }
}

function same(ours: unknown, theirs: unknown): boolean {
  if (!Array.isArray(ours)) return sameScalar(ours, theirs);
  if (!Array.isArray(theirs) || theirs.length !== ours.length) return false;
  return ours.every((element, i) => same(element, theirs[i]));
}

/** We cut a string at so many bytes, and say so in a finding. */
const OUR_CUT_BYTES = 1024 * 1024;

function sameScalar(ours: unknown, theirs: unknown): boolean {
  if (typeof ours === "string" && typeof theirs === "string") {
    if (ours === theirs) return true;
    // Four bytes a character at most; the last one may be cut through.
    return ours.length >= OUR_CUT_BYTES / 4 && theirs.startsWith(ours.replace(/\uFFFD{1,3}$/, ""));
  }
  const numeric = (value: unknown) => typeof value === "number" || typeof value === "bigint";
  // biome-ignore lint/suspicious/noDoubleEquals: 5n == 5, and both are numbers
  if (numeric(ours) && numeric(theirs)) return ours == theirs || (Number.isNaN(ours) && Number.isNaN(theirs));
  return ours === theirs;
}

function byPart<T extends { readonly part: number }>(rows: readonly T[]): ReadonlyMap<number, readonly T[]> {
  const parts = new Map<number, T[]>();
  for (const row of rows) {
    const own = parts.get(row.part);
    if (own) own.push(row);
    else parts.set(row.part, [row]);
  }
  return parts;
}
