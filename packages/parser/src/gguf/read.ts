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
import type { Tensor } from "../checkpoint/checkpoint.ts";
import { CheckpointError, type Finding } from "../errors.ts";
import { addFinding, findingList, listedFindings } from "../findings.ts";
import type { ByteSource, ReadOptions } from "../source/byte-source.ts";
import { describeForeign, sniff } from "../source/sniff.ts";
import { grouped } from "../words.ts";
import { FIRST_WINDOW_BYTES, MAX_HEADER_BYTES, MAX_METADATA_ENTRIES, MAX_TENSORS, WINDOW_BYTES } from "./limits.ts";
import {
  DEFAULT_ALIGNMENT,
  finishArray,
  type GgufMetadataEntry,
  type MetadataProgress,
  readEntry,
} from "./metadata.ts";
import { readTensorInfo, type TensorLayout } from "./tensor-info.ts";
import { type Cursor, formatU64, need, newCursor, readSize, Starved, setWindow, tell } from "./values.ts";

export type { GgufMetadataEntry } from "./metadata.ts";

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

const NEWEST_VERSION = 3;

/** What the core has read so far; it goes on from here with each window. */
interface Progress extends MetadataProgress {
  version: number;
  tensorCount: number;
  metadataCount: number;
  headRead: boolean;
  readonly layout: TensorLayout;
}

/**
 * Reads the header of one file.
 * @param source any source of bytes; it stays open, as lazy arrays read from it
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
    alignmentSeen: false,
    array: undefined,
    layout: { tensors: [], names: new Set(), shapes: new Map(), typeNames: new Map(), nextOffset: 0, findings },
  };
  setWindow(cursor, 0, await source.read(0, FIRST_WINDOW_BYTES, options));

  const error = await parseWindows(cursor, progress, options);
  options.signal?.throwIfAborted();
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

/**
 * Feeds the core one window after the other, until it is through or can't go on.
 * @returns what stopped it, or undefined
 */
async function parseWindows(
  cursor: Cursor,
  progress: Progress,
  options: ReadOptions,
): Promise<CheckpointError | undefined> {
  const { source } = progress;
  let into = new Uint8Array(0);
  for (;;) {
    let upTo: number;
    try {
      advance(cursor, progress);
      return undefined;
    } catch (signal) {
      if (signal instanceof CheckpointError) return signal;
      if (!(signal instanceof Starved)) throw signal;
      upTo = signal.upTo;
    }
    const start = tell(cursor);
    if (start > MAX_HEADER_BYTES) return headerTooLong(source.name, start);
    const length = Math.max(WINDOW_BYTES, upTo - start);
    // Nothing that was parsed points into the window: names are copied, arrays read their own bytes.
    if (into.length < length) into = new Uint8Array(length);
    setWindow(cursor, start, await source.read(start, length, { ...options, into }));
    if (cursor.bytes.length < Math.min(upTo, source.sizeBytes) - start) {
      return new CheckpointError("truncated", `the file got shorter while it was read (byte ${grouped(start)})`, {
        file: source.name,
        offset: start + cursor.bytes.length,
      });
    }
  }
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
  checkCount(cursor, TENSORS, tensorCount, layout.tensors.length);
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
  checkCount(cursor, METADATA_ENTRIES, progress.metadataCount, 0);
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

interface Counted {
  readonly what: string;
  readonly most: number;
  /** Least bytes of one: in version 1, and since. */
  readonly bytes: readonly [number, number];
  /** Where the count stands: in version 1, and since. */
  readonly offset: readonly [number, number];
}

const TENSORS: Counted = { what: "tensors", most: MAX_TENSORS, bytes: [20, 24], offset: [8, 8] };
const METADATA_ENTRIES: Counted = {
  what: "metadata entries",
  most: MAX_METADATA_ENTRIES,
  bytes: [9, 13],
  offset: [12, 16],
};

/** A count must be one that a model can have, and fit into the bytes that are left. */
function checkCount(cursor: Cursor, { what, most, bytes, offset }: Counted, count: number, done: number): void {
  const version = cursor.narrow ? 0 : 1;
  const details = { file: cursor.file, offset: offset[version] };
  const left = Math.max(0, cursor.fileSize - tell(cursor));
  const fitting = done + Math.floor(left / bytes[version]);
  if (count > fitting) {
    throw new CheckpointError(
      "limit",
      `the header claims ${formatU64(count)} ${what}, but the ${grouped(left)} bytes that follow hold at most ` +
        `${grouped(fitting)}; the file is cut off or damaged`,
      details,
    );
  }
  if (count > most) {
    throw new CheckpointError(
      "limit",
      `the header claims ${formatU64(count)} ${what}; no model has more than ${grouped(most)}`,
      details,
    );
  }
}

function headerTooLong(file: string, offset: number): CheckpointError {
  return new CheckpointError(
    "limit",
    `the header goes on beyond byte ${grouped(MAX_HEADER_BYTES)}; those of the largest models end before byte 50,000,000`,
    { file, offset },
  );
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
        dataOffset > fileSize
          ? `the file ends at byte ${grouped(fileSize)}, before its data, which should begin at byte ${grouped(dataOffset)}`
          : `the file ends at byte ${grouped(fileSize)}, but its tensors reach to byte ${formatU64(end)}: ` +
            `${grouped(beyond)} of ${grouped(tensors.length)} are cut off or missing`,
      why: "llama.cpp refuses to load it",
      fix: "the download is incomplete; get the file again",
      offset: fileSize,
    });
  }
  return tensors;
}
