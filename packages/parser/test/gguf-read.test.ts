/**
 * The GGUF reader against the reference implementation's own words: every tensor name, shape, type and offset as gguf-py
 * reads them, and @huggingface/gguf as a second oracle where it is right.
 */
import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { gguf } from "@huggingface/gguf";
import { describe, expect, it } from "vitest";

import { describeReal, listReal, readRealJson, realData } from "../../../test-support/real-data.ts";
import {
  CheckpointError,
  fileSource,
  type GgufFile,
  ggmlType,
  type LazyArray,
  memorySource,
  readGguf,
  writeGguf,
} from "../src/index.ts";

interface DumpEntry {
  readonly type: string;
  readonly offset: number;
  readonly array_types?: readonly string[];
  readonly value?: unknown;
}

interface Dump {
  readonly filename: string;
  readonly endian: "LITTLE" | "BIG";
  readonly metadata: Record<string, DumpEntry>;
  readonly tensors: Record<string, { index: number; shape: number[]; type: string; offset: number }>;
}

/** gguf-py's names of the value types. */
const PY_TYPES: Record<string, string> = {
  u8: "UINT8",
  i8: "INT8",
  u16: "UINT16",
  i16: "INT16",
  u32: "UINT32",
  i32: "INT32",
  f32: "FLOAT32",
  bool: "BOOL",
  string: "STRING",
  array: "ARRAY",
  u64: "UINT64",
  i64: "INT64",
  f64: "FLOAT64",
};

const isArray = (value: unknown): value is LazyArray => typeof value === "object";

async function readBytes(path: string): Promise<GgufFile> {
  return readGguf(memorySource(path, readFileSync(path)));
}

describeReal("every dump of gguf-py", () => {
  const dumps = listReal("oracle", "gguf_dump");

  it.each(dumps)("%s", async (name) => {
    const dump = readRealJson<Dump>("oracle", "gguf_dump", name);
    const path = realData(dump.filename);
    expect(existsSync(path), dump.filename).toBe(true);
    const file = await readBytes(path);

    expect(file.byteOrder).toBe(dump.endian === "BIG" ? "big" : "little");
    expect(file.error).toBeUndefined();
    expect(file.findings.filter((finding) => finding.severity === "error")).toEqual([]);
    expect(
      file.tensors.map((tensor) => [tensor.name, tensor.ne, ggmlType(tensor.typeId)?.name, tensor.headerOffset]),
    ).toEqual(Object.entries(dump.tensors).map(([key, { shape, type, offset }]) => [key, shape, type, offset]));

    // "GGUF.version", "GGUF.tensor_count", "GGUF.kv_count" are gguf-py's names for the file's head.
    const expected = Object.entries(dump.metadata).filter(([key]) => !key.startsWith("GGUF."));
    expect(file.metadata.map(({ key, type, headerOffset }) => [key, PY_TYPES[type], headerOffset])).toEqual(
      expected.map(([key, { type, offset }]) => [key, type, offset]),
    );
    for (const [key, { value, array_types: types }] of expected) {
      const ours = file.metadata.find((entry) => entry.key === key)?.value;
      if (isArray(ours)) {
        if (ours.length > 0) expect(PY_TYPES[ours.elementType]).toBe(types?.[0]);
        if (Array.isArray(value)) expect(await ours.slice()).toEqual(value);
      } else if (value !== undefined) {
        expect(ours).toEqual(value);
      }
    }
  });
});

describeReal("data offsets", () => {
  it.each(listReal("gguf-made", "arch-f32-heads").filter((name) => name.endsWith(".head")))("%s", async (name) => {
    const heads = readRealJson<
      { head: string; data_offset: number; full_bytes: number; n_tensors: number; n_params: number }[]
    >("gguf-made", "arch-f32-heads", "HEADS.json");
    const head = heads.find((row) => row.head === name);
    const file = await readBytes(realData("gguf-made", "arch-f32-heads", name));
    expect(file.dataOffset).toBe(head?.data_offset);
    expect(file.tensors.length).toBe(head?.n_tensors);
    expect(file.tensors.reduce((sum, tensor) => sum + tensor.elements, 0)).toBe(head?.n_params);
    const last = file.tensors.at(-1);
    expect((last?.offset ?? 0) + (last?.sizeBytes ?? 0)).toBeLessThanOrEqual(head?.full_bytes ?? 0);
    // The head lacks its data, and that is all there is to find.
    expect(file.findings.map((finding) => finding.rule)).toEqual(["gguf/truncated-data"]);
  });
});

