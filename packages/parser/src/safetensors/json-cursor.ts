/**
 * A strict JSON reader (RFC 8259) straight over bytes, one pass, no intermediate tree.
 *
 * `JSON.parse` can't serve here: it hides duplicate keys, rounds integers above 2^53, lets lone surrogates pass, reorders
 * integer-like keys, and tells no byte offset. Bytes must be checked with {@link invalidUtf8At} before strings are read.
 * Positions are byte offsets in the array.
 */
import { CheckpointError, type ErrorCode } from "../errors.ts";
import { MAX_QUOTED } from "../words.ts";
import { MAX_JSON_DEPTH } from "./limits.ts";

export interface JsonCursor {
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly end: number;
  pos: number;
  /** Where the first `\uD800`-like escape without its other half was read, or -1. It reads as U+FFFD. */
  loneSurrogateAt: number;
}

export function jsonCursor(file: string, bytes: Uint8Array, start: number, end: number): JsonCursor {
  return { file, bytes, end, pos: start, loneSurrogateAt: -1 };
}

/** Kind of a JSON value, told by its first byte. */
export type JsonKind = "object" | "array" | "string" | "number" | "true" | "false" | "null";

const QUOTE = 0x22;
const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;

// ignoreBOM: a name may begin with U+FEFF, and must keep it.
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** @throws {CheckpointError} always: `what` at the cursor's byte (or at `offset`). */
export function failJson(c: JsonCursor, what: string, offset = c.pos, code: ErrorCode = "invalid"): never {
  throw new CheckpointError(code, `${what} at byte ${offset}`, { file: c.file, offset });
}

/** Moves over whitespace and returns the next byte, or -1 at the end. The byte is not consumed. */
export function nextByte(c: JsonCursor): number {
  const { bytes, end } = c;
  let i = c.pos;
  while (i < end) {
    const b = bytes[i] as number;
    if (b > 0x20 || (b !== 0x20 && b !== 0x0a && b !== 0x0d && b !== 0x09)) {
      c.pos = i;
      return b;
    }
    i++;
  }
  c.pos = end;
  return -1;
}

/** Consumes one byte after optional whitespace. */
export function expectByte(c: JsonCursor, byte: number): void {
  const b = nextByte(c);
  if (b !== byte) failJson(c, `JSON syntax error: expected ${byteWords(byte)}, found ${byteWords(b)}`);
  c.pos++;
}

/** After a member or an element: true when another follows, false when the container has been closed. */
export function another(c: JsonCursor, close: number): boolean {
  const b = nextByte(c);
  if (b === COMMA) {
    c.pos++;
    if (nextByte(c) === close) failJson(c, "JSON syntax error: trailing comma before the closing bracket");
    return true;
  }
  if (b !== close) {
    failJson(c, `JSON syntax error: expected "," or "${String.fromCharCode(close)}", found ${byteWords(b)}`);
  }
  c.pos++;
  return false;
}

/** Enters an object or a list: true when it has something in it, false when it was empty and has been closed. */
export function enter(c: JsonCursor, open: number, close: number): boolean {
  expectByte(c, open);
  if (nextByte(c) !== close) return true;
  c.pos++;
  return false;
}

/** Kind of the value that comes next. */
export function nextKind(c: JsonCursor): JsonKind {
  const b = nextByte(c);
  if (b === QUOTE) return "string";
  if (b === OPEN_BRACE) return "object";
  if (b === OPEN_BRACKET) return "array";
  if (b === MINUS || (b >= ZERO && b <= NINE)) return "number";
  if (b === 0x74) return "true";
  if (b === 0x66) return "false";
  if (b === 0x6e) return "null";
  return failJson(c, `JSON syntax error: expected a value, found ${byteWords(b)}`);
}

/** Consumes `literal` (quotes included) when it stands at the cursor exactly so. */
export function takeLiteral(c: JsonCursor, literal: Uint8Array): boolean {
  const { bytes, pos } = c;
  if (pos + literal.length > c.end) return false;
  for (let i = 0; i < literal.length; i++) if (bytes[pos + i] !== literal[i]) return false;
  c.pos = pos + literal.length;
  return true;
}

