/**
 * The writing side of the GGUF value types: what a caller gives for each, and the buffer that encodes them.
 *
 * Specification: ggml docs/gguf.md, "File Structure" (gguf_metadata_value_type). v1 counts strings, arrays, dimensions
 * and tensors in 32 bits, later versions in 64.
 */
import { VALUE_TYPES, type ValueTypeName } from "./values.ts";

/** JavaScript values of each metadata type. Strings may be given as bytes: GGUF doesn't require valid UTF-8. */
interface ValueOf {
  u8: number;
  i8: number;
  u16: number;
  i16: number;
  u32: number;
  i32: number;
  f32: number;
  bool: boolean;
  string: string | Uint8Array;
  array: GgufWriteArray;
  u64: number | bigint;
  i64: number | bigint;
  f64: number;
}

/** An array and the type of its elements; an element of an array of arrays is again one of these. */
export type GgufWriteArray = {
  [T in ValueTypeName]: { readonly elementType: T; readonly value: ArrayLike<ValueOf[T]> };
}[ValueTypeName];

export type GgufWriteEntry = { readonly key: string } & (
  | { [T in Exclude<ValueTypeName, "array">]: { readonly type: T; readonly value: ValueOf[T] } }[Exclude<
      ValueTypeName,
      "array"
    >]
  | ({ readonly type: "array" } & GgufWriteArray)
);

const VALUE_TYPE_IDS = new Map(VALUE_TYPES.map(({ id, name }) => [name, id]));

/** Width in bytes, and the range of the integers. */
const INTEGERS = {
  u8: [1, 0, 0xff],
  i8: [1, -0x80, 0x7f],
  u16: [2, 0, 0xffff],
  i16: [2, -0x8000, 0x7fff],
  u32: [4, 0, 0xffff_ffff],
  i32: [4, -0x8000_0000, 0x7fff_ffff],
} as const;

const WIDE_INTEGERS = {
  u64: [0n, 0xffff_ffff_ffff_ffffn],
  i64: [-0x8000_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn],
} as const;

const encoder = new TextEncoder();

/** One growing buffer, and the writers of everything that a header holds. `what` names the place in messages. */
export function headerBuffer(version: 1 | 2 | 3, littleEndian: boolean) {
  let bytes = new Uint8Array(1 << 16);
  let view = new DataView(bytes.buffer);
  let at = 0;
  const countBytes = version === 1 ? 4 : 8;

  function reserve(extra: number): void {
    if (at + extra <= bytes.length) return;
    const grown = new Uint8Array(Math.max(bytes.length * 2, at + extra));
    grown.set(bytes.subarray(0, at));
    bytes = grown;
    view = new DataView(bytes.buffer);
  }

  function integer(what: string, type: keyof typeof INTEGERS, value: number): void {
    const [width, least, greatest] = INTEGERS[type];
    if (!Number.isInteger(value) || value < least || value > greatest) {
      throw new RangeError(`${what}: ${value} does not fit ${type} (${least} to ${greatest})`);
    }
    reserve(width);
    // The unsigned setters keep the low bits of a negative number, which is its two's complement.
    if (width === 1) view.setUint8(at, value);
    else if (width === 2) view.setUint16(at, value, littleEndian);
    else view.setUint32(at, value, littleEndian);
    at += width;
  }

  function wideInteger(what: string, type: keyof typeof WIDE_INTEGERS, value: number | bigint): void {
    const [least, greatest] = WIDE_INTEGERS[type];
    // A number above 2^53 may already be off, so only a bigint may be that large.
    const exact = typeof value === "bigint" || Number.isSafeInteger(value) ? BigInt(value) : undefined;
    if (exact === undefined || exact < least || exact > greatest) {
      throw new RangeError(`${what}: ${value} does not fit ${type}; above 2^53 give a bigint`);
    }
    reserve(8);
    view.setBigUint64(at, BigInt.asUintN(64, exact), littleEndian);
    at += 8;
  }

  /** Numbers go as two halves, without a bigint: a header has millions of lengths. */
  function u64(what: string, value: number | bigint): void {
    if (typeof value === "bigint") {
      wideInteger(what, "u64", value);
      return;
    }
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${what}: ${value} is not a count below 2^53`);
    reserve(8);
    // setUint32 keeps the low 32 bits.
    view.setUint32(at + (littleEndian ? 0 : 4), value, littleEndian);
    view.setUint32(at + (littleEndian ? 4 : 0), Math.floor(value / 2 ** 32), littleEndian);
    at += 8;
  }

  function count(what: string, value: number | bigint): void {
    if (countBytes === 8) u64(what, value);
    else integer(what, "u32", Number(value));
  }

  /** UTF-8 without a length. Returns the bytes written. */
  function text(value: string): number {
    reserve(value.length * 3);
    let done = 0;
    // Vocabularies are short ASCII strings by the million, and encodeInto costs more per call than this loop.
    const short = Math.min(value.length, 64);
    while (done < short) {
      const code = value.charCodeAt(done);
      if (code > 0x7f) break;
      bytes[at + done++] = code;
    }
    if (done < value.length) done += encoder.encodeInto(value.slice(done), bytes.subarray(at + done)).written;
    at += done;
    return done;
  }

  function string(value: string | Uint8Array): void {
    if (typeof value !== "string") {
      count("string length", value.length);
      reserve(value.length);
      bytes.set(value, at);
      at += value.length;
      return;
    }
    // The length in bytes is known only behind the text, so it is written second.
    const start = at;
    reserve(countBytes);
    at += countBytes;
    const length = text(value);
    const end = at;
    at = start;
    count("string length", length);
    at = end;
  }

  function float(what: string, type: "f32" | "f64", value: number): void {
    if (typeof value !== "number") throw new RangeError(`${what}: ${value} is not a number`);
    reserve(8);
    if (type === "f32") view.setFloat32(at, value, littleEndian);
    else view.setFloat64(at, value, littleEndian);
    at += type === "f32" ? 4 : 8;
  }

  function scalar<T extends ValueTypeName>(what: string, type: T, value: ValueOf[T]): void {
    if (type === "string") string(value as string | Uint8Array);
    else if (type === "array") array(what, value as GgufWriteArray);
    else if (type === "bool") integer(what, "u8", value ? 1 : 0);
    else if (type === "f32" || type === "f64") float(what, type, value as number);
    else if (type === "u64" || type === "i64") wideInteger(what, type, value as number | bigint);
    else integer(what, type as keyof typeof INTEGERS, value as number);
  }

  function array(what: string, { elementType, value }: GgufWriteArray): void {
    integer(what, "u32", VALUE_TYPE_IDS.get(elementType) as number);
    count(what, value.length);
    for (let i = 0; i < value.length; i++) scalar(what, elementType, value[i] as ValueOf[ValueTypeName]);
  }

  function entry(item: GgufWriteEntry): void {
    string(item.key);
    integer(item.key, "u32", VALUE_TYPE_IDS.get(item.type) as number);
    if (item.type === "array") array(item.key, item);
    else scalar(item.key, item.type, item.value);
  }

  /** The bytes written, padded with zeros to the alignment: a view that shares the buffer. */
  function finish(alignment: number): Uint8Array {
    const end = Math.ceil(at / alignment) * alignment;
    reserve(end - at);
    return bytes.subarray(0, end);
  }

  return { text, integer, u64, count, string, entry, finish };
}
