/** Rules of the GGUF container that show in whole files: what follows the data, keys, splits, slots that are too small. */
import { describe, expect, it } from "vitest";

import { readGgufSet } from "../src/checkpoint/read-gguf-set.ts";
import {
  type Checkpoint,
  type GgufInput,
  memoryFileSet,
  openFileSet,
  splitFileName,
  splitGguf,
  writeGguf,
} from "../src/index.ts";

const ARCHITECTURE = { key: "general.architecture", type: "string", value: "llama" } as const;

const MODEL: GgufInput = {
  metadata: [ARCHITECTURE],
  tensors: [0, 1].map((i) => ({ name: `blk.${i}.attn_q.weight`, shape: [32, 4], type: 0 })),
};

const open = (name: string, bytes: Uint8Array): Promise<Checkpoint> =>
  openFileSet(memoryFileSet("folder", { [name]: bytes }));

const verdicts = ({ findings }: Checkpoint): string[] => findings.map(({ rule, severity }) => `${severity} ${rule}`);

const joined = (...pieces: readonly Uint8Array[]): Uint8Array => Uint8Array.from(pieces.flatMap((piece) => [...piece]));

describe("what follows the data", () => {
  it("is a note, as readers don't look at it", async () => {
    const checkpoint = await open("a.gguf", joined(writeGguf(MODEL), new Uint8Array(100)));
    expect(verdicts(checkpoint)).toEqual(["note gguf/trailing-data"]);
    expect(checkpoint.findings[0]?.message).toContain("100 bytes");
  });

  it("is told when it is another GGUF file", async () => {
    const parts = splitGguf(MODEL, { tensorsPerPart: 1 }).map((part) => writeGguf(part));
    expect(verdicts(await open("a.gguf", joined(...parts)))).toEqual([
      "error gguf/split-name",
      "error gguf/glued-parts",
    ]);
    const twice = joined(writeGguf(MODEL), writeGguf(MODEL));
    expect(verdicts(await open("a.gguf", twice))).toEqual(["warning gguf/glued-parts"]);
  });
});

describe("a raw piece of a file", () => {
  const whole = writeGguf(MODEL);

  it("is named as such, by its name", async () => {
    const files = memoryFileSet("folder", { "a.gguf.part1of2": whole.subarray(0, whole.length - 200) });
    const first = await readGgufSet(files, "a.gguf.part1of2");
    expect(verdicts(first)).toEqual(["error gguf/truncated-data"]);
    expect(first.findings[0]?.fix).toMatch(/join the pieces/);
  });
});

describe("keys", () => {
  const withKeys = (...keys: string[]): Promise<Checkpoint> =>
    open(
      "a.gguf",
      writeGguf({ ...MODEL, metadata: [ARCHITECTURE, ...keys.map((key) => ({ key, type: "u8", value: 1 }) as const)] }),
    );

  it("of another form than the specification's are one note", async () => {
    const odd = await withKeys("General.Name", "a b", "\u001b[31m", "x..y");
    expect(verdicts(odd)).toEqual(["note gguf/key-form"]);
    expect(odd.findings[0]?.message).toContain(
      '4 metadata keys are not lower-case words joined by dots: "General.Name"',
    );
    expect(odd.findings[0]?.message).not.toContain("\u001b");
    expect(verdicts(await withKeys("gpt-oss.block_count", "general.base_model.0.name", "__proto__"))).toEqual([]);
  });

  it("of the split files of old are named", async () => {
    expect(verdicts(await withKeys("general.split"))).toEqual(["error gguf/legacy-split"]);
  });

  it("lack the quantization version where weights are quantized", async () => {
    const quantized = { ...MODEL, tensors: [{ name: "a", shape: [32, 2], type: 8 }] };
    expect(verdicts(await open("a.gguf", writeGguf(quantized)))).toEqual(["note gguf/quantization-version"]);
    const version = { key: "general.quantization_version", type: "u32", value: 2 } as const;
    const stated = { ...quantized, metadata: [ARCHITECTURE, version] };
    expect(verdicts(await open("a.gguf", writeGguf(stated)))).toEqual([]);
  });
});

describe("a name in a message", () => {
  it("shows nothing that can't be seen, or moves what can", async () => {
    const name = "a\u202eb\u200b\u009b\u{e0041}";
    const tensors = [name, name].map((twice) => ({ name: twice, shape: [4], type: 0 }));
    const { findings } = await open("a.gguf", writeGguf({ ...MODEL, tensors }));
    expect(findings[0]?.message).toBe('tensor "a\\u202eb\\u200b\\u009b\\u{e0041}" stands twice in the table');
  });
});

