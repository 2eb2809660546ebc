/** What the header reader keeps while it goes, and what it says of keys and values wherever they stand. */
import type { FindingList } from "../findings.ts";
import { asName } from "../long-names.ts";
import { report } from "../rules/rules.ts";
import { grouped, quoted } from "../words.ts";
import { type JsonCursor, nextByte, readString, skipValue, textAt } from "./json-cursor.ts";
import type { SafetensorsMetadata, SafetensorsTensor } from "./types.ts";

export interface HeaderState {
  readonly c: JsonCursor;
  /** Absolute offset of the data. */
  readonly dataStart: number;
  readonly tensors: SafetensorsTensor[];
  /** Name to place in `tensors`; -1 for an entry that was left out. */
  readonly places: Map<string, number>;
  readonly findings: FindingList;
  readonly dtypes: Map<string, string>;
  readonly shapes: (readonly number[] | undefined)[];
  readonly dims: number[];
  metadata: SafetensorsMetadata[];
  metadataAt: number;
  leftOut: number;
}

/** Reads a string; says so when it holds an escape that is no character. */
export function readText(state: HeaderState): string {
  const text = readString(state.c);
  reportLoneSurrogate(state, text);
  return text;
}

/** Reads a key, which tables go by. */
export function readName(state: HeaderState): string {
  const { pos } = state.c;
  const text = readText(state);
  const name = asName(text);
  if (name !== text) {
    const message = `the name ${quoted(text)} is ${grouped(text.length)} characters long`;
    report(state.findings, "safetensors/long-name", { message, offset: pos });
  }
  return name;
}

function reportLoneSurrogate(state: HeaderState, text: string): void {
  const { c } = state;
  if (c.loneSurrogateAt < 0) return;
  report(state.findings, "safetensors/lone-surrogate", {
    message: `half a surrogate pair in the string ${quoted(text)}, read as U+FFFD`,
    offset: c.loneSurrogateAt,
  });
  c.loneSurrogateAt = -1;
}

/** Passes over a value that isn't used. */
export function skip(state: HeaderState, depth: number): void {
  const { c } = state;
  nextByte(c);
  const at = c.pos;
  skipValue(c, depth);
  if (c.loneSurrogateAt >= 0) reportLoneSurrogate(state, textAt(c, at, c.pos));
}

export function duplicateKey(state: HeaderState, key: string, at: number, earlier?: number): void {
  const where = earlier === undefined ? `the second time at byte ${at}` : `at bytes ${earlier} and ${at}`;
  report(state.findings, "safetensors/duplicate-key", {
    message: `the key ${quoted(key)} stands twice, ${where}; the later one is used`,
    offset: at,
  });
}

export function aKind(kind: string): string {
  if (kind === "null" || kind === "true" || kind === "false") return kind;
  return kind === "object" || kind === "array" ? `an ${kind}` : `a ${kind}`;
}
