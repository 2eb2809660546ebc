/**
 * Metadata entries of a GGUF header: key, type, value, with the checks of the reference reader on keys, arrays and the
 * one key that rules the layout, general.alignment.
 *
 * Specification: ggml docs/gguf.md, gguf_metadata_kv_t; ggml/src/gguf.cpp for what is refused.
 */
import type { LazyArray, MetadataScalar } from "../checkpoint/checkpoint.ts";
import { CheckpointError } from "../errors.ts";
import type { FindingList } from "../findings.ts";
import { report } from "../rules/rules.ts";
import type { ByteSource } from "../source/byte-source.ts";
import { grouped, quoted } from "../words.ts";
import { checkTokens } from "./header-rules.ts";
import {
  type ArrayWalk,
  beginArray,
  decodedArray,
  decodeElements,
  lazyArray,
  resetWalk,
  walkArray,
} from "./lazy-array.ts";
import {
  EAGER_ARRAY_BYTES,
  EAGER_ARRAY_LENGTH,
  MAX_INLINE_STRING_BYTES,
  MAX_KEY_BYTES,
  REFERENCE_MAX_ARRAY_LENGTH,
  REFERENCE_MAX_STRING_BYTES,
  SPEC_MAX_KEY_BYTES,
} from "./limits.ts";
import {
  type Cursor,
  decodeUtf8,
  need,
  readFixed,
  readLength,
  readName,
  readU32,
  tell,
  VALUE_TYPES,
  type ValueTypeName,
} from "./values.ts";

export interface GgufMetadataEntry {
  readonly key: string;
  readonly type: ValueTypeName;
  readonly value: MetadataScalar | LazyArray;
  /** Absolute byte offset of the entry (its key's length field). */
  readonly headerOffset: number;
}

/** What has been read of the metadata so far. */
export interface MetadataProgress {
  readonly source: ByteSource;
  readonly findings: FindingList;
  readonly metadata: GgufMetadataEntry[];
  readonly keys: Set<string>;
  alignment: number;
  /** The first one counts; a file may hold the key any number of times. */
  alignmentSeen: boolean;
  /** An array that is being walked over, and the entry it belongs to. */
  array: { readonly walk: ArrayWalk; readonly key: string; readonly headerOffset: number } | undefined;
}

/** Data begins at a multiple of this where the file doesn't say otherwise. */
export const DEFAULT_ALIGNMENT = 32;

/** Reads one entry; an array is only begun, {@link finishArray} walks over it. */
export function readEntry(cursor: Cursor, progress: MetadataProgress): void {
  const { findings } = progress;
  const headerOffset = tell(cursor);
  const index = progress.metadata.length;
  const keyBytes = readLength(cursor, `the key of metadata entry ${index}`);
  if (keyBytes > MAX_KEY_BYTES) {
    throw new CheckpointError(
      "limit",
      `the key of metadata entry ${index} at byte ${grouped(headerOffset)} is ${grouped(keyBytes)} bytes long; ` +
        `the format allows ${grouped(SPEC_MAX_KEY_BYTES)}`,
      { file: cursor.file, offset: headerOffset },
    );
  }
  need(cursor, keyBytes, `the key of metadata entry ${index}`);
  const { text: key, valid } = readName(cursor, keyBytes);
  const typeOffset = tell(cursor);
  const typeId = readU32(cursor, `the type of ${quoted(key)}`);
  const type = VALUE_TYPES[typeId];
  if (!type) {
    throw new CheckpointError(
      "invalid",
      `metadata ${quoted(key)} has value type ${typeId} at byte ${grouped(typeOffset)}; GGUF knows 0 to 12`,
      { file: cursor.file, offset: typeOffset },
    );
  }
  if (type.name === "array") {
    const walk = beginArray(cursor, `metadata array ${quoted(key)}`);
    progress.array = { walk, key, headerOffset };
    noteKey(progress, key, keyBytes, valid, headerOffset);
    return;
  }
  const value =
    type.name === "string" ? readText(cursor, progress, key) : readScalar(cursor, type.name, type.bytes, key);
  noteKey(progress, key, keyBytes, valid, headerOffset);
  if (type.name === "bool" && (cursor.bytes[cursor.pos - 1] as number) > 1) {
    report(findings, "gguf/bool-value", {
      message: `${quoted(key)} is a bool of value ${cursor.bytes[cursor.pos - 1]}; the format knows 0 and 1, and readers take it as true`,
      offset: headerOffset,
    });
  }
  keep(progress, { key, type: type.name, value, headerOffset });
}

function readScalar(cursor: Cursor, type: ValueTypeName, bytes: number, key: string): MetadataScalar {
  need(cursor, bytes, `the value of ${quoted(key)}`);
  return readFixed(cursor, type);
}

