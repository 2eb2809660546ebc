/**
 * The inner loops, as a WebAssembly module of a few small functions. JavaScript has no 128-bit arithmetic, and its fastest loop
 * over plain floats takes longer than reading the bytes from memory does; this one takes a quarter of that time. The loop over the
 * scales of blocks would be as fast in JavaScript in the end, but slow for as long as it isn't optimised, which is half of a
 * gigabyte.
 *
 * The module is put together here, instruction by instruction, when it is first needed (two milliseconds): no compiler in the
 * build, no binary in the repository. Source of the encoding: WebAssembly Core Specification 2.0, 5 "Binary Format".
 */

/** What is used of the global `WebAssembly`; the types of Node 20 don't have it. */
interface WasmGlobal {
  readonly Memory: new (limits: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
}

/** Bits of a lane: how wide the numbers are that are compared. */
export type Lane = 8 | 16 | 32 | 64;

const LANES: readonly Lane[] = [8, 16, 32, 64];

/** Bytes of a step of the loop; what is looked at is a multiple of it. */
export const STEP_BYTES = 64;

/** Bits of the answer. */
export const SUSPECT = 1;
export const NON_ZERO = 2;

export interface Simd {
  /** Where the bytes to be looked at are put. */
  readonly buffer: Uint8Array;
  /**
   * Looks at `[begin, end)` of the buffer, a whole number of steps.
   * @param mask of a lane, as its bytes stand in memory
   * @returns {@link SUSPECT} where `(lane & mask) === suspect` holds somewhere, {@link NON_ZERO} where a byte isn't zero
   */
  look(lane: Lane, mask: Uint8Array, suspect: Uint8Array, begin: number, end: number): number;
  /** Whether `(byte & mask) === suspect` holds for any of the bytes at `begin`, `begin + step` and so on, before `end`. */
  anyNth(begin: number, end: number, step: number, mask: number, suspect: number): boolean;
}

const PAGE_BYTES = 65_536;
/** The two patterns stand first in memory, then the buffer. */
const MASK_AT = 0;
const SUSPECT_AT = 16;
const BUFFER_AT = 64;

/** Undefined where there is no WebAssembly (`node --jitless`) or it lacks 128-bit instructions. */
export function createSimd(bufferBytes: number): Simd | undefined {
  const wasm = (globalThis as { readonly WebAssembly?: WasmGlobal }).WebAssembly;
  if (!wasm) return undefined;
  const memory = new wasm.Memory({ initial: Math.ceil((BUFFER_AT + bufferBytes) / PAGE_BYTES) });
  let functions: Readonly<Record<string, (...args: number[]) => number>>;
  try {
    functions = new wasm.Instance(new wasm.Module(moduleBytes()), { js: { memory } }).exports as typeof functions;
  } catch {
    return undefined;
  }
  const patterns = new Uint8Array(memory.buffer, 0, BUFFER_AT);
  return {
    buffer: new Uint8Array(memory.buffer, BUFFER_AT, bufferBytes),
    look(lane, mask, suspect, begin, end) {
      if (begin === end) return 0;
      for (let i = 0; i < 16; i++) {
        patterns[MASK_AT + i] = mask[i % mask.length] as number;
        patterns[SUSPECT_AT + i] = suspect[i % suspect.length] as number;
      }
      return functions[exportName(lane)]?.(BUFFER_AT + begin, BUFFER_AT + end) ?? 0;
    },
    anyNth(begin, end, step, mask, suspect) {
      if (begin >= end) return false;
      return functions[ANY_NTH]?.(BUFFER_AT + begin, BUFFER_AT + end, step, mask, suspect) === 1;
    },
  };
}

const exportName = (lane: Lane): string => `look${lane}`;
const ANY_NTH = "anyNth";

// The binary format. Everything below is bytes.

const I32 = 0x7f;
const V128 = 0x7b;
const EMPTY_BLOCK = 0x40;

const LOOP = 0x03;
const END = 0x0b;
const BR_IF = 0x0d;
const LOCAL_GET = 0x20;
const LOCAL_SET = 0x21;
const LOCAL_TEE = 0x22;
const I32_LOAD8_U = 0x2d;
const I32_CONST = 0x41;
const I32_EQ = 0x46;
const I32_LT_U = 0x49;
const I32_ADD = 0x6a;
const I32_AND = 0x71;
const I32_OR = 0x72;
const I32_SHL = 0x74;

const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];
const V128_AND = simd(0x4e);
const V128_OR = simd(0x50);
const V128_ANY_TRUE = simd(0x53);
/** i8x16.eq, i16x8.eq, i32x4.eq, i64x2.eq */
const EQUAL = { 8: simd(0x23), 16: simd(0x2d), 32: simd(0x37), 64: simd(0xd6) } as const satisfies Record<
  Lane,
  number[]
