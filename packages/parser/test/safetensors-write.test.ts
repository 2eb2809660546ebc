import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DTYPES, dtypeBits } from "../src/safetensors/dtypes.ts";
import { parseIndexJson } from "../src/safetensors/index-json.ts";
import { readSafetensors } from "../src/safetensors/read.ts";
import {
  type TensorToWrite,
  writeIndexJson,
  writeSafetensors,
  writeSafetensorsHeader,
} from "../src/safetensors/write.ts";
import { memorySource } from "../src/source/byte-source.ts";

const tensor = (name: string, dtype: string, shape: number[]): TensorToWrite => {
  const elements = shape.reduce((product, dim) => product * dim, 1);
  const data = Uint8Array.from({ length: (elements * (dtypeBits(dtype) ?? 8)) / 8 }, (_, i) => i + name.length);
  return { name, dtype, shape, data };
};

// A last dimension of a multiple of 4 lets the 4- and 6-bit types end at a byte.
const anyTensor = fc
  .record({
    name: fc.string({ unit: "binary" }).filter((name) => name !== "__metadata__"),
    dtype: fc.constantFrom(...DTYPES.map(({ name }) => name)),
    shape: fc.array(fc.nat({ max: 3 }), { maxLength: 3 }).map((shape) => [...shape, 4]),
  })
  .map(({ name, dtype, shape }) => tensor(name, dtype, shape));

describe("writeSafetensors", () => {
  it("writes what is read back the same, without a finding above a note", async () => {
    const tensors = fc.uniqueArray(anyTensor, { selector: ({ name }) => name, maxLength: 8 });
    const metadata = fc.option(fc.dictionary(fc.string({ unit: "binary" }), fc.string({ unit: "binary" })), {
      nil: undefined,
    });
    const order = fc.constantFrom("given" as const, "reference" as const);
    await fc.assert(
      fc.asyncProperty(tensors, metadata, order, async (tensors, metadata, order) => {
        const bytes = writeSafetensors(tensors, { order, ...(metadata && { metadata }) });
        const file = await readSafetensors(memorySource("x.safetensors", bytes));
        expect(file.headerBytes % 8).toBe(0);
        expect(file.findings.filter(({ severity }) => severity !== "note")).toEqual([]);
        expect(file.metadata.map(({ key, value }) => [key, value])).toEqual(Object.entries(metadata ?? {}));
        const back = file.tensors.map(({ name, type: dtype, shape, offset, sizeBytes }) => ({
          name,
          dtype,
          shape,
          data: bytes.slice(offset, offset + sizeBytes),
        }));
        if (order === "given") expect(back).toEqual(tensors);
        else {
          expect(new Map(back.map((one) => [one.name, one]))).toEqual(new Map(tensors.map((one) => [one.name, one])));
          // Wide types first: with a header padded to 8, every tensor of whole bytes lies at a multiple of its element size.
          expect(file.findings.map(({ rule }) => rule)).not.toContain("safetensors/misaligned");
        }
      }),
    );
  });

  it("writes a tiny file byte for byte as the reference does", () => {
    const bytes = writeSafetensors([tensor("b", "U8", [3]), tensor("a", "F32", [1, 2]), tensor("c", "F32", [])], {
      metadata: { format: "pt" },
      order: "reference",
    });
    const header =
      '{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"c":{"dtype":"F32","shape":[],"data_offsets":[8,12]},"b":{"dtype":"U8","shape":[3],"data_offsets":[12,15]}}';
    const padded = header.padEnd(Math.ceil(header.length / 8) * 8);
    expect(bytes.slice(0, 8)).toEqual(Uint8Array.of(padded.length, 0, 0, 0, 0, 0, 0, 0));
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + padded.length))).toBe(padded);
    expect([...bytes.subarray(8 + padded.length)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 1, 2, 3]);
  });

  it("begins the data where it is asked to", () => {
    const bytes = writeSafetensors([tensor("a", "U8", [1])], { alignTo: 256 });
    expect(bytes.length).toBe(256 + 1);
  });

  it("refuses what doesn't fit", () => {
    const one = tensor("a", "U8", [2]);
    expect(() => writeSafetensors([{ ...one, shape: [3] }])).toThrow(RangeError);
    expect(() => writeSafetensors([{ ...one, shape: [2 ** 40] }])).toThrow("takes 1099511627776 bytes, the data has 2");
    expect(() => writeSafetensors([{ ...one, dtype: "Q4_0" }])).toThrow("unknown dtype");
    expect(() => writeSafetensors([{ ...one, dtype: "F4", shape: [3] }])).toThrow("don't end at a byte");
    expect(() => writeSafetensors([{ ...one, shape: [-2, -1] }])).toThrow("is no shape");
    expect(() => writeSafetensors([{ ...one, name: "__metadata__" }])).toThrow("is taken");
    expect(() => writeSafetensors([one, one])).toThrow("is taken");
    expect(() => writeSafetensors([{ ...one, name: "\ud800" }])).toThrow("surrogate");
  });
});

