/**
 * Looks through the data of a tensor, a buffer at a time: counts values that are no finite numbers, remembers the first, and
 * sees whether anything but zero is there.
 */
import { type BytePattern, bytePattern, FLOAT_FORMATS, type FloatName, hexBits } from "./float-formats.ts";
import { createSimd, type Lane, NON_ZERO, type Simd, STEP_BYTES, SUSPECT } from "./simd.ts";
import type { ScaleField, ValueCheck } from "./value-checks.ts";

/** Values of one kind that are no finite numbers. */
export interface Irregular {
  readonly count: number;
  /** The first: bytes from the tensor's beginning. */
  readonly at: number;
  /** Its bits, `0x7e00`. */
  readonly bits: string;
  readonly negative: boolean;
  /** The scale's name in its block. */
  readonly field?: string;
}

/** What was found in a tensor, or in a piece of it. */
export interface Tally {
  /** A value isn't zero; of packed or integer data, a byte. */
  readonly nonZero: boolean;
  readonly nan?: Irregular;
  readonly infinite?: Irregular;
}

export interface Scanner {
  /** The bytes that are looked at are put here. */
  readonly buffer: Uint8Array;
  /**
   * Looks at the first `length` bytes of the buffer.
   * @param at of these bytes, from the tensor's beginning: a multiple of {@link unitBytesOf}
   */
  scan(check: ValueCheck, bigEndian: boolean, length: number, at: number): Tally;
}

/** Bytes that belong together: a buffer begins with one, and only whole ones are looked at. */
export function unitBytesOf(check: ValueCheck): number {
  if (check.kind === "scales") return check.unitBytes;
  return check.kind === "elements" ? FLOAT_FORMATS[check.format].bytes * check.parts : 1;
}

/** @param simd false for plain loops alone */
export function createScanner(bufferBytes: number, { simd = true } = {}): Scanner {
  const fast = simd ? createSimd(bufferBytes) : undefined;
  const buffer = fast?.buffer ?? new Uint8Array(bufferBytes);
  return {
    buffer,
    scan(check, bigEndian, length, at) {
      if (check.kind === "finite") return { nonZero: anyByte(buffer, fast, length) };
      const whole = length - (length % unitBytesOf(check));
      const found: Found = {};
      if (check.kind === "elements") {
        const nonZero = scanElements({ buffer, fast, format: check.format, bigEndian, at, found }, whole);
        return { nonZero, ...found };
      }
      const { scales, unitBytes, zeroScaleIsZero } = check;
      for (const scale of scales) {
        scanScales({ buffer, fast, format: scale.format, bigEndian, at, found }, scale, unitBytes, whole);
      }
      const nonZero =
        anyByte(buffer, fast, length) && (!zeroScaleIsZero || anyScale(buffer, scales, unitBytes, bigEndian, whole));
      return { nonZero, ...found };
    },
  };
}

/** Two pieces of one tensor, or two kinds of scales in one piece. */
export function mergeTallies(a: Tally, b: Tally): Tally {
  const nan = mergeIrregular(a.nan, b.nan);
  const infinite = mergeIrregular(a.infinite, b.infinite);
  return { nonZero: a.nonZero || b.nonZero, ...(nan && { nan }), ...(infinite && { infinite }) };
}

function mergeIrregular(a: Irregular | undefined, b: Irregular | undefined): Irregular | undefined {
  if (!a || !b) return a ?? b;
  return { ...(a.at <= b.at ? a : b), count: a.count + b.count };
}

interface Found {
  nan?: Irregular;
  infinite?: Irregular;
}

interface Looking {
  readonly buffer: Uint8Array;
  readonly format: FloatName;
  readonly bigEndian: boolean;
  /** Of the buffer's first byte, from the tensor's beginning. */
  readonly at: number;
  readonly found: Found;
}

/** Where something is suspect, this many bytes around it are gone through one by one. */
const NARROW_BYTES = 4096;

/** @returns whether any byte isn't zero */
function scanElements(looking: Looking & { readonly fast: Simd | undefined }, length: number): boolean {
  const { buffer, fast, format, bigEndian } = looking;
  const pattern = bytePattern(format, bigEndian);
  const steps = fast ? length - (length % STEP_BYTES) : 0;
  let nonZero = false;
  if (fast) {
    const lane = (pattern.bytes * 8) as Lane;
    const answer = fast.look(lane, pattern.mask, pattern.suspect, 0, steps);
    nonZero = (answer & NON_ZERO) !== 0;
    for (let begin = 0; (answer & SUSPECT) !== 0 && begin < steps; begin += NARROW_BYTES) {
      const end = Math.min(begin + NARROW_BYTES, steps);
      const hit = fast.look(lane, pattern.mask, pattern.suspect, begin, end) & SUSPECT;
      if (hit) everyNth(looking, pattern, begin, end, pattern.bytes);
    }
  }
  everyNth(looking, pattern, steps, length, pattern.bytes);
  return nonZero || anyByteFrom(buffer, steps, length);
}

