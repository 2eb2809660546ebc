/**
 * The GGUF writer: bytes as the format says, real files written again bit for bit, and what is written reads back.
 */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeReal, listReal, realData } from "../../../test-support/real-data.ts";
import type { MetadataElement } from "../src/checkpoint/checkpoint.ts";
import { type GgufFile, readGguf } from "../src/gguf/read.ts";
import { GGML_TYPES } from "../src/gguf/types.ts";
import { type GgufInput, type GgufWriteTensor, ggufDataSize, writeGguf, writeGgufHeader } from "../src/gguf/write.ts";
import { splitGguf } from "../src/gguf/write-split.ts";
import type { GgufWriteArray, GgufWriteEntry } from "../src/gguf/write-values.ts";
import { memorySource } from "../src/source/byte-source.ts";

const F32 = 0;
const Q8_0 = 8;
const IQ4_KS = 144;

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const read = (bytes: Uint8Array) => readGguf(memorySource("written.gguf", bytes));
const tensor = (name: string, shape: readonly number[], type = F32, data?: Uint8Array): GgufWriteTensor => ({
  name,
  shape,
  type,
  ...(data && { data }),
});

describe("bytes", () => {
  const input: GgufInput = {
    metadata: [{ key: "a.b", type: "u16", value: 0x0102 }],
    tensors: [tensor("t", [2], F32, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8))],
  };

  it("are those of the specification for version 3", () => {
    const header = [
      "47475546 03000000 0100000000000000 0100000000000000", // GGUF, version, one tensor, one key
      "0300000000000000 612e62 02000000 0201", // a.b, u16
      "0100000000000000 74 01000000 0200000000000000 00000000 0000000000000000", // t, 1 dimension of 2, F32, at 0
    ].join("");
    const start = header.replaceAll(" ", "");
    const padding = "00".repeat(96 - start.length / 2);
    const data = `0102030405060708${"00".repeat(24)}`;
    expect(hex(writeGguf(input))).toBe(start + padding + data);
    expect(hex(writeGgufHeader(input))).toBe(start + padding);
    expect(ggufDataSize(input)).toBe(32);
  });

  it("swap all but the magic and the data when big-endian", () => {
    const start = [
      "47475546 00000003 0000000000000001 0000000000000001",
      "0000000000000003 612e62 00000002 0102",
      "0000000000000001 74 00000001 0000000000000002 00000000 0000000000000000",
    ];
    const bytes = writeGguf({ ...input, byteOrder: "big" });
    expect(hex(bytes).startsWith(start.join("").replaceAll(" ", ""))).toBe(true);
    expect(hex(bytes.subarray(96, 104))).toBe("0102030405060708");
  });

  it("count in 32 bits in version 1, offsets excepted", () => {
    const start = [
      "47475546 01000000 01000000 01000000",
      "03000000 612e62 02000000 0201",
      "01000000 74 01000000 02000000 00000000 0000000000000000",
    ];
    expect(hex(writeGguf({ ...input, version: 1 })).startsWith(start.join("").replaceAll(" ", ""))).toBe(true);
  });

  it("hold strings that aren't UTF-8 as they are given", () => {
    const bytes = writeGguf({
      metadata: [{ key: "k", type: "string", value: Uint8Array.of(0xff, 0xfe) }],
      tensors: [],
    });
    expect(hex(bytes)).toContain("0200000000000000fffe");
  });

  it("name the alignment where it isn't the default, once", () => {
    const aligned = writeGguf({ ...input, alignment: 64 });
    expect(aligned.length).toBe(192);
    expect(hex(aligned).split(hex(Buffer.from("general.alignment")))).toHaveLength(2);
    const metadata: GgufWriteEntry[] = [{ key: "general.alignment", type: "u32", value: 64 }];
    expect(writeGguf({ metadata, tensors: input.tensors }).length).toBe(192);
    expect(hex(writeGguf({ ...input, alignment: 32 }))).not.toContain(hex(Buffer.from("general.alignment")));
  });
});

describe("sizes", () => {
  it.each([
    ["scalar", tensor("t", []), 4],
    ["empty", tensor("t", [0, 5], IQ4_KS), 0],
    ["blocks", tensor("t", [64, 3], Q8_0), 64 * 3 + 2 * 2 * 3],
    ["bytes before each row", tensor("t", [256, 3, 2], IQ4_KS), (4 + 136) * 6],
  ])("%s", (_, one, bytes) => {
    expect(ggufDataSize({ alignment: 1, metadata: [], tensors: [one] })).toBe(bytes);
    expect(() => writeGguf({ metadata: [], tensors: [{ ...one, data: new Uint8Array(bytes) }] })).not.toThrow();
    expect(() => writeGguf({ metadata: [], tensors: [{ ...one, data: new Uint8Array(bytes + 1) }] })).toThrow(
      new RegExp(`"t": .* takes ${bytes} bytes, its data has ${bytes + 1}`),
    );
  });
});

