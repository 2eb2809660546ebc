import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CheckpointError } from "../src/errors.ts";
import { parseHeader } from "../src/safetensors/header-json.ts";
import {
  expectByte,
  invalidUtf8At,
  jsonCursor,
  nextByte,
  OPEN_BRACKET,
  readUnsigned,
  skipValue,
} from "../src/safetensors/json-cursor.ts";
import { assembleSafetensors } from "../src/safetensors/write.ts";

const utf8 = new TextEncoder();
const parse = (json: string | Uint8Array) => {
  const bytes = assembleSafetensors(json);
  return parseHeader("x", bytes, bytes.length - 8);
};

const dtype = fc.constantFrom("F32", "BF16", "F8_E4M3", "U8", "BOOL", "new-type");
const size = fc.nat({ max: 2 ** 40 });
const tensorEntry = fc.record({
  dtype,
  shape: fc.array(fc.nat(), { maxLength: 5 }),
  data_offsets: fc.tuple(size, size),
});
const key = fc
  .string({ unit: "binary" })
  .filter((name) => name !== "__metadata__" && name !== "__proto__" && !/^\d+$/.test(name));
const header = fc.record({
  metadata: fc.option(fc.dictionary(key, fc.string({ unit: "binary" }))),
  tensors: fc.dictionary(key, tensorEntry),
  indent: fc.constantFrom(undefined, 1, "\t"),
});

describe("the header reader", () => {
  it("reads what JSON.stringify writes as JSON.parse does", () => {
    fc.assert(
      fc.property(header, ({ metadata, tensors, indent }) => {
        const object = { ...(metadata && { __metadata__: metadata }), ...tensors };
        const json = JSON.stringify(object, null, indent);
        const read = parse(json);
        expect(read.error).toBeUndefined();
        expect(read.leftOut).toBe(0);
        const dataStart = 8 + utf8.encode(json).length;
        expect(
          read.tensors.map(({ name, type: dtype, shape, offset, sizeBytes }) => [
            name,
            { dtype, shape, data_offsets: [offset - dataStart, offset - dataStart + sizeBytes] },
          ]),
        ).toEqual(Object.entries(JSON.parse(json)).filter(([name]) => name !== "__metadata__"));
        expect(read.metadata.map((one) => [one.key, one.value])).toEqual(Object.entries(metadata ?? {}));
        for (const { name, headerOffset } of read.tensors) {
          const text = JSON.stringify(name);
          const bytes = utf8.encode(text);
          const there = utf8.encode(json).subarray(headerOffset - 8, headerOffset - 8 + bytes.length);
          expect(new TextDecoder("utf-8", { ignoreBOM: true }).decode(there)).toBe(text);
        }
      }),
    );
  });

  it("calls every truncation of a header an error, and keeps only whole tensors", () => {
    const json = `{"__metadata__":{"k\\u00e9y":"v\\"\\ud83d\\ude00"},"añ":{"dtype":"F32","shape":[2,30],"data_offsets":[0,240],"x":[true,false,null,-1.5e-3,{"y":"z"}]},"b":{"dtype":"U8","shape":[],"data_offsets":[240,241]}}`;
    const bytes = utf8.encode(json);
    expect(parse(bytes).error).toBeUndefined();
    const firstEnds = utf8.encode(json.slice(0, json.indexOf(',"b"'))).length;
    for (let length = 0; length < bytes.length; length++) {
      const read = parse(bytes.subarray(0, length));
      expect(read.error, `cut at ${length}`).toBeInstanceOf(CheckpointError);
      expect(read.tensors.length, `cut at ${length}`).toBe(
        length === bytes.length - 1 ? 2 : length >= firstEnds ? 1 : 0,
      );
    }
  });

  it("survives any one byte changed: an error or an answer, at an offset in the header", () => {
    const json = utf8.encode('{"__metadata__":{"k":"v\\n"},"a":{"dtype":"F32","shape":[2,30],"data_offsets":[0,240]}}');
    fc.assert(
      fc.property(fc.nat({ max: json.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
        const changed = json.slice();
        changed[at] = byte;
        const { error } = parse(changed);
        if (error) {
          expect(error.offset).toBeGreaterThanOrEqual(8);
          expect(error.offset).toBeLessThanOrEqual(8 + json.length);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("accepts exactly the JSON that JSON.parse accepts", () => {
    const soup = fc
      .array(
        fc.constantFrom(
          "[",
          "]",
          "{",
          "}",
          ",",
          ":",
          '"',
          "\\",
          "u12",
          "aF",
          "-",
          "0",
          "7",
          ".",
          "e",
          "+",
          "true",
          "null",
          "nul",
          " ",
          "\n",
          "\u0001",
        ),
        { maxLength: 12 },
      )
      .map((parts) => parts.join(""));
    const accepts = (read: () => void): boolean => {
      try {
        read();
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(fc.oneof(soup, fc.json()), (text) => {
        const bytes = utf8.encode(text);
        const ours = accepts(() => {
          const c = jsonCursor("x", bytes, 0, bytes.length);
          skipValue(c, 0);
          if (nextByte(c) >= 0) throw new Error("more follows");
        });
        expect(ours).toBe(accepts(() => JSON.parse(text)));
      }),
      { numRuns: 3000 },
    );
  });

  it("reads the 127th level of nesting and refuses the 128th, as the reference does", () => {
    const nested = (levels: number): string =>
      `{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1],"x":${"[".repeat(levels)}${"]".repeat(levels)}}}`;
    expect(parse(nested(125)).error).toBeUndefined();
    expect(parse(nested(126)).error).toMatchObject({ code: "limit" });
    expect(parse(nested(100_000)).error).toMatchObject({ code: "limit" });
  });
});

it.each([
  ["0", 0],
  ["9007199254740991", 9007199254740991],
  ["18446744073709551615", 2 ** 64],
  ["18446744073709551616", -1],
  ["99999999999999999999999", -1],
  ["-0", -1],
  ["-16", -1],
  ["4.0", -1],
  ["1e3", -1],
  ['"5"', -1],
  ["[5]", -1],
])("the integer %s reads as %d", (text, expected) => {
  const bytes = utf8.encode(`[${text}]`);
  const c = jsonCursor("x", bytes, 0, bytes.length);
  expectByte(c, OPEN_BRACKET);
  expect(readUnsigned(c, 1)).toBe(expected);
  expect(c.pos).toBe(bytes.length - 1);
});

it("finds the first byte that is no UTF-8 exactly where a strict decoder fails", () => {
  const strict = new TextDecoder("utf-8", { fatal: true });
  const valid = (bytes: Uint8Array): boolean => {
    try {
      strict.decode(bytes);
      return true;
    } catch {
      return false;
    }
  };
  const edge = fc.constantFrom(
    0x00,
    0x41,
    0x7f,
    0x80,
    0x8f,
    0x90,
    0x9f,
    0xa0,
    0xbf,
    0xc0,
    0xc1,
    0xc2,
    0xdf,
    0xe0,
    0xed,
    0xef,
    0xf0,
    0xf4,
    0xf5,
    0xff,
  );
  const random = fc.array(edge, { maxLength: 8 }).map((bytes) => Uint8Array.from(bytes));
  fc.assert(
    fc.property(
      fc.oneof(
        random,
        fc.string({ unit: "binary" }).map((text) => utf8.encode(text)),
      ),
      (bytes) => {
        const at = invalidUtf8At(bytes, 0, bytes.length);
        expect(at < 0).toBe(valid(bytes));
        if (at >= 0) expect(valid(bytes.subarray(0, at))).toBe(true);
      },
    ),
    { numRuns: 2000 },
  );
});
