/**
 * Analysis looks at each tensor and each metadata entry a fixed number of times, whatever the file is made of: counted, not timed.
 * Times against sizes are in `npm run bench`.
 */
import {
  assembleSafetensors,
  type Checkpoint,
  memoryFileSet,
  openFileSet,
  writeGguf,
} from "@checkpoint-inspect/parser";
import { describe, expect, it } from "vitest";

import { fitExponent } from "../../../benchmarks/lib.mjs";
import { analyse } from "../src/index.ts";

const SIZES = [250, 500, 1000, 2000];
const MOST_EXPONENT = 1.2;

/** The array, and how often one of its elements was asked for. */
function counted<T>(array: readonly T[]): { readonly array: readonly T[]; reads(): number } {
  let reads = 0;
  const watched = new Proxy(array, {
    get(target, key, receiver) {
      if (typeof key === "string" && /^\d/.test(key)) reads++;
      return Reflect.get(target, key, receiver);
    },
  });
  return { array: watched, reads: () => reads };
}

const open = (name: string, bytes: Uint8Array): Promise<Checkpoint> =>
  openFileSet(memoryFileSet("set", { [name]: bytes }));

type Entries = Parameters<typeof writeGguf>[0]["metadata"];

const gguf = (metadata: Entries, names: readonly string[]) =>
  open("m.gguf", writeGguf({ metadata, tensors: names.map((name) => ({ name, shape: [1], type: 0 })) }));

const list = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));

const architecture = { key: "general.architecture", type: "string", value: "llama" } as const;

function safetensors(n: number, name: (i: number) => string): Promise<Checkpoint> {
  const members = list(n, (i) => `"${name(i)}":{"dtype":"U8","shape":[1],"data_offsets":[${i},${i + 1}]}`);
  return open("m.safetensors", assembleSafetensors(`{${members.join(",")}}`, new Uint8Array(n)));
}

const SHAPES: Readonly<Record<string, (n: number) => Promise<Checkpoint>>> = {
  "layers of GGUF": (n) =>
    gguf(
      [architecture],
      list(n, (i) => `blk.${i}.attn_q.weight`),
    ),
  "experts of GGUF": (n) =>
    gguf(
      [architecture],
      list(n, (i) => `blk.0.ffn_up.${i}.weight`),
    ),
  "one name for all tensors": (n) =>
    gguf(
      [architecture],
      list(n, () => "a.weight"),
    ),
  "metadata entries": (n) =>
    gguf(
      list(n, (i) => ({ key: `a.\u001b${i}`, type: "string", value: "\u202e" })),
      ["a"],
    ),
  "one key for all entries": (n) =>
    gguf(
      list(n, () => architecture),
      ["a"],
    ),
  "layers of safetensors": (n) => safetensors(n, (i) => `model.layers.${i}.mlp.up_proj.weight`),
  "a kind of tensor each": (n) => safetensors(n, (i) => `model.layers.0.a${i}b.weight`),
  "packed experts": (n) =>
    safetensors(n, (i) => `model.layers.0.mlp.experts.${i >> 1}.up_proj.${i % 2 ? "scales" : "qweight"}`),
};

type Work = (checkpoint: Checkpoint) => unknown;

/** How reads of tensors and entries grow with their number. */
async function exponentOf(make: (n: number) => Promise<Checkpoint>, work: Work): Promise<number> {
  const reads = [];
  for (const n of SIZES) {
    const checkpoint = await make(n);
    const tensors = counted(checkpoint.tensors);
    const metadata = counted(checkpoint.metadata);
    work({ ...checkpoint, tensors: tensors.array, metadata: metadata.array });
    reads.push(tensors.reads() + metadata.reads());
  }
  return fitExponent(SIZES, reads);
}

describe("reads of tensors and metadata grow with their number", () => {
  it.each(Object.entries(SHAPES))("%s", async (_, make) => {
    expect(await exponentOf(make, analyse)).toBeLessThan(MOST_EXPONENT);
  });
});

describe("the count tells apart", () => {
  const make = SHAPES["layers of GGUF"] as (n: number) => Promise<Checkpoint>;

  it("one loop", async () => {
    const exponent = await exponentOf(make, ({ tensors }) => tensors.map(({ name }) => name));
    expect(exponent).toBeGreaterThan(0.9);
    expect(exponent).toBeLessThan(MOST_EXPONENT);
  });

  it("a loop in a loop", async () => {
    const pairs: Work = ({ tensors }) =>
      tensors.filter((tensor) => tensors.every(({ name }) => name !== `${tensor.name}!`));
    expect(await exponentOf(make, pairs)).toBeGreaterThan(MOST_EXPONENT);
  });

  it("a loop in a loop behind the analysis", async () => {
    const pairs: Work = (checkpoint) => {
      analyse(checkpoint);
      for (const { name } of checkpoint.tensors) checkpoint.tensors.find((other) => other.name === `${name}!`);
    };
    expect(await exponentOf(make, pairs)).toBeGreaterThan(MOST_EXPONENT);
  });
});
