/**
 * The values themselves: every NaN and infinity is found and placed, in every type that has them and in every scale of a block,
 * whatever the byte order and however the data are cut; nothing else is reported.
 */
import { readFileSync } from "node:fs";

import {
  type Checkpoint,
  type Finding,
  GGML_TYPES,
  type GgufWriteTensor,
  ggmlType,
  memoryFileSet,
  openCheckpoint,
  openFileSet,
  writeGguf,
  writeSafetensors,
} from "@checkpoint-inspect/parser";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { describeReal, realData } from "../../../test-support/real-data.ts";
import {
  createScanner,
  mergeTallies,
  type Tally,
  unitBytesOf,
  type ValueCheck,
  valueCheck,
  type WeightsScan,
  weightFindings,
} from "../src/index.ts";
import { WEIGHT_RULES } from "../src/weights/rules.ts";

const BUFFER_BYTES = 16 * 1024;
/** Both ways of looking: 128-bit instructions, and plain loops where there are none. */
const SCANNERS = {
  simd: createScanner(BUFFER_BYTES),
  plain: createScanner(BUFFER_BYTES, { simd: false }),
};
const BYTE_ORDERS = { little: false, big: true } as const;

/** Looks through all of `data`, `chunk` bytes at a time, as the command does with a buffer of its own size. */
function look(
  check: ValueCheck,
  data: Uint8Array,
  bigEndian = false,
  scanner = SCANNERS.simd,
  chunk = BUFFER_BYTES,
): Tally {
  const unit = unitBytesOf(check);
  const step = Math.max(unit, Math.min(chunk, BUFFER_BYTES) - (Math.min(chunk, BUFFER_BYTES) % unit));
  let tally: Tally = { nonZero: false };
  for (let at = 0; at < data.length; at += step) {
    const piece = data.subarray(at, at + step);
    scanner.buffer.set(piece);
    tally = mergeTallies(tally, scanner.scan(check, bigEndian, piece.length, at));
  }
  return tally;
}

function checkFor(type: string, shape: readonly number[] = [1, 1024]): ValueCheck {
  const check = valueCheck({ type, shape });
  if (!check) throw new Error(`${type} isn't looked at`);
  return check;
}

/** What a pattern stands for, by the definition of its type; the bytes are little-endian. */
const VALUE_OF: Readonly<
  Record<string, { readonly bytes: number; readonly value: (view: DataView, at: number) => number }>
> = {
  F64: { bytes: 8, value: (view, at) => view.getFloat64(at, true) },
  F32: { bytes: 4, value: (view, at) => view.getFloat32(at, true) },
  BF16: { bytes: 2, value: (view, at) => single(view.getUint16(at, true) << 16) },
  F16: { bytes: 2, value: (view, at) => half(view.getUint16(at, true)) },
  // The upper byte of a half.
  F8_E5M2: { bytes: 1, value: (view, at) => half(view.getUint8(at) << 8) },
  F8_E4M3: { bytes: 1, value: (view, at) => ([0x7f, 0xff].includes(view.getUint8(at)) ? Number.NaN : 1) },
  F8_E8M0: { bytes: 1, value: (view, at) => (view.getUint8(at) === 0xff ? Number.NaN : 1) },
  F8_E4M3FNUZ: { bytes: 1, value: (view, at) => (view.getUint8(at) === 0x80 ? Number.NaN : 1) },
  F8_E5M2FNUZ: { bytes: 1, value: (view, at) => (view.getUint8(at) === 0x80 ? Number.NaN : 1) },
};

function single(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setInt32(0, bits);
  return view.getFloat32(0);
}

function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15));
}

/** The places of NaN and of infinities, by going through the numbers one by one. */
function naive(type: string, data: Uint8Array): { nan: number[]; infinite: number[] } {
  const { bytes, value } = VALUE_OF[type] as (typeof VALUE_OF)[string];
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const found = { nan: [] as number[], infinite: [] as number[] };
  for (let at = 0; at + bytes <= data.length; at += bytes) {
    const number = value(view, at);
    if (Number.isNaN(number)) found.nan.push(at);
    else if (!Number.isFinite(number)) found.infinite.push(at);
  }
  return found;
}