>;

/** v128.load at the address on the stack plus `offset`; the alignment is a hint only. */
const load = (offset: number): number[] => [...simd(0), 0, ...unsigned(offset)];

/** LEB128 */
function unsigned(n: number): number[] {
  const bytes: number[] = [];
  for (let rest = n; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest];
    bytes.push((rest & 0x7f) | 0x80);
  }
}

/** A constant below 64, where signed and unsigned LEB128 are the same byte. */
const constant = (n: number): number[] => [I32_CONST, n];

const vector = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()];
const sized = (bytes: readonly number[]): number[] => [...unsigned(bytes.length), ...bytes];
const section = (id: number, bytes: readonly number[]): number[] => [id, ...sized(bytes)];
const name = (text: string): number[] => sized([...text].map((letter) => letter.charCodeAt(0)));

function moduleBytes(): Uint8Array {
  const takes = (count: number): number[] => [0x60, ...vector(Array(count).fill([I32])), ...vector([[I32]])];
  const memory = [...name("js"), ...name("memory"), 0x02, 0x00, 1];
  const functions = [
    ...LANES.map((lane) => ({ export: exportName(lane), type: 0, code: lookCode(lane) })),
    { export: ANY_NTH, type: 1, code: anyNthCode() },
  ];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector([takes(2), takes(5)])),
    ...section(2, vector([memory])),
    ...section(3, vector(functions.map(({ type }) => [type]))),
    ...section(7, vector(functions.map((own, i) => [...name(own.export), 0x00, i]))),
    ...section(10, vector(functions.map(({ code }) => sized(code)))),
  ]);
}

/** Two pairs of accumulators, so that one step needn't wait for the one before. */
const [AT, TO, MASK, WANTED, HIT_A, HIT_B, ANY_A, ANY_B, VALUE] = [0, 1, 2, 3, 4, 5, 6, 7, 8] as const;

/** `hit |= (value & mask) == wanted; any |= value` over all values, then both in the bits of one number. */
function lookCode(lane: Lane): number[] {
  const accumulate = (offset: number, hit: number, any: number): number[] => [
    ...[LOCAL_GET, AT, ...load(offset), LOCAL_TEE, VALUE],
    ...[LOCAL_GET, MASK, ...V128_AND, LOCAL_GET, WANTED, ...EQUAL[lane]],
    ...[LOCAL_GET, hit, ...V128_OR, LOCAL_SET, hit],
    ...[LOCAL_GET, VALUE, LOCAL_GET, any, ...V128_OR, LOCAL_SET, any],
  ];
  const anyTrue = (a: number, b: number): number[] => [LOCAL_GET, a, LOCAL_GET, b, ...V128_OR, ...V128_ANY_TRUE];
  return [
    ...vector([[7, V128]]),
    ...[...constant(0), ...load(MASK_AT), LOCAL_SET, MASK],
    ...[...constant(0), ...load(SUSPECT_AT), LOCAL_SET, WANTED],
    ...[LOOP, EMPTY_BLOCK],
    ...accumulate(0, HIT_A, ANY_A),
    ...accumulate(16, HIT_B, ANY_B),
    ...accumulate(32, HIT_A, ANY_A),
    ...accumulate(48, HIT_B, ANY_B),
    // 64 as signed LEB128: the sixth bit would be a sign.
    ...[LOCAL_GET, AT, I32_CONST, 0xc0, 0x00, I32_ADD, LOCAL_TEE, AT],
    ...[LOCAL_GET, TO, I32_LT_U, BR_IF, 0, END],
    ...anyTrue(HIT_A, HIT_B),
    ...[...anyTrue(ANY_A, ANY_B), ...constant(1), I32_SHL, I32_OR],
    END,
  ];
}

/** `found |= (byte & mask) == suspect` over every so many bytes. */
function anyNthCode(): number[] {
  const [at, to, step, mask, suspect, found] = [0, 1, 2, 3, 4, 5] as const;
  return [
    ...vector([[1, I32]]),
    ...[LOOP, EMPTY_BLOCK],
    ...[LOCAL_GET, at, I32_LOAD8_U, 0, 0, LOCAL_GET, mask, I32_AND, LOCAL_GET, suspect, I32_EQ],
    ...[LOCAL_GET, found, I32_OR, LOCAL_SET, found],
    ...[LOCAL_GET, at, LOCAL_GET, step, I32_ADD, LOCAL_TEE, at],
    ...[LOCAL_GET, to, I32_LT_U, BR_IF, 0, END],
    ...[LOCAL_GET, found, END],
  ];
}
