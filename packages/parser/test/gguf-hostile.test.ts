/** Headers that claim more than they hold, or more than any model has: a clear stop, and nothing lost that was read before. */
import { describe, expect, it } from "vitest";

import { type ByteSource, CheckpointError, type LazyArray, memorySource, readGguf, writeGguf } from "../src/index.ts";

const kv = (i: number) => ({ key: `k${i}`, type: "u8", value: 1 }) as const;

/** A source of zeros behind a few real bytes: what a sparse file is. */
function sparse(head: Uint8Array, sizeBytes: number): ByteSource {
  return {
    ...memorySource("sparse.gguf", head),
    sizeBytes,
    async read(offset, length) {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, sizeBytes - offset)));
      if (offset < head.length) bytes.set(head.subarray(offset, offset + bytes.length));
      return bytes;
    },
  };
}

/** Magic, version 3 and the two counts. */
function head(tensors: number, entries: number, ...rest: number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(24));
  view.setUint32(0, 0x46554747, true);
  view.setUint32(4, 3, true);
  view.setBigUint64(8, BigInt(tensors), true);
  view.setBigUint64(16, BigInt(entries), true);
  return new Uint8Array([...new Uint8Array(view.buffer), ...rest]);
}

const failure = (source: ByteSource) =>
  readGguf(source).then(
    () => expect.unreachable(),
    (error: unknown) => error as CheckpointError,
  );

describe("a sparse file", () => {
  it("of zeros may not claim more entries or tensors than any model has", async () => {
    expect(await failure(sparse(head(0, 50_000_000), 1e9))).toMatchObject({ code: "limit", offset: 16 });
    expect(await failure(sparse(head(40_000_000, 0), 1e9))).toMatchObject({ code: "limit", offset: 8 });
  });

  it("may not walk us through gigabytes of empty strings, flat or nested", async () => {
    const key = [1, 0, 0, 0, 0, 0, 0, 0, 0x61];
    const array = (element: number) => [...key, 9, 0, 0, 0, element, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0];
    for (const element of [8, 9]) {
      const error = await failure(sparse(head(0, 1, ...array(element)), 20e9));
      expect(error).toMatchObject({ code: "limit" });
      expect(error.message).toContain("268,435,456");
    }
  });
});

describe("what was read before an impossible count", () => {
  it("is kept", async () => {
    const bytes = writeGguf({ metadata: [kv(0), kv(1)], tensors: [] });
    new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(8, 9_999_999n, true);
    const file = await readGguf(memorySource("x.gguf", bytes));
    expect(file.metadata.map(({ key }) => key)).toEqual(["k0", "k1"]);
    expect(file.error).toMatchObject({ code: "limit", offset: 8 });
  });
});

describe("general.alignment over and over", () => {
  it("counts once, the first time", async () => {
    const alignment = (value: number) => ({ key: "general.alignment", type: "u32", value }) as const;
    const bytes = writeGguf({ metadata: [alignment(64), alignment(128), alignment(16)], tensors: [], alignment: 64 });
    const file = await readGguf(memorySource("x.gguf", bytes));
    expect(file.alignment).toBe(64);
    expect(file.findings.map(({ rule }) => rule)).toEqual(["gguf/duplicate-key", "gguf/duplicate-key"]);
  });
});

describe("an array on demand", () => {
  const strings = Array.from({ length: 20_000 }, (_, i) => `token ${i}`);
  const bytes = writeGguf({
    metadata: [
      { key: "long", type: "array", elementType: "string", value: strings },
      { key: "numbers", type: "array", elementType: "u32", value: strings.map((_, i) => i) },
      { key: "short", type: "array", elementType: "u32", value: [1, 2, 3] },
    ],
    tensors: [],
  });

  it("says so when its file has got shorter", async () => {
    let end = bytes.length;
    const shrinking: ByteSource = {
      ...memorySource("x.gguf", bytes),
      async read(offset, length) {
        return bytes.subarray(Math.min(offset, end), Math.min(offset + length, end));
      },
    };
    const { metadata } = await readGguf(shrinking);
    end = 1000;
    for (const { value } of metadata.slice(0, 2)) {
      await expect((value as LazyArray).slice(19_000, 19_010)).rejects.toMatchObject({ code: "truncated" });
    }
  });

  it("needs no file for what was decoded with the header", async () => {
    let closed = false;
    const closing: ByteSource = {
      ...memorySource("x.gguf", bytes),
      async read(offset, length) {
        if (closed) throw new CheckpointError("not-found", "closed");
        return bytes.subarray(offset, offset + length);
      },
    };
    const { metadata } = await readGguf(closing);
    closed = true;
    const short = metadata[2]?.value as LazyArray;
    expect(await short.slice(1)).toEqual([2, 3]);
    expect(await short.at(0)).toBe(1);
    expect(await short.at(3)).toBeUndefined();
  });

  it("isn't decoded whole when it is larger than memory should be", async () => {
    const key = [1, 0, 0, 0, 0, 0, 0, 0, 0x61];
    const u8 = [...key, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0]; // 2^29 bytes
    const { metadata } = await readGguf(sparse(head(0, 1, ...u8), 2 ** 30));
    const array = metadata[0]?.value as LazyArray;
    await expect(array.slice()).rejects.toMatchObject({ code: "limit" });
    expect(await array.slice(2 ** 28, 2 ** 28 + 3)).toEqual([0, 0, 0]);
  });
});