/** In the other byte order. */
function swapped(data: Uint8Array, bytes: number): Uint8Array {
  const other = data.slice();
  for (let at = 0; at + bytes <= other.length; at += bytes) other.subarray(at, at + bytes).reverse();
  return other;
}

/** Bytes in which suspect patterns are common: most of the exponent is set, or not. */
const irregularBytes = fc
  .array(fc.constantFrom(0x00, 0x01, 0x3c, 0x40, 0x7c, 0x7d, 0x7e, 0x7f, 0x80, 0xc0, 0xf0, 0xf8, 0xfc, 0xff), {
    minLength: 8,
    maxLength: 400,
  })
  .map((bytes) => Uint8Array.from(bytes.slice(0, bytes.length - (bytes.length % 8))));

describe("values of plain float types", () => {
  const cases = Object.keys(VALUE_OF).flatMap((type) =>
    Object.keys(BYTE_ORDERS).flatMap((order) => Object.keys(SCANNERS).map((way) => [type, order, way] as const)),
  );

  it.each(cases)("%s, %s-endian, %s: those that aren't finite, by the type's definition", (type, order, way) => {
    const check = checkFor(type);
    fc.assert(
      fc.property(irregularBytes, fc.integer({ min: 8, max: 200 }), (data, chunk) => {
        const { nan, infinite } = naive(type, data);
        const bigEndian = BYTE_ORDERS[order as keyof typeof BYTE_ORDERS];
        const stored = bigEndian ? swapped(data, VALUE_OF[type]?.bytes ?? 1) : data;
        const tally = look(check, stored, bigEndian, SCANNERS[way as keyof typeof SCANNERS], chunk);
        expect([tally.nan?.count ?? 0, tally.nan?.at]).toEqual([nan.length, nan[0]]);
        expect([tally.infinite?.count ?? 0, tally.infinite?.at]).toEqual([infinite.length, infinite[0]]);
        expect(tally.nonZero).toBe(data.some((byte) => byte !== 0));
      }),
      { numRuns: 60 },
    );
  });

  it("finds one NaN anywhere in a large tensor", () => {
    const data = new Uint8Array(3 * BUFFER_BYTES + 10).fill(0x3c);
    for (const element of [0, 31, 32, 4097, data.length / 2 - 1]) {
      const planted = data.slice();
      planted.set([0x01, 0x7c], element * 2);
      const { nan, infinite } = look(checkFor("F16"), planted);
      expect(nan).toEqual({ count: 1, at: element * 2, bits: "0x7c01", negative: false });
      expect(infinite).toBeUndefined();
    }
  });

  it("counts them where there is nothing else, as a failed training leaves it", () => {
    for (const [type, { bytes }] of Object.entries(VALUE_OF)) {
      const data = new Uint8Array(BUFFER_BYTES).fill(type.endsWith("FNUZ") ? 0x80 : 0xff);
      for (const scanner of Object.values(SCANNERS)) {
        expect(look(checkFor(type), data, false, scanner).nan?.count).toBe(data.length / bytes);
      }
    }
  });

  it("tells minus infinity", () => {
    const { infinite } = look(checkFor("F32"), new Uint8Array(new Float32Array([1, Number.NEGATIVE_INFINITY]).buffer));
    expect(infinite).toEqual({ count: 1, at: 4, bits: "0xff800000", negative: true });
  });

  it("takes the largest finite numbers as what they are", () => {
    expect(look(checkFor("F16"), Uint8Array.of(0xff, 0x7b, 0xff, 0xfb))).toEqual({ nonZero: true });
    expect(look(checkFor("BF16"), Uint8Array.of(0x7f, 0x7f))).toEqual({ nonZero: true });
    expect(look(checkFor("F8_E4M3"), Uint8Array.of(0x7e, 0xfe, 0x80))).toEqual({ nonZero: true });
  });

  it("finds nothing in integers and in floats that are always finite", () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    for (const type of ["BOOL", "F4", "F6_E2M3", "F6_E3M2", "I8", "U8", "I16", "I32", "I64", "U64"]) {
      expect(look(checkFor(type), all)).toEqual({ nonZero: true });
    }
  });
});

