/**
 * A file cut anywhere is called truncated: with how many bytes are missing, and what is lost with them. Both formats, 200 places
 * each, picked by a seed.
 */
import { describe, expect, it } from "vitest";

import {
  type Checkpoint,
  CheckpointError,
  type Finding,
  findingOfError,
  memoryFileSet,
  openFileSet,
  splitFileName,
  splitGguf,
  writeGguf,
  writeIndexJson,
  writeSafetensors,
} from "../src/index.ts";

const CUTS = 200;
const SEED = 20_260_401;

/** Mulberry32: the same places each time. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const LAYERS = 6;

const GGUF_INPUT = {
  metadata: [
    { key: "general.architecture", type: "string", value: "llama" },
    { key: "llama.block_count", type: "u32", value: LAYERS },
    {
      key: "tokenizer.ggml.tokens",
      type: "array",
      elementType: "string",
      value: Array.from({ length: 200 }, (_, i) => `token ${i}`),
    },
  ],
  tensors: [
    { name: "token_embd.weight", shape: [16, 20], type: 1 },
    ...Array.from({ length: LAYERS }, (_, i) =>
      ["attn_q", "attn_k", "ffn_up"].map((part) => ({ name: `blk.${i}.${part}.weight`, shape: [16, 9], type: 0 })),
    ).flat(),
    { name: "output_norm.weight", shape: [9], type: 0 },
  ],
} as const;

const SAFETENSORS_INPUT = [
  { name: "model.embed_tokens.weight", dtype: "F16", shape: [20, 16] },
  ...Array.from({ length: LAYERS }, (_, i) =>
    ["self_attn.q_proj", "self_attn.k_proj", "mlp.up_proj"].map((part) => ({
      name: `model.layers.${i}.${part}.weight`,
      dtype: "F32",
      shape: [9, 16],
    })),
  ).flat(),
  { name: "model.norm.weight", dtype: "F32", shape: [9] },
].map((tensor) => ({
  ...tensor,
  data: new Uint8Array(tensor.shape.reduce((n, dim) => n * dim, tensor.dtype === "F16" ? 2 : 4)),
}));

interface Outcome {
  readonly checkpoint?: Checkpoint;
  readonly findings: readonly Finding[];
}

/** What an audit sees: the findings, and the error that ended the reading as one of them. */
async function opened(name: string, bytes: Uint8Array): Promise<Outcome> {
  try {
    const checkpoint = await openFileSet(memoryFileSet("folder", { [name]: bytes }));
    const { findings, error } = checkpoint;
    return { checkpoint, findings: error ? [...findings, findingOfError(error)] : findings };
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    return { findings: [findingOfError(error)] };
  }
}

const numberAfter = (message: string, pattern: RegExp): number =>
  Number(pattern.exec(message)?.[1]?.replaceAll(",", "") ?? Number.NaN);

const FORMATS = [
  [
    "model.gguf",
    writeGguf(GGUF_INPUT),
    /ends at byte [\d,]+, (?:before its data, which should begin at byte [\d,]+: )?([\d,]+) byte/,
  ],
  ["model.safetensors", writeSafetensors(SAFETENSORS_INPUT), /ends at byte [\d,]+, ([\d,]+) byte/],
] as const;

