/**
 * Reads the header of a safetensors file: one JSON object of tensor entries, in one pass over its bytes, straight into
 * tensors. Offsets are absolute, in bytes; `bytes` begins at the file's first byte (the u64 length).
 *
 * Format: safetensors README; severities follow the checks of the reference reader. A finding of severity `error` is
 * something that it refuses, or a duplicate key, which the format forbids and it doesn't see.
 */
import { CheckpointError } from "../errors.ts";
import { type FindingList, findingList } from "../findings.ts";
import { report } from "../rules/rules.ts";
import { grouped, quoted } from "../words.ts";
import { readTensor, SHAPE_SLOTS } from "./header-entry.ts";
import { aKind, duplicateKey, type HeaderState, readName, readText, skip } from "./header-state.ts";
import {
  another,
  byteWords,
  CLOSE_BRACE,
  COLON,
  enter,
  expectByte,
  failJson,
  invalidUtf8At,
  jsonCursor,
  nextByte,
  nextKind,
  OPEN_BRACE,
  rawText,
  takeLiteral,
  textAt,
} from "./json-cursor.ts";
import { LENGTH_FIELD_BYTES, MAX_METADATA_ENTRIES } from "./limits.ts";
import type { SafetensorsMetadata, SafetensorsTensor } from "./types.ts";

export interface Header {
  readonly tensors: SafetensorsTensor[];
  readonly metadata: SafetensorsMetadata[];
  readonly findings: FindingList;
  /** Entries that can't be shown as tensors; each has a `safetensors/bad-entry` finding. */
  readonly leftOut: number;
  /** Reading stopped here. */
  readonly error?: CheckpointError;
}

const METADATA_KEY = "__metadata__";
const BYTE_ORDER_MARK = new TextEncoder().encode("\ufeff");

/**
 * Reads the header that stands in `bytes[8, 8 + headerLength)`. `bytes` may end before it does: what is there is read.
 * Never throws for a fault in the header: `error` says where reading stopped.
 */
export function parseHeader(file: string, bytes: Uint8Array, headerLength: number): Header {
  const dataStart = LENGTH_FIELD_BYTES + headerLength;
  const present = Math.min(bytes.length, dataStart);
  const badUtf8 = invalidUtf8At(bytes, LENGTH_FIELD_BYTES, present);
  const state: HeaderState = {
    c: jsonCursor(file, bytes, LENGTH_FIELD_BYTES, badUtf8 < 0 ? present : badUtf8),
    dataStart,
    tensors: [],
    places: new Map(),
    findings: findingList(),
    dtypes: new Map(),
    shapes: new Array(SHAPE_SLOTS),
    dims: [],
    metadata: [],
    metadataAt: -1,
    leftOut: 0,
  };
  let error: CheckpointError | undefined;
  try {
    readHeaderObject(state);
  } catch (thrown) {
    if (!(thrown instanceof CheckpointError)) throw thrown;
    error = thrown;
  }
  if (badUtf8 >= 0) {
    const byte = byteWords(bytes[badUtf8] as number);
    const message = `the header is not UTF-8: ${byte} at byte ${badUtf8}`;
    error = new CheckpointError("invalid", message, { file, offset: badUtf8 });
  }
  const { tensors, metadata, findings, leftOut } = state;
  return { tensors, metadata, findings, leftOut, ...(error && { error }) };
}

function readHeaderObject(state: HeaderState): void {
  const { c } = state;
  if (takeLiteral(c, BYTE_ORDER_MARK)) {
    report(state.findings, "safetensors/byte-order-mark", {
      message: "the header begins with a UTF-8 byte order mark",
      offset: LENGTH_FIELD_BYTES,
    });
  }
  const first = nextByte(c);
  if (first < 0) failJson(c, "JSON syntax error: the header is empty or blank");
  if (c.pos > LENGTH_FIELD_BYTES && c.bytes[LENGTH_FIELD_BYTES] !== BYTE_ORDER_MARK[0]) {
    report(state.findings, "safetensors/leading-whitespace", {
      message: `the header begins with ${c.pos - LENGTH_FIELD_BYTES} bytes of whitespace`,
      offset: LENGTH_FIELD_BYTES,
    });
  }
  if (first !== OPEN_BRACE) {
    const at = c.pos;
    const kind = nextKind(c);
    failJson(c, `the header is not a JSON object but ${aKind(kind)}`, at);
  }
  let more = enter(c, OPEN_BRACE, CLOSE_BRACE);
  while (more) {
    nextByte(c);
    const keyAt = c.pos;
    const name = readName(state);
    expectByte(c, COLON);
    if (name === METADATA_KEY) readMetadata(state, keyAt);
    else readTensor(state, name, keyAt);
    more = another(c, CLOSE_BRACE);
  }
  checkRest(state);
}

/** After the object there may be whitespace only. */
function checkRest(state: HeaderState): void {
  const { c } = state;
  const next = nextByte(c);
  if (next < 0) return;
  const from = c.pos;
  let nul = from;
  while (nul < c.end && c.bytes[nul] === 0) nul++;
  const allNul = nul === c.end;
  const count = c.end - from;
  report(state.findings, allNul ? "safetensors/nul-padding" : "safetensors/trailing-garbage", {
    message: allNul
      ? `the header is padded with ${count} NUL bytes`
      : `${count} bytes follow the header's JSON object: ${quoted(textAt(c, from, c.end))}`,
    offset: from,
  });
}

function readMetadata(state: HeaderState, keyAt: number): void {
  const { c, findings } = state;
  if (state.metadataAt >= 0) duplicateKey(state, METADATA_KEY, keyAt, state.metadataAt);
  state.metadataAt = keyAt;
  const kind = nextKind(c);
  if (kind !== "object") {
    const at = c.pos;
    skip(state, 1);
    if (kind === "null") return;
    report(findings, "safetensors/metadata-not-object", {
      message: `__metadata__ is ${aKind(kind)}, not an object of strings`,
      offset: at,
    });
    return;
  }
  const metadata: SafetensorsMetadata[] = [];
  const places = new Map<string, { place: number; at: number }>();
  let more = enter(c, OPEN_BRACE, CLOSE_BRACE);
  while (more) {
    nextByte(c);
    const at = c.pos;
    if (metadata.length === MAX_METADATA_ENTRIES) {
      const message = `__metadata__ has more than ${grouped(MAX_METADATA_ENTRIES)} entries; no file needs as many`;
      throw new CheckpointError("limit", message, { file: c.file, offset: at });
    }
    const key = readName(state);
    expectByte(c, COLON);
    const value = readMetadataValue(state, key);
    const earlier = places.get(key);
    if (earlier) {
      duplicateKey(state, key, at, earlier.at);
      metadata[earlier.place] = { key, value };
    } else {
      places.set(key, { place: metadata.length, at });
      metadata.push({ key, value });
    }
    more = another(c, CLOSE_BRACE);
  }
  state.metadata = metadata;
}

/** The value as a string; anything else is kept as the JSON text that stands there. */
function readMetadataValue(state: HeaderState, key: string): string {
  const { c } = state;
  const kind = nextKind(c);
  if (kind === "string") return readText(state);
  const at = c.pos;
  skip(state, 2);
  report(state.findings, "safetensors/metadata-not-string", {
    message: `the metadata value of ${quoted(key)} is ${aKind(kind)}, not a string`,
    offset: at,
  });
  return rawText(c, at, c.pos);
}
