/** Small tensors give the numbers that their writers put in. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { decodeNumbers } from "../src/index.ts";

const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

describe("decodeNumbers", () => {
  it("gives back what typed arrays hold", () => {
    const arrays: Record<string, (values: number[]) => ArrayBufferView> = {
      U8: (values) => Uint8Array.from(values),
      I8: (values) => Int8Array.from(values),
      U16: (values) => Uint16Array.from(values),
      I16: (values) => Int16Array.from(values),
      U32: (values) => Uint32Array.from(values),
      I32: (values) => Int32Array.from(values),
      F32: (values) => Float32Array.from(values),
      F64: (values) => Float64Array.from(values),
      I64: (values) => BigInt64Array.from(values.map(BigInt)),
      U64: (values) => BigUint64Array.from(values.map(BigInt)),
    };
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(arrays)),
        fc.array(fc.integer({ min: 0, max: 127 }), { minLength: 1, maxLength: 8 }),
        (type, values) => {
          expect(decodeNumbers(type, bytesOf((arrays[type] as (v: number[]) => ArrayBufferView)(values)))).toEqual(
            values,
          );
        },
      ),
    );
  });

  it.each([
    ["F16", [0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00], [1, -2, 2 ** -24]],
    ["F16", [0x00, 0x7c], [Number.POSITIVE_INFINITY]],
    ["BF16", [0x80, 0x3f, 0x00, 0xc1], [1, -8]],
    ["I64", [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [-1]],
  ])("%s %j", (type, bytes, numbers) => {
    expect(decodeNumbers(type, Uint8Array.from(bytes))).toEqual(numbers);
  });

  it("reads from the middle of a buffer, and refuses what doesn't divide", () => {
    const part = Uint8Array.from([9, 9, 1, 0, 0, 0]).subarray(2);
    expect(decodeNumbers("I32", part)).toEqual([1]);
    expect(decodeNumbers("I32", part.subarray(1))).toBeUndefined();
    expect(decodeNumbers("F32", new Uint8Array())).toBeUndefined();
    expect(decodeNumbers("F8_E4M3", part)).toBeUndefined();
    expect(decodeNumbers("toString", part)).toBeUndefined();
  });
});