/** NaN and infinity in the formats that scales have, little-endian. (IQ1_M's stands in four nibbles.) */
const SCALE_BITS = {
  F16: { nan: [0x00, 0x7e], infinite: [0x00, 0xfc] },
  F32: { nan: [0x00, 0x00, 0xc0, 0x7f], infinite: [0x00, 0x00, 0x80, 0xff] },
  E8M0: { nan: [0xff], infinite: undefined },
  UE4M3: { nan: [0x7f], infinite: undefined },
  F16_IN_NIBBLES: {
    nan: [0x00, 0x00, 0x00, 0x00, 0x00, 0xe0, 0x00, 0x70],
    infinite: [0x00, 0x00, 0x00, 0x00, 0x00, 0xc0, 0x00, 0xf0],
  },
} as const;

const SCALED = GGML_TYPES.map(({ name }) => name).filter(
  (name) => valueCheck({ type: name, shape: [4, 1024] })?.kind === "scales",
);

function scalesOf(type: string): Extract<ValueCheck, { kind: "scales" }> {
  const check = checkFor(type);
  if (check.kind !== "scales") throw new Error(`${type} has no scales`);
  return check;
}

describe("scales of quantized types", () => {
  it("are known for every type of mainline, and lie within the block", () => {
    const mainline = GGML_TYPES.filter(({ origin }) => origin === "mainline");
    expect(mainline.filter(({ name }) => !valueCheck({ type: name, shape: [4, 1024] }))).toEqual([]);
    for (const type of SCALED) {
      const { scales, unitBytes, unit } = scalesOf(type);
      for (const { at, format } of scales)
        expect(at + SCALE_BITS[format as keyof typeof SCALE_BITS].nan.length).toBeLessThanOrEqual(unitBytes);
      if (unit === "block") expect(unitBytes).toBe(GGML_TYPES.find(({ name }) => name === type)?.blockBytes);
    }
  });

  it("begin the block or end it, as the structures of ggml have them", () => {
    // But for IQ1_M, in the last eight bytes of which the scale is spread.
    for (const type of SCALED) {
      const { scales, unitBytes } = scalesOf(type);
      const bytes = scales.map(({ format }) => SCALE_BITS[format as keyof typeof SCALE_BITS].nan.length);
      const places = scales.map(({ at }) => at);
      const inLine = (from: number) => bytes.map((_, i) => from + bytes.slice(0, i).reduce((sum, n) => sum + n, 0));
      const total = bytes.reduce((sum, n) => sum + n, 0);
      expect([inLine(0), inLine(unitBytes - total)]).toContainEqual(places);
    }
  });

  const planting = SCALED.flatMap((type) => (["nan", "infinite"] as const).map((kind) => [type, kind] as const)).filter(
    ([type, kind]) => scalesOf(type).scales.every(({ format }) => SCALE_BITS[format as keyof typeof SCALE_BITS][kind]),
  );

  it.each(planting)("%s: one that is %s is found in its block, and nothing else", (type, kind) => {
    const { scales, unitBytes, unitElements } = scalesOf(type);
    expect(unitElements).toBeGreaterThan(0);
    const cases = fc.record({
      scale: fc.constantFrom(...scales),
      block: fc.nat(40),
      blocks: fc.integer({ min: 41, max: 60 }),
      fill: fc.integer({ min: 1, max: 255 }),
      bigEndian: fc.boolean(),
      way: fc.constantFrom(SCANNERS.simd, SCANNERS.plain),
      chunk: fc.integer({ min: 1, max: BUFFER_BYTES }),
    });
    fc.assert(
      fc.property(cases, ({ scale, block, blocks, fill, bigEndian, way, chunk }) => {
        const data = new Uint8Array(blocks * unitBytes).fill(fill);
        // Whatever the rest of the block holds is no scale.
        for (const { at, format } of scales) {
          const zero = SCALE_BITS[format as keyof typeof SCALE_BITS].nan.map(() => 0);
          for (let i = 0; i < blocks; i++) data.set(zero, i * unitBytes + at);
        }
        const bits = SCALE_BITS[scale.format as keyof typeof SCALE_BITS][kind] ?? [];
        const at = block * unitBytes + scale.at;
        data.set(bigEndian ? bigEndianScale(scale.format, bits) : bits, at);
        const tally = look(scalesOf(type), data, bigEndian, way, chunk);
        const { nan, infinite } = tally;
        expect(tally[kind]).toMatchObject({ count: 1, at, field: scale.field, negative: kind === "infinite" });
        expect(kind === "nan" ? infinite : nan).toBeUndefined();
      }),
      { numRuns: 25 },
    );
  });

  it("aren't looked for where blocks hold several rows, or the type is unknown", () => {
    for (const type of ["IQ4_KS_R4", "Q4_0_R8", "type 99", "__proto__", "constructor"]) {
      expect(valueCheck({ type, shape: [4, 1024] })).toBeUndefined();
    }
  });

  it("stand once a row in the types that have them there", () => {
    const check = scalesOf("IQ4_KS");
    expect(check).toMatchObject({ unit: "row", unitElements: 1024, unitBytes: 4 + 4 * 136 });
  });
});