describe.each(FORMATS)("%s cut at 200 random places", (name, bytes, missingInData) => {
  const random = randomFrom(SEED);
  const cuts = Array.from({ length: CUTS }, () => 1 + Math.floor(random() * (bytes.length - 1)));

  it("is truncated every time, with the bytes that are missing and the tensors that are hit", async () => {
    const { checkpoint: whole } = await opened(name, bytes);
    expect(whole?.findings).toEqual([]);
    const { tensors = [], parts = [] } = whole ?? {};
    const dataStart = parts[0]?.headerBytes ?? 0;
    const dataEnd = Math.max(...tensors.map(({ offset, sizeBytes }) => offset + sizeBytes));
    for (const length of cuts) {
      const { findings } = await opened(name, bytes.subarray(0, length));
      const at = `cut at ${length}`;
      const data = findings.find(({ rule }) => rule.endsWith("/truncated-data"));
      const header = findings.find(({ rule }) => rule === "read/truncated");
      expect([data, header].filter(Boolean), at).toHaveLength(1);
      if (header) {
        expect(length, at).toBeLessThan(dataStart);
        expect(header, at).toMatchObject({ severity: "error", part: name });
        const least = numberAfter(header.message, /[Aa]t least ([\d,]+) byte/);
        expect(least, at).toBeGreaterThan(0);
        expect(least, at).toBeLessThanOrEqual(bytes.length - length);
      } else if (data && length > dataEnd) {
        // Only the padding after the last tensor.
        expect(data, at).toMatchObject({ severity: "note" });
      } else if (data) {
        const hit = tensors.filter(({ offset, sizeBytes }) => offset + sizeBytes > length);
        const message = data.message;
        expect(numberAfter(message, missingInData), message).toBe(dataEnd - length);
        expect(message).toContain(`${hit.length} of ${tensors.length} tensors`);
        expect(message).toContain(JSON.stringify(hit[0]?.name));
        expect(data).toMatchObject({ severity: "error", tensor: hit[0]?.name, offset: length });
        const layers = hit.flatMap((tensor) => /(?:blk|layers)\.(\d+)/.exec(tensor.name)?.[1] ?? []);
        if (layers.length > 1 && layers[0] !== layers.at(-1)) {
          expect(message).toContain(`layers ${layers[0]}-${layers.at(-1)}`);
        }
      }
    }
  });

  it("is truncated at every byte of its header, and says how much of it could be read", async () => {
    const { checkpoint: whole } = await opened(name, bytes);
    const end = whole?.parts[0]?.headerBytes ?? 0;
    for (let length = 9; length < end; length += 3) {
      const { checkpoint, findings } = await opened(name, bytes.subarray(0, length));
      const last = findings.at(-1);
      if (name.endsWith(".gguf") && last?.rule === "gguf/truncated-data") continue; // in the padding before the data
      expect(last, `cut at ${length}`).toMatchObject({ rule: "read/truncated" });
      if (checkpoint && checkpoint.tensors.length > 1) {
        expect(last?.message).toMatch(new RegExp(`\\b${checkpoint.tensors.length} (?:of 20 )?tensors could be read`));
        expect(last?.message).toContain("the data of all");
      }
    }
  });
});

describe("a set without one of its files", () => {
  it("names the shard, how many tensors it holds and the layers lost", async () => {
    const half = SAFETENSORS_INPUT.slice(0, 10);
    const rest = SAFETENSORS_INPUT.slice(10);
    const [one, two] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const;
    const sized = (tensors: typeof half) => tensors.map(({ name, data }) => ({ name, sizeBytes: data.length }));
    const index = writeIndexJson([
      { name: one, tensors: sized(half) },
      { name: two, tensors: sized(rest) },
    ]);
    const files = { [one]: writeSafetensors(half), "model.safetensors.index.json": index };
    const { findings } = await openFileSet(memoryFileSet("folder", files));
    expect(findings).toMatchObject([{ rule: "safetensors/missing-shard", part: two }]);
    expect(findings[0]?.message).toContain("it holds 10 of 20 tensors, of layers 3-5");
  });

  it("says how many tensors a missing part of GGUF holds", async () => {
    const parts = splitGguf(GGUF_INPUT, { tensorsPerPart: 8 });
    const files = Object.fromEntries(
      parts.map((part, i) => [splitFileName("m", i + 1, parts.length), writeGguf(part)] as const).slice(0, 2),
    );
    const { findings } = await openFileSet(memoryFileSet("folder", files));
    expect(findings).toMatchObject([{ rule: "gguf/missing-part", part: splitFileName("m", 3, 3) }]);
    expect(findings[0]?.message).toContain("it holds 4 of 20 tensors; nothing is here of layer 5");
  });
});
