/**
 * GGUF value types and the cursor that reads them: synchronous, over one window of the file.
 *
 * A read that runs past the window throws the `Starved` signal, and the caller fetches more and starts the item again;
 * a read that runs past the file throws `CheckpointError` with code `truncated`. So parsing code is written as if the
 * whole file lay in memory.
 *
 * Specification: ggml docs/gguf.md, "File Structure" (gguf_metadata_value_type).
 */
import { CheckpointError } from "../errors.ts";
import { asName } from "../long-names.ts";
import { grouped } from "../words.ts";

export interface ValueType {
  readonly id: number;
  readonly name:
    | "u8"
    | "i8"
    | "u16"
    | "i16"
    | "u32"
    | "i32"
    | "f32"
    | "bool"
    | "string"
    | "array"
    | "u64"
    | "i64"
    | "f64";
  /** Bytes of one value; 0 for the two types of variable length. */
  readonly bytes: number;
}

export type ValueTypeName = ValueType["name"];

/** Indexed by type id. */
export const VALUE_TYPES: readonly ValueType[] = [
  { id: 0, name: "u8", bytes: 1 },
  { id: 1, name: "i8", bytes: 1 },
  { id: 2, name: "u16", bytes: 2 },
  { id: 3, name: "i16", bytes: 2 },
  { id: 4, name: "u32", bytes: 4 },
  { id: 5, name: "i32", bytes: 4 },
  { id: 6, name: "f32", bytes: 4 },
  { id: 7, name: "bool", bytes: 1 },
  { id: 8, name: "string", bytes: 0 },
  { id: 9, name: "array", bytes: 0 },
  { id: 10, name: "u64", bytes: 8 },
  { id: 11, name: "i64", bytes: 8 },
  { id: 12, name: "f64", bytes: 8 },
];

/** Thrown when the window is used up but the file goes on. Not an error: a request for bytes up to `upTo`. */
export class Starved extends Error {
  readonly upTo: number;
  constructor(upTo: number) {
    super("more bytes needed");
    this.upTo = upTo;
  }
}

export interface Cursor {
  readonly file: string;
  readonly fileSize: number;
  littleEndian: boolean;
  /** v1 files have 32-bit counts, lengths and dimensions. */
  narrow: boolean;
  bytes: Uint8Array;
  view: DataView;
  /** Absolute offset of `bytes[0]`. */
  start: number;
  /** Position in `bytes`; may lie past its end after a skip. */
  pos: number;
}

export function newCursor(file: string, fileSize: number): Cursor {
  const bytes = new Uint8Array(0);
  return {
    file,
    fileSize,
    littleEndian: true,
    narrow: false,
    bytes,
    view: new DataView(bytes.buffer),
    start: 0,
    pos: 0,
  };
}

export function setWindow(cursor: Cursor, start: number, bytes: Uint8Array): void {
  cursor.bytes = bytes;
  cursor.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  cursor.start = start;
  cursor.pos = 0;
}

/** Absolute offset of the next byte. */
export function tell(cursor: Cursor): number {
  return compact(cursor.start + cursor.pos);
}

/** Makes sure that `length` bytes lie ahead in the window. */
export function need(cursor: Cursor, length: number, what: string): void {
  if (cursor.pos + length <= cursor.bytes.length) return;
  const at = tell(cursor);
  if (at + length > cursor.fileSize) {
    const left = Math.max(0, cursor.fileSize - at);
    throw new CheckpointError(
      "truncated",
      `the file ends inside ${what}: ${grouped(length)} bytes needed at byte ${grouped(at)}, ` +
        `${grouped(left)} left`,
      { file: cursor.file, offset: at, missingBytes: length - left },
    );
  }
  throw new Starved(at + length);
}

export function readU32(cursor: Cursor, what: string): number {
  need(cursor, 4, what);
  const value = cursor.view.getUint32(cursor.pos, cursor.littleEndian);
  cursor.pos += 4;
  return value;
}

/** An unsigned 64-bit number; exact up to 2^53, rounded above (callers that care compare with `Number.isSafeInteger`). */
export function readU64(cursor: Cursor, what: string): number {
  need(cursor, 8, what);
  const first = cursor.view.getUint32(cursor.pos, cursor.littleEndian);
  const second = cursor.view.getUint32(cursor.pos + 4, cursor.littleEndian);
  cursor.pos += 8;
  const [low, high] = cursor.littleEndian ? [first, second] : [second, first];
  // Not added where there is nothing to add: a small integer that went through a double is kept as one, in 16 more bytes.
  return high === 0 ? low : high * 2 ** 32 + low;
}