/** The words of a scale in nibbles keep their order. */
function bigEndianScale(format: string, bits: readonly number[]): number[] {
  return [...swapped(Uint8Array.from(bits), format === "F16_IN_NIBBLES" ? 2 : bits.length)];
}

describe("zeros", () => {
  it.each(Object.entries(SCANNERS))("%s: are told from a single one", (_, scanner) => {
    for (const type of ["F16", "F8_E4M3", "I32", "MXFP4", "Q8_0"]) {
      const check = checkFor(type);
      const data = new Uint8Array(unitBytesOf(check) * 512);
      expect(look(check, data, false, scanner).nonZero).toBe(false);
      data[type === "Q8_0" ? 34 * 300 : data.length - 1] = 1;
      expect(look(check, data, false, scanner).nonZero).toBe(true);
    }
  });

  it("are the weights of blocks whose scales are zero or minus zero, whatever else these hold", () => {
    // What llama.cpp makes of zeros in Q4_0: a scale of 0 / -8, and eights.
    const block = new Uint8Array(18).fill(0x88);
    block.set([0x00, 0x80]);
    expect(look(checkFor("Q4_0"), block).nonZero).toBe(false);
    expect(
      look(
        checkFor("Q4_0"),
        block.map((byte, i) => (i === 0 ? 1 : byte)),
      ).nonZero,
    ).toBe(true);
  });
});

/** Values as trained ones are: neither zero nor irregular. */
const sound = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(0x3c);

const F16 = 1;
const Q8_0 = 8;
const IQ4_KS_R4 = 344;

async function openGguf(tensors: readonly GgufWriteTensor[]): Promise<Checkpoint> {
  const metadata = [{ key: "general.architecture", type: "string", value: "llama" } as const];
  return openFileSet(memoryFileSet("x", { "x.gguf": writeGguf({ metadata, tensors }) }));
}

const nothing: WeightsScan = {
  irregular: new Map(),
  zero: [],
  notLookedAt: [],
  problems: new Map(),
  hashes: new Map(),
};

function onlyFinding(findings: readonly Finding[]): Finding {
  expect(findings).toHaveLength(1);
  return findings[0] as Finding;
}

