/** Names of any length are told apart, and never make a table slow: V8 hashes strings above 16,383 units by their length alone. */
import { describe, expect, it } from "vitest";

import { CheckpointError, memorySource, readGguf, readSafetensors, writeGguf, writeSafetensors } from "../src/index.ts";
import { asName } from "../src/long-names.ts";

const LENGTH = 20_000;
const long = (end: string): string => "a".repeat(LENGTH - end.length) + end;

describe("a name", () => {
  it("stays as it is up to 16,000 characters", () => {
    expect(asName("a".repeat(16_000))).toBe("a".repeat(16_000));
  });

  it("above that is its beginning, its length and a digest that tells it from others", () => {
    expect(asName(long("x"))).toMatch(/^a{1000}… \(20,000 characters, [0-9a-f]{16}\)$/);
    expect(asName(long("x"))).not.toBe(asName(long("y")));
    expect(asName(long("x"))).toBe(asName(long("x")));
  });
});

describe("a file with names of 20,000 characters", () => {
  it("as GGUF: read, told apart, and found where one stands twice", async () => {
    const tensor = (name: string) => ({ name, shape: [1], type: 0, data: new Uint8Array(4) });
    const bytes = writeGguf({ metadata: [], tensors: ["x", "y", "y"].map((end) => tensor(long(end))) });
    const { tensors, findings } = await readGguf(memorySource("long.gguf", bytes));
    expect(new Set(tensors.map(({ name }) => name)).size).toBe(2);
    expect(findings.filter(({ rule }) => rule === "gguf/duplicate-tensor")).toHaveLength(1);
  });

  it("as safetensors: read, told apart and named", async () => {
    const tensor = (name: string) => ({ name, dtype: "F32", shape: [1], data: new Uint8Array(4) });
    const bytes = writeSafetensors([tensor(long("x")), tensor(long("y"))]);
    const { tensors, findings } = await readSafetensors(memorySource("long.safetensors", bytes));
    expect(new Set(tensors.map(({ name }) => name)).size).toBe(2);
    expect(findings.map(({ rule }) => rule)).toEqual(["safetensors/long-name", "safetensors/long-name"]);
  });
});

describe("a tensor table of zeros", () => {
  it("ends the reading where the zeros begin: room that a download made and never filled", async () => {
    const bytes = writeGguf({ metadata: [], tensors: [] });
    const room = new Uint8Array(bytes.length + 100_000);
    room.set(bytes);
    new DataView(room.buffer).setBigUint64(8, 4_000n, true);
    const { error, tensors } = await readGguf(memorySource("zeros.gguf", room));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error).toMatchObject({ code: "invalid", offset: 24 });
    expect(error?.message).toContain("nothing but zeros");
    expect(tensors.length).toBeLessThanOrEqual(100);
  });
});