describe("a vocabulary", () => {
  const tokens = (...value: string[]): Promise<Checkpoint> => {
    const entry = { key: "tokenizer.ggml.tokens", type: "array", elementType: "string", value } as const;
    return open("a.gguf", writeGguf({ ...MODEL, metadata: [ARCHITECTURE, entry] }));
  };

  it("with a token beyond 64 KiB is a warning that names it", async () => {
    const odd = await tokens("a", "b", "x".repeat(65_537), "c");
    expect(verdicts(odd)).toEqual(["warning gguf/long-token"]);
    expect(odd.findings[0]?.message).toContain("token 2 of tokenizer.ggml.tokens is 65,537 bytes long");
    expect(verdicts(await tokens("a", "x".repeat(65_536)))).toEqual([]);
    // Across the windows of the reader.
    const far = await tokens(
      ...Array.from({ length: 30_000 }, (_, i) => `a longer token, number ${i}`),
      "y".repeat(900_000),
    );
    expect(far.findings[0]?.message).toContain("token 30,000 of");
  });
});

describe("a big-endian file", () => {
  it("is named", async () => {
    expect(verdicts(await open("a.gguf", writeGguf({ ...MODEL, byteOrder: "big" })))).toEqual(["note gguf/big-endian"]);
  });
});

describe("a slot that is smaller than its type needs", () => {
  it("is named, with the bytes in front of each row that were left out", async () => {
    // IQ4_KS of ik_llama.cpp: 4 bytes in front of each row.
    const input: GgufInput = {
      ...MODEL,
      tensors: [
        { name: "a", shape: [256, 64], type: 144 },
        { name: "b", shape: [4], type: 0 },
      ],
    };
    const short = writeGguf(input, { offsets: { 1: 64 * 136 } });
    const { findings } = await open("a.gguf", short);
    const found = findings.find(({ rule }) => rule === "gguf/tensor-offset");
    expect(found).toMatchObject({ severity: "error", tensor: "b" });
    expect(found?.message).toContain(
      'The slot of "a" has 8,704 bytes, 256 fewer than IQ4_KS needs: the 4 bytes in front of each row are left out',
    );
  });
});

describe("types of ik_llama.cpp", () => {
  const typed = (type: number): Promise<Checkpoint> =>
    open("a.gguf", writeGguf({ ...MODEL, tensors: [{ name: "a", shape: [256, 2], type }] }));

  it("are a warning for weights, an error for those that no file stores", async () => {
    expect(verdicts(await typed(137))).toContain("warning gguf/fork-type");
    expect(verdicts(await typed(99))).toContain("error gguf/fork-type");
  });
});

describe("a part of a set", () => {
  const parts = (change: (part: GgufInput, index: number) => GgufInput): Record<string, Uint8Array> => {
    const split = splitGguf(MODEL, { tensorsPerPart: 1 });
    return Object.fromEntries(
      split.map((part, i) => [splitFileName("m", i + 1, split.length), writeGguf(change(part, i))]),
    );
  };
  const openSet = (change: (part: GgufInput, index: number) => GgufInput): Promise<Checkpoint> =>
    openFileSet(memoryFileSet("folder", parts(change)));
  const without = (key: string, at: number) => (part: GgufInput, i: number) =>
    i === at ? { ...part, metadata: part.metadata.filter((entry) => entry.key !== key) } : part;

  it("needs its number, and the first its count", async () => {
    expect(verdicts(await openSet(without("split.no", 1)))).toEqual(["error gguf/split-keys"]);
    expect(verdicts(await openSet(without("split.count", 0)))).toEqual(["error gguf/split-keys"]);
  });

  it("has its keys in the types that the loader reads", async () => {
    const wide = await openSet((part) => ({
      ...part,
      metadata: part.metadata.map((entry) =>
        entry.key === "split.count" ? { key: entry.key, type: "u32", value: 2 } : entry,
      ),
    }));
    expect(verdicts(wide)).toEqual(["error gguf/split-keys", "error gguf/split-keys"]);
    expect(wide.findings[0]?.message).toBe("split.count is u32 in place of u16");
  });

  it("alone under another name is refused, whatever its number", async () => {
    const [first, second] = Object.values(parts((part) => part)) as [Uint8Array, Uint8Array];
    expect(verdicts(await open("a.gguf", first))).toEqual(["error gguf/split-name"]);
    expect(verdicts(await open("a.gguf", second))).toEqual(["error gguf/split-name"]);
    const beyond = parts((part) => ({
      ...part,
      metadata: part.metadata.map((entry) =>
        entry.key === "split.no" ? { key: entry.key, type: "u16", value: 7 } : entry,
      ),
    }));
    expect(verdicts(await open("a.gguf", Object.values(beyond)[0] as Uint8Array))).toEqual([
      "error gguf/split-name",
      "error gguf/split-number",
    ]);
  });
});

describe("an ending of the other format", () => {
  it("is an error, and the file is read all the same", async () => {
    const checkpoint = await open("model.safetensors", writeGguf(MODEL));
    expect(checkpoint.format).toBe("gguf");
    expect(verdicts(checkpoint)).toEqual(["error source/wrong-ending"]);
  });
});