describeReal("@huggingface/gguf as a second opinion", () => {
  it.each([
    "gguf-made/llama-dense/llama-dense-Q4_K_M.gguf",
    "gguf-made/llama-moe/llama-moe-Q4_K_M.gguf",
    "gguf-made/stories260K/stories260K-Q8_0.gguf",
    "gguf-made/endian/stories260K-F16-BE.gguf",
    "gguf-vocab/ggml-vocab-llama-spm.gguf",
    "gguf-vocab/historic/ggml-vocab-llama.2023-08-21.v1.gguf",
  ])("%s", async (name) => {
    const theirs = await gguf(realData(name), { allowLocalFile: true });
    const ours = await readBytes(realData(name));
    expect(ours.tensors.map(({ name, ne, typeId, offset }) => [name, ne, typeId, offset - ours.dataOffset])).toEqual(
      theirs.tensorInfos.map((info) => [info.name, info.shape.map(Number), info.dtype, Number(info.offset)]),
    );
    const { version, tensor_count, kv_count, ...metadata } = theirs.metadata as Record<string, unknown>;
    expect(ours.version).toBe(version);
    expect(ours.tensors.length).toBe(Number(tensor_count));
    expect(ours.metadata.length).toBe(Number(kv_count));
    expect(ours.metadata.map((entry) => entry.key)).toEqual(Object.keys(metadata));
    // It drops a byte order mark at the start of a string, which a vocabulary may well have as a token.
    const plain = (value: unknown) =>
      typeof value === "bigint" ? Number(value) : typeof value === "string" ? value.replace(/^\ufeff/, "") : value;
    for (const { key, value } of ours.metadata) {
      const expected = metadata[key];
      if (isArray(value)) expect((await value.slice()).map(plain)).toEqual((expected as unknown[]).map(plain));
      else expect(plain(value)).toEqual(plain(expected));
    }
  });
});

describeReal("arrays on demand", () => {
  it("gives any page of a vocabulary without the pages before it", async () => {
    const path = realData("gguf-vocab", "ggml-vocab-qwen2.gguf");
    const bytes = readFileSync(path);
    let fetched = 0;
    const source = {
      ...memorySource("vocab", bytes),
      async read(offset: number, length: number) {
        fetched += Math.min(length, bytes.length - offset);
        return bytes.subarray(offset, offset + length);
      },
    };
    const file = await readGguf(source);
    const tokens = file.metadata.find(({ key }) => key === "tokenizer.ggml.tokens")?.value as LazyArray;
    const all = await tokens.slice();
    expect(all.length).toBe(tokens.length);
    expect(tokens.values).toBeUndefined();
    for (const from of [0, 1, 4095, 4096, 4097, 100_000, tokens.length - 2]) {
      fetched = 0;
      expect(await tokens.slice(from, from + 3)).toEqual(all.slice(from, from + 3));
      expect(fetched).toBeLessThanOrEqual(2 * 256 * 1024);
    }
    expect(await tokens.at(12_345)).toBe(all[12_345]);
    expect(await tokens.at(tokens.length)).toBeUndefined();
  });
});

describe("types of ik_llama.cpp", () => {
  it.each([
    [146, "IQ4_KSS", 3 * (4 + 128)], // 4 bytes in front of every row
    [152, "IQ5_KS", 3 * (4 + 168)],
    [137, "IQ2_K", 3 * 76], // none
    [133, "Q6_0", 3 * 8 * 26],
  ])("%i is %s, and its rows carry their own bytes", async (type, name, sizeBytes) => {
    const bytes = writeGguf({ metadata: [], tensors: [{ name: "t", shape: [256, 3], type }] });
    const [tensor] = (await readGguf(memorySource("ik.gguf", bytes))).tensors;
    expect(tensor).toMatchObject({ type: name, sizeBytes, elements: 768, shape: [3, 256] });
  });
});

describeReal("a header of many windows", () => {
  it("reads the same from a file, whose windows share one buffer, as from memory", async () => {
    const path = realData("gguf-vocab", "ggml-vocab-qwen2.gguf");
    const source = await fileSource(path);
    const fromFile = await readGguf(source);
    const fromMemory = await readBytes(path);
    const shown = async (file: GgufFile) =>
      Promise.all(
        file.metadata.map(async ({ key, value }) => [key, isArray(value) ? await value.slice(0, 100) : value]),
      );
    expect(await shown(fromFile)).toEqual(await shown(fromMemory));
    expect(fromFile.headerBytes).toBe(fromMemory.headerBytes);
    await source.close();
  });
});