/** One scale of every block or row. Its highest byte alone says of nearly all that they are finite. */
function scanScales(
  looking: Looking & { readonly fast: Simd | undefined },
  { field, at }: ScaleField,
  unitBytes: number,
  length: number,
): void {
  const pattern = bytePattern(looking.format, looking.bigEndian);
  const { top } = pattern;
  const [mask, suspect] = [pattern.mask[top] as number, pattern.suspect[top] as number];
  if (looking.fast?.anyNth(at + top, length, unitBytes, mask, suspect) === false) return;
  everyNth(looking, pattern, at, length, unitBytes, field);
}

/** Counts what isn't finite among the numbers at `begin`, `begin + step` and so on. */
function everyNth(
  { buffer, format, bigEndian, at, found }: Looking,
  pattern: BytePattern,
  begin: number,
  end: number,
  step: number,
  field?: string,
): void {
  const run: Run = { buffer, begin, end, step, bigEndian };
  const counts = pattern.bytes <= 4 ? countNarrow(run, format) : countWide(run, pattern);
  for (const kind of ["nan", "infinite"] as const) {
    const [count, first] = counts[kind];
    if (count === 0) continue;
    const merged = mergeIrregular(found[kind], {
      count,
      at: at + first,
      bits: hexBits(buffer, first, format, bigEndian),
      negative: kind === "infinite" && ((buffer[first + pattern.top] as number) & 0x80) !== 0,
      ...(field !== undefined && { field }),
    });
    if (merged) found[kind] = merged;
  }
}

interface Run {
  readonly buffer: Uint8Array;
  readonly begin: number;
  readonly end: number;
  readonly step: number;
  readonly bigEndian: boolean;
}

/** How many, and where the first of them is. */
interface Counts {
  readonly nan: readonly [count: number, first: number];
  readonly infinite: readonly [count: number, first: number];
}

/** Numbers of up to four bytes. Quick even where all of them are NaN, as they are in what a failed training leaves. */
function countNarrow({ buffer, begin, end, step, bigEndian }: Run, format: FloatName): Counts {
  const { bytes, mask, suspect, mantissa } = FLOAT_FORMATS[format];
  // As signed numbers, which is what bit operations make of them.
  const [exponentBits, wanted, mantissaBits] = [Number(mask) | 0, Number(suspect) | 0, Number(mantissa) | 0];
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  let [nan, firstNan, infinite, firstInfinite] = [0, 0, 0, 0];
  for (let i = begin; i + bytes <= end; i += step) {
    const bits =
      bytes === 2 ? view.getUint16(i, !bigEndian) : bytes === 4 ? view.getInt32(i, !bigEndian) : (buffer[i] as number);
    if ((bits & exponentBits) !== wanted) continue;
    if (mantissaBits === 0 || (bits & mantissaBits) !== 0) {
      if (nan++ === 0) firstNan = i;
    } else if (infinite++ === 0) firstInfinite = i;
  }
  return { nan: [nan, firstNan], infinite: [infinite, firstInfinite] };
}

/** Numbers of eight bytes: doubles, and scales in nibbles. Byte by byte, the highest first. */
function countWide({ buffer, begin, end, step }: Run, { bytes, top, mask, suspect, mantissa }: BytePattern): Counts {
  let [nan, firstNan, infinite, firstInfinite] = [0, 0, 0, 0];
  const [topMask, topSuspect] = [mask[top] as number, suspect[top] as number];
  for (let i = begin; i + bytes <= end; i += step) {
    if (((buffer[i + top] as number) & topMask) !== topSuspect) continue;
    let isSuspect = true;
    let isNan = 0;
    for (let k = 0; k < bytes; k++) {
      const byte = buffer[i + k] as number;
      isSuspect &&= (byte & (mask[k] as number)) === suspect[k];
      isNan |= byte & (mantissa[k] as number);
    }
    if (!isSuspect) continue;
    if (isNan !== 0) {
      if (nan++ === 0) firstNan = i;
    } else if (infinite++ === 0) firstInfinite = i;
  }
  return { nan: [nan, firstNan], infinite: [infinite, firstInfinite] };
}

/** Whether any scale is neither zero nor minus zero. Mostly the first one is. */
function anyScale(
  buffer: Uint8Array,
  scales: readonly ScaleField[],
  unitBytes: number,
  bigEndian: boolean,
  length: number,
): boolean {
  const patterns = scales.map(({ at, format }) => ({ at, ...bytePattern(format, bigEndian) }));
  for (let unit = 0; unit < length; unit += unitBytes) {
    for (const { at, bytes, magnitude } of patterns) {
      for (let i = 0; i < bytes; i++) {
        if (((buffer[unit + at + i] as number) & (magnitude[i] as number)) !== 0) return true;
      }
    }
  }
  return false;
}

/** Whether any byte isn't zero. Mostly one of the first is. */
function anyByte(buffer: Uint8Array, fast: Simd | undefined, length: number): boolean {
  const steps = fast ? length - (length % STEP_BYTES) : 0;
  for (let begin = 0; fast && begin < steps; begin += NARROW_BYTES) {
    if (fast.look(8, NONE, NONE, begin, Math.min(begin + NARROW_BYTES, steps)) & NON_ZERO) return true;
  }
  return anyByteFrom(buffer, steps, length);
}

const NONE = new Uint8Array(1);

function anyByteFrom(buffer: Uint8Array, begin: number, end: number): boolean {
  for (let i = begin; i < end; i++) if (buffer[i] !== 0) return true;
  return false;
}
