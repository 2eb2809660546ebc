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
import { findingList, listedFindings } from "../findings.ts";
import { report } from "../rules/rules.ts";
import type { ByteSource, ReadOptions } from "../source/byte-source.ts";
import { describeForeign, sniff } from "../source/sniff.ts";
import { grouped } from "../words.ts";
import { withExtent } from "./cut-header.ts";
import { checkDataEnd, placeTensors } from "./data-end.ts";
import { checkKeys } from "./header-rules.ts";
import { likelyHeaderEnd } from "./likely-end.ts";
import {
  FIRST_REMOTE_WINDOW_BYTES,
  FIRST_WINDOW_BYTES,
  MAX_HEADER_BYTES,
  MAX_METADATA_ENTRIES,
  MAX_REMOTE_WINDOW_BYTES,
  MAX_TENSORS,
  WINDOW_BYTES,
} from "./limits.ts";
import {
  beginAgain,
  DEFAULT_ALIGNMENT,
  finishArray,
  type GgufMetadataEntry,
  type MetadataProgress,
  readEntry,
} from "./metadata.ts";
import { splitKeys } from "./shards.ts";
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

export interface GgufReadOptions extends ReadOptions {
  /** Bytes that the header probably has, as that of another file of the same model: of a remote file, so much is read first. */
  readonly likelyHeaderBytes?: number;
}

/** What the core has read so far; it goes on from here with each window. */
export interface Progress extends MetadataProgress {
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
export async function readGguf(source: ByteSource, options: GgufReadOptions = {}): Promise<GgufFile> {
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
  setWindow(cursor, 0, await source.read(0, firstWindow(source, options), options));

  const stopped = await parseWindows(cursor, progress, options);
  options.signal?.throwIfAborted();
  const error = stopped && withExtent(stopped, cursor, progress);
  const { layout, metadata, alignment } = progress;
  if (error && metadata.length === 0 && layout.tensors.length === 0) throw error;

  const headerBytes = tell(cursor);
  const dataOffset = Math.ceil(headerBytes / alignment) * alignment;
  placeTensors(layout, source.sizeBytes, dataOffset);
  checkKeys(metadata, findings);
  if (!error) {
    const { count: splitCount } = splitKeys({ metadata });
    await checkDataEnd({ source, layout, alignment, dataOffset, splitCount }, findings, options);
  }
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
    tensors: layout.tensors,
    findings: listedFindings(findings),
    ...(error && { error }),
  };
}

/** How much to read first, in bytes. */
export function firstWindow({ remote }: ByteSource, { likelyHeaderBytes = 0 }: GgufReadOptions): number {
  if (!remote) return FIRST_WINDOW_BYTES;
  return Math.min(Math.max(FIRST_REMOTE_WINDOW_BYTES, likelyHeaderBytes), MAX_REMOTE_WINDOW_BYTES);
}

/** The window after `start`: at least up to `upTo`, and of a remote file up to where the header probably ends. */
function nextWindow(cursor: Cursor, progress: Progress, start: number, upTo: number): number {
  const least = upTo - start;
  if (!progress.source.remote) return Math.max(WINDOW_BYTES, least);
  const fetched = cursor.start + cursor.bytes.length;
  const likely = Math.min(likelyHeaderEnd(cursor, progress), fetched + MAX_REMOTE_WINDOW_BYTES);
  return Math.max(fetched + FIRST_REMOTE_WINDOW_BYTES - start, likely - start, least);
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
    const length = Math.min(nextWindow(cursor, progress, start, upTo), source.sizeBytes - start);
    // Nothing that was parsed points into the window: names are copied, arrays read their own bytes.
    if (into.length < length && !source.remote) into = new Uint8Array(length);
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
      // A long walk keeps its place; anything else begins anew at its first byte.
      if (signal instanceof Starved) {
        if (progress.array) beginAgain(cursor, progress);
        else cursor.pos = item;
      }
      throw signal;
    }
  }
  const { layout, tensorCount } = progress;
  checkCount(cursor, "tensors", tensorCount, MAX_TENSORS, 8);
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
    const sniffed = sniff(bytes, file);
    if (sniffed.kind === "gguf") need(cursor, fileSize + 1, "the magic");
    if (sniffed.kind === "safetensors") {
      throw new CheckpointError("bad-magic", "this is not a GGUF file: it is safetensors", { file, offset: 0 });
    }
    throw describeForeign(sniffed, file);
  }
  need(cursor, 8, "the version");
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
  progress.headRead = true;
  // In version 1 the counts have 4 bytes.
  checkCount(cursor, "metadata entries", progress.metadataCount, MAX_METADATA_ENTRIES, cursor.narrow ? 12 : 16);
  if (swapped) report(progress.findings, "gguf/big-endian", { message: "the file is big-endian", offset: 4 });
  if (version === 1) {
    report(progress.findings, "gguf/version-1", {
      message: "GGUF version 1, written before November 2023",
      offset: 4,
    });
  }
}

/** A file may end before what it claims is there, but no model has so many. */
function checkCount({ file }: Cursor, what: string, count: number, most: number, offset: number): void {
  if (count <= most) return;
  throw new CheckpointError(
    "limit",
    `the header claims ${formatU64(count)} ${what}; no model has more than ${grouped(most)}`,
    { file, offset },
  );
}

function headerTooLong(file: string, offset: number): CheckpointError {
  return new CheckpointError(
    "limit",
    `the header goes on beyond byte ${grouped(MAX_HEADER_BYTES)}; those of the largest models end before byte 50,000,000`,
    { file, offset },
  );
}