/** Reads a string. */
export function readString(c: JsonCursor): string {
  expectByte(c, QUOTE);
  const { bytes, end } = c;
  const start = c.pos;
  let i = start;
  while (i < end) {
    const b = bytes[i] as number;
    if (b === QUOTE) {
      c.pos = i + 1;
      return utf8.decode(bytes.subarray(start, i));
    }
    if (b === BACKSLASH || b < 0x20) return readEscapedString(c, start, i);
    i++;
  }
  c.pos = end;
  return failJson(c, `JSON syntax error: the string that begins at byte ${start - 1} doesn't end: the JSON ends`);
}

const ESCAPES: Readonly<Record<number, string>> = {
  34: '"',
  47: "/",
  92: "\\",
  98: "\b",
  102: "\f",
  110: "\n",
  114: "\r",
  116: "\t",
};

function readEscapedString(c: JsonCursor, start: number, firstOdd: number): string {
  const { bytes, end } = c;
  const pieces: string[] = [];
  let pieceStart = start;
  let i = firstOdd;
  while (i < end) {
    const b = bytes[i] as number;
    if (b === QUOTE) {
      pieces.push(utf8.decode(bytes.subarray(pieceStart, i)));
      c.pos = i + 1;
      return pieces.join("");
    }
    if (b < 0x20) failJson(c, `JSON syntax error: control character ${byteWords(b)} in a string`, i);
    if (b !== BACKSLASH) {
      i++;
      continue;
    }
    if (i > pieceStart) pieces.push(utf8.decode(bytes.subarray(pieceStart, i)));
    const kind = bytes[i + 1] as number;
    if (i + 1 >= end) break;
    if (kind === 0x75) {
      const high = readHex4(c, i + 2);
      i += 6;
      if (high >= 0xd800 && high <= 0xdbff && i + 1 < end && bytes[i] === BACKSLASH && bytes[i + 1] === 0x75) {
        const low = readHex4(c, i + 2);
        if (low >= 0xdc00 && low <= 0xdfff) {
          pieces.push(String.fromCharCode(high, low));
          i += 6;
          pieceStart = i;
          continue;
        }
      }
      const lone = high >= 0xd800 && high <= 0xdfff;
      if (lone && c.loneSurrogateAt < 0) c.loneSurrogateAt = i - 6;
      pieces.push(lone ? "\ufffd" : String.fromCharCode(high));
    } else {
      const char = ESCAPES[kind];
      if (char === undefined) failJson(c, "JSON syntax error: unknown escape in a string", i);
      pieces.push(char);
      i += 2;
    }
    pieceStart = i;
  }
  c.pos = end;
  return failJson(c, `JSON syntax error: the string that begins at byte ${start - 1} doesn't end: the JSON ends`);
}

function readHex4(c: JsonCursor, at: number): number {
  let value = 0;
  for (let i = at; i < at + 4; i++) {
    if (i >= c.end) failJson(c, "JSON syntax error: the text ends in an escape", c.end);
    const b = c.bytes[i] as number;
    const digit = b >= ZERO && b <= NINE ? b - ZERO : (b | 0x20) >= 0x61 && (b | 0x20) <= 0x66 ? (b | 0x20) - 0x57 : -1;
    if (digit < 0) failJson(c, "JSON syntax error: expected four hexadecimal digits in an escape", i);
    value = value * 16 + digit;
  }
  return value;
}

const U64_MAX = 0xffff_ffff_ffff_ffffn;

/**
 * Reads an unsigned integer of at most 64 bits. Above 2^53 the answer is the nearest double.
 * `depth` is the number of containers around it.
 * @returns -1 when the value is something else (negative, `4.0`, `1e3`, above 2^64 - 1, a string …); it has been consumed
 */
export function readUnsigned(c: JsonCursor, depth: number): number {
  const first = nextByte(c);
  if (first < ZERO || first > NINE) {
    skipValue(c, depth);
    return -1;
  }
  const { bytes, end } = c;
  const start = c.pos;
  let i = start;
  let value = 0;
  while (i < end) {
    const digit = (bytes[i] as number) - ZERO;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
    i++;
  }
  const after = i < end ? (bytes[i] as number) : 0;
  if ((first === ZERO && i > start + 1) || after === 0x2e || (after | 0x20) === 0x65) {
    skipNumber(c);
    return -1;
  }
  c.pos = i;
  if (i - start <= 15) return value;
  // 20 digits hold 2^64; more would only make BigInt work.
  if (i - start > 20) return -1;
  const exact = BigInt(utf8.decode(bytes.subarray(start, i)));
  return exact > U64_MAX ? -1 : Number(exact);
}

