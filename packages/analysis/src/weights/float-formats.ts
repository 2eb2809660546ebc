/**
 * Floating point formats that tensors and the scales of quantized blocks are stored in: which bit patterns are no finite number.
 *
 * Sources: IEEE 754 (F16, F32, F64); bfloat16, the upper half of F32; OCP 8-bit Floating Point Specification 1.0 (E4M3 without
 * infinity, E5M2); OCP Microscaling Formats 1.0, 5.4.1 (E8M0); the float8 table of ONNX (FNUZ: 0x80 is the one NaN, there are
 * no infinities); ggml-common.h, `iq1m_scale_t` (half precision in four nibbles).
 */

interface FloatFormat {
  readonly bytes: number;
  /** Where `(bits & mask) === suspect`, the number isn't finite. */
  readonly mask: bigint;
  readonly suspect: bigint;
  /** Of such a number: NaN where one of these bits is set, infinite where none is. 0 where all of them are NaN. */
  readonly mantissa: bigint;
}

export const FLOAT_FORMATS = {
  F16: { bytes: 2, mask: 0x7c00n, suspect: 0x7c00n, mantissa: 0x3ffn },
  BF16: { bytes: 2, mask: 0x7f80n, suspect: 0x7f80n, mantissa: 0x7fn },
  F32: { bytes: 4, mask: 0x7f80_0000n, suspect: 0x7f80_0000n, mantissa: 0x7f_ffffn },
  F64: {
    bytes: 8,
    mask: 0x7ff0_0000_0000_0000n,
    suspect: 0x7ff0_0000_0000_0000n,
    mantissa: 0xf_ffff_ffff_ffffn,
  },
  E5M2: { bytes: 1, mask: 0x7cn, suspect: 0x7cn, mantissa: 0x3n },
  E4M3: { bytes: 1, mask: 0x7fn, suspect: 0x7fn, mantissa: 0n },
  E4M3FNUZ: { bytes: 1, mask: 0xffn, suspect: 0x80n, mantissa: 0n },
  E5M2FNUZ: { bytes: 1, mask: 0xffn, suspect: 0x80n, mantissa: 0n },
  E8M0: { bytes: 1, mask: 0xffn, suspect: 0xffn, mantissa: 0n },
  /** Scale of NVFP4: E4M3 whose sign bit isn't looked at. */
  UE4M3: { bytes: 1, mask: 0x7fn, suspect: 0x7fn, mantissa: 0n },
  /** Scale of IQ1_M: the four nibbles of a half, the lowest first, in the top nibbles of four 16-bit words. */
  F16_IN_NIBBLES: {
    bytes: 8,
    mask: 0x7000_c000_0000_0000n,
    suspect: 0x7000_c000_0000_0000n,
    mantissa: 0x0000_3000_f000_f000n,
  },
} as const satisfies Readonly<Record<string, FloatFormat>>;

export type FloatName = keyof typeof FLOAT_FORMATS;

/** A format as its bytes stand in a file of one byte order, for loops that go by bytes. */
export interface BytePattern {
  readonly bytes: number;
  /** Place of the byte that holds the sign: it alone tells most finite numbers. */
  readonly top: number;
  readonly mask: Uint8Array;
  readonly suspect: Uint8Array;
  readonly mantissa: Uint8Array;
  /** Every bit but the sign. */
  readonly magnitude: Uint8Array;
}

export function bytePattern(format: FloatName, bigEndian: boolean): BytePattern {
  const { bytes, mask, suspect, mantissa } = FLOAT_FORMATS[format];
  // The four words of a scale in nibbles keep their order; the bytes within each are swapped.
  const word = format === "F16_IN_NIBBLES" ? 2 : bytes;
  const place = (i: number): number => (bigEndian ? i - (i % word) + (word - 1 - (i % word)) : i);
  const inFile = (bits: bigint): Uint8Array => {
    const placed = new Uint8Array(bytes);
    for (let i = 0; i < bytes; i++) placed[place(i)] = Number((bits >> BigInt(8 * i)) & 0xffn);
    return placed;
  };
  return {
    bytes,
    top: place(bytes - 1),
    mask: inFile(mask),
    suspect: inFile(suspect),
    mantissa: inFile(mantissa),
    magnitude: inFile(mask | mantissa),
  };
}

/** The bits of a number, `0x7e00`: which NaN it is tells where it may be from. */
export function hexBits(buffer: Uint8Array, at: number, format: FloatName, bigEndian: boolean): string {
  const { bytes } = FLOAT_FORMATS[format];
  const own = [...buffer.subarray(at, at + bytes)];
  if (format === "F16_IN_NIBBLES") {
    const nibbles = [0, 2, 4, 6].map((i) => (own[bigEndian ? i : i + 1] as number) >> 4);
    return `0x${nibbles.reverse().map(hexDigit).join("")}`;
  }
  const highFirst = bigEndian ? own : own.reverse();
  return `0x${highFirst.map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

const hexDigit = (nibble: number): string => nibble.toString(16);