describe("what doesn't fit", () => {
  const entry = (item: Partial<GgufWriteEntry> & object) => ({
    metadata: [{ key: "the.key", ...item } as GgufWriteEntry],
    tensors: [],
  });
  it.each<[string, GgufInput, RegExp]>([
    ["u8", entry({ type: "u8", value: 256 }), /the\.key: 256 does not fit u8/],
    ["i16", entry({ type: "i16", value: -32769 }), /the\.key: -32769 does not fit i16/],
    ["u32", entry({ type: "u32", value: 1.5 }), /the\.key: 1\.5 does not fit u32/],
    ["u64", entry({ type: "u64", value: 2 ** 53 }), /the\.key: .* above 2\^53 give a bigint/],
    ["u64", entry({ type: "u64", value: -1n }), /the\.key: -1 does not fit u64/],
    ["i64", entry({ type: "i64", value: 2n ** 63n }), /the\.key: .* does not fit i64/],
    ["f32", entry({ type: "f32", value: "1" as never }), /the\.key: 1 is not a number/],
    ["element", entry({ type: "array", elementType: "i8", value: [1, 128] }), /the\.key: 128 does not fit i8/],
    ["alignment", { alignment: 13, metadata: [], tensors: [] }, /alignment 13 is not a power of two/],
    ["row", { metadata: [], tensors: [tensor("w", [33], Q8_0)] }, /"w": a row of 33 is not a multiple of Q8_0's .* 32/],
    ["type", { metadata: [], tensors: [tensor("w", [1], 999)] }, /"w": type id 999/],
    ["size", { metadata: [], tensors: [tensor("w", [2 ** 30, 2 ** 30])] }, /"w": .* above 2\^53/],
    ["dimension", { version: 1, metadata: [], tensors: [tensor("w", [2 ** 32])] }, /w: 4294967296 does not fit u32/],
    ["dimension", { metadata: [], tensors: [tensor("w", [-1])] }, /w: -1 is not a count/],
  ])("is refused: %s", (_, input, message) => {
    expect(() => writeGgufHeader(input)).toThrow(message);
    expect(() => writeGgufHeader(input)).toThrow(RangeError);
  });
});

describe("files that are wrong on purpose", () => {
  it("declare other offsets and shapes over true data", async () => {
    const input = { metadata: [], tensors: [tensor("a", [8]), tensor("b", [8], F32, new Uint8Array(32).fill(7))] };
    const bytes = writeGguf(input, { offsets: { 1: 5 }, shapes: { 0: [0xffff_ffff_ffff_fff8n], 1: [2, 4] } });
    const file = await read(bytes);
    expect(file.tensors.map(({ ne, offset }) => [ne, offset - file.dataOffset])).toEqual([
      [[2 ** 64], 0],
      [[2, 4], 5],
    ]);
    expect(bytes.subarray(file.dataOffset + 32)).toEqual(new Uint8Array(32).fill(7));
  });

  it("hold unknown types and cut data when unchecked", () => {
    const tensors = [tensor("a", [8], 999, new Uint8Array(3)), tensor("b", [8])];
    expect(ggufDataSize({ metadata: [], tensors }, { unchecked: true })).toBe(32);
  });
});

describe("reading back", () => {
  const integers = {
    u8: [0, 2 ** 8 - 1],
    i8: [-(2 ** 7), 2 ** 7 - 1],
    u16: [0, 2 ** 16 - 1],
    i16: [-(2 ** 15), 2 ** 15 - 1],
    u32: [0, 2 ** 32 - 1],
    i32: [-(2 ** 31), 2 ** 31 - 1],
  } as const;
  const text = fc.string({ unit: "binary", maxLength: 100 });
  const values = {
    ...Object.fromEntries(Object.entries(integers).map(([name, [min, max]]) => [name, fc.integer({ min, max })])),
    f32: fc.float(),
    bool: fc.boolean(),
    string: text,
    u64: fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat()),
    i64: fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.integer()),
    f64: fc.double(),
  };
  const { array } = fc.letrec<{ array: GgufWriteArray }>((tie) => ({
    array: fc.oneof(
      { maxDepth: 3 },
      ...Object.entries(values).map(([elementType, value]) =>
        fc.record({ elementType: fc.constant(elementType), value: fc.array(value as fc.Arbitrary<unknown>) }),
      ),
      fc.record({ elementType: fc.constant("array"), value: fc.array(tie("array"), { maxLength: 3 }) }),
    ) as fc.Arbitrary<GgufWriteArray>,
  }));
  const entries = fc.uniqueArray(
    fc
      .tuple(
        fc.string({ unit: "binary", minLength: 1, maxLength: 100 }),
        fc.oneof(
          array.map((value) => ({ type: "array", ...value })),
          ...Object.entries(values).map(([type, value]) =>
            fc.record({ type: fc.constant(type), value: value as fc.Arbitrary<unknown> }),
          ),
        ),
      )
      .map(([key, item]) => ({ key, ...item }) as GgufWriteEntry),
    { selector: ({ key }) => key, maxLength: 8 },
  );
  const tensors = fc.uniqueArray(
    fc
      .record({
        name: fc.string({ minLength: 1, maxLength: 63 }),
        type: fc.constantFrom(...GGML_TYPES.filter(({ origin }) => origin === "mainline")),
        blocks: fc.nat(3),
        outer: fc.option(fc.array(fc.nat(3), { maxLength: 3 }), { nil: undefined }),
        fill: fc.option(fc.nat(255), { nil: undefined }),
      })
      .map(({ name, type, blocks, outer, fill }) => {
        const isScalar = outer === undefined && type.blockElements === 1;
        const shape = isScalar ? [] : [blocks * type.blockElements, ...(outer ?? [])];
        const bytes = (outer ?? []).reduce((product, n) => product * n, isScalar ? 1 : blocks) * type.blockBytes;
        return tensor(name, shape, type.id, fill === undefined ? undefined : new Uint8Array(bytes).fill(fill));
      }),
    { selector: ({ name }) => name, maxLength: 8 },
  );
  const inputs: fc.Arbitrary<GgufInput> = fc.record({
    version: fc.constantFrom(1, 2, 3),
    byteOrder: fc.constantFrom("little", "big"),
    alignment: fc.nat(12).map((power) => 2 ** power),
    metadata: entries,
    tensors,
  });

  it("gives the same metadata, tensors and data, without complaints, in every version, byte order and alignment", async () => {
    await fc.assert(
      fc.asyncProperty(inputs, async (input) => {
        const bytes = writeGguf(input);
        const file = await read(bytes);
        expect(file.error).toBeUndefined();
        const complaints = file.findings.filter(({ severity }) => severity === "error").map(({ rule }) => rule);
        expect(complaints.filter((rule) => rule !== "gguf/nested-array")).toEqual([]);

        const { version, byteOrder, alignment } = file;
        expect({ version, byteOrder, alignment }).toEqual({
          version: input.version,
          byteOrder: input.byteOrder,
          alignment: input.alignment,
        });
        const own = file.metadata.filter(({ key }) => key !== "general.alignment");
        expect(own.map(({ key, type }) => [key, type])).toEqual(input.metadata.map(({ key, type }) => [key, type]));
        for (const [i, { value }] of own.entries()) {
          const given = input.metadata[i] as GgufWriteEntry;
          if (typeof value !== "object") expect(value).toEqual(plain(given.value));
          else expect([value.elementType, await value.slice()]).toEqual([elementType(given), plain(given)]);
        }

        expect(file.tensors.map(({ name, ne, typeId }) => ({ name, shape: ne, type: typeId }))).toEqual(
          input.tensors.map(({ name, shape, type }) => ({ name, shape, type })),
        );
        let end = file.dataOffset;
        for (const [i, { offset, sizeBytes }] of file.tensors.entries()) {
          const start = offset;
          expect(start).toBe(end);
          const data = input.tensors[i]?.data ?? new Uint8Array(sizeBytes);
          expect(hex(bytes.subarray(start, start + sizeBytes))).toBe(hex(data));
          end = start + Math.ceil(sizeBytes / alignment) * alignment;
        }
        expect(bytes.length).toBe(end);
        expect(hex(writeGgufHeader(input))).toBe(hex(bytes.subarray(0, file.dataOffset)));
      }),
      { numRuns: 300 },
    );
  });

  it.each(["little", "big"] as const)("keeps offsets and dimensions above 2^32, %s-endian", async (byteOrder) => {
    const tensors = [tensor("a", [2 ** 34 + 3]), tensor("b", [2 ** 20, 2 ** 16]), tensor("c", [1])];
    const input = { byteOrder, metadata: [], tensors };
    const { tensors: found, dataOffset } = await read(writeGgufHeader(input));
    const second = Math.ceil((4 * (2 ** 34 + 3)) / 32) * 32;
    expect(found.map(({ ne, offset }) => [ne, offset - dataOffset])).toEqual([
      [[2 ** 34 + 3], 0],
      [[2 ** 20, 2 ** 16], second],
      [[1], second + 2 ** 38],
    ]);
    expect(ggufDataSize(input)).toBe(second + 2 ** 38 + 32);
  });

  it("finds every tensor again in one part of a split set", async () => {
    const split = fc.oneof(
      fc.integer({ min: 1, max: 9 }).map((tensorsPerPart) => ({ tensorsPerPart })),
      fc
        .array(fc.nat(4), { minLength: 8, maxLength: 8 })
        .map((parts) => ({ partOf: (i: number) => parts[i] as number })),
    );
    await fc.assert(
      fc.asyncProperty(inputs, split, async (input, how) => {
        const parts = splitGguf(input, how);
        const files = await Promise.all(parts.map((part) => read(writeGguf(part))));
        expect(files.map(({ metadata }) => splitValues(metadata))).toEqual(
          parts.map((_, no) => [no, input.tensors.length, parts.length]),
        );
        expect(files.slice(1).map(({ metadata }) => metadata.length)).toEqual(parts.slice(1).map(() => 3));
        const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name).sort();
        expect(names(files.flatMap((file) => file.tensors))).toEqual(names(input.tensors));
        if ("tensorsPerPart" in how) {
          expect(Math.max(...files.map((file) => file.tensors.length))).toBeLessThanOrEqual(how.tensorsPerPart);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("refuses a part that the keys can't count", () => {
    const input = { metadata: [], tensors: [tensor("t", [1])] };
    expect(() => splitGguf(input, { partOf: () => 65_535 })).toThrow(/"t": 65535 is not a part from 0 to 65534/);
    expect(() => splitGguf(input, { tensorsPerPart: 0 })).toThrow(RangeError);
  });
});

describeReal("files of llama.cpp, written again", () => {
  const files = ["stories260K", "llama-dense", "llama-moe", "endian", "arch-quant", "variants", "split"].flatMap(
    (folder) => listReal("gguf-made", folder).map((name) => ["gguf-made", folder, name]),
  );
  const vocabularies = listReal("gguf-vocab").map((name) => ["gguf-vocab", name]);

  it.each([...files, ...vocabularies].filter((path) => path.at(-1)?.endsWith(".gguf")).map((path) => [path.join("/")]))(
    "%s has the same header, byte for byte",
    async (path) => {
      const bytes = readFileSync(realData(path));
      const file = await read(bytes);
      const header = writeGgufHeader(await toInput(file));
      expect(header.length).toBe(file.dataOffset);
      // Files without tensors end with the table; nothing pads them.
      const there = Math.min(header.length, bytes.length);
      expect(Buffer.compare(header.subarray(0, there), bytes.subarray(0, there))).toBe(0);
    },
  );

  it.each(["llama-dense-F16-s1M", "llama-moe-Q4_K_M-ntfs"])("%s splits into the same headers again", async (prefix) => {
    const names = listReal("gguf-made", "split").filter((name) => name.startsWith(`${prefix}-`));
    const originals = names.map((name) => readFileSync(realData("gguf-made", "split", name)));
    const parts = await Promise.all(originals.map(async (bytes) => toInput(await read(bytes))));
    const partOf = parts.flatMap(({ tensors }, part) => tensors.map(() => part));
    const merged = { ...(parts[0] as GgufInput), tensors: parts.flatMap(({ tensors }) => tensors) };
    const again = splitGguf(merged, { partOf: (i) => partOf[i] as number });
    expect(again).toHaveLength(names.length);
    for (const [i, part] of again.entries()) {
      const header = writeGgufHeader(part);
      const original = originals[i] as Buffer;
      expect(Buffer.compare(header, original.subarray(0, header.length))).toBe(0);
      expect(header.length + ggufDataSize(part)).toBe(original.length);
    }
  });
});

/** A file that was read, as the writer wants it. */
async function toInput(file: GgufFile): Promise<GgufInput> {
  const metadata = await Promise.all(
    file.metadata.map(async ({ key, type, value }) => {
      if (typeof value !== "object") return { key, type, value } as GgufWriteEntry;
      return { key, type, elementType: value.elementType, value: await value.slice() } as GgufWriteEntry;
    }),
  );
  const tensors = file.tensors.map(({ name, ne, typeId }) => tensor(name, ne, typeId));
  return { version: file.version as 1 | 2 | 3, byteOrder: file.byteOrder, metadata, tensors };
}

function splitValues(metadata: GgufFile["metadata"]): unknown[] {
  return ["split.no", "split.tensors.count", "split.count"].map(
    (name) => metadata.find(({ key }) => key === name)?.value,
  );
}

function elementType(entry: GgufWriteEntry): string | undefined {
  return entry.type === "array" ? entry.elementType : undefined;
}

/** What the reader makes of a given value: nested arrays lose their types, 64-bit integers are numbers below 2^53. */
function plain(value: unknown): MetadataElement {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (typeof value !== "object") return value as MetadataElement;
  return Array.from((value as GgufWriteArray).value as ArrayLike<unknown>, plain);
}
