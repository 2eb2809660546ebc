/**
 * Metadata arrays: walked over when the header is read (a 150,000-token vocabulary costs a millisecond), decoded only
 * when somebody asks, and then only the part that was asked for.
 */
import type { LazyArray, MetadataElement } from "../checkpoint/checkpoint.ts";
import { CheckpointError } from "../errors.ts";
import type { ByteSource } from "../source/byte-source.ts";
import { grouped } from "../words.ts";
import {
  MAX_ARRAY_DEPTH,
  MAX_INLINE_STRING_BYTES,
  MAX_NESTED_DECODE_BYTES,
  MAX_SLICE_BYTES,
  STRING_MARK_EVERY,
} from "./limits.ts";
import {
  type Cursor,
  decodeUtf8,
  need,
  newCursor,
  readFixed,
  readLength,
  readU32,
  Starved,
  setWindow,
  tell,
  VALUE_TYPES,
  type ValueType,
} from "./values.ts";

/** One read of `slice`: a few thousand strings. */
const SLICE_WINDOW_BYTES = 256 * 1024;

/** Where a walk over an array stands: one frame a nesting level, so that it can stop at a window's end and go on. */
export interface ArrayWalk {
  readonly elementType: ValueType;
  readonly length: number;
  /** Absolute offset of the first element. */
  readonly start: number;
  /** Absolute offsets of string 0, STRING_MARK_EVERY, 2 * STRING_MARK_EVERY … (arrays of strings only). */
  readonly marks: number[];
  readonly frames: { readonly type: ValueType; remaining: number }[];
  /** Bytes and index of the longest string (arrays of strings only). */
  readonly longest: { bytes: number; index: number };
}

/** Reads an array's element type and length, checks them against the bytes that are left, and starts a walk. */
export function beginArray(cursor: Cursor, what: string): ArrayWalk {
  const { type, length } = readArrayHead(cursor, what);
  return {
    elementType: type,
    length,
    start: tell(cursor),
    marks: [],
    frames: [{ type, remaining: length }],
    longest: { bytes: 0, index: 0 },
  };
}

/** Puts a walk back to the first element; the cursor has to be put there too. */
export function resetWalk(walk: ArrayWalk): void {
  walk.marks.length = 0;
  walk.frames.length = 0;
  walk.frames.push({ type: walk.elementType, remaining: walk.length });
  walk.longest.bytes = 0;
  walk.longest.index = 0;
}

function readArrayHead(cursor: Cursor, what: string): { type: ValueType; length: number } {
  const at = tell(cursor);
  need(cursor, cursor.narrow ? 8 : 12, what);
  const typeId = readU32(cursor, what);
  const type = VALUE_TYPES[typeId];
  if (!type) {
    throw new CheckpointError(
      "invalid",
      `${what} has element type ${typeId} at byte ${grouped(at)}; GGUF knows 0 to 12`,
      { file: cursor.file, offset: at },
    );
  }
  const lengthBytes = cursor.narrow ? 4 : 8;
  const smallest = type.name === "string" ? lengthBytes : type.name === "array" ? 4 + lengthBytes : type.bytes;
  return { type, length: readLength(cursor, what, smallest) };
}

/**
 * Steps over the elements as far as the window reaches.
 * @throws {Starved} at the window's end; call again with the next window, which starts where the cursor stands
 */
export function walkArray(cursor: Cursor, walk: ArrayWalk, what: string): void {
  const { frames } = walk;
  let frame = frames.at(-1);
  while (frame) {
    if (frame.remaining === 0) {
      frames.pop();
    } else if (frame.type.bytes > 0) {
      cursor.pos += frame.remaining * frame.type.bytes; // readArrayHead made sure that the file holds them
      frame.remaining = 0;
    } else if (frame.type.name === "string") {
      walkStrings(cursor, walk, frame, what);
    } else {
      if (frames.length >= MAX_ARRAY_DEPTH) {
        throw new CheckpointError(
          "limit",
          `${what} nests arrays deeper than ${MAX_ARRAY_DEPTH} levels at byte ${grouped(tell(cursor))}; no model needs that`,
          { file: cursor.file, offset: tell(cursor) },
        );
      }
      const inner = readArrayHead(cursor, what);
      frame.remaining--;
      frames.push({ type: inner.type, remaining: inner.length });
    }
    frame = frames.at(-1);
  }
}

/** The hot loop of the whole reader: a vocabulary is hundreds of thousands of these. */
function walkStrings(cursor: Cursor, walk: ArrayWalk, frame: { remaining: number }, what: string): void {
  const { bytes, view, littleEndian, narrow, start, fileSize } = cursor;
  const lengthBytes = narrow ? 4 : 8;
  const windowEnd = bytes.length - lengthBytes;
  const top = walk.frames.length === 1;
  const fileEnd = fileSize - start;
  let { pos } = cursor;
  let { remaining } = frame;
  let { bytes: longest } = walk.longest;
  while (remaining > 0 && pos <= windowEnd) {
    if (top && (walk.length - remaining) % STRING_MARK_EVERY === 0) walk.marks.push(start + pos);
    let length = view.getUint32(littleEndian || narrow ? pos : pos + 4, littleEndian);
    if (!narrow) {
      const high = view.getUint32(littleEndian ? pos + 4 : pos, littleEndian);
      if (high !== 0) length += high * 2 ** 32;
    }
    const next = pos + lengthBytes + length;
    if (next > fileEnd) break; // the checked path below words the error
    if (length > longest) {
      longest = length;
      walk.longest.index = walk.length - remaining;
    }
    pos = next;
    remaining--;
  }
  cursor.pos = pos;
  frame.remaining = remaining;
  walk.longest.bytes = longest;
  if (remaining > 0) {
    const index = grouped(walk.length - remaining);
    const length = readLength(cursor, top ? `string ${index} of ${what}` : `a string of ${what}`);
    if (length > longest) {
      walk.longest.bytes = length;
      walk.longest.index = walk.length - remaining;
    }
    cursor.pos += length;
    frame.remaining--;
  }
}