describe("writeSafetensorsHeader", () => {
  it("gives the bytes in front of the data, and the size of the whole", () => {
    const tensors = fc.uniqueArray(anyTensor, { selector: ({ name }) => name, maxLength: 8 });
    const order = fc.constantFrom("given" as const, "reference" as const);
    fc.assert(
      fc.property(tensors, order, fc.integer({ min: 1, max: 64 }), (tensors, order, alignTo) => {
        const options = { order, alignTo, metadata: { format: "pt" } };
        const whole = writeSafetensors(tensors, options);
        const { header, sizeBytes } = writeSafetensorsHeader(tensors, options);
        expect(sizeBytes).toBe(whole.length);
        expect(sizeBytes - header.length).toBe(tensors.reduce((sum, { data }) => sum + data.length, 0));
        expect(header).toEqual(whole.slice(0, header.length));
      }),
    );
  });

  it("takes no memory for the data of what it declares", () => {
    const rows = { dtype: "BF16", shape: [2 ** 20, 2 ** 20] };
    const tensors = Array.from({ length: 1000 }, (_, i) => ({ name: `layers.${i}`, ...rows }));
    const { header, sizeBytes } = writeSafetensorsHeader(tensors);
    expect(header.length).toBeLessThan(200_000);
    expect(sizeBytes).toBe(header.length + 1000 * 2 ** 41);
  });

  it("refuses what doesn't fit", () => {
    const one = { name: "a", dtype: "F64", shape: [2 ** 26, 2 ** 24] };
    expect(() => writeSafetensorsHeader([{ ...one, dtype: "Q4_0" }])).toThrow("unknown dtype");
    expect(() => writeSafetensorsHeader([one])).toThrow("above 2^53 bytes");
    expect(() =>
      writeSafetensorsHeader([
        { ...one, shape: [1] },
        { ...one, shape: [1] },
      ]),
    ).toThrow("is taken");
  });
});

describe("the index", () => {
  it("is read back as written, odd names and all", () => {
    const shards = [
      {
        name: "m-00001-of-00002.safetensors",
        tensors: [
          { name: "__proto__", sizeBytes: 3 },
          { name: "10", sizeBytes: 4 },
        ],
      },
      { name: "m-00002-of-00002.safetensors", tensors: [{ name: "9", sizeBytes: 5 }] },
    ];
    const index = parseIndexJson(writeIndexJson(shards, { total_parameters: "7" }), "i");
    expect(index).toMatchObject({ totalSize: 12, totalParameters: 7, findings: [] });
    expect(index.shards).toEqual(shards.map(({ name }) => name));
    expect([...index.weightMap]).toEqual([
      ["10", shards[0]?.name],
      ["9", shards[1]?.name],
      ["__proto__", shards[0]?.name],
    ]);
  });

  it.each([
    "../up.safetensors",
    "a/../../b.safetensors",
    "/abs.safetensors",
    "C:\\x.safetensors",
    "c:x.safetensors",
    "a\\b.safetensors",
    "https://x/y.safetensors",
    "./a.safetensors",
    "a//b.safetensors",
    "model.bin",
    "a.safetensors\u0000.bin",
    "a\n.safetensors",
    "",
  ])("doesn't let a shard be named %j", (name) => {
    const index = parseIndexJson(writeIndexJson([{ name, tensors: [{ name: "t", sizeBytes: 1 }] }]), "i");
    expect(index.shards).toEqual([]);
    expect(index.findings).toMatchObject([{ rule: "safetensors/unsafe-shard-name", severity: "error" }]);
  });

  it("reports duplicate tensors and refuses what is no index", () => {
    const parse = (text: string) => parseIndexJson(new TextEncoder().encode(text), "i");
    const twice = parse('{"weight_map":{"a":"x.safetensors","b":3,"a":"y.safetensors"}}');
    expect(twice.shards).toEqual(["y.safetensors"]);
    expect(twice.findings.map(({ rule }) => rule)).toEqual([
      "safetensors/index-bad-entry",
      "safetensors/duplicate-key",
    ]);
    expect(() => parse('{"metadata":{}}')).toThrow('no "weight_map"');
    expect(() => parse('{"weight_map":{"a":"x.safetensors"')).toThrow("at byte 34");
    expect(() => parse("[1]")).toThrow("not a JSON object");
    expect(() => parse('{"weight_map":{}} x')).toThrow("bytes follow");
  });
});