function readText(cursor: Cursor, progress: MetadataProgress, key: string): string {
  const offset = tell(cursor);
  const length = readLength(cursor, `the value of ${quoted(key)}`);
  const inline = Math.min(length, MAX_INLINE_STRING_BYTES);
  need(cursor, inline, `the value of ${quoted(key)}`);
  const { text, valid } = decodeUtf8(cursor.bytes.subarray(cursor.pos, cursor.pos + inline));
  cursor.pos += length;
  if (inline < length) {
    const refused = length > REFERENCE_MAX_STRING_BYTES;
    report(progress.findings, "gguf/long-string", {
      severity: refused ? "error" : "warning",
      message:
        `${quoted(key)} is ${grouped(length)} bytes long; only the first ${grouped(inline)} are shown` +
        (refused ? `, and llama.cpp refuses more than ${grouped(REFERENCE_MAX_STRING_BYTES)}` : ""),
      offset,
    });
  } else if (!valid) {
    report(progress.findings, "gguf/invalid-utf8", {
      message: `${quoted(key)} holds bytes that are not UTF-8; they are shown as U+FFFD`,
      offset,
    });
  }
  return text;
}

/**
 * Small arrays are decoded from the window, so it has to hold them whole: one that the window's end cuts is walked again from its
 * first element.
 */
export function beginAgain(cursor: Cursor, { array }: MetadataProgress): void {
  if (!array || array.walk.length > EAGER_ARRAY_LENGTH || tell(cursor) - array.walk.start > EAGER_ARRAY_BYTES) return;
  resetWalk(array.walk);
  cursor.pos = array.walk.start - cursor.start;
}

/** Walks over the array that {@link readEntry} began, as far as the window reaches, and keeps it when it is through. */
export function finishArray(cursor: Cursor, progress: MetadataProgress): void {
  const { walk, key, headerOffset } = progress.array as NonNullable<MetadataProgress["array"]>;
  walkArray(cursor, walk, `metadata array ${quoted(key)}`);
  progress.array = undefined;
  const end = tell(cursor);
  const array = lazyArray(progress.source, walk, end, cursor);
  let values: LazyArray["values"];
  if (walk.length <= EAGER_ARRAY_LENGTH && end - walk.start <= EAGER_ARRAY_BYTES) {
    const back = cursor.pos;
    cursor.pos = walk.start - cursor.start;
    values = decodeElements(cursor, walk.elementType, walk.length);
    cursor.pos = back;
  }
  if (walk.elementType.name === "string") checkTokens(key, walk.longest, headerOffset, progress.findings);
  if (walk.length > REFERENCE_MAX_ARRAY_LENGTH) {
    report(progress.findings, "gguf/long-array", {
      message: `${quoted(key)} has ${grouped(walk.length)} elements; llama.cpp refuses more than ${grouped(REFERENCE_MAX_ARRAY_LENGTH)}`,
      offset: headerOffset,
    });
  }
  if (walk.elementType.name === "array") {
    report(progress.findings, "gguf/nested-array", {
      message: `${quoted(key)} is an array of arrays`,
      offset: headerOffset,
    });
  }
  keep(progress, { key, type: "array", value: values ? decodedArray(array, values) : array, headerOffset });
}

/** Checks of the key itself, made once the entry can't be starved any more. */
function noteKey(progress: MetadataProgress, key: string, keyBytes: number, valid: boolean, offset: number): void {
  const { findings, keys } = progress;
  if (keyBytes === 0) {
    report(findings, "gguf/empty-key", {
      message: `metadata entry ${progress.metadata.length} has an empty key`,
      offset,
    });
  }
  if (keys.has(key)) {
    report(findings, "gguf/duplicate-key", {
      message: `metadata ${quoted(key)} stands twice`,
      offset,
    });
  }
  keys.add(key);
  if (keyBytes > SPEC_MAX_KEY_BYTES) {
    report(findings, "gguf/long-key", {
      message: `a metadata key of ${grouped(keyBytes)} bytes; the format allows ${grouped(SPEC_MAX_KEY_BYTES)}`,
      offset,
    });
  }
  if (!valid) {
    report(findings, "gguf/invalid-utf8", {
      message: `metadata key ${quoted(key)} holds bytes that are not UTF-8`,
      offset,
    });
  }
}

function keep(progress: MetadataProgress, entry: GgufMetadataEntry): void {
  progress.metadata.push(entry);
  if (entry.key === "general.alignment" && !progress.alignmentSeen) {
    progress.alignmentSeen = true;
    setAlignment(progress, entry);
  }
}

function setAlignment(progress: MetadataProgress, { type, value, headerOffset }: GgufMetadataEntry): void {
  const fits = type === "u32" && typeof value === "number" && value > 0 && (value & (value - 1)) === 0;
  if (fits) {
    progress.alignment = value;
    if (value % 8 !== 0) {
      report(progress.findings, "gguf/alignment-below-8", {
        message: `general.alignment is ${value}; the specification asks for a multiple of 8, though llama.cpp loads it`,
        offset: headerOffset,
      });
    }
    return;
  }
  const shown = typeof value === "object" ? "an array" : String(value);
  report(progress.findings, "gguf/alignment", {
    message: `general.alignment is ${shown} (${type}); it must be a u32 and a power of two. Read on with ${DEFAULT_ALIGNMENT}`,
    offset: headerOffset,
  });
}
