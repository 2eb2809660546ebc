/**
 * Reads the header of one GGUF file: metadata and tensor table. Tensor data is never read.
 *
 * An async shell fetches windows; the synchronous core parses each as far as it reaches. v1, v2 and v3, both byte orders.
 * Problems that leave the rest readable are findings; one that ends the reading is thrown, or, when something was read
 * before it, kept in `error` beside what was read.
 *
 * Specification: ggml docs/gguf.md; the checks are those of the reference reader (ggml/src/gguf.cpp), which has the last
 * word on what loads.
 */
import type { LazyArray, MetadataScalar, Tensor } from "../checkpoint/checkpoint.ts";
import { CheckpointError, type Finding } from "../errors.ts";
import { addFinding, type FindingList, findingList, listedFindings } from "../findings.ts";
import type { ByteSource, ReadOptions } from "../source/byte-source.ts";
import { describeForeign, sniff } from "../source/sniff.ts";
import { grouped, quoted } from "../words.ts";
import { type ArrayWalk, beginArray, decodeElements, lazyArray, walkArray } from "./lazy-array.ts";
import {
  EAGER_ARRAY_BYTES,
  EAGER_ARRAY_LENGTH,
  FIRST_WINDOW_BYTES,
  MAX_INLINE_STRING_BYTES,
  MAX_KEY_BYTES,
  REFERENCE_MAX_ARRAY_LENGTH,
  REFERENCE_MAX_STRING_BYTES,
  SPEC_MAX_KEY_BYTES,
  WINDOW_BYTES,
} from "./limits.ts";
import { readTensorInfo, type TensorLayout } from "./tensor-info.ts";
import {
  type Cursor,
  decodeUtf8,
  formatU64,
  need,
  newCursor,
  readFixed,
  readLength,
  readName,
  readSize,
  readU32,
  Starved,
  setWindow,
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

/** A tensor with what only GGUF knows of it. It is the checkpoint's tensor too: one object serves both. */
export interface GgufTensorInfo extends Tensor {
  /** As in the file: `ne[0]` is the row length, the fastest dimension; `shape` is its reverse. */
  readonly ne: readonly number[];
  readonly typeId: number;
  /** Absolute byte offset of this record in the header. */
  readonly headerOffset: number;
}

export interface GgufFile {
  readonly format: "gguf";
  readonly name: string;
  readonly sizeBytes: number;
  readonly version: number;
  readonly byteOrder: "little" | "big";
  readonly alignment: number;
  /** End of the tensor table. */
  readonly headerBytes: number;
  /** Absolute offset of the data section: the header's end, padded to the alignment. */
  readonly dataOffset: number;
  readonly metadata: readonly GgufMetadataEntry[];
  readonly tensors: readonly GgufTensorInfo[];
  readonly findings: readonly Finding[];
  /** Reading stopped here; what stands above was read before. */
  readonly error?: CheckpointError;
}

const DEFAULT_ALIGNMENT = 32;
const NEWEST_VERSION = 3;

/** What the core has read so far; it goes on from here with each window. */
interface Progress {
  readonly source: ByteSource;
  readonly findings: FindingList;
  version: number;
  tensorCount: number;
  metadataCount: number;
  headRead: boolean;
  readonly metadata: GgufMetadataEntry[];
  readonly keys: Set<string>;
  alignment: number;
  /** An array that is being walked over, and the entry it belongs to. */
  array: { readonly walk: ArrayWalk; readonly key: string; readonly headerOffset: number } | undefined;
  readonly layout: TensorLayout;
}

/**
 * @throws {CheckpointError} when nothing of the file can be made sense of
 */
export async function readGguf(source: ByteSource, options: ReadOptions = {}): Promise<GgufFile> {
  const cursor = newCursor(source.name, source.sizeBytes);
  const findings = findingList(source.name);
  const progress: Progress = {
    source,
    findings,
    version: 0,
    tensorCount: 0,
    metadataCount: 0,
    headRead: false,
    metadata: [],
    keys: new Set(),
    alignment: DEFAULT_ALIGNMENT,
    array: undefined,
    layout: { tensors: [], names: new Set(), shapes: new Map(), typeNames: new Map(), nextOffset: 0, findings },
  };
  setWindow(cursor, 0, await source.read(0, FIRST_WINDOW_BYTES, options));

  let error: CheckpointError | undefined;
  let into: Uint8Array | undefined;
  for (;;) {
    try {
      advance(cursor, progress);
      break;
    } catch (signal) {
      if (signal instanceof Starved) {
        const start = tell(cursor);
        const length = Math.max(WINDOW_BYTES, signal.upTo - start);
        // Nothing that was parsed points into the window: names are copied, arrays read their own bytes.
        if (!into || into.length < length) into = new Uint8Array(length);
        setWindow(cursor, start, await source.read(start, length, { ...options, into }));
        if (cursor.bytes.length < Math.min(signal.upTo, source.sizeBytes) - start) {
          error = new CheckpointError("truncated", `the file got shorter while it was read (byte ${start})`, {
            file: source.name,
            offset: start + cursor.bytes.length,
          });
          break;
        }
      } else if (signal instanceof CheckpointError) {
        error = signal;
        break;
      } else {
        throw signal;
      }
    }
  }
  const { layout, metadata, alignment } = progress;
  if (error && metadata.length === 0 && layout.tensors.length === 0) throw error;

  const headerBytes = tell(cursor);
  const dataOffset = Math.ceil(headerBytes / alignment) * alignment;
  const tensors = finishLayout(layout, source.sizeBytes, dataOffset, error);
  return {
    format: "gguf",
    name: source.name,
    sizeBytes: source.sizeBytes,
    version: progress.version,
    byteOrder: cursor.littleEndian ? "little" : "big",
    alignment,
    headerBytes,
    dataOffset,
    metadata,
    tensors,
    findings: listedFindings(findings),
    ...(error && { error }),
  };
}

/** Parses on from where the last window ended. Whole items only: an item that starves is started again. */
function advance(cursor: Cursor, progress: Progress): void {
  if (!progress.headRead) readHead(cursor, progress);
  for (;;) {
    const item = cursor.pos;
    try {
      if (progress.array) finishArray(cursor, progress);
      else if (progress.metadata.length < progress.metadataCount) readEntry(cursor, progress);
      else break;
    } catch (signal) {
      // A walk keeps its place; anything else begins anew at its first byte.
      if (signal instanceof Starved && !progress.array) cursor.pos = item;
      throw signal;
    }
  }
  const { layout, tensorCount } = progress;
  checkCount(cursor, tensorCount, "tensors", cursor.narrow ? 20 : 24, tensorCount - layout.tensors.length);
  layout.alignment = progress.alignment;
  while (layout.tensors.length < tensorCount) {
    const item = cursor.pos;
    try {
      readTensorInfo(cursor, layout);
    } catch (signal) {
      cursor.pos = item;
      throw signal;
    }
  }
}

function readHead(cursor: Cursor, progress: Progress): void {
  const { file, fileSize, bytes, view } = cursor;
  const magic = bytes.length >= 4 && bytes[0] === 0x47 && bytes[1] === 0x47 && bytes[2] === 0x55 && bytes[3] === 0x46;
  if (!magic) {
    const found = sniff(bytes, file);
    if (found.kind === "gguf" || found.kind === "safetensors") {
      throw new CheckpointError("bad-magic", `this is not a GGUF file: it is ${found.kind}`, { file, offset: 0 });
    }
    throw describeForeign(found, file);
  }
  need(cursor, Math.min(8, fileSize + 1), "the version");
  const little = view.getUint32(4, true);
  // A big-endian writer keeps the magic's bytes and swaps the rest, so its version has empty low bytes.
  const swapped = little !== 0 && (little & 0xffff) === 0;
  cursor.littleEndian = !swapped;
  const version = view.getUint32(4, !swapped);
  if (version === 0 || version > NEWEST_VERSION) {
    const why =
      version === 0
        ? "there is no version 0; the file is damaged"
        : `newest known is ${NEWEST_VERSION}; update this tool`;
    throw new CheckpointError(version === 0 ? "invalid" : "unsupported", `GGUF version ${version}: ${why}`, {
      file,
      offset: 4,
    });
  }
  cursor.narrow = version === 1;
  need(cursor, cursor.narrow ? 16 : 24, "the counts");
  cursor.pos = 8;
  progress.tensorCount = readSize(cursor, "the tensor count");
  progress.metadataCount = readSize(cursor, "the metadata count");
  progress.version = version;
  checkCount(cursor, progress.metadataCount, "metadata entries", cursor.narrow ? 9 : 13, progress.metadataCount);
  progress.headRead = true;
  if (version === 1) {
    addFinding(progress.findings, {
      rule: "gguf/version-1",
      severity: "warning",
      message: "GGUF version 1, written before November 2023",
      why: "llama.cpp no longer loads version 1",
      fix: "convert the model again, or download a newer file",
      offset: 4,
    });
  }
}

/** A count must fit into the bytes that are left, at the least bytes that one item takes. */
function checkCount(cursor: Cursor, count: number, what: string, smallest: number, remaining: number): void {
  const left = Math.max(0, cursor.fileSize - tell(cursor));
  if (remaining * smallest <= left) return;
  throw new CheckpointError(
    "limit",
    `the header claims ${formatU64(count)} ${what}, but the ${grouped(left)} bytes that follow hold at most ` +
      `${grouped(Math.floor(left / smallest))}; the file is cut off or damaged`,
    { file: cursor.file, offset: what === "tensors" ? 8 : cursor.narrow ? 12 : 16 },
  );
}

function readEntry(cursor: Cursor, progress: Progress): void {
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
    // Small arrays are decoded from the window, so it has to hold them.
    if (walk.length <= EAGER_ARRAY_LENGTH) {
      need(cursor, Math.min(EAGER_ARRAY_BYTES, cursor.fileSize - walk.start), "a small array");
    }
    progress.array = { walk, key, headerOffset };
    noteKey(progress, key, keyBytes, valid, headerOffset);
    return;
  }
  const value =
    type.name === "string" ? readText(cursor, progress, key) : readScalar(cursor, type.name, type.bytes, key);
  noteKey(progress, key, keyBytes, valid, headerOffset);
  if (type.name === "bool" && (cursor.bytes[cursor.pos - 1] as number) > 1) {
    addFinding(findings, {
      rule: "gguf/bool-value",
      severity: "note",
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

function readText(cursor: Cursor, progress: Progress, key: string): string {
  const offset = tell(cursor);
  const length = readLength(cursor, `the value of ${quoted(key)}`);
  const inline = Math.min(length, MAX_INLINE_STRING_BYTES);
  need(cursor, inline, `the value of ${quoted(key)}`);
  const { text, valid } = decodeUtf8(cursor.bytes.subarray(cursor.pos, cursor.pos + inline));
  cursor.pos += length;
  if (inline < length) {
    const refused = length > REFERENCE_MAX_STRING_BYTES;
    addFinding(progress.findings, {
      rule: "gguf/long-string",
      severity: refused ? "error" : "warning",
      message:
        `${quoted(key)} is ${grouped(length)} bytes long; only the first ${grouped(inline)} are shown` +
        (refused ? `, and llama.cpp refuses more than ${grouped(REFERENCE_MAX_STRING_BYTES)}` : ""),
      offset,
    });
  } else if (!valid) {
    addFinding(progress.findings, {
      rule: "gguf/invalid-utf8",
      severity: "warning",
      message: `${quoted(key)} holds bytes that are not UTF-8; they are shown as U+FFFD`,
      offset,
    });
  }
  return text;
}

function finishArray(cursor: Cursor, progress: Progress): void {
  const { walk, key, headerOffset } = progress.array as NonNullable<Progress["array"]>;
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
  if (walk.length > REFERENCE_MAX_ARRAY_LENGTH) {
    addFinding(progress.findings, {
      rule: "gguf/long-array",
      severity: "error",
      message: `${quoted(key)} has ${grouped(walk.length)} elements; llama.cpp refuses more than ${grouped(REFERENCE_MAX_ARRAY_LENGTH)}`,
      offset: headerOffset,
    });
  }
  if (walk.elementType.name === "array") {
    addFinding(progress.findings, {
      rule: "gguf/nested-array",
      severity: "error",
      message: `${quoted(key)} is an array of arrays`,
      why: "the specification allows it, but llama.cpp refuses the file",
      offset: headerOffset,
    });
  }
  keep(progress, { key, type: "array", value: values ? { ...array, values } : array, headerOffset });
}

/** Checks of the key itself, made once the entry can't be starved any more. */
function noteKey(progress: Progress, key: string, keyBytes: number, valid: boolean, offset: number): void {
  const { findings, keys } = progress;
  if (keyBytes === 0) {
    addFinding(findings, {
      rule: "gguf/empty-key",
      severity: "error",
      message: `metadata entry ${progress.metadata.length} has an empty key`,
      why: "llama.cpp refuses the file",
      offset,
    });
  }
  if (keys.has(key)) {
    addFinding(findings, {
      rule: "gguf/duplicate-key",
      severity: "error",
      message: `metadata ${quoted(key)} stands twice`,
      why: "llama.cpp refuses the file; other readers take one of the two",
      fix: "write the file again with each key once",
      offset,
    });
  }
  keys.add(key);
  if (keyBytes > SPEC_MAX_KEY_BYTES) {
    addFinding(findings, {
      rule: "gguf/long-key",
      severity: "warning",
      message: `a metadata key of ${grouped(keyBytes)} bytes; the format allows ${grouped(SPEC_MAX_KEY_BYTES)}`,
      offset,
    });
  }
  if (!valid) {
    addFinding(findings, {
      rule: "gguf/invalid-utf8",
      severity: "warning",
      message: `metadata key ${quoted(key)} holds bytes that are not UTF-8`,
      offset,
    });
  }
}

function keep(progress: Progress, entry: GgufMetadataEntry): void {
  const alignment = entry.key === "general.alignment" && !progress.metadata.some(({ key }) => key === entry.key);
  progress.metadata.push(entry);
  if (alignment) setAlignment(progress, entry);
}

function setAlignment(progress: Progress, { type, value, headerOffset }: GgufMetadataEntry): void {
  const fits = type === "u32" && typeof value === "number" && value > 0 && (value & (value - 1)) === 0;
  if (fits) {
    progress.alignment = value;
    if (value % 8 !== 0) {
      addFinding(progress.findings, {
        rule: "gguf/alignment-below-8",
        severity: "note",
        message: `general.alignment is ${value}; the specification asks for a multiple of 8, though llama.cpp loads it`,
        offset: headerOffset,
      });
    }
    return;
  }
  const shown = typeof value === "object" ? "an array" : String(value);
  addFinding(progress.findings, {
    rule: "gguf/alignment",
    severity: "error",
    message: `general.alignment is ${shown} (${type}); it must be a u32 and a power of two. Read on with ${DEFAULT_ALIGNMENT}`,
    why: "llama.cpp refuses the file",
    offset: headerOffset,
  });
}

/** Fills in sizes that need the next tensor's place, and compares the data's end with the file's. */
function finishLayout(
  layout: TensorLayout,
  fileSize: number,
  dataOffset: number,
  error: CheckpointError | undefined,
): readonly GgufTensorInfo[] {
  const { tensors, findings, unsized = [] } = layout;
  if (unsized.length > 0) {
    const starts = [...new Set(tensors.map((tensor) => tensor.offset))].sort((a, b) => a - b);
    const next = new Map(starts.map((start, i) => [start, starts[i + 1] ?? Math.max(start, fileSize - dataOffset)]));
    for (const tensor of unsized) tensor.sizeBytes = (next.get(tensor.offset) as number) - tensor.offset;
  }
  // Offsets are counted from the data section, whose place is known only now.
  for (const tensor of tensors) tensor.offset += dataOffset;
  if (error || tensors.length === 0) return tensors;
  let end = 0;
  let beyond = 0;
  for (const tensor of tensors) {
    const tensorEnd = tensor.offset + tensor.sizeBytes;
    if (tensorEnd > fileSize) beyond++;
    if (tensorEnd > end) end = tensorEnd;
  }
  if (beyond > 0) {
    addFinding(findings, {
      rule: "gguf/truncated-data",
      severity: "error",
      message:
        `the file ends at byte ${grouped(fileSize)}, but its tensors reach to byte ${formatU64(end)}: ` +
        `${grouped(beyond)} of ${grouped(tensors.length)} are cut off or missing`,
      why: "llama.cpp refuses to load it",
      fix: "the download is incomplete; get the file again",
      offset: fileSize,
    });
  }
  return tensors;
}
