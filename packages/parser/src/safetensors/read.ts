/**
 * Opens a safetensors file: an 8-byte little-endian length N, N bytes of JSON, then the data (safetensors README, "Format").
 * Only the length and the header are read, in one request when the header is below 128 KiB, else in two.
 */
import { CheckpointError } from "../errors.ts";
import { listedFindings } from "../findings.ts";
import { report } from "../rules/rules.ts";
import type { ByteSource, ReadOptions } from "../source/byte-source.ts";
import { describeForeign, sniff } from "../source/sniff.ts";
import { grouped, plural } from "../words.ts";
import { parseHeader } from "./header-json.ts";
import { checkLayout } from "./layout.ts";
import { FIRST_WINDOW_BYTES, HUB_MAX_HEADER_BYTES, LENGTH_FIELD_BYTES, MAX_HEADER_BYTES } from "./limits.ts";
import type { SafetensorsFile, SafetensorsTensor } from "./types.ts";

export type { SafetensorsFile } from "./types.ts";

export interface SafetensorsReadOptions extends ReadOptions {
  /** Bytes to read first of a remote file, where an index tells about how long its header is. */
  readonly firstWindowBytes?: number;
}

/** How much to read first, in bytes. */
export function firstWindow({ remote }: ByteSource, { firstWindowBytes }: SafetensorsReadOptions): number {
  return remote ? (firstWindowBytes ?? FIRST_WINDOW_BYTES) : FIRST_WINDOW_BYTES;
}

/**
 * Reads the header of one file. Faults that leave it readable are findings: of severity `error` where the reference
 * reader refuses the file (and for duplicate keys, which it doesn't see), else `warning` or `note`.
 * @throws {CheckpointError} when nothing can be read: `bad-magic` (another kind of file), `truncated`, `limit`, `invalid`.
 * When tensors were read before the fault, they are returned with `error` set.
 */
export async function readSafetensors(
  source: ByteSource,
  options: SafetensorsReadOptions = {},
): Promise<SafetensorsFile> {
  const { name, sizeBytes } = source;
  const window = await source.read(0, Math.min(firstWindow(source, options), sizeBytes), options);
  const headerLength = checkedHeaderLength(window, source);
  const dataStart = LENGTH_FIELD_BYTES + headerLength;
  const present = Math.min(dataStart, sizeBytes);
  const bytes = await extended(window, present, source, options);
  const header = parseHeader(name, bytes, headerLength);
  options.signal?.throwIfAborted();
  let { error } = header;
  if (bytes.length < dataStart) {
    error = cutHeader(name, bytes.length, headerLength, header.tensors);
  }
  if (error && header.tensors.length === 0) throw error;
  if (headerLength > HUB_MAX_HEADER_BYTES) {
    const message = `the header is ${grouped(headerLength)} bytes long; the Hub reads up to ${grouped(HUB_MAX_HEADER_BYTES)}`;
    report(header.findings, "safetensors/long-header", { message, offset: 0 });
  }
  checkLayout({
    tensors: header.tensors,
    dataStart,
    // In a cut header, that the data is missing too goes without saying.
    fileBytes: bytes.length < dataStart ? Number.MAX_SAFE_INTEGER : sizeBytes,
    complete: !error && header.leftOut === 0,
    findings: header.findings,
  });
  return {
    format: "safetensors",
    name,
    sizeBytes,
    headerBytes: dataStart,
    metadata: header.metadata,
    tensors: header.tensors,
    findings: listedFindings(header.findings),
    ...(error && { error }),
  };
}

/** The file ends inside its header: what is missing at least, and how much of the header could be read. */
function cutHeader(
  file: string,
  fileBytes: number,
  headerLength: number,
  tensors: readonly SafetensorsTensor[],
): CheckpointError {
  const dataStart = LENGTH_FIELD_BYTES + headerLength;
  const ofHeader = dataStart - fileBytes;
  const data = tensors.reduce((end, { offset, sizeBytes }) => Math.max(end, offset + sizeBytes), dataStart) - dataStart;
  const missingBytes = ofHeader + data;
  const message =
    `the header is ${grouped(headerLength)} bytes long, but the file ends at byte ${grouped(fileBytes)}, ${plural(ofHeader, "byte")} before the header does. ` +
    `At least ${grouped(missingBytes)} bytes are missing: ${plural(tensors.length, "tensor")} could be read, the data of all is missing; fetch the file again`;
  return new CheckpointError("truncated", message, { file, offset: fileBytes, missingBytes });
}

/** The header length N, once it is plausible: nothing is read or allocated by N before. */
function checkedHeaderLength(window: Uint8Array, { name, sizeBytes }: ByteSource): number {
  const foreign = (): CheckpointError | undefined => {
    const sniffed = sniff(window, name);
    return sniffed.kind === "safetensors" || sniffed.kind === "unknown" ? undefined : describeForeign(sniffed, name);
  };
  const fail = (code: "truncated" | "limit" | "invalid", what: string): never => {
    throw foreign() ?? new CheckpointError(code, what, { file: name, offset: 0 });
  };
  if (window.length < LENGTH_FIELD_BYTES) {
    return fail(
      "truncated",
      `the file has ${window.length} bytes; a safetensors file begins with an 8-byte header length. At least ${LENGTH_FIELD_BYTES + 2 - window.length} bytes are missing, and with them the whole header; fetch the file again`,
    );
  }
  const length = new DataView(window.buffer, window.byteOffset, window.length).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    const limit = `above the limit of ${grouped(MAX_HEADER_BYTES)} bytes, that of the reference reader`;
    return fail("limit", `header length ${grouped(length)} at byte 0, ${limit}: another kind of file, or damaged`);
  }
  const headerLength = Number(length);
  if (headerLength === 0) return fail("invalid", "header length 0 at byte 0: there is no header");
  if (sizeBytes <= LENGTH_FIELD_BYTES) {
    const message = `header length ${grouped(length)} at byte 0, but the file ends at byte ${sizeBytes}`;
    return fail("truncated", `${message}. At least ${grouped(length)} bytes are missing; fetch the file again`);
  }
  const start = window[LENGTH_FIELD_BYTES] as number;
  const plausible = start === 0x7b || start === 0x20 || start === 0x09 || start === 0x0a || start === 0x0d;
  if (!plausible || LENGTH_FIELD_BYTES + headerLength > sizeBytes) {
    const error = foreign();
    if (error) throw error;
  }
  return headerLength;
}

/** The first `length` bytes of the source, of which `window` is there already. */
async function extended(
  window: Uint8Array,
  length: number,
  source: ByteSource,
  options: ReadOptions,
): Promise<Uint8Array> {
  if (length <= window.length) return window.subarray(0, length);
  const rest = await source.read(window.length, length - window.length, options);
  const bytes = new Uint8Array(window.length + rest.length);
  bytes.set(window);
  bytes.set(rest, window.length);
  return bytes;
}