interface Verdict {
  readonly llama_gguf: { readonly verdict: string };
  readonly recommended?: string;
}

describe("malformed files", () => {
  /** Where we differ from the reference reader, and why. */
  const DIFFERENT: Record<string, { ours: "accepted" | "refused"; rule?: string; why: string }> = {
    "be-header-only.gguf": {
      ours: "accepted",
      why: "big-endian; llama.cpp on this byte order refuses what we can read",
    },
    "version-50331648.gguf": { ours: "accepted", why: "the same: version 3, big-endian" },
    "HEADER_BAD_VERSION_1.s1.gguf": {
      ours: "accepted",
      rule: "gguf/version-1",
      why: "we read version 1, with a warning",
    },
    "TENSORS_SUCCESS.s1.gguf": {
      ours: "refused",
      rule: "gguf/truncated-data",
      why: "the case has no data; the reference only looks later",
    },
    "TENSORS_CUSTOM_ALIGN.s1.gguf": { ours: "refused", rule: "gguf/truncated-data", why: "the same" },
  };

  const reported = listReal("gguf-bad", "reported").filter((name) => name.endsWith(".gguf"));
  const suite = listReal("gguf-bad", "llama.cpp-test-gguf").filter((name) => name.endsWith(".gguf"));

  /** `refused`: thrown, or an error among the findings. */
  async function expectVerdict(path: string, reference: "refused" | "accepted"): Promise<void> {
    const different = DIFFERENT[basename(path)];
    let verdict: string;
    let rules: string[] = [];
    try {
      const file = await readBytes(path);
      rules = file.findings.map((finding) => finding.rule);
      verdict = file.error || file.findings.some((finding) => finding.severity === "error") ? "refused" : "accepted";
    } catch (error) {
      expect(error).toBeInstanceOf(CheckpointError);
      expect((error as Error).message).not.toMatch(/\n/);
      verdict = "refused";
    }
    expect(verdict).toBe(different?.ours ?? reference);
    if (different) expect(reference).not.toBe(different.ours);
    if (different?.rule) expect(rules).toContain(different.rule);
  }

  describeReal("as the reference reader judges them", () => {
    it.each(reported)("reported/%s", async (name) => {
      const oracle = readRealJson<Record<string, Verdict>>("gguf-bad", "reported", "ORACLE.json")[name];
      const expected = oracle?.llama_gguf.verdict === "accept" ? "accepted" : "refused";
      await expectVerdict(realData("gguf-bad", "reported", name), expected);
    });

    it.each(suite)("llama.cpp-test-gguf/%s", async (name) => {
      const rows = readRealJson<{ file: string; expect: string }[]>("gguf-bad", "llama.cpp-test-gguf", "EXPECTED.json");
      const expected = rows.find((row) => row.file === name)?.expect === "accept" ? "accepted" : "refused";
      await expectVerdict(realData("gguf-bad", "llama.cpp-test-gguf", name), expected);
    });
  });

  describeReal("a file cut anywhere in its header", () => {
    it("is an error that says where, and keeps what was read before", async () => {
      const bytes = readFileSync(realData("gguf-made", "stories260K", "stories260K-Q4_K_M.gguf"));
      const whole = await readGguf(memorySource("whole", bytes));
      for (let length = 0; length < whole.headerBytes; length += length < 2000 ? 1 : 211) {
        const cut = memorySource("cut", bytes.subarray(0, length));
        const file = await readGguf(cut).catch((error: unknown) => error);
        const error = file instanceof CheckpointError ? file : (file as GgufFile).error;
        expect(error, `cut at ${length}`).toBeInstanceOf(CheckpointError);
        if (!(file instanceof CheckpointError)) {
          const { metadata, tensors } = file as GgufFile;
          expect(metadata.map((entry) => entry.key)).toEqual(
            whole.metadata.slice(0, metadata.length).map((entry) => entry.key),
          );
          expect(tensors.map((tensor) => tensor.name)).toEqual(
            whole.tensors.slice(0, tensors.length).map((tensor) => tensor.name),
          );
        }
      }
    });
  });
});