describe("findings", () => {
  const irregular = { count: 3, bits: "0x7e00", negative: false };

  it("name the tensor, the element and its indices, the value and the byte", async () => {
    const checkpoint = await openGguf([{ name: "blk.0.attn_q.weight", type: F16, shape: [64, 8], data: sound(1024) }]);
    const scan = { ...nothing, irregular: new Map([[0, { nonZero: true, nan: { ...irregular, at: 2 * 130 } }]]) };
    const finding = onlyFinding(weightFindings(checkpoint, scan));
    expect(finding).toMatchObject({
      rule: "weights/nan",
      severity: "error",
      message: '"blk.0.attn_q.weight" (F16): 3 of 512 values are NaN; the first is element 130 at [2, 2], 0x7e00',
      part: "x.gguf",
      tensor: "blk.0.attn_q.weight",
      offset: (checkpoint.tensors[0]?.offset ?? 0) + 260,
    });
    expect(finding.why).toBe(WEIGHT_RULES["weights/nan"].why);
  });

  it("name the block of a scale and the elements that it covers", async () => {
    const checkpoint = await openGguf([{ name: "blk.0.ffn_up.weight", type: Q8_0, shape: [64, 8], data: sound(544) }]);
    const infinite = { count: 1, at: 34 * 3, bits: "0x7c00", negative: false, field: "d" };
    const scan = { ...nothing, irregular: new Map([[0, { nonZero: true, infinite }]]) };
    expect(onlyFinding(weightFindings(checkpoint, scan))).toMatchObject({
      rule: "weights/infinite-scale",
      severity: "error",
      message:
        '"blk.0.ffn_up.weight" (Q8_0): 1 scale of 16 blocks is infinite; the first is d (0x7c00) of block 3, elements 96 to 127',
    });
  });

  it("are a note where a mask holds infinities", async () => {
    const file = writeSafetensors([
      { name: "transformer.h.0.attn.masked_bias", dtype: "F32", shape: [], data: new Uint8Array(4) },
      { name: "transformer.h.0.attn.c_attn.weight", dtype: "F32", shape: [4, 12], data: new Uint8Array(192) },
    ]);
    const checkpoint = await openFileSet(memoryFileSet("gpt", { "model.safetensors": file }));
    const tally = { nonZero: true, infinite: { ...irregular, at: 0, negative: true } };
    const scan = {
      ...nothing,
      irregular: new Map([
        [0, tally],
        [1, tally],
      ]),
    };
    const severities = weightFindings(checkpoint, scan).map(({ tensor, severity }) => [
      tensor?.split(".").at(-1),
      severity,
    ]);
    expect(new Map(severities as [string, string][])).toEqual(
      new Map([
        ["masked_bias", "note"],
        ["weight", "error"],
      ]),
    );
  });

  it("leave vectors and biases be where they are zero, and name matrices", async () => {
    const checkpoint = await openGguf([
      { name: "blk.0.attn_q.bias", type: F16, shape: [64] },
      { name: "blk.0.attn_norm.weight", type: F16, shape: [64] },
      { name: "blk.0.attn_q.weight", type: F16, shape: [64, 8] },
    ]);
    const finding = onlyFinding(weightFindings(checkpoint, { ...nothing, zero: [0, 1, 2] }));
    expect(finding).toMatchObject({ rule: "weights/all-zero", severity: "warning", tensor: "blk.0.attn_q.weight" });
  });

  it("are one for a file of which much is zero", async () => {
    const names = Array.from({ length: 12 }, (_, i) => `blk.${i}.ffn_up.weight`);
    const checkpoint = await openGguf(names.map((name) => ({ name, type: F16, shape: [64, 8] })));
    const finding = onlyFinding(weightFindings(checkpoint, { ...nothing, zero: names.map((_, i) => i) }));
    expect(finding.message).toBe(
      '12 of 12 tensors (12.3 kB) hold nothing but zeros: "blk.0.ffn_up.weight", "blk.1.ffn_up.weight", "blk.2.ffn_up.weight" and 9 more',
    );
  });

  it("say what wasn't looked at, what couldn't be read, and which hash is another", async () => {
    const { blockBytes = 0, rowMetaBytes = 0 } = ggmlType(IQ4_KS_R4) ?? {};
    const data = new Uint8Array(4 * (rowMetaBytes + blockBytes));
    const checkpoint = await openGguf([{ name: "blk.0.ffn_up.weight", type: IQ4_KS_R4, shape: [256, 4], data }]);
    const findings = weightFindings(checkpoint, {
      ...nothing,
      notLookedAt: [0],
      problems: new Map([[0, { offset: 4096, error: "the disk reports a read error (EIO)" }]]),
      hashes: new Map([[0, { expected: "a".repeat(64), actual: "b".repeat(64), from: "SHA256SUMS" }]]),
    });
    expect(findings.map(({ rule, severity, message }) => [rule, severity, message])).toEqual([
      ["weights/unreadable", "error", "x.gguf can't be read from byte 4,096 on: the disk reports a read error (EIO)"],
      [
        "weights/hash-mismatch",
        "error",
        `the sha256 of x.gguf is ${"b".repeat(64)}, SHA256SUMS says ${"a".repeat(64)}`,
      ],
      ["weights/not-looked-at", "note", "1 tensor of type IQ4_KS_R4 (560 B): where its scales stand isn't known here"],
    ]);
  });

  it("are at most a hundred of a rule", async () => {
    const names = Array.from({ length: 300 }, (_, i) => `blk.${i}.ffn_up.weight`);
    const checkpoint = await openGguf(names.map((name) => ({ name, type: F16, shape: [64, 8] })));
    const tally = { nonZero: true, nan: { ...irregular, at: 0 } };
    const findings = weightFindings(checkpoint, { ...nothing, irregular: new Map(names.map((_, i) => [i, tally])) });
    expect(findings).toHaveLength(101);
    expect(findings.at(-1)?.message).toContain("200 more");
  });
});