/** The same number, as a small integer where it is one: tables of half a million tensors are made of them. */
export function compact(n: number): number {
  return n === (n | 0) ? n | 0 : n;
}

/** A count, length or dimension: 64 bits, in v1 files 32. */
export function readSize(cursor: Cursor, what: string): number {
  return cursor.narrow ? readU32(cursor, what) : readU64(cursor, what);
}

/** A length that must fit into what is left of the file. Checked before anything is read or allocated. */
export function readLength(cursor: Cursor, what: string, bytesPerUnit = 1): number {
  const at = tell(cursor);
  const length = readSize(cursor, what);
  const left = cursor.fileSize - tell(cursor);
  if (length * bytesPerUnit > left) {
    throw new CheckpointError(
      "truncated",
      `${what} at byte ${grouped(at)} claims ${formatU64(length)} ${bytesPerUnit === 1 ? "bytes" : "elements"}, ` +
        `but only ${grouped(left)} bytes are left in the file; it is cut off or damaged`,
      { file: cursor.file, offset: at, missingBytes: length * bytesPerUnit - left },
    );
  }
  return length;
}

/** A u64 for a message: exact where a number can be, in powers of two above. */
export function formatU64(value: number): string {
  return Number.isSafeInteger(value) ? grouped(value) : `about 2^${Math.log2(value).toFixed(0)}`;
}

// Strings in files are data: a byte order mark is kept, bytes that are not UTF-8 become U+FFFD and are reported.
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const looseUtf8 = new TextDecoder("utf-8", { ignoreBOM: true });

export interface Text {
  readonly text: string;
  readonly valid: boolean;
}

export function decodeUtf8(bytes: Uint8Array): Text {
  try {
    return { text: strictUtf8.decode(bytes), valid: true };
  } catch {
    return { text: looseUtf8.decode(bytes), valid: false };
  }
}

/** Short ASCII names (tensor names and keys are) are built without the decoder, which costs more than they do. */
export function readName(cursor: Cursor, length: number): Text {
  const { bytes, pos } = cursor;
  const end = pos + length;
  if (length <= 64) {
    let i = pos;
    while (i < end && (bytes[i] as number) < 0x80) i++;
    if (i === end) {
      cursor.pos = end;
      return { text: String.fromCharCode.apply(null, bytes.subarray(pos, end) as unknown as number[]), valid: true };
    }
  }
  cursor.pos = end;
  const { text, valid } = decodeUtf8(bytes.subarray(pos, end));
  return { text: asName(text), valid };
}

/** One value of fixed size. 64-bit integers above 2^53 come as `bigint`. */
export function readFixed(cursor: Cursor, type: ValueTypeName): number | bigint | boolean {
  const { view, pos, littleEndian } = cursor;
  switch (type) {
    case "u8":
      cursor.pos += 1;
      return view.getUint8(pos);
    case "i8":
      cursor.pos += 1;
      return view.getInt8(pos);
    case "u16":
      cursor.pos += 2;
      return view.getUint16(pos, littleEndian);
    case "i16":
      cursor.pos += 2;
      return view.getInt16(pos, littleEndian);
    case "u32":
      cursor.pos += 4;
      return view.getUint32(pos, littleEndian);
    case "i32":
      cursor.pos += 4;
      return view.getInt32(pos, littleEndian);
    case "f32":
      cursor.pos += 4;
      return view.getFloat32(pos, littleEndian);
    case "f64":
      cursor.pos += 8;
      return view.getFloat64(pos, littleEndian);
    case "bool":
      cursor.pos += 1;
      return view.getUint8(pos) !== 0; // any value but 0 is true, as in the reference reader
    case "u64":
      cursor.pos += 8;
      return narrowBigInt(view.getBigUint64(pos, littleEndian));
    case "i64":
      cursor.pos += 8;
      return narrowBigInt(view.getBigInt64(pos, littleEndian));
    default:
      throw new TypeError(`${type} has no fixed size`);
  }
}

function narrowBigInt(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