/** The finished walk as an array that decodes on demand from `source`. */
export function lazyArray(source: ByteSource, walk: ArrayWalk, end: number, cursor: Cursor): LazyArray {
  const { littleEndian, narrow } = cursor;
  const { elementType, length, start, marks } = walk;

  async function slice(from = 0, to = length): Promise<MetadataElement[]> {
    const first = Math.max(0, Math.min(from, length));
    const last = Math.max(first, Math.min(to, length));
    if (first === last) return [];
    const reader = newCursor(source.name, end);
    reader.littleEndian = littleEndian;
    reader.narrow = narrow;
    if (elementType.bytes > 0) {
      const { bytes: size } = elementType;
      const bytes = (last - first) * size;
      if (bytes > MAX_SLICE_BYTES) throw tooMuch(bytes);
      await fill(reader, start + first * size, bytes);
      return decodeElements(reader, elementType, last - first);
    }
    if (elementType.name === "string") return sliceStrings(reader, first, last);
    if (end - start > MAX_NESTED_DECODE_BYTES) throw tooMuch(end - start);
    await fill(reader, start, end - start);
    return decodeElements(reader, elementType, last).slice(first);
  }

  /** Reads a window that must be there: the file may have got shorter since its header was read. */
  async function fill(reader: Cursor, offset: number, length: number): Promise<void> {
    const bytes = await source.read(offset, length);
    if (bytes.length < length) {
      throw new CheckpointError(
        "truncated",
        `the file got shorter after it was opened (byte ${grouped(offset + bytes.length)})`,
        {
          file: source.name,
          offset: offset + bytes.length,
        },
      );
    }
    setWindow(reader, offset, bytes);
  }

  function tooMuch(bytes: number): CheckpointError {
    return new CheckpointError(
      "limit",
      `${grouped(bytes)} bytes of an array are too many to show at once; ask for a part of it`,
      {
        file: source.name,
        offset: start,
      },
    );
  }

  async function sliceStrings(reader: Cursor, first: number, last: number): Promise<MetadataElement[]> {
    const mark = Math.floor(first / STRING_MARK_EVERY);
    let index = mark * STRING_MARK_EVERY;
    let at = marks[mark] as number;
    let wanted = at;
    let decoded = 0;
    const values: MetadataElement[] = [];
    while (index < last) {
      await fill(reader, at, Math.min(end - at, Math.max(SLICE_WINDOW_BYTES, wanted - at)));
      try {
        while (index < last) {
          at = tell(reader);
          const length = readLength(reader, "a string");
          if (index >= first) {
            // A string longer than any token is cut, as the header's own strings are.
            const inline = Math.min(length, MAX_INLINE_STRING_BYTES);
            need(reader, inline, "a string");
            decoded += inline;
            if (decoded > MAX_SLICE_BYTES) throw tooMuch(decoded);
            values.push(decodeUtf8(reader.bytes.subarray(reader.pos, reader.pos + inline)).text);
          }
          reader.pos += length;
          index++;
        }
      } catch (signal) {
        if (!(signal instanceof Starved)) throw signal;
        wanted = signal.upTo;
      }
    }
    return values;
  }

  return {
    elementType: elementType.name,
    length,
    byteRange: { offset: start, length: end - start },
    slice,
    async at(index) {
      return (await slice(index, index + 1))[0];
    },
  };
}

/** An array whose elements are all decoded already: it needs no file any more. */
export function decodedArray(
  { elementType, length, byteRange }: LazyArray,
  values: readonly MetadataElement[],
): LazyArray {
  return {
    elementType,
    length,
    byteRange,
    values,
    async at(index) {
      return values[index];
    },
    async slice(start = 0, end = length) {
      return values.slice(Math.max(0, start), Math.max(0, end));
    },
  };
}

/** Decodes elements that lie whole in the window. */
export function decodeElements(cursor: Cursor, type: ValueType, length: number, depth = 1): MetadataElement[] {
  const values: MetadataElement[] = [];
  for (let i = 0; i < length; i++) {
    if (type.name === "string") {
      const bytes = readLength(cursor, "a string");
      need(cursor, bytes, "a string");
      values.push(decodeUtf8(cursor.bytes.subarray(cursor.pos, cursor.pos + bytes)).text);
      cursor.pos += bytes;
    } else if (type.name === "array") {
      if (depth >= MAX_ARRAY_DEPTH) throw new CheckpointError("limit", "arrays nest too deep", { file: cursor.file });
      const inner = readArrayHead(cursor, "a nested array");
      values.push(decodeElements(cursor, inner.type, inner.length, depth + 1));
    } else {
      need(cursor, type.bytes, "an array");
      values.push(readFixed(cursor, type.name));
    }
  }
  return values;
}