const TRAINED = ["BF16", "F16", "IQ2_XS", "Q4_K_M", "Q5_1", "Q8_0", "TQ1_0"].map((label) => [
  `stories260K-${label}.gguf`,
  "stories260K",
]);
const MADE = ["IQ4_XS", "MXFP4_MOE", "Q1_0", "Q2_0", "Q2_K", "Q6_K"].map((label) => [
  `llama-dense-${label}.gguf`,
  "llama-dense",
]);
const BIG_ENDIAN = ["F16", "Q4_0"].map((label) => [`stories260K-${label}-BE.gguf`, "endian"]);

describeReal("weights that llama.cpp wrote", () => {
  it.each([...TRAINED, ...MADE, ...BIG_ENDIAN])("%s: every scale is of a weight's size", async (name, folder) => {
    const path = realData("gguf-made", folder, name);
    const file = readFileSync(path);
    const checkpoint = await openCheckpoint(path);
    await checkpoint.close();
    const bigEndian = folder === "endian";
    const sizes: number[] = [];
    for (const { type, shape, offset, sizeBytes } of checkpoint.tensors) {
      const data = new Uint8Array(file.subarray(offset, offset + sizeBytes));
      const check = checkFor(type, shape);
      expect(look(check, data, bigEndian)).toEqual({ nonZero: true });
      if (check.kind === "scales") sizes.push(...halfScales(check, data, bigEndian));
    }
    expect(sizes.length > 0).toBe(!/F16/.test(name));
    // Other bytes, read as half precision, would be above it in two of five cases.
    expect(sizes.filter((size) => !(size < 4))).toEqual([]);
  });
});

/** Magnitudes of the scales in half precision. */
function halfScales(check: Extract<ValueCheck, { kind: "scales" }>, data: Uint8Array, bigEndian: boolean): number[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const places = check.scales.filter(({ format }) => format === "F16");
  return places.flatMap(({ at }) =>
    Array.from({ length: data.length / check.unitBytes }, (_, i) =>
      Math.abs(half(view.getUint16(i * check.unitBytes + at, !bigEndian))),
    ),
  );
}