/** Consumes one value of any kind and checks its syntax. `depth` is the number of containers around it. */
export function skipValue(c: JsonCursor, depth: number): void {
  const kind = nextKind(c);
  if (kind === "string") readString(c);
  else if (kind === "number") skipNumber(c);
  else if (kind === "object" || kind === "array") {
    if (depth >= MAX_JSON_DEPTH) {
      failJson(c, `JSON is nested more than ${MAX_JSON_DEPTH} levels deep`, c.pos, "limit");
    }
    const isObject = kind === "object";
    const close = isObject ? CLOSE_BRACE : CLOSE_BRACKET;
    let more = enter(c, isObject ? OPEN_BRACE : OPEN_BRACKET, close);
    while (more) {
      if (isObject) {
        readString(c);
        expectByte(c, COLON);
      }
      skipValue(c, depth + 1);
      more = another(c, close);
    }
  } else {
    for (let i = 0; i < kind.length; i++) {
      if (c.pos + i >= c.end || c.bytes[c.pos + i] !== kind.charCodeAt(i)) {
        failJson(c, "JSON syntax error: expected a value, found an unknown word");
      }
    }
    c.pos += kind.length;
  }
}

function skipNumber(c: JsonCursor): void {
  const { bytes, end } = c;
  const start = c.pos;
  let i = start;
  const digits = (): boolean => {
    const from = i;
    while (i < end && (bytes[i] as number) >= ZERO && (bytes[i] as number) <= NINE) i++;
    return i > from;
  };
  if (bytes[i] === MINUS) i++;
  const leadingZero = bytes[i] === ZERO;
  const whole = i;
  let ok = digits() && !(leadingZero && i > whole + 1);
  if (ok && i < end && bytes[i] === 0x2e) {
    i++;
    ok = digits();
  }
  if (ok && i < end && ((bytes[i] as number) | 0x20) === 0x65) {
    i++;
    if (i < end && (bytes[i] === 0x2b || bytes[i] === MINUS)) i++;
    ok = digits();
  }
  if (!ok) failJson(c, "JSON syntax error: malformed number", start);
  // The reference's JSON reader refuses a number that no double can hold; only a long one or one with an exponent can be it.
  if (!Number.isFinite(Number(utf8.decode(bytes.subarray(start, i))))) failJson(c, "JSON number out of range", start);
  c.pos = i;
}

/** The text of the bytes `[start, end)`, cut when long: for a message. */
export function textAt(c: JsonCursor, start: number, end: number): string {
  const cut = end - start > MAX_QUOTED;
  return utf8.decode(c.bytes.subarray(start, cut ? start + MAX_QUOTED : end)) + (cut ? "…" : "");
}

/** The whole text of the bytes `[start, end)`. */
export function rawText(c: JsonCursor, start: number, end: number): string {
  return utf8.decode(c.bytes.subarray(start, end));
}

/** One byte in words: `the end`, `"x"`, `0x00`. */
export function byteWords(byte: number): string {
  if (byte < 0) return "the end";
  if (byte === QUOTE) return "a double quote";
  return byte > 0x20 && byte < 0x7f ? `"${String.fromCharCode(byte)}"` : `0x${byte.toString(16).padStart(2, "0")}`;
}

/** First byte in `[start, end)` that is not part of well-formed UTF-8 (RFC 3629), or -1. */
export function invalidUtf8At(bytes: Uint8Array, start: number, end: number): number {
  let i = start;
  while (i < end) {
    const b = bytes[i] as number;
    if (b < 0x80) {
      i++;
      continue;
    }
    const length = b < 0xc2 ? 0 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : b < 0xf5 ? 4 : 0;
    if (length === 0 || i + length > end) return i;
    const second = bytes[i + 1] as number;
    // No overlong forms, no surrogates, nothing above U+10FFFF.
    const low = b === 0xe0 ? 0xa0 : b === 0xf0 ? 0x90 : 0x80;
    const high = b === 0xed ? 0x9f : b === 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) return i;
    for (let k = 2; k < length; k++) if (((bytes[i + k] as number) & 0xc0) !== 0x80) return i;
    i += length;
  }
  return -1;
}
